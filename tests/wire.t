#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Lines in, whatever their shape and however they are cut into packets; what is
# no command is answered once and never executed (RFC 1939 section 3, RFC 2449
# section 4); --verbose shows the dialogue without its secrets.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Digest::MD5 qw(md5_hex);
use Test::More;

my $mbox = Dewey::mbox("Subject: one\n\nThe first.\n", "Subject: two\n\n.\n");
my $site = Dewey->site(users => { mrose => 'secret', "m\xf6se" => "p\xe4ss" },
    secrets => { apop => 'tanstaaf' },
    mail => { mrose => $mbox, "m\xf6se" => $mbox, apop => $mbox });

sub shown {
	return $_[0] =~ s/([^!-~ ])/sprintf '\\x%02x', ord $1/ger
	    =~ s/(.{50}).+/$1.../r;
}

# The same session, packed differently.
my @commands = ('CAPA', 'USER mrose', 'PASS secret', 'STAT', 'LIST', 'UIDL',
    'RETR 2', 'TOP 1 0', 'DELE 1', 'XYZZY', 'STAT', 'RSET', 'LIST 3', 'QUIT');
my %answers;
for my $end ("\r\n", "\n") {
	my $octets = join '', map { "$_$end" } @commands;
	my $kind = $end eq "\n" ? 'LF' : 'CRLF';
	my %ways = (
		'line by line' => sub {
			my ($c) = @_;
			for my $command (@commands) {
				$c->send("$command$end");
				$c->taken;
			}
		},
		'in one packet' => sub { $_[0]->send($octets) },
		'an octet a packet' => sub {
			for my $octet (split //, $octets) {
				$_[0]->send($octet);
				$_[0]->taken;
			}
		},
	);
	for my $way (sort keys %ways) {
		my $c = $site->start('--secrets=none');
		$ways{$way}($c);
		my $got = $c->rest;
		$answers{$kind} //= $got;
		is $got, $answers{$kind}, "$kind, $way: the same answers";
		is $c->exit_code, 0, "$kind, $way: exit code";
	}
}
is $answers{LF}, $answers{CRLF}, 'LF and CRLF get the same answers';
like $answers{LF}, qr/\+OK 2 messages.*\+OK 1 /s, 'they are answers';
is Dewey::read_file($site->mailbox('mrose')), $mbox, 'the mailbox is whole';

# What is malformed.  The command in it would delete.
my $c = $site->login('mrose');
for my $octet (map { chr } grep { $_ != 10 } 0 .. 31, 127) {
	my $name = sprintf 'octet \\x%02x', ord $octet;
	for my $line ("DELE 1$octet", "DELE${octet}1", "${octet}DELE 1") {
		# A CR in front of the line end is the line end's.
		next if $line eq "DELE 1\r";
		$c->send("$line\nNOOP\n");
		is $c->line, '-ERR malformed command', "$name is malformed";
		is $c->line, '+OK', "$name is answered once";
		# Twenty bad commands would end the session.
		$c->say('QUIT'), $c = $site->login('mrose') if $octet eq
		    chr(ord($octet) & ~3) && $line =~ /^DELE 1/;
	}
}
$c->say('QUIT');
$c = $site->login('mrose');
for my $line ("RETR \xb9", "\xe9", "DELE 1\xa0", "\xc3\x84", "D\xc9LE 1",
    "NOOP \xff", "USER \xe9", "PASS \xe9", "TOP 1 \xb2") {
	$c->send("$line\r\nNOOP\r\n");
	like $c->line, qr/^-ERR [^\[]/, '8-bit: ' . shown($line);
	is $c->line, '+OK', '8-bit: answered once';
}
is $c->say('STAT'), '+OK 2 47', 'nothing was executed';
is $c->say('QUIT'), '+OK dewey POP3 server signing off (2 messages left)',
    'nor deleted';

# Where 8-bit octets may stand, and blanks.
$c = $site->start;
$c->greeting;
like $c->say("APOP m\xf6se " . 'a' x 32), qr/^-ERR \[AUTH\] /,
    '8-bit octets in the name of APOP';
like $c->say("TOP 1 \xb2"), qr/^-ERR [^\[]/, '... but in no number';
is $c->say("USER m\xf6se"), '+OK send PASS', '... of USER, not echoed';
is $c->say("PASS p\xe4ss"), '+OK maildrop has 2 messages (47 octets)',
    'and of PASS';
$c->say('QUIT');
$c = $site->start;
$c->greeting;
is $c->say('USER    mrose   '), '+OK mrose is a real hoopy frood',
    'blanks around a name';
$c->say('USER mrose');
like $c->say('PASS  secret'), qr/^-ERR \[AUTH\]/,
    'blanks before a password count';
$c->say('USER mrose');
like $c->say('PASS secret '), qr/^-ERR \[AUTH\]/,
    'blanks behind a password count';
$c->send('APOP    apop    ' . md5_hex($c->timestamp . 'tanstaaf') . "  \r\n");
is $c->line, '+OK maildrop has 2 messages (47 octets)',
    'blanks around the arguments of APOP';
$c->say('QUIT');
$c = $site->start('--secrets=none');
$c->greeting;
is $c->say('USER'), '-ERR USER takes a name', 'USER alone';
is $c->say('USER  '), '-ERR USER takes a name', 'USER and blanks';
is $c->say('USER a b'), '-ERR USER takes a name', 'USER with two names';
is $c->say('APOP a ' . 'a' x 32), '-ERR [SYS/PERM] APOP is not available',
    'APOP without secrets';
for my $name ('a', 'A.b-c_d+e@f.G', '7', 'x' x 64, '.', '..') {
	is $c->say("USER $name"), "+OK $name is a real hoopy frood",
	    "USER $name is echoed";
}
for my $name ('x' x 65, 'x' x 248, 'a/b', 'a*b', '<a>', 'a"b', 'a%sb', '%n%n',
    'a\\b', "\xe9") {
	is $c->say("USER $name"), '+OK send PASS',
	    'not echoed: ' . shown($name);
}
for my $name (qw(STAT LIST RETR DELE NOOP RSET TOP UIDL)) {
	is $c->say("$name 1"),
	    "-ERR $name is not valid in the AUTHORIZATION state",
	    "$name before login";
	is $c->say(lc $name),
	    "-ERR $name is not valid in the AUTHORIZATION state",
	    "$name in lower case";
}
is $c->say('QUIT now'), '-ERR QUIT takes no argument', 'QUIT with junk';
is $c->say('quit'), '+OK dewey POP3 server signing off', 'quit';
is $c->exit_code, 0, 'exit code';

# Controls are nowhere, also not where 8-bit octets may stand.
for my $octet (map { chr } grep { $_ != 10 } 0 .. 31, 127) {
	my $c = $site->start('--secrets=none');
	$c->greeting;
	my $name = sprintf 'octet \\x%02x', ord $octet;
	is $c->say("USER m${octet}rose"), '-ERR malformed command',
	    "$name in a name";
	$c->say('USER mrose');
	is $c->say("PASS sec${octet}ret"), '-ERR malformed command',
	    "$name in a password";
	like $c->say('PASS secret'), qr/^\+OK mrose/,
	    '... which was not tried, and the name is kept';
	$c->say('QUIT');
}

# Over-long, of any octets: one answer, drained to its LF.
$c = $site->login('mrose');
for my $line ('DELE 1' . "\0" x 300, 'DELE 1' . "\r" x 300, "\xff" x 5000,
    'DELE 1 ' x 1000, "\r" x 256, 'DELE 1' . ' ' x 249 . "\r") {
	$c->send("$line\nNOOP\n");
	is $c->line, '-ERR line too long', 'too long: ' . shown($line);
	is $c->line, '+OK', 'answered once';
}
$c->send('x' x 100);
$c->taken;
$c->send('y' x 200);
$c->taken;
$c->send("DELE 1\r\n");
is $c->line, '-ERR line too long', 'too long in three packets';
$c->send('x' x 254);
$c->taken;
$c->send("\n");
is $c->line, '-ERR unknown command', '255 octets in two packets';
$c->send('x' x 255);
$c->taken;
$c->send("\n");
is $c->line, '-ERR line too long', '256 octets in two packets';
$c->send('x' x 254 . "\r");
$c->taken;
$c->send("\n");
is $c->line, '-ERR line too long', '256 octets, cut inside CR LF';
is $c->say('STAT'), '+OK 2 47', 'nothing was executed';
$c->say('QUIT');

# What no line end follows is no command.
for my $last ('QUIT', "QUIT\r", 'DELE 2', 'Q', 'x' x 1000) {
	my $c = $site->login('apop', '--log=stderr');
	is $c->say('DELE 1'), '+OK message 1 deleted', 'DELE 1';
	$c->send($last);
	$c->close_write;
	is $c->rest, '', 'unterminated: no answer: ' . shown($last);
	is $c->exit_code, 1, 'unterminated: exit code';
	like $c->stderr, qr/ deleted=0 left=2 .* end=eof$/m,
	    'unterminated: the log';
	is Dewey::read_file($site->mailbox('apop')), $mbox,
	    'unterminated: nothing is deleted';
}
for my $with ([ '', 0 ], [ 'NOOP', 1 ], [ 'QUIT', 1 ], [ "NOOP\r\n", 0 ],
    [ "USER mrose\r\nPASS x\r\n", 0 ]) {
	my ($octets, $code) = @$with;
	my $c = $site->start;
	$c->send($octets);
	$c->close_write;
	$c->rest;
	is $c->exit_code, $code,
	    'end of input before login: ' . shown($octets);
}
for my $with ([ "NOOP\r\n", 0 ], [ 'NOOP', 1 ], [ "DELE 1\r\nRSET\r\n", 0 ],
    [ "DELE 1\r\n", 1 ], [ "RETR 1\r\n", 0 ]) {
	my ($octets, $code) = @$with;
	my $c = $site->login('apop');
	$c->send($octets);
	$c->close_write;
	$c->rest;
	is $c->exit_code, $code, 'end of input after login: ' . shown($octets);
}

# Twenty bad commands in a row, of all kinds; one that is none begins anew.
$c = $site->start('--secrets=none');
$c->greeting;
for (1 .. 9) {
	is $c->say('XYZZY'), '-ERR unknown command', 'bad: unknown';
	is $c->say("\tX"), '-ERR malformed command', 'bad: malformed';
	is $c->say('x' x 300), '-ERR line too long', 'bad: too long';
	is $c->say(''), '-ERR unknown command', 'bad: empty';
	like $c->say($_ % 2 ? 'STAT' : 'USER'), qr/^-ERR/,
	    'not bad: another state, or no argument';
}
like $c->say('XYZZY'), qr/^-ERR unknown/, 'bad: the last before the login';
$c->say('USER mrose');
like $c->say('PASS secret'), qr/^\+OK/, 'login';
# tcllib's pop3 2.0 asks LAST before each RETR and DELE.
for (1 .. 30) {
	like $c->say('LAST'), qr/^-ERR/, 'LAST';
	like $c->say('RETR 1'), qr/^\+OK/, '... RETR';
	$c->body;
	like $c->say('XYZZY'), qr/^-ERR unknown/, 'bad: after the login';
	like $c->say('LIST x'), qr/^-ERR/, 'not bad: a wrong argument';
	like $c->say('LIST 9'), qr/^-ERR/, 'not bad: no such message';
}
for my $old ('LAST', 'RPOP x', 'XTND XMIT', 'XTND XLST Subject', 'XSENDER 1',
    'GURL', 'AUTH') {
	like $c->say($old), qr/^-ERR \w+ is not valid/, "not bad: $old"
	    for 1 .. 25;
}
$c->say('DELE 1');
is $c->say('XYZZY'), '-ERR unknown command', "bad $_ in a row" for 1 .. 19;
$c->send("XYZZY\r\nQUIT\r\n");
is $c->line, '-ERR too many bad commands', 'the twentieth';
is $c->rest, '', 'ends the session';
is $c->exit_code, 1, 'exit code';
is Dewey::read_file($site->mailbox('mrose')), $mbox, 'without an update';

# Nobody has a server talk for ever before login, not even with good commands.
for my $with ([ 'CAPA', 1201 ], [ 'NOOP', 101 ], [ "X\r\nCAPA", 651 ],
    [ 'x' x 300 . "\r\nCAPA", 1302 ], [ 'USER mrose', 101 ]) {
	my ($flood, $lines) = @$with;
	my $c = $site->start('--secrets=none', '--log=stderr');
	$c->greeting;
	$c->send("$flood\r\n" x 5000);
	my $said = $c->rest;
	like $said, qr/\r\n-ERR too many bad commands\r\n\z/,
	    shown($flood) . ': a flood is cut off';
	cmp_ok scalar(() = $said =~ /\n/g), '<=', $lines,
	    '... and not much is answered';
	is $c->exit_code, 1, '... exit code';
	like $c->stderr, qr/ end=bad-commands$/m, '... the log';
}
$c = $site->start('--secrets=none');
$c->greeting;
$c->multi('CAPA') for 1 .. 30;
like $c->say('NOOP'), qr/^-ERR/, 'thirty CAPA and NOOP are no flood' for 1 .. 30;
$c->say('USER mrose');
like $c->say('PASS secret'), qr/^\+OK/, '... login';
$c->say('NOOP') for 1 .. 200;
is $c->say('NOOP'), '+OK', '... after which there is no such limit';
$c->say('QUIT');

# --verbose.
for my $lines ([ 'USER mrose', 'PASS Wr0ng', 'pass Wr1ng', ' PASS Wr2ng' ],
    [ "PASS Wr3ng\0", 'PASS Wr4ng' . 'g' x 300, 'USER mrose',
    "PASS Wr5ng\xe9", 'PASS Wr6ng' ],
    [ 'APOP apop DIGEST', 'apop apop  DIGEST' ],
    [ "APOP apop \xe9DIGEST", 'APOP  apop DIGEST x', 'APOP DIGEST',
    ' APOP apop DIGEST' ]) {
	my $c = $site->start('--verbose');
	my $digest = md5_hex($c->timestamp . 'wrong');
	for my $line (@$lines) {
		like $c->say($line =~ s/DIGEST/$digest/r), qr/^-ERR|^\+OK mrose/,
		    '--verbose: ' . shown($line);
	}
	$c->say('QUIT');
	$c->exit_code;
	unlike $c->stderr, qr/Wr\dng|$digest/, '--verbose: secrets are masked';
}
$c = $site->login('mrose', '--verbose');
$c->say('STAT');
$c->say('PASS secret');
$c->say("X\xe9\x1b[31m");
$c->say('QUIT');
$c->exit_code;
my $log = $c->stderr;
like $log, qr/^C: USER mrose$/m, '--verbose: a command';
like $log, qr/^S: \+OK mrose is a real hoopy frood$/m, '--verbose: a reply';
like $log, qr/^C: PASS\b/m, '--verbose: PASS without its password';
like $log, qr/^C: STAT\nS: \+OK 2 47$/m, '--verbose: STAT';
unlike $log, qr/secret(?!\))/, '--verbose: no password in any state';
unlike $log, qr/[^\n -~]/, '--verbose: nothing unprintable';
$c = $site->login('mrose');
$c->say('QUIT');
$c->exit_code;
is $c->stderr, '', 'nothing is said on standard error otherwise';

done_testing;
