#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# TERM, HUP and INT end a session at once and without an update wherever it
# waits; inside UPDATE they wait, and QUIT is answered truthfully.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Processes;
use Test::More;
use Time::HiRes qw(sleep time);

my $one = "Subject: one\n\nThe first.\n";
my $big = "Subject: big\n\n" . ('x' x 70 . "\n") x 20000;
my $mbox = Dewey::mbox($one, $big);
my $site = Dewey->site(users => { mrose => 'secret' },
    mail => { mrose => $mbox });
my $box = $site->mailbox('mrose');
my $least = Dewey::slow() ? 60 : 8;

my %places = (
	'before USER' => sub {
		my $c = $site->start('--log=stderr');
		$c->greeting;
		return $c;
	},
	'behind USER' => sub {
		my $c = $site->start('--log=stderr');
		$c->greeting;
		$c->say('USER mrose');
		return $c;
	},
	'in the delay of a refusal' => sub {
		my $c = $site->start('--log=stderr', '--fail-delay=20');
		$c->greeting;
		$c->say('USER mrose');
		$c->cmd('PASS wrong');
		sleep 0.3;
		return $c;
	},
	'after the login' => sub {
		my $c = $site->login('mrose', '--log=stderr');
		$c->say('DELE 1');
		return $c;
	},
	'inside a command' => sub {
		my $c = $site->login('mrose', '--log=stderr');
		$c->say('DELE 1');
		$c->send('QUIT');
		$c->taken;
		return $c;
	},
	'while nobody reads' => sub {
		my $c = $site->login('mrose', '--log=stderr');
		$c->say('DELE 1');
		$c->send("RETR 2\r\n" x 9 . "QUIT\r\n");
		sleep 0.3;
		return $c;
	},
);
for my $place (sort keys %places) {
	for my $signal (qw(TERM HUP INT)) {
		my $c = $places{$place}();
		my $begin = time;
		$c->kill($signal);
		is $c->exit_code, 1, "SIG$signal $place: exit code";
		cmp_ok time - $begin, '<', $least, "SIG$signal $place: at once";
		my $rest = $c->rest;
		is $rest, '', "SIG$signal $place: nothing is said"
		    if $place ne 'while nobody reads';
		unlike $rest, qr/ERR|signing off/,
		    "SIG$signal $place: QUIT was not reached";
		like $c->stderr, qr/ end=signal$/m,
		    "SIG$signal $place: the log";
		ok Dewey::read_file($box) eq $mbox,
		    "SIG$signal $place: the mailbox is whole";
		ok !-e "$box.lock", "SIG$signal $place: no dot-lock is left";
	}
}

# Clients that never let the session wait for long.
for my $signal (qw(TERM HUP INT)) {
	my $c = $site->login('mrose', '--log=stderr');
	my $begin = time;
	my $answers = 0;
	$c->say('DELE 1');
	$c->kill($signal);
	while (time - $begin < $least) {
		last unless ($c->say('NOOP') // '') eq '+OK';
		$answers++;
	}
	cmp_ok time - $begin, '<', $least,
	    "SIG$signal amid commands: at once ($answers more)";
	is $c->exit_code, 1, "SIG$signal amid commands: exit code";
	like $c->stderr, qr/ end=signal$/m, "SIG$signal amid commands: the log";
}
for my $transport (qw(socketpair pipe tcp)) {
	my @o = ('--log=stderr', { transport => $transport });
	for my $case (['a line without end before the login', 'x',
	    sub { $site->start(@o) }],
	    ['commands', "NOOP\r\n", sub { $site->login('mrose', @o) }],
	    ['a line without end', 'x', sub { $site->login('mrose', @o) }]) {
		my ($what, $unit, $start) = @$case;
		my $c = $start->();
		$c->greeting;
		my $begin = time;
		$c->flood($unit, $least, sub { $c->kill('TERM') });
		cmp_ok time - $begin, '<', $least,
		    "SIGTERM in a flood of $what over $transport: at once";
		is $c->exit_code, 1, '... exit code';
		like $c->stderr, qr/ end=signal$/m, '... the log';
	}
}

# Waits until the session has read its command, and sleeps: inside UPDATE.
sub waits {
	my ($c) = @_;
	$c->taken;
	my ($session) = Processes::below($c->pid);
	$c->wait_for(sub { Processes::sleeps($session // $c->pid) });
}

# Inside UPDATE: somebody's dot-lock makes it wait there.
for my $signals ([ 'TERM' ], [ 'HUP' ], [ 'INT' ], [ qw(TERM HUP INT TERM) ]) {
	my $c = $site->login('mrose', '--log=stderr');
	$c->say('DELE 1');
	Dewey::write_file("$box.lock", '');
	$c->cmd('QUIT');
	waits($c);
	$c->kill($_) for @$signals;
	sleep 0.2;
	ok Dewey::read_file($box) eq $mbox, "@$signals in UPDATE: it waits";
	unlink "$box.lock";
	is $c->line, '+OK dewey POP3 server signing off (1 message left)',
	    "@$signals in UPDATE: QUIT is answered";
	is $c->exit_code, 0, "@$signals in UPDATE: exit code";
	like $c->stderr, qr/ deleted=1 left=1 .* end=quit$/m,
	    "@$signals in UPDATE: the log";
	ok Dewey::read_file($box) eq Dewey::mbox($big),
	    "@$signals in UPDATE: it was done";
	Dewey::write_file($box, $mbox);
}
{
	my $c = $site->login('mrose', '--log=stderr', '--lock-timeout=1');
	$c->say('DELE 1');
	Dewey::write_file("$box.lock", '');
	$c->cmd('QUIT');
	waits($c);
	$c->kill('TERM');
	is $c->line, '-ERR [SYS/TEMP] some deleted messages not removed',
	    'TERM in an UPDATE that fails: QUIT is answered';
	is $c->exit_code, 111, 'exit code';
	ok Dewey::read_file($box) eq $mbox, 'the mailbox is whole';
	ok -e "$box.lock", 'the dot-lock of another is left alone';
	unlink "$box.lock";
}

# A login that waits for a lock has promised nothing yet.
for my $signal (qw(TERM HUP INT)) {
	my $c = $site->start('--log=stderr', '--lock-timeout=60');
	my $begin = time;
	Dewey::write_file("$box.lock", '');
	$c->greeting;
	$c->say('USER mrose');
	$c->cmd('PASS secret');
	$c->wait_for(sub { Processes::below($c->pid) });
	$c->kill($signal);
	is $c->exit_code, 1, "SIG$signal while a login waits: exit code";
	cmp_ok time - $begin, '<', 30, '... at once';
	like $c->stderr, qr/ end=signal$/m, '... the log';
	is join(' ', glob "$site->{dir}/spool/.mrose.lock*"), '', '... nothing left';
	ok Dewey::read_file($box) eq $mbox, '... the mailbox is whole';
	unlink "$box.lock";
}

# A client that has gone is no signal, and a parent that ignores SIGHUP (nohup)
# does not make it immortal.
{
	my $c = $site->login('mrose', '--log=stderr', { wrapper =>
	    [ 'sh', '-c', 'trap "" HUP TERM PIPE; exec "$@"', 'sh' ] });
	$c->kill('TERM');
	is $c->exit_code, 1, 'ignored by the parent: exit code';
	like $c->stderr, qr/ end=signal$/m, 'ignored by the parent: the log';
}

# One that ignores its children changes no exit code.
{
	my $c = $site->login('mrose', '--log=stderr', { wrapper =>
	    [ $^X, '-e', '$SIG{CHLD} = "IGNORE"; exec @ARGV' ] });
	$c->say('QUIT');
	is $c->exit_code, 0, 'children ignored by the parent: exit code';
	unlike $c->stderr, qr/ could not | was killed /,
	    'children ignored by the parent: the log';
}

done_testing;
