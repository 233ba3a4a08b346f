#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# A journal that a dead session left and that does not fit its mailbox is set
# aside by copy, logged, and the mailbox is served as it is; if it cannot be set
# aside, or one was before, or the maildrop is read-only, nothing is written and
# nobody gets in.  A forged one costs neither time nor space, and no more than one
# mailbox its --recover.
# (DESIGN section 8.)
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Crash;
use Dewey;
use Errno qw(EIO ENOSPC);
use Test::More;

my $why = Crash::reason();
plan skip_all => $why if defined $why;

my $dir = Dewey::tmpdir();
my $box = "$dir/box";
my $sidecar = "$dir/.box.dewey";
my $before = Dewey::mbox(map { "Subject: $_\n\n" . $_ x (300 + $_) . "\n" }
    1 .. 4);
my $trouble = qr{\A-ERR \[SYS/TEMP\]};

sub session { return Crash::session($box, @_) }

# A mailbox that is half moved, and its journal.
sub cut_short {
	Crash::cut_short($box, $before, @_);
	return Dewey::read_file($box), Dewey::read_file($sidecar);
}

# The same octets in another file: no journal of it fits.
sub replace {
	my ($octets) = @_;
	Dewey::write_file("$box.new", $octets);
	rename "$box.new", $box or die "rename: $!";
}

sub aside { my @found = glob "$sidecar.*"; return @found }

# The copy of a short UPDATE's journal has all of it, too.
my ($torn, $journal) = cut_short();
replace($torn);
session();
is Dewey::read_file((aside())[0]), $journal, 'a short UPDATE: all is set aside';

($torn, $journal) = cut_short('--journal-window=130');
isnt $torn, $before, 'an UPDATE that was cut short';
isnt $journal, '', '... left its journal';

# ---- A maildrop that is read-only

like session(flags => ['--read-only'])->{output}, $trouble,
    '--read-only: nobody gets in';
like Dewey::read_file("$dir/log"), qr/UPDATE was cut short.*read-only/,
    '... the log says why';
is Dewey::read_file($box), $torn, '... the mailbox is as it was';
is Dewey::read_file($sidecar), $journal, '... and so is the journal';

# ---- A journal that cannot be set aside

replace($torn);
session(shim => { RECORD => "$dir/record" });
my @calls = Crash::record("$dir/record");
# No dot-lock is that long.
my ($made) = grep { $calls[$_ - 1]{kind} eq 'w' && $calls[$_ - 1]{file} eq '-'
    && $calls[$_ - 1]{length} > 1000 } 1 .. @calls;
ok $made, 'it is written to another file';
my ($synced) = grep { $_ > $made && $calls[$_ - 1]{kind} eq 's' } 1 .. @calls;
for my $what (['the file cannot be made', $made - 1, ENOSPC],
    ['the disk is full', $made, ENOSPC],
    ['it cannot be synced', $synced, EIO],
    ['it cannot be given its name', $synced + 1, EIO],
    ['its name cannot be synced', $synced + 2, EIO]) {
	my ($name, $at, $errno) = @$what;
	unlink aside();
	Dewey::write_file($sidecar, $journal);
	my $r = session(shim => { AT => $at, DO => 'fail', ERRNO => $errno });
	like $r->{output}, $trouble, "$name: nobody gets in";
	like Dewey::read_file("$dir/log"), qr/cannot be set aside/,
	    '... the log says so';
	is Dewey::read_file($box), $torn, '... the mailbox is as it was';
	is Dewey::read_file($sidecar), $journal, '... and so is the journal';
	is_deeply [aside()], [], '... no part of a copy is left';
}

# ---- One that can

for my $how (['the next login', input => "STAT\r\nQUIT\r\n"],
    ['--recover', action => ['--recover', $box]]) {
	my ($name, @how) = @$how;
	my $r = session(@how);
	my ($aside) = aside();
	is $r->{status}, 0, "$name: goes on";
	like $r->{output}, $name eq '--recover'
	    ? qr/^\Q$box\E: a journal that does not fit was set aside/
	    : qr/\A\+OK .*\r\n\+OK \d+ \d+\r\n\+OK /, '... says so';
	is scalar(aside()), 1, '... the journal is set aside';
	is Dewey::read_file($aside), $journal, '... octet for octet';
	is((stat $aside)[2] & 07777, 0600, '... for its owner alone');
	is -s $sidecar, 0, '... and cleared';
	is Dewey::read_file($box), $torn, '... the mailbox is as it was';
	like Dewey::read_file("$dir/log"),
	    qr/\Q$box\E: the journal .*set aside as \Q@{[$aside =~
	    s{.*\/}{}r]}\E/, '... the log has both names';
	unlink $aside;
	Dewey::write_file($sidecar, $journal);
}

# ---- Killed meanwhile

# Nobody is locked out: what was begun is overwritten, what is done is believed.
unlink aside();
session(shim => { RECORD => "$dir/record" });
@calls = Crash::record("$dir/record");
unlink "$dir/record", aside();
my ($tried, @wrong) = (0);
for my $n ($made - 2 .. @calls) {
	for my $when (qw(before middle after)) {
		next if $when eq 'middle' && $calls[$n - 1]{kind} ne 'w';
		next if Dewey::slow() && $n % 4;
		Dewey::write_file($sidecar, $journal);
		session(shim => { AT => $n, DO => $when, GROUP => 1 });
		my $r = session();
		my @left = aside();
		$tried++;
		push @wrong, "$when call $n: $r->{output}: @left"
		    unless $r->{output} =~ /\A\+OK / && !-s $sidecar &&
		    "@left" eq "$sidecar.aside" &&
		    Dewey::read_file($left[0]) eq $journal;
		unlink aside();
	}
}
cmp_ok $tried, '>', Dewey::slow() ? 2 : 15, "killed meanwhile: $tried times";
is join("\n", @wrong), '', '... the next login goes on';
Dewey::write_file($sidecar, $journal);

# ---- A second one

session();
my ($first) = aside();
is $first, "$sidecar.aside", 'a fixed name';
# Behind the first slot, where nothing is stored.
my $other = $journal;
substr $other, 300, 1, 'x';
Dewey::write_file($sidecar, $other);
like session()->{output}, $trouble, 'a second one: nobody gets in';
like Dewey::read_file("$dir/log"),
    qr/cannot be set aside: look at and remove \Q.box.dewey.aside\E,/,
    '... the log names the file to be removed';
is_deeply [aside()], [$first], '... there is one still';
is Dewey::read_file($first), $journal, '... the first';
is Dewey::read_file($sidecar), $other, '... the second is where it was';
is session(action => ['--recover', $box])->{status} >> 8, 111,
    '... --recover says so, too';
unlink $first;
like session()->{output}, qr/\A\+OK /, '... removed: the next is set aside';
unlink aside();

# ---- Forged sidecars

# Octets on the disk, of all copies.
sub blocks {
	my $n = 0;
	$n += (stat)[12] * 512 for aside();
	return $n;
}

# Make the sidecar as long as ${n}, but for ${octets} all of it a hole.
sub forge {
	my ($n, $octets) = @_;
	unlink aside();
	Dewey::write_file($sidecar, $octets);
	truncate $sidecar, $n or return;
	return -s $sidecar == $n;
}

my $G = 1 << 30;
# The journal with a window of 1 GiB: its checksums are not right then, as those
# of one without a plan; and one that is right but for its length.
my $wide = $journal;
substr $wide, 8192 + 6 * 8, 8, pack 'Q<', $G;
for my $row (['octets that are no journal', 'x' x 5000, 40 * $G],
    ['a hole behind a journal', $journal, 40 * $G],
    ['a plan with a window of 1 GiB', $wide, 40 * $G],
    ['nothing but a hole', '', 40 * $G],
    ['as long as a journal may be', $wide, 2 * $G + 8192]) {
	my ($name, $octets, $n) = @$row;
	SKIP: {
		skip 'no file can be that long here', 3 if !forge($n, $octets);
		my $begin = time;
		my $r = session();
		cmp_ok time - $begin, '<', Dewey::slow() ? 60 : 10,
		    "$name: no time";
		cmp_ok blocks(), '<=', 2 * 1024 * 1024, '... and no space';
		like $r->{output}, qr/\A\+OK /, '... and the mailbox is served';
		next if $octets ne $journal;
		is Dewey::read_file((aside())[0]), $journal,
		    '... what the plan names is kept';
	}
}
unlink aside();

# Many of them make one file.
for (1 .. 5) {
	Dewey::write_file($sidecar, $journal);
	session();
}
is scalar(aside()), 1, 'five forged ones leave one file';

# ---- --recover: one that is locked keeps no other waiting

{
	my @boxes = map { "$dir/many$_" } 1 .. 3;
	for (@boxes) {
		Dewey::write_file($_, $torn);
		Dewey::write_file(s{/many}{/.many}r . '.dewey', $journal);
	}
	# Dewey locks by dot-lock, too; another's, of now, is not stale.
	Dewey::write_file("$boxes[0].lock", "1\n");
	my $r = session(action => ['--recover', '--lock-timeout=3',
	    '--locks=dotlock', @boxes]);
	my @lines = split /\n/, $r->{output};
	is scalar(@lines), 3, '--recover: one line a mailbox';
	like $lines[2], qr/^\Q$boxes[0]\E: FAILED/,
	    '... the one that is locked is the last';
	is join(' ', sort map { /^(\S+): a journal .*set aside/ } @lines),
	    "@boxes[1, 2]", '... the others were done before';
	is $r->{status} >> 8, 111, '... exit code of trouble';
	is Dewey::read_file("$dir/.many1.dewey"), $journal,
	    '... and its journal is as it was';
	unlink "$boxes[0].lock";
	is session(action => ['--recover', @boxes])->{status}, 0,
	    '... unlocked: done';
}
done_testing;
