#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Every prefix of three mailboxes through the program: a file may end anywhere,
# and what then is sent is what a model of doc/DESIGN.md section 5 says.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Model;
use Test::More;

my $from = "From a\@b Mon Jan  1 00:00 2024";
my %boxes = (
	'LF' => "$from\nSubject: a\n\nbody\n.\n\n${from}\nb\n\n\n$from\n\nc\n",
	'CR LF and bare CRs' => "\r\n$from\r\na: b\r\n\r\n.\rc\r\r\n\r\n"
	    . "$from\r\n\r\n\r\n$from\n\0\r",
	'From_ lines that are none' => "$from\na\n\nFrom me\n\nF\n\n$from 7\n"
	    . "\n$from remote from b\n\n$from",
);
my $dir = Dewey::tmpdir();
my %path;
# All are written first: a file must have some age before it can be trusted
# without a second look.
for my $name (sort keys %boxes) {
	for my $n (0 .. length $boxes{$name}) {
		(my $path = "$dir/$name.$n") =~ tr/ /_/;
		$path{$name}[$n] = Dewey::write_file($path,
		    substr $boxes{$name}, 0, $n);
	}
}
for my $name (sort keys %boxes) {
	my $all = length $boxes{$name};
	my $bad = grep { !check($name, $_) } 0 .. $all;
	is $bad, 0, "$name: prefixes of 0 to $all octets";
}
done_testing;

sub check {
	my ($name, $n) = @_;
	my $octets = substr $boxes{$name}, 0, $n;
	my $scan = Model::scan($octets);
	my $count = @{ $scan->{messages} // [] };
	my @commands = ('STAT', 'UIDL', map { ("RETR $_", "TOP $_ 0",
	    "TOP $_ 1") } 1 .. $count);
	my $c = Dewey->start('--preauth', '--host=dewey.example',
	    '--secrets=none', '--log=none', '--locks=fcntl', '--cache-dir=none',
	    "--mailbox=$path{$name}[$n]", { transport => 'file',
	    input => join('', map { "$_\r\n" } @commands, 'QUIT') });
	my $got = $c->rest;
	my $expected = expected($scan);
	my $exit = $c->exit_code;
	my $same = $got =~ /$expected/ && $exit ==
	    (defined $scan->{refused} ? 111 : 0)
	    && Dewey::read_file($path{$name}[$n]) eq $octets;
	return 1 if $same;
	diag "$name: $n octets: exit $exit\n",
	    $got =~ s/([^\n -~])/sprintf '\\x%02x', ord $1/ger;
	return 0;
}

# What is said of a mailbox, as a pattern.
sub expected {
	my ($scan) = @_;
	return qr/\A-ERR \[SYS\/PERM\] [^\r\n]+\r\n\z/
	    if defined $scan->{refused};
	my @messages = @{ $scan->{messages} };
	my @sent = map { Model::retr($_) } @messages;
	my @uids = Model::uids(@messages);
	my $octets = 0;
	$octets += length $_ for @sent;
	my $count = @messages;
	my $text = "+OK $count $octets\r\n+OK\r\n" . join('', map {
	    "$_ $uids[$_ - 1]\r\n" } 1 .. $count) . ".\r\n";
	for my $i (0 .. $#messages) {
		my $n = length $sent[$i];
		$text .= '+OK ' . $n . ($n == 1 ? ' octet' : ' octets')
		    . "\r\n" . Model::stuffed($sent[$i]) . ".\r\n";
		$text .= "+OK\r\n"
		    . Model::stuffed(Model::top($messages[$i], $_)) . ".\r\n"
		    for 0, 1;
	}
	return qr/\A\+OK [^\r\n]+\r\n\Q$text\E\+OK [^\r\n]+\r\n\z/;
}
