#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Refusals: one text and one time whatever the cause, the third closes, and
# what is not the client's fault is no try (RFC 1939 section 13, RFC 3206).
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Digest::MD5 qw(md5_hex);
use Test::More;
use Time::HiRes qw(time);

my $mbox = Dewey::mbox("A: 1\n\ntext\n");
my $site = Dewey->site(users => { mrose => 'secret', frated => 'hoopy',
    broken => 'x' }, secrets => { apop => 'tanstaaf', frated => 'hoopy' },
    mail => { mrose => $mbox, apop => $mbox, broken => 'not an mbox' });
my $users = $site->dir . '/users';
Dewey::write_file($users, Dewey::read_file($users) . "locked:!x\n" .
    "empty:\nforeign:" . crypt('secret', '$5$rounds=1000$x') . ':1:1:::' .
    "\nroot:" . crypt('secret', '$5$rounds=1000$x') . ":0:0:::\n");
my $refused = '-ERR [AUTH] name or credentials refused';
my $digest = 'a' x 32;

# Every cause.
for my $with ([ 'a wrong password', 'mrose', 'PASS Secret' ],
    [ 'an empty password', 'mrose', 'PASS ' ],
    [ 'a long password', 'mrose', 'PASS ' . 'x' x 248 ],
    [ 'an 8-bit password', 'mrose', "PASS \xff\xfe" ],
    [ 'an unknown user', 'zaphod', 'PASS secret' ],
    [ 'a user with a secret', 'frated', 'PASS hoopy' ],
    [ 'a user with nothing but a secret', 'apop', 'PASS tanstaaf' ],
    [ 'a locked user', 'locked', 'PASS x' ],
    [ 'a user without a hash', 'empty', 'PASS ' ],
    [ 'a user of another uid', 'foreign', 'PASS secret' ],
    [ 'a user of uid 0', 'root', 'PASS secret' ],
    [ 'a name with a slash', '../mrose', 'PASS secret' ],
    [ 'a name with a dot in front', '.mrose', 'PASS secret' ],
    [ 'a name of 250 octets', 'x' x 248, 'PASS secret' ],
    [ 'a name that is a format', '%s%n%s%n', 'PASS %s%n' ],
    [ 'a wrong digest', undef, "APOP apop $digest" ],
    [ 'a digest for an unknown user', undef, "APOP zaphod $digest" ],
    [ 'a digest for a user without a secret', undef, "APOP mrose $digest" ],
    [ 'a digest that is none', undef, 'APOP apop x' ],
    [ 'a digest in upper case', undef, 'APOP apop ' . 'A' x 32 ],
    [ 'a digest that is too long', undef, 'APOP apop ' . 'a' x 200 ]) {
	my ($name, $user, $line) = @$with;
	my $c = $site->start;
	$c->greeting;
	for my $try (1 .. 3) {
		$c->say("USER $user") if defined $user;
		my $reply = $c->say($line);
		is $reply, $refused, "$name, try $try" if $try < 3;
		is $reply, "$refused, too many tries", "$name, the last try"
		    if $try == 3;
	}
	is $c->rest, '', "$name: closed";
	is $c->exit_code, 1, "$name: exit code";
}

# The three tries may be of different kinds; what is between does not count
# and does not reset.
{
	my $c = $site->start;
	$c->greeting;
	$c->say('USER mrose');
	is $c->say('PASS x'), $refused, 'mixed: PASS';
	is $c->say('NOOP'), '-ERR NOOP is not valid in the AUTHORIZATION state',
	    'mixed: a command of another state';
	is $c->say("APOP apop $digest"), $refused, 'mixed: APOP';
	$c->multi('CAPA');
	$c->say('USER zaphod');
	is $c->say('PASS x'), "$refused, too many tries", 'mixed: PASS again';
	is $c->rest, '', 'mixed: closed';
}

# The name.
{
	my $c = $site->start;
	$c->greeting;
	my $first = '-ERR PASS comes after USER';
	is $c->say('PASS secret'), $first, 'no name yet';
	$c->say('USER mrose');
	is $c->say('PASS wrong'), $refused, 'a failed PASS';
	is $c->say('PASS secret'), $first, '... forgets the name';
	is $c->say("APOP mrose $digest"), $refused, 'a failed APOP';
	is $c->say('PASS secret'), $first, '... leaves no name behind';
	$c->say('USER mrose');
	is $c->say('QUIT now'), '-ERR QUIT takes no argument',
	    'a syntax error';
	is $c->say('XYZZY'), '-ERR unknown command', 'an unknown command';
	is $c->say('STAT'), '-ERR STAT is not valid in the AUTHORIZATION state',
	    'a command of another state';
	$c->multi('CAPA');
	is $c->say('USER'), '-ERR USER takes a name', 'USER without a name';
	is $c->say('PASS'), '-ERR PASS takes a password', 'PASS alone';
	is $c->say('PASS secret'),
	    "+OK mrose's maildrop has 1 message (14 octets)",
	    '... keep the name';
	$c->say('QUIT');
}

# What is no try: a maildrop in use, trouble with the system.
{
	my $first = $site->login('mrose');
	my $c = $site->start;
	$c->greeting;
	for (1 .. 5) {
		$c->say('USER mrose');
		is $c->say('PASS secret'),
		    '-ERR [IN-USE] maildrop already locked', 'in use';
		$c->say('USER broken');
		is $c->say('PASS x'),
		    '-ERR [SYS/PERM] maildrop is not an mbox', 'not an mbox';
	}
	$c->say('USER mrose');
	is $c->say('PASS x'), $refused, 'a try';
	is $c->say("APOP apop $digest"), $refused, 'another';
	$first->say('QUIT');
	$first->exit_code;
	$c->say('USER mrose');
	like $c->say('PASS secret'), qr/^\+OK/, 'in at last';
	$c->say('QUIT');
	is $c->exit_code, 0, 'exit code';
}

# --hide-users=no.
{
	my $c = $site->start('--hide-users=no');
	$c->greeting;
	my $none = '-ERR [AUTH] sorry, no mailbox for %s here';
	is $c->say('USER mrose'), '+OK mrose is a real hoopy frood',
	    '--hide-users=no: a user';
	is $c->say('USER apop'), '+OK apop is a real hoopy frood',
	    '--hide-users=no: a user with nothing but a secret';
	for my $name ('zaphod', '.mrose', 'root', 'foreign') {
		is $c->say("USER $name"), sprintf($none, $name),
		    "--hide-users=no: $name";
	}
	for my $name ('../mrose', 'x' x 65, "\xe4", '%s') {
		is $c->say("USER $name"),
		    '-ERR [AUTH] sorry, no mailbox here',
		    '--hide-users=no: what is not echoed';
	}
	is $c->say('PASS secret'), '-ERR PASS comes after USER',
	    '--hide-users=no: no name is left';
	$c->say('USER mrose');
	like $c->say('PASS secret'), qr/^\+OK/,
	    '--hide-users=no: USER is no try';
	$c->say('QUIT');
}
{
	my $c = $site->start;
	$c->greeting;
	for my $name ('mrose', 'zaphod', 'locked', 'root', '.x') {
		is $c->say("USER $name"), "+OK $name is a real hoopy frood",
		    "--hide-users=yes: $name";
	}
	$c->say('QUIT');
}

# --greeting-style=plain: the name is in no answer to USER.
for my $hide (qw(yes no)) {
	my $c = $site->start('--greeting-style=plain', "--hide-users=$hide");
	like $c->greeting, qr/^\+OK POP3 server ready/,
	    '--greeting-style=plain: greeting';
	is $c->say('USER mrose'), '+OK send PASS', '... USER';
	is $c->say('USER zaphod'), $hide eq 'yes' ? '+OK send PASS' :
	    '-ERR [AUTH] sorry, no mailbox here', '... of nobody';
	$c->say('USER mrose');
	like $c->say('PASS secret'), qr/^\+OK/, '... PASS';
	$c->say('QUIT');
}

# The n-th refusal comes n times --fail-delay after its question; all causes
# wait at the same time here.
{
	my @causes = ([ 'wrong password', 'mrose', 'PASS x' ],
	    [ 'unknown user', 'zaphod', 'PASS x' ],
	    [ 'wrong digest', undef, "APOP apop $digest" ]);
	my @c = map { $site->start('--fail-delay=1') } @causes;
	$_->greeting for @c;
	for my $try (1 .. 3) {
		my (@begin, @end);
		for my $i (0 .. $#c) {
			my (undef, $user, $line) = @{ $causes[$i] };
			$c[$i]->say("USER $user") if defined $user;
			$begin[$i] = time;
			$c[$i]->cmd($line);
		}
		for my $i (0 .. $#c) {
			like $c[$i]->line, qr/^\Q$refused\E/,
			    "$causes[$i][0], try $try";
			my $seconds = time - $begin[$i];
			cmp_ok $seconds, '>=', $try - 0.02,
			    "... not before $try s";
			cmp_ok $seconds, '<', $try + (Dewey::slow() ? 30 : 8),
			    '... nor much later';
		}
	}
	is $_->exit_code, 1, 'exit code' for @c;
}
{
	# Who is let in does not wait, nor who meets other trouble.
	my $c = $site->start('--fail-delay=60');
	my $begin = time;
	$c->greeting;
	$c->say('USER broken');
	like $c->say('PASS x'), qr/^-ERR \[SYS/, 'trouble';
	$c->say('USER mrose');
	like $c->say('PASS secret'), qr/^\+OK/, 'the right password';
	$c->say('QUIT');
	cmp_ok time - $begin, '<', 30, 'do not wait';
}
{
	# What comes during the delay is answered behind it.
	my $c = $site->start('--fail-delay=1');
	$c->greeting;
	$c->send("USER mrose\r\nPASS x\r\nUSER mrose\r\nPASS secret\r\nQUIT\r\n");
	like $c->line, qr/^\+OK/, 'pipelined: USER';
	is $c->line, $refused, 'pipelined: refused';
	like $c->line, qr/^\+OK/, 'pipelined: USER';
	like $c->line, qr/^\+OK/, 'pipelined: PASS';
	like $c->line, qr/^\+OK/, 'pipelined: QUIT';
}

done_testing;
