#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# The lines of tests/data/from-lines through the program: where each begins a
# message and where it does not (doc/DESIGN.md section 5).
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Model;
use Test::More;

my (@lines, $reason);
for (split /\n/, Dewey::read_file("$ENV{srcdir}/tests/data/from-lines")) {
	$reason = $1 if /^# (.*)/;
	push @lines, [$1 eq '+', Model::unescape($2), $reason]
	    if /^([-+]) (.*)\z/;
}
cmp_ok scalar(grep { $_->[0] } @lines), '>=', 15, 'enough are taken';
cmp_ok scalar(grep { !$_->[0] } @lines), '>=', 15, 'enough are refused';
is !!Model::is_from_line($_->[1] =~ s/\r\z//r), !!$_->[0],
    "the model: $_->[2]" for @lines;

my $from = "From a\@b Mon Jan  1 00:00:00 2024\n";
my $dir = Dewey::tmpdir();
my $n = 0;
Dewey::write_file("$dir/" . $n++, "$_->[1]\n\nb\n") for @lines;

# Each at the begin of a file: a mailbox, or none.
for my $i (0 .. $#lines) {
	my ($taken, $line, $why) = @{ $lines[$i] };
	my $greeting = start("$dir/$i")->line;
	like $greeting, $taken ? qr/has 1 message / : qr/^-ERR \[SYS\/PERM\] /,
	    "at the begin: $why";
}

# All of them behind a blank line, amid text.
my $text = "${from}a: b\n\n" . join '', map {
	"\n$_->[1]\nc: d\n\ntext\n" } @lines;
my $scan = Model::scan($text);
is scalar @{ $scan->{messages} }, 1 + grep({ $_->[0] } @lines),
    'the model: messages of all lines';
my $c = start(Dewey::write_file("$dir/all", $text));
like $c->line, qr/^\+OK/, 'greeting';
my $i = 0;
is $c->multi('LIST'), join('', map { ++$i . ' ' . length(Model::retr($_))
    . "\r\n" } @{ $scan->{messages} }), 'behind blank lines: LIST';
$c->say('QUIT');

# Without the blank line, none.
$text = $from . join '', map { "x\n$_->[1]\n" } @lines;
$c = start(Dewey::write_file("$dir/none", $text));
$c->line;
like $c->say('STAT'), qr/^\+OK 1 /, 'without a blank line: one message';
done_testing;

sub start {
	my ($path) = @_;
	return Dewey->start('--preauth', '--secrets=none', '--log=none',
	    '--locks=fcntl', "--mailbox=$path");
}
