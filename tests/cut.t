#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Good transcripts cut at every octet: a message is deleted only if the whole
# line QUIT arrived, and the mailbox is octet for octet as before or as after.
# Split in two packets at every octet: the same answers (RFC 1939 section 6).
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Digest::MD5 qw(md5_hex);
use Test::More;

my @messages = ("Subject: one\n\nThe first.\n", "Subject: two\n\n.\n..\n",
    "Subject: three\n\nThe third\nhas lines.\n");
my $before = Dewey::mbox(@messages);
my $site = Dewey->site(users => { mrose => 'secret' },
    secrets => { apop => 'tanstaaf' },
    mail => { mrose => $before, apop => $before });

# Name, user, commands, numbers of the messages that are left.
my @transcripts = (
	[ 'the dialogue', 'mrose', [ 'USER frated', 'USER mrose',
	    'PASS secret', 'LIST', 'LIST 2', 'LIST 9', 'RETR 1', 'DELE 1',
	    'DELE 1', 'NOOP', 'RSET', 'TOP 1 10', 'UIDL', 'UIDL 2', 'DELE 2',
	    'QUIT' ], [ 0, 2 ] ],
	[ 'all deleted', 'mrose', [ 'USER mrose', 'PASS secret', 'DELE 1',
	    'DELE 2', 'DELE 3', 'QUIT' ], [] ],
	[ 'APOP', 'apop', [ 'APOP apop DIGEST', 'RETR 3', 'DELE 3', 'STAT',
	    'dele 1', 'quit  ' ], [ 1 ] ],
	[ 'nothing deleted', 'apop', [ 'APOP apop DIGEST', 'DELE 1', 'DELE 2',
	    'RSET', 'QUIT' ], [ 0, 1, 2 ] ],
);

# How a client ends that is cut off.
my %cuts = (
	'end of input' => sub { $_[0]->close_write; $_[0]->rest },
	'gone' => sub { $_[0]->close },
);

# Starts a session and returns it with the octets of the transcript.
sub begin {
	my ($user, $commands, $end) = @_;
	my $c = $site->start;
	my $octets = join '', map { "$_$end" } @$commands;
	my $digest = md5_hex($c->timestamp . 'tanstaaf');
	return ($c, $octets =~ s/DIGEST/$digest/r);
}

sub restore {
	my ($user) = @_;
	my $box = $site->mailbox($user);
	return if Dewey::read_file($box) eq $before;
	Dewey::write_file($box, $before);
}

for (@transcripts) {
	my ($name, $user, $commands, $left) = @$_;
	my $box = $site->mailbox($user);
	my $after = Dewey::mbox(@messages[@$left]);
	for my $end ("\r\n", "\n") {
		# The LF way is the same code behind the first line.
		next if $end eq "\n" && $name ne 'the dialogue';
		my ($c, $octets) = begin($user, $commands, $end);
		my $kind = $name . ($end eq "\n" ? ', LF' : ', CRLF');
		my $n = length $octets;
		$c->send($octets);
		my $answers = $c->rest;
		is $c->exit_code, 0, "$kind: exit code";
		is Dewey::read_file($box), $after, "$kind: after-state";
		restore($user);

		# A prime, so that the cuts are not always at the same place
		# of a command.
		my @at = grep { !Dewey::slow() || $_ % 29 == 0 || $_ > $n - 3 }
		    0 .. $n;
		for my $how (sort keys %cuts) {
			my @wrong;
			for my $at (@at) {
				my ($c, $octets) =
				    begin($user, $commands, $end);
				$c->send(substr $octets, 0, $at);
				$cuts{$how}($c);
				$c->exit_code;
				my $state = $at == $n ? $after : $before;
				push @wrong, $at
				    if Dewey::read_file($box) ne $state;
				restore($user);
			}
			is "@wrong", '', "$kind: cut at " . @at .
			    " octets, $how: the mailbox is right";
		}
		my @wrong;
		for my $at (@at) {
			my ($c, $octets) = begin($user, $commands, $end);
			$c->send(substr $octets, 0, $at);
			$c->taken;
			$c->send(substr $octets, $at);
			push @wrong, $at if $c->rest ne $answers ||
			    $c->exit_code != 0 ||
			    Dewey::read_file($box) ne $after;
			restore($user);
		}
		is "@wrong", '', "$kind: split at " . @at .
		    ' octets: the same answers and the same mailbox';
	}
}

done_testing;
