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
# Sessions of one transcript run side by side, each as a user of its own.
my @lanes = 0 .. 7;
my $site = Dewey->site(users => { map { ("mrose$_" => 'secret') } @lanes },
    secrets => { map { ("apop$_" => 'tanstaaf') } @lanes },
    mail => { map { ("mrose$_" => $before, "apop$_" => $before) } @lanes });

# Name, user without his digit, commands, numbers of the messages left.
my @transcripts = (
	[ 'the dialogue', 'mrose', [ 'USER frated', 'USER NAME',
	    'PASS secret', 'LIST', 'LIST 2', 'LIST 9', 'RETR 1', 'DELE 1',
	    'DELE 1', 'NOOP', 'RSET', 'TOP 1 10', 'UIDL', 'UIDL 2', 'DELE 2',
	    'QUIT' ], [ 0, 2 ] ],
	[ 'all deleted', 'mrose', [ 'USER NAME', 'PASS secret', 'DELE 1',
	    'DELE 2', 'DELE 3', 'QUIT' ], [] ],
	[ 'APOP', 'apop', [ 'APOP NAME DIGEST', 'RETR 3', 'DELE 3', 'STAT',
	    'dele 1', 'quit  ' ], [ 1 ] ],
	[ 'nothing deleted', 'apop', [ 'APOP NAME DIGEST', 'DELE 1', 'DELE 2',
	    'RSET', 'QUIT' ], [ 0, 1, 2 ] ],
);

# Starts a session for ${lane}: (session, octets of the transcript, mailbox).
sub begin {
	my ($user, $lane, $commands, $end) = @_;
	my $box = $site->mailbox("$user$lane");
	Dewey::write_file($box, $before)
	    if Dewey::read_file($box) ne $before;
	my $c = $site->start;
	my $octets = join '', map { "$_$end" } @$commands;
	my $digest = md5_hex($c->timestamp . 'tanstaaf');
	$octets =~ s/NAME/$user$lane/;
	$octets =~ s/DIGEST/$digest/;
	return ($c, $octets, $box);
}

for (@transcripts) {
	my ($name, $user, $commands, $left) = @$_;
	my $after = Dewey::mbox(@messages[@$left]);
	for my $end ("\r\n", "\n") {
		# The LF way is the same code behind the first line.
		next if $end eq "\n" && $name ne 'the dialogue';
		my $kind = $name . ($end eq "\n" ? ', LF' : ', CRLF');
		my ($c, $octets, $box) = begin($user, 0, $commands, $end);
		my $n = length $octets;
		$c->send($octets);
		my $answers = $c->rest;
		is $c->exit_code, 0, "$kind: exit code";
		is Dewey::read_file($box), $after, "$kind: after-state";

		# How a client is cut off, and what is right then.
		my %ways = (
			'cut, end of input' => [ sub { $_[0]->close_write },
			    sub {
				my ($c, $at, $state) = @_;
				$c->rest;
				return $state eq ($at < $n ? $before : $after);
			} ],
			# Replies that nobody takes may end the session before
			# its QUIT.
			'cut, gone' => [ sub { $_[0]->close }, sub {
				my ($c, $at, $state) = @_;
				return $state eq $before ||
				    $at == $n && $state eq $after;
			} ],
			'split' => [ sub {
				my ($c, $at, $octets) = @_;
				$c->taken;
				$c->send(substr $octets, $at);
			}, sub {
				my ($c, $at, $state, $lane) = @_;
				return $c->rest =~ s/$user$lane/${user}0/gr
				    eq $answers && $c->exit_code == 0 &&
				    $state eq $after;
			} ],
		);
		# A prime, so that the cuts are not always at the same place
		# of a command.
		my @at = grep { !Dewey::slow() || $_ % 29 == 0 || $_ > $n - 3 }
		    0 .. $n;
		for my $way (sort keys %ways) {
			my ($do, $is_right) = @{ $ways{$way} };
			my (@left, @wrong) = @at;
			while (my @now = splice @left, 0, scalar @lanes) {
				my @running;
				for my $lane (0 .. $#now) {
					my ($c, $octets, $box) = begin($user,
					    $lane, $commands, $end);
					$c->send(substr $octets, 0,
					    $now[$lane]);
					$do->($c, $now[$lane], $octets);
					push @running, [ $c, $box ];
				}
				for my $lane (0 .. $#now) {
					my ($c, $box) = @{ $running[$lane] };
					my $at = $now[$lane];
					$c->exit_code;
					push @wrong, $at unless $is_right->(
					    $c, $at, Dewey::read_file($box),
					    $lane);
				}
			}
			is "@wrong", '', "$kind: $way at " . @at . ' octets';
		}
	}
}

done_testing;
