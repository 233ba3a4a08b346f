#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# The code stays small: no function over 60 lines, no file over 400, 10,000 lines
# of code in all, comments and empty lines and headers aside; room foo exports only foo_*; no mutable globals but the log's settings
# and one signal flag in session (doc/DESIGN.md section 3).
use strict;
use warnings;
use Test::More;

use constant { FUNCTION_MAX => 60, FILE_MAX => 400, TREE_MAX => 10000 };

my $srcdir = $ENV{srcdir} // '.';
my $builddir = $ENV{builddir} // '.';

# A function in KNF: its head begins in column 0, its braces stand alone in
# column 0.  It is counted from its return type to its closing brace.
sub functions {
	my (@lines) = @_;
	my (@found, $head, $name, $open);
	for my $i (0 .. $#lines) {
		local $_ = $lines[$i];
		if (!$open && /^[a-z_]/i && !/;\s*\z/ && !/^\w+:/) {
			$head //= $i;
			$name = $1 if /(\w+)\(/;
		}
		if (/^\{\s*$/ && defined $head) {
			$open = 1;
		} elsif (/^\}/) {
			push @found, [$name, $i - $head + 1]
			    if $open && defined $name;
			($head, $name, $open) = ();
		} elsif (!$open && (/^\s*$/ || /;\s*\z/)) {
			($head, $name) = ();
		}
	}
	return @found;
}

my ($total, $count) = (0, 0);
for my $path (sort glob "$srcdir/src/*/*.[ch]") {
	my ($file) = $path =~ m{([^/]+)\z};
	open my $fh, '<', $path or die "$path: $!";
	my @lines = <$fh>;
	$total += grep { !m{^\s*(?:$|/\*|\*)} } @lines if $file =~ /\.c\z/;
	cmp_ok scalar @lines, '<=', FILE_MAX, "$file: lines of the file";
	my @functions = functions(@lines);
	$count += @functions;
	is join(' ', map { "$_->[0]=$_->[1]" }
	    grep { $_->[1] > FUNCTION_MAX } @functions), '',
	    "$file: no function over " . FUNCTION_MAX . ' lines';
	# What the count above would not see.
	is join(' ', map { $_ + 1 } grep { $lines[$_] =~ /^[a-z_].*\)\s*\{/i }
	    0 .. $#lines), '', "$file: functions open in column 0";
}
cmp_ok $count, '>', 0, "$count functions found";
cmp_ok $total, '<=', TREE_MAX, "$total lines of code in src/";

# The symbols of the library, as nm's sysv table has them:
# object, name, class, type, size and section.
my $nm = $ENV{NM} || 'nm';
my @symbols;
my $library = "$builddir/libdewey.a";
if (-e $library && open my $fh, '-|', $nm, '-f', 'sysv', $library) {
	my $object;
	while (<$fh>) {
		$object = $1 if /\[?([\w.-]+)\.o[\]:]/;
		my @c = map { s/^\s+|\s+\z//gr } split /\|/;
		push @symbols, { object => $object, name => $c[0],
			class => $c[2], size => $c[4] ? hex $c[4] : 0,
			section => $c[6] } if @c >= 7 && $c[2] =~ /^\w$/;
	}
	close $fh;
}

SKIP: {
	skip 'no symbols: is nm there, and the library built?', 3
	    unless @symbols;
	skip 'sanitizers and coverage add symbols of their own', 3
	    if grep { $_->{name} =~ /^(?:__asan|__ubsan|__gcov|__llvm)/ }
	    @symbols;

	my @defined = grep { $_->{class} ne 'U' } @symbols;
	is join(' ', map { "$_->{object}:$_->{name}" } grep {
		$_->{class} =~ /[A-Z]/ && $_->{name} !~ /^\Q$_->{object}\E_/
	} @defined), '', 'every room exports only names of its own';

	# Tables of constants that hold pointers are in .data.rel.ro.
	my @mutable = grep {
		$_->{section} =~ /^(?:\.t?data|\.t?bss|\*COM\*)/
		    && $_->{section} !~ /^\.data\.rel\.ro/
	} @defined;
	is join(' ', map { "$_->{object}:$_->{name}" }
	    grep { $_->{object} !~ /^(?:log|session)\z/ } @mutable), '',
	    'no mutable globals and no static locals outside log and session';
	my @flag = grep { $_->{object} eq 'session' } @mutable;
	ok @flag <= 1 && !grep({ $_->{size} > 4 } @flag),
	    'session has at most the signal flag';
}

done_testing;
