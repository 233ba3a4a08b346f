#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# The clients that people use, each against a dewey behind a spawner: fetch and
# keep; fetch and delete; leave on the server by unique-id, over two runs with
# new mail between; APOP.  Octet for octet what was stored.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Client;
use Dewey;
use Spawner;
use Test::More;

plan skip_all => 'a tool watches the processes' if $ENV{DEWEY_WRAPPER};
my ($kind) = grep { !Spawner::missing($_) } qw(tcpserver runit systemd socat);
plan skip_all => 'no spawner that keeps the log is installed' unless $kind;

my @messages = (
	Client::message('plain', "Hello,\nworld.\n"),
	Client::message('dots', ".\n..\n.x\n...\n. \n\n.\n"),
	Client::message('From', "From here to there\n\n>From there to here\n"),
	Client::message("octets \xe4\xf6\xfc", join '', map { chr } 32 .. 126,
	    128 .. 255, 10),
	Client::message('long', 'x' x 3000 . "\n" . 'y' x 900 . "\n"),
	Client::message('empty', ''),
	Client::message('last line blank', "text\n\n\n"),
	Client::message('large', join '', map { sprintf "%060d\n", $_ } 1 .. 3000),
);
my $later = Client::message('later', "new mail\n");

my $certificate = Dewey::tmpdir() . '/tls.pem';
my $tls = Spawner::certificate($certificate) && !Spawner::missing('socat-tls');

my %users = map { my $name = lc s/\W//gr; ($_ => $name) } Client::names();
my $mail = Dewey::mbox(@messages);
my $site = Spawner->site(
	mail => { map { my $u = $_; map { ("$u-$_" => $mail) }
	    qw(keep delete leave apop tls) } values %users },
	secrets => { map { ("$_-apop" => "secret-$_") } values %users },
);
my $plain = Spawner->start($kind,
    config => $site->configuration(secrets => 'none'));
my $apop = Spawner->start($kind, config => $site->configuration);
my $secure = $tls && Spawner->start('socat-tls', certificate => $certificate,
    config => $site->configuration(secrets => 'none'));

sub same {
	my ($client, $got, $expected, $what) = @_;
	is Client::difference($client, $got, $expected), 'none',
	    "$what: every octet of every message";
}

sub mailbox_is {
	my ($user, $octets, $what) = @_;
	is Spawner::difference(Dewey::read_file($site->mailbox($user)),
	    $octets), 'none', $what;
}

sub retrieved {
	my ($server, $user) = @_;
	my ($sum, $log) = (0, $server->log);
	$sum += $1 while $log =~ /user=\Q$user\E .* retrieved=(\d+) /g;
	return $sum;
}

# The same, when that many are logged: a client may end before its last session
# has.
sub settled {
	my ($server, $user, $want) = @_;
	my $deadline = time + 20;
	select undef, undef, undef, 0.01
	    until retrieved($server, $user) >= $want || time > $deadline;
	return retrieved($server, $user);
}

my %table;
sub result {
	my ($client, $what, $passed) = @_;
	$table{$client}{$what} = $passed;
}

for my $client (Client::names()) {
	my $user = $users{$client};
	my %tests = (
		keep => sub {
			my (undef, @got) = Client::fetch($client,
			    port => $plain->port, user => "$user-keep",
			    password => "pass-$user-keep", mode => 'keep');
			same($client, \@got, \@messages, 'keep');
			mailbox_is("$user-keep", $mail, '... all is kept');
		},
		delete => sub {
			my (undef, @got) = Client::fetch($client,
			    port => $plain->port, user => "$user-delete",
			    password => "pass-$user-delete", mode => 'delete');
			same($client, \@got, \@messages, 'delete');
			mailbox_is("$user-delete", '', '... all is gone');
		},
		leave => sub {
			my @o = (port => $plain->port, user => "$user-leave",
			    password => "pass-$user-leave", mode => 'leave');
			my ($dir, @got) = Client::fetch($client, @o);
			same($client, \@got, \@messages, 'the first run');
			$plain->wait_log(qr/user=\Q$user\E-leave .*end=/);
			# Where it keeps mail, fetchmail gets it by TOP.
			my $is_retr = $client ne 'fetchmail';
			my $before = settled($plain, "$user-leave",
			    $is_retr * @messages);
			my $all = $mail . Dewey::mbox($later);
			Dewey::write_file($site->mailbox("$user-leave"), $all);
			(undef, @got) = Client::fetch($client, @o, dir => $dir);
			# mutt shows the whole mailbox, from its cache.
			same($client, \@got, $client eq 'mutt'
			    ? [@messages, $later] : [$later], 'the second run');
			$plain->wait_log(qr/(?:user=\Q$user\E-leave .*end=.*){2}/s);
			is settled($plain, "$user-leave", $before + $is_retr)
			    - $before, $is_retr + 0,
			    '... one message crossed the wire';
			mailbox_is("$user-leave", $all, '... all is kept');
		},
		apop => sub {
			my (undef, @got) = Client::fetch($client,
			    port => $apop->port, user => "$user-apop",
			    password => "secret-$user", mode => 'delete',
			    apop => 1);
			same($client, \@got, \@messages, 'APOP');
			mailbox_is("$user-apop", '', '... all is gone');
			ok $apop->wait_log(qr/user=\Q$user\E-apop .*method=apop /),
			    '... and it was APOP';
		},
		tls => sub {
			plan skip_all => 'socat or openssl is not installed'
			    unless $tls;
			my (undef, @got) = Client::fetch($client,
			    port => $secure->port, user => "$user-tls",
			    password => "pass-$user-tls", mode => 'delete',
			    tls => $certificate);
			same($client, \@got, \@messages, 'TLS');
			mailbox_is("$user-tls", '', '... all is gone');
		},
	);
	for my $what (qw(keep delete leave apop tls)) {
		my $reason = Client::missing($client)
		    // Client::missing($client, $what);
		result($client, $what, defined $reason ? 'skipped' : 'failed');
		my $passed = subtest "$client: $what" => sub {
			plan skip_all => $reason if defined $reason;
			eval { $tests{$what}->(); 1 } or fail($@);
		};
		result($client, $what, 'passed') if $passed && !defined $reason;
	}
}

# Without a server: as the README says for ssh, here without ssh.
subtest 'fetchmail with a plugin' => sub {
	my $reason = Client::missing('fetchmail');
	plan skip_all => $reason if $reason;
	my $name = getpwuid Dewey::uid();
	my $own = Spawner->site(mail => { $name => $mail });
	my $o = { dir => Dewey::tmpdir() };
	my $store = Client::store($o);
	my $dewey = Dewey::binary(0) . ' --preauth --config=' .
	    $own->configuration(log => 'none');
	my $rc = Client::write_rc($o, <<"RC");
set invisible
set no syslog
set pidfile '$o->{dir}/pid'
poll mail.example protocol POP3 plugin "$dewey" auth ssh
    timeout 20 no dns
    user '$name' is tester here sslproto '' no rewrite fetchall nokeep mda '$store'
RC
	Client::run($o, 'fetchmail', '-f', $rc);
	same('fetchmail', [Client::stored($o)], \@messages, 'preauth');
	is -s $own->mailbox($name), 0, '... all is gone';
};

diag sprintf '%-12s' . '%-9s' x 5, 'client', qw(keep delete leave apop tls);
diag sprintf '%-12s' . '%-9s' x 5, $_,
    @{ $table{$_} }{qw(keep delete leave apop tls)} for Client::names();
done_testing;
