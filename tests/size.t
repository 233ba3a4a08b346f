#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# The stripped program is under 192 KiB.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Test::More;

my $binary = $ENV{DEWEY} // './dewey';
my $octets = Dewey::read_file($binary);
plan skip_all => 'sanitizers and coverage make the program larger'
    if $octets =~ /__(?:asan|ubsan|gcov|llvm_prof)/;
plan skip_all => 'Nettle is a part of the program'
    if $octets !~ /libnettle\.so/;

my $copy = Dewey::tmpdir() . '/dewey';
my $strip = $ENV{STRIP} || 'strip';
if (system($strip, '-o', $copy, $binary) != 0) {
	plan skip_all => "$strip does not work here";
}
cmp_ok -s $copy, '<', 192 * 1024, 'octets of the stripped program';
done_testing;
