# SPDX-License-Identifier: ISC
# Rootfs.pm: lets a test do to the machine what it likes, as root, and none of
# it happens: real accounts, packages, /var/mail, fixed ports.
#
# The test runs again as the first process of namespaces of its own (mounts,
# processes, network, host name), in a root whose every change goes to memory
# (overlayfs over the real one).  When that process ends all is gone: files,
# processes, ports.
package Rootfs;

use strict;
use warnings;
use Dewey ();
use POSIX ();
use Socket qw(PF_INET SOCK_DGRAM);
use Test::More ();

# File systems whose content is kept from changes.  Others (proc, sysfs, the
# devices) are seen as they are.
my $real = qr/^(?:ext[234]|xfs|btrfs|f2fs|overlay|zfs|fuse.*|9p|virtiofs|nfs4?)$/;

sub run { return system(@_) == 0 }

# Unescapes a path of /proc/self/mountinfo.
sub path { return $_[0] =~ s/\\(\d{3})/chr oct $1/ger }

# The mounts that must be in the new root, shallow ones first: [path, type].
sub mounts {
	my ($without) = @_;
	open my $fh, '<', '/proc/self/mountinfo' or return;
	my %mounts;
	while (<$fh>) {
		my ($left, $right) = split / - /;
		my ($at, $type) = (path((split / /, $left)[4]),
		    (split / /, $right)[0]);
		$mounts{$at} = $type unless $at eq '/' ||
		    $at =~ m{^\Q$without\E(?:/|$)} || $at =~ m{^/proc(?:/|$)};
	}
	return map { [$_, $mounts{$_}] }
	    sort { length $a <=> length $b || $a cmp $b } keys %mounts;
}

# Puts the tree at ${at} into the new root, changes of it in memory.
sub overlay {
	my ($memory, $root, $at, $serial) = @_;
	my @dirs = map { "$memory/$_$serial" } qw(upper work);
	mkdir $_ or return 0 for @dirs;
	return run('mount', '-t', 'overlay', 'overlay', '-o',
	    "lowerdir=$at,upperdir=$dirs[0],workdir=$dirs[1]", "$root$at");
}

# Builds the new root in ${dir}; returns it, or dies with what is in the way.
sub build {
	my ($dir) = @_;
	my ($memory, $root, $serial) = ("$dir/memory", "$dir/root", 0);
	mkdir $_ or die "$_: $!\n" for $memory, $root;
	run('mount', '-t', 'tmpfs', '-o', 'mode=0755', 'tmpfs', $memory)
	    or die "no tmpfs can be mounted\n";
	overlay($memory, $root, '/', $serial++)
	    or die "no overlayfs can be mounted over /\n";
	for my $mount (mounts($dir)) {
		my ($at, $type) = @$mount;
		next unless -e "$root$at";
		next if -d _ && $type =~ $real &&
		    overlay($memory, $root, $at, $serial++);
		run('mount', '--bind', $at, "$root$at")
		    or die "$at cannot be mounted\n";
		run('mount', '-o', 'remount,bind,ro', "$root$at")
		    if $type =~ $real;
	}
	# What `make coverage' counts is for outside.
	my $kept = $ENV{DEWEY_PROFILES};
	!defined $kept || run('mount', '--bind', $kept, "$root$kept")
	    or die "$kept cannot be mounted\n";
	run('mount', '-t', 'proc', 'proc', "$root/proc")
	    or die "no proc can be mounted\n";
	# Nobody's mail is in it.
	run('mount', '-t', 'tmpfs', '-o', 'mode=2775,gid=' .
	    (getgrnam('mail') // 8), 'tmpfs', "$root/var/mail")
	    or die "/var/mail cannot be mounted\n";
	return $root;
}

# Takes the loopback interface of the new network up.
sub loopback_up {
	socket my $s, PF_INET, SOCK_DGRAM, 0 or die "socket: $!\n";
	my $request = pack 'a16 s x22', 'lo', 0x49;
	ioctl $s, 0x8914, $request or die "lo: $!\n";
}

# In the namespaces: makes the root, goes there, starts the test again.
sub go {
	my ($dir) = @_;
	chdir '/';
	open my $why, '>', "$dir/why" or die "$dir/why: $!";
	my $root = eval { loopback_up(); build($dir) };
	if (!$root) {
		print {$why} $@;
		close $why;
		POSIX::_exit(77);
	}
	chroot $root or die "chroot: $!";
	chdir '/' or die "chdir: $!";
	$ENV{DEWEY_ROOTFS} = 'inside';
	exec $^X, $0 or die "$^X: $!";
}

# Call this first.  It returns in the new root, or skips the whole test with
# the reason.
sub enter {
	my $state = $ENV{DEWEY_ROOTFS} // '';
	return if $state eq 'inside';
	go($1) if $state =~ m{^(/.*)};
	Test::More::plan(skip_all => 'this needs root') if $>;
	my $dir = Dewey::tmpdir();
	chmod 0755, $dir;
	chown 0, 0, $dir;
	$ENV{$_} = File::Spec->rel2abs($ENV{$_})
	    for grep { defined $ENV{$_} } qw(srcdir builddir DEWEY);
	$0 = File::Spec->rel2abs($0);
	local $ENV{DEWEY_ROOTFS} = $dir;
	my $status = system 'unshare', '--mount', '--pid', '--fork',
	    '--kill-child', '--net', '--uts', '--ipc', '--propagation',
	    'private', '--', $^X, $0;
	my $why = -e "$dir/why" ? Dewey::read_file("$dir/why") : '';
	Test::More::plan(skip_all => 'no root of its own: ' .
	    ($why || "unshare does not work here\n") =~ s/\n.*//sr)
	    if !-e "$dir/why" || length $why;
	exit($status & 127 ? 128 + ($status & 127) : $status >> 8);
}

1;
