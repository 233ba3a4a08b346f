#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Fuzzes every room that reads strangers' octets, with libFuzzer and the address
# and undefined behaviour sanitizers: FUZZ_SECONDS for each target of
# tests/fuzz, two at a time.  `make fuzz' does it for long, and keeps what it
# finds in FUZZ_CORPUS.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Cwd qw(abs_path);
use Dewey;
use Inputs;
use File::Copy ();
use File::Path qw(make_path);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

my $srcdir = abs_path($ENV{srcdir});
my $builddir = abs_path($ENV{builddir} // '.');
my $clang = $ENV{CLANG} // 'clang';
my $seconds = $ENV{FUZZ_SECONDS} // ($ENV{DEWEY_LONG} ? 10 : $ENV{CI} ? 5 : 3);
my $keep = $ENV{FUZZ_CORPUS};

# A target, and the part of the time that it gets.
my %share = (
	authorization => 1,
	channel => 0.5,
	configuration => 0.5,
	index => 1,
	journal => 1,
	key => 0.5,
	mbox => 1,
	mechanism => 0.5,
	proof => 0.5,
	saslauthd => 0.3,
	secrets => 0.5,
	text => 0.5,
	transaction => 1,
	ucspi => 0.5,
	uid => 0.5,
	users => 0.5,
);
my @targets = $ENV{FUZZ_TARGETS} ? split ' ', $ENV{FUZZ_TARGETS}
    : sort keys %share;

plan skip_all => 'not under another tool' if $ENV{DEWEY_WRAPPER};

# Whether this compiler can make a fuzzer that runs.
sub has_libfuzzer {
	my ($dir) = @_;
	Dewey::write_file("$dir/try.c", "#include <stddef.h>\n"
	    . "int LLVMFuzzerTestOneInput(const char *p, size_t n);\n"
	    . "int LLVMFuzzerTestOneInput(const char *p, size_t n)\n"
	    . "{ (void)p; (void)n; return 0; }\n");
	return system("$clang -fsanitize=fuzzer,address,undefined "
	    . "-o $dir/try $dir/try.c >$dir/try.log 2>&1 && "
	    . "$dir/try -runs=1 >>$dir/try.log 2>&1") == 0;
}

my $dir = Dewey::tmpdir();
my $work = "$builddir/fuzz";
plan skip_all => "$clang with libFuzzer is missing (Debian packages clang, "
    . 'libclang-rt-14-dev)' unless has_libfuzzer($dir);
plan tests => 1 + @targets;

make_path($work);
my $make = $ENV{MAKE} // 'make';
my $built = system("cd '$work' && env -u MAKEFLAGS -u MAKELEVEL $make -s -j2 "
    . "-f '$srcdir/tests/fuzz/build.mk' CLANG='$clang' srcdir='$srcdir' "
    . "builddir='$builddir' >build.log 2>&1") == 0;
ok $built, 'the fuzz targets are built'
    or do { diag(Dewey::read_file("$work/build.log")); exit 1 };
File::Copy::copy("$work/fuzz", "$dir/fuzz") or die "$dir/fuzz: $!";
chmod 0755, "$dir/fuzz" or die "$dir/fuzz: $!";

# ---- Inputs to begin with: those of tests/fuzz/corpus, and what the other
# tests have in tests/data, each in the form that its target reads.

sub data_lines {
	my ($name, $pattern) = @_;
	return map { Inputs::unescape($_) } map { $_ =~ $pattern ? $1 : () }
	    split /\n/, Dewey::read_file("$srcdir/tests/data/$name");
}

my $box = Dewey::read_file("$srcdir/tests/data/sample/mbox");
my @from = map { "$_\nSubject: a\n\nbody\n\n" }
    data_lines('from-lines', qr/^[-+] \S{5} (.*)/);
my @stored = data_lines('uid-vectors', qr/^stored (.*)/);
my %seeds = (
	authorization => [
		map { "$_\0\0\0" } "USER mrose\r\nPASS tanstaaf\r\nQUIT\r\n",
		"CAPA\r\nAPOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n",
		"user a\nPASS \r\nSTAT\nNOOP x\r\nquit\n",
		"AUTH\r\nAUTH PLAIN AG1yb3NlAHNlY3JldA==\r\nAUTH PLAIN\r\n*\r\n",
		"AUTH CRAM-MD5\r\ndGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQz"
		. "ODkw\r\n",
		"AUTH SCRAM-SHA-256 biwsbj11c2VyLHI9YWJj\r\nYz1iaXdzLHI9YWJjZGVm"
		. "LHA9ZEh6YlphcFdJazRqVWhOK1V0ZTl5dGFnOXpqZk1IZ3NxbW1pejdBbmRW"
		. "UT0=\r\n\r\n"
	],
	transaction => [
		map { "$_->[0]\0$_->[1]\0\0\0\0" }
		["STAT\r\nLIST\r\nUIDL\r\nRETR 1\r\nTOP 2 1\r\nQUIT\r\n", $box],
		["DELE 1\r\nRETR 1\r\nRSET\r\nDELE 2\r\nQUIT\r\n", $box],
		["DELE 1\r\nQUIT\r\n", $box x 3],
		map { ["LIST\nRETR 1\nQUIT\n", $_] } @from
	],
	index => [ map { "STAT\r\nLIST\r\nUIDL\r\nDELE 2\r\nQUIT\r\n\0$_\0\0" }
	    "$box$box", @from ],
	journal => [ $box . "\x20\x40\x60\x05" x 8 ],
	mbox => [ map { "$_\0\0" } $box, @from, @stored ],
	uid => [ map { "$_\0" } @stored ],
	mechanism => [ "\0mrose\0secret", 'tim b913a602c7eda7a495b4e6e7334d3890',
	    'n,a=us=2Cer,n=us=2Cer,r=rOprNGfwEbeRWgbNEkqO', 'AG1yb3NlAHM=',
	    'c=biws,r=abc,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
	    '{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4'
	    . 'Uo7BkeZkBFzpcXkuLmtbsT4qY=,wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmf'
	    . 'PwDl2dU=' ],
	proof => [ "\x03user n=user,r=abc\n\x04user " . 'x' x 32
	    . "c=biws,r=abc\n\x05\n\x01\n\x02user a\n\x06\n" ],
	key => [ map { my $octets = $_->[1];
	    pack('CvA*', $_->[0], length $octets, $octets) }
	    [2, ' ' x 64 . "TLS 1.3, server CertificateVerify\0" . 'h' x 32],
	    [6, 'r' x 64 . "\x03\0\x1d\x20" . 'p' x 32],
	    [6, 'r' x 64 . "\x03\0\x17\x41" . 'p' x 65], [7, 'h' x 32] ],
	ucspi => [ "SSL_PROTOCOL=TLSv1.3\0SSL_CIPHER=AES-256-GCM\0" .
	    'SSL_TLS_EXPORTER=' . 'ab' x 32 . "\0\0\x05",
	    'SSL_SERVER_CERT=' . 'x' x 400 . "\0SSL_PROTOCOL=TLSv1\0\0\x10" ],
	saslauthd => [ "\0\2OK", "\0\6NO a b", "\4\0OK " . 'x' x 1021, "ford\0towel",
	    'n' x 256 . "\0" . 'p' x 256 ],
	secrets => [ "mrose\0"
	    . Dewey::read_file("$srcdir/tests/data/sample/secrets") ],
	users => [ map { "$_\0" . "mrose:\$6\$a\$b\n#\nfrated:{CRYPT}x:1000:"
	    . "1000::/home/frated:\n\0" } qw(mrose frated) ],
	configuration => [
		"--locks=fcntl,flock\0--host\0a.b\0\0# a\nmailbox = /m/%u%%\n",
		"--list\0box\0\0idle-timeout = 600\n"
	],
	text => [ "dewey 1 1 host boot2 space\n", "18446744073709551616",
	    "dewey 99999999 1 host boot space\n", " a\\b\"\t\xff" ],
	channel => [ "\0\x0f\x01\x00\x05\0mrose\x02\0ab\x00\0\x00",
	    "\0\x06\xff\x04\0quit\x00", "\0\x02\x12\x03\x03",
	    "\0\x14\0\0\1\0\1\2\0\0\4\0abcd\4\0efgh\x08",
	    "\0\x2c\0\1\0\1\1\2\0\0\x10\0" . 'a' x 16 . "\x10\0" .
	    'b' x 16 . "\x08" ],
);

# ---- Running

my $words = Dewey::write_file("$dir/words",
    Dewey::read_file("$srcdir/tests/fuzz/words"), 0644);

sub prepare {
	my ($target) = @_;
	my $at = "$dir/$target";
	for my $name (qw(corpus known tmp found)) {
		make_path("$at/$name");
		Dewey::give("$at/$name");
	}
	Dewey::give($at);
	my $n = 0;
	Dewey::write_file(sprintf('%s/known/%04d', $at, $n++), $_)
	    for @{ $seeds{$target} // [] },
	    map { Inputs::load($_) } "$srcdir/tests/fuzz/corpus/$target",
	    "$srcdir/tests/data/crashes/$target",
	    defined $keep ? "$keep/$target" : ();
	return $at;
}

sub start {
	my ($target) = @_;
	my $at = prepare($target);
	my $time = $seconds * ($share{$target} // 1);
	$time = 1 if $time < 1;
	my $pid = fork // die "fork: $!";
	return ($pid, $time) if $pid;
	open STDOUT, '>', "$at/log" or POSIX::_exit(127);
	open STDERR, '>&', \*STDOUT or POSIX::_exit(127);
	chdir $at or POSIX::_exit(127);
	Dewey::drop() if !$>;
	%ENV = (PATH => $ENV{PATH}, FUZZ_TARGET => $target, LC_ALL => 'C',
	    TMPDIR => "$at/tmp");
	no warnings 'exec';
	exec "$dir/fuzz", '-max_total_time=' . int($time + 0.5),
	    '-timeout=20', '-max_len=4096', '-rss_limit_mb=2000',
	    '-print_final_stats=1', "-dict=$words", '-verbosity=1',
	    "-artifact_prefix=$at/found/", 'corpus', 'known';
	POSIX::_exit(127);
}

# What is worth keeping of all that was found: small inputs that together
# reach everything.
sub keep_corpus {
	my ($target) = @_;
	my $at = "$dir/$target";
	make_path("$at/merged", $keep);
	system("FUZZ_TARGET=$target TMPDIR=$at/tmp $dir/fuzz "
	    . '-set_cover_merge=1 -max_len=180 '
	    . "$at/merged $at/corpus $at/known >/dev/null 2>&1") == 0
	    or diag("$target: cannot be merged");
	Inputs::save("$keep/$target",
	    map { Dewey::read_file($_) } glob "$at/merged/*");
}

sub report {
	my ($target, $status) = @_;
	my $log = Dewey::read_file("$dir/$target/log");
	my ($runs) = $log =~ /number_of_executed_units:\s*(\d+)/;
	my ($covered) = $log =~ /.*cov: (\d+)/s;
	ok $status == 0, "$target: " . ($runs // 0) . ' inputs, '
	    . ($covered // 0) . ' edges, nothing found';
	if ($status) {
		diag(substr $log, -6000);
		for my $path (glob "$dir/$target/found/*") {
			my $copy = "$work/$target-" . $path =~ s{.*/}{}r;
			File::Copy::copy($path, $copy);
			diag("the input is $copy");
		}
	}
	keep_corpus($target) if defined $keep;
}

my (%running, @left);
@left = sort { ($share{$b} // 1) <=> ($share{$a} // 1) } @targets;
END { CORE::kill('KILL', keys %running) if %running }
while (@left || %running) {
	while (@left && keys %running < 2) {
		my $target = shift @left;
		my ($pid, $time) = start($target);
		$running{$pid} = [$target, time + 2 * $time + 60];
	}
	my $done = waitpid -1, POSIX::WNOHANG();
	my $status = $?;
	if ($done > 0 && $running{$done}) {
		report((delete $running{$done})->[0], $status);
		next;
	}
	for my $pid (grep { time > $running{$_}[1] } keys %running) {
		CORE::kill('KILL', $pid);
	}
	sleep 0.05;
}
