#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Says so when the unit tests were not built because cmocka is missing.
use strict;
use warnings;
use Test::More;

plan skip_all => 'cmocka is missing: the unit tests were not built'
    if ($ENV{HAVE_CMOCKA} // 'yes') ne 'yes';
pass 'the unit tests were built';
done_testing;
