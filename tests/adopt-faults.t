#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# The file of adopted ids when things go wrong: system calls of --adopt-ids, of
# --forget-ids and of a session that deletes fail in turn, or all processes are
# killed behind them.  There are all ids or none; each that is there is with its
# message; the next try works.  And of what the disk has after a loss of power,
# any sectors that were not synced are lost.  (DESIGN section 6.)
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Errno qw(:POSIX);
use File::Copy ();
use Test::More;

plan skip_all => 'a tool watches the processes' if Dewey::slow();
plan skip_all => 'sanitizers have their own ways'
    if ($ENV{BUILD_CFLAGS} // '') =~ /-fsanitize/;
my $built = ($ENV{builddir} // '.') . '/tests/anomaly/tracer';
plan skip_all => 'the tracer was not built' unless -x $built;

my $long = $ENV{DEWEY_LONG};
my $seed = $ENV{DEWEY_SEED} // time;
srand $seed;
note "seed $seed";
use constant FEW => 24;		# faults of each row in the short form

my $dir = Dewey::tmpdir();
my $tracer = "$dir/tracer";
File::Copy::copy($built, $tracer) or die "copy $built: $!";
chmod 0755, $tracer or die "chmod $tracer: $!";

my @mail = map { "From a\@b Mon Jan  1 00:00:00 2024\nSubject: $_\n\nbody $_"
    . "\n\n" } 1 .. 40;
my @old = map { "old-$_" } 1 .. 40;
my ($box, $ids, $report) = ("$dir/box", "$dir/.box.dewey.ids",
    "$dir/report");
my $answers = Dewey::write_file("$dir/answers",
    join '', map { "$_ old-$_\n" } 1 .. 40);

sub run {
	my ($wrapper, $input, @flags) = @_;
	my $c = Dewey->start(@flags, { wrapper => $wrapper, transport => 'file',
	    input => $input });
	$c->rest;
	return ($c->exit_code, $c->stderr);
}

# What the mailbox has by now: subject -> id of ours or another's.
sub state {
	my $c = Dewey->start('--list', $box, { transport => 'pipe' });
	$c->close_write;
	my @ids = map { /^\d+ \d+ (\S+)/ ? $1 : () } split /\n/, $c->rest;
	$c->exit_code;
	my @subjects = Dewey::read_file($box) =~ /^Subject: (\d+)$/mg;
	return map { $subjects[$_] => $ids[$_] } 0 .. $#subjects;
}

# How many have adopted ids; -1 if one has another's, or two the same.
sub adopted {
	my %state = state();
	my ($n, %seen) = (0);
	for my $subject (keys %state) {
		my $id = $state{$subject} // return -1;
		return -1 if $seen{$id}++;
		next unless $id =~ /^old-(\d+)\z/;
		return -1 if $1 != $subject;
		$n++;
	}
	return $n;
}

sub fresh {
	my ($adopted) = @_;
	unlink glob "$dir/.box*";
	Dewey::write_file($box, join '', @mail);
	run([], '', "--adopt-ids=$answers", $box) if $adopted;
}

my %errors = (openat => [ENOSPC, EACCES, EIO], pwrite64 => [ENOSPC, EIO],
    fsync => [EIO, ENOSPC], ftruncate => [EIO], pread64 => [EIO],
    fstat => [EIO], newfstatat => [EIO, ENOENT], unlinkat => [EACCES, EIO],
    write => [EIO], mmap => [ENOMEM], brk => [ENOMEM], recvmsg => [EPIPE],
    sendmsg => [EPIPE], flock => [ENOLCK], fcntl => [ENOLCK],
    linkat => [ENOSPC]);

# Each row: its name; whether ids are adopted before; input and flags; what is
# right afterwards, by how many are adopted (of UPDATE after the next login, which
# completes it); and how many are after the next try.
my @session = ('--preauth', "--mailbox=$box", '--log=none', '--cache-dir=none',
    '--lock-timeout=2', '--sandbox=none');
my @rows = (
	['--adopt-ids', 0, '', ["--adopt-ids=$answers", '--sandbox=none', $box],
	    sub { $_[0] == 0 || $_[0] == 40 }, 40],
	['--forget-ids', 1, '', ['--forget-ids', '--sandbox=none', $box],
	    sub { $_[0] == 0 || $_[0] == 40 }, 0],
	['DELE and QUIT', 1, "UIDL\r\nDELE 2\r\nDELE 30\r\nQUIT\r\n",
	    [@session], sub { $_[0] == 38 || $_[0] == 40 }, undef],
);

for my $row (@rows) {
	my ($name, $before, $input, $flags, $right, $end) = @$row;
	fresh($before);
	unlink $report;
	my ($code) = run([$tracer, $report, 20, 'record'], $input, @$flags);
	SKIP: {
		skip 'nobody may trace here', 1 if $code == 77;
		is $code, 0, "$name: recorded";
		my @calls = map { /^call \d+ (\d+) (\d+) (\w+)/ ? [$1, $2, $3]
		    : () } split /\n/, Dewey::read_file($report);
		cmp_ok scalar @calls, '>', 50, scalar(@calls) . ' calls';
		my @faults = map { my ($process, $call, $what) = @$_;
		    (['all', $process, $call], map { ['fail', $process, $call,
		    $_] } @{ $errors{$what} // [] }) } @calls;
		# Those that change the file come first.
		my %first = map { ("$_->[0] $_->[1]" => 1) }
		    grep { $_->[2] =~ /^(?:pwrite64|fsync|ftruncate|unlinkat)/ }
		    @calls;
		my @must = grep { $first{"$_->[1] $_->[2]"} } @faults;
		my @rest = grep { !$first{"$_->[1] $_->[2]"} } @faults;
		unless ($long) {
			@$_ = sort { rand() <=> 0.5 } @$_ for \@must, \@rest;
			$#must = FEW - 1 if @must > FEW;
			$#rest = FEW / 3 - 1 if @rest > FEW / 3;
		}
		my @wrong;
		for my $fault (@must, @rest) {
			fresh($before);
			unlink $report;
			run([$tracer, $report, 20, @$fault], $input, @$flags);
			my $is = adopted();
			push @wrong, "@$fault: $is adopted"
			    unless !defined $end || $right->($is);
			# The next one works.
			my @again = defined $end ? @$flags : @session;
			unlink "$box.lock";
			my ($code) = run([], "UIDL\r\nQUIT\r\n", @again);
			push @wrong, "@$fault: the next: $code" if $code;
			push @wrong, "@$fault: the next: " . adopted()
			    if defined $end && adopted() != $end;
			push @wrong, "@$fault: after the next: " . adopted()
			    if !defined $end && !$right->(adopted());
		}
		is join("\n", @wrong), '', "$name: " . (@must + @rest)
		    . ' faults';
	}
}

# ---- A loss of power while ids are adopted

{
	fresh(1);
	my $good = Dewey::read_file($ids);
	my $n = length $good;
	my @sectors = 0 .. int(($n - 1) / 512);
	my %seen;
	for my $trial (1 .. ($long ? 2000 : 60)) {
		# Before the first sync: any sectors, any size, no head.
		my $disk = $good;
		substr($disk, 0, 32) = "\0" x 32;
		for my $sector (@sectors) {
			next if rand() < 0.5;
			my $at = $sector * 512;
			my $size = $n - $at < 512 ? $n - $at : 512;
			substr($disk, $at, $size) = "\0" x $size;
		}
		$disk = substr $disk, 0, int rand $n + 1 if rand() < 0.3;
		Dewey::write_file($ids, $disk);
		$seen{adopted()}++;
	}
	is_deeply [keys %seen], [0], 'before the first sync: none';
	# Marks that were not written, in any way: nobody has another's id.
	%seen = ();
	Dewey::write_file($box, join '', @mail[grep { $_ % 3 } 0 .. 39]);
	for my $trial (1 .. ($long ? 500 : 20)) {
		my $disk = $good;
		for my $i (0 .. 39) {
			substr($disk, -40 + $i, 1) = '-'
			    if $i % 3 == 0 && rand() < 0.5;
		}
		Dewey::write_file($ids, $disk);
		$seen{adopted()}++;
	}
	is_deeply [keys %seen], [26], 'marks of who is gone may be lost';
}

# ---- No space

{
	fresh(0);
	my @more = map { "From a\@b Mon Jan  1 00:00:00 2024\nX: $_\n\n" }
	    1 .. 400;
	Dewey::write_file($box, join '', @more);
	Dewey::write_file($answers, join '', map { "$_ o-$_\n" } 1 .. 400);
	my $c = Dewey->start("--adopt-ids=$answers", $box, { transport => 'pipe',
	    wrapper => ['/bin/sh', '-c', "trap '' XFSZ; ulimit -f 16; "
	    . 'exec "$@"', 'sh'] });
	$c->close_write;
	like $c->rest, qr/File too large.*nothing is changed/s, 'no space';
	is $c->exit_code, 111, '... exit code';
	ok !-e $ids, '... and no file';
}
done_testing;
