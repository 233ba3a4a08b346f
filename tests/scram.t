#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# AUTH SCRAM-SHA-256 (RFC 5802, RFC 7677) with stored keys: one record serves it,
# PLAIN and PASS; who has none looks as if there were one, whenever asked; what
# breaks an exchange costs one -ERR and no try.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use MIME::Base64 ();
use Scram;
use Test::More;

my $mbox = Dewey::mbox("A: 1\n\ntext\n");
my %password = (user => 'pencil', both => 'quill', 'a=b,c' => 'x',
    "j\xc3\xb6rg" => "p\xc3\xa4ss", locked => 'pencil', denied => 'pencil',
    foreign => 'pencil');
my $site = Dewey->site(users => { hashed => 'hoopy' },
    secrets => { both => 'tanstaaf' },
    mail => { map { $_ => $mbox } 'hashed', keys %password });
my $users = $site->dir . '/users';
my $hashed = Dewey::read_file($users);
my $salt = Scram::unb64('W22ZaJ0SNY7soEsUEjb6gQ==');
my $count = 4096;
my %record = map {
	$_ => Scram::stored($password{$_}, substr($salt ^ $_ x 16, 0, 16),
	    $count++)
} sort keys %password;
Dewey::write_file($users, $hashed . join '', map {
	"$_:" . ($_ eq 'locked' ? '!' : '') . $record{$_} .
	    ($_ eq 'foreign' ? ':1:1:::' : '') . "\n"
} sort keys %record);
my $deny = Dewey::write_file($site->dir . '/deny', "denied\n");

my $refused = '-ERR [AUTH] name or credentials refused';
my $malformed = '-ERR malformed authentication exchange';
my $in = qr/^\+OK (?:\S+'s )?maildrop has 1 message \(14 octets\)$/;

sub fresh {
	my $c = $site->start('--log=stderr', "--deny=$deny", @_);
	$c->greeting;
	return $c;
}

sub sasl {
	my ($c) = @_;
	my (undef, $capa) = $c->multi('CAPA');
	return join '|', grep { /^SASL/ } split /\r\n/, $capa;
}

# What is offered.
{
	my $c = fresh('--plaintext=never');
	is sasl($c), 'SASL SCRAM-SHA-256 CRAM-MD5', 'CAPA: the strongest first';
	my (undef, $list) = $c->multi('AUTH');
	is $list, "SCRAM-SHA-256\r\nCRAM-MD5\r\n", 'AUTH lists the same';
	like Scram::login($c, name => 'user', password => 'pencil'), $in,
	    'no passwords in plain text are needed';
	is sasl($c), 'SASL SCRAM-SHA-256 CRAM-MD5', 'the same in TRANSACTION';
	$c->say('QUIT');
	is $c->exit_code, 0, 'exit code';
	like $c->stderr, qr/ user=user peer=\S+ method=scram-sha-256 .*end=quit$/,
	    'the log names the mechanism';
	my $without = Dewey::write_file($site->dir . '/without', $hashed);
	$c = fresh("--users=$without");
	is sasl($c), 'SASL CRAM-MD5 PLAIN', 'nobody has a key: not offered';
	is Scram::login($c, name => 'hashed', password => 'hoopy'),
	    '-ERR no such mechanism, AUTH alone lists them', '... refused';
	Dewey::write_file($without, "user:$record{user}\n");
	$c->say('QUIT');
}

# Who gets in, and that one record serves all.
for my $name ('user', 'a=b,c', "j\xc3\xb6rg", 'both') {
	my $c = fresh();
	like Scram::login($c, name => $name, password => $password{$name}), $in,
	    "$name: SCRAM-SHA-256";
	$c->say('QUIT');
	next if $name eq 'both';
	$c = fresh();
	$c->say("USER $name");
	like $c->say("PASS $password{$name}"), $in, "$name: PASS";
	$c->say('QUIT');
	$c = fresh();
	like $c->say('AUTH PLAIN ' . Scram::b64("\0$name\0$password{$name}")),
	    $in, "$name: PLAIN";
	$c->say('QUIT');
}
for my $case ([ 'authzid equal to the name', header => 'n,a=user,' ],
    [ 'a client that could bind', header => 'y,,' ],
    [ 'an extension', extension => ',x=1' ],
    [ 'a nonce of one octet', nonce => '!' ],
    [ 'a long nonce', nonce => 'x' x 510 ]) {
	my ($what, @how) = @$case;
	my $c = fresh();
	my $said = $c->say('AUTH SCRAM-SHA-256');
	is $said, '+ ', "$what: an empty challenge";
	my %o = (name => 'user', password => 'pencil', nonce => 'abc', @how);
	$said = $c->say(Scram::b64(Scram::first(%o)));
	my ($final, $signature) = Scram::final(Scram::unb64(
	    ($said // '') =~ /^\+ (\S+)$/), %o);
	is $c->say(Scram::b64($final)), '+ ' . Scram::b64($signature),
	    "$what: the server's signature";
	like $c->say(''), $in, "$what: is let in";
	$c->say('QUIT');
}

# Refusals: tries as all others.  Their form is that of others.
for my $case ([ 'a wrong password', 'user', 'Pencil' ],
    [ 'an unknown user', 'zaphod', 'pencil' ],
    [ 'a user with a hash', 'hashed', 'hoopy' ],
    [ 'a locked user', 'locked', 'pencil' ],
    [ 'a user of another uid', 'foreign', 'pencil' ],
    [ 'a denied user', 'denied', 'pencil' ],
    [ 'a name that cannot be', '../user', 'pencil' ]) {
	my ($what, $name, $password) = @$case;
	my $c = fresh();
	my @seen;
	my $try = sub { return Scram::login($c, name => $name,
	    password => $password, see => sub { push @seen, $_[0] }) };
	is $try->(), $refused, "$what: refused";
	$c->say("USER $name");
	is $c->say('PASS x'), $refused, "$what: a second try";
	is $try->(), "$refused, too many tries", "$what: the third is the last";
	is $c->exit_code, 1, "$what: exit code";
	is scalar(grep { /refused login / } split /\n/, $c->stderr), 3,
	    "$what: three lines";
	my @parts = map { [ Scram::parts($_) ] } @seen;
	is scalar(@parts), 2, "$what: two challenges";
	isnt $parts[0][0], $parts[1][0], '... two nonces';
	is $parts[0][1], $parts[1][1], '... the same salt';
	is length $parts[0][1], 16, '... as long as others';
	is $parts[0][2], $parts[1][2], '... the same count';
	ok $parts[0][2] >= 4096 && $parts[0][2] < $count, '... that somebody has';
}

# Names that nobody has keep their salts over sessions, have different ones, and
# all the counts that others have.
{
	my (%salt, %counts);
	for my $round (1, 2) {
		for my $name (map { "nobody$_" } 1 .. 40) {
			my $c = fresh();
			my $said = $c->say('AUTH SCRAM-SHA-256 ' . Scram::b64(
			    Scram::first(name => $name, nonce => 'x')));
			my (undef, $salt, $i) = Scram::parts(Scram::unb64(
			    ($said // '') =~ /^\+ (\S+)$/));
			is "$salt/$i", $salt{$name}, 'the same as before'
			    if $round == 2;
			$salt{$name} = "$salt/$i";
			$counts{$i} = 1;
			$c->close;
		}
	}
	is scalar(keys %{ { map { $_ => 1 } values %salt } }), 40,
	    'forty salts';
	cmp_ok scalar(keys %counts), '>', 3, 'counts differ as those of users';
	my %real = map { (split /[},]/, $record{$_})[2] => 1 } keys %record;
	is scalar(grep { $real{Scram::b64(substr $_, 0, 16)} } values %salt), 0,
	    'no salt is somebody\'s';
}

# What breaks an exchange: [reason, reply, messages, decoded].  A code makes the
# message from the one before of the server.
my @user = (name => 'user', password => 'pencil', nonce => 'abc');
my $first = Scram::first(@user);
sub last_of { my @o = (@user, @_); return sub { (Scram::final($_[0], @o))[0] } }
for my $case (
    [ 'form', '' ],
    [ 'form', 'n,,' ],
    [ 'form', 'n,n=user,r=abc' ],
    [ 'form', 'x,,n=user,r=abc' ],
    [ 'form', 'n,,n=user' ],
    [ 'form', 'n,,n=user,r=' ],
    [ 'form', 'n,,r=abc,n=user' ],
    [ 'form', 'n,,n=,r=abc' ],
    [ 'form', 'n,,m=x,n=user,r=abc' ],
    [ 'form', 'n,,n=us=er,r=abc' ],
    [ 'form', 'n,,n=us=2cer,r=abc' ],
    [ 'form', 'n,,n=user=,r=abc' ],
    [ 'form', "n,,n=us\0er,r=abc" ],
    [ 'form', "n,,n=user,r=a\tbc" ],
    [ 'form', 'n,,n=' . 'x' x 256 . ',r=abc' ],
    [ 'form', 'n,,n=user,r=' . 'x' x 511 ],
    [ 'form', 'n,a=,n=user,r=abc' ],
    [ 'channel-binding', 'p=tls-exporter,,n=user,r=abc' ],
    [ 'channel-binding', 'p=tls-unique,,n=user,r=abc' ],
    [ 'other-user', 'n,a=both,n=user,r=abc' ],
    [ 'base64', \'!' ],
    [ 'cancelled', \'*' ],
    [ 'cancelled', $first, \'*' ],
    [ 'form', $first, '' ],
    [ 'form', $first, $first ],
    [ 'base64', $first, \'QUIT NOW' ],
    [ 'form', $first, sub { last_of()->($_[0]) =~ s/,p=.*//r } ],
    [ 'form', $first, sub { last_of()->($_[0]) =~ s/,p=.*/,p=YWJj/r } ],
    [ 'form', $first, sub { last_of()->($_[0]) =~ s/p=/q=/r } ],
    [ 'form', $first, sub { last_of()->($_[0]) . ',x=1' } ],
    [ 'form', $first, sub { last_of()->($_[0]) =~ s/c=biws/c=!/r } ],
    [ 'channel-binding', $first, last_of(binding => 'y,,') ],
    [ 'channel-binding', $first, last_of(binding => 'p=tls-unique,,x') ],
    [ 'channel-binding', $first, last_of(binding => 'n,,x') ],
    [ 'nonce', $first, last_of(other => 'abc') ],
    [ 'nonce', $first, sub { last_of(other => (Scram::parts($_[0]))[0] .
	'x')->($_[0]) } ],
    [ 'nonce', $first, last_of(other => 'x' x 100) ],
    [ 'cancelled', $first, last_of(), \'*' ],
    [ 'form', $first, last_of(), 'x' ]) {
	my ($why, @messages) = @$case;
	my $c = fresh();
	for my $round (1 .. 4) {
		my $said = $c->say('AUTH SCRAM-SHA-256') // '';
		for my $message (@messages) {
			my ($text) = $said =~ /^\+ (\S*)$/ or last;
			my $octets = ref $message eq 'CODE' ?
			    $message->(Scram::unb64($text)) : $message;
			$said = $c->say(ref $octets ? $$octets :
			    Scram::b64($octets)) // '';
		}
		my $reply = $why eq 'cancelled' ?
		    '-ERR authentication cancelled' : $why eq 'other-user' ?
		    '-ERR [AUTH] nobody may log in for another user' :
		    $malformed;
		is $said, $reply, "$why, round $round";
	}
	like Scram::login($c, @user), $in, "$why: the session lives";
	$c->say('QUIT');
	$c->exit_code;
	is scalar(grep { /broken login peer=\S+ method=scram-sha-256 why=$why$/ }
	    split /\n/, $c->stderr), 4, "$why: four lines in the log";
}

# A proof is for one challenge.
{
	my $c = fresh();
	my ($said, $final);
	$said = $c->say('AUTH SCRAM-SHA-256 ' . Scram::b64($first));
	($final) = Scram::final(Scram::unb64($said =~ /^\+ (\S+)$/), @user);
	$c->say('*');
	$said = $c->say('AUTH SCRAM-SHA-256 ' . Scram::b64($first));
	is $c->say(Scram::b64($final)), $malformed,
	    'the answer to the challenge before';
	like Scram::login($c, @user), $in, '... and to the right one';
	$c->say('QUIT');
}

# What comes behind the last line belongs to the session.
{
	my $c = fresh();
	my $said = $c->say('AUTH SCRAM-SHA-256 ' . Scram::b64($first));
	my ($final) = Scram::final(Scram::unb64($said =~ /^\+ (\S+)$/), @user);
	$c->send(Scram::b64($final) . "\r\n\r\nSTAT\r\nQUIT\r\n");
	like $c->line, qr/^\+ /, 'pipelined: the signature';
	like $c->line, $in, 'pipelined: in';
	is $c->line, '+OK 1 14', 'pipelined: STAT';
	like $c->line, qr/^\+OK .*signing off/, 'pipelined: QUIT';
}

done_testing;
