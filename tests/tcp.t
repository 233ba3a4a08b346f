#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# What clients on a network feel: small replies go out at once and in one
# write, replies to a batch of commands together, and the last reply is not
# reset away by input that nobody read (RFC 2449 section 6.6, RFC 1122 section
# 4.2.2.13).
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Test::More;
use Time::HiRes qw(time);

my $text = "Subject: one\n\n" . ('x' x 70 . "\n") x 20;
my $mbox = Dewey::mbox(($text) x 100);
my $site = Dewey->site(users => { mrose => 'secret' },
    mail => { mrose => $mbox });

# Over TCP, Nagle's algorithm and delayed acknowledgements cost 40 ms a reply
# that takes two writes.
{
	my $c = $site->start({ transport => 'tcp', keep => 1 });
	$c->greeting;
	my ($socket) = $c->kept;
	ok unpack('i', getsockopt $socket, IPPROTO_TCP, TCP_NODELAY),
	    'TCP_NODELAY';
	$c->forget_kept;
	$c->say('USER mrose');
	$c->say('PASS secret');
	my $begin = time;
	for (1 .. 1000) {
		my ($status, $body) = $c->multi('RETR ' . ($_ % 100 + 1));
		length $body == 1456 or die 'wrong message';
	}
	my $seconds = time - $begin;
	note sprintf '1,000 lock-step RETRs over TCP: %.2f s', $seconds;
	cmp_ok $seconds, '<', 15, '1,000 lock-step RETRs do not wait'
	    unless Dewey::slow();
	$c->say('QUIT');
	is $c->exit_code, 0, 'exit code';
}

# Unread input at the end: a plain close would answer it with a reset, and that
# takes away what the client has not read yet.
for my $with ([ QUIT => "QUIT\r\n", 0,
    qr/\r\n\+OK dewey POP3 server signing off \(99 messages left\)\r\n\z/ ],
    [ 'too many bad commands' => "X\r\n" x 20, 1,
    qr/\r\n-ERR too many bad commands\r\n\z/ ]) {
	my ($name, $octets, $code, $end) = @$with;
	my $c = $site->login('mrose', { transport => 'tcp' });
	$c->send('LIST' . "\r\nRETR 1" x 9 . "\r\nDELE 1\r\n$octets" .
	    "NOOP\r\n" x 8000);
	is $c->exit_code, $code, "$name: exit code";
	like $c->rest, $end, "$name: the last reply is there";
	ok !$c->was_reset, "$name: no reset";
	Dewey::write_file($site->mailbox('mrose'), $mbox);
}
{
	my $c = $site->start({ transport => 'tcp' });
	$c->send("USER mrose\r\nPASS wrong\r\n" x 3 . "NOOP\r\n" x 8000);
	is $c->exit_code, 1, 'failed logins: exit code';
	like $c->rest, qr/\r\n-ERR \[AUTH\] \S[^\r]*\r\n\z/,
	    'failed logins: the last reply is there';
	ok !$c->was_reset, 'failed logins: no reset';
}
{
	my $c = Dewey->start('--no-such-flag', { transport => 'tcp' });
	$c->send("NOOP\r\n" x 8000);
	is $c->exit_code, 100, 'usage error: exit code';
	is $c->rest, "-ERR [SYS/PERM] server is misconfigured\r\n",
	    'usage error: the reply is there';
	ok !$c->was_reset, 'usage error: no reset';
}

# ... but that waits for nobody long, and the end is seen at once.
{
	my ($c, $begin, $rest, $took);
	# A machine that is busy just now may be too late once.
	for (1 .. 10) {
		$c = $site->login('mrose', { transport => 'tcp' });
		$c->cmd('QUIT');
		$begin = time;
		$rest = $c->rest;
		$took = time - $begin;
		last if $took < 0.9;
	}
	like $rest, qr/^\+OK dewey/, 'a client that does not close: QUIT';
	cmp_ok $took, '<', 0.9, 'the end of the stream comes at once'
	    unless Dewey::slow();
	is $c->exit_code, 0, 'exit code';
	cmp_ok time - $begin, '<', 10, 'and soon the server has gone';

	$c = $site->login('mrose', { transport => 'tcp' });
	$c->cmd('QUIT');
	$begin = time;
	$c->rest;
	# The session lock is free before the client knows of the end.
	my $next = $site->login('mrose', { transport => 'tcp' });
	pass 'the next session need not wait';
	$next->say('QUIT');

	# Somebody who sends for ever.
	$c = $site->login('mrose', { transport => 'tcp', timeout => 15 });
	$c->cmd('QUIT');
	$c->line;
	$begin = time;
	while (time < $begin + 10) {
		last if $c->send('x' x 20000) < 20000;
	}
	cmp_ok time - $begin, '<', 9, 'input without end is not read for ever';
	is $c->exit_code, 0, 'exit code';
}

# Writes, counted.
SKIP: {
	my $trace = Dewey::tmpdir() . '/trace';
	skip 'strace is for what is not slow', 1 if Dewey::slow();
	skip 'strace does not work here', 1
	    if system("strace -o $trace true 2>/dev/null") != 0;
	unlink $trace;
	for my $transport (qw(tcp socketpair pipe)) {
		my $c = $site->login('mrose', { transport => $transport,
		    wrapper => [ 'strace', '-f', '-qq', '-o', $trace, '-e',
		    'trace=write,writev,sendto,sendmsg' ] });
		# The greeting is the first thing that is written: that tells
		# the number of the stream's descriptor.
		my $call = qr/\b(?:write|writev|sendto|sendmsg)/;
		my ($fd) = Dewey::read_file($trace) =~ /$call\((\d+), /;
		my $writes = sub {
			my $n = () = Dewey::read_file($trace)
			    =~ /$call\($fd, /g;
			return $n;
		};
		# A line of the trace may come after the reply itself.
		my $count = sub {
			my ($name, $expected, $do) = @_;
			my $before = $writes->();
			$do->();
			eval { local $c->{timeout} = 2;
			    $c->wait_for(sub { $writes->() - $before >=
			    $expected }) };
			is $writes->() - $before, $expected,
			    "$transport, writes: $name";
		};
		is $writes->(), 3, "$transport, writes: greeting, USER, PASS";
		$count->('NOOP', 1, sub { $c->say('NOOP') });
		$count->('LIST', 1, sub { $c->multi('LIST') });
		$count->('RETR', 1, sub { $c->multi('RETR 7') });
		$count->('TOP', 1, sub { $c->multi('TOP 7 3') });
		$count->('CAPA', 1, sub { $c->multi('CAPA') });
		$count->('a batch', 1, sub {
			$c->send("STAT\r\nLIST 1\r\nNOOP\r\nXYZZY\r\n" .
			    "TOP 1 0\r\nRETR 9\r\nDELE 1\r\nRSET\r\n");
			$c->line for 1 .. 5;
			$c->body;
			$c->line;
			$c->body;
			$c->line for 1 .. 2;
		});
		$count->('UIDL', 1, sub { $c->multi('UIDL') });
		$count->('QUIT', 1, sub { $c->say('QUIT') });
		$c->exit_code;
		unlink $trace;
	}
}

done_testing;
