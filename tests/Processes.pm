# SPDX-License-Identifier: ISC
# Processes.pm: what /proc says about the processes of a session, for the tests.
package Processes;

use strict;
use warnings;
no warnings 'portable';	# addresses have 64 bits
use Carp qw(croak);

sub slurp {
	my ($path) = @_;
	open my $fh, '<:raw', $path or return undef;
	local $/;
	my $text = <$fh>;
	# A process that has ended since has an empty file, or none to read.
	return length $text // '' ? $text : undef;
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

# Behind the largest pid the kernel begins anew with small ones: children are in
# the order in which they were made if one counts on from their parent's.
my $max = slurp('/proc/sys/kernel/pid_max') // 1 << 22;

# The processes below ${pid}, nearest first, the elder before the younger; those
# that have ended are not there.
sub below {
	my ($pid, %parent) = @_;
	%parent = parents() unless %parent;
	my @found = sort { ($a - $pid) % $max <=> ($b - $pid) % $max }
	    grep { $parent{$_} == $pid } keys %parent;
	return map { ($_, below($_, %parent)) } @found;
}

# Whether ${pid} runs no more; it may still wait for its parent to notice.
sub has_ended {
	my ($pid) = @_;
	my $stat = slurp("/proc/$pid/stat") // return 1;
	return $stat =~ /.*\) [XZ] /s;
}

# Whether ${pid} waits for something.
sub sleeps {
	my ($pid) = @_;
	return (slurp("/proc/$pid/stat") // '') =~ /.*\) S /s;
}

# Whether a signal was sent to ${pid} that it has not got yet.
sub pending {
	my ($pid) = @_;
	my $text = slurp("/proc/$pid/status") // croak "process $pid is gone";
	return scalar grep { hex } $text =~ /^(?:SigPnd|ShdPnd):\t(\S+)$/gm;
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
		# Real, effective, saved, and that for files.
		uids => join(' ', split /\t/, $status{Uid}),
		gids => join(' ', split /\t/, $status{Gid}),
		groups => $status{Groups} =~ s/\s+\z//r,
		seccomp => $status{Seccomp},
		no_new_privs => $status{NoNewPrivs},
		capabilities => hex $status{CapEff},
		root => scalar readlink("/proc/$pid/root"),
		fds => \%fds,
		limits => \%limits,
		cmdline => slurp("/proc/$pid/cmdline") // '',
		environ => slurp("/proc/$pid/environ") // '',
		# proc(5): these are root's if the process is not dumpable.
		dumpable => (stat "/proc/$pid/fd")[4] ==
		    (split /\t/, $status{Uid})[1],
	};
}

# The kinds of what the descriptors lead to: "0 1 socket:client" and so on.
sub descriptors {
	my ($look) = @_;
	my %by;
	push @{ $by{ $look->{fds}{$_} =~ s/ \(deleted\)$//r } }, $_
	    for sort { $a <=> $b } keys %{ $look->{fds} };
	my @found;
	for my $to (sort { $by{$a}[0] <=> $by{$b}[0] } keys %by) {
		my $kind = $to =~ /^(socket|pipe):/ ? $1 : $to;
		$kind = 'log' if $to =~ /\.stderr-/;
		my @numbers = grep { $_ < 3 } @{ $by{$to} };
		push @found, join ' ', @numbers, $kind,
		    @{ $by{$to} } > @numbers && @numbers ? 'again' : ();
	}
	return join ', ', sort @found;
}

# Which of ${octets} stand in the writable memory of a process.
sub remembers {
	my ($pid, @octets) = @_;
	my %found;
	my $maps = slurp("/proc/$pid/maps") // return;
	open my $mem, '<:raw', "/proc/$pid/mem" or return;
	for ($maps =~ /^([0-9a-f]+-[0-9a-f]+) rw/gm) {
		my ($from, $to) = map { hex } split /-/;
		# A sanitizer keeps what was freed, on purpose.
		return if $to - $from > 1 << 32;
		my $text = '';
		sysseek $mem, $from, 0;
		while ($from < $to) {
			my $n = sysread $mem, $text, $to - $from, length $text;
			last unless $n;
			$from += $n;
		}
		$found{$_} = 1 for grep { index($text, $_) >= 0 } @octets;
	}
	return sort keys %found;
}

1;
