#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Work is counted, not timed: instructions (valgrind's callgrind) and system
# calls (strace) for each octet scanned, hashed, sent and moved, for each
# message listed, for a poll of a mailbox that did not change.  The figures do
# not depend on how busy the machine is, so a ceiling can stand close to them.
#
# What an octet costs is the difference between two sessions that do the same,
# one with twice the mail: starting up and logging in cancel out.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use POSIX ();
use Spawner;
use Test::More;
use Time::HiRes qw(sleep);

use constant {
	MANY => 1500,		# messages of the larger mailbox
	MESSAGES => 200,	# of the smaller mailbox
	SETTLED => 2.3,		# seconds until a cached index is believed
};

# Perl has no name for it.
my $getrusage = { x86_64 => 98, aarch64 => 165 }->{ (POSIX::uname())[4] };

# From 2.41 on the C library has random octets from the kernel's vdso, and holds
# signals back, by two calls, where it first makes room for them; and it touches
# more pages.
my ($libc) = (qx{getconf GNU_LIBC_VERSION 2>/dev/null} // '') =~ /\b2\.(\d+)/;
my $newer = ($libc // 0) >= 41;

plan skip_all => 'the sessions are run by another tool already'
    if $ENV{DEWEY_WRAPPER};
plan skip_all => 'sanitizers and coverage count for themselves'
    if Dewey::read_file($ENV{DEWEY} // './dewey')
    =~ /__(?:asan|ubsan|gcov|llvm_prof)/;

sub find {
	my ($program) = @_;
	return (grep { -x } map { "$_/$program" } split /:/, $ENV{PATH})[0];
}

# ---- Mail of ten kilobytes, as spools hold it.

sub message {
	my ($i) = @_;
	my $text = join '', map { "Received: from mx$_.example.org (mx.example "
	    . "[192.0.2.$_])\n\tby mail.example.net with ESMTP id $i$_\n" }
	    1 .. 4;
	$text .= "Status: RO\nSubject: figures $i\nMessage-ID: <$i\@dewey>\n\n";
	for my $k (1 .. 40) {
		$text .= "For line $k of $i, a paragraph of plain text goes on "
		    . "to the end of the\nline and then some\n\n"
		    if $k % 4 == 0;
		$text .= ".dotted\n>From quoted\n" if $k % 10 == 0;
		$text .= ('QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNk' x 2)
		    . "$i\n" x 2 . ('0123456789abcdef' x 4) . "\n";
	}
	return $text;
}

my @mail = map { message($_) } 1 .. 2 * MESSAGES;
my %box = (
	one => Dewey::mbox(@mail[0 .. MESSAGES - 1]),
	two => Dewey::mbox(@mail),
);
my $octets = length($box{two}) - length $box{one};

my $site = Dewey->site(
	users => { map { $_ => 'tanstaaf' } qw(one two many few) },
	mail => { %box, many => Dewey::mbox((@mail) x 4) },
);
my @flags = qw(--cache-dir=none --sandbox=none --locks=fcntl);

# Plays the commands for ${user} in a session started through ${wrapper}.
sub play {
	my ($user, $wrapper, $flags, @commands) = @_;
	my $c = Dewey->start($site->flags(@$flags),
	    { wrapper => $wrapper, timeout => 60 });
	$c->greeting;
	$c->say("USER $user");
	like $c->say('PASS tanstaaf'), qr/^\+OK/, "$user logs in"
	    or $c->fail('no login');
	for my $command (@commands) {
		if ($command =~ /^(?:RETR|LIST$|UIDL$)/) {
			$c->multi($command) // $c->fail("$command failed");
		} else {
			$c->say($command) =~ /^\+OK/
			    or $c->fail("$command failed");
		}
	}
	$c->say('QUIT') =~ /^\+OK/ or $c->fail('QUIT failed');
	return $c->exit_code;
}

sub retr_all {
	my ($user) = @_;
	return map { "RETR $_" } 1 .. ($user eq 'two' ? 2 : 1) * MESSAGES;
}

# ---- Instructions

# The instructions in callgrind's file: all, and those of dewey's own code.
sub read_profile {
	my ($path) = @_;
	my ($all, $own, $object, %name) = (0, 0, '');
	open my $fh, '<', $path or die "$path: $!";
	while (<$fh>) {
		if (/^(c?)ob=\((\d+)\)(?: (.*))?/) {
			$name{$2} = $3 if defined $3;
			$object = $name{$2} unless $1;
		} elsif (/^calls=/) {
			<$fh>;	# the cost of what was called
		} elsif (/^[+*\d-]\S* (\d+)$/) {
			my $cost = $1;
			$all += $cost;
			$own += $cost if $object =~ m{/dewey$};
		}
	}
	return ($all, $own);
}

my $valgrind = find('valgrind');
my $serial = 0;

sub instructions {
	my ($user, $flags, @commands) = @_;
	my $dir = Dewey::tmpdir();
	is play($user, [$valgrind, '--quiet', '--tool=callgrind',
	    "--callgrind-out-file=$dir/%p", "--log-file=$dir/log.%p"],
	    $flags, @commands), 0, "counted: $user @commands[0 .. 0]";
	my ($all, $own) = (0, 0);
	for my $path (grep { /\/\d+$/ } glob "$dir/*") {
		my @got = read_profile($path);
		$all += $got[0];
		$own += $got[1];
	}
	return ($all, $own);
}

# What twice the mail costs more.
sub slope {
	my ($commands, $flags) = @_;
	my @one = instructions('one', $flags, $commands->('one'));
	my @two = instructions('two', $flags, $commands->('two'));
	return map { $two[$_] - $one[$_] } 0, 1;
}

sub at_most {
	my ($figure, $ceiling, $what) = @_;
	cmp_ok $figure, '<=', $ceiling,
	    sprintf '%s: %.3g, ceiling %.3g', $what, $figure, $ceiling;
}

sub why_no_instructions {
	return 'valgrind is not here' unless $valgrind;
	my $machine = (POSIX::uname())[4];
	return "no ceilings are known for $machine"
	    unless $machine eq 'x86_64';
	open my $fh, '<', '/proc/cpuinfo' or return "/proc/cpuinfo: $!";
	return 'no ceilings are known without AVX2'
	    unless grep { /^flags.*\bavx2\b/ } <$fh>;
	return 'the build is not optimised'
	    if defined $ENV{BUILD_CFLAGS} && $ENV{BUILD_CFLAGS} !~ /-O[1-3sz]/;
	return;
}

sub poll {
	my ($cached) = @_;
	# The first session scans and writes the index, the second believes it.
	play($_, [], $cached, 'STAT', 'UIDL') for 'one', 'two';
	my @one = instructions('one', $cached, 'STAT');
	my @two = instructions('two', $cached, 'STAT');
	at_most(abs($two[0] - $one[0]), 2_000,
	    'instructions that a poll of twice the mail costs more');
	my ($all) = slope(sub { 'LIST' }, $cached);
	at_most($all / MESSAGES, 480, 'instructions a message in LIST');
	($all) = slope(sub { 'UIDL' }, $cached);
	at_most($all / MESSAGES, 790, 'instructions a message in UIDL');
	# Each is looked at before, and is not hashed anew.
	($all) = slope(\&retr_all, $cached);
	at_most($all / $octets, 1.7,
	    'instructions an octet sent by the index');
}

SKIP: {
	my $why = why_no_instructions();
	skip $why, 1 if $why;
	my ($scan) = slope(sub { 'STAT' }, \@flags);
	at_most($scan / $octets, 1.02, 'instructions an octet scanned');
	my ($all, $own) = slope(sub { 'UIDL' }, \@flags);
	at_most($own / $octets, 1.64,
	    'instructions an octet scanned and hashed, SHA-256 apart');
	($all) = slope(\&retr_all, \@flags);
	at_most(($all - $scan) / $octets, 1.28, 'instructions an octet sent');
	sleep SETTLED;
	my $cache = Dewey::tmpdir();
	poll(["--cache-dir=$cache", '--sandbox=none', '--locks=fcntl']);
	# Last: these change the mailboxes.
	($all) = slope(sub { 'DELE 1' }, \@flags);
	at_most(($all - $scan) / $octets, 0.87,
	    'instructions an octet moved');
}

# ---- System calls

my $strace = find('strace');

my $counts = Dewey::tmpdir() . '/calls';
my @count = ($strace, '-f', '-qq', '-c', '-o', $counts);

sub counted {
	my ($total) = grep { /\btotal$/ }
	    split /\n/, Dewey::read_file($counts);
	return (split ' ', $total)[3];
}

sub calls {
	my ($user, @commands) = @_;
	is play($user, \@count, \@flags, @commands), 0,
	    "counted: $user @commands[0 .. 0]";
	return counted();
}

# Of dewey with ${flags} and ${input}, without a login.
sub total {
	my ($flags, $input) = @_;
	my $c = Dewey->start(@$flags, { wrapper => \@count, input => $input });
	$c->rest;
	is $c->exit_code, 0, "counted: @$flags[-1 .. -1]";
	return counted();
}

# ---- A short UPDATE

# Three messages of about 4 KB, each ${more} octets longer than the one before.
sub three {
	my ($more) = @_;
	return Dewey::mbox(map { "Subject: $_\n\n" . ('x' x 59 . "\n") x 67
	    . ('y' x ($more * $_)) . "\n" } 1 .. 3);
}

# The syncs of DELE 1 and QUIT, and the octets that are allocated.
sub short {
	my ($mail) = @_;
	my $log = Dewey::tmpdir() . '/short';
	Dewey::write_file($site->mailbox('few'), $mail);
	is play('few', [$strace, '-f', '-qq', '-o', $log, '-e', 'trace='
	    . 'fsync,fdatasync,syncfs,sync,msync,sync_file_range,fallocate'],
	    \@flags, 'DELE 1'), 0, 'counted: DELE 1 of 3';
	my $text = Dewey::read_file($log);
	my ($octets) = $text =~ /fallocate\(.*?(\d+)\) += 0/;
	return (scalar(() = $text =~ /\w*sync\w*\(/g), $octets);
}

sub update_short {
	my ($syncs) = short(three(9));
	at_most($syncs, 4, 'syncs, the directory of a new sidecar among them');
	($syncs, my $octets) = short(three(9));
	at_most($syncs, 3, 'syncs of DELE 1 of 3 and QUIT');
	# Two slots and the plan; what moves, as it is and as it will be.
	at_most($octets, 3 * 4096 + 2 * 8192, 'octets of journal allocated');
	# A message begins where the new mailbox ends: the long way.
	($syncs, $octets) = short(three(0));
	at_most($syncs, 8, 'syncs where all messages are of one length');
	at_most($octets, 3 * 4096 + 2 * 8192, '... and octets allocated');
}

sub may_trace {
	my $c = Dewey->start('--version', { wrapper => [$strace, '-o',
	    '/dev/null'] });
	$c->rest;
	return $c->exit_code == 0;
}

SKIP: {
	skip 'strace is not here', 1 unless $strace;
	skip 'strace may not trace here', 1 unless may_trace();
	Dewey::write_file($site->mailbox($_), $box{$_}) for keys %box;
	update_short();
	sleep 0.1;	# time stamps that settle cost nothing
	my $one = calls('one', 'STAT');
	my $scan = calls('two', 'STAT') - $one;
	# One call is a wait that may be needed or not.
	at_most($scan * 65536 / $octets, 0.35,
	    'system calls for 64 KiB scanned');
	my $sent = calls('two', retr_all('two'))
	    - calls('one', retr_all('one')) - $scan;
	at_most($sent / MESSAGES, 2.5, 'system calls a message in lock-step');
	at_most($one, 200, 'system calls of login, STAT, QUIT');
	adopted($one);
	# DELE needs the sum of a message: RETR has taken it.
	push @count, '-e', 'trace=pread64';
	my @all = (1 .. MANY);
	my $retr = calls('many', map { "RETR $_" } @all);
	at_most(calls('many', (map { "RETR $_" } @all),
	    (map { "DELE $_" } @all), 'RSET') - $retr, 2,
	    'reads of the mailbox by DELE behind RETR');
	splice @count, -2;
	# What the libraries' start takes is not ours.
	my $banner = total([$site->flags(@flags)], "QUIT\r\n");
	at_most($banner - total(['--version'], ''), 18 + 2 * $newer,
	    'system calls of banner and QUIT');
}

# ---- Adopted ids

# The opens of a login in the spool, and what adopted ids cost on top of ${one},
# the calls of STAT.
sub adopted {
	my ($one) = @_;
	my $log = Dewey::tmpdir() . '/opens';
	play('one', [$strace, '-f', '-qq', '-o', $log, '-e', 'trace=openat'],
	    \@flags, 'STAT');
	# Not all may read the names that a process which gave up rights opens.
	my @tries = grep { /O_NOFOLLOW.*ENOENT/ }
	    split /\n/, Dewey::read_file($log);
	is scalar @tries, 1, 'a file of adopted ids is looked for once a login';
	my $ids = $site->mailbox('one') =~ s{([^/]+)\z}{.$1.dewey.ids}r;
	my $answers = Dewey::write_file(Dewey::tmpdir() . '/answers',
	    join '', map { sprintf "%d %032x\n", $_, $_ } 1 .. MESSAGES);
	my $c = Dewey->start("--adopt-ids=$answers", $site->mailbox('one'));
	$c->rest;
	is $c->exit_code, 0, 'ids are adopted';
	ok -s $ids, '... and there';
	# Two letters for its descriptor, its stat, its end.
	at_most(calls('one', 'STAT') - $one, 12,
	    'system calls that adopted ids cost a poll');
	unlink $ids;
}

# ---- A poll started by root: all processes, all sandboxes

# The minor page faults of all processes that have ended and were waited for.
sub faults_so_far {
	my $used = "\0" x 144;		# struct rusage
	syscall($getrusage, -1, $used) == 0 or die "getrusage: $!";
	return (unpack 'l!16', $used)[8];
}

# Plays ${commands} in a session, or none.
sub session {
	my ($flags, $how, @commands) = @_;
	my $c = Dewey->start(@$flags, { as_root => 1, %$how });
	$c->greeting if @commands;
	for my $command (@commands) {
		if ($command =~ /^(?:LIST|UIDL)/) {
			$c->multi($command) // $c->fail("$command failed");
		} else {
			$c->say($command) =~ /^\+OK/
			    or $c->fail("$command failed");
		}
	}
	$c->rest;
	is $c->exit_code, 0, "counted: @$flags[-1 .. -1] @commands";
}

sub faults {
	my $before = faults_so_far();
	session($_[0], {}, @_[1 .. $#_]);
	return faults_so_far() - $before;
}

# The files and sockets by which ${flags} and QUIT look accounts up.
sub look_ups {
	my (@flags) = @_;
	my $c = Dewey->start(@flags, { as_root => 1, input => "QUIT\r\n",
	    wrapper => [$strace, '-f', '-qq', '-o', $counts, '-e',
	    'trace=openat,connect'] });
	$c->rest;
	is $c->exit_code, 0, "look-ups counted: @flags[-1 .. -1]";
	return grep { m{/etc/(?:passwd|group|nsswitch)|libnss|nscd|userdb} }
	    split /\n/, Dewey::read_file($counts);
}

SKIP: {
	skip 'only root starts all processes', 1 if $>;
	skip 'strace is not here', 1 unless $strace;
	my $spool = Spawner->site(as_root => 1, mail => { ann => Dewey::mbox(
	    map { "Subject: $_\n\n" . ('x' x 63 . "\n") x 64 } 1 .. 10) });
	my @start = ("--users=$spool->{dir}/users", '--host=dewey.example',
	    "--mailbox=$spool->{dir}/spool/%u", qw(--plaintext=always
	    --cache-dir=none --log=none));
	for my $user ([], ['--gate-user=nobody']) {
		my @found = look_ups(@start, @$user);
		my $most = @$user ? 8 : 2;
		cmp_ok scalar @found, '<=', $most,
		    "files and sockets to find accounts by: at most $most"
		    or diag join "\n", @found;
	}
	my @poll = ('USER ann', 'PASS pass-ann', qw(STAT UIDL LIST QUIT));
	my $cache = Dewey::tmpdir();
	chown 0, 0, $cache;
	chmod 0755, $cache or die "$cache: $!";
	my @cached = (@start, "--cache-dir=$cache");
	# The first session makes the sidecar and the index, which the next one
	# does not believe: the mailbox is too new.
	session(\@cached, {}, @poll);
	sleep SETTLED;
	session(\@cached, {}, @poll);
	for my $row ([\@start, 360 + 18 * $newer],
	    [\@cached, 372 + 18 * $newer]) {
		my ($flags, $most) = @$row;
		session($flags, { wrapper => \@count }, @poll);
		at_most(counted(), $most, "system calls of a poll, $flags->[-1]");
		unlike Dewey::read_file($counts), qr/sync/, '... and no sync';
	}
	skip "no number of getrusage(2) is known for this machine", 1
	    unless $getrusage;
	my $version = faults(['--version']);
	# What starting a program takes is not ours: 77 on Debian 12.
	at_most(faults(\@start, @poll) - $version, 200 + 26 * $newer,
	    'page faults of a poll');
	at_most(faults(\@cached, @poll) - $version, 195 + 8 * $newer,
	    'page faults of a poll of what did not change');
}

# ---- Waits: for somebody else, or not at all

# The calls by which a process waited in vain or for nobody, in a session that
# plays ${commands} on a mailbox that was written just now.
sub waits {
	my ($start, $user, @commands) = @_;
	my $dir = Dewey::tmpdir();
	# In place, so that it stays whose it is.
	open my $fh, '+<:raw', $user->{box} or die "$user->{box}: $!";
	print {$fh} $user->{mail} or die "$user->{box}: $!";
	close $fh or die "$user->{box}: $!";
	my $c = Dewey->start(@$start, { as_root => !$>, wrapper => [$strace,
	    '-ff', '-qq', '-o', "$dir/of", '-e', 'trace=' . join ',', map {
	    "?$_" } qw(nanosleep clock_nanosleep poll ppoll select pselect6
	    epoll_wait epoll_pwait)] });
	$c->greeting;
	for my $command (@{ $user->{login} }, @commands, 'QUIT') {
		if ($command =~ /^(?:RETR|UIDL)/) {
			$c->multi($command) // $c->fail("$command failed");
		} else {
			$c->say($command) =~ /^\+OK/
			    or $c->fail("$command failed");
		}
	}
	is $c->exit_code, 0, "waits counted: @commands";
	my @calls = map { split /\n/, Dewey::read_file($_) } glob "$dir/*";
	cmp_ok scalar @calls, '>', 0, '... and there are some';
	# A look that does not wait has no time at all.  Only root's strace can
	# read what a ppoll(2) is given.
	return grep { /nanosleep/ || (/Timeout/ && !/, 0\) +=/ &&
	    !/\{tv_sec=0, tv_nsec=0\}/ && ($> == 0 || !/^ppoll\(0x/)) } @calls;
}

SKIP: {
	skip 'strace is not here', 1 unless $strace;
	skip 'strace may not trace here', 1 unless may_trace();
	# Started by root these are all processes, else two.
	my $mail = Dewey::mbox(@mail[0 .. 19]);
	my $spool = Spawner->site(as_root => 1, mail => { ann => $mail });
	my $ann = { box => "$spool->{dir}/spool/ann", mail => $mail,
	    login => ['USER ann', 'PASS pass-ann'] };
	my $cache = Dewey::tmpdir();
	chown 0, 0, $cache unless $>;
	chmod 0755, $cache or die "$cache: $!";
	for my $dir ('none', $cache) {
		my @start = ("--users=$spool->{dir}/users", '--log=none',
		    "--mailbox=$spool->{dir}/spool/%u", "--cache-dir=$dir",
		    '--plaintext=always', '--host=dewey.example');
		for my $commands (['STAT', 'UIDL'], ['RETR 1', 'DELE 1'],
		    ['DELE 20'], ['UIDL', 'DELE 1', 'DELE 3']) {
			my @waits = waits(\@start, $ann, @$commands);
			is "@waits", '', "--cache-dir=$dir: no wait ends by "
			    . "its time: @$commands";
		}
	}
}

# A PROXY header costs one wait, one look and one read, in either version: what is
# behind it stays, and is not asked for octet by octet.
SKIP: {
	skip 'strace is not here', 2 unless $strace;
	skip 'strace may not trace here', 2 unless may_trace();
	for my $header ("PROXY TCP4 192.0.2.7 127.0.0.1 4660 110\r\n",
	    "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" .
	    pack('C4C4nn', 192, 0, 2, 7, 127, 0, 0, 1, 4660, 110)) {
		my $log = Dewey::tmpdir() . '/calls';
		my $c = Dewey->start($site->flags(@flags, '--proxy=127.0.0.1'),
		    { transport => 'tcp', wrapper => [$strace, '-f', '-qq',
		    '-o', $log, '-e', 'trace=read,recvfrom'] });
		$c->send("${header}QUIT\r\n");
		$c->rest;
		$c->exit_code;
		my @calls = map { /\b(read|recvfrom)\(0, / ? $1 : () }
		    split /\n/, Dewey::read_file($log);
		is "@calls[0 .. 2]", 'recvfrom read recvfrom',
		    'a PROXY header of version ' . ($header =~ /TCP4/ ? 1 : 2) .
		    ' is looked at, and read at once';
	}
}

done_testing;
