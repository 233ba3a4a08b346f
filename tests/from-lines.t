#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# The lines of tests/data/from-lines through the program: where each begins a
# message and where it does not (doc/DESIGN.md section 5).  The same through the
# other programs that the file names, where they are installed.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Model;
use Readers;
use Test::More;

my (@lines, $reason);
for (split /\n/, Dewey::read_file("$ENV{srcdir}/tests/data/from-lines")) {
	$reason = $1 if /^# (.*)/;
	push @lines, [$1 eq '+', Model::unescape($3), $reason, $2]
	    if /^([-+]) (\S{5}) (.*)\z/;
}
cmp_ok scalar(grep { $_->[0] } @lines), '>=', 60, 'enough are taken';
cmp_ok scalar(grep { !$_->[0] } @lines), '>=', 60, 'enough are refused';
is !!Model::is_from_line($_->[1] =~ s/\r\z//r), !!$_->[0],
    "the model: $_->[2]" for @lines;

my $from = "From a\@b Mon Jan  1 00:00:00 2024\n";
my $dir = Dewey::tmpdir();
my $n = 0;
Dewey::write_file("$dir/" . $n++, "$_->[1]\n\nb\n") for @lines;

# Each at the begin of a file: a mailbox if it begins with From and a blank.
for my $i (0 .. $#lines) {
	my ($taken, $line, $why) = @{ $lines[$i] };
	my $greeting = start("$dir/$i")->line;
	like $greeting, $taken || Model::is_bare($line) ? qr/has 1 message / :
	    qr/^-ERR \[SYS\/PERM\] /, "at the begin: $why";
}

# Behind empty lines it is not where the file begins.
like start(Dewey::write_file("$dir/empty", "\nFrom here on\n\nb\n"))->line,
    qr/^-ERR \[SYS\/PERM\] /, 'behind an empty line: prose';

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

# Who else takes which.
$text = "${from}Subject: first\nX-Field: y\n\ntext\n\n" . join '', map {
	"$lines[$_][1]\nSubject: line $_\nX-Field: y\nX-More: z\n\ntext\n\n"
	} 0 .. $#lines;
my $box = Dewey::write_file("$dir/others", $text);
Dewey::give($_) for $dir, $box;
my %letter = (mutt => 'm', formail => 'f', 's-nail' => 's', python3 => 'p');
for my $name (@Readers::names) {
	SKIP: {
		my $why = Readers::missing($name);
		skip $why, 1 if $why;
		my %seen = map { $_ => 1 } Readers::subjects($name, $box, $dir);
		my @wrong = grep { !!$seen{"line $_"} !=
		    !!($lines[$_][3] =~ /$letter{$name}/) } 0 .. $#lines;
		is join('; ', map { $lines[$_][2] } @wrong), '',
		    "what $name takes is as the file says";
	}
}
# What is written about Dovecot cannot be tried; where both mutt and Dovecot
# take a line it is one, but for years that go on.
my @both = grep { !$_->[0] && $_->[3] =~ /m...d/ } @lines;
cmp_ok scalar @both, '<=', 4, 'nearly all that mutt and Dovecot agree on';
done_testing;

sub start {
	my ($path) = @_;
	return Dewey->start('--preauth', '--secrets=none', '--log=none',
	    '--locks=fcntl', "--mailbox=$path");
}
