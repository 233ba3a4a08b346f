#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Real file systems without space: a tmpfs that is full, one without inodes, an
# ext4 on a loop device.  Whatever is free, QUIT's answer is true; what cannot be
# deleted stays octet for octet; what is at the end can always be deleted.  (DESIGN sections 5 and 6.)
use strict;
use warnings;
use Test::More;

BEGIN {
	plan skip_all => 'needs root, to mount file systems' if $>;
	# In a mount name space of its own nothing that is mounted stays, whatever
	# happens to the test.
	if (!$ENV{DEWEY_FULL}) {
		local $ENV{DEWEY_FULL} = 1;
		plan skip_all => 'unshare(1) does not work here'
		    if system('unshare --mount true >/dev/null 2>&1') != 0;
		exec 'unshare', '--mount', '--propagation', 'private', $^X, $0
		    or die "unshare: $!";
	}
}

use lib "$ENV{srcdir}/tests";
use Crash;
use Dewey;

$ENV{PATH} .= ':/usr/sbin:/sbin';
my $dir = Dewey::tmpdir();
my $mount = "$dir/mount";
mkdir $mount or die "$mount: $!";
my $box = "$mount/box";
my $left = '-ERR [SYS/TEMP] some deleted messages not removed';

END {
	my $status = $?;
	system "umount $mount 2>/dev/null" if defined $mount;
	system 'umount /run/lock 2>/dev/null';
	$? = $status;
}

# The session lock without a sidecar is there: out of everybody's way.
my $locks = -d '/run/lock'
    && system('mount -t tmpfs -o mode=1777 none /run/lock') == 0;

sub message {
	my ($n) = @_;
	return "From a\@b Mon Jan  1 00:00:0$n 2024\nSubject: number $n\n\n"
	    . (chr(96 + $n) x 71 . "\n") x 150 . "\n";
}

my @messages = map { message($_) } 1 .. 8;

sub without {
	my %goes = map { $_ => 1 } @_;
	return join '', map { $goes{$_} ? () : $messages[$_ - 1] }
	    1 .. @messages;
}

sub mounted {
	my ($options) = @_;
	system "umount $mount 2>/dev/null";
	return 0 if system("mount $options $mount 2>/dev/null") != 0;
	Dewey::give($mount);
	return 1;
}

# Writes until nothing fits, then frees ${free} octets.
sub fill {
	my ($free) = @_;
	open my $fh, '>:raw', "$mount/filler" or die "$mount/filler: $!";
	for my $octets (4096, 512, 1) {
		1 while defined syswrite $fh, 'x' x $octets;
	}
	truncate $fh, (-s $fh > $free ? (-s $fh) - $free : 0)
	    or die "truncate: $!";
	close $fh;
	system 'sync', '-f', $mount;
}

sub begin {
	unlink glob("$mount/.box* $mount/box*"), "$mount/filler";
	Dewey::write_file($box, without());
}

my $tried = 0;
my ($done, $refused);		# of one file system

# Deletes ${goes} and compares; returns what is wrong.
sub try {
	my (@goes) = @_;
	my @session = (mailbox => $box, shim => 'none');
	my $r = Crash::run(@session, input =>
	    join('', map { "DELE $_\r\n" } @goes) . "QUIT\r\n");
	my @said = split /\r\n/, $r->{output};
	my $now = Dewey::read_file($box);
	my $end = 1 + @messages;
	$end-- while grep { $_ == $end - 1 } @goes;
	my @suffix = grep { $_ >= $end } @goes;
	my @wrong;
	$tried++;
	if ($said[-1] =~ /^\+OK dewey/) {
		$done++;
		push @wrong, "it says $said[-1]" if $now ne without(@goes);
	} elsif ($said[-1] eq $left) {
		$refused++;
		push @wrong, 'not as it was' if $now ne without(@suffix);
		push @wrong, 'what is at the end could be deleted'
		    if @suffix == @goes;
	} else {
		push @wrong, "it says $r->{output}";
	}
	push @wrong, grep { $_ ne 'box' } Crash::leftovers($box);
	# With space again it goes on.
	unlink "$mount/filler";
	$r = Crash::run(@session, input => "QUIT\r\n");
	push @wrong, "the next login says $r->{output}"
	    if $r->{output} !~ /^\+OK .*\r\n\+OK .*\r\n\z/;
	Crash::judge(Dewey::read_file($box), [without(), without(@goes),
	    without(@suffix)], []) or push @wrong, 'neither nor';
	return @wrong;
}

my @deletes = ([1], [1, 4, 8], [7, 8], [1 .. 8], [2 .. 7]);

sub try_all {
	my ($name, @free) = @_;
	my @wrong;
	($done, $refused) = (0, 0);
	for my $free (@free) {
		for my $goes (@deletes) {
			begin();
			fill($free);
			push @wrong, map { "$free octets free, @$goes go: $_" }
			    try(@$goes);
		}
	}
	is join("\n", @wrong), '', "$name: $done UPDATEs done, $refused refused";
	cmp_ok $done, '>', 0, '... some are';
	cmp_ok $refused, '>', 0, '... and some are not';
}

SKIP: {
	skip 'no tmpfs can be mounted', 5
	    unless mounted('-t tmpfs -o size=512k,mode=755 none');
	try_all('a full tmpfs', 0, 4096, 12288, 20480,
	    24576, 28672, 40960, 65536, 200_000);

	SKIP: {
		skip '/run/lock cannot be replaced', 2 unless $locks;
		# Without a sidecar there is no journal.
		my @wrong;
		($done, $refused) = (0, 0);
		for my $goes (@deletes) {
			system "umount $mount";
			mounted('-t tmpfs -o size=512k,mode=755,nr_inodes=2 '
			    . 'none') or die 'tmpfs';
			Dewey::write_file($box, without());
			push @wrong, map { "@$goes go: $_" } try(@$goes);
		}
		is join("\n", @wrong), '',
		    "a tmpfs without inodes: $done done, $refused refused";
		cmp_ok $refused, '>', 0, '... some are refused';
	}
}

SKIP: {
	my $image = "$dir/image";
	open my $fh, '>', $image or die "$image: $!";
	truncate $fh, 2 << 20 or die "$image: $!";
	close $fh;
	skip 'mkfs.ext4 does not work here', 3
	    if system("mkfs.ext4 -q -F -m 0 $image >/dev/null 2>&1") != 0;
	skip 'no loop device can be mounted', 3
	    unless mounted("-t ext4 -o loop $image");
	try_all('a full ext4', 0, 8192, 24576, 32768,
	    100_000);
}

diag "$tried UPDATEs on full file systems: " . Crash::report();
ok Crash::is_clean(), 'nothing lost, duplicated or damaged';
done_testing;
