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
my @transports = qw(socketpair pipe tcp pty);
my @users = ('mrose', map { ("$_-marked", "$_-deaf") } @transports);
my $site = Dewey->site(users => { map { $_ => 'secret' } @users },
    mail => { map { $_ => $mbox } @users });

# Bounds of what is measured: never early; late only as far as a busy machine
# may make it.
sub lasted {
	my ($begin, $least, $name) = @_;
	my $seconds = time - $begin;
	cmp_ok $seconds, '>=', $least - 0.05, "$name: not before $least s";
	cmp_ok $seconds, '<', $least + (Dewey::slow() ? 90 : 15),
	    "$name: but then";
}

# Who never stops sending does not get round a limit.
for my $transport (qw(socketpair pipe tcp)) {
	my $o = { transport => $transport };
	for my $case (['a line without end before the login', 'x',
	    sub { $site->start('--log=stderr', '--login-timeout=1', $o) }],
	    ['a line without end', 'x', sub {
		$site->login('mrose', '--log=stderr', '--idle-timeout=1', $o) }]) {
		my ($what, $unit, $start) = @$case;
		my $begin = time;
		my $c = $start->();
		$c->greeting;
		$c->flood($unit, 20);
		lasted($begin, 1, "a flood of $what over $transport");
		is $c->exit_code, 1, '... exit code';
		like $c->stderr, qr/ end=timeout$/m, '... the log';
	}
}

# All sessions wait at the same time.  Each is [name, session, begin].
my @waiting;
for my $transport (@transports) {
	my $o = { transport => $transport };
	my $begin = time;
	my $login = $site->start('--log=stderr', '--login-timeout=1', $o);
	$login->greeting;
	push @waiting, [ '--login-timeout', $login, $begin ];

	my $inside = $site->start('--log=stderr', '--login-timeout=1', $o);
	$inside->greeting;
	$inside->say('USER mrose');
	push @waiting, [ '--login-timeout behind USER', $inside, $begin ];

	$begin = time;
	my $idle = $site->start('--log=stderr', '--idle-timeout=1', $o);
	$idle->greeting;
	push @waiting, [ '--idle-timeout before login', $idle, $begin ];

	my $marked = $site->login("$transport-marked", '--log=stderr',
	    '--idle-timeout=1', $o);
	$marked->say('DELE 1');
	$begin = time;
	$marked->send('QUI');
	push @waiting, [ '--idle-timeout after login', $marked, $begin ];

	# A client that does not read.
	my $deaf = $site->login("$transport-deaf", '--log=stderr',
	    '--idle-timeout=1', $o);
	$deaf->say('DELE 1');
	$begin = time;
	$deaf->send(join '', map { "$_\r\n" } ('RETR 2') x 6, 'QUIT');
	push @waiting, [ 'nobody reads', $deaf, $begin ];
	$_->[0] = "$transport, $_->[0]" for @waiting[-5 .. -1];
}
for (@waiting) {
	my ($name, $c, $begin) = @$_;
	is $c->exit_code, 1, "$name: exit code";
	lasted($begin, 1, $name);
	if ($name =~ /nobody reads/) {
		unlike $c->rest, qr/ERR|signing off/,
		    "$name: nothing else was sent";
	} else {
		is $c->rest, '', "$name: nothing is sent";
	}
	like $c->stderr, qr/ deleted=0 .* end=timeout$/m, "$name: the log";
}
for my $user (@users) {
	ok Dewey::read_file($site->mailbox($user)) eq $mbox,
	    "$user: nothing is deleted";
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
	my $c = $site->login('mrose', '--idle-timeout=4');
	for (1 .. 4) {
		sleep 1.1;
		is $c->say('NOOP'), '+OK', 'a command in time';
	}
	$c->say('QUIT');
	is $c->exit_code, 0, 'exit code';
}

# A client that reads slowly but steadily is not cut off.  Not over TCP, whose
# buffers would hold it all.
for my $transport (qw(socketpair pipe)) {
	my $c = $site->login('mrose', '--idle-timeout=2',
	    { transport => $transport });
	$c->cmd('RETR 2');
	my ($got, $begin) = ('', time);
	while (length $got < 2_700_000) {
		sleep 0.2 if time < $begin + 3;
		$got .= $c->octets(200_000);
	}
	$c->{in} = substr($got, -6) . $c->{in};
	$c->body;
	is $c->say('QUIT'), '+OK dewey POP3 server signing off ' .
	    '(2 messages left)', "$transport: slowly read";
	is $c->exit_code, 0, "$transport: exit code";
}

done_testing;
