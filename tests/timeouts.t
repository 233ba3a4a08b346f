#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# The limits of waiting: --idle-timeout for a command and for a client that
# does not read, --login-timeout for the whole of AUTHORIZATION.  When one
# expires nothing is sent and nothing is deleted (RFC 1939 section 3).
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Test::More;
use Time::HiRes qw(sleep time);

my $big = "Subject: big\n\n" . ('x' x 70 . "\n") x 40000;
my $mbox = Dewey::mbox("Subject: one\n\nThe first.\n", $big);
my $site = Dewey->site(users => { mrose => 'secret' },
    mail => { mrose => $mbox });
my $box = $site->mailbox('mrose');

# Bounds of what is measured: never early; late only as far as a busy machine
# may make it.
sub lasted {
	my ($begin, $least, $name) = @_;
	my $seconds = time - $begin;
	cmp_ok $seconds, '>=', $least - 0.05, "$name: not before $least s";
	cmp_ok $seconds, '<', $least + 9 * (Dewey::slow() ? 10 : 1),
	    "$name: but then";
}

sub timed_out {
	my ($c, $begin, $least, $name) = @_;
	is $c->rest, '', "$name: nothing is sent";
	is $c->exit_code, 1, "$name: exit code";
	lasted($begin, $least, $name);
	like $c->stderr, qr/ deleted=0 .* end=timeout$/m, "$name: the log";
	is Dewey::read_file($box), $mbox, "$name: nothing is deleted";
}

for my $transport (qw(socketpair pipe tcp pty)) {
	# Sessions of all kinds wait at the same time.
	my $begin = time;
	my @c = map { $site->start('--log=stderr', @$_,
	    { transport => $transport }) } [ '--login-timeout=1' ],
	    [ '--idle-timeout=1' ], [ '--idle-timeout=1' ],
	    [ '--login-timeout=1' ];
	$_->greeting for @c;
	my ($login, $idle, $marked, $inside) = @c;
	for my $c ($marked, $inside) {
		$c->say('USER mrose');
		$c->say('PASS secret') if $c == $marked;
	}
	$marked->say('DELE 1');
	$marked->send('QUI');
	timed_out($login, $begin, 1, "$transport, --login-timeout");
	timed_out($idle, $begin, 1,
	    "$transport, --idle-timeout before login");
	timed_out($marked, $begin, 1,
	    "$transport, --idle-timeout after login");
	timed_out($inside, $begin, 1,
	    "$transport, --login-timeout behind USER");

	# A client that does not read.
	$begin = time;
	my $c = $site->login('mrose', '--log=stderr', '--idle-timeout=1',
	    { transport => $transport });
	$c->say('DELE 1');
	$c->cmd('RETR 2') for 1 .. 4;
	$c->cmd('QUIT');
	is $c->exit_code, 1, "$transport, nobody reads: exit code";
	lasted($begin, 1, "$transport, nobody reads");
	like $c->stderr, qr/ deleted=0 .* end=timeout$/m,
	    "$transport, nobody reads: the log";
	is Dewey::read_file($box), $mbox,
	    "$transport, nobody reads: nothing is deleted";
	unlike $c->rest, qr/ERR|signing off/,
	    "$transport, nobody reads: nothing else was sent";
}

# Octets that trickle in are no command, and commands do not prolong
# AUTHORIZATION.
for my $with ([ '--idle-timeout=1', 'N' ],
    [ '--login-timeout=1', "CAPA\r\n" ]) {
	my ($flag, $octets) = @$with;
	my $c = $site->start($flag, '--secrets=none', '--log=stderr');
	my $begin = time;
	$c->greeting;
	while (time < $begin + 5 && !$c->{eof}) {
		$c->send($octets);
		$c->fill;
		sleep 0.1;
	}
	$c->rest;
	is $c->exit_code, 1, "$flag does not move: exit code";
	cmp_ok time - $begin, '<', 4.5, "$flag does not move"
	    unless Dewey::slow();
	like $c->stderr, qr/ end=timeout$/m, "$flag does not move: the log";
}

# --login-timeout ends with the login, and each command starts --idle-timeout
# anew.
{
	my $short = $site->login('mrose', '--login-timeout=1');
	sleep 1.3;
	is $short->say('NOOP'), '+OK', 'after the login there is no limit of it';
	$short->say('QUIT');
	my $c = $site->login('mrose', '--idle-timeout=2');
	for (1 .. 4) {
		sleep 0.7;
		is $c->say('NOOP'), '+OK', 'a command in time';
	}
	$c->say('QUIT');
	is $c->exit_code, 0, 'exit code';
}

# A client that reads slowly but steadily is not cut off.
for my $transport (qw(socketpair pipe tcp)) {
	my $c = $site->login('mrose', '--idle-timeout=2',
	    { transport => $transport });
	$c->cmd('RETR 2');
	my ($got, $begin) = ('', time);
	while (length $got < 2_700_000) {
		sleep 0.3 if time < $begin + 3.5;
		$got .= $c->octets(200_000);
	}
	$c->{in} = substr($got, -6) . $c->{in};
	$c->body;
	is $c->say('QUIT'), '+OK dewey POP3 server signing off ' .
	    '(2 messages left)', "$transport: slowly read";
	is $c->exit_code, 0, "$transport: exit code";
}

done_testing;
