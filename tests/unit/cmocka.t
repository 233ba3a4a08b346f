#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Every unit test is built, unless cmocka is missing: this says so then.  A
# cmocka that has come after configure looked for it is no excuse.
use strict;
use warnings;
use Test::More;

my ($source, $build) = ($ENV{srcdir} || '.', $ENV{builddir} || '.');
if (($ENV{HAVE_CMOCKA} // 'yes') ne 'yes') {
	my $ask = ($ENV{PKG_CONFIG} || 'pkg-config') . ' --exists cmocka';
	plan skip_all => 'cmocka is missing: the unit tests were not built'
	    if system("$ask 2>/dev/null") != 0;
	fail 'cmocka was installed after configure had looked for it: the ' .
	    'unit tests were not built, run configure again';
	done_testing;
	exit;
}
my @names = map { s{^\Q$source/\E(.*)\.c\z}{$1}r }
    glob "$source/tests/unit/*/*-t.c";
ok scalar @names, 'there are unit tests';
is join(' ', grep { !-x "$build/$_" } @names), '', 'all of them were built';
done_testing;
