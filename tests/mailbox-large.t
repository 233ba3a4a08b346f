#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Large mailboxes: offsets beyond 4 GiB, memory that does not grow with the
# size of a message and by at most 48 octets with each one.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Test::More;

plan skip_all => 'too much for valgrind' if Dewey::slow();
plan skip_all => 'sanitizers and coverage need memory of their own'
    if Dewey::read_file($ENV{DEWEY} // './dewey')
    =~ /__(?:asan|ubsan|gcov|llvm_prof)/;

my $site = Dewey->site(users => { map { $_ => 'secret' }
    qw(small many large) });
my $from = "From a\@b Mon Jan  1 00:00:00 2024\n";

# The most memory that any process of a session has had, in octets.
sub peak {
	my ($c) = @_;
	my $most = 0;
	my @pids = $c->pid;
	while (defined(my $pid = shift @pids)) {
		open my $fh, '<', "/proc/$pid/status" or next;
		my ($kib) = join('', <$fh>) =~ /^VmHWM:\s+(\d+) kB/m;
		$most = $kib if defined $kib && $kib > $most;
		next unless open $fh, '<', "/proc/$pid/task/$pid/children";
		push @pids, split ' ', <$fh> // '';
	}
	return $most * 1024;
}

# Reads a body without keeping it: (octets without the final dot, the last
# ones).
sub measure {
	my ($c) = @_;
	my ($n, $tail) = (0, '');
	while ("$tail$c->{in}" !~ /\r\n\.\r\n\z/) {
		$n += length $c->{in};
		$tail = substr "$tail$c->{in}", -5;
		$c->{in} = '';
		$c->fill_until(sub { length $c->{in} }, 'more of the message');
		last if $c->{eof};
	}
	$n += length $c->{in};
	$c->{in} = '';
	return $n - 3;
}

# What a session needs anyway.
Dewey::write_file($site->mailbox('small'), Dewey::mbox("A: 1\n\ntext\n"));
my $c = $site->login('small');
$c->multi('UIDL');
$c->multi('RETR 1');
my $usual = peak($c);
$c->say('QUIT');
SKIP: {
	skip '/proc does not tell how much memory is used', 2 unless $usual;

	# One message of 200 MB, in one line and in many.
	my $size = 200_000_000;
	my $path = $site->mailbox('large');
	Dewey::write_file($path, "${from}A: 1\n\n");
	open my $fh, '>>:raw', $path or die "$path: $!";
	my $part = 'x' x 1_000_000;
	print {$fh} $part or die $! for 1 .. $size / 2_000_000;
	$part = ('y' x 99 . "\n") x 10_000;
	print {$fh} "\n" or die $!;
	print {$fh} $part or die $! for 1 .. $size / 2_000_000;
	close $fh or die "$path: $!";
	my $octets = 8 + $size / 2 + 2 + $size / 2 + $size / 200;
	$c = $site->login('large', { timeout => 60 });
	is $c->say('STAT'), "+OK 1 $octets", '200 MB: STAT';
	$c->cmd('RETR 1');
	is $c->line, "+OK $octets octets", '200 MB: RETR';
	is measure($c), $octets, '200 MB: as many octets were sent';
	like $c->say('UIDL 1'), qr/^\+OK 1 [\w-]{24}$/, '200 MB: UIDL';
	my $grown = peak($c) - $usual;
	cmp_ok $grown, '<', 2_000_000, '200 MB: memory does not grow with it';
	note "$grown octets more than with a small message";
	$c->say('DELE 1');
	is $c->say('QUIT'),
	    '+OK dewey POP3 server signing off (maildrop empty)',
	    '200 MB: deleted';
	is -s $path, 0, '200 MB: gone';

	# Many messages.
	my $n = 200_000;
	# A tool keeps memory that was freed.
	my $most = (Dewey::tool_flags() ? 3 : 1) * 48 * $n + 2_000_000;
	$path = $site->mailbox('many');
	open $fh, '>:raw', $path or die "$path: $!";
	for my $i (1 .. $n) {
		print {$fh} "${from}A: $i\n\n" or die $!;
	}
	close $fh or die "$path: $!";
	chmod 0600, $path;
	Dewey::give($path);
	$c = $site->login('many', { timeout => 60 });
	$grown = peak($c) - $usual;
	cmp_ok $grown, '<', $most,
	    "$n messages: at most 48 octets each";
	$c->cmd('UIDL');
	is $c->line, '+OK', "$n messages: UIDL";
	cmp_ok measure($c), '>', 25 * $n, "$n messages: their unique-ids";
	$grown = peak($c) - $usual;
	cmp_ok $grown, '<', $most,
	    "$n messages: also with their unique-ids";
	note sprintf '%.1f octets a message', $grown / $n;
	is $c->unstuffed("RETR $n"), "A: $n\r\n\r\n", 'the last one';
	$c->send(join '', map { "DELE $_\r\n" } grep { $_ % 2 } 1 .. $n);
	$c->line =~ /^\+OK/ or $c->fail('DELE') for 1 .. $n / 2;
	is $c->say('QUIT'), sprintf('+OK dewey POP3 server signing off ' .
	    '(%d messages left)', $n / 2), 'half of them are deleted';
	is -s $path, length join('', map { "${from}A: $_\n\n" }
	    grep { $_ % 2 == 0 } 1 .. $n), 'the others are left';
	unlink $path;
}

# A message that is a hole of more than 4 GiB, and one behind it.
SKIP: {
	# Where a hole costs nothing to read.
	local $ENV{TMPDIR} = '/dev/shm';
	skip '/dev/shm is not there, and DEWEY_LONG is not set', 1
	    unless -d '/dev/shm' && -w _ || $ENV{DEWEY_LONG};
	my $site = Dewey->site(users => { huge => 'secret' });
	my $path = $site->mailbox('huge');
	my $hole = 4 * 2 ** 30 + 12345;
	Dewey::write_file($path, "${from}A: 1\n\nfirst\n\n${from}B: 2\n\n");
	my $begin = -s $path;
	truncate $path, $begin + $hole
	    or skip "no file of this size here: $!", 1;
	open my $fh, '>>:raw', $path or die "$path: $!";
	print {$fh} "\n\n${from}C: 3\n\nbeyond\n\n" or die $!;
	close $fh or die "$path: $!";
	skip 'no holes in files here', 1
	    if (stat $path)[12] * 512 > 10_000_000;
	my $two = 8 + $hole + 2;
	$c = $site->login('huge', { timeout => 120 });
	is $c->{login}, sprintf("+OK huge's maildrop has 3 messages " .
	    '(%d octets)', 15 + $two + 16), '4 GiB: login';
	is $c->multi('LIST'), "1 15\r\n2 $two\r\n3 16\r\n", '4 GiB: LIST';
	is $c->unstuffed('RETR 3'), "C: 3\r\n\r\nbeyond\r\n",
	    '4 GiB: a message beyond';
	is $c->unstuffed('TOP 2 0'), "B: 2\r\n\r\n", '4 GiB: TOP';
	is $c->say('DELE 3'), '+OK message 3 deleted', '4 GiB: DELE';
	is $c->say('QUIT'),
	    '+OK dewey POP3 server signing off (2 messages left)',
	    '4 GiB: QUIT';
	is -s $path, $begin + $hole + 2, '4 GiB: cut where it began';
	open $fh, '>>:raw', $path or die "$path: $!";
	print {$fh} "${from}C: 3\n\nbeyond\n\n" or die $!;
	close $fh or die "$path: $!";
	$c = $site->login('huge', { timeout => 120 });
	$c->say('DELE 2');
	if ($ENV{DEWEY_LONG}) {
		$c->cmd('RETR 2');
		$c->line;
		is measure($c), $two, '4 GiB: sent whole';
	}
	$c->say($ENV{DEWEY_LONG} ? 'NOOP' : 'STAT');
	is $c->say('QUIT'),
	    '+OK dewey POP3 server signing off (2 messages left)',
	    '4 GiB: the hole is deleted';
	is Dewey::read_file($path),
	    "${from}A: 1\n\nfirst\n\n${from}C: 3\n\nbeyond\n\n",
	    '4 GiB: the others are left';
}

done_testing;
