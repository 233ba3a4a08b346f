#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# The code stays small and plain (CONTRIBUTING.md has the same numbers): no
# function is long, decides much or takes many parameters, no file is long, no
# line is wide, and src/ as a whole is bounded, comments, empty lines and
# headers aside.  Room foo exports only foo_*; no mutable globals but the log's
# settings, one signal flag in process, and the session of serve.
use strict;
use warnings;
use Test::More;

use constant {
	LINES_MAX => 50,	# of a function
	DECISIONS_MAX => 15,	# if, for, while, case, &&, ||, ?:
	PARAMETERS_MAX => 5,
	MEDIAN_MAX => 10,	# lines of the function in the middle
	FILE_MAX => 350,
	COLUMNS_MAX => 80,
	TREE_MAX => 14709,
	TOOL_MAX => 1550,	# of what no session runs
	TLS_MAX => 1200,	# of dewey-tls
};

my $srcdir = $ENV{srcdir} // '.';
my $builddir = $ENV{builddir} // '.';

# The text without what is in comments, strings and characters; the lines stay.
sub bare {
	my ($text) = @_;
	$text =~ s{(/\*.*?\*/)|("(?:[^"\\\n]|\\.)*")|('(?:[^'\\\n]|\\.)+')}{
		defined $1 ? $1 =~ s/[^\n]//gr : '""'}gse;
	return $text;
}

# What a parameter list has: parameters, those of a function's pointer apart.
sub parameters {
	my ($list) = @_;
	1 while $list =~ s/\([^()]*\)//;
	return 0 if $list =~ /^\s*void\s*$/;
	return 1 + ($list =~ tr/,//);
}

# The functions of a text in KNF: a head begins in column 0, its braces stand
# alone in column 0.  Lines are counted from brace to brace, empty ones and
# comments aside.
sub functions {
	my ($text) = @_;
	my @found;
	while ($text =~ /^((?:[a-z_][^\n;{}]*\n)+?(?:[ ]+[^\n;{}]*\n)*)
	    (\{\n.*?^\})/gmsx) {
		my ($head, $body) = ($1, $2);
		my ($name, $list) = $head =~ /(\w+)\((.*)\)[^()]*\z/s or next;
		push @found, {
			name => $name,
			lines => scalar(grep { /\S/ } split /\n/, $body),
			parameters => parameters($list),
			decisions => scalar(() = $body =~
			    /\b(?:if|for|while|case)\b|&&|\|\||\?/g),
		};
	}
	return @found;
}

# The width of a line whose tabs are eight columns.
sub width {
	my ($line) = @_;
	1 while $line =~ s/^([^\t]*)\t/$1 . ' ' x (8 - length($1) % 8)/e;
	return length $line;
}

sub over {
	my ($what, $most, @functions) = @_;
	return join ' ', map { "$_->{name}=$_->{$what}" }
	    grep { $_->{$what} > $most } @functions;
}

# The rooms that are in no session.
my $tool = qr{^(?:mail/foreign|tool/(?:adopt|adoption|answers|audit|inspect|source))\.c\z};

# What GnuTLS calls has the parameters that it gives.
my %called = map { $_ => 1 } qw(sign_hash sign_data);

my ($total, $tools, $tls, @lengths) = (0, 0, 0);
for my $path (sort glob "$srcdir/src/*/*.[ch]") {
	my ($file) = $path =~ m{(\w+/[^/]+)\z};
	open my $fh, '<', $path or die "$path: $!";
	my @lines = <$fh>;
	chomp @lines;
	cmp_ok scalar @lines, '<=', FILE_MAX, "$file: lines of the file";
	is join(' ', map { $_ + 1 } grep { width($lines[$_]) > COLUMNS_MAX }
	    0 .. $#lines), '', "$file: lines over " . COLUMNS_MAX . ' columns';
	my $text = bare(join '', map { "$_\n" } @lines);
	my @functions = functions($text);
	if ($file =~ /\.c\z/) {
		my $lines = grep { /\S/ } split /\n/, $text;
		$total += $lines;
		$tools += $lines if $file =~ $tool;
		$tls += $lines if $file =~ /^tls\//;
		push @lengths, map { $_->{lines} } @functions;
	}
	# What functions() would not see.
	is scalar(() = $text =~ /^\{$/gm), scalar @functions,
	    "$file: functions open in column 0";
	is join(' ', map { $_ + 1 } grep { $lines[$_] =~ /^[a-z_].*\)\s*\{/i }
	    0 .. $#lines), '', "$file: and only there";
	is over('lines', LINES_MAX, @functions), '',
	    "$file: functions over " . LINES_MAX . ' lines';
	is over('decisions', DECISIONS_MAX, @functions), '',
	    "$file: functions of over " . DECISIONS_MAX . ' decisions';
	is over('parameters', PARAMETERS_MAX,
	    grep { !$called{$_->{name}} } @functions), '',
	    "$file: functions of over " . PARAMETERS_MAX . ' parameters';
}
@lengths = sort { $a <=> $b } @lengths;
cmp_ok $lengths[$#lengths / 2] // 99, '<=', MEDIAN_MAX,
    "lines of the function in the middle of " . @lengths;
cmp_ok $total - $tools - $tls, '<=', TREE_MAX,
    $total - $tools - $tls . ' lines of code in src/ that a session may run';
cmp_ok $tools, '<=', TOOL_MAX, "$tools lines of code that no session runs";
cmp_ok $tls, '<=', TLS_MAX, "$tls lines of code in dewey-tls";

# The symbols that are defined in the library, as objdump has them: flags, section
# and size, of which object.  nm would show only what the link-time optimizer
# exports.
my $objdump = ($ENV{NM} || 'nm') =~ s/nm\z/objdump/r;
my @symbols;
my $library = "$builddir/libdewey.a";
if (-e $library && open my $fh, '-|', $objdump, '-t', $library) {
	my $object;
	while (<$fh>) {
		$object = $1 if /^([\w.-]+)\.o:/;
		push @symbols, { object => $object, flags => $1, section => $2,
			size => hex $3, name => $4 }
		    if /^[0-9a-f]+ (.{7}) (\S+)\t([0-9a-f]+) (?:\.\w+ )?(\S+)$/
		    && $1 !~ /[df]/ && $2 ne '*UND*';
	}
	close $fh;
}

SKIP: {
	skip 'no symbols: is objdump there, and the library built?', 3
	    unless @symbols;
	skip 'sanitizers and coverage add symbols of their own', 3
	    if grep { $_->{name} =~ /^(?:__asan|__ubsan|__gcov|__llvm)/ }
	    @symbols;

	is join(' ', map { "$_->{object}:$_->{name}" } grep {
		$_->{flags} =~ /^g/ && $_->{name} !~ /^\Q$_->{object}\E_/
	} @symbols), '', 'every room exports only names of its own';

	# Tables of constants that hold pointers are in .data.rel.ro.
	my @mutable = grep {
		$_->{section} =~ /^(?:\.t?data|\.t?bss|\*COM\*)/
		    && $_->{section} !~ /^\.data\.rel\.ro/
	} @symbols;
	is join(' ', map { "$_->{object}:$_->{name}" }
	    grep { $_->{object} !~ /^(?:log|process|serve)\z/ } @mutable), '',
	    'no mutable globals and no static locals outside log, process, serve';
	my @flag = grep { $_->{object} eq 'process' } @mutable;
	ok @flag <= 1 && !grep({ $_->{size} > 4 } @flag),
	    'process has at most the signal flag';
}

done_testing;
