#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# --login-delay (RFC 2449 section 6.5): announced, and kept between sessions and
# processes; it is the login that counts, not what the session did.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Test::More;

my $mail = Dewey::mbox("Subject: one\n\nbody\n", "Subject: two\n\nbody\n");
my $site = Dewey->site(users => { mrose => 'secret', trillian => 'secret', none => 'secret' },
    mail => { mrose => $mail, trillian => $mail, none => '' });

# A login; returns the session and the answer.
sub login {
	my ($name, @flags) = @_;
	my $c = $site->start(@flags);
	$c->greeting;
	$c->say("USER $name");
	return ($c, $c->say('PASS secret') // '');
}

sub end {
	my ($c) = @_;
	$c->say('QUIT');
	$c->close;
	return $c->exit_code;
}

my @delay = ('--login-delay=60');
my $early = qr/^-ERR \[LOGIN-DELAY\] .*\bwait\b/;

# Turn the last login of ${name} back by so many seconds, or from ${time}.
sub turn_back {
	my ($name, $seconds, $time) = @_;
	my ($file) = glob $site->dir . "/spool/.$name.dewey";
	my ($atime, $mtime) = (stat $file)[8, 9];
	utime +($time // $atime) - $seconds, $mtime, $file or die "$file: $!";
}

# CAPA, in both states.
my $c = $site->start(@delay);
$c->greeting;
like scalar $c->multi('CAPA'), qr/^LOGIN-DELAY 60\r?$/m, 'CAPA announces it';
end($c);
$c = $site->start;
$c->greeting;
unlike scalar $c->multi('CAPA'), qr/LOGIN-DELAY/,
    '... only where there is one';
end($c);

for my $name (qw(mrose trillian)) {
	(my $s, my $answer) = login($name, @delay);
	like $answer, qr/^\+OK/, "$name: the first login";
	like scalar $s->multi('CAPA'), qr/^LOGIN-DELAY 60\r?$/m,
	    "$name: CAPA after login";
	is end($s), 0, "$name: its end";
	for my $try (1 .. 4) {
		($s, $answer) = login($name, @delay);
		like $answer, $early, "$name: at once: try $try";
	}
	like $s->say("USER $name") // '', qr/^\+OK/, "$name: it is no try";
	like $s->say('PASS secret') // '', $early, "$name: ... nor is another";
	end($s);
	($s, $answer) = login($name);
	like $answer, qr/^\+OK/, "$name: without the option nobody asks";
	end($s);
	# On a busy machine two seconds may have gone.
	for (1 .. 20) {
		my $begin = time;
		turn_back($name, 58, $begin);
		($s, $answer) = login($name, @delay);
		end($s);
		last if time < $begin + 2;
	}
	like $answer, $early, "$name: two seconds too early";
	turn_back($name, 60);
	($s, $answer) = login($name, @delay);
	like $answer, qr/^\+OK/, "$name: late enough";
	# Another session is in use, whatever the time is.
	my ($second, $refusal) = login($name, @delay);
	like $refusal, qr/^-ERR \[IN-USE\]/, "$name: in use";
	end($second);
	end($s);
	turn_back($name, -1000);
	($s, $answer) = login($name, @delay);
	like $answer, qr/^\+OK/, "$name: a clock that was set back locks nobody out";
	end($s);
}

# An UPDATE writes to the same file: the time of the login stays.
turn_back('mrose', 60);
(my $s, my $answer) = login('mrose', @delay);
like $answer, qr/^\+OK/, 'a session that deletes';
# The keeper notes the login, while the session says that it is one.
$s->wait_for(sub {
	(stat $site->dir . '/spool/.mrose.dewey')[8] > time - 30;
});
turn_back('mrose', 59);
like $s->say('DELE 1') // '', qr/^\+OK/, '... does';
is end($s), 0, '... and its UPDATE';
turn_back('mrose', 2);
($s, $answer) = login('mrose', @delay);
like $answer, qr/^\+OK/, '... does not count as a login';
like $answer, qr/has 1 message/, '... and was done';
end($s);

# A refused login does not begin the time anew.
turn_back('mrose', 60);
$c = $site->start(@delay);
$c->greeting;
$c->say('USER mrose');
like $c->say('PASS wrong') // '', qr/^-ERR \[AUTH\]/, 'a wrong password';
end($c);
($s, $answer) = login('mrose', @delay);
like $answer, qr/^\+OK/, '... is no login';
end($s);

# Who has no mail has nothing that the time could be kept in.
for my $try (1, 2) {
	(my $s, my $answer) = login('none', @delay);
	like $answer, qr/^\+OK/, "no mail, no delay: try $try";
	end($s);
}

done_testing;
