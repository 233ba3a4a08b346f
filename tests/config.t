#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# The configuration file: every flag is a key, flags win, a mistake is named
# with file and line, and a file that others can write is not believed.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use POSIX ();
use Test::More;

my $mbox = Dewey::mbox("A: 1\n\ntext\n");
my $site = Dewey->site(users => { mrose => 'secret' },
    secrets => { apop => 'tanstaaf' }, mail => { mrose => $mbox });
my $dir = $site->dir;
my $conf = "$dir/dewey.conf";
Dewey::write_file("$dir/names", "mrose\n");
Dewey::write_file("$dir/none", '');

# Writes the file and starts a session with it.
sub configured {
	my ($text, @flags) = @_;
	Dewey::write_file($conf, $text, 0644);
	return Dewey->start("--config=$conf", @flags);
}

sub fails {
	my ($text, $complaint, $name) = @_;
	my $c = configured($text);
	is $c->rest, "-ERR [SYS/PERM] server is misconfigured\r\n",
	    "$name: the client is told";
	is $c->exit_code, 100, "$name: exit code";
	like $c->stderr, qr/\Adewey: .*\n\z/, "$name: one line";
	like $c->stderr, $complaint, "$name: it says why";
}

# A whole configuration.
my $base = "users = $dir/users\nmailbox = $dir/spool/%u\n" .
    "host = dewey.example\nlog = none\nfail-delay = 0\n";
my $c = configured("# dewey\n\n$base" . "secrets = $dir/secrets\n");
like $c->greeting, qr/^\+OK POP3 server ready <\S+\@dewey\.example>$/,
    'host and secrets';
is $c->say('USER mrose'), '+OK mrose is a real hoopy frood', 'USER';
is $c->say('PASS secret'), "+OK mrose's maildrop has 1 message (14 octets)",
    'users and mailbox';
is $c->say('QUIT'), '+OK dewey POP3 server signing off (1 message left)',
    'QUIT';
is $c->exit_code, 0, 'exit code';

# How lines may look.
for my $text ($base =~ s/ = /=/gr, $base =~ s/ = /  =\t /gr,
    $base =~ s/^/ \t/gmr, $base =~ s/$/ \t/gmr, $base =~ s/\n/\r\n/gr,
    $base =~ s/\n\z//r, $base =~ s/^/ # x = y\n#users = \/x\n  \n/gmr,
    "host = other\n$base") {
	my $c = configured("$text\nsecrets = none\n");
	is $c->greeting, '+OK POP3 server ready', 'the greeting';
	$c->say('USER mrose');
	is $c->say('PASS secret'),
	    "+OK mrose's maildrop has 1 message (14 octets)",
	    'a file of the same meaning';
	is $c->say('QUIT'),
	    '+OK dewey POP3 server signing off (1 message left)',
	    'with the same host';
}

# Every key: what it does, or at least that it is taken.
sub session {
	my ($text, @flags) = @_;
	my $c = configured($base . "secrets = none\n$text", @flags);
	$c->greeting;
	my $user = $c->say('USER mrose');
	my $pass = $c->say('PASS secret') // '';
	return ($c, $user, $pass);
}
my $in = "+OK mrose's maildrop has 1 message (14 octets)";
my $refused = '-ERR [AUTH] name or credentials refused';
my ($user, $pass);
for my $with ([ "allow = $dir/names", $in ], [ "allow = $dir/none", $refused ],
    [ "deny = $dir/names", $refused ], [ "deny = $dir/none", $in ],
    [ 'mail-user = nobody', $in ], [ 'plaintext = always', $in ],
    [ 'plaintext = private', $in ], [ 'private = yes', $in ],
    [ 'apop-only = no', $in ], [ 'locks = none', $in ],
    [ 'locks = dotlock , fcntl', $in ], [ 'lock-timeout = 1', $in ],
    [ 'journal-window = 4096', $in ], [ 'idle-timeout = 60', $in ],
    [ 'login-timeout = 60', $in ], [ 'gate-user = nobody', $in ], [ 'judge-user = nobody', $in ],
    [ 'sandbox = auto', $in ], [ 'cache-dir = none', $in ], [ 'log-deletes = yes', $in ],
    [ 'log = stderr', $in ], [ 'preauth = no', $in ],
    [ 'verbose = yes', $in ], [ 'hide-users = yes', $in ],
    [ 'users = /no/such/file', qr/^-ERR \[SYS/ ],
    [ 'mailbox = /no/such/directory/%u', qr/^-ERR \[SYS\/PERM\]/ ]) {
	my ($line, $answer) = @$with;
	($c, $user, $pass) = session("$line\n");
	if (ref $answer) {
		like $pass, $answer, $line =~ s/\Q$dir\E/DIR/r;
	} else {
		is $pass, $answer, $line =~ s/\Q$dir\E/DIR/r;
	}
	$c->say('QUIT');
	$c->exit_code;
	like $c->stderr, qr/^C: USER mrose$/m, 'verbose' if $line =~ /verbose/;
	like $c->stderr, qr/ end=quit$/m, 'log' if $line =~ /log =/;
}
($c, $user) = session("plaintext = never\n");
like $user, qr/^-ERR \[AUTH\]/, 'plaintext = never';
$c = configured($base . "secrets = none\nhide-users = no\n");
$c->greeting;
is $c->say('USER frated'), '-ERR [AUTH] sorry, no mailbox for frated here',
    'hide-users = no';
($c) = session("read-only = yes\n");
is $c->say('DELE 1'), '-ERR [SYS/PERM] maildrop is read-only',
    'read-only = yes';
$c->say('QUIT');
($c, $user, $pass) = session("idle-timeout = 1\nlog = stderr\n");
is $pass, $in, 'idle-timeout = 1: login';
is $c->rest, '', 'idle-timeout = 1';
is $c->exit_code, 1, 'exit code';
$c = configured($base . "secrets = none\nlogin-timeout = 1\n");
$c->greeting;
is $c->rest, '', 'login-timeout = 1';
SKIP: {
	my $self = getpwuid(Dewey::uid()) // skip 'the user has no name', 1;
	Dewey::write_file($site->mailbox($self), $mbox);
	$c = configured($base . "preauth = yes\n");
	like $c->greeting, qr/^\+OK \S+'s maildrop has 1 message/,
	    'preauth = yes';
	$c->say('QUIT');
}
# Whatever --help lists with a value is a key; its default can be written down.
{
	my $help = Dewey->start('--help', { transport => 'pipe' })->rest;
	my ($keys, $defaults) = (0, '');
	while ($help =~ /^  --([\w-]+)=(\S+)(?:  \((.*)\))?$/mg) {
		my ($key, $argument, $default) = ($1, $2, $3);
		next if $key eq 'config';
		$keys++;
		$defaults .= "$key = $default\n" if defined $default;
		$c = configured("$key =\n");
		$c->rest;
		like $c->stderr, qr/\Q$conf:1: \E.*\b$key\b/,
		    "--$key is a key, and empty is no value of it";
	}
	cmp_ok $keys, '>', 20, 'there are keys';
	$c = configured("${defaults}secrets = none\n$base");
	is $c->greeting, '+OK POP3 server ready', 'all defaults written down';
	$c->close;
}
($c) = session("deny = $dir/names\ndeny = $dir/none\n");
is $c->say('STAT'), '+OK 1 14', 'the last of two lines wins';
$c->say('QUIT');

# Flags win, wherever they stand.
($c) = session("read-only = yes\n", '--read-only=no');
is $c->say('DELE 1'), '+OK message 1 deleted', 'a flag wins';
$c->close;
$c->exit_code;
Dewey::write_file($conf, "${base}secrets = none\n");
$c = Dewey->start('--host=flag.example', '--config', $conf);
is $c->greeting, '+OK POP3 server ready', '--config FILE';
is $c->say('QUIT'), '+OK flag POP3 server signing off',
    'a flag before --config wins too';
Dewey::write_file("$dir/other.conf", "host = other.example\n");
$c = Dewey->start("--config=$conf", "--config=$dir/other.conf",
    '--secrets=none', '--log=none');
$c->greeting;
is $c->say('QUIT'), '+OK other POP3 server signing off',
    'of two --config the last wins';
chdir $dir or die $!;
$c = Dewey->start('--config=dewey.conf', { cwd => $dir });
is $c->greeting, '+OK POP3 server ready', 'a relative name';
$c->close;
chdir '/';

# Mistakes: file, line, and what should have been there.
fails("\n# x\nhots = x\n", qr/\Q$conf:3: \E.*hots/, 'an unknown key');
fails("host\n", qr/\Q$conf:1: \E/, 'no value');
fails("= x\n", qr/\Q$conf:1: \E/, 'no key');
fails("host =\n", qr/\Q$conf:1: \E.*host/, 'an empty value');
fails("Host = x\n", qr/\Q$conf:1: \E.*Host/, 'a key in upper case');
fails("--host = x\n", qr/\Q$conf:1: \E/, 'a flag as a key');
fails("config = /x\n", qr/\Q$conf:1: \E.*config/, 'config inside');
for my $key (qw(help version list check check-config recover set-secret
    set-password remove-user)) {
	fails("$key = x\n", qr/\Q$conf:1: \E.*$key/, "$key is no key");
}
for my $line ('idle-timeout = x', 'idle-timeout = -1', 'idle-timeout = 1 s',
    'login-timeout = 99999999', 'lock-timeout = 1.5', 'fail-delay = one',
    'journal-window = 0', 'hide-users = true', 'apop-only = 1',
    'read-only = Yes', 'private = x', 'preauth = x', 'verbose = x',
    'log-deletes = x', 'plaintext = ok', 'log = file', 'locks = lockf',
    'locks = fcntl fcntl', 'mailbox = %u', 'mailbox = /x/%z', 'host = a b',
    'host = a_b', 'sandbox = no', 'users =', 'secrets =', 'mail-user =') {
	my ($key) = $line =~ /^(\S+)/;
	fails("$base# x\n$line\nhost = dewey.example\n",
	    qr/\Q$conf:7: \E.*\b$key\b/, $line);
}
fails($base . 'users = ' . 'x' x 2000 . "\n", qr/\Q$conf:6: \E/,
    'a line that is too long');
fails("${base}users = /a\0b\n", qr/\Q$conf:6: \E/, 'NUL in a line');
fails("$base\x1b[31m = x\n", qr/\Q$conf:6: \E[ -~]*\n\z/,
    'controls are not printed raw');

# Whether the file is believed.
Dewey::write_file($conf, $base);
sub unsafe {
	my ($complaint, $name) = @_;
	my $c = Dewey->start("--config=$conf");
	is $c->rest, "-ERR [SYS/PERM] server is misconfigured\r\n",
	    "$name: the client is told";
	is $c->exit_code, 100, "$name: exit code";
	like $c->stderr, qr/\Adewey: \Q$conf\E: .*$complaint.*\n\z/,
	    "$name: it says why";
}
chmod 0664, $conf;
unsafe(qr/written/, 'writable by the group');
chmod 0646, $conf;
unsafe(qr/written/, 'writable by everybody');
for my $mode (0600, 0640, 0644, 0400) {
	chmod $mode, $conf;
	$c = Dewey->start("--config=$conf", '--secrets=none');
	is $c->greeting, '+OK POP3 server ready', sprintf 'mode %04o', $mode;
	$c->close;
}
SKIP: {
	skip 'only root can give files away', 7 if $>;
	chown 1, 1, $conf;
	chmod 0644, $conf;
	unsafe(qr/another user/, 'of another user');
	chown 0, 0, $conf;
	$c = Dewey->start("--config=$conf", '--secrets=none');
	is $c->greeting, '+OK POP3 server ready', 'of root';
	$c->close;
	chmod 0600, $conf;
	unsafe(qr/denied/, 'not readable');
}
unlink $conf;
unsafe(qr/No such file/, 'missing');
symlink "$dir/other.conf", $conf;
unsafe(qr/symbolic link/, 'a symbolic link');
unlink $conf;
mkdir $conf;
unsafe(qr/regular/, 'a directory');
rmdir $conf;
POSIX::mkfifo($conf, 0600);
Dewey::give($conf);
unsafe(qr/regular/, 'a FIFO');

done_testing;
