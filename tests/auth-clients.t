#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Clients that log in by AUTH (RFC 5034): each with the mechanisms that it has,
# and those that are offered without being asked for one.  What they are sent is
# octet for octet what was stored; the log says by which mechanism they came in.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Client;
use Dewey;
use Scram;
use Spawner;
use Test::More;

plan skip_all => 'a tool watches the processes' if $ENV{DEWEY_WRAPPER};
my ($kind) = grep { !Spawner::missing($_) } qw(tcpserver runit systemd socat);
plan skip_all => 'no spawner that keeps the log is installed' unless $kind;

# Who takes which mechanism, and what the log calls it.
my @rows = (
	[ 'curl', 'PLAIN' ], [ 'curl', 'CRAM-MD5' ],
	[ 'fetchmail', 'CRAM-MD5' ],
	[ 'mpop', 'PLAIN' ], [ 'mpop', 'CRAM-MD5' ],
	[ 'mpop', 'SCRAM-SHA-256' ],
	[ 'mutt', 'PLAIN' ], [ 'mutt', 'CRAM-MD5' ],
	[ 'mutt', 'SCRAM-SHA-256' ],
);
my @messages = (Client::message('one', "Hello,\n.world.\n"),
    Client::message("two \xe4", "\n"));
my $mail = Dewey::mbox(@messages);
my %name = map { ("@$_" => lc "$_->[0]-$_->[1]") } @rows;
my $site = Spawner->site(mail => { map { $_ => $mail } values %name },
    secrets => { map { $_ => "pass-$_" } grep { /cram/ } values %name });
my $users = "$site->{dir}/users";
my $text = Dewey::read_file($users);
# Those of SCRAM have a stored key, 5,000 iterations of it.
$text =~ s/^(\S+-scram-sha-256):[^:\n]*/"$1:" . Scram::stored("pass-$1",
    "sixteen octets: ", 5000)/gme;
Dewey::write_file($users, $text);
my $server = Spawner->start($kind, config => $site->configuration);

for my $row (@rows) {
	my ($client, $mechanism) = @$row;
	my $name = $name{"@$row"};
	subtest "$client: $mechanism" => sub {
		my $missing = Client::missing($client);
		plan skip_all => $missing if defined $missing;
		my (undef, @got) = Client::fetch($client,
		    port => $server->port, user => $name,
		    password => "pass-$name", mode => 'delete',
		    sasl => $mechanism);
		is Client::difference($client, \@got, \@messages), 'none',
		    'every octet of every message';
		is Dewey::read_file($site->mailbox($name)), '', 'all is gone';
		my $method = lc $mechanism;
		ok $server->wait_log(
		    qr/user=\Q$name\E .*method=\Q$method\E /),
		    'by this mechanism';
	};
}

done_testing;
