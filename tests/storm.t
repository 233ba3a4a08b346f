#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# 200 sessions at once under tcpserver and inetd, all logged in at the same
# time, each fetching and deleting its own mailbox: nothing is mixed up.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Spawner;
use Test::More;
use Time::HiRes qw(time);

use constant SESSIONS => $ENV{DEWEY_WRAPPER} ? 20 : 200;

my @names = map { sprintf 'user%03d', $_ } 1 .. SESSIONS;

# Numbers that tell whose message it is, in a size of its own.
sub messages {
	my ($name) = @_;
	my ($n) = $name =~ /(\d+)/;
	return map { "Subject: $name $_\n\n" . "$name message $_\n" x ($n + $_) }
	    1 .. 3;
}

sub storm {
	my ($kind, $as_root) = @_;
	my $site = Spawner->site(as_root => $as_root,
	    mail => { map { $_ => Dewey::mbox(messages($_)) } @names });
	my $spawner = Spawner->start($kind, as_root => $as_root,
	    config => $site->configuration(secrets => 'none'));
	my $begin = time;

	my %c = map { $_ => $spawner->connect(timeout => 60) } @names;
	$c{$_}->send("USER $_\r\nPASS pass-$_\r\n") for @names;
	my $in = 0;
	for my $name (@names) {
		my $greeting = $c{$name}->line // '';
		$c{$name}->line;
		my $reply = $c{$name}->line // '';
		$in++ if $greeting =~ /^\+OK/ && $reply =~
		    /^\+OK \Q$name\E's maildrop has 3 messages /;
	}
	is $in, SESSIONS, 'sessions logged in at once';

	$c{$_}->send(join '', map({ "RETR $_\r\nDELE $_\r\n" } 1 .. 3),
	    "QUIT\r\n") for @names;
	my ($right, $quit) = (0, 0);
	for my $name (@names) {
		my $got = '';
		for (1 .. 3) {
			$c{$name}->line;
			$got .= $c{$name}->body;
			$c{$name}->line;
		}
		$got =~ s/\r\n/\n/g;
		$right++ if $got eq join '', messages($name);
		$quit++ if ($c{$name}->rest // '') eq '+OK dewey POP3 ' .
		    "server signing off (maildrop empty)\r\n";
	}
	is $right, SESSIONS, 'got their own messages, octet for octet';
	is $quit, SESSIONS, 'were told that the maildrop is empty';
	diag sprintf '%s as %s: %d sessions at once in %.2f s', $kind,
	    $as_root ? 'root' : 'user', SESSIONS, time - $begin;
	is scalar(grep { -s $site->mailbox($_) } @names), 0,
	    'mailboxes with anything left';
	is scalar(grep { $site->uid($_) != (stat $site->mailbox($_))[4] }
	    @names), 0, 'mailboxes that changed hands' if $as_root;
	is join(' ', glob $site->mailbox('*.lock')), '', 'locks left behind';
}

for my $kind (qw(tcpserver inetd)) {
	for my $as_root ($> ? 0 : (1, 0)) {
		subtest "$kind as " . ($as_root ? 'root' : 'user') => sub {
			my $reason = Spawner::missing($kind);
			plan skip_all => $reason if $reason;
			storm($kind, $as_root);
		};
	}
}
done_testing;
