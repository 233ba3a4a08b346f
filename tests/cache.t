#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# The cached index: what it answers is what a scan answers, and whatever it says,
# no wrong message is sent and none is deleted.  The shim of tests/crash/shim.c
# holds the mailbox's time stamps, so nothing waits for them to settle, and
# octets can change under stamps that do not.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Crash;
use Dewey;
use Test::More;

use constant {
	HOLD => 2,			# SHIM_STAMPS_HOLD
	RECORDS_AT => 4096,
	RECORD => 'Q< Q< L< a18 C C',	# struct maildrop_message
	RECORD_OCTETS => 40,
};
my @fields = qw(magic dev ino size mtime_s mtime_ns ctime_s ctime_ns boot0
    boot1 count sure octets begin end settled hash checksum);
my %at = map { $fields[$_] => $_ } 0 .. $#fields;
my @columns = qw(offset octets copy id separator marked);

plan skip_all => 'the shim was not built' if !Crash::shim();

my $dir = Dewey::tmpdir();
my ($box, $stamps, $store) = ("$dir/box", "$dir/stamps", "$dir/cache");
my $user = getpwuid Dewey::uid();
my $file = "$store/$user";
mkdir $store, 0700 or die "$store: $!";
Dewey::give($store);

# ---- The mailbox and its stamps

my $seconds = time - 100_000;

# The mailbox was changed ${age} seconds ago; without: a second after the change
# before, long ago.
sub touch {
	my ($age) = @_;
	my $then = defined $age ? time - $age : ++$seconds;
	Dewey::write_file($stamps, pack 'q<5', HOLD, $then, 5, 0, 0);
}

# In place, as a mail reader does it.
sub put {
	my ($octets, $keep) = @_;
	Dewey::write_file($box, $octets);
	touch() unless $keep;
}

sub forget {
	unlink $file;
}

# ---- Sessions

my %multi = map { $_ => 1 } qw(UIDL LIST RETR TOP);

sub begin {
	my (%o) = @_;
	my $c = Dewey->start('--preauth', '--host=dewey.example',
	    "--mailbox=$box", '--log=none', '--locks=fcntl',
	    '--cache-dir=' . ($o{cache} // $store), $o{live} ? () :
	    '--sandbox=none', { wrapper => $o{wrapper}, env => $o{live} ? {} :
	    { LD_PRELOAD => Crash::shim(), SHIM_MAILBOX => $box, SHIM_FAST => 1,
	    SHIM_STAMPS => $stamps, map { ("SHIM_$_" => $o{shim}{$_}) }
	    keys %{ $o{shim} // {} } } });
	$c->greeting;
	return $c;
}

# The answers to ${commands}, as [status, body or undef] each.
sub answers {
	my ($c, @commands) = @_;
	$c->send(join '', map { "$_\r\n" } @commands);
	return map {
		my ($verb, $one) = split ' ';
		my $status = $c->line;
		my $body;
		$body = $c->body if ($status // '') =~ /^\+OK/ &&
		    $multi{$verb} && !($one && $verb =~ /^(?:UIDL|LIST)$/);
		[ $status // 'nothing', $body ];
	} @commands;
}

sub talk {
	my ($o, @commands) = @_;
	my $c = begin(%$o);
	my @got = answers($c, @commands);
	$c->close_write;
	my $code = $c->exit_code;
	die "exit code $code\n" . $c->dialogue if $code > 127;
	return @got;
}

# The same as text, to be compared.
sub text {
	my ($o, @commands) = @_;
	return join '', map { "$_->[0]\n" . ($_->[1] // '') }
	    talk($o, @commands);
}

my @look = qw(STAT LIST UIDL);
sub truth { return text({ cache => 'none' }, @_ ? @_ : @look) }
sub cached { return text({}, @_ ? @_ : @look) }

sub same {
	my ($name, @commands) = @_;
	my ($want, $got) = (truth(@commands), cached(@commands));
	return pass($name) if $want eq $got;
	return is substr($got, 0, 300), substr($want, 0, 300), $name;
}

# ---- The cached index itself

# plan_hash of src/plan.c.
sub mix {
	use integer;
	my ($h, $word) = @_;
	$h = ($h ^ $word) * -7046029254386353131;	# as 2^64 - that
	return $h ^ ($h >> 29 & (1 << 35) - 1);
}

sub hash {
	use integer;
	my ($seed, $octets) = @_;
	my $h = mix($seed, length $octets);
	my @lane = map { $h + $_ } 0 .. 3;
	my $many = length($octets) / 32 * 32;
	my @words = unpack 'q<*', substr $octets, 0, $many;
	for (my $i = 0; $i < @words; $i++) {
		my $k = $i & 3;
		$lane[$k] = mix($lane[$k], $words[$i]);
	}
	my $rest = substr $octets, $many;
	my $last = $lane[0];
	$last = mix($last, $lane[$_]) for 1 .. 3;
	while (length $rest >= 8) {
		$last = mix($last, unpack 'q<', substr $rest, 0, 8, '');
	}
	$rest = unpack 'q<', $rest . "\0" x (8 - length $rest);
	return mix(mix($last, $rest), $rest);
}

sub head { return unpack 'Q<18', Dewey::read_file($file) }
sub records {
	my $octets = substr Dewey::read_file($file), RECORDS_AT;
	return map { [ unpack RECORD, $_ ] } unpack '(a' . RECORD_OCTETS . ')*',
	    $octets;
}

# Writes a whole index with right checksums.
sub forge {
	my ($head, $records, $hash) = @_;
	my @head = @$head;
	my $octets = join '', map { pack RECORD, @$_ } @$records;
	$head[ $at{hash} ] = $hash // unpack 'Q<', pack 'q<', hash(0, $octets);
	my $begin = pack 'Q<17', @head[0 .. 16];
	$begin .= pack 'q<', hash(0, $begin);
	Dewey::write_file($file, $begin . "\0" x (RECORDS_AT - length $begin)
	    . $octets);
}

# Lets the index tell a lie that shows where it is believed: another id of
# message ${n}.
my $lie = 'LIELIELIELIELIELIE';
my $told = 'TElFTElFTElFTElFTElFTElF';
sub poison {
	my ($n, %head) = @_;
	my @head = head();
	my @records = records();
	$records[ $n - 1 ][3] = $lie;
	$head[ $at{$_} ] = $head{$_} for keys %head;
	forge(\@head, \@records);
}

sub believed { return cached('UIDL') =~ /\Q$told\E/ }

# ---- A mailbox of all kinds of messages

sub from { return "From a\@b Mon Jan  1 00:00:00 2024\n" }
my @stored = map { from() . $_ } (
	"A: 1\n\nfirst\n\n",
	"B: 2\n\n.dot\n..dots\n.\n\n",
	"C: 3\r\n\r\nwith CR\r\n\r\n",
	"D: 4\n\n\n",
	"E: 5\n\ntwin\n\n", "E: 5\n\ntwin\n\n",
	"F: 6\n\nto\nFrom nobody\n>From x\@y Mon Jan  1 00:00:00 2024\n\n",
	(map { "G: $_\n\n" . "line $_ of many\n" x (90 + $_) . "\n" } 1 .. 40),
	"H: 1\n\nthe last\n\n",
);
my $mail = join '', @stored;
my @wire = map { s/\A[^\n]*\n//r =~ s/\r?\n\z//r =~ s/\r?\n/\r\n/gr } @stored;
my $count = @stored;
die 'too small' if length $mail < 66_000;

sub unstuffed { return $_[0] =~ s/(\A|\r\n)\./$1/gr }

# ---- Unchanged: the answers are those of a scan.
put($mail);
forget();
my @every = (@look, map { ("RETR $_", "TOP $_ 1", "UIDL $_", "LIST $_") }
    1 .. $count, $count + 1);
same('the first session answers as without a cache', @every);
is((stat $file)[2] & 07777, 0600, 'the index is the user\'s alone');
my @head = head();
my @records = records();
is unpack('q<', pack 'Q<', $head[ $at{hash} ]),
    hash(0, substr Dewey::read_file($file), RECORDS_AT),
    'the checksum of the records is the one that this test computes';
is unpack('q<', pack 'Q<', $head[ $at{checksum} ]),
    hash(0, substr Dewey::read_file($file), 0, 17 * 8),
    'the checksum of the head, too';
is scalar @records, $count, 'one record a message';
same('the second session, too', @every);
is talk({}, @every) + 0, @every, 'a session after it';
is join(' ', map { $_->[0] } talk({}, 'RETR 1')), '+OK ' .
    length($wire[0]) . ' octets', 'RETR alone';
for my $verb (qw(STAT LIST UIDL)) {
	same("$verb alone", $verb);
}
poison(3);
ok believed(), 'what is cached is believed: no id is computed twice';
my @ids = (talk({ cache => 'none' }, 'UIDL'))[0][1] =~ /^\d+ (\S+)\r$/mg;
is scalar @ids, $count, 'the true ids';
my $whole = do { put($mail); forget(); cached(); Dewey::read_file($file) };

# How often the mailbox is read is what it costs.
sub reads {
	my (@commands) = @_;
	unlink "$dir/record";
	talk({ shim => { KINDS => 'p', RECORD => "$dir/record" } }, @commands);
	return grep { $_->{kind} eq 'p' && $_->{file} eq 'm' }
	    Crash::record("$dir/record");
}
is scalar(reads(@look)), 0, 'unchanged: not an octet of the mailbox is read';
my $more = join '', map { from() . "N: $_\n\nnew\n\n" } 1 .. 3;
put($mail . $more);
my @read = reads('STAT');
cmp_ok scalar @read, '>', 0, 'appended: something is read';
is scalar(reads(@look)), 1,
    'then once more, for the ids of what was appended';
is scalar(reads(@look)), 0, 'and then nothing';

# ---- Every wrong index: no wrong message is sent, none is deleted.

my %without;		# a mailbox that lacks one message -> which
for my $i (0 .. $count - 1) {
	my @left = @stored;
	splice @left, $i, 1;
	$without{ join '', @left } //= $i;
}

# ${restore} makes the state; it is one in which everything may be refused.
sub harmless {
	my ($name, $restore, $now, @which) = @_;
	my @wrong;
	$restore->();
	my ($stat, $list, $uidl) = talk({}, @look);
	my @shown = ($uidl->[1] // '') =~ /^\d+ (\S+)\r$/mg;
	my $n = () = ($list->[1] // '') =~ /\n/g;
	$restore->();
	my @got = talk({}, 'UIDL', map { "RETR $_" } 1 .. $n);
	for my $i (1 .. $#got) {
		my ($status, $body) = @{ $got[$i] };
		next if $status =~ /^-ERR \[SYS\/TEMP\]/;
		next if $status eq 'nothing';	# the session has ended
		my ($is) = grep { $wire[$_] eq unstuffed($body // '') }
		    0 .. $#wire;
		my $id = $shown[$i - 1] // '';
		push @wrong, "RETR $i: $status" if !defined $is;
		push @wrong, "RETR $i: not message $id" if defined $is
		    && grep({ $_ eq $id } @ids) && $ids[$is] !~
		    /^\Q@{[ substr $id, 0, 24 ]}\E/;
	}
	for my $k (grep { $_ <= $n } @which) {
		for my $ask ([ 'UIDL' ], []) {
			$restore->();
			my @said = talk({}, @$ask, "DELE $k", 'QUIT');
			my $left = Dewey::read_file($box);
			my $quit = $said[-1][0];
			next if $left eq $now && $quit !~ /^\+OK/;
			my $gone = $now eq $mail ? $without{$left} : undef;
			my $id = $shown[$k - 1] // '';
			push @wrong, "DELE $k: $quit: " . (defined $gone ?
			    "$gone went" : length($now) - length($left) .
			    ' octets went') if !defined $gone ||
			    (grep({ $_ eq $id } @ids) &&
			    $ids[$gone] !~ /^\Q@{[ substr $id, 0, 24 ]}\E/);
		}
	}
	ok !@wrong, $name or diag join "\n", @wrong[0 .. ($#wrong > 4 ? 4 :
	    $#wrong)];
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
	Dewey::write_file($file, $true) }) }, $mail, @samples);

# Each number of the head, with a right checksum.
for my $field (@fields[0 .. 15]) {
	my $i = $at{$field};
	for my $value (0, 1, $head[$i] + 1, $head[$i] ? $head[$i] - 1 : 2,
	    $head[$i] * 2 + 8, 2 ** 63, ~0) {
		next if $value == $head[$i];
		my @forged = @head;
		$forged[$i] = $value;
		harmless("head: $field is $value", sub { restore(sub {
			forge(\@forged, \@records) }) }, $mail,
		    $ENV{DEWEY_LONG} ? @samples : 5);
	}
}
# Each number of a record.
for my $k (0, 4, 19, $count - 1) {
	for my $c (0 .. $#columns) {
		my $now = $records[$k][$c];
		my @values = $columns[$c] eq 'id' ? ("\0" x 18,
		    $records[ $k ? 0 : 1 ][3], $lie) :
		    (0, 1, $now + 1, $now ? $now - 1 : 3,
		    $records[ $k ? $k - 1 : 1 ][$c],
		    $c < 2 ? (~0, length $mail) : 255);
		for my $value (@values) {
			next if $value eq $now;
			my @forged = map { [ @$_ ] } @records;
			$forged[$k][$c] = $value;
			my $shown = $c == 3 ? unpack 'H*', $value : $value;
			harmless("record $k: $columns[$c] is $shown",
			    sub { restore(sub { forge(\@head, \@forged) }) },
			    $mail, $k + 1);
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
	    $mail, 1, 4, 5, 6, $count - 1);
}
# Ids and octets of others where no id was computed.
{
	my @forged = map { [ @$_ ] } @records;
	$_->[2] = 0 for @forged;
	$forged[ $_ ][0] += 1 for 3 .. 6;
	harmless('no ids and wrong places', sub { restore(sub {
		forge(\@head, \@forged) }) }, $mail, 1, 4, 5, 8);
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
	# What was cached then is not believed later, either.
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

# ---- Tail scan equals full scan at every split.
my $base = join '', @stored;
my @tails = (
	from() . "I: 1\n\nbody\n\n" . from() . "J: 2\n\n" . from() .
	    "K: 3\n\nwith no end",
	"more of the last\n\n" . from() . "L: 1\r\n\r\nCR\r\n\r\n" . from() .
	    "M: 2\n\nFrom nowhere\n\nFrom a b\n\n\n\n" . from() . "\n\n",
	"\r\n" . from() . "N: 1\n\n\r\n\r\n" . from() . "O\n\n>From x\n\nFro",
);
for my $t (0 .. $#tails) {
	my $tail = $tails[$t];
	my $start = length($base) - 30;
	my $all = $base . $tail;
	my $full;
	my (@wrong, %want);
	my $slow = Dewey::slow();
	# Octet by octet, each session going on from the last one's index.
	put(substr $all, 0, $start);
	forget();
	cached();
	my $believed = 0;
	for (my $n = $start + 1; $n <= length $all; $n += $slow ? 17 : 1) {
		put(substr($all, 0, $n), 1);
		# Some are settled, some are not.
		touch($n % 3 ? () : 1);
		$want{$n} = truth();
		my $got = cached();
		push @wrong, $n if $got ne $want{$n};
		$got = cached();
		push @wrong, "$n again" if $got ne $want{$n} && $n % 4 == 0;
	}
	ok !@wrong, "tail $t, grown octet by octet" or diag "at @wrong";
	@wrong = ();
	$full = $want{ (sort { $b <=> $a } keys %want)[0] };
	put($all);
	$full = truth();
	for (my $n = $start; $n < length $all; $n += $slow ? 17 : 1) {
		put(substr $all, 0, $n);
		forget();
		cached('STAT');
		put($all);
		push @wrong, $n if cached() ne $full;
	}
	ok !@wrong, "tail $t, grown at once from every split"
	    or diag "at @wrong";
}
# The tail is all that is looked at: what is known stays known.
put($mail);
forget();
cached();
poison(3);
put($mail . $more);
ok believed(), 'appended: the ids that were known are not computed again';
is scalar(() = truth('UIDL') =~ /\n/g), $count + 4, '(and more are there)';

# ---- Marks are not stored.
put($mail);
forget();
talk({}, 'STAT');
talk({}, 'DELE 1', 'DELE 7', 'UIDL');
put($mail . $more);
same('after a session that marked and went: answers', @look);
{
	my $octets = substr Dewey::read_file($file), RECORDS_AT;
	put($mail . $more . $more);
	talk({}, 'STAT');
	is hash(0, substr Dewey::read_file($file), RECORDS_AT), unpack('q<',
	    pack 'Q<', (head())[ $at{hash} ]), '... and the index is whole';
}
put($mail);
forget();
talk({}, 'STAT');
talk({}, 'DELE 1', 'UIDL');
put($mail . $more);
talk({}, 'STAT');
is hash(0, substr Dewey::read_file($file), RECORDS_AT), unpack('q<',
    pack 'Q<', (head())[ $at{hash} ]),
    'UIDL with a mark, then mail: the index is whole';

# ---- UPDATE, and what is left of the index.
for my $marks ([ 1 ], [ 5 ], [ $count ], [ 1, $count ], [ 2 .. $count ],
    [ 1 .. 40 ], [ 1 .. $count ]) {
	my %gone = map { $_ => 1 } @$marks;
	my $left = join '', @stored[ grep { !$gone{ $_ + 1 } } 0 .. $#stored ];
	my $name = @$marks < 3 ? "delete @$marks" : 'delete ' . @$marks .
	    " from $marks->[0]";
	for my $ids (0, 1) {
		put($mail);
		forget();
		$ids ? cached() : talk({}, 'STAT');
		my @said = talk({}, (map { "DELE $_" } @$marks), 'QUIT');
		is Dewey::read_file($box), $left, "$name, ids $ids: done";
		touch();
		same("$name, ids $ids: the next session");
		put($left . $mail);
		same("$name, ids $ids: after much mail");
		same("$name, ids $ids: and again", @look, 'RETR 1');
	}
}
# All messages have the same length: the old places are places still.
{
	my @even = map { from() . sprintf("E: %03d\n\n", $_) . "even\n" x 300
	    . "\n" } 1 .. 60;
	for my $marks ([ 1 ], [ 1 .. 30 ], [ 1 .. 55 ], [ 1 .. 60 ], [ 60 ],
	    [ 30 ]) {
		put(join '', @even[ 0 .. 49 ]);
		forget();
		cached();
		talk({}, (map { "DELE $_" } grep { $_ <= 50 } @$marks), 'QUIT');
		my $left = Dewey::read_file($box);
		put($left . join '', @even[ 50 .. 59 ], @even);
		my $n = 50 - grep { $_ <= 50 } @$marks;
		same("even messages, " . (50 - $n) . " from $marks->[0] went, "
		    . 'more came', @look, 'RETR 1', 'RETR 40');
	}
}

# ---- Octets change and the index does not know it: nothing wrong is sent,
# nothing wrong is deleted.  ${edit} keeps the length; ${ids}: they are known.
sub edited {
	my ($name, $edit, $n, %o) = @_;
	for my $ids (0, 1) {
		for my $how ('under the same stamps', 'then mail came') {
			my $now = $mail;
			$edit->($now) or die "$name: no edit";
			length $now == length $mail or die "$name: length";
			my $state = sub {
				put($mail);
				forget();
				$ids ? cached() : talk({}, 'STAT');
				if ($how =~ /mail/) {
					put($now . $more);
				} else {
					put($now, 1);
				}
			};
			my $after = $how =~ /mail/ ? $now . $more : $now;
			$state->();
			my $what = "$name, ids $ids, $how";
			my ($retr, $top) = talk({}, "RETR $n", "TOP $n 0");
			if ($ids || $o{bounds}) {
				like $retr->[0], qr/^-ERR \[SYS\/TEMP\]/,
				    "$what: RETR";
				like $top->[0], qr/^-ERR \[SYS\/TEMP\]/,
				    "$what: TOP";
			}
			for my $ask ([], [ 'UIDL' ]) {
				next unless $ids || $o{bounds};
				$state->();
				my @said = talk({}, @$ask, "DELE $n", 'QUIT');
				is Dewey::read_file($box), $after,
				    "$what: DELE, @$ask: nothing went";
				like $said[-1][0], qr/^-ERR \[SYS\/TEMP\]/,
				    "$what: DELE, @$ask: QUIT";
			}
			# Others go.
			$state->();
			my @said = talk({}, 'DELE 2', 'QUIT');
			my $want = $after;
			substr $want, length $stored[0], length $stored[1], '';
			is Dewey::read_file($box), $want,
			    "$what: another one goes";
		}
	}
}
edited('words of a body', sub { $_[0] =~ s/twin/TWIN/ }, 5);
edited('a line less', sub { $_[0] =~ s/line 9 of many\nline/line 9 of many line/ },
    16, bounds => 1);
edited('a From_ line less', sub { $_[0] =~
    s/From (a\@b [^\n]*\nD: 4)/from $1/ }, 4, bounds => 1);

# What begins behind no empty line is no message.
for my $ids (0, 1) {
	for my $how ('under the same stamps', 'then mail came') {
		my $now = $mail;
		$now =~ s/(line 10 of many)\n\n/$1X\n/ or die;
		my $after = $now . ($how =~ /mail/ ? $more : '');
		my $state = sub {
			put($mail);
			forget();
			$ids ? cached() : talk({}, 'STAT');
			put($after, $how !~ /mail/);
		};
		my $what = "no empty line before message 18, ids $ids, $how";
		$state->();
		my ($retr) = talk({}, 'RETR 18');
		like $retr->[0], qr/^-ERR \[SYS\/TEMP\]/, "$what: RETR";
		$state->();
		my @said = talk({}, 'DELE 18', 'QUIT');
		is Dewey::read_file($box), $after, "$what: DELE: nothing went";
		like $said[-1][0], qr/^-ERR \[SYS\/TEMP\]/, "$what: QUIT";
	}
}

# ---- Rewritten, restored, copied: another file or another size.
for my $case (
	[ 'shorter', join('', @stored[ 1 .. $#stored ]) ],
	[ 'of another order', join('', reverse @stored) ],
	[ 'of the same size', $mail =~ s/twin/TWIN/r ],
	[ 'longer, and another', join('', map { from() .
	    "Z: $_\n\n" . "other\n" x 400 . "\n" } 1 .. 40) ],
) {
	my ($name, $octets) = @$case;
	put($mail);
	forget();
	cached();
	put($octets);
	same("rewritten, $name", @look, map { "RETR $_" } 1 .. 10);
	same("rewritten, $name: again", @look, map { "RETR $_" } 1 .. 10);
	put($mail);
	forget();
	cached();
	Dewey::write_file("$box.new", $octets);
	rename "$box.new", $box or die "rename: $!";
	# Under the very stamps of the other one.
	same("replaced, $name, the same stamps", @look);
	touch();
	same("replaced, $name", @look, map { "RETR $_" } 1 .. 10);
}
# The index of another mailbox, of the same content but for a word.
put($mail);
forget();
cached();
poison(3);
{
	my $other = Dewey::read_file($file);
	Dewey::write_file("$box.new", $mail);
	rename "$box.new", $box or die "rename: $!";
	Dewey::write_file($file, $other);
	ok !believed(), 'the index of another file: not believed';
}

# ---- The real clock: no stamp is bent.  One wait for all.
{
	unlink $file;
	Dewey::write_file($box, $mail);
	my %live = (live => 1);
	talk(\%live, 'UIDL');
	poison(3);
	my @seen = talk(\%live, 'UIDL');
	unlike $seen[0][1], qr/\Q$told\E/, 'changed just now: not believed';
	# Same length, time stamp put back, at once.
	my ($atime, $mtime) = (stat $box)[8, 9];
	talk(\%live, 'UIDL');
	Dewey::write_file($box, $mail =~ s/twin/TWIN/r);
	utime $atime, $mtime, $box;
	my @ids = (text(\%live, 'UIDL'), text({ %live, cache => 'none' },
	    'UIDL'));
	is $ids[0], $ids[1], 'edited in the same moment: seen';
	select undef, undef, undef, 2.3;
	talk(\%live, 'UIDL');
	poison(3);
	@seen = talk(\%live, 'UIDL');
	like $seen[0][1], qr/\Q$told\E/, 'two seconds later: believed';
	Dewey::write_file($box, $mail);
	utime $atime, $mtime, $box;
	@ids = (text(\%live, 'UIDL'), text({ %live, cache => 'none' }, 'UIDL'));
	is $ids[0], $ids[1], 'edited, the time stamp put back: seen';
}

done_testing;
