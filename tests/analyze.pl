#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# analyze.pl SRCDIR BUILDDIR: what `make analyze' does.  Reads src/ with
# clang-tidy (.clang-tidy), cppcheck and gcc's -fanalyzer, as far as they are
# installed, and prints what they find, but what is known to be wrong.  The exit
# status is 0 if nothing is left.
use strict;
use warnings;
use File::Temp qw(tempdir);

my ($srcdir, $builddir) = @ARGV;
defined $builddir or die "usage: analyze.pl srcdir builddir\n";
my @files = map { s{.*/src/}{}r } sort glob "$srcdir/src/*/*.c";
# Without GnuTLS there is nothing to understand its rooms by.
@files = grep { !m{^tls/} } @files
    if system("pkg-config --exists gnutls 2>/dev/null") != 0;
my $dir = tempdir('dewey-analyze-XXXXXXXX', TMPDIR => 1, CLEANUP => 1);
mkdir "$dir/" . s{/.*}{}r for @files;
my $flags = "-D_GNU_SOURCE -I$builddir -iquote $srcdir/src "
    . q(-DSYSCONFDIR='"/etc"' -DLOCALSTATEDIR='"/var"' )
    . q(-DLIBEXECDIR='"/usr/libexec"');
my $jobs = 2;
my $bound = 'timeout 300';

# What the tools get wrong: file, what is said, and why it is not so.
my @known = (
	[qr/\b(?:main|process)\.c$/, qr/\[leakReturnValNotUsed\]/,
	    'the descriptor is one of those that the process begins with'],
	[qr/\bstream\.c$/, qr/Resource leak: \w+ \[resourceLeak\]/,
	    'the descriptor is what the function returns'],
	[qr/\bgate\.c$/, qr/\[autoVariables\]/,
	    'the state that gets the address ends before the function'],
	[qr/\bfrom\.c$/, qr/clang-analyzer-core\.(?:Null|NonNull)/,
	    'a span that is like a pattern has its length'],
	[qr/\bseccomp\.c$/, qr/\[misc-no-recursion\]/,
	    'each call has half of a table of a known length'],
	[qr/\bjournal\.c$/, qr/before' is always false/,
	    'fstat(2) has changed what is compared'],
	[qr/\b(?:keeper|span)\.c$/, qr/\[redundantContinue\]/,
	    'it says that the loop has no body'],
);

# Kinds of remarks of cppcheck that are about taste, or about threads.
my @untaken = qw(constParameter constParameterCallback cryptCalled
    getpwentCalled getpwnamCalled getpwuidCalled getspnamCalled missingInclude
    missingIncludeSystem readdirCalled unusedStructMember variableScope);

sub is_there {
	my ($tool) = @_;
	return 1 if system("command -v $tool >/dev/null 2>&1") == 0;
	print "$tool is not installed: not asked\n";
	return 0;
}

# Runs a command for each file, {} being its name; returns what all said.
sub each_file {
	my ($command) = @_;
	open my $fh, '|-', "xargs -P $jobs -I{} sh -c "
	    . quote("$command >$dir/{}.txt 2>&1 || echo FAILED >>$dir/{}.txt")
	    or die "xargs: $!\n";
	print {$fh} map { "$_\n" } @files;
	close $fh;
	my @lines = ('');
	for my $file (@files) {
		open my $in, '<', "$dir/$file.txt" or die "$file: $!\n";
		push @lines, <$in>;
		die "$command failed on $file:\n@lines" if $lines[-1]
		    eq "FAILED\n";
	}
	return @lines;
}

sub quote {
	my ($text) = @_;
	return q(') . $text =~ s/'/'\\''/gr . q(');
}

# The remarks of a tool: FILE:LINE:COLUMN: what.
sub remarks {
	my ($tool, @lines) = @_;
	my $kinds = 'warning|error|style|performance|portability';
	my %seen;
	return map { "$tool: $_" } grep { !$seen{$_}++ }
	    map { /([\w.]+:\d+:\d+: (?:$kinds): .*)/ ? $1 : () } @lines;
}

my (@found, $asked);
if (is_there('clang-tidy')) {
	$asked++;
	push @found, remarks('clang-tidy', each_file("$bound clang-tidy "
	    . "--quiet --config-file=$srcdir/.clang-tidy "
	    . "$srcdir/src/{} -- $flags"));
}
if (is_there('cppcheck')) {
	$asked++;
	my $command = join ' ', $bound, 'cppcheck', '-q', "-j$jobs",
	    '--enable=warning,style,performance,portability', '--std=c11',
	    '--library=posix', '--library=gnu',
	    (map { "--suppress=$_" } @untaken),
	    "-D_GNU_SOURCE -I$builddir -I$srcdir/src $srcdir/src 2>&1";
	push @found, remarks('cppcheck', qx($command));
}
if (is_there('gcc')) {
	$asked++;
	push @found, remarks('gcc', each_file("$bound gcc -O2 -fanalyzer "
	    . "$flags -c $srcdir/src/{} -o /dev/null"));
}

my $known = 0;
@found = grep {
	my ($file, $what) = /: ([\w.]+):\d+:\d+: (.*)/;
	my $is_known = grep { $file =~ $_->[0] && $what =~ $_->[1] } @known;
	$known++ if $is_known;
	!$is_known;
} @found;
print "$_\n" for @found;
printf "analyze: %d files, %d tools, %d remarks (%d more are known to be "
    . "wrong)\n", scalar @files, $asked // 0, scalar @found, $known;
exit @found ? 1 : 0;
