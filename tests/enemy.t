#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Worlds at random: mailboxes of every shape, commands in any order and any
# pieces, other programs that append, rewrite, cut or restore the mailbox at any
# moment, sessions and recoveries that die or whose calls fail.  What is gone was
# marked by a session that was told QUIT; all else is there, octet for octet;
# what is sent and told is what was there at login.  tests/model/enemy.py has an
# mbox reader of its own.  DEWEY_SEED=N begins with world N; DEWEY_LONG.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Crash;
use Dewey;
use File::Copy ();
use POSIX ();
use Spawner;
use Test::More;

plan skip_all => 'a tool makes it slow' if Dewey::slow();

# The one in root's path may be where nobody gets to.
sub runs {
	my ($program) = @_;
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		Dewey::drop() if !$>;
		no warnings 'exec';
		exec $program, '-c', '' or POSIX::_exit(127);
	}
	waitpid $pid, 0;
	return $? == 0;
}

my ($python) = grep { defined && runs($_) } Spawner::program('python3'),
    '/usr/bin/python3';
plan skip_all => 'python3 is not installed' unless $python;
my $why = Crash::reason();
plan skip_all => $why if defined $why;

my $worlds = $ENV{DEWEY_LONG} ? 2_000 : 25;
my $seed = $ENV{DEWEY_SEED} // time % 1_000_000 * 100;
my $dir = Dewey::tmpdir();
mkdir "$dir/found" or die "$dir/found: $!";
Dewey::give("$dir/found");
for my $name (qw(mails.py enemy.py)) {
	File::Copy::copy("$ENV{srcdir}/tests/model/$name", "$dir/$name")
	    or die "copy $name: $!";
	chmod 0644, "$dir/$name" or die "chmod $name: $!";
}

my $environment = Dewey::environment({ DEWEY => Dewey::binary(),
    SHIM => Crash::shim(), OUT => "$dir/found", TMPDIR => $dir });
my $pid = open(my $from, '-|') // die "fork: $!";
if (!$pid) {
	setpgrp;
	Dewey::drop() if !$>;
	%ENV = %$environment;
	exec $python, '-B', "$dir/enemy.py", $seed, $worlds
	    or die "$python: $!\n";
}
local $SIG{ALRM} = sub {
	kill 'KILL', -$pid;
	die "enemy.py $seed $worlds hangs\n";
};
alarm($ENV{DEWEY_LONG} ? 14_400 : 300);
my ($last, $found) = ('', 0);
while (my $line = <$from>) {
	$found++ if $line =~ /^FINDING/;
	diag $line if $line =~ /^FINDING/ && $found <= 5;
	$last = $line;
}
alarm 0;
close $from;
is $?, 0, 'the worlds end';
is $found, 0, "in $worlds worlds from $seed on nothing is lost or wrong";
my %count = $last =~ /(\S+)=(\d+)/g;
diag "seed $seed: $last";
cmp_ok $count{sessions} // 0, '>', 3 * $worlds, 'sessions';
cmp_ok $count{crashes} // 0, '>', $worlds / 3, 'of them died or failed';
cmp_ok $count{events} // 0, '>', $worlds / 2,
    'changes by others in the middle of a session';
for my $trace (glob "$dir/found/*/trace") {
	diag Dewey::read_file($trace);
	last;
}
done_testing;
