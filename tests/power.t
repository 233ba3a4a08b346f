#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# After a loss of power the disk has what was synced and any of what was written
# since; the next login makes of it the mailbox of before or that of after, with
# the mail that arrived, and nothing else.  So it does after a sync that failed,
# and when the power goes while it recovers.  tests/crash/power.c imagines the
# disk.  (DESIGN section 8.)
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Crash;
use Dewey;
use File::Copy ();
use Test::More;

my $built = ($ENV{builddir} // '.') . '/tests/crash/power';
plan skip_all => "$built was not built" unless -x $built;

my $long = $ENV{DEWEY_LONG};
my $seed = $ENV{DEWEY_SEED} // ($long ? time * 1000 : 1);
my $dir = Dewey::tmpdir();
my $power = "$dir/power";
File::Copy::copy($built, $power) or die "copy $built: $!";
chmod 0755, $power or die "chmod $power: $!";

my %sum;

# Tries ${states} states, of the library's sessions or, with an environment that
# names it, the program's.
sub try {
	my ($name, $states, %env) = @_;
	my $work = Dewey::tmpdir();
	my @wrapper = %env ? () : split ' ', $ENV{DEWEY_WRAPPER} // '';
	my $environment = Dewey::environment({ %env, SHIM_FAST => 1,
	    SHIM_MAILBOX => "$work/box" });
	my $pid = open(my $from, '-|') // die "fork: $!";
	if (!$pid) {
		open STDERR, '>&', \*STDOUT;
		Dewey::drop() if !$>;
		%ENV = %$environment;
		chdir $work or die "$work: $!";
		exec @wrapper, $power, $seed, $states or die "$power: $!\n";
	}
	local $SIG{ALRM} = sub {
		kill 'KILL', $pid;
		die "power $seed $states hangs\n";
	};
	alarm($long ? 3600 : 150);
	my $text = join '', <$from>;
	alarm 0;
	close $from;
	plan skip_all => 'a static program' if $? == 77 << 8;
	my ($last) = $text =~ /^(states=.*)$/m;
	my %found = ($last // '') =~ /(\S+)=(\d+)/g;
	$sum{$_} += $found{$_} for keys %found;
	my ($told) = $text =~ /^# (\d+ UPDATEs.*)$/m;
	$text =~ s/^(?:states=|# \d+ UPDATEs).*\n//mg;
	note $text if length $text;
	is $?, 0, "$name: " . ($told // 'did not end in order');
	cmp_ok $found{states} // 0, '>=', $states, '... as many as asked for';
	diag $text if $? && $text !~ /^# seed/;
}

note "seed $seed";
diag "seed $seed" if $long;
try('the library', $long ? 400_000 : Dewey::slow() ? 300 : 20_000);
my $why = Crash::reason();
SKIP: {
	skip $why, 2 if defined $why;
	try('the program', $long ? 20_000 : Dewey::slow() ? 50 : 500,
	    POWER_PROGRAM => Dewey::binary(), POWER_SHIM => Crash::shim());
}

diag join ', ', map { ($sum{$_} // 0) . " $_" }
    qw(states lost duplicated damaged refused set-aside);
is $sum{$_} // 0, 0, "$_: none"
    for qw(lost duplicated damaged refused set-aside);
done_testing;
