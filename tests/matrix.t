#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Every client behind every spawner: fetches its mail, octet for octet, and
# deletes it.  As root where we are: inetd and the others start dewey as root.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Client;
use Dewey;
use Spawner;
use Test::More;

plan skip_all => 'a tool watches the processes' if $ENV{DEWEY_WRAPPER};
my @clients = Client::names();
my @spawners = Spawner::kinds();
my @messages = (
	Client::message('one', ".dots\n.\n\nFrom here\n"),
	Client::message('two', join '', map { "line $_\n" } 1 .. 500),
);
my %user = map { my $name = lc s/\W//gr; ($_ => $name) } @clients;

my %table;
for my $kind (@spawners) {
	my $reason = Spawner::missing($kind);
	my ($site, $spawner);
	if (!$reason) {
		$site = Spawner->site(as_root => !$>, mail => { map {
		    $_ => Dewey::mbox(@messages) } values %user });
		$spawner = Spawner->start($kind, as_root => !$>,
		    config => $site->configuration(secrets => 'none'));
	}
	for my $client (@clients) {
		my $why = $reason // Client::missing($client);
		$table{$client}{$kind} = 'skip';
		SKIP: {
			skip "$client behind $kind: $why", 1 if $why;
			my $user = $user{$client};
			my (undef, @got) = eval { Client::fetch($client,
			    port => $spawner->port, user => $user,
			    password => "pass-$user", mode => 'delete') };
			my $difference = $@ || Client::difference($client,
			    \@got, \@messages);
			$difference = 'mail is left on the server'
			    if $difference eq 'none'
			    && -s $site->mailbox($user);
			$table{$client}{$kind} =
			    is($difference, 'none', "$client behind $kind")
			    ? 'ok' : 'FAILED';
		}
	}
}

diag sprintf '%-11s' . '%-10s' x @spawners, '', @spawners;
diag sprintf '%-11s' . '%-10s' x @spawners, $_, @{ $table{$_} }{@spawners}
    for @clients;
done_testing;
