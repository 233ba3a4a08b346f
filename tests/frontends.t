#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# TLS and proxies in front of dewey, with the files of contrib/: stunnel (to a
# port, and starting dewey itself), socat, HAProxy in plain TCP and in TLS.
# Whole sessions, octet for octet, with a real TLS client.  And whom the log names
# behind each that starts dewey: the client, which calls from an address that the
# front end does not have.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Spawner;
use Test::More;

my $certificate = Dewey::tmpdir() . '/tls.pem';
my $reason = Spawner::certificate($certificate) ? undef
    : 'openssl is not installed';

# Starts one that keeps dewey's log, for those that only hand on.
sub plain {
	my ($site, @options) = @_;
	my ($kind) = grep { !Spawner::missing($_) }
	    qw(tcpserver runit systemd socat);
	return $kind && Spawner->start($kind,
	    config => $site->configuration(@options));
}

sub sessions {
	my ($site, $connect, @names) = @_;
	for my $one_packet (0, 1) {
		my $name = shift @names;
		my $how = $one_packet ? 'in one packet' : 'a command at a time';
		is Spawner::dialogue($connect->(), $name, $one_packet), 'none',
		    "session $how, to the last octet";
		is Spawner::difference(
		    Dewey::read_file($site->mailbox($name)),
		    Spawner::mbox(1, 3)), 'none',
		    '... the mailbox as it must be';
	}
}

sub site {
	my ($as_root) = @_;
	return Spawner->site(as_root => $as_root,
	    mail => { map { $_ => Spawner::mbox() } qw(ann bob cid eve) },
	    secrets => { eve => 'secret' });
}

# Front ends that start dewey themselves: as root, too, where we are.
for my $kind (qw(socat-tls stunnel-exec)) {
	for my $as_root ($> ? 0 : (1, 0)) {
		subtest "$kind as " . ($as_root ? 'root' : 'user') => sub {
			my $why = $reason // Spawner::missing($kind);
			plan skip_all => $why if $why;
			my $site = site($as_root);
			# stunnel makes descriptor 2 the client's connection,
			# where nothing may be said; here it is a file.
			my $log = Dewey::write_file($site->dir . '/log', '');
			my $dewey = Dewey::write_file($site->dir . '/dewey',
			    "#!/bin/sh\nexec " . Dewey::binary($as_root) .
			    " \"\$@\" 2>>$log\n", 0755);
			my $front = Spawner->start($kind, as_root => $as_root,
			    dewey => $dewey, certificate => $certificate,
			    config => $site->configuration(secrets => 'none'));
			sessions($site, sub { Spawner->connect_tls(
			    $front->port, $certificate, '127.0.0.2') },
			    qw(ann bob));
			ok Spawner::wait_file($log,
			    qr/user=ann peer=127\.0\.0\.2 .*end=quit/),
			    'the log has the address of the client';
			undef $front;

			# Without that file, and dewey told to talk.
			$front = Spawner->start($kind, as_root => $as_root,
			    certificate => $certificate,
			    config => $site->configuration(secrets => 'none',
				verbose => 'yes'));
			is Spawner::dialogue(Spawner->connect_tls($front->port,
			    $certificate), 'cid', 0), 'none',
			    'nothing of ours on descriptor 2';
		};
	}
}

# What a test of this release cannot do without; elsewhere it is skipped, and
# says so.
sub lacks {
	my ($why) = @_;
	return 0 unless defined $why;
	$ENV{CI} ? fail($why) : diag("NOT TESTED: $why");
	return 1;
}

for my $kind (qw(socat-exec socat-pipes ncat)) {
	next if lacks(Spawner::missing($kind));
	my $site = site(0);
	my %o = (config => $site->configuration(secrets => 'none'));
	my $front = Spawner->start($kind, %o);
	my $c = $front->connect(from => '127.0.0.2');
	$c->greeting;
	$c->say('USER ann');
	like $c->say('PASS pass-ann'), qr/^\+OK/, "$kind: login";
	$c->say('QUIT');
	ok $front->wait_log(qr/user=ann peer=127\.0\.0\.2 .*end=quit/),
	    '... the log has the address of the client';
	$c = $front->connect(from => '127.0.0.3');
	$c->greeting;
	$c->say('USER ann');
	like $c->say('PASS wrong'), qr/^-ERR/, '... a wrong password';
	ok $front->wait_log(qr/refused login peer=127\.0\.0\.3 method=pass try=1/),
	    '... and so has what fail2ban reads';
	undef $front;
	$front = Spawner->start($kind, %o, v6 => 1);
	$c = $front->connect(v6 => 1);
	like $c->greeting, qr/^\+OK/, '... a greeting over IPv6';
	$c->say('QUIT');
	ok $front->wait_log(qr/user=- peer=::1 .*end=quit/),
	    '... the address is printed as others are';
}

subtest 'stunnel to a port' => sub {
	my $why = $reason // Spawner::missing('stunnel');
	plan skip_all => $why if $why;
	my $site = site(0);
	my $plain = plain($site, secrets => 'none')
	    or plan skip_all => 'no spawner';
	my $front = Spawner->start('stunnel', certificate => $certificate,
	    behind => $plain->port);
	sessions($site, sub { Spawner->connect_tls($front->port,
	    $certificate) }, qw(ann bob));
};

# What came without TLS is for APOP alone: the PROXY header says it.
subtest 'haproxy' => sub {
	my $why = $reason // Spawner::missing('haproxy');
	plan skip_all => $why if $why;
	my $site = site(0);
	my $plain = plain($site, proxy => '127.0.0.1', secrets => 'none')
	    or plan skip_all => 'no spawner';
	my $front = Spawner->start('haproxy', certificate => $certificate,
	    behind => $plain->port);
	sessions($site, sub { Spawner->connect_tls($front->port_tls,
	    $certificate) }, qw(ann bob));

	$plain = plain($site, proxy => '127.0.0.1');
	$front = Spawner->start('haproxy', certificate => $certificate,
	    behind => $plain->port);
	my $c = $front->connect;
	like $c->greeting, qr/^\+OK/, 'without TLS: a greeting';
	like $c->say('USER cid'), qr/^-ERR \[AUTH\]/, '... no password';
	like $c->apop('eve', 'secret'), qr/^\+OK/, '... but APOP';
	for my $n (1 .. 3) {
		like $c->say("RETR $n"), qr/^\+OK/, "... RETR $n";
		is Spawner::difference($c->body . ".\r\n",
		    Spawner::sent(Spawner::message($n))), 'none',
		    '... to the last octet';
	}
	$c->say('DELE 2');
	like $c->say('QUIT'), qr/^\+OK/, '... QUIT';
	is Spawner::difference(Dewey::read_file($site->mailbox('eve')),
	    Spawner::mbox(1, 3)), 'none', '... the mailbox as it must be';

	ok $plain->wait_log(qr/user=eve peer=127\.0\.0\.1 port=\d+ .*end=quit/),
	    'the log has the client of a session';
	ok $plain->wait_log(qr/user=- peer=127\.0\.0\.1 method.*end=quit/),
	    'a health check of haproxy is a session that quits';
	unlike $plain->log, qr/end=(?!quit)/, '... and nothing else';
};

# Somebody has forgotten --proxy: dewey would take passwords from everywhere.
subtest 'haproxy before a dewey that expects no header' => sub {
	my $why = $reason // Spawner::missing('haproxy');
	plan skip_all => $why if $why;
	my $site = site(0);
	my $plain = plain($site) or plan skip_all => 'no spawner';
	my $front = Spawner->start('haproxy', certificate => $certificate,
	    behind => $plain->port);
	# HAProxy looks at it a moment after it has started.
	my $greeting = 1;
	for (1 .. 200) {
		last unless defined($greeting = $front->connect->greeting);
		Time::HiRes::sleep(0.05);
	}
	is $greeting, undef, 'the port without TLS is not served';
	is eval { Spawner->connect_tls($front->port_tls,
	    $certificate)->greeting }, undef, '... nor the one with TLS';
};

done_testing;
