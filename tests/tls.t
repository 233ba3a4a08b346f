#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# TLS: from the first octet on and by STLS (RFC 8314, RFC 2595), as root and as a
# user with a key of one's own; what may be said before, around and after the
# handshake; handshakes that fail, hang or are garbage; streams that are cut; and
# UCSPI-TLS, with the test in the place of the other program.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Accounts;
use Processes;
use Spawner;
use Tls;
use Digest::MD5 qw(md5_hex);
use Fcntl qw(F_SETFD);
use Socket;
use Test::More;
use Time::HiRes qw(sleep time);

plan skip_all => 'a tool watches the processes'
    if Dewey::slow() || Dewey::tool_flags();
my $reason = Tls::missing();
plan skip_all => $reason if $reason;
Accounts::enter() if !$>;

my $mail = Dewey::mbox("Subject: one\n\nbody\n", "Subject: two\n\nbody\n");
my @who = $> ? ('user') : ('root', 'user');
my $site = Dewey->site(users => { ann => 'pw' },
    secrets => { eve => 'secret' }, mail => { ann => $mail, eve => $mail });
if (!$>) {
	Accounts::add('dwann', password => 'pw', mail => $mail);
	Dewey::write_file('/tls-secrets', "dwann:secret\n");
	chown 0, 0, '/tls-secrets';
}
my %name = (root => 'dwann', user => 'ann');

# A session over TCP; the log goes to what stderr reads.
sub start {
	my ($who, $mode, @flags) = @_;
	my %o = ref $flags[-1] ? %{ pop @flags } : ();
	my $root = $who eq 'root';
	my @all = ($mode ? Tls::flags($mode, as_root => $root,
	    kind => delete $o{kind}) : (), @flags);
	$o{transport} //= 'tcp';
	return $root ? Accounts::start(@all, \%o)
	    : Dewey->start($site->flags('--log=stderr', @all), \%o);
}

sub login {
	my ($c, $who) = @_;
	$c->say("USER $name{$who}");
	return $c->say('PASS pw');
}

# The lines of the log, once all processes of the session have gone.
sub ended {
	my ($c, $what, @below) = @_;
	$c->close;
	$c->wait_for(sub { !grep { !Processes::has_ended($_) } @below });
	my $code = $c->exit_code;
	my @lines = $c->stderr =~ /^dewey\S* (.*)/mg;
	is scalar(@lines), 1, "$what: one line in the log"
	    or diag $c->stderr;
	return ($code, $lines[0] // '');
}

# ---- Whole sessions

for my $who (@who) {
	for my $kind ($who eq $who[0] ? qw(p256 p384 ed25519 rsa) : 'p256') {
		for my $row (['implicit', 'TLSv1_3', '1.3'],
		    ['stls', 'TLSv1_2', '1.2']) {
			my ($mode, $version, $logged) = @$row;
			my $what = "$who, $kind, $mode, $logged";
			my $c = start($who, $mode, { kind => $kind });
			$c->greeting if $mode eq 'stls';
			my @of = (SSL_version => $version);
			ok +($mode eq 'stls' ? Tls::stls($c, @of) :
			    Tls::begin($c, @of)), "$what: handshake" or
			    diag $@;
			like $c->greeting, qr/^\+OK POP3 server ready/,
			    '... greeting' if $mode eq 'implicit';
			like login($c, $who), qr/^\+OK \S+ maildrop has 2/,
			    '... login';
			my @below = Processes::below($c->pid);
			is $c->unstuffed('RETR 1'),
			    "Subject: one\r\n\r\nbody\r\n", '... RETR';
			like $c->say('QUIT'), qr/^\+OK/, '... QUIT';
			is $c->rest, '', '... the end';
			my ($code, $line) = ended($c, $what, @below);
			is $code, 0, '... exit code';
			like $line, qr/user=$name{$who} peer=127\.0\.0\.1 method=pass tls=\Q$logged\E messages=2 .* end=quit$/,
			    '... the log';
		}
	}
}

# ---- Before, around and after STLS

for my $who (@who) {
	my @secrets = $who eq 'root' ? ('--secrets=/tls-secrets',
	    '--apop-only=no') : ();
	my $c = start($who, 'stls', @secrets);
	my $stamp = $c->timestamp;
	ok $stamp, "$who: a timestamp in the clear";
	like $c->multi('CAPA'), qr/^STLS\r$/m, 'CAPA has STLS';
	like $c->say('STLS now'), qr/^-ERR STLS takes no argument/,
	    'STLS takes no argument';
	$c->say("USER $name{$who}");
	ok Tls::stls($c), 'STLS after USER';
	like $c->say('PASS pw'), qr/^-ERR PASS comes after USER/,
	    '... the name is forgotten';
	my $capa = $c->multi('CAPA');
	unlike $capa, qr/STLS/, '... CAPA has no STLS';
	like $capa, qr/^USER\r$/m, '... but USER';
	like $c->say('STLS'), qr/^-ERR this connection has TLS/,
	    'STLS a second time';
	my ($user, $secret) = $who eq 'root' ? ('dwann', 'secret')
	    : ('eve', 'secret');
	like $c->say("APOP $user " . md5_hex($stamp . $secret)),
	    qr/^-ERR \[SYS\/PERM\] APOP is not available/,
	    'the digest of the clear timestamp is refused';
	like $c->say('NOOP'), qr/^-ERR/, 'NOOP is not of this state';
	like login($c, $who), qr/^\+OK/, 'login';
	like $c->say('STLS'), qr/^-ERR STLS is not valid in the TRANS/,
	    'STLS in TRANSACTION';
	unlike scalar($c->multi('CAPA')), qr/STLS/, '... nor in CAPA';
	$c->say('QUIT');
	ended($c, "$who: around STLS");

	$c = start($who, 'stls', @secrets);
	$c->greeting;
	like $c->apop($user, $secret), qr/^\+OK/, "$who: APOP without STLS";
	my @left = Processes::below($c->pid);
	$c->wait_for(sub { !grep {
	    (eval { Processes::look($_)->{uids} } // '') =~ /^0/ }
	    Processes::below($c->pid) }) if $who eq 'root';
	pass 'no process of root waits for STLS after login';
	$c->say('QUIT');
	my (undef, $line) = ended($c, 'APOP', @left);
	unlike $line, qr/tls/, '... there was no TLS, says the log';
}

# A password may come from far away inside TLS, not before: the front end's
# header says where from.
for my $mode (qw(stls implicit)) {
	my $c = start('user', $mode, '--proxy=127.0.0.0/8');
	$c->send("PROXY TCP4 192.0.2.1 192.0.2.2 4321 110\r\n");
	if ($mode eq 'stls') {
		$c->greeting;
		like $c->say('USER ann'), qr/^-ERR \[AUTH\] no passwords/,
		    'no password in the clear';
		unlike scalar($c->multi('CAPA')), qr/^USER/m, '... nor in CAPA';
		ok Tls::stls($c), '... STLS';
	} else {
		ok Tls::begin($c), 'a header, then TLS' or diag $@;
		$c->greeting;
	}
	like login($c, 'user'), qr/^\+OK/, "$mode: a password inside TLS";
	$c->say('QUIT');
	my (undef, $line) = ended($c, $mode);
	like $line, qr/peer=192\.0\.2\.1 .*tls=1\.3/, '... the log';
}

# ---- Octets that are not where they belong

for my $who (@who) {
	for my $behind ("USER ann\r\n", "\r\n", "\x16\x03\x01", "STLS\r\n") {
		my $c = start($who, 'stls');
		$c->greeting;
		$c->send("STLS\r\n$behind");
		is eval { $c->rest } // $@, "+OK begin TLS\r\n",
		    "$who: octets behind STLS are no commands";
		my ($code, $line) = ended($c, 'behind STLS');
		is $code, 1, '... exit code';
		like $line, qr/end=tls-failed$/, '... the log';
	}
	# Behind the reply, but before the handshake.
	my $c = start($who, 'stls');
	$c->greeting;
	$c->say('STLS');
	$c->send("USER ann\r\nPASS pw\r\n");
	unlike eval { $c->rest } // $@, qr/[+]OK|-ERR/,
	    "$who: nor are they after its reply";
	my (undef, $line) = ended($c, 'after the reply');
	like $line, qr/end=tls-failed$/, '... the log';
}
# Commands before it in the same packet are answered, each octet may come alone.
{
	my $c = start('user', 'stls');
	$c->greeting;
	$c->send("USER bob\r\nSTLS\r\n");
	like $c->line, qr/^\+OK/, 'a command before STLS is answered';
	is $c->line, '+OK begin TLS', '... STLS, too';
	ok Tls::begin($c), '... TLS';
	like login($c, 'user'), qr/^\+OK/, '... login';
	$c->say('QUIT');

	$c = start('user', 'stls');
	$c->greeting;
	for my $octet (split //, "STLS\r\n") {
		$c->send($octet);
		sleep 0.002;
	}
	is $c->line, '+OK begin TLS', 'STLS octet by octet';
	# Between the client and TCP: octets one at a time, both ways.
	socketpair my $ours, my $theirs, AF_UNIX, SOCK_STREAM, 0 or die;
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		close $ours;
		drip($theirs, $c->{r});
		POSIX::_exit(0);
	}
	close $theirs;
	$c->{r} = $c->{w} = $ours;
	ok Tls::begin($c), '... and the handshake' or diag $@;
	like login($c, 'user'), qr/^\+OK/, '... and a login';
	$c->say('QUIT');
	$c->close;
	waitpid $pid, 0;
	is $c->exit_code, 0, '... exit code';
}

# Copies between two sockets, an octet at a time, until one ends.
sub drip {
	my ($one, $other) = @_;
	alarm 60;
	for my $fh ($one, $other) {
		my $flags = fcntl $fh, Fcntl::F_GETFL(), 0;
		fcntl $fh, Fcntl::F_SETFL(), $flags & ~Fcntl::O_NONBLOCK();
	}
	while (1) {
		my $in = '';
		vec($in, fileno $_, 1) = 1 for $one, $other;
		select $in, undef, undef, undef;
		for ([$one, $other], [$other, $one]) {
			next unless vec $in, fileno $_->[0], 1;
			sysread $_->[0], my $octet, 1 or return;
			syswrite $_->[1], $octet;
		}
	}
}

# ---- Handshakes that fail

my $hello = pack 'H*', '16030100' . '2f' . '0100002b' . '0303' . '00' x 32 .
    '00' . '00021301' . '0100' . '0000';
for my $who (@who) {
	for my $row (['POP3', "USER ann\r\n"], ['HTTP', "GET / HTTP/1.0\r\n\r\n"],
	    ['an alert', pack 'H*', '15030300020228'],
	    ['a ClientHello that offers nothing', $hello],
	    ['NUL', "\0" x 600]) {
		my ($what, $octets) = @$row;
		my $c = start($who, 'implicit');
		$c->send($octets);
		my @below = Processes::below($c->pid);
		unlike $c->rest, qr/OK|ERR/, "$who: $what to the port of TLS";
		my ($code, $line) = ended($c, $what, @below);
		is $code, 1, '... exit code';
		like $line, qr/user=- .* end=tls-failed$/, '... the log';
	}
	for my $row (['nothing', ''],
	    ['half a ClientHello', substr $hello, 0, 30]) {
		my ($what, $octets) = @$row;
		my $c = start($who, 'implicit', '--login-timeout=1');
		$c->send($octets);
		my $from = time;
		my @below;
		$c->wait_for(sub { (@below = Processes::below($c->pid)) > 0 });
		$c->rest;
		my (undef, $line) = ended($c, $what, @below);
		like $line, qr/user=- .* end=timeout$/,
		    "$who: $what and silence: the log";
		cmp_ok time - $from, '<', 8, '... in time';
	}
	# An octet now and then does not make it longer.
	my $c = start($who, 'implicit', '--login-timeout=1');
	my $from = time;
	for my $octet (split //, $hello) {
		last if time - $from > 6 || $c->{eof};
		$c->send($octet);
		sleep 0.1;
		$c->fill;
	}
	cmp_ok time - $from, '<', 6, "$who: an octet now and then";
	my (undef, $line) = ended($c, 'slow');
	like $line, qr/end=timeout$/, '... the log';
	# The client goes.
	$c = start($who, 'implicit');
	$c->send(substr $hello, 0, 10);
	$c->close;
	(undef, $line) = ended($c, 'gone');
	like $line, qr/end=tls-failed$/, "$who: a client that goes";
	# TLS to the port of POP3.
	$c = start($who, 'stls');
	$c->greeting;
	$c->send($hello . "\r\n");
	like $c->line, qr/^-ERR/, "$who: TLS to the port of POP3: one reply";
	is $c->say('QUIT'), '+OK ' . 'dewey POP3 server signing off', '... QUIT';
	ended($c, 'TLS to POP3');
}
for my $row (['TLS 1.1', SSL_version => 'TLSv1_1',
    SSL_cipher_list => 'ALL:@SECLEVEL=0'],
    ['another protocol by ALPN', SSL_alpn_protocols => ['imap']],
    ['CBC', SSL_version => 'TLSv1_2',
	SSL_cipher_list => 'ECDHE-ECDSA-AES128-SHA']) {
	my ($what, @of) = @$row;
	my $c = start('user', 'implicit');
	ok !Tls::begin($c, @of), "$what is refused";
	$c->close;
	my (undef, $line) = ended($c, $what);
	like $line, qr/end=tls-failed$/, '... the log';
}
{
	my $c = start('user', 'implicit', '--tls-min=1.3');
	ok !Tls::begin($c, SSL_version => 'TLSv1_2'), '--tls-min=1.3: not 1.2';
	$c = start('user', 'implicit', '--tls-min=1.3');
	ok Tls::begin($c, SSL_alpn_protocols => ['pop3']), '... but 1.3';
	is $c->{r}->alpn_selected, 'pop3', 'ALPN';
	like $c->greeting, qr/^\+OK POP3 server ready/, '... greeting';
}

# ---- What cannot be had

for my $who (@who) {
	my $path = Tls::certificate('p256', $who eq 'root');
	my $open = Dewey::tmpdir() . '/open.key';
	Dewey::write_file($open, Dewey::read_file("$path.key"), 0644);
	chown 0, 0, $open if $who eq 'root';
	chmod 0755, $open =~ s{/[^/]*\z}{}r;
	for my $row (["--tls-key=$open", qr/tls-key: \Q$open\E: can be read or written by others: chmod 600/],
	    ['--tls-key=/absent', qr{tls-key: /absent: No such file}],
	    ['--tls-cert=/absent', qr{tls-cert: /absent: No such file}],
	    ["--tls-key=$path.crt", qr/tls-key: /],
	    ["--tls-cert=$path.key", qr/tls-cert: \S+: /],
	    ['--tls-key=' . Tls::certificate('small', $who eq 'root') . '.key',
		qr/tls-key: is not a key that can be used/]) {
		my ($flag, $pattern) = @$row;
		my $c = start($who, 'implicit', $flag);
		$c->rest unless Tls::begin($c);
		$c->close;
		$c->exit_code;
		like $c->stderr, $pattern, "$who: $flag: the log says why";
		like $c->stderr, qr/end=tls-failed$/m, '... and the session';
	}
	my $c = start($who, 'stls', '--tls-program=/absent');
	is $c->line, '-ERR [SYS/PERM] server is misconfigured',
	    "$who: no dewey-tls, and STLS: a client is told";
	$c->close;
	is $c->exit_code, 100, '... exit code';
	like $c->stderr, qr{tls-program: /absent: No such file.*: TLS was not built},
	    '... and the administrator';
	$c = start($who, 'implicit', '--tls-program=/absent');
	is $c->rest, '', "$who: no dewey-tls, and TLS: nothing is said";
	$c->close;
	is $c->exit_code, 100, '... exit code';
	my $none = Dewey::write_file('/no-program', "no program\n", 0755);
	$c = start($who, 'implicit', "--tls-program=$none");
	is $c->rest, '', "$who: what cannot be executed: nothing is said";
	$c->close;
	is $c->exit_code, 100, '... exit code';
	like $c->stderr, qr{tls-program: \Q$none\E: Exec format error},
	    '... and the administrator is told';
}

# ---- --check-config

# What it prints of TLS, and the exit code.
sub check {
	my (@flags) = @_;
	my $c = Dewey->start($site->flags(@flags, '--check-config'),
	    { transport => 'pipe' });
	my $text = $c->rest;
	return ($text, $c->exit_code);
}
{
	my $path = Tls::certificate('p256', 0);
	my ($text, $code) = check(Tls::flags('implicit'));
	like $text, qr/^\Q$path.crt\E: certificate of localhost, valid for (?:29|30) days$/m,
	    '--check-config: days and names';
	like $text, qr/^unwise: \Q$path.crt\E: is signed by itself/m,
	    '... who signed it';
	is $code, 0, '... exit code';
	my $short = Tls::certificate('p256', 0, 3);
	($text) = check(Tls::flags('stls'), "--tls-cert=$short.crt");
	like $text, qr/^unwise: \S+: expires in [23] days: renew it$/m,
	    '... that it ends soon';
	like $text, qr/^unsafe: \S+: is not the key of the certificate \Q$short.crt\E; until then there is no TLS$/m,
	    '... that the key is another';
	my $open = Dewey::write_file(Dewey::tmpdir() . '/key',
	    Dewey::read_file("$path.key"), 0604);
	($text, $code) = check(Tls::flags('stls'), "--tls-key=$open");
	like $text, qr/^unsafe: \Q$open\E: can be read or written by others: chmod 600 it/m,
	    '... that others can read the key';
	is $code, 100, '... exit code';
	($text) = check('--tls=stls', '--tls-program=' . Tls::program());
	like $text, qr/^unsafe: tls-cert names no file.*^unsafe: tls-key names no file/ms,
	    '... that there is none';
	($text, $code) = check('--tls=stls', '--tls-program=/absent');
	like $text, qr{^unsafe: /absent: No such file or directory: there is no TLS}m,
	    '... that there is no program';
	is $code, 100, '... exit code';
	my $chain = Dewey::tmpdir() . '/chain';
	system("cd ${\ Dewey::tmpdir()} && openssl req -new -newkey ec -pkeyopt " .
	    "ec_paramgen_curve:P-256 -nodes -subj /CN=a -keyout k -out r " .
	    ">/dev/null 2>&1 && openssl x509 -req -in r -CA $path.crt " .
	    "-CAkey $path.key -CAcreateserial -CAserial s -days 2 -out c " .
	    ">/dev/null 2>&1 && cp c $chain.crt && cp k $chain.key") == 0
	    or die 'no chain';
	Dewey::give("$chain.$_") for qw(crt key);
	($text) = check(Tls::flags('stls'), "--tls-cert=$chain.crt",
	    "--tls-key=$chain.key");
	like $text, qr/^unwise: \S+: has no certificate behind .* chain is incomplete/m,
	    '... that the chain is not complete';
	Dewey::write_file("$chain.crt", Dewey::read_file("$chain.crt") .
	    Dewey::read_file("$path.crt"));
	($text) = check(Tls::flags('stls'), "--tls-cert=$chain.crt",
	    "--tls-key=$chain.key");
	unlike $text, qr/incomplete/, '... that it is';
}

# ---- Streams that are cut

for my $who (@who) {
	for my $row (['behind DELE', ''], ['in QUIT', 'QUIT'],
	    ['in the line end', "QUIT\r"]) {
		my ($what, $octets) = @$row;
		my $c = start($who, 'implicit');
		Tls::begin($c) or die $@;
		$c->greeting;
		login($c, $who);
		my @below = Processes::below($c->pid);
		like $c->say('DELE 1'), qr/^\+OK/, "$who: DELE";
		$c->send($octets) if length $octets;
		# The socket ends, TLS does not.
		shutdown $c->{r}, 2;
		my ($code, $line) = ended($c, $what, @below);
		is $code, 1, "... cut $what: exit code";
		like $line, qr/deleted=0 left=2 .* end=eof$/, '... the log';
		my $box = $who eq 'root' ? Accounts::mailbox('dwann')
		    : $site->mailbox('ann');
		is Dewey::read_file($box), $mail, '... nothing is deleted';
	}
	# An answer that is cut does not end as a whole one would.
	my $box = $who eq 'root' ? Accounts::mailbox('dwann')
	    : $site->mailbox('ann');
	my $large = Dewey::mbox("Subject: large\n\n" . 'x' x 70 . "\n" x 1 .
	    ("y" x 70 . "\n") x 200_000);
	$who eq 'root' ? Accounts::put('dwann', $large)
	    : Dewey::write_file($box, $large);
	my $c = start($who, 'implicit');
	Tls::begin($c) or die $@;
	$c->greeting;
	login($c, $who);
	$c->cmd('RETR 1');
	$c->octets(200_000);
	truncate $box, 3_000_000 or die "truncate: $!";
	my $rest = eval { $c->rest } // '';
	unlike $rest, qr/\r\n\.\r\n\z/, "$who: an answer is cut";
	ok !(($c->{r}->_get_ssl_object // 0) && Net::SSLeay::get_shutdown(
	    $c->{r}->_get_ssl_object) & 2), '... without close_notify';
	$c->exit_code;
	like $c->stderr, qr/end=changed$/m, '... the log';
	$who eq 'root' ? Accounts::put('dwann', $mail)
	    : Dewey::write_file($box, $mail);
}

# ---- Tools that speak STLS without asking for CAPA

for my $row (['openssl', 'openssl s_client -quiet -crlf -starttls pop3 ' .
    '-connect 127.0.0.1:PORT'],
    ['gnutls-cli', 'gnutls-cli --insecure --crlf --starttls-proto=pop3 ' .
    '-p PORT 127.0.0.1']) {
	my ($program, $command) = @$row;
	SKIP: {
		my $why = Spawner::missing('tcpserver') //
		    (Spawner::program($program) ? undef : "no $program");
		skip $why, 1 if $why;
		my $behind = Spawner->site(as_root => 0, mail => { ann => $mail });
		my $path = Tls::certificate('p256', 0);
		my $front = Spawner->start('tcpserver', config =>
		    $behind->configuration(secrets => 'none', tls => 'stls',
		    'tls-cert' => "$path.crt", 'tls-key' => "$path.key",
		    'tls-program' => Tls::program()));
		$command =~ s/PORT/$front->port/e;
		# Each command when the one before has been answered.
		my $out = Dewey::write_file(Dewey::tmpdir() . '/out', '');
		open my $to, '|-', "timeout 20 $command >$out 2>&1" or die;
		$to->autoflush;
		my $n = 0;
		for my $line ('USER ann', 'PASS pass-ann', 'QUIT') {
			print {$to} "$line\n";
			$n++;
			ok Spawner::wait_file($out, qr/(?:\+OK.*?){$n}/s),
			    "$program: $line" or diag Dewey::read_file($out);
		}
		ok $front->wait_log(qr/user=ann .*tls=1\.3 .*end=quit/),
		    '... the log';
		close $to;
	}
}

# ---- UCSPI-TLS, by somebody else

# Starts dewey with three descriptors in its environment; returns it, the other
# end of the control, and a Dewey that speaks inside TLS.
sub ucspi {
	my ($who, @flags) = @_;
	socketpair my $control, my $theirs, AF_UNIX, SOCK_STREAM, 0 or die;
	pipe my $in, my $to or die;
	pipe my $from, my $out or die;
	fcntl $_, F_SETFD, 0 or die for $theirs, $in, $out;
	my $c = start($who, undef, @flags, { env => { SSLCTLFD => fileno $theirs,
	    SSLREADFD => fileno $in, SSLWRITEFD => fileno $out } });
	close $_ for $theirs, $in, $out;
	for my $fh ($from, $to) {
		my $fl = fcntl $fh, Fcntl::F_GETFL(), 0;
		fcntl $fh, Fcntl::F_SETFL(), $fl | Fcntl::O_NONBLOCK();
	}
	my $inside = bless { transport => 'pipe', r => $from, w => $to,
	    in => '', eof => 0, reset => 0, timeout => 20, dialogue => [],
	    flags => [], pid => 0 }, 'Dewey';
	return ($c, $control, $inside);
}

for my $who (@who) {
	my ($c, $control, $inside) = ucspi($who, '--tls=stls');
	$c->greeting;
	is $c->say('STLS'), '+OK begin TLS', "$who: UCSPI-TLS: STLS";
	sysread $control, my $octet, 1;
	is $octet, 'Y', '... the handshake is asked for';
	syswrite $control, join("\0", 'SSL_SERVER_CERT=' . 'x' x 5000,
	    'SSL_PROTOCOL=TLSv1.2', 'NONSENSE', '') . "\0";
	like login($inside, $who), qr/^\+OK/, '... login inside TLS';
	$inside->say('QUIT');
	is $inside->rest, '', '... the end';
	my (undef, $line) = ended($c, 'UCSPI-TLS');
	like $line, qr/tls=1\.2 .* end=quit$/, '... the log';

	($c, $control, $inside) = ucspi($who, '--tls=implicit');
	sysread $control, $octet, 1;
	is $octet, 'Y', "$who: implicit: the handshake is asked for";
	syswrite $control, "\0";
	like $inside->greeting, qr/^\+OK POP3 server ready/, '... greeting';
	$inside->say('QUIT');
	(undef, $line) = ended($c, 'UCSPI-TLS, implicit');
	like $line, qr/tls=other .* end=quit$/, '... the log';

	($c, $control, $inside) = ucspi($who, '--tls=implicit');
	sysread $control, $octet, 1;
	close $control;
	(undef, $line) = ended($c, 'UCSPI-TLS that fails');
	like $line, qr/end=tls-failed$/, "$who: it fails: the log";

	($c, $control, $inside) = ucspi($who);
	$c->greeting;
	is sysread($control, $octet, 1), 0, "$who: without --tls they are closed";
	like $c->say('STLS'), qr/^-ERR unknown/, '... and STLS is unknown';
	$c->say('QUIT');
}

done_testing;
