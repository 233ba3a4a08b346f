#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# coverage.pl DIRECTORY LEAST: what `make coverage' prints.  In DIRECTORY lie
# the programs of a build with clang's coverage and, in profiles/, what they
# counted.  Prints for each file of src/ how many of its lines of code ran and
# which did not; the exit status is 0 if LEAST per cent of all did.
use strict;
use warnings;
use File::Find ();

my ($dir, $least) = @ARGV;
defined $least or die "usage: coverage.pl directory per-cent\n";
my $suffix = ($ENV{CLANG} // 'clang') =~ /(-\d+)\z/ ? $1 : '';
my $data = "$dir/merged.profdata";

sub run {
	my (@command) = @_;
	open my $fh, '-|', @command or die "$command[0]: $!\n";
	my @lines = <$fh>;
	close $fh or die "@command[0, 1]: failed\n";
	return @lines;
}

my @profiles = glob "$dir/profiles/*.profraw";
@profiles or die "nothing was counted in $dir/profiles\n";
run("llvm-profdata$suffix", 'merge', '-failure-mode=all', '-o', $data,
    @profiles);

my @programs = grep { -f && -x } "$dir/dewey", glob("$dir/tests/unit/*-t"),
    "$dir/tests/fuzz/replay", "$dir/tests/takeover/dewey-takeover";
my ($first, @others) = @programs;

# A line counts as run if it ran in any program.
my (%ran, $file);
for (run("llvm-cov$suffix", 'export', '-format=lcov',
    "-instr-profile=$data", $first, map { "-object=$_" } @others)) {
	if (/^SF:(.*)/) {
		$file = $1 =~ m{(.*/src/(\w+/[^/]+\.[ch]))\z} ? $1 : undef;
	} elsif (defined $file && /^DA:(\d+),(\d+)/) {
		$ran{$file}[$1] = ($ran{$file}[$1] // 0) + $2;
	}
}

# The numbers of the lines of ${path} that hold more than a comment or a brace.
sub lines_of_code {
	my ($path) = @_;
	open my $fh, '<', $path or die "$path: $!\n";
	my ($comment, @numbers) = (0);
	while (<$fh>) {
		if ($comment) {
			$comment = 0 if s{.*?\*/}{};
			next if $comment;
		}
		s{/\*.*?\*/}{}g;
		$comment = 1 if s{/\*.*}{};
		push @numbers, $. unless /^[\s{};]*$/ || /^\s*#/;
	}
	return @numbers;
}

sub ranges {
	my (@numbers) = @_;
	my @ranges;
	for my $n (@numbers) {
		if (@ranges && $ranges[-1][1] >= $n - 2) {
			$ranges[-1][1] = $n;
		} else {
			push @ranges, [$n, $n];
		}
	}
	return join ' ', map { $_->[0] == $_->[1] ? $_->[0]
	    : "$_->[0]-$_->[1]" } @ranges;
}

my ($all, $all_ran) = (0, 0);
for my $path (sort keys %ran) {
	my @code = grep { defined $ran{$path}[$_] } lines_of_code($path);
	my @not = grep { !$ran{$path}[$_] } @code;
	next unless @code;
	$all += @code;
	$all_ran += @code - @not;
	printf "%-18s %4d of %4d  %5.1f %%  %s\n", $path =~ s{.*/}{}r,
	    @code - @not, scalar @code, 100 * (@code - @not) / @code,
	    @not ? 'not: ' . ranges(@not) : '';
}
my $rate = $all ? 100 * $all_ran / $all : 0;
printf "%-18s %4d of %4d  %5.1f %%\n", 'src/', $all_ran, $all, $rate;
exit($rate >= $least ? 0 : 1);
