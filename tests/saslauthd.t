#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# --passwords=saslauthd: PASS and AUTH PLAIN are asked of saslauthd, Debian's
# with PAM, shadow(5), LDAP and an IMAP server behind it, and one of the test's
# that says anything.  What is no answer is -ERR [SYS/TEMP], never [AUTH], and no
# try.  (doc/SECURITY.md; RFC 1939 s7, RFC 5034, RFC 3206.)
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Accounts;
use MIME::Base64 qw(encode_base64);
use POSIX ();
use Processes;
use Saslauthd;
use Socket;
use Spawner;
use Test::More;
use Time::HiRes qw(sleep time);

plan skip_all => 'times mean nothing under such a tool' if Dewey::slow();
Accounts::enter() unless $>;

my $refused = '-ERR [AUTH] name or credentials refused';
my $later = '-ERR [SYS/TEMP] passwords cannot be checked now, wait and try again';
my $password = "tan st\xe4af";
my $mail = Dewey::mbox("Subject: one\n\nbody\n");
my $dir = Dewey::tmpdir();
chmod 0755, $dir;

sub plain { return encode_base64("\0$_[0]\0$_[1]", '') }

# ---- A saslauthd of the test's.  Users are those of a file, whose hashes do not
# count.

my $site = Dewey->site(mail => { map { $_ => $mail } qw(dwmrose dwother) });
Dewey::write_file($site->dir . '/users', "dwmrose:*\ndwother:!\ndwhashed:" .
    crypt('hashed', '$5$rounds=1000$dewey') . "\n");
Dewey::write_file($site->dir . '/deny', "dwother\n");
unlink $site->dir . '/secrets';
my $mux = "$dir/mux";
my @flags = ('--secrets=none', '--log=stderr', "--passwords=saslauthd:$mux");

sub start { return $site->start(@flags, @_) }
sub begin { my $c = start(@_); $c->greeting; return $c }
sub try { my ($c, $name, $word) = @_; $c->say("USER $name");
    return $c->say("PASS $word") }

# It knows one user, and says so in these words.
my $usual = sub {
	my ($name, $word) = @_;
	return Saslauthd::answer($name eq 'dwgone' ? 'NO such user' :
	    $word eq $password ? 'OK' : 'NO wrong, this word');
};

# %i: each virtual host has a saslauthd of its own.
{
	my $fake = Saslauthd->start("$dir/127.0.0.1", answer => $usual);
	for my $row (['tcp', $password, qr/^\+OK/], ['tcp', 'wrong', qr/^-ERR \[AUTH\]/],
	    ['socketpair', $password, qr/^-ERR \[SYS\/TEMP\]/]) {
		my ($transport, $word, $answer) = @$row;
		my $c = $site->start('--secrets=none', '--log=stderr',
		    "--passwords=saslauthd:$dir/%i", { transport => $transport });
		$c->greeting;
		like try($c, 'dwmrose', $word), $answer,
		    "\%i in --passwords, $transport";
		$c->say('QUIT');
		$c->exit_code;
	}
}

{
	my $fake = Saslauthd->start($mux, answer => $usual);
	my $c = begin();
	is_deeply [split /\r\n/, ($c->multi('CAPA'))[1] =~
	    s/^(?!USER|SASL).*\r\n//gmr], ['USER', 'SASL PLAIN'],
	    'CAPA lists what can succeed';
	is try($c, 'dwgone', $password), $refused, 'an unknown user';
	is try($c, 'dwmrose', 'wrong'), $refused, 'a wrong password';
	like try($c, 'dwmrose', $password), qr/^\+OK/, 'the right one';
	like $c->say('QUIT'), qr/^\+OK/, '... is in';
	is $c->exit_code, 0, '... exit code';
	is_deeply [map { $_->[1] } $fake->asked],
	    [map { Saslauthd::question(@$_) } ['dwgone', $password],
	    ['dwmrose', 'wrong'], ['dwmrose', $password]],
	    '... each question is whole, and as it must be';
	my $log = $c->stderr;
	like $log, qr{\Q$mux\E: saslauthd says no: such user$}m,
	    '... the log has the reasons';
	like $log, qr{saslauthd says no: wrong, this word$}m, '... each';
	like $log, qr/refused login .* try=1$/m, '... an unknown name is not told';
	like $log, qr/refused login .* try=2 user=dwmrose$/m, '... a known is';
	unlike $log, qr/tan st/, '... no password is';
	$c = begin();
	is $c->say('AUTH PLAIN ' . plain('dwmrose', 'wrong')), $refused,
	    'PLAIN: a wrong password';
	like $c->say('AUTH PLAIN ' . plain('dwmrose', $password)), qr/^\+OK/,
	    '... the right one';
	$c->say('QUIT');
	is $c->exit_code, 0, '... exit code';

	# The file still says who may come in, and its hashes count for nothing.
	$c = begin('--deny=' . $site->dir . '/deny', '--hide-users=no');
	like $c->say('USER dwmrose'), qr/^\+OK/, 'USER: there is one';
	like $c->say('USER dwnone'), qr/^-ERR \[AUTH\]/, '... there is none';
	is try($c, 'dwhashed', 'hashed'), $refused, 'a hash does not count';
	$c->close;
	$c->exit_code;
	$c = begin('--deny=' . $site->dir . '/deny');
	is try($c, 'dwother', $password), $refused, '--deny counts';
	is try($c, 'dwnone', $password), $refused, 'so does being in the file';
	$c->close;
	$c->exit_code;

	# What is never asked.
	my $before = $fake->asked;
	my %never = (
		'a name that cannot be' => ["../dwmrose", $password],
		'a name of 65 octets' => ['n' x 65, $password],
		'a password of 256 octets' => ['dwmrose', 'p' x 256],
	);
	for my $what (sort keys %never) {
		$c = begin();
		is $c->say('AUTH PLAIN'), '+ ', "PLAIN: $what";
		like $c->say(plain(@{ $never{$what} })), $what =~ /256/ ?
		    qr/^-ERR malformed/ : qr/^\Q$refused\E$/, '... refused';
		$c->close;
		$c->exit_code;
	}
	$c = begin();
	like $c->say('AUTH PLAIN ' . encode_base64(
	    "\0dwmrose\0$password\0x", '')), qr/^-ERR malformed/, 'NUL';
	like try($c, 'dwmrose', "x\0$password"), qr/^-ERR/, '... in PASS';
	$c->close;
	$c->exit_code;
	is scalar($fake->asked), $before, '... and nobody was asked';
	$c = begin();
	$c->say('AUTH PLAIN');
	is $c->say(plain('dwmrose', 'p' x 255)), $refused, '255 octets';
	is(($fake->asked)[-1][1], Saslauthd::question('dwmrose', 'p' x 255),
	    '... are asked');
	$c->close;
	$c->exit_code;

	# Stored keys and secrets are of use as ever.
	my $key = '{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,' .
	    'WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,' .
	    'wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=';
	Dewey::write_file("$dir/keys", "dwmrose:$key\ndwother:*\n");
	Dewey::write_file("$dir/secrets", "dwother:tanstaaf\n");
	$c = begin("--users=$dir/keys", "--secrets=$dir/secrets");
	like +($c->multi('CAPA'))[1], qr/^SASL SCRAM-SHA-256 CRAM-MD5 PLAIN\r$/m,
	    'CAPA: with a key and a secret';
	is try($c, 'dwmrose', 'pencil'), $refused, '... a key is no password';
	is try($c, 'dwother', $password), $refused,
	    '... who has a secret may not send a password';
	like $c->apop('dwother', 'tanstaaf'), qr/^\+OK/, '... but a digest';
	$c->say('QUIT');
	is $c->exit_code, 0, '... exit code';
	$fake->stop;
}

# ---- What is no answer: [what, pieces].  In one session, for it is no try.

my $ok = Saslauthd::answer('OK');
my $no = Saslauthd::answer('NO wrong');
my @no_answers = (
	(map { ["OK cut at $_", substr $ok, 0, $_] } 0 .. length($ok) - 1),
	(map { ["NO cut at $_", substr $no, 0, $_] } 0 .. length($no) - 1),
	(map { ["`$_'", Saslauthd::answer($_)] } '', 'O', 'OKAY', 'ok', 'NOT',
	    ' OK', "OK\0", "OK\n", 'YES', "\0\0", 'N' x 40),
	['a count of 1025', Saslauthd::answer('NO ' . 'x' x 1022)],
	['the largest count', "\xff\xff" . 'OK' x 600],
	['octets behind it', $ok . 'x'],
	['the count in another order', "\2\0OK"],
	['text', "+OK\r\n"],
	(map { ["NO $_", Saslauthd::answer("NO $_")] }
	    '[ALERT] Couldn\'t contact remote authentication server',
	    'internal mechanism failure', 'saslauthd internal error'),
);
my @answers = (
	['OK with words', 1, Saslauthd::answer('OK remote authentication ok')],
	['the longest', 0, Saslauthd::answer('NO ' . "\e" x 1021)],
	['a bare NO', 0, Saslauthd::answer('NO')],
	['NO and a blank', 0, Saslauthd::answer('NO ')],
	['OK, an octet at a time', 1, split //, $ok],
);
# ${next} is the answer to the question of that number, the password.
my $listed = sub { my ($name, $n) = @_; my @row = $n =~ /^a(\d+)/ ?
    @{ $answers[$1] }[2 .. $#{ $answers[$1] }] : $no_answers[$n][1];
    return @row };

sub check_answers {
	my ($how, $start) = @_;
	my $c = $start->();
	$c->greeting;
	for my $i (0 .. $#no_answers) {
		is $c->say('AUTH PLAIN ' . plain('dwmrose', $i)), $later,
		    "$how: $no_answers[$i][0]";
	}
	is $c->say('AUTH PLAIN ' . plain('dwmrose', 'a2')), $refused,
	    '... the session goes on';
	my $log = $c->stderr;
	like $log, qr/refused login .* try=1 /, '... none of them was a try';
	is scalar(() = $log =~ /cannot be asked/g), @no_answers - 3,
	    '... each is logged';
	is scalar(() = $log =~ /says no: (?:\[ALERT\]|.*internal)/g), 3,
	    '... with the reason';
	$c->close;
	$c->exit_code;
	for my $i (0 .. $#answers) {
		my ($what, $right) = @{ $answers[$i] };
		$c = $start->();
		$c->greeting;
		my $got = $c->say('AUTH PLAIN ' . plain('dwmrose', "a$i"));
		ok $right ? $got =~ /^\+OK/ : $got eq $refused, "$how: $what";
		like $c->stderr, qr/says no: (?:\\x1b){200}/,
		    '... its words are escaped' if $what eq 'the longest';
		$c->close;
		$c->exit_code;
	}
}

{
	my $fake = Saslauthd->start($mux, answer => $listed);
	check_answers('as a user', \&start);
	$fake->stop;
}

# ---- Gone, back again, slow, full

sub check_gone {
	my ($how, $start) = @_;
	unlink $mux;
	my $c = $start->();
	$c->greeting;
	is try($c, 'dwmrose', $password), $later, "$how: not there";
	my $fake = Saslauthd->start($mux, answer => $usual);
	is try($c, 'dwmrose', 'wrong'), $refused, '... there';
	$fake->stop;
	is try($c, 'dwmrose', $password), $later, '... gone';
	$fake = Saslauthd->start($mux, answer => $usual);
	like try($c, 'dwmrose', $password), qr/^\+OK/, '... there again';
	$c->close;
	$c->exit_code;
	like $c->stderr, qr/No such file or directory.*Connection refused/s,
	    '... the log says which';
	$fake->stop;

	# Silence is waited for no longer than for a login.
	for my $what ('silent', 'half an answer', 'full') {
		$fake = Saslauthd->start($mux, backlog => 0,
		    idle => $what eq 'full', answer => sub { $what eq 'silent' ?
		    (undef) : (substr($ok, 0, 3), undef) });
		my @others;
		for (1 .. ($what eq 'full' ? 2 : 0)) {
			socket my $s, PF_UNIX, SOCK_STREAM, 0 or die;
			$s->blocking(0);
			connect $s, pack_sockaddr_un($mux);
			push @others, $s;
		}
		$c = $start->('--login-timeout=1');
		$c->greeting;
		my $from = time;
		is try($c, 'dwmrose', $password), $later, "$how: $what";
		my $took = time - $from;
		ok $took > 0.5 && $took < 3, "... after $took s";
		$c->close;
		$c->exit_code;
		$fake->stop;
	}
	# A signal ends the wait.
	$fake = Saslauthd->start($mux, answer => sub { undef });
	$c = $start->();
	$c->greeting;
	$c->say('USER dwmrose');
	$c->cmd("PASS $password");
	$c->wait_for(sub { scalar($fake->asked) });
	my $from = time;
	$c->kill('TERM');
	is $c->rest, '', "$how: a signal: nothing is said";
	$c->exit_code;
	cmp_ok time - $from, '<', 4, '... and nothing waited for';
	unlike $c->stderr, qr/cannot be asked/, '... nor complained of';
	$fake->stop;
}
check_gone('as a user', \&start);

{
	# There is room soon.
	my $fake = Saslauthd->start($mux, backlog => 0, answer => sub {
		sleep 0.1; $usual->(@_) });
	my @c = map { begin() } 1 .. 6;
	$_->say('USER dwmrose') for @c;
	$_->cmd("PASS $password") for @c;
	is scalar(grep { $_->line =~ /^\+OK|^-ERR \[IN-USE\]/ } @c), @c,
	    'those who wait for room have their turn';
	$_->close for @c;
	$_->exit_code for @c;
	$fake->stop;
}

# ---- --passwords keeps to a source

for ([['--passwords=shadow'], 'shadow, and a file'],
    [['--users=system', '--passwords=users'], 'users, and no file']) {
	my ($more, $what) = @$_;
	my $c = $site->start('--secrets=none', '--log=stderr', @$more);
	$c->greeting;
	unlike +($c->multi('CAPA'))[1], qr/^(?:USER|SASL)/m,
	    "$what: no passwords are offered";
	like try($c, 'dwhashed', 'hashed'), qr{^-ERR \[SYS/PERM\]}, '... nor taken';
	$c->close;
	$c->exit_code;
}
{
	my $c = $site->start('--secrets=none', '--passwords=users');
	$c->greeting;
	like try($c, 'dwhashed', 'hashed'), qr/^\+OK/, 'users, and a file';
	$c->close;
	$c->exit_code;
}

# ---- --check-config

sub audit {
	my ($as_root, @more) = @_;
	my $c = Dewey->start('--check-config', '--mailbox=/tmp/%u',
	    '--secrets=none', @more, { as_root => $as_root, transport => 'pipe' });
	my $got = $c->rest;
	return [$c->exit_code, $got];
}

sub check_audit {
	my ($as_root, $how, @more) = @_;
	my $ask = sub { audit($as_root, @more, "--passwords=saslauthd:$mux") };
	unlink $mux;
	my $got = $ask->();
	like $got->[1], qr{^unsafe: \Q$mux\E: No such file .*start saslauthd}m,
	    "$how: --check-config: not there";
	isnt $got->[0], 0, '... exit code';
	Dewey::write_file($mux, 'x');
	like $ask->()->[1], qr{\Q$mux\E: Socket operation on non-socket}m,
	    '... no socket';
	my $fake = Saslauthd->start($mux, answer => $usual);
	unlike $ask->()->[1], qr{\Q$dir}, '... there';
	chmod 0777, $dir;
	like $ask->()->[1], qr{^unsafe: \Q$dir\E: others can put}m,
	    '... where everybody can make one';
	chmod 0755, $dir;
	$fake->stop;
	like $ask->()->[1], qr{\Q$mux\E: Connection refused}m, '... gone';
}
check_audit(0, 'as a user', '--users=' . $site->dir . '/users');
like audit(0, '--users=' . $site->dir . '/users', '--passwords=shadow')->[1],
    qr/^unsafe: nobody can log in with a password: passwords = shadow/m,
    '--check-config: shadow, and a file';
for my $bad ('saslauthd:', 'saslauthd:mux', 'sasl', 'saslauthd:/' . 'x' x 107,
    'shadow:/x', '') {
	my $got = audit(0, "--passwords=$bad");
	is $got->[0], 100, "--passwords=$bad is none";
}

if ($>) {
	note 'the rest needs root';
	done_testing;
	exit 0;
}

# ---- By root: the judge asks, another process connects for it

Accounts::add($_, more => ['-r']) for qw(dewey-gate dewey-judge dewey-wait);
Accounts::run('groupadd', '-r', 'dwsasl');
# Locked for everybody who looks into shadow(5).
Accounts::add('dwmrose', hash => '!', mail => $mail);
my @by_root = ('--secrets=none', "--passwords=saslauthd:$mux");
my $by_root = sub { Accounts::start(@by_root, @_) };
{
	my $fake = Saslauthd->start($mux, answer => $listed);
	check_answers('by root', $by_root);
	$fake->stop;
}
check_gone('by root', $by_root);
{
	# As Debian has it: nobody else gets there.
	chown 0, scalar getgrnam('dwsasl'), $dir or die $!;
	chmod 0710, $dir;
	my $fake = Saslauthd->start($mux, answer => $usual);
	my $c = $by_root->();
	$c->greeting;
	my ($judge) = Processes::below($c->pid);
	$c->wait_for(sub { Processes::look($judge)->{seccomp} == 2 });
	ok !grep({ /shadow/ } values %{ Processes::look($judge)->{fds} }),
	    'the judge has no shadow file';
	my $fds = keys %{ Processes::look($judge)->{fds} };
	is try($c, 'dwmrose', 'wrong'), $refused, '... a wrong password';
	# Who has connected for it may end just now.
	ok eval {
		$c->wait_for(sub { !grep {
		    (eval { Processes::look($_)->{uids} } // '') =~ /^0/ }
		    Processes::below($c->pid) });
	}, '... nobody of root is left but the monitor';
	is scalar(keys %{ Processes::look($judge)->{fds} }), $fds,
	    '... nor a connection';
	like try($c, 'dwmrose', $password), qr/^\+OK/, '... the right one';
	$c->say('QUIT');
	is $c->exit_code, 0, '... exit code';
	is join(' ', map { $_->[0] } $fake->asked),
	    join(' ', (Accounts::uid('dewey-judge')) x 2),
	    '... the connections are the judge\'s, not root\'s';
	unlike audit(1, "--passwords=saslauthd:$mux")->[1], qr{\Q$dir},
	    '... --check-config is content';
	chown 0, 0, $dir;
	chmod 0700, $dir;
	$c = $by_root->();
	$c->greeting;
	is try($c, 'dwmrose', $password), $later, 'a directory of root\'s alone';
	$c->close;
	$c->exit_code;
	like $c->stderr, qr/cannot be asked: Permission denied/, '... logged';
	like audit(1, "--passwords=saslauthd:$mux")->[1],
	    qr{^unsafe: .*Permission denied.*chgrp sasl}m, '... --check-config';
	$fake->stop;
	chmod 0755, $dir;
}
check_audit(1, 'by root');

# ---- Debian's saslauthd

Rootfs::lay('/', 'saslauthd') or do {
	note 'sasl2-bin is not unpacked';
	done_testing;
	exit 0;
};
my $run = '/run/saslauthd';
my @servers;
END { local $?; kill 'KILL', @servers if @servers }

# A program in the background, until the file ${until} is there.
sub background {
	my ($until, @command) = @_;
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		# At its end saslauthd ends its whole group.
		setpgrp;
		open STDOUT, '>', "$dir/said" or die;
		open STDERR, '>&', \*STDOUT;
		exec @command or POSIX::_exit(127);
	}
	push @servers, $pid;
	for (1 .. 2000) {
		return $pid if -e $until;
		sleep 0.005;
	}
	die "@command: ", Dewey::read_file("$dir/said");
}

sub end {
	my ($pid) = @_;
	kill 'TERM', $pid;
	for (1 .. 1000) {
		last if waitpid($pid, POSIX::WNOHANG()) == $pid;
		sleep 0.005;
	}
	@servers = grep { $_ != $pid } @servers;
}

# Debian's place, owner and mode of the directory.
sub saslauthd {
	my (@how) = @_;
	system 'rm', '-rf', $run;
	mkdir $run or die "$run: $!";
	chown 0, scalar getgrnam('sasl') // getgrnam('dwsasl'), $run;
	chmod 0710, $run;
	return background("$run/mux", '/usr/sbin/saslauthd', '-d', '-n', '2',
	    '-m', $run, @how);
}

# ${name} with ${word}, in both ways; another word; somebody else.
sub check_real {
	my ($how, $name, $word, @more) = @_;
	my @flags = ('--secrets=none', '--passwords=saslauthd', @more);
	my $c = Accounts::start(@flags);
	$c->greeting;
	is try($c, 'dwgone', $word), $refused, "$how: somebody unknown";
	is try($c, $name, 'wrong'), $refused, '... a wrong password';
	like try($c, $name, $word), qr/^\+OK/, '... the right one'
	    or diag Dewey::read_file("$dir/said");
	$c->say('QUIT');
	is $c->exit_code, 0, '... exit code';
	is scalar(() = $c->stderr =~ /refused login/g), 2, '... logged';
	note $c->stderr;
	$c = Accounts::start(@flags);
	$c->greeting;
	like $c->say('AUTH PLAIN ' . plain($name, $word)), qr/^\+OK/,
	    '... PLAIN';
	$c->say('QUIT');
	is $c->exit_code, 0, '... exit code';
}

Accounts::add('dwshadow', password => 'in shadow', mail => $mail);
my $pid = saslauthd('-a', 'shadow');
check_real('shadow', 'dwshadow', 'in shadow');
end($pid);

# A new one at the same place.
Dewey::write_file('/etc/pam.d/pop', "auth required pam_unix.so nodelay\n" .
    "account required pam_unix.so\n", 0644);
Dewey::write_file('/etc/pam.d/other', "auth required pam_deny.so\n" .
    "account required pam_deny.so\n", 0644);
$pid = saslauthd('-a', 'pam');
check_real('PAM', 'dwshadow', 'in shadow');
Dewey::write_file("$dir/users", "dwshadow:\n", 0644);
chown 0, 0, "$dir/users";
check_real('PAM and a users file', 'dwshadow', 'in shadow',
    "--users=$dir/users", '--mail-user=dwshadow');
end($pid);

# An IMAP server, as much of one as is asked.
socket my $imap, PF_INET, SOCK_STREAM, 0 or die;
bind $imap, pack_sockaddr_in(0, INADDR_LOOPBACK) or die;
listen $imap, 5;
my ($port) = unpack_sockaddr_in(getsockname $imap);
my $server = fork // die "fork: $!";
if (!$server) {
	while (accept my $c, $imap) {
		$c->autoflush(1);
		print {$c} "* OK ready\r\n";
		while (<$c>) {
			my ($tag, $verb, $rest) = /^(\S+) (\S+) ?(.*?)\r?$/;
			print {$c} $verb ne 'LOGIN' ? "$tag OK done\r\n" :
			    $rest eq '"dwmrose" "in imap"' ?
			    "$tag OK in\r\n" : "$tag NO not in\r\n";
			last if $verb eq 'LOGOUT';
		}
	}
	POSIX::_exit(0);
}
push @servers, $server;
close $imap;
$pid = saslauthd('-a', 'rimap', '-O', "127.0.0.1/$port");
check_real('an IMAP server', 'dwmrose', 'in imap');
end($server);
{
	my $c = Accounts::start('--secrets=none', '--passwords=saslauthd');
	$c->greeting;
	is try($c, 'dwmrose', 'in imap'), $later, 'the IMAP server is gone';
	$c->close;
	$c->exit_code;
	like $c->stderr, qr/says no: \[ALERT\]/, '... logged';
}
end($pid);

SKIP: {
	Rootfs::lay('/', 'slapd') or skip 'slapd is not unpacked', 6;
	mkdir $_ for '/var/lib/dwldap', '/etc/dwldap';
	my ($modules) = glob '/usr/lib/ldap';
	Dewey::write_file('/etc/dwldap/slapd.conf', <<"");
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
modulepath $modules
moduleload back_mdb
pidfile /run/dwldap.pid
database mdb
maxsize 10485760
suffix dc=example
directory /var/lib/dwldap

	Dewey::write_file('/etc/dwldap/data', join "\n", 'dn: dc=example',
	    (map { "objectClass: $_" } qw(dcObject organization)),
	    'dc: example', 'o: example', '', 'dn: uid=dwmrose,dc=example',
	    (map { "objectClass: $_" } qw(account simpleSecurityObject)),
	    'uid: dwmrose', 'userPassword: in ldap', '');
	Accounts::run('sh', '-c', 'slapadd -f /etc/dwldap/slapd.conf ' .
	    '-l /etc/dwldap/data >/dev/null 2>&1') or die 'slapadd failed';
	Dewey::write_file('/etc/saslauthd.conf', "ldap_servers: " .
	    "ldapi://%2frun%2fdwldap\nldap_search_base: dc=example\n" .
	    "ldap_filter: uid=%u\n");
	my $slapd = background('/run/dwldap', '/usr/sbin/slapd', '-d', '0',
	    '-f', '/etc/dwldap/slapd.conf', '-h', 'ldapi://%2frun%2fdwldap');
	$pid = saslauthd('-a', 'ldap', '-O', '/etc/saslauthd.conf');
	check_real('LDAP', 'dwmrose', 'in ldap');
	end($slapd);
	# Of this 2.1.28 says nothing but NO: doc/ADMIN.md has it.
	my $c = Accounts::start('--secrets=none', '--passwords=saslauthd');
	$c->greeting;
	is try($c, 'dwmrose', 'in ldap'), $refused,
	    'LDAP is gone: saslauthd does not tell';
	$c->close;
	$c->exit_code;
	end($pid);
}

done_testing;
