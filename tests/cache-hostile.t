#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Cached indexes that are torn, foreign or hostile, with right checksums where
# that helps them, and places that are not safe for one: no wrong message is
# sent, and none is deleted.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Cache;
use Dewey;
use POSIX ();
use Test::More;

put($mail);
my @ids = (talk({ cache => 'none' }, 'UIDL'))[0][1] =~ /^\d+ (\S+)\r$/mg;
is scalar @ids, $count, 'the true ids';
my $whole = do { put($mail); forget(); cached(); Dewey::read_file($file) };

my %known = map { $_ => $_ } @ids;
my (@head, @records);

# ---- Every wrong index: no wrong message is sent, none is deleted.

my %without;		# a mailbox that lacks one message -> which
for my $i (0 .. $count - 1) {
	my @left = @stored;
	splice @left, $i, 1;
	$without{ join '', @left } //= $i;
}

# ${restore} makes the state.  Everything may be refused, but RETR sends a
# message that is there, and the one with the id that was shown, and DELE deletes one.
sub harmless {
	my ($name, $restore, @which) = @_;
	my @wrong;
	$restore->();
	my (undef, undef, $uidl, @got) = talk({}, @look,
	    map { "RETR $_" } 1 .. $count + 1);
	my @shown = ($uidl->[1] // '') =~ /^\d+ (\S+)\r$/mg;
	my $means = sub {
		my ($i, $is) = @_;
		my $id = $shown[$i - 1] // '';
		return 1 if !exists $known{$id};
		return $known{$id} =~ s/-\d+\z//r eq $ids[$is] =~ s/-\d+\z//r;
	};
	for my $i (1 .. @got) {
		my ($status, $body) = @{ $got[$i - 1] };
		next if $status !~ /^\+OK/;
		my ($is) = grep { $wire[$_] eq unstuffed($body // '') }
		    0 .. $#wire;
		push @wrong, "RETR $i: $status" if !defined $is;
		push @wrong, "RETR $i: not the one with that id"
		    if defined $is && !$means->($i, $is);
	}
	for my $k (@which) {
		for my $ask ([ 'UIDL' ], $ENV{DEWEY_LONG} || @which > 1 ? [] :
		    ()) {
			$restore->();
			my @said = talk({}, @$ask, "DELE $k", 'QUIT');
			my $left = Dewey::read_file($box);
			my ($dele, $quit) = map { $_->[0] } @said[-2, -1];
			next if $left eq $mail &&
			    ($quit !~ /^\+OK/ || $dele !~ /^\+OK/);
			my $gone = $without{$left};
			push @wrong, "DELE $k: $quit: " . (defined $gone ?
			    "$gone went" : length($mail) - length($left) .
			    ' octets went')
			    if !defined $gone || !$means->($k, $gone);
		}
	}
	ok !@wrong, $name or diag join "\n", grep { defined } @wrong[0 .. 4];
}

my @samples = (1, 5, 20, $count);
put($mail);
forget();
cached();
@head = head();
@records = records();
my $true = Dewey::read_file($file);
my $at_stamp = Dewey::read_file($stamps);
sub restore {
	my ($index) = @_;
	Dewey::write_file($box, $mail);
	Dewey::write_file($stamps, $at_stamp);
	unlink $file;
	$index->();
}

harmless('a true index', sub { restore(sub {
	Dewey::write_file($file, $true) }) }, @samples);

# Each number of the head, with a right checksum.
for my $field (@fields[0 .. 15]) {
	my $i = $at{$field};
	for my $value (0, 1, $head[$i] + 1, $head[$i] ? $head[$i] - 1 : 2,
	    $ENV{DEWEY_LONG} ? ($head[$i] * 2 + 8, 2 ** 63) : (), ~0) {
		next if $value == $head[$i];
		my @forged = @head;
		$forged[$i] = $value;
		harmless("head: $field is $value", sub { restore(sub {
			forge(\@forged, \@records) }) }, $ENV{DEWEY_LONG} ? @samples : 5);
	}
}
# The head lies and the records are torn: what is found instead is not what the
# client was told of, and it is not served later either.
{
	my @forged = @head;
	$forged[ $at{octets} ]--;
	restore(sub { forge(\@forged, \@records, 1) });
	my @said = talk({}, 'STAT', 'LIST', 'LIST', 'DELE 1', 'RETR 1', 'STAT');
	is join(' ', map { $_->[0] =~ /^([+-]\w+)/ } @said[-6 .. -1]),
	    '+OK -ERR -ERR -ERR -ERR +OK', 'a lie, and no records: no list';
	is $said[-1][0], $said[-6][0], '... and STAT says what it said';
}
# Each number of a record.
for my $k (0, 4, $ENV{DEWEY_LONG} ? 19 : (), $count - 1) {
	for my $c (0 .. $#columns) {
		my $now = $records[$k][$c];
		my @values = $columns[$c] eq 'id' ? ("\0" x 18,
		    $records[ $k ? 0 : 1 ][4], $lie) :
		    (0, 1, $now + 1, $now ? $now - 1 : 3,
		    $records[ $k ? $k - 1 : 1 ][$c],
		    $c < 2 ? (~0, length $mail) : 255);
		for my $value (@values) {
			next if $value eq $now;
			my @forged = map { [ @$_ ] } @records;
			$forged[$k][$c] = $value;
			my $shown = $columns[$c] eq 'id' ? unpack 'H*', $value : $value;
			harmless("record $k: $columns[$c] is $shown",
			    sub { restore(sub { forge(\@head, \@forged) }) },
			    $k + 1);
		}
	}
}
# Records that are missing, doubled, exchanged, of another order.
my %orders = (
	'one is missing' => [ 0 .. 3, 5 .. $count - 1 ],
	'the first is missing' => [ 1 .. $count - 1 ],
	'the last is missing' => [ 0 .. $count - 2 ],
	'one is there twice' => [ 0 .. 4, 4 .. $count - 1 ],
	'two have changed places' => [ 0 .. 3, 5, 4, 6 .. $count - 1 ],
	'backwards' => [ reverse 0 .. $count - 1 ],
);
for my $name (sort keys %orders) {
	my @forged = @head;
	$forged[ $at{count} ] = $forged[ $at{sure} ] = @{ $orders{$name} };
	harmless("records: $name", sub { restore(sub {
		forge(\@forged, [ @records[ @{ $orders{$name} } ] ]) }) },
	    1, 4, 5, 6, $count - 1);
}
# Ids and octets of others where no id was computed.
{
	my @forged = map { [ @$_ ] } @records;
	$_->[2] = 0 for @forged;
	$forged[ $_ ][0] += 1 for 3 .. 6;
	harmless('no ids and wrong places', sub { restore(sub {
		forge(\@head, \@forged) }) }, 1, 4, 5, 8);
}

# ---- What is not whole.  The lie would show.
sub not_believed {
	my ($name, $octets) = @_;
	restore(sub { Dewey::write_file($file, $octets) });
	my $want = truth();
	my $got = cached();
	ok $got eq $want, "$name: not believed"
	    or diag substr $got, 0, 300;
}
restore(sub { Dewey::write_file($file, $true) });
poison(3);
my $lying = Dewey::read_file($file);
for my $n (0, 1, 7, 8, 100, 143, 144, 4095, 4096, 4097, 4135,
    length($lying) - 1) {
	not_believed("cut to $n octets", substr $lying, 0, $n);
}
not_believed('the head is all NUL', "\0" x RECORDS_AT .
    substr $lying, RECORDS_AT);
not_believed('all NUL', "\0" x length $lying);
not_believed('the records are all NUL', substr($lying, 0, RECORDS_AT) .
    "\0" x (length($lying) - RECORDS_AT));
not_believed('the head of one, the records of another',
    substr($true, 0, RECORDS_AT) . substr $lying, RECORDS_AT);
srand 42;
{
	my @bits = map { int rand 144 * 8 } 1 .. 20;
	push @bits, map { RECORDS_AT * 8 +
	    int rand 8 * (length($lying) - RECORDS_AT) } 1 .. 20;
	my @wrong;
	for my $bit (@bits) {
		my $octets = $lying;
		vec($octets, $bit, 1) ^= 1;
		restore(sub { Dewey::write_file($file, $octets) });
		push @wrong, $bit if believed();
	}
	ok !@wrong, 'one bit is wrong, forty times: not believed'
	    or diag "bits @wrong";
}
for my $field (qw(boot0 boot1 dev ino mtime_s mtime_ns ctime_s ctime_ns)) {
	restore(sub { Dewey::write_file($file, $true) });
	poison(3, $field => $head[ $at{$field} ] ^ 1);
	my $want = truth();
	ok cached() eq $want, "another $field: not believed";
}
{
	restore(sub { Dewey::write_file($file, $lying) });
	touch(-1000);
	ok !believed(), 'the mailbox is of the future: not believed';
	my $then = (unpack 'q<5', Dewey::read_file($stamps))[0];
	poison(3, mtime_s => $then, ctime_s => $then, settled => 1,
	    octets => 4711);
	unlike text({}, 'STAT'), qr/ 4711$/m,
	    '... nor an index that says so, too';
	# What was cached then is not believed later, either.
	cached();
	poison(3);
	Dewey::write_file($stamps, $at_stamp);
	ok !believed(), 'cached in the future: not believed';
	restore(sub { Dewey::write_file($file, $lying) });
	ok believed(), '(otherwise it is)';
}

# ---- Something else in its place, and places that are not safe.
sub other_place {
	my ($name, $make, $undo) = @_;
	restore(sub { $make->() });
	my $want = truth();
	ok cached() eq $want, $name;
	$undo ? $undo->() : unlink $file;
}
sub lay { Dewey::write_file($file, $lying) }
other_place('a symbolic link', sub {
	Dewey::write_file("$dir/elsewhere", $lying);
	symlink "$dir/elsewhere", $file or die "$file: $!";
});
is Dewey::read_file("$dir/elsewhere"), $lying, '... is not written through';
other_place('a hard link', sub {
	link "$dir/elsewhere", $file or die "$file: $!";
});
is Dewey::read_file("$dir/elsewhere"), $lying, '... is not written, either';
other_place('a FIFO', sub { POSIX::mkfifo($file, 0600); Dewey::give($file) });
other_place('a directory', sub { mkdir $file, 0700; Dewey::give($file) },
    sub { rmdir $file });
other_place('open for others to read', sub { lay(); chmod 0644, $file });
other_place('open for others to write', sub { lay(); chmod 0602, $file });
SKIP: {
	skip 'this needs root', 1 if $>;
	other_place('of another owner', sub { lay();
	    chown 1, 1, $file; chmod 0666, $file });
}
for my $mode (0777, 0770, 0722) {
	other_place(sprintf('the directory has mode %o', $mode),
	    sub { lay(); chmod $mode, $store },
	    sub { chmod 0700, $store; unlink $file });
}
other_place('the directory cannot be entered',
    sub { lay(); chmod 0000, $store },
    sub { chmod 0700, $store; unlink $file });
{
	restore(sub {});
	my $want = truth();
	ok text({ cache => "$dir/new" }, @look) eq $want,
	    'a directory that is not there';
	is sprintf('%o', (stat "$dir/new")[2] & 07777), '700',
	    '... is made for the user alone';
	ok text({ cache => "$dir/a/b/c/d" }, @look) eq $want,
	    'one that cannot be made';
	ok text({ cache => $box }, @look) eq $want, 'one that is a file';
	ok text({ cache => "$dir/" . 'x' x 5000 }, @look) eq $want,
	    'a name that is too long';
	symlink $store, "$dir/link" or die "link: $!";
	lay();
	ok text({ cache => "$dir/link" }, 'UIDL') =~ /\Q$told\E/,
	    'a directory behind a symbolic link is taken';
	SKIP: {
		skip 'no prlimit', 2 if system
		    'prlimit --version >/dev/null 2>&1';
		for my $full (0, 100, 4200) {
			unlink $file;
			ok text({ wrapper => [ 'prlimit', "--fsize=$full" ] },
			    @look) eq $want,
			    "no more than $full octets can be written";
			ok !believed(), '... and nothing wrong stays';
		}
	}
}

done_testing;
