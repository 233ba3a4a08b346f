#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# A change of the mailbox in the same tick of the clock as the scan leaves the
# same size and the same time stamps.  It is noticed nevertheless, whatever the
# grain of the file system; the time stamps and the clock are what the shim says.
# (DESIGN sections 4 and 7.)
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Crash;
use Dewey;
use Test::More;

my $why = Crash::reason();
plan skip_all => $why if defined $why;

my $dir = Dewey::tmpdir();
my ($box, $stamps) = ("$dir/box", "$dir/stamps");
my $changed = qr{^-ERR \[SYS/TEMP\]};

# f_type of statfs(2).
my %type = (ext4 => 0xef53, nfs => 0x6969, vfat => 0x4d44);

# Messages of the same length, and two of another.
sub message {
	my ($letter, $octets) = @_;
	return "From a\@b Mon Jan  1 00:00:00 2024\nSubject: $letter\n\n"
	    . $letter x $octets . "\n\n";
}
my ($first, $second, $third) = map { message($_, 40) } qw(a b c);
our $before = $first . $second . $third;
my $swapped = $second . $first . $third;	# message 1 is elsewhere
# Message 2 begins elsewhere.
my $moved = message('d', 30) . message('e', 50) . $third;

sub pretend {
	my ($what) = @_;
	my $clock = 1_700_000_000;
	my ($sec, $ns) = @$what{qw(sec ns)};
	my $nsec = $what->{whole} ? 0 : 500_000_000;
	# The stamps lie so far before the clock.
	my ($now, $now_ns) = ($clock + $sec, $nsec + $ns);
	($now, $now_ns) = ($now + 1, $now_ns - 1_000_000_000)
	    if $now_ns >= 1_000_000_000;
	Dewey::write_file($stamps, pack 'q5', $clock, $nsec, $now, $now_ns,
	    $type{ $what->{fs} });
}

# In place, so that nothing but the octets changes.
sub change {
	my ($octets) = @_;
	open my $fh, '+<:raw', $box or die "$box: $!";
	print {$fh} $octets or die "$box: $!";
	close $fh or die "$box: $!";
}

sub login {
	my (@flags) = @_;
	my $session = Dewey->start('--preauth', '--host=dewey.example',
	    "--mailbox=$box", '--log=none', '--sandbox=none', @flags,
	    { env => Crash::environment($box, { STAMPS => $stamps }) });
	$session->greeting =~ /^\+OK .* (?:[34]|10[01]) messages/
	    or $session->fail('no login');
	return $session;
}

sub begin {
	my ($what, @flags) = @_;
	unlink "$dir/.box.dewey";
	Dewey::write_file($box, $before);
	pretend($what);
	return login(@flags);
}

# What a session says when the mailbox becomes ${now} behind its back.
sub retr {
	my ($what, $n, $uidl, $now) = @_;
	my $s = begin($what);
	$s->multi('UIDL') if $uidl;
	change($now);
	my ($status, $body) = $s->multi("RETR $n");
	$s->cmd('QUIT');
	$s->exit_code;
	return $status =~ $changed ? 'changed' : $body // $status;
}

sub update {
	my ($what, $n, $uidl, $now) = @_;
	my $s = begin($what);
	$s->multi('UIDL') if $uidl;
	$s->say("DELE $n");
	change($now);
	my $quit = $s->say('QUIT');
	$s->exit_code;
	return ($quit, Dewey::read_file($box));
}

# How far the stamps lie before the clock, and where: a later change may leave
# the same ones.
my @unsettled = (
	{ name => 'the same moment', fs => 'ext4', sec => 0, ns => 0 },
	{ name => 'a tick of 10 ms', fs => 'ext4', sec => 0, ns => 9_999_999 },
	{ name => 'in the future', fs => 'ext4', sec => -5, ns => 0 },
	{ name => 'whole seconds', fs => 'ext4', whole => 1, sec => 0,
	    ns => 999_999_999 },
	{ name => 'whole seconds, the same', fs => 'ext4', whole => 1,
	    sec => 0, ns => 0 },
	{ name => 'FAT, two seconds', fs => 'vfat', whole => 1, sec => 1,
	    ns => 999_999_999 },
	{ name => 'NFS, a second of another clock', fs => 'nfs', sec => 1,
	    ns => 0 },
);
my $settled = { name => 'long ago', fs => 'ext4', sec => 60, ns => 0 };

for my $what (@unsettled) {
	my $name = $what->{name};
	is retr($what, 1, 1, $swapped), 'changed',
	    "$name: a message that is elsewhere now is not sent";
	is retr($what, 2, 0, $moved), 'changed',
	    "$name: one that begins elsewhere neither";
	is retr($what, 3, 1, $swapped), ($third =~ s/\A.*\n//r =~ s/\n\z//r
	    =~ s/\n/\r\n/gr), "$name: one that is where it was is";
	my ($quit, $now) = update($what, 1, 1, $swapped);
	like $quit, qr/^\+OK .*\(2 messages left\)/,
	    "$name: what was deleted is found by its unique-id";
	is $now, $second . $third, '... and goes, and nothing else';
	($quit, $now) = update($what, 2, 0, $moved);
	like $quit, $changed, "$name: what cannot be found is not deleted";
	is $now, $moved, '... and everything stays';
}

# Stamps that have settled are believed: it was they that made the difference.
isnt retr($settled, 1, 1, $swapped), 'changed',
    'a change that leaves stamps of long ago is none';

# ---- While a message is sent

# It is so long that its end is not yet read when its first line has arrived.
sub amid {
	my ($what) = @_;
	my @large = map { message('a', 1_500_000) =~ s/a\n\n\z/$_\n\n/r } qw(a b);
	local $before = join '', $large[0], $second, $third;
	my $s = begin($what);
	$s->cmd('RETR 1');
	like $s->line, qr/^\+OK/, "$what->{name}: a message is sent";
	change(join '', $large[1], $second, $third);
	my $body = eval { $s->body };
	$s->fail($@) if !defined $body && !$s->{eof};
	$s->close;
	$s->exit_code;
	return $body;
}

for my $what (@unsettled) {
	is amid($what), undef, '... not to the end, which is another one now';
}
is amid($settled), undef, '... under stamps of long ago, too: its sum tells';

# ---- From one session to the next

sub sizes {
	my ($s) = @_;
	my $list = $s->multi('LIST');
	$s->say('QUIT');
	$s->exit_code;
	return $list;
}

my $cache = Dewey::tmpdir();
my $flag = "--cache-dir=$cache";
# A smaller mailbox is not worth it.
$before = join '', map { message($_, 30_000) } qw(a b c);
$moved = join '', message('a', 29_000), message('b', 31_000),
    message('c', 30_000);
my $other = do {
	Dewey::write_file($box, $moved);
	pretend($settled);
	sizes(login());
};

sub next_login {
	my ($what) = @_;
	unlink glob "$cache/*";
	sizes(begin($what, $flag));
	my @cached = glob "$cache/*";
	is scalar @cached, 1, "$what->{name}: there is a cached index";
	change($moved);
	# The same stamps; the clock went on.
	pretend($settled);
	return sizes(login($flag));
}

for my $what (@unsettled) {
	is next_login($what), $other,
	    "... and the next login does not believe it";
}
isnt next_login($settled), $other,
    '... and the next login believes it: it was the stamps';

# UPDATE leaves an index, too.  In so many messages, not each of them is looked
# at where it begins: one that became longer when the next one became shorter
# could be missed.
sub after_update {
	my ($what) = @_;
	my ($mail, $then) = map { my $by = $_; join '', map {
	    message('a', $_ == 10 ? 1000 + $by : $_ == 11 ? 1000 - $by : 1000)
	    } 0 .. 99 } 0, 50;
	unlink glob "$cache/*";
	unlink "$dir/.box.dewey";
	Dewey::write_file($box, $mail . message('b', 40));
	pretend($settled);
	sizes(login($flag));
	pretend($what);
	my $s = login($flag);
	$s->say('DELE 101');
	like $s->say('QUIT'), qr/^\+OK .*\(100 messages left\)/,
	    "$what->{name}: QUIT deletes";
	$s->exit_code;
	change($then);
	pretend({ %$settled, whole => $what->{whole} });
	my $list = sizes(login($flag));
	unlink glob "$cache/*";
	return $list eq sizes(login($flag));
}

for my $what (@unsettled) {
	ok after_update($what),
	    "... and what changes next the next login notices";
}

diag scalar(@unsettled) . ' kinds of time stamps';

# A mailbox that grew and whose stamps have not settled: what is known of the
# index is believed, and what it lists is sent and deleted.
{
	my $whole = { fs => 'ext4', whole => 1, sec => 1, ns => 0 };
	my @large = map { message($_, 100_000) } qw(a b c);
	unlink glob "$cache/*";
	unlink "$dir/.box.dewey";
	Dewey::write_file($box, join '', @large);
	pretend({ %$settled, whole => 1 });
	my $s = login($flag);
	$s->say('QUIT');
	$s->exit_code;
	Dewey::write_file($box, join '', @large, message('d', 40));
	pretend($whole);
	$s = login($flag);
	for my $n (4, 2) {
		my ($status) = $s->multi("RETR $n");
		like $status, qr/^\+OK/, "grown a moment ago: RETR $n";
	}
	$s->say('DELE 1');
	like $s->say('QUIT'), qr/^\+OK .*\(3 messages left\)/, '... DELE 1, QUIT';
	$s->exit_code;
	is Dewey::read_file($box), join('', @large[1, 2], message('d', 40)),
	    '... and it is gone';
}
done_testing;
