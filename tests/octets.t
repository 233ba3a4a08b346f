#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Octet truth: what STAT, LIST, UIDL, RETR and TOP say of nasty mailboxes is what
# an independent model of doc/DESIGN.md sections 4 and 10 says, octet for octet
# (RFC 1939 sections 3, 5, 7 and 11).
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Model;
use Nasty;
use Test::More;

my @boxes = Nasty::mailboxes();
cmp_ok scalar @boxes, '>=', 40, scalar(@boxes) . ' mailboxes';

# The model itself, against the five worked examples of section 10, by hand.
{
	my $from = "From a\@b Mon Jan  1 00:00:00 2024\n";
	my @examples = (
		["Subject: a\n\nbody\n\n", "Subject: a\r\n\r\nbody\r\n", 20],
		["Subject: a\n\n", "Subject: a\r\n\r\n", 14],
		["Subject: a\n\nbody", "Subject: a\r\n\r\nbody\r\n", 20],
		["Subject: a\n", "Subject: a\r\n", 12],
		['', '', 0],
	);
	for my $example (@examples) {
		my ($stored, $sent, $octets) = @$example;
		my $scan = Model::scan($from . $stored);
		is scalar @{ $scan->{messages} }, 1, 'model: one message';
		is Model::retr($scan->{messages}[0]), $sent, 'model: RETR';
		is length $sent, $octets, 'model: octets';
	}
	my $scan = Model::scan("${from}Subject: a\n\n$from");
	is join(' ', map { length Model::retr($_) } @{ $scan->{messages} }),
	    '14 0', 'model: the empty line is of the header';
}

my $n = 0;
my %mail = map { sprintf('m%02d', $n++) => $_->[1] } @boxes;
my %secrets = map { $_ => 'tanstaaf' } keys %mail;
my $site = Dewey->site(secrets => \%secrets, mail => \%mail);

for my $i (0 .. $#boxes) {
	my ($what, $octets) = @{ $boxes[$i] };
	check($what, sprintf('m%02d', $i), $octets);
}
done_testing;

# "1 message", "2 octets": ${n} of something, as replies have it.
sub some { my ($n, $what) = @_; return "$n $what" . ($n == 1 ? '' : 's') }

sub check {
	my ($what, $name, $octets) = @_;
	my $scan = Model::scan($octets);
	my $c = $site->start;
	$c->greeting;
	my $reply = $c->apop($name, 'tanstaaf');
	if (defined $scan->{refused}) {
		like $reply, qr/^-ERR \[SYS\/PERM\] /, "$what: refused";
	} else {
		my @dialogue = dialogue(@{ $scan->{messages} });
		is $reply, shift @dialogue, "$what: login";
		compare($what, $c, @dialogue);
		is $c->exit_code, 0, "$what: exit code";
	}
	ok Dewey::read_file($site->mailbox($name)) eq $octets,
	    "$what: the mailbox is as it was";
}

# What a session must be: its first reply; then [command, reply octets]...
sub dialogue {
	my (@messages) = @_;
	my @sent = map { Model::retr($_) } @messages;
	my @uids = Model::uids(@messages);
	my ($count, $total) = (scalar @messages, 0);
	$total += length $_ for @sent;
	my $all = some($count, 'message') . ' (' . some($total, 'octet') . ')';
	return ("+OK maildrop has $all",
		['STAT', "+OK $count $total\r\n"],
		['LIST', "+OK $all\r\n" . join('', map { "$_ "
		    . length($sent[$_ - 1]) . "\r\n" } 1 .. $count) . ".\r\n"],
		['UIDL', "+OK\r\n" . join('', map { "$_ $uids[$_ - 1]\r\n" }
		    1 .. $count) . ".\r\n"],
		(map { one($_, $messages[$_ - 1], $sent[$_ - 1],
		    $uids[$_ - 1]) } 1 .. $count),
		['QUIT', '+OK dewey POP3 server signing off (' . ($count
		    ? some($count, 'message') . ' left' : 'maildrop empty')
		    . ")\r\n"],
	);
}

# What is said of message ${i}.
sub one {
	my ($i, $message, $sent, $uid) = @_;
	my $octets = length $sent;
	# As many lines as there are, some less, some more.
	my $lines = $sent =~ tr/\n//;
	my %counts = map { $_ => 1 } grep { $_ >= 0 } $octets > 200_000
	    ? (0, int $lines / 2) : (0 .. 4, $lines - 1 .. $lines + 1);
	return (
		["LIST $i", "+OK $i $octets\r\n"],
		["UIDL $i", "+OK $i $uid\r\n"],
		["RETR $i", '+OK ' . some($octets, 'octet') . "\r\n"
		    . Model::stuffed($sent) . ".\r\n"],
		map { ["TOP $i $_", "+OK\r\n" . Model::stuffed(
		    Model::top($message, $_)) . ".\r\n"] }
		    sort { $a <=> $b } keys %counts, '99999999999999999999'
	);
}

# Sends all commands at once and compares what comes, octet for octet.
sub compare {
	my ($what, $c, @dialogue) = @_;
	$c->send(join '', map { "$_->[0]\r\n" } @dialogue);
	my ($got, $at) = ($c->rest, 0);
	my $commands = @dialogue;
	for my $exchange (@dialogue) {
		my ($command, $expected) = @$exchange;
		my $n = length $expected;
		if (substr($got, $at, $n) ne $expected) {
			fail "$what: $command";
			diag 'got:      ', shown(substr $got, $at, $n);
			diag 'expected: ', shown($expected);
			return;
		}
		$at += $n;
	}
	is length $got, $at, "$what: $commands commands, $at octets";
}

sub shown {
	my ($octets) = @_;
	return substr($octets, 0, 300)
	    =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ger;
}
