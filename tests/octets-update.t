#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# After DELE and QUIT the mailbox is octet for octet what an independent model of
# doc/DESIGN.md section 5 leaves: what was not marked, and nothing else (RFC 1939
# section 6).
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Model;
use Nasty;
use Test::More;

use constant LARGE => 200_000;

my $seed = $ENV{DEWEY_SEED} // 20240101;
srand $seed;
diag "DEWEY_SEED=$seed" if defined $ENV{DEWEY_SEED};

# What it is, its octets, and what the model sees in them.
my @boxes = grep { !defined $_->[2]{refused} && @{ $_->[2]{messages} } }
    map { [ @$_, Model::scan($_->[1]) ] } Nasty::mailboxes();
my $n = 0;
my %mail = map { sprintf('m%02d', $n++) => $_->[1] } @boxes;
my %secrets = map { $_ => 'tanstaaf' } keys %mail;
my $site = Dewey->site(secrets => \%secrets, mail => \%mail);
my $sessions = 0;

for my $i (0 .. $#boxes) {
	my ($what, $octets, $scan) = @{ $boxes[$i] };
	my $count = @{ $scan->{messages} };
	my %subsets = (
		first => [1],
		last => [$count],
		all => [1 .. $count],
		'all but the first' => [2 .. $count],
		'every second' => [grep { $_ % 2 } 1 .. $count],
		random => [grep { rand() < 0.5 } 1 .. $count],
	);
	my @names = length $octets > LARGE ? ('first') : $count == 1 ? ('all')
	    : sort keys %subsets;
	for my $name (@names) {
		my @numbers = @{ $subsets{$name} };
		my $expected = Model::without($octets, $scan, @numbers);
		# The model must agree with itself, or it proves nothing; but a
		# pseudo-message that becomes the first one is hidden then.
		stays($scan, $expected, @numbers) || $what =~ /not the first/
		    or fail "$what: the model";
		update($what, $name, $i, $octets, $count, $expected, @numbers);
	}
}
cmp_ok $sessions, '>=', 100, "$sessions sessions";

# Deleting bit by bit until nothing is left.
{
	my $octets = Nasty::usual_mbox(1 .. 12);
	my $path = $site->mailbox('m00');
	Dewey::write_file($path, $octets);
	while (1) {
		my $scan = Model::scan($octets);
		my $count = @{ $scan->{messages} } or last;
		my @numbers = grep { rand() < 0.4 } 1 .. $count;
		$octets = Model::without($octets, $scan, @numbers);
		session('m00', $count - @numbers, @numbers);
		is Dewey::read_file($path), $octets, scalar(@numbers)
		    . " of $count deleted";
	}
	is $octets, '', 'nothing is left';
}

# A mail without a body ends with the empty line that its agent left: behind the
# mail before it there must be one, too, or the next mail would be part of it.
for my $end ("\n", "\r\n") {
	my ($first, $bare, $next) = map { s/\n/$end/gr }
	    map { "From a\@b Mon Jan  1 00:00:00 2024\nSubject: $_" }
	    "a\n\nbody\n\n", "b\n\n", "c\n\nbody\n\n";
	my $path = $site->mailbox('m00');
	for my $before ($first . $bare, $first . $bare . $bare) {
		my $count = () = $before =~ /^From /gm;
		Dewey::write_file($path, $before);
		session('m00', 1, 2 .. $count);
		is Dewey::read_file($path), $first,
		    'a last mail without a body: the empty line stays';
		Dewey::write_file($path, $first . $bare . $next . $bare);
		session('m00', 2, 2, 4);
		is Dewey::read_file($path), $first . $next,
		    '... and if others are moved';
	}
	# One whose last line was torn with its delivery: the next mail is none
	# of the message that stays.
	for my $torn ($next =~ s/dy(?:\r?\n)+\z//r, $next =~ s/\n\r?\n\z//r,
	    "From a\@b Mon Jan  1 00:00:00 2024", $next . "\0" x 100) {
		Dewey::write_file($path, $first . $torn);
		session('m00', 1, 2);
		is Dewey::read_file($path), $first,
		    'a torn last mail: the empty line before it stays';
		Dewey::write_file($path, $bare . $first . $torn);
		session('m00', 1, 1, 3);
		is Dewey::read_file($path), $first,
		    '... and if others are moved';
	}
}
done_testing;

# Whether the mailbox ${octets} has the messages of ${scan} without @numbers.
sub stays {
	my ($scan, $octets, @numbers) = @_;
	my %gone = map { $_ => 1 } @numbers;
	my @kept = map { $scan->{messages}[$_ - 1]{stored} }
	    grep { !$gone{$_} } 1 .. @{ $scan->{messages} };
	my @left = map { $_->{stored} } @{ Model::scan($octets)->{messages} };
	return join("\0\0", @kept) eq join("\0\0", @left);
}

sub session {
	my ($name, $left, @numbers) = @_;
	my $c = $site->start;
	$c->greeting;
	$c->apop($name, 'tanstaaf');
	$c->send(join '', (map { "DELE $_\r\n" } @numbers), "QUIT\r\n");
	my $bye = $left == 0 ? 'maildrop empty' : $left == 1
	    ? '1 message left' : "$left messages left";
	my $expected = join('', map { "+OK message $_ deleted\r\n" } @numbers)
	    . "+OK dewey POP3 server signing off ($bye)\r\n";
	my $rest = $c->rest;
	is $rest, $expected, 'DELE and QUIT' if $rest ne $expected;
	$sessions++;
	return $c->exit_code;
}

sub update {
	my ($what, $name, $i, $octets, $count, $expected, @numbers) = @_;
	my $user = sprintf 'm%02d', $i;
	my $path = $site->mailbox($user);
	Dewey::write_file($path, $octets);
	my ($inode, $mode) = (stat $path)[1, 2];
	my $exit = session($user, $count - @numbers, @numbers);
	is $exit, 0, "$what: $name: exit code" if $exit != 0;
	ok Dewey::read_file($path) eq $expected, "$what: $name deleted";
	my @after = (stat $path)[1, 2];
	is "@after", "$inode $mode", "$what: $name: inode and mode"
	    if "@after" ne "$inode $mode";
}
