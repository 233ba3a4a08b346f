# SPDX-License-Identifier: ISC
# Rootfs.pm: lets a test do to the machine what it likes, as root, and none of
# it happens: real accounts, packages, /var/mail, fixed ports.
#
# The test runs again as the first process of namespaces of its own (mounts,
# processes, network, host name), in a root whose every change goes to memory
# (overlayfs over the real one).  When that process ends all is gone: files,
# processes, ports.
#
# In there it can make a fresh Debian besides.
package Rootfs;

use strict;
use warnings;
use Dewey ();
use POSIX ();
use Socket qw(PF_INET SOCK_DGRAM);
use Spawner ();
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

# ---- Packages that are unpacked beside the build

# Lays those that have the program ${name}, and the libraries of all, over
# the root ${root}, where they belong.  Only after enter(), or in a root of the
# test's own.  Returns whether there is one.
sub lay {
	my ($root, $name) = @_;
	my $unpacked = Spawner::unpacked();
	my @with = grep { -x "$_/usr/sbin/$name" || -x "$_/usr/bin/$name" }
	    glob "$unpacked/*" or return 0;
	for my $dir (@with, glob "$unpacked/{courier,lib}*") {
		for my $part (grep { -d "$dir/$_" } qw(etc usr var lib)) {
			my $to = $part eq 'lib' ? 'usr/lib' : $part;
			run("mkdir -p $root/$to && " .
			    "cp -a $dir/$part/. $root/$to/")
			    or return 0;
		}
	}
	return run('chroot', $root, 'ldconfig');
}

# ---- A fresh Debian

# The installed packages that ${wanted} and every Debian need.
sub closure {
	my (@wanted) = @_;
	my (%needs, %provides, %closure);
	my $fields = join '\t', map { "\${$_}" } qw(db:Status-Status Package
	    Essential Priority Provides Pre-Depends Depends);
	for (split /\n/, qx{dpkg-query -W -f '$fields\n'}) {
		my ($status, $name, $essential, $priority, $provides, @needs) =
		    split /\t/, $_, -1;
		next if $status ne 'installed';
		$needs{$name} = join ', ', @needs;
		$provides{$_} = $name for $provides =~ /([a-z0-9][a-z0-9.+-]+)/g;
		push @wanted, $name if $essential eq 'yes' ||
		    $priority eq 'required';
	}
	while (defined(my $name = shift @wanted)) {
		next if $closure{$name}++;
		for my $need (split /,\s*/, $needs{$name} // return) {
			my ($first) = grep { defined $needs{$_} } map {
				my ($n) = /^\s*([a-z0-9][a-z0-9.+-]+)/;
				defined $n ? ($n, $provides{$n} // ()) : ()
			} split /\|/, $need;
			push @wanted, $first if defined $first;
		}
	}
	return sort keys %closure;
}

# Makes a root in ${dir}, which shall not be there yet, of the files of these
# packages and of what they need, with the accounts that every Debian begins with.
# Only after enter().  Returns ${dir}, or nothing where that is not possible.
sub fresh {
	my ($dir, @wanted) = @_;
	my $dpkg = '/var/lib/dpkg';
	my @packages = closure(@wanted) or return;
	my %is_in = map { $_ => 1 } @packages;
	# What is merged into /usr; what the list of files does not have.
	my @files = (map({ "/$_" } qw(bin sbin lib lib32 lib64 libx32)),
	    '/etc/nsswitch.conf', '/etc/pam.d', glob('/etc/pam.d/common-*'),
	    '/usr/bin/awk', '/etc/alternatives', '/etc/alternatives/awk',
	    glob("{$dpkg,$dpkg/info}/format"),
	    grep { m{/([^/:]+)(?::[^/]*)?\.[a-z0-9]+\z} && $is_in{$1} }
	    glob "$dpkg/info/*");
	push @files, grep { m{^/.*[^.]$} &&
	    !m{^/usr/share/(?:doc|info|locale|man)/} } split /\n/,
	    qx{dpkg-query -L @packages};
	run('mkdir', '-p', map { "$dir/$_" } qw(dev proc tmp var/mail usr/bin
	    usr/sbin usr/lib usr/lib32 usr/lib64 usr/libx32), map { ".$dpkg/$_" }
	    qw(info triggers updates)) or return;
	Dewey::write_file("$dir.list", join '', map { "$_\0" } grep { lstat }
	    @files);
	run("tar -C / --null --no-recursion -cf - -T $dir.list 2>/dev/null | " .
	    "tar -C $dir --numeric-owner -xpf -") or return;
	my $status = Dewey::read_file("$dpkg/status");
	Dewey::write_file("$dir$dpkg/status", join('', map { "$_\n\n" }
	    grep { /^Package: (\S+)$/m && $is_in{$1} } split /\n\n/, $status),
	    0644);
	for my $name (qw(passwd group)) {
		run('cp', "/usr/share/base-passwd/$name.master",
		    "$dir/etc/$name") or return;
	}
	run("cp -a /dev/null /dev/zero /dev/urandom /dev/random $dir/dev && " .
	    "chmod 1777 $dir/tmp && mount -t proc proc $dir/proc && " .
	    "chroot $dir sh -c 'chgrp mail /var/mail && " .
	    "chmod 2775 /var/mail && pwconv && grpconv && ldconfig'")
	    or return;
	return $dir;
}

1;
