#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Odd commands: what other POP3 servers answer differently.  The rows are those
# of the survey that dewey was designed by (E1 to E40, E59 to E61).
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Digest::MD5 qw(md5_hex);
use Test::More;

my $one = "Subject: one\n\nThe first.\n";
my $two = "Subject: two\n\nThe second,\nwith two lines.\n";
my @octets = map { length s/\n/\r\n/gr } $one, $two;
my $total = $octets[0] + $octets[1];
my $mbox = Dewey::mbox($one, $two);
my $site = Dewey->site(users => { mrose => 'secret', pat => ' two  blanks ' },
    secrets => { apop => 'tanstaaf' },
    mail => { mrose => $mbox, apop => $mbox, pat => '' });

my $none = '-ERR no such message, only 2 messages in maildrop';
my $numbers = '-ERR %s takes a message-number';
my $nothing = '-ERR %s takes no argument';
my $lines = '-ERR TOP takes a message-number and a number of lines';

# One session for what must change nothing: row, command, the first line.
my $c = $site->login('mrose');
my @answers = (
	[ E3 => 'TOP 1 -1', $lines ],
	[ E3 => 'TOP -1 1', $lines ],
	[ E4 => 'TOP 1', $lines ],
	[ E4 => 'TOP', $lines ],
	[ E4 => 'TOP 1 2 3', $lines ],
	[ E4 => 'TOP 1 x', $lines ],
	[ E7 => 'LIST abc', sprintf $numbers, 'LIST' ],
	[ E7 => 'RETR abc', sprintf $numbers, 'RETR' ],
	[ E7 => 'RETR', sprintf $numbers, 'RETR' ],
	[ E7 => 'DELE', sprintf $numbers, 'DELE' ],
	[ E7 => 'DELE abc', sprintf $numbers, 'DELE' ],
	[ E7 => 'UIDL abc', sprintf $numbers, 'UIDL' ],
	[ E8 => 'LIST 1abc', sprintf $numbers, 'LIST' ],
	[ E8 => 'DELE 1abc', sprintf $numbers, 'DELE' ],
	[ E8 => 'DELE 1.0', sprintf $numbers, 'DELE' ],
	[ E8 => 'DELE 0x1', sprintf $numbers, 'DELE' ],
	[ E9 => 'LIST 0', $none ],
	[ E9 => 'DELE 0', $none ],
	[ E9 => 'RETR 0', $none ],
	[ E9 => 'UIDL 0', $none ],
	[ E9 => 'TOP 0 0', '-ERR no such message' ],
	[ E10 => 'LIST 4294967297', $none ],
	[ E10 => 'DELE 4294967297', $none ],
	[ E10 => 'RETR 18446744073709551617', $none ],
	[ E10 => 'DELE 18446744073709551617', $none ],
	[ E10 => 'LIST ' . '9' x 200, $none ],
	[ E11 => 'LIST +1', sprintf $numbers, 'LIST' ],
	[ E11 => 'LIST -1', sprintf $numbers, 'LIST' ],
	[ E11 => 'LIST 01', "+OK 1 $octets[0]" ],
	[ E11 => 'LIST 000000000000000000000000000002', "+OK 2 $octets[1]" ],
	[ E12 => 'LIST 1 2', sprintf $numbers, 'LIST' ],
	[ E12 => 'RETR 1 x', sprintf $numbers, 'RETR' ],
	[ E12 => 'RETR 1 5', sprintf $numbers, 'RETR' ],
	[ E12 => 'DELE 1 2', sprintf $numbers, 'DELE' ],
	[ E12 => 'UIDL 1 2', sprintf $numbers, 'UIDL' ],
	[ E13 => 'LIST  1', "+OK 1 $octets[0]" ],
	[ E13 => 'LIST      2', "+OK 2 $octets[1]" ],
	[ E14 => 'LIST 1 ', "+OK 1 $octets[0]" ],
	[ E14 => 'LIST 1    ', "+OK 1 $octets[0]" ],
	[ E14 => 'STAT ', "+OK 2 $total" ],
	[ E14 => 'NOOP   ', '+OK' ],
	[ E15 => 'STAT x', sprintf $nothing, 'STAT' ],
	[ E15 => 'STAT 1', sprintf $nothing, 'STAT' ],
	[ E15 => 'NOOP x', sprintf $nothing, 'NOOP' ],
	[ E15 => 'RSET x', sprintf $nothing, 'RSET' ],
	[ E15 => 'CAPA x', sprintf $nothing, 'CAPA' ],
	[ E15 => 'QUIT x', sprintf $nothing, 'QUIT' ],
	[ E16 => 'list 1', "+OK 1 $octets[0]" ],
	[ E16 => 'LiSt 1', "+OK 1 $octets[0]" ],
	[ E16 => 'nooP', '+OK' ],
	[ E17 => '', '-ERR unknown command' ],
	[ E17 => ' ', '-ERR unknown command' ],
	[ E18 => 'NOOP' . ' ' x 249, '+OK' ],
	[ E18 => 'NOOP' . ' ' x 250, '-ERR line too long' ],
	[ E19 => "DELE 1\0", '-ERR malformed command' ],
	[ E19 => "DELE 1\0x", '-ERR malformed command' ],
	[ E19 => "\0", '-ERR malformed command' ],
	[ E21 => "DELE\r 1", '-ERR malformed command' ],
	[ E21 => "DELE 1\r\r", '-ERR malformed command' ],
	[ E21 => "NOOP\rDELE 1", '-ERR malformed command' ],
	[ E30 => 'LAST', '-ERR LAST is not valid in the TRANSACTION state' ],
	[ E30 => 'XTND', '-ERR XTND is not valid in the TRANSACTION state' ],
	[ E61 => 'STLS', qr/^-ERR [^\[]/ ],
	[ E61 => 'AUTH', qr/^-ERR [^\[]/ ],
	[ E61 => 'AUTH PLAIN', qr/^-ERR [^\[]/ ],
	[ E33 => 'USER mrose', '-ERR USER is not valid in the TRANSACTION state' ],
	[ E33 => 'PASS x', '-ERR PASS is not valid in the TRANSACTION state' ],
	[ E33 => 'APOP a b', '-ERR APOP is not valid in the TRANSACTION state' ],
);
for (@answers) {
	my ($row, $command, $answer) = @$_;
	my $name = "$row: " . $command =~ s/([^!-~ ])/sprintf '\\x%02x', ord $1/ger;
	$name =~ s/(.{60}).+/$1.../;
	if (ref $answer) {
		like $c->say($command), $answer, $name;
	} else {
		is $c->say($command), $answer, $name;
	}
}
is $c->say('STAT'), "+OK 2 $total", 'none of these deleted a message';
is $c->say('QUIT'), '+OK dewey POP3 server signing off (2 messages left)',
    'or ended the session';
is Dewey::read_file($site->mailbox('mrose')), $mbox, 'or wrote to the mailbox';

# Deleted ones.
$c = $site->login('mrose');
is $c->say('DELE 1'), '+OK message 1 deleted', 'DELE 1';
is $c->say('RETR 1'), '-ERR message 1 is deleted', 'E1: RETR';
is $c->say('LIST 1'), '-ERR message 1 is deleted', 'E1: LIST';
is $c->say('TOP 1 0'), '-ERR message 1 is deleted', 'E1: TOP';
is $c->say('UIDL 1'), '-ERR message 1 is deleted', 'E1: UIDL';
is $c->say('DELE 1'), '-ERR message 1 already deleted', 'E2: DELE';
is $c->say('STAT'), "+OK 1 $octets[1]", 'E31: STAT subtracts both';
is_deeply [ $c->multi('LIST') ],
    [ "+OK 1 message ($octets[1] octets)", "2 $octets[1]\r\n" ],
    'E32: LIST keeps the numbers';
like $c->multi('UIDL'), qr/\A2 [\w-]{24}\r\n\z/, 'E32: so does UIDL';
is $c->say('LIST 3'), $none, 'E32: "only N" counts the deleted ones too';
is $c->say('DELE 2'), '+OK message 2 deleted', 'DELE 2';
is_deeply [ $c->multi('LIST') ], [ '+OK 0 messages (0 octets)', '' ],
    'E32: LIST without a message';
is_deeply [ $c->multi('UIDL') ], [ '+OK', '' ], 'E32: UIDL likewise';
is $c->say('STAT'), '+OK 0 0', 'E31: STAT';
is $c->say('RSET'), "+OK maildrop has 2 messages ($total octets)", 'RSET';
is $c->say('STAT'), "+OK 2 $total", 'E31: STAT after RSET';
is $c->say('DELE 1'), '+OK message 1 deleted', 'DELE after RSET';
is $c->say('RSET'), "+OK maildrop has 2 messages ($total octets)", 'RSET';
is $c->say('QUIT'), '+OK dewey POP3 server signing off (2 messages left)',
    'RSET was the last word';
is Dewey::read_file($site->mailbox('mrose')), $mbox, 'the mailbox is whole';

# TOP.
my ($head, $body) = map { s/\n/\r\n/gr } $two =~ /\A(.*?\n\n)(.*)\z/s;
$c = $site->login('mrose');
is $c->unstuffed('TOP 2 0'), $head, 'E5: TOP 2 0';
is $c->unstuffed('TOP 2 1'), $head . $body =~ s/\n\K.*//sr, 'E5: TOP 2 1';
is $c->unstuffed('TOP 2 2'), $head . $body, 'E5: TOP 2 2';
for my $n (3, 2147483648, 4294967296, 999999999999, 18446744073709551615,
    '18446744073709551616', '9' x 100) {
	is $c->unstuffed("TOP 2 $n"), $head . $body, "E6: TOP 2 $n";
}
is $c->unstuffed('RETR 2'), $head . $body, 'E6: as RETR';

# Line ends and batches.
$c->send("NOOP\nLIST 1\n");
is $c->line, '+OK', 'E20: LF ends a command';
is $c->line, "+OK 1 $octets[0]", 'E20: and the next';
$c->send("STAT\r\nnoop\nRETR 1\r\nDELE 7\r\nTOP 1 0\r\nUIDL 9\r\nSTAT\r\n");
is $c->line, "+OK 2 $total", 'E22: first of a batch';
is $c->line, '+OK', 'E22: second';
is $c->line, "+OK $octets[0] octets", 'E22: third';
is $c->body, $one =~ s/\n/\r\n/gr, 'E22: its message';
is $c->line, $none, 'E22: fourth';
is $c->line, '+OK', 'E22: fifth';
is $c->body, "Subject: one\r\n\r\n", 'E22: its header';
is $c->line, $none, 'E22: sixth';
is $c->line, "+OK 2 $total", 'E22: seventh';

# Over-long: drained to its line end, never executed, one answer.
for my $n (256, 257, 511, 512, 4096, 4097, 10000, 200000) {
	$c->send('DELE 1' . ' ' x ($n - 8) . "\r\nNOOP\r\n");
	is $c->line, '-ERR line too long', "E18: $n octets";
	is $c->line, '+OK', "E18: the next command after $n octets";
}
$c->send('DELE ' . '0' x 248 . "1\nNOOP\r\n");
is $c->line, '+OK message 1 deleted', 'E18: 255 octets, ended by LF';
is $c->line, '+OK', 'E18: and the next';
$c->send('RSET' . ' ' x 251 . "\nNOOP\n");
is $c->line, '-ERR line too long', 'E18: 256 octets, ended by LF';
is $c->line, '+OK', 'E18: and the next';
$c->send('x' x 250 . "\r\nDELE 2\r\n");
is $c->line, '-ERR unknown command', 'E18: 252 octets of nonsense';
is $c->line, '+OK message 2 deleted', 'E18: and the next';
is $c->say('RSET'), "+OK maildrop has 2 messages ($total octets)", 'RSET';
$c->say('QUIT');

# Across the login.
$c = $site->start;
$c->greeting;
$c->send("USER mrose\r\nPASS secret\r\nSTAT\r\nDELE 9\r\nQUIT\r\n");
is $c->line, '+OK mrose is a real hoopy frood', 'E23: USER';
is $c->line, "+OK mrose's maildrop has 2 messages ($total octets)",
    'E23: PASS';
is $c->line, "+OK 2 $total", 'E23: behind PASS';
is $c->line, $none, 'E23: and one more';
is $c->line, '+OK dewey POP3 server signing off (2 messages left)',
    'E23: and QUIT';
is $c->exit_code, 0, 'E23: exit code';
$c = $site->start;
$c->send('APOP apop ' . md5_hex($c->timestamp . 'tanstaaf') .
    "\r\nSTAT\r\nQUIT\r\n");
is $c->line, "+OK maildrop has 2 messages ($total octets)", 'E23: APOP';
is $c->line, "+OK 2 $total", 'E23: behind APOP';
is $c->line, '+OK dewey POP3 server signing off (2 messages left)',
    'E23: and QUIT';

# The end of a session.
$c = $site->start('--log=stderr');
$c->greeting;
is $c->say('QUIT'), '+OK dewey POP3 server signing off', 'E24: QUIT';
is $c->rest, '', 'E24: is the end';
is $c->exit_code, 0, 'E24: exit code';
like $c->stderr, qr/ user=- .* end=quit$/m, 'E24: the log';
for my $with ([ 0, '' ], [ 1, 'DELE 1' ]) {
	my ($code, $mark) = @$with;
	$c = $site->login('mrose', '--log=stderr');
	$c->say($mark) if $mark;
	$c->close_write;
	is $c->rest, '', "E25: end of input ($mark): nothing is said";
	is $c->exit_code, $code, "E25: exit code ($mark)";
	like $c->stderr, qr/ deleted=0 left=2 .* end=eof$/m, 'E25: the log';
	is Dewey::read_file($site->mailbox('mrose')), $mbox, 'E25: no update';
}
for my $transport (qw(socketpair pipe tcp unix)) {
	Dewey::write_file($site->mailbox('mrose'), $mbox);
	$c = $site->login('mrose', '--log=stderr',
	    { transport => $transport });
	$c->send("DELE 1\r\nQUIT\r\n");
	$c->close;
	my $code = $c->exit_code;
	ok $code == 0 || $code == 1, "E26: exit code $code ($transport)";
	is Dewey::read_file($site->mailbox('mrose')), Dewey::mbox($two),
	    "E26: the update was done though the client had gone ($transport)";
	like $c->stderr, qr/ deleted=1 left=1 /, "E26: the log ($transport)";
}
Dewey::write_file($site->mailbox('mrose'), $mbox);
for my $signal (qw(TERM HUP INT)) {
	$c = $site->login('mrose', '--log=stderr');
	$c->say('DELE 1');
	$c->kill($signal);
	is $c->rest, '', "E27: SIG$signal: nothing is said";
	is $c->exit_code, 1, "E27: SIG$signal: exit code";
	like $c->stderr, qr/ deleted=0 left=2 .* end=signal$/m,
	    "E27: SIG$signal: the log";
	is Dewey::read_file($site->mailbox('mrose')), $mbox,
	    "E27: SIG$signal: no update";
	ok !-e $site->mailbox('mrose') . '.lock',
	    "E27: SIG$signal: no dot-lock is left";
}
$c = $site->login('mrose', '--log=stderr', '--idle-timeout=1');
$c->say('DELE 1');
is $c->rest, '', 'E28: nothing is said at a time-out';
is $c->exit_code, 1, 'E28: exit code';
like $c->stderr, qr/ deleted=0 left=2 .* end=timeout$/m, 'E28: the log';
is Dewey::read_file($site->mailbox('mrose')), $mbox, 'E28: no update';
$c = $site->login('mrose', '--log=stderr');
$c->say('DELE 1');
is $c->say('XYZZY'), '-ERR unknown command', "E29: bad command $_" for 1 .. 19;
is $c->say('XYZZY'), '-ERR too many bad commands', 'E29: bad command 20';
is $c->rest, '', 'E29: is the end';
is $c->exit_code, 1, 'E29: exit code';
like $c->stderr, qr/ deleted=0 left=2 .* end=bad-commands$/m, 'E29: the log';
is Dewey::read_file($site->mailbox('mrose')), $mbox, 'E29: no update';

# Logging in.
$c = $site->start;
$c->greeting;
is $c->say('PASS secret'), '-ERR PASS comes after USER', 'E34: PASS first';
is $c->say('USER nobody.at.all'), '+OK nobody.at.all is a real hoopy frood',
    'E33: a typo';
is $c->say('USER mrose'), '+OK mrose is a real hoopy frood', 'E33: corrected';
is $c->say('PASS secret'),
    "+OK mrose's maildrop has 2 messages ($total octets)",
    'E33: the second name counts';
$c->say('QUIT');
my $refused = '-ERR [AUTH] name or credentials refused';
for my $with ([ ' two  blanks ', 1 ], [ ' two  blanks', 0 ],
    [ 'two  blanks ', 0 ], [ ' two blanks ', 0 ], [ '', 0 ]) {
	my ($password, $fits) = @$with;
	$c = $site->start;
	$c->greeting;
	$c->say('USER pat');
	is $c->say("PASS $password"), $fits ?
	    "+OK pat's maildrop has 0 messages (0 octets)" : $refused,
	    "E35: password '$password'";
	$c->say('QUIT');
}
my $short = $site->start;
$short->greeting;
$short->say('USER pat');
is $short->say('PASS'), '-ERR PASS takes a password', 'E35: PASS alone';
for my $how (
	[ 'E36: upper case' => sub { uc $_[0] } ],
	[ 'E37: 31 digits' => sub { substr $_[0], 1 } ],
	[ 'E37: 33 digits' => sub { "$_[0]0" } ],
	[ 'E37: one digit' => sub { '0' } ],
	[ 'E37: no digits' => sub { 'z' x 32 } ],
	[ 'E37: the first half' => sub { substr($_[0], 0, 16) . 'f' x 16 } ],
	[ 'E37: of another secret' => sub { md5_hex('x') } ]) {
	my ($name, $change) = @$how;
	$c = $site->start;
	my $digest = md5_hex($c->timestamp . 'tanstaaf');
	is $c->say('APOP apop ' . $change->($digest)), $refused, $name;
	is $c->say("APOP apop $digest"),
	    "+OK maildrop has 2 messages ($total octets)",
	    "$name: then the right one";
	$c->say('QUIT');
}
$c = $site->start;
$c->greeting;
is $c->say('APOP apop'), '-ERR APOP takes a name and a digest',
    'E37: no digest';
is $c->say('APOP apop '), '-ERR APOP takes a name and a digest',
    'E37: an empty digest';
is $c->say('APOP'), '-ERR APOP takes a name and a digest', 'E37: no name';
is $c->say('APOP a b c'), '-ERR APOP takes a name and a digest',
    'E37: too much';
is $c->say('APOP apop ' . md5_hex('x')), $refused, 'E39: first try';
$c->say('USER mrose');
is $c->say('PASS wrong'), $refused, 'E39: second try';
$c->say('USER mrose');
like $c->say('PASS wrong'), qr/^-ERR \[AUTH\] \Qname or credentials refused\E./,
    'E39: the third says that it is the last';
is $c->rest, '', 'E39: the session is closed';
is $c->exit_code, 1, 'E39: exit code';

# No secrets.
for my $how ([ absent => sub { unlink $_[0] } ],
    [ unsafe => sub { chmod 0644, $_[0] } ]) {
	my ($what, $do) = @$how;
	my $site = Dewey->site(users => { mrose => 'secret' },
	    secrets => { apop => 'tanstaaf' }, mail => { mrose => $mbox });
	$do->($site->dir . '/secrets');
	$c = $site->start('--log=stderr');
	is $c->greeting, '+OK POP3 server ready',
	    "E38: $what secrets: no timestamp";
	is $c->say('APOP apop ' . 'a' x 32),
	    '-ERR [SYS/PERM] APOP is not available', "E38: $what: APOP";
	$c->say('USER mrose');
	like $c->say('PASS secret'), qr/^\+OK/, "E38: $what: PASS";
	$c->say('QUIT');
	$c->exit_code;
	is scalar(() = $c->stderr =~ /secrets/g), 1,
	    "E38: $what: logged once";
}

# Two sessions.
my $first = $site->login('mrose');
$c = $site->start;
$c->greeting;
for (1 .. 4) {
	$c->say('USER mrose');
	is $c->say('PASS secret'), '-ERR [IN-USE] maildrop already locked',
	    "E40: [IN-USE] $_ is no failed try";
}
is $c->say('STAT'), '-ERR STAT is not valid in the AUTHORIZATION state',
    'E40: back in AUTHORIZATION';
$first->say('QUIT');
$first->exit_code;
$c->say('USER mrose');
is $c->say('PASS secret'),
    "+OK mrose's maildrop has 2 messages ($total octets)",
    'E40: free after the first has gone';
$c->say('QUIT');

# CAPA.
my @capa = ('TOP', 'UIDL', 'USER', 'RESP-CODES', 'AUTH-RESP-CODE', 'PIPELINING',
    'EXPIRE NEVER', 'SASL CRAM-MD5 PLAIN', 'UTF8 USER', 'LANG');
$c = $site->start;
$c->greeting;
my ($status, $list) = $c->multi('CAPA');
is $status, '+OK capability list follows', 'E59: CAPA';
is_deeply [ sort split /\r\n/, $list ], [ sort @capa ], 'E59: before login';
$c->say('USER mrose');
is_deeply [ sort split /\r\n/, $c->multi('capa') ], [ sort @capa ],
    'E60: between USER and PASS';
is $c->say('PASS secret'),
    "+OK mrose's maildrop has 2 messages ($total octets)",
    'E60: the name is kept';
$list = [ split /\r\n/, $c->multi('CAPA') ];
like join(' ', grep { /^IMPLEMENTATION/ } @$list),
    qr/^IMPLEMENTATION dewey-[\w.-]+$/, 'E59: IMPLEMENTATION after login';
is_deeply [ sort grep { !/^IMPLEMENTATION/ } @$list ], [ sort @capa ],
    'E59: and the same others';
$c->say('QUIT');
$c = $site->start('--secrets=none');
$c->greeting;
$c->send("STLS\r\nCAPA\r\nQUIT\r\n");
like $c->line, qr/^-ERR/, 'E61: STLS is not offered';
is $c->line, '+OK capability list follows', 'E61: what follows is answered';
unlike $c->body, qr/^STLS/m, 'E61: and does not list STLS';
is $c->line, '+OK dewey POP3 server signing off', 'E61: in order';

done_testing;
