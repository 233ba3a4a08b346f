#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Real programs at work on a mailbox between sessions and during them: agents
# that deliver, deliveries that are torn, mail readers and administrators that
# rewrite, move, cut and restore it or what is beside it, while sessions mark,
# quit, die and recover.  No mail is lost, comes twice, or is joined to another.
# tests/model/writers.py knows each mail by its number.  DEWEY_SEED=N begins with
# world N; DEWEY_LONG.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Crash;
use Dewey;
use File::Copy ();
use Spawner;
use Test::More;

plan skip_all => 'a tool makes it slow' if Dewey::slow();
# The one in root's path may be where nobody gets to.
my ($python) = grep { -x } '/usr/bin/python3', Spawner::program('python3') // ();
plan skip_all => 'python3 is not installed' unless $python;
my $why = Crash::reason();
plan skip_all => $why if defined $why;

my $seconds = $ENV{DEWEY_LONG} ? 1_800 : 10;
my $seed = $ENV{DEWEY_SEED} // time % 1_000_000 * 100;
my $dir = Dewey::tmpdir();
File::Copy::copy("$ENV{srcdir}/tests/model/writers.py", "$dir/writers.py")
    or die "copy: $!";
chmod 0644, "$dir/writers.py" or die "chmod: $!";

my $environment = Dewey::environment({ DEWEY => Dewey::binary(),
    SHIM => Crash::shim(), TMPDIR => $dir, SECONDS_MOST => $seconds,
    PATH => '/usr/bin:/bin', TRACE => $ENV{DEWEY_SEED} // '' });
my $pid = open(my $from, '-|') // die "fork: $!";
if (!$pid) {
	setpgrp;
	Dewey::drop() if !$>;
	%ENV = %$environment;
	exec $python, '-B', "$dir/writers.py", $seed, 1_000_000
	    or die "$python: $!\n";
}
local $SIG{ALRM} = sub {
	kill 'KILL', -$pid;
	die "writers.py $seed hangs\n";
};
alarm $seconds + 300;
my ($last, $found) = ('', 0);
while (my $line = <$from>) {
	$found++ if $line =~ /^FINDING/;
	diag $line if $found;
	$last = $line;
}
alarm 0;
close $from;
is $?, 0, 'the worlds end';
is $found, 0, "from world $seed on nothing is lost, doubled or joined";
my %count = $last =~ /(\S+)=(\d+)/g;
diag "seed $seed: $last";
cmp_ok $count{sessions} // 0, '>=', 3, 'sessions';
done_testing;
