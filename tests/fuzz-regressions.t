#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# The fuzz targets get the inputs that are known: those of tests/fuzz/corpus, and
# those that once found a mistake (tests/data/crashes/TARGET), without
# libFuzzer, so with any compiler.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Cwd qw(abs_path);
use Dewey;
use Inputs;
use File::Copy ();
use POSIX ();
use Test::More;

use constant BOUND => $ENV{DEWEY_WRAPPER} ? 600 : 60;

my $srcdir = abs_path($ENV{srcdir});
my $replay = ($ENV{builddir} // '.') . '/tests/fuzz/replay';
plan skip_all => "$replay was not built" unless -x $replay;

# `nobody' may be unable to reach the source and build directories.
my $dir = Dewey::tmpdir();
File::Copy::copy($replay, "$dir/replay") or die "$dir/replay: $!";
chmod 0755, "$dir/replay" or die "$dir/replay: $!";

sub replay {
	my ($target, @files) = @_;
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		open STDOUT, '>', "$dir/log" or POSIX::_exit(127);
		open STDERR, '>&', \*STDOUT or POSIX::_exit(127);
		my $env = Dewey::environment({ TMPDIR => $dir });
		Dewey::drop() if !$>;
		%ENV = %$env;
		alarm BOUND;
		no warnings 'exec';
		exec "$dir/replay", $target, @files;
		POSIX::_exit(127);
	}
	waitpid $pid, 0;
	return $?;
}

my %inputs;
for my $path (glob("$srcdir/tests/fuzz/corpus/[a-z]*"),
    glob "$srcdir/tests/data/crashes/[a-z]*") {
	my ($target) = $path =~ m{([^/]+)\z};
	push @{ $inputs{$target} }, Inputs::load($path);
}
ok %inputs, 'there are inputs';
for my $target (sort keys %inputs) {
	mkdir "$dir/$target" or die "$dir/$target: $!";
	Dewey::give("$dir/$target");
	my $n = 0;
	my @files = map {
		Dewey::write_file(sprintf('%s/%s/%04d', $dir, $target, $n++),
		    $_)
	} @{ $inputs{$target} };
	my $status = replay($target, @files);
	is $status, 0, "$target: " . @files . ' inputs'
	    or diag(substr Dewey::read_file("$dir/log"), -4000);
}

done_testing;
