#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Every client behind every spawner: fetches its mail, octet for octet, and
# deletes it; with TLS from the first octet on, and begun by STLS, too.  As root where we are: inetd and the others start dewey as root.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Client;
use Dewey;
use Spawner;
use Tls;
use Test::More;

plan skip_all => 'a tool watches the processes' if $ENV{DEWEY_WRAPPER};
my @clients = Client::names();
# What is in front of the name says how TLS begins.
my @spawners = (Spawner::kinds(), Spawner::tls_kinds(), 'stls tcpserver');
my @messages = (
	Client::message('one', ".dots\n.\n\nFrom here\n"),
	Client::message('two', join '', map { "line $_\n" } 1 .. 500),
);
my %user = map { my $name = lc s/\W//gr; ($_ => $name) } @clients;

my %table;
my $no_tls = Tls::missing();
for my $column (@spawners) {
	my ($stls, $kind) = $column =~ /^(stls )?(\S+)/;
	my $tls = $stls || $kind =~ /-tls$/;
	my $reason = Spawner::missing($kind) // ($tls ? $no_tls : undef);
	my $certificate = $tls && !$no_tls && Tls::certificate('p256', !$>);
	my ($site, $spawner);
	if (!$reason) {
		$site = Spawner->site(as_root => !$>, mail => { map {
		    $_ => Dewey::mbox(@messages) } values %user });
		$spawner = Spawner->start($kind, as_root => !$>,
		    config => $site->configuration(secrets => 'none',
		    $tls ? (tls => $stls ? 'stls' : undef,
		    'tls-cert' => "$certificate.crt",
		    'tls-key' => "$certificate.key",
		    'tls-program' => Tls::program()) : ()));
	}
	for my $client (@clients) {
		my $why = $reason // Client::missing($client) //
		    ($tls ? Client::missing($client, $stls ? 'stls' : 'tls') :
		    undef);
		$table{$client}{$column} = 'skip';
		SKIP: {
			skip "$client behind $column: $why", 1 if $why;
			my $user = $user{$client};
			my @how = (port => $spawner->port, user => $user,
			    password => "pass-$user", mode => 'delete',
			    $tls ? (tls => $certificate) : (),
			    $stls ? (stls => 1) : ());
			my (undef, @got) = eval {
			    Client::fetch($client, @how) };
			# getmail once hung before it said a word, beside many
			# other tests: once more, and what it was at is shown.
			if ($@ =~ /^\w+ does not end \(.*\):  at /s) {
				diag $@;
				(undef, @got) = eval {
				    Client::fetch($client, @how) };
			}
			my $difference = $@ || Client::difference($client,
			    \@got, \@messages);
			$difference = 'mail is left on the server'
			    if $difference eq 'none'
			    && -s $site->mailbox($user);
			$table{$client}{$column} =
			    is($difference, 'none', "$client behind $column")
			    ? 'ok' : 'FAILED';
		}
	}
}

diag sprintf '%-11s' . '%-15s' x @spawners, '', @spawners;
diag sprintf '%-11s' . '%-15s' x @spawners, $_, @{ $table{$_} }{@spawners}
    for @clients;
done_testing;
