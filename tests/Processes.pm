# SPDX-License-Identifier: ISC
# Processes.pm: what /proc says about the processes of a session, for the tests.
package Processes;

use strict;
use warnings;
use Carp qw(croak);

sub slurp {
	my ($path) = @_;
	open my $fh, '<:raw', $path or return undef;
	local $/;
	return scalar <$fh>;
}

# The parent of every process, from /proc/PID/stat, which all may read.
sub parents {
	my %parent;
	opendir my $dir, '/proc' or die "/proc: $!";
	for my $pid (grep { /^\d+$/ } readdir $dir) {
		my $stat = slurp("/proc/$pid/stat") // next;
		# The name in parentheses may hold anything.
		$stat =~ /.*\) (\S) (\d+)/s or next;
		$parent{$pid} = $2 if $1 ne 'Z';
	}
	return %parent;
}

# The processes below ${pid}, nearest first; those that have ended are not
# there.
sub below {
	my ($pid) = @_;
	my %parent = parents();
	my @found = sort { $a <=> $b }
	    grep { $parent{$_} == $pid } keys %parent;
	return map { ($_, below($_)) } @found;
}

# What is known about one process.
sub look {
	my ($pid) = @_;
	my $text = slurp("/proc/$pid/status") // croak "process $pid is gone";
	my %status = $text =~ /^(\w+):\t(.*)$/gm;
	my %fds;
	if (opendir my $dir, "/proc/$pid/fd") {
		$fds{$_} = readlink "/proc/$pid/fd/$_"
		    for grep { /^\d+$/ } readdir $dir;
	}
	my %limits = (slurp("/proc/$pid/limits") // '')
	    =~ /^(Max [a-z ]+?) {2,}(\S+)/gm;
	return {
		pid => $pid,
		uids => join(' ', split /\t/, $status{Uid}),
		gids => join(' ', split /\t/, $status{Gid}),
		groups => $status{Groups} =~ s/\s+\z//r,
		seccomp => $status{Seccomp},
		no_new_privs => $status{NoNewPrivs},
		capabilities => $status{CapEff},
		root => scalar readlink("/proc/$pid/root"),
		fds => \%fds,
		limits => \%limits,
		cmdline => slurp("/proc/$pid/cmdline"),
		environ => slurp("/proc/$pid/environ"),
		# The owner of /proc/PID is root if it is not dumpable.
		owner => (stat "/proc/$pid")[4],
	};
}

1;
