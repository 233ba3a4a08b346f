#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# AUTH (RFC 5034) with PLAIN (RFC 4616) and CRAM-MD5 (RFC 2195): what is listed,
# what is let in, and that whatever breaks an exchange is one -ERR, one line in
# the log, no try, and no end of the session.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Digest::MD5 qw(md5);
use MIME::Base64 ();
use Test::More;

my $mbox = Dewey::mbox("A: 1\n\ntext\n");
my $long = 'p' x 255;
my $site = Dewey->site(users => { mrose => 'secret', frated => 'hoopy',
    test => 'test', 'a=b' => 'x', long => $long, nbsp => "\xa0\xff" },
    secrets => { tim => 'tanstaaftanstaaf', frated => 'hoopy' },
    mail => { map { $_ => $mbox } qw(mrose tim test frated a=b long nbsp) });
my $refused = '-ERR [AUTH] name or credentials refused';
my $malformed = '-ERR malformed authentication exchange';
my $unknown = '-ERR no such mechanism, AUTH alone lists them';
my $cancelled = '-ERR authentication cancelled';
my $else = '-ERR [AUTH] nobody may log in for another user';
my $in = qr/^\+OK (?:\S+'s )?maildrop has 1 message \(14 octets\)$/;

sub b64 { return MIME::Base64::encode($_[0], '') }
sub plain { return b64(join "\0", @_) }

sub hmac_md5 {
	my ($octets, $key) = @_;
	$key = md5($key) if length $key > 64;
	$key .= "\0" x (64 - length $key);
	return unpack 'H*', md5(($key ^ "\x5c" x 64) .
	    md5(($key ^ "\x36" x 64) . $octets));
}

# A session that has greeted, with the log.
sub fresh {
	my $c = $site->start('--log=stderr', @_);
	$c->greeting;
	return $c;
}

# The log of a session, without its last line, which is the record.
sub logged {
	my ($c) = @_;
	$c->say('QUIT');
	$c->exit_code;
	my @lines = split /\n/, $c->stderr;
	pop @lines;
	return @lines;
}

# CRAM-MD5: the challenge, decoded.
sub challenge {
	my ($c) = @_;
	my $said = $c->say('AUTH CRAM-MD5') // '';
	my ($text) = $said =~ /^\+ (\S+)$/ or $c->fail("no challenge: $said");
	return MIME::Base64::decode($text);
}

sub cram {
	my ($c, $name, $secret) = @_;
	return $c->say(b64("$name " . hmac_md5(challenge($c), $secret)));
}

# What is listed: CAPA (RFC 5034 section 3), and AUTH alone, with a blank behind
# it or none.
for my $case (
    [ 'all', 'CRAM-MD5 PLAIN' ],
    [ 'no passwords', 'CRAM-MD5', '--plaintext=never' ],
    [ 'no secrets', 'PLAIN', '--secrets=none' ],
    [ 'neither', '', '--secrets=none', '--plaintext=never' ],
    [ 'no passwords to compare with', 'CRAM-MD5', '--users=system' ]) {
	my ($what, $list, @flags) = @$case;
	# Only root has the passwords of the system.
	next if $what =~ /compare/ && Dewey::tool_flags();
	my $c = fresh(@flags);
	my ($said, $capa) = $c->multi('CAPA');
	is join('|', grep { /^SASL/ } split /\r\n/, $capa), $list eq '' ? '' : "SASL $list",
	    "$what: CAPA";
	for my $auth ('AUTH', 'AUTH ', 'auth') {
		my ($ok, $lines) = $c->multi($auth);
		like $ok, qr/^\+OK /, "$what: `$auth'";
		is join(' ', split /\r\n/, $lines), $list, "$what: `$auth' lists the same";
	}
	is scalar(logged($c)), 0, "$what: nothing to log";
}
{
	my $c = $site->login('mrose');
	my (undef, $capa) = $c->multi('CAPA');
	is join('|', grep { /^SASL/ } split /\r\n/, $capa), 'SASL CRAM-MD5 PLAIN',
	    'the same in TRANSACTION';
	is $c->say('AUTH PLAIN ' . plain('', 'mrose', 'secret')),
	    '-ERR AUTH is not valid in the TRANSACTION state', '... no AUTH';
	$c->say('QUIT');
}

# RFC 5034 section 6, the second example (PLAIN with an initial response) and
# the fourth (the server has to ask), word for word; the names and passwords of
# RFC 4616 section 4 are as good.
{
	my $c = fresh();
	like $c->say('AUTH PLAIN dGVzdAB0ZXN0AHRlc3Q='), $in,
	    'RFC 5034: AUTH PLAIN with an initial response';
	$c->say('QUIT');
	$c = fresh();
	is $c->say('AUTH PLAIN'), '+ ', 'RFC 5034: an empty challenge';
	like $c->say('dGVzdAB0ZXN0AHRlc3Q='), $in, 'RFC 5034: its response';
	$c->say('QUIT');
}

# RFC 2195 section 2, the digest of the example; the challenge is ours, so that
# of the RFC is tested in tests/unit/who/secrets-t.c.
is hmac_md5('<1896.697170952@postoffice.reston.mci.net>',
    'tanstaaftanstaaf'), 'b913a602c7eda7a495b4e6e7334d3890',
    'RFC 2195: this test computes its digest';
{
	my $c = fresh();
	my (%seen, @all);
	for (1 .. 3) {
		my $text = challenge($c);
		like $text, qr/\A<\d{1,20}\.\d{1,20}\@dewey\.example>\z/,
		    'CRAM-MD5: a challenge';
		push @all, $text;
		is $c->say('*'), $cancelled, '... cancelled';
	}
	is scalar(keys %{ { map { $_ => 1 } @all, $site->start->timestamp } }),
	    4, 'each challenge is new';
	like cram($c, 'tim', 'tanstaaftanstaaf'), $in, 'CRAM-MD5';
	$c->say('QUIT');
	is $c->exit_code, 0, 'exit code';
	like $c->stderr, qr/ user=tim peer=\S+ method=cram-md5 /,
	    'the log names the mechanism';
}

# Who gets in.
for my $case (
    [ 'authzid equal to the name', plain('mrose', 'mrose', 'secret') ],
    [ 'a name with an =', plain('', 'a=b', 'x') ],
    [ 'a password of 255 octets', plain('', 'long', $long) ],
    [ 'a password of 8-bit octets', plain('', 'nbsp', "\xa0\xff") ]) {
	my ($what, $message) = @$case;
	my $c = fresh();
	is $c->say('AUTH pLaIn'), '+ ', "$what: a challenge";
	like $c->say($message), $in, "$what: is let in";
	$c->say('QUIT');
	$c->exit_code;
	like $c->stderr, qr/ method=plain .* end=quit$/, "$what: is logged";
}

# Refused: tries, counted with those of PASS and APOP; one text, one line.
for my $case (
    [ 'a wrong password', sub { plain('', 'mrose', 'Secret') } ],
    [ 'an empty password', sub { plain('', 'mrose', '') } ],
    [ 'an unknown user', sub { plain('', 'zaphod', 'secret') } ],
    [ 'a user with a secret', sub { plain('', 'frated', 'hoopy') } ],
    [ 'a name with a slash', sub { plain('', '../mrose', 'secret') } ],
    [ 'a name with a line end', sub { plain('', "mrose\r\n", 'secret') } ],
    [ 'a password with a line end', sub { plain('', 'mrose', "secret\n") } ],
    [ 'a wrong secret', undef, 'tim', 'tanstaaf' ],
    [ 'a user without a secret', undef, 'mrose', 'secret' ],
    [ 'an unknown user with a digest', undef, 'zaphod', 'x' ]) {
	my ($what, $message, @cram) = @$case;
	my $c = fresh();
	my $reply = $message ? $c->say('AUTH PLAIN ' . $message->()) :
	    cram($c, @cram);
	is $reply, $refused, "$what: refused";
	$c->say('USER mrose');
	is $c->say('PASS x'), $refused, "$what: a second try";
	is $c->say('AUTH PLAIN ' . plain('', 'mrose', 'x')),
	    "$refused, too many tries", "$what: the third is the last";
	is $c->exit_code, 1, "$what: exit code";
	my @lines = split /\n/, $c->stderr;
	is scalar(grep { /refused login peer=\S+ method=/ } @lines), 3,
	    "$what: a line for each";
}
for my $case ([ 'in upper case', sub { 'tim ' . uc $_[0] } ],
    [ 'too short', sub { 'tim ' . substr $_[0], 0, 31 } ],
    [ 'too long', sub { "tim ${_[0]}0" } ],
    [ 'for another name', sub { "frated $_[0]" } ],
    [ 'of the timestamp', sub { 'tim ' . hmac_md5($_[1],
	'tanstaaftanstaaf') } ],
    [ 'as APOP has it', sub { 'tim ' . unpack 'H*',
	md5("$_[2]tanstaaftanstaaf") } ]) {
	my ($what, $response) = @$case;
	my $c = $site->start;
	my $stamp = $c->timestamp;
	my $text = challenge($c);
	is $c->say(b64($response->(hmac_md5($text, 'tanstaaftanstaaf'), $stamp,
	    $text))), $refused, "a digest $what";
	$c->close;
}
# A challenge is good for one answer, and for no other exchange.
{
	my $c = fresh();
	my $old = challenge($c);
	is $c->say(b64('tim ' . hmac_md5($old, 'x'))), $refused, 'a wrong answer';
	my $new = challenge($c);
	is $c->say(b64('tim ' . hmac_md5($old, 'tanstaaftanstaaf'))), $refused,
	    'an answer to the challenge before';
	like cram($c, 'tim', 'tanstaaftanstaaf'), $in, 'to the right one';
	$c->say('QUIT');
}

# What breaks an exchange is no try: more than three times, one -ERR and one
# line each, and the session goes on.
for my $case (
    [ 'mechanism', $unknown, 'AUTH LOGIN' ],
    [ 'mechanism', $unknown, 'AUTH EXTERNAL =' ],
    [ 'mechanism', $unknown, 'AUTH SCRAM-SHA-1' ],
    [ 'mechanism', $unknown, 'AUTH ' . 'X' x 240 ],
    [ 'cancelled', $cancelled, 'AUTH PLAIN', '*' ],
    [ 'base64', $malformed, 'AUTH PLAIN *' ],
    [ 'base64', $malformed, 'AUTH PLAIN', '**' ],
    [ 'base64', $malformed, 'AUTH PLAIN !!!!' ],
    [ 'base64', $malformed, 'AUTH PLAIN abc' ],
    [ 'base64', $malformed, 'AUTH PLAIN AG1yb3NlAHNlY3JldA' ],
    [ 'base64', $malformed, 'AUTH PLAIN AG1yb3NlAHNlY3JldB==' ],
    [ 'base64', $malformed, 'AUTH PLAIN', 'AG1yb3NlAHNlY3JldA== ' ],
    [ 'base64', $malformed, 'AUTH PLAIN', ' AG1yb3NlAHNlY3JldA==' ],
    [ 'base64', $malformed, 'AUTH PLAIN', "AG1yb3Nl\tAHNlY3JldA==" ],
    [ 'base64', $malformed, 'AUTH PLAIN', "AG1yb3Nl\0AHNlY3JldA==" ],
    [ 'base64', $malformed, 'AUTH PLAIN', "AG1yb3Nl\xc3\xa4AHNlY3JldA==" ],
    [ 'base64', $malformed, 'AUTH PLAIN', '=' ],
    [ 'base64', $malformed, 'AUTH PLAIN', '====' ],
    [ 'base64', $malformed, 'AUTH PLAIN', 'QUIT NOW' ],
    [ 'form', $malformed, 'AUTH PLAIN =' ],
    [ 'form', $malformed, 'AUTH PLAIN', '' ],
    [ 'form', $malformed, 'AUTH PLAIN', 'QUIT' ],
    [ 'form', $malformed, 'AUTH PLAIN ' . b64('mrose') ],
    [ 'form', $malformed, 'AUTH PLAIN ' . plain('mrose', 'secret') ],
    [ 'form', $malformed, 'AUTH PLAIN ' . plain('', '', 'secret') ],
    [ 'form', $malformed, 'AUTH PLAIN ' . plain('', 'mrose', 'secret', '') ],
    [ 'form', $malformed, 'AUTH PLAIN ' . plain('', 'mrose', 'sec', 'ret') ],
    [ 'form', $malformed, 'AUTH PLAIN', plain('', 'x' x 256, 'secret') ],
    [ 'form', $malformed, 'AUTH PLAIN', plain('', 'mrose', 'x' x 256) ],
    [ 'form', $malformed, 'AUTH PLAIN', b64("\0" x 9000) ],
    [ 'other-user', $else, 'AUTH PLAIN ' . plain('frated', 'mrose',
	'secret') ],
    [ 'other-user', $else, 'AUTH PLAIN ' . plain('MROSE', 'mrose', 'x') ],
    [ 'form', $malformed, 'AUTH CRAM-MD5 =' ],
    [ 'form', $malformed, 'AUTH CRAM-MD5 ' . b64('tim x') ],
    [ 'cancelled', $cancelled, 'AUTH CRAM-MD5', '*' ],
    [ 'form', $malformed, 'AUTH CRAM-MD5', '' ],
    [ 'form', $malformed, 'AUTH CRAM-MD5', b64('tim') ],
    [ 'form', $malformed, 'AUTH CRAM-MD5', b64(' ' . 'a' x 32) ],
    [ 'form', $malformed, 'AUTH CRAM-MD5', b64("tim\0 " . 'a' x 32) ],
    [ 'form', $malformed, 'AUTH CRAM-MD5', b64('x' x 256 . ' a') ],
    [ 'too-long', '-ERR line too long', 'AUTH PLAIN', 'A' x 12287 ],
    [ 'too-long', '-ERR line too long', 'AUTH PLAIN', 'A' x 70000 ]) {
	my ($why, $reply, @lines) = @$case;
	my $what = substr join(' ', @lines), 0, 40;
	$what =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ge;
	my $c = fresh();
	for (1 .. 4) {
		my $said = $c->say($lines[0]) // '(closed)';
		if (@lines > 1) {
			like $said, qr/^\+ \S*$/, "$what: a challenge";
			$said = $c->say($lines[1]) // '(closed)';
		}
		is $said, $reply, "$what: one reply";
	}
	like $c->say('AUTH PLAIN ' . plain('', 'mrose', 'secret')), $in,
	    "$what: the session lives";
	my ($method) = $why eq 'mechanism' ? '-' :
	    lc(($lines[0] =~ /^AUTH (\S+)/)[0]);
	is scalar(grep { /broken login peer=\S+ method=\Q$method\E why=$why$/ }
	    logged($c)), 4, "$what: four lines in the log";
}
# The longest line there may be is read, CR LF included.
{
	my $c = fresh();
	$c->say('AUTH PLAIN');
	is $c->say('A' x 12284), $malformed, 'a line of 12,286 octets is read';
	$c->say('AUTH PLAIN');
	is $c->say('A' x 12285), $malformed, '... of 12,287: bad base64';
	$c->say('AUTH PLAIN');
	is $c->say('A' x 12286), $malformed, '... and 12,288';
	is scalar(grep { /why=too-long/ } logged($c)), 0, 'none was too long';
}
# A command is at most 255 octets.
{
	my $c = fresh();
	is $c->say('AUTH PLAIN ' . 'A' x 242), $malformed,
	    'a command of 255 octets';
	is $c->say('AUTH PLAIN ' . 'A' x 243), '-ERR line too long',
	    '... of 256';
	is $c->say('AUTH PLAIN = ='),
	    '-ERR AUTH takes a mechanism and perhaps an initial response',
	    'three words';
	is $c->say("AUTH PL\xc4IN"), '-ERR malformed command', '8-bit octets';
	like $c->say('AUTH  PLAIN  ' . plain('', 'mrose', 'secret') . ' '), $in,
	    'blanks between and behind';
	$c->say('QUIT');
}

# Where passwords may not cross, PLAIN is refused as PASS is, and asks for none.
{
	my $c = fresh('--plaintext=never');
	my $no = '-ERR [AUTH] no passwords in plain text on this connection';
	is $c->say('AUTH PLAIN'), $no, 'PLAIN, no initial response';
	is $c->say('AUTH PLAIN ' . plain('', 'mrose', 'secret')), $no,
	    'PLAIN, with one';
	like cram($c, 'tim', 'tanstaaftanstaaf'), $in, 'CRAM-MD5 is taken';
	$c->say('QUIT');
}

# A refused AUTH leaves no name behind; USER and PASS follow (fetchmail).
{
	my $c = fresh();
	$c->say('USER mrose');
	is $c->say('AUTH PLAIN'), '+ ', 'AUTH behind USER';
	is $c->say('*'), $cancelled, 'cancelled';
	is $c->say('PASS secret'), '-ERR PASS comes after USER', 'no name';
	is cram($c, 'mrose', 'secret'), $refused, 'CRAM-MD5 is refused';
	$c->say('USER mrose');
	like $c->say('PASS secret'), $in, 'USER and PASS on the same connection';
	$c->say('QUIT');
}

# What comes behind AUTH in one packet belongs to the next state.
{
	my $c = fresh();
	my $message = plain('', 'mrose', 'secret');
	$c->send("AUTH PLAIN $message\r\nSTAT\r\nNOOP\r\nQUIT\r\n");
	like $c->line, $in, 'pipelined: AUTH with an initial response';
	is $c->line, '+OK 1 14', 'pipelined: STAT';
	is $c->line, '+OK', 'pipelined: NOOP';
	like $c->line, qr/^\+OK .*signing off/, 'pipelined: QUIT';
	is $c->exit_code, 0, 'pipelined: exit code';
	$c = fresh();
	$c->send("AUTH PLAIN\r\n$message\r\nSTAT\r\nQUIT\r\n");
	is $c->line, '+ ', 'pipelined: the challenge';
	like $c->line, $in, 'pipelined: the response';
	is $c->line, '+OK 1 14', 'pipelined: STAT';
	like $c->line, qr/^\+OK .*signing off/, 'pipelined: QUIT';
	$c = fresh();
	$c->send("AUTH PLAIN\r\n*\r\nAUTH\r\nAUTH PLAIN $message\r\nQUIT\r\n");
	is $c->line, '+ ', 'pipelined: a challenge';
	is $c->line, $cancelled, '... cancelled';
	is $c->line, $_, "... $_" for '+OK list of mechanisms follows',
	    'CRAM-MD5', 'PLAIN', '.';
	like $c->line, $in, '... and in';
	like $c->line, qr/^\+OK .*signing off/, '... and out';
}

# The stream ends in the middle of an exchange.
for my $sent ("AUTH PLAIN\r\n", "AUTH PLAIN\r\nAG1y", "AUTH CRAM-MD5\r\n",
    "AUTH CRAM-MD5\r\n" . 'A' x 20000) {
	my $c = fresh();
	$c->send($sent);
	$c->line;
	$c->close_write;
	is $c->rest, '', 'the end of the stream: nothing is said';
	$c->exit_code;
	like $c->stderr, qr/ end=eof$/m, '... and the log says why';
}

# No secret is shown.
{
	my $c = $site->start('--verbose');
	$c->greeting;
	$c->say('AUTH PLAIN ' . plain('', 'mrose', 'wrong1'));
	$c->say('AUTH PLAIN');
	$c->say(plain('', 'mrose', 'wrong2'));
	$c->say('QUIT');
	$c->exit_code;
	unlike $c->stderr, qr/wrong|AG1yb3Nl/, '--verbose shows no password';
	like $c->stderr, qr/^C: AUTH$/m, '... but that there was one';
}

done_testing;
