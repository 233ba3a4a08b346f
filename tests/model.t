#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# The rules of UPDATE and its journal, tried on a small model: as they are they
# lose and repeat nothing, and the model notices each rule that is dropped.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Spawner;
use Test::More;

plan skip_all => 'python3 is not installed'
    unless my $python = Spawner::program('python3');

my $trials = $ENV{DEWEY_LONG} ? 200_000 : 5_000;
my $first = $ENV{DEWEY_LONG} ? time : 1;
open my $from, '-|', $python, "$ENV{srcdir}/tests/model/journal.py",
    $trials, $first or die "$python: $!";
my @rules = map { /^(.*?) +trials (\d+) bad (\d+)/ ? [$1, $2, $3] : () }
    <$from>;
close $from;
is $?, 0, 'the model ends';
is shift(@rules)->[2], 0, "nothing goes wrong in $trials trials";
cmp_ok scalar(@rules), '>=', 7, 'rules that are dropped';
cmp_ok $_->[2], '>', 0, $_->[0] for @rules;
done_testing;
