#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Every system call of a whole session fails in turn with each error that it can
# have, and every process is killed after each, alone or with all others: the
# mailbox is that of before or that of after, every answer is true, nothing is
# left behind, the log tells of it, and the next session works at once.
# (DESIGN sections 3, 6 to 8.)
#
# What is no fault here: after -ERR to QUIT messages at the end may have gone
# (DESIGN section 8); a lock that its maker could not remove, because he was
# killed or unlink(2) failed, stays until the next login; no log line if nobody
# is left to write it, or if it is what failed.  A judge who cannot read
# passwd(5) refuses as if the name were wrong: getpwnam(3) does not tell him.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Accounts;
use Errno qw(:POSIX);
use File::Copy ();
use IO::Handle;
use POSIX ();
use Socket qw(AF_UNIX SOCK_STREAM);
use Test::More;
use Time::HiRes qw(time);

plan skip_all => 'a tool watches the processes' if Dewey::slow();
plan skip_all => 'sanitizers have their own ways'
    if ($ENV{BUILD_CFLAGS} // '') =~ /-fsanitize/;
my $built = ($ENV{builddir} // '.') . '/tests/anomaly/tracer';
plan skip_all => 'the tracer was not built' unless -x $built;
Accounts::enter() if !$>;

my $long = $ENV{DEWEY_LONG};
my $seed = $ENV{DEWEY_SEED} // time;
srand $seed;
note "seed $seed";

# Seconds until a session counts as hanging; what it may take, in which every
# wait but that for a client's next word has a limit; faults of each row and
# seconds for all in the short form.
use constant { PATIENCE => 9, SLOW => 3, FEW => 100, SHORT => 18 };
my $begin = time;

my $dir = Dewey::tmpdir();
my $tracer = "$dir/tracer";
File::Copy::copy($built, $tracer) or die "copy $built: $!";
chmod 0755, $tracer or die "chmod $tracer: $!";
my $password = 'tanstaaf';

# ---- What fails how

my @open = (ENOENT, EACCES, EMFILE, ENOSPC, EINTR, EIO);
my @write = (ENOSPC, EDQUOT, EFBIG, EINTR, EIO, EPIPE);
my @look = (ENOENT, EACCES, EIO, ENOMEM);
my @rights = (EPERM, EAGAIN);
my @resource = (EPERM, EINVAL);
my @process = (EAGAIN, ENOMEM);
my @answer = (EPIPE, ECONNRESET, ENOMEM, EINTR);
my @directory = (EACCES, ENOSPC, EEXIST, EIO);
my @kernel = (ENOSYS, EPERM, E2BIG, EOPNOTSUPP);
my %errors = (
	access => [ENOENT, EACCES, EIO],
	brk => [ENOMEM],
	chdir => [EACCES, ENOENT, EIO],
	chroot => [EPERM, EACCES],
	clone => \@process,
	clone3 => \@process,
	close => [EIO, EINTR],
	close_range => [ENOSYS, EINVAL],
	connect => [ECONNREFUSED, ENOENT, EAGAIN],
	dup2 => [EMFILE, EBUSY, EINTR],
	dup3 => [EMFILE, EBUSY, EINTR],
	fallocate => [ENOSPC, EDQUOT, EFBIG, EINTR, EOPNOTSUPP, EIO],
	fchmod => \@rights,
	fchown => [EPERM, EIO],
	fcntl => [EAGAIN, EACCES, ENOLCK, EIO, EBADF],
	flock => [EWOULDBLOCK, ENOLCK, EINTR, EIO],
	fork => \@process,
	fstat => [EIO, ENOMEM],
	fstatfs => [EIO, ENOSYS, EINTR],
	fsync => [EIO, ENOSPC, EDQUOT],
	ftruncate => [EIO, EFBIG, EINTR],
	getpeername => [ENOTCONN, ENOBUFS],
	getrandom => [EINTR, ENOSYS],
	getsockname => [ENOTSOCK, ENOBUFS],
	getsockopt => [ENOTSOCK, ENOPROTOOPT],
	ioctl => [ENOTTY, EIO],
	kill => [EPERM, ESRCH],
	landlock_add_rule => \@kernel,
	landlock_create_ruleset => \@kernel,
	landlock_restrict_self => \@kernel,
	linkat => [EEXIST, ENOSPC, EDQUOT, EACCES, EMLINK, EIO],
	lseek => [ESPIPE, EINVAL],
	madvise => [ENOMEM],
	mkdir => \@directory,
	mkdirat => \@directory,
	mmap => [ENOMEM],
	mprotect => [ENOMEM],
	mremap => [ENOMEM],
	munmap => [ENOMEM],
	nanosleep => [EINTR],
	clock_nanosleep => [EINTR],
	newfstatat => \@look,
	openat => \@open,
	poll => [EINTR, ENOMEM],
	ppoll => [EINTR, ENOMEM],
	prctl => \@resource,
	pread64 => [EIO, EINTR],
	prlimit64 => \@resource,
	pwrite64 => \@write,
	read => [EIO, EINTR],
	readlink => \@look,
	readlinkat => \@look,
	recvfrom => [ECONNRESET, ENOMEM, EINTR, EAGAIN, ETIMEDOUT],
	recvmsg => \@answer,
	renameat => \@directory,
	renameat2 => \@directory,
	rmdir => [EBUSY, EIO],
	seccomp => [ENOSYS, EPERM, EINVAL],
	sendmsg => [@answer, ENOBUFS],
	sendto => [EPIPE, ECONNRESET, EINTR, EAGAIN, ENOBUFS],
	setgid => \@rights,
	setgroups => [EPERM, ENOMEM],
	setresgid => \@rights,
	setresuid => \@rights,
	setsockopt => [ENOPROTOOPT, ENOMEM],
	shutdown => [ENOTCONN],
	socket => [EMFILE, EACCES, EAFNOSUPPORT],
	socketpair => [EMFILE, ENFILE, ENOMEM],
	unlinkat => [EACCES, EIO, ENOENT],
	utimensat => [EACCES, EIO],
	wait4 => [EINTR],
	write => \@write,
);
# These end or cannot fail.
my %never = map { $_ => 1 } qw(arch_prctl clock_gettime exit exit_group futex
    getegid geteuid getgid getpgrp getpid getppid gettid gettimeofday getuid
    restart_syscall rseq rt_sigaction rt_sigprocmask rt_sigreturn
    set_robust_list set_tid_address time umask uname);
my %errno = map { my $n = eval { no strict 'refs'; &{"Errno::$_"}() };
    defined $n ? ($n => $_) : () } grep { !/^EWOULDBLOCK|^ENOTSUP$/ }
    @Errno::EXPORT_OK;

# ---- The rows

sub message {
	my ($n, $octets) = @_;
	return "From a\@b Mon Jan  1 00:00:0$n 2024\nSubject: number $n\n\n"
	    . join('', map { chr(96 + $n) x 60 . "\n.$n\n" }
	    1 .. $octets / 64) . "\n";
}

# Name, by whom, octets of a message, which one goes, whether the client waits
# for each answer.
my @rows = (
	{ name => 'root', base => 'dwbox1', octets => 100,
	    goes => 1, waits => 1 },
	{ name => 'root, one packet', base => 'dwbox2', octets => 30000,
	    goes => 2 },
	{ name => 'user', base => 'box3', user => 1, octets => 100,
	    goes => 1, waits => 1 },
	{ name => 'user, one packet', base => 'box4', user => 1, octets => 30000,
	    goes => 3 },
);
shift @rows, shift @rows if $>;

sub prepare {
	my ($row) = @_;
	my @messages = map { message($_, $row->{octets}) } 1 .. 3;
	my @stay = grep { $_ != $row->{goes} } 1 .. 3;
	$row->{messages} = \@messages;
	$row->{before} = join '', @messages;
	$row->{after} = join '', map { $messages[$_ - 1] } @stay;
	$row->{roles} = $row->{user} ? ['keeper', 'session', 'recovery'] :
	    ['monitor', 'judge', 'gate', 'keeper', 'session', 'recovery'];
	# Who makes the lock.
	$row->{keeper} = $row->{user} ? 0 : 3;
	$row->{spool} = $row->{user} ? "$dir/spool" : '/var/mail';
	my $base = $row->{base};
	$row->{box} = "$row->{spool}/$base";
	$row->{$_} = "$dir/$base.$_" for qw(log report failures);
	my @flags = ('--host=dewey.example', '--log=stderr',
	    '--lock-timeout=2', '--login-timeout=3', '--fail-delay=0');
	push @flags, '--preauth', "--mailbox=$row->{box}" if $row->{user};
	$row->{command} = [Dewey::binary(!$row->{user}), Dewey::tool_flags(),
	    @flags];
	$row->{env} = Dewey::environment({ HOME => "$dir/$base.home" });
	$row->{login} = $row->{user} ? [] : ["USER $base", "PASS $password"];
	# As the client sees it.
	$row->{text} = [map { my $t = $_ =~ s/\AFrom .*\n//r =~ s/\n\z//r;
	    $t =~ s/^\./../gm; $t =~ s/\n/\r\n/g; $t } @messages];
}

# The files of the row in the spool, but the mailbox.
sub names {
	my ($row) = @_;
	opendir my $dh, $row->{spool} or die "$row->{spool}: $!";
	return grep { /^\.?\Q$row->{base}\E\./ } readdir $dh;
}

# Makes the mailbox that of before, and removes all else.
sub reset_all {
	my ($row) = @_;
	unlink map { "$row->{spool}/$_" } names($row);
	if ($row->{user}) {
		Dewey::write_file($row->{box}, $row->{before});
	} else {
		Accounts::put($row->{base}, $row->{before});
	}
}

# ---- One session

# Reads one answer; false at the end of the stream.
sub answered {
	my ($fh, $text, $until, $command) = @_;
	my $from = length $$text;
	while (1) {
		my $answer = substr $$text, $from;
		my $multi = $command =~ /^RETR/ && $answer =~ /\A\+OK/;
		return 1 if $multi ? $answer =~ /\r\n\.\r\n\z/
		    : $answer =~ /\n/;
		vec(my $r = '', fileno $fh, 1) = 1;
		my $n = select $r, undef, undef, $until - time;
		return 0 if !$n || $n < 0;
		sysread $fh, $$text, 65536, length $$text or return 0;
	}
}

# session(row, [words before the program], [commands], waits): what it said,
# its seconds, and what else is known.
sub session {
	my ($row, $prefix, $commands, $waits) = @_;
	socketpair my $c, my $s, AF_UNIX, SOCK_STREAM, 0
	    or die "socketpair: $!";
	open my $err, '>>', $row->{log} or die "$row->{log}: $!";
	truncate $err, 0;
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		$SIG{$_} = 'DEFAULT' for qw(PIPE HUP INT TERM);
		my @words = (@$prefix, @{ $row->{command} });
		POSIX::dup2(fileno $s, $_) for 0, 1;
		POSIX::dup2(fileno $err, 2);
		chdir '/';
		Dewey::drop() if !$> && $row->{user};
		%ENV = %{ $row->{env} };
		exec { $words[0] } @words or POSIX::_exit(127);
	}
	close $s;
	my ($text, $start) = ('', time);
	my $until = $start + PATIENCE + 5;
	if ($waits) {
		my $last = 'greeting';
		for my $command (@$commands) {
			answered($c, \$text, $until, $last) or last;
			syswrite $c, "$command\r\n" or last;
			$last = $command;
		}
		# It does not wait for ever until the server hangs up, too.
		$until = time + 1 if answered($c, \$text, $until, $last);
	} else {
		syswrite $c, join '', map { "$_\r\n" } @$commands;
		shutdown $c, 1;
	}
	while (time < $until) {
		vec(my $r = '', fileno $c, 1) = 1;
		my $n = select $r, undef, undef, $until - time;
		next if $n < 0;
		last if !$n || !sysread $c, $text, 65536, length $text;
	}
	close $c;
	waitpid $pid, 0;
	my $status = $?;
	return { text => $text, seconds => time - $start, status => $status,
	    log => Dewey::read_file($row->{log}) };
}

# The commands of the session that comes to harm, and the one after it.
sub commands {
	my ($row) = @_;
	return [@{ $row->{login} }, "RETR $row->{goes}", "DELE $row->{goes}",
	    'QUIT'];
}

# The answers: [line, text behind it] each; what is cut off is not there.
sub answers {
	my ($text, @commands) = @_;
	my @answers;
	for my $command ('greeting', @commands) {
		$text =~ s/\A([^\r\n]*)\r\n// or last;
		my $answer = [$1];
		push @answers, $answer;
		next unless $command =~ /^RETR/ && $answer->[0] =~ /^\+OK/;
		my $end = index "\r\n$text", "\r\n.\r\n";
		last if $end < 0;
		$answer->[1] = substr $text, 0, $end;
		substr $text, 0, $end + 3, '';
	}
	return @answers;
}

# ---- What is wrong

my $sys = qr/^-ERR \[SYS\/(?:TEMP|PERM)\] /;
my $state = qr/^-ERR (?:RETR|DELE) is not valid in the AUTHORIZATION state$/;
my $left = '-ERR [SYS/TEMP] some deleted messages not removed';

# The answers that are not true.  The mailbox is that of ${now}.
sub lies {
	my ($row, $r, $f, $now, $journal) = @_;
	# The C library keeps to itself that it could not read passwd(5).
	my $blind = $f->{do} eq 'fail' &&
	    $row->{roles}[$f->{process}] eq 'judge' &&
	    $f->{name} =~ /^(?:openat|newfstatat|fstat|lseek|read)$/;
	# There is no shadow file, it is said.
	$blind ||= $f->{do} eq 'fail' && $f->{error} == ENOENT &&
	    $row->{roles}[$f->{process}] eq 'monitor' &&
	    $f->{name} =~ /^(?:openat|newfstatat|fstat)$/;
	# flock(2) says that somebody has it.
	my $used = $f->{name} eq 'flock' && ($f->{error} // 0) == EWOULDBLOCK;
	my @commands = @{ commands($row) };
	my @got = answers($r->{text}, @commands);
	my @usual = @{ $row->{usual} };
	my (%said, @wrong);
	for my $i (0 .. $#got) {
		my $verb = ('greeting', map { /^(\S+)/ } @commands)[$i];
		my ($line, $text) = @{ $got[$i] };
		$said{$verb} = $line;
		push @wrong, "$verb: sends another text" if defined $text &&
		    $text ne $row->{text}[$row->{goes} - 1];
		next if $line eq $usual[$i][0];
		push @wrong, "$verb: blames the password"
		    if $line =~ /\[AUTH\]/ && !$blind;
		push @wrong, "$verb: $line"
		    if $line =~ /\[IN-USE\]/ && !$used;
		next if $line =~ /\[(?:AUTH|IN-USE)\]/;
		push @wrong, "$verb: $line" unless $line =~ $sys ||
		    $line =~ $state || ($verb eq 'QUIT' &&
		    $line =~ /^\+OK dewey POP3 server signing off/);
	}
	my $quit = $said{QUIT} // '';
	my $deleted = ($said{DELE} // '') =~ /^\+OK/;
	my ($told) = $quit =~ /^\+OK.*\((\d+) messages left\)/;
	if (defined $told) {
		my $n = () = $now =~ /^From /mg;
		push @wrong, "QUIT: $told left, but there are $n" if $n != $told;
		push @wrong, 'QUIT: +OK, and there is a journal' if $journal;
		push @wrong, 'QUIT: +OK, and the message is still there'
		    if $deleted && $now ne $row->{after};
	}
	push @wrong, 'the message has gone, but DELE was refused'
	    if exists $said{DELE} && !$deleted && $now ne $row->{before};
	push @wrong, 'QUIT: -ERR, but the message has gone'
	    if $quit eq $left && !$journal && $now ne $row->{before} &&
	    $row->{goes} != 3;
	return @wrong;
}

# What lies about in the mailbox's directory and elsewhere.
sub leftovers {
	my ($row, $r, $f) = @_;
	my $lost = $f->{do} eq 'all' ||
	    ($f->{do} ne 'fail' && $f->{process} == $row->{keeper}) ||
	    ($f->{do} eq 'fail' && ($f->{name} =~ /^unlink|^rename/ ||
	    # The lock, it is said, is not there any more.
	    ($f->{error} == ENOENT && $f->{name} =~ /stat/)));
	my @found;
	for (names($row)) {
		next if $_ eq ".$row->{base}.dewey";
		next if $lost && /^\.?\Q$row->{base}\E\.lock/;
		push @found, "leaves $_" =~ s/\.[0-9a-f]{16}$/.*/r;
	}
	# The gate's root.
	my @roots = $row->{alone_in_run} ? glob '/run/dewey.??????' : ();
	rmdir for @roots;
	push @found, 'leaves the root of a gate' if @roots &&
	    $f->{do} eq 'fail' && $f->{name} ne 'rmdir' &&
	    # The monitor does not wait for it if the judge could not begin.
	    $r->{log} !~ /the gate was killed/;
	return @found;
}

# Whether a session need not tell in the log that it did not go well.
sub may_be_silent {
	my ($row, $r, $f) = @_;
	return 1 if $f->{do} eq 'all';
	my $role = $row->{roles}[$f->{process}];
	# A user's session has nobody but the keeper to write for it.
	if ($f->{do} ne 'fail') {
		# Nobody else was there, or knew yet whom he would serve.
		return $f->{alone} || ($row->{user} && ($r->{text} eq '' &&
		    $f->{process} == 0 || $role eq 'keeper'));
	}
	my $error = $f->{error};
	# The log is not open yet; it is what failed.
	return 1 if $f->{number} == 0 ||
	    ($f->{name} eq 'write' && $f->{argument} eq '2');
	# The other end has gone: whoever saw its end would tell.
	return 1 if $f->{name} =~ /^(?:send|recv)msg$/ &&
	    ($error == EPIPE || $error == ECONNRESET);
	# The gate has no log.
	return 1 if $role eq 'gate';
	return 1 if $error == EWOULDBLOCK && $f->{name} eq 'flock';
	# It is so: no such file, or no right to write.
	return 1 if $error == ENOENT && $r->{text} =~ / changed by another /;
	return ($error == EACCES || $error == ENOENT) &&
	    $r->{text} =~ / maildrop is read-only/;
}

sub missing_line {
	my ($row, $r, $f) = @_;
	return if $r->{text} eq $row->{said} || may_be_silent($row, $r, $f) ||
	    grep { !/ end=quit$/ } split /\n/, $r->{log};
	return 'logs ' . ($r->{log} eq '' ? 'nothing' : 'end=quit only');
}

# The session after it: works at once, and shows one of the two mailboxes.
sub afterwards {
	my ($row, $must) = @_;
	my @commands = (@{ $row->{login} }, 'RETR 1', 'RETR 2', 'QUIT');
	my $r = session($row, [], \@commands, 0);
	my $now = Dewey::read_file($row->{box});
	my @wrong;
	push @wrong, 'the mailbox is neither that of before nor that of after'
	    unless $now eq $row->{before} || $now eq $row->{after};
	push @wrong, 'the next session does not remove the message'
	    if $must && $now ne $row->{after};
	my @stay = $now eq $row->{before} ? (1 .. 3) :
	    grep { $_ != $row->{goes} } 1 .. 3;
	my @got = answers($r->{text}, @commands);
	my $count = @stay;
	my ($greeting) = map { $_->[0] } $got[@{ $row->{login} }] // ['nothing'];
	my @texts = map { $_->[1] // '' } grep { @$_ == 2 } @got;
	push @wrong, "the next login says $greeting"
	    if $greeting !~ /^\+OK .* has $count messages /;
	push @wrong, 'the next session sends another text'
	    if join("\0", @texts) ne
	    join "\0", map { $row->{text}[$_ - 1] } @stay[0, 1];
	push @wrong, sprintf 'the next session takes %.0f s', $r->{seconds}
	    if $r->{seconds} > 1.8;
	push @wrong, map { "after the next session: leaves $_" }
	    grep { $_ eq "$row->{base}.lock" ||
	    /^\.\Q$row->{base}\E\.dewey\./ } names($row);
	push @wrong, 'after the next session: leaves a journal'
	    if -s "$row->{spool}/.$row->{base}.dewey";
	return @wrong;
}

# All that is wrong after a session with the fault ${f}.
sub look {
	my ($row, $r, $f) = @_;
	my $now = Dewey::read_file($row->{box});
	my $journal = -s "$row->{spool}/.$row->{base}.dewey";
	my @wrong;
	push @wrong, 'the mailbox is neither of the two, without a journal'
	    if !$journal && $now ne $row->{before} && $now ne $row->{after};
	push @wrong, lies($row, $r, $f, $now, $journal);
	push @wrong, leftovers($row, $r, $f);
	push @wrong, missing_line($row, $r, $f);
	push @wrong, map { "$row->{roles}[$_->[0]] dies of signal $_->[1]" }
	    @{ $f->{died} };
	push @wrong, map { "hangs: $row->{roles}[$_]" } @{ $f->{left} };
	push @wrong, sprintf 'takes %.0f s', $r->{seconds}
	    if !@{ $f->{left} } && $r->{seconds} > SLOW;
	push @wrong, afterwards($row, !$journal && $now eq $row->{after});
	return @wrong;
}

# ---- Faults

my @counted = qw(faults kills states missed);
my (%sum, @failures);

# What the tracer says, by the first word of its lines.
sub report {
	my ($row) = @_;
	my %lines;
	for (split /\n/, Dewey::read_file($row->{report})) {
		my ($what, @words) = split ' ';
		push @{ $lines{$what} }, \@words;
	}
	return \%lines;
}

sub traced {
	my ($row, @what) = @_;
	reset_all($row);
	unlink $row->{report};
	my $r = session($row, [$tracer, $row->{report}, PATIENCE, @what],
	    commands($row), $row->{waits});
	my $code = $r->{status} >> 8;
	plan skip_all => 'no process can be traced here'
	    if $code == 77 && !%sum;
	-e $row->{report} or die "the tracer ended with $r->{status}";
	return ($r, report($row));
}

# A session without a fault; returns its calls.
sub record {
	my ($row) = @_;
	# The first one makes the directory of the cache.
	traced($row, 'record');
	my ($r, $lines) = traced($row, 'record');
	my @commands = @{ commands($row) };
	$row->{said} = $r->{text};
	$row->{usual} = [answers($r->{text}, @commands)];
	my @bad = grep { $_->[0] !~ /^\+OK/ } @{ $row->{usual} };
	is_deeply [@bad, look($row, $r, { do => 'fail', name => '',
	    error => 0, number => 1, process => 0, died => [], left => [] })], [],
	    "$row->{name}: without a fault" or diag "$r->{text}\n$r->{log}";
	is scalar(@{ $row->{usual} }), @commands + 1, '... all is answered';
	like $r->{log}, qr/ end=quit$/, '... and logged';
	return @{ $lines->{call} // [] };
}

sub try {
	my ($row, $do, $call, $error) = @_;
	my ($number, $process, $n, $name, $argument) = @$call;
	my ($r, $lines, $at);
	# Time may make a call more or less of it.
	for (1 .. 6) {
		($r, $lines) = traced($row, $do, $process, $n,
		    defined $error ? $error : ());
		$at = $lines->{at}[0];
		last if $at && $at->[3] eq $name;
	}
	if (!$at || ($do eq 'fail' && $at->[3] ne $name)) {
		$sum{missed}++;
		return;
	}
	my ($at_number, undef, undef, $at_name, $at_argument) = @$at;
	my %f = (do => $do, process => $process, name => $at_name,
	    error => $error // 0, number => $number,
	    argument => $at_argument, died => $lines->{died} // [],
	    left => [map { $_->[0] } @{ $lines->{left} // [] }],
	    alone => $number < $row->{alone});
	my @wrong = look($row, $r, \%f);
	$sum{$do eq 'fail' ? 'faults' : 'kills'}++;
	$sum{states}++;
	return if !@wrong;
	# The first answer that is not the usual one.
	my @answers = map { $_->[0] } answers($r->{text}, @{ commands($row) });
	my ($i) = grep { $answers[$_] ne $row->{usual}[$_][0] } 0 .. $#answers;
	push @failures, { call => $at_name, text => sprintf
	    '%s: %s call %u (%u): %s: %s; %d answers: %s; log: %s',
	    $row->{name}, $row->{roles}[$process], $n, $at_number,
	    $do eq 'fail' ? $errno{$error} // $error : "killed, $do",
	    join('; ', @wrong), scalar @answers,
	    defined $i ? $answers[$i] : 'as usual', join ' | ', map {
	    s/^dewey\[\d+\]: //r =~ s/ peer=.* end=/ ... end=/r }
	    split /\n/, $r->{log} };
}

# All that can be done at the calls: [what, call, errno].
sub faults {
	my ($row, @calls) = @_;
	my @faults;
	my %had;
	for my $call (@calls) {
		my ($number, $process, $n, $name) = @$call;
		next if $name =~ /^exit/;
		push @faults, ['before', $call] if !$had{$process}++;
		push @faults, ['after', $call], ['all', $call];
		next if $never{$name};
		push @faults, map { ['fail', $call, $_] }
		    @{ $errors{$name} // [EIO] };
	}
	return @faults;
}

# Gives the process a /run of its own, where only its own gates have a root.
sub own_run {
	my $call = { x86_64 => 272, aarch64 => 97 }->{(POSIX::uname())[4]}
	    // return 0;
	# unshare(2), CLONE_NEWNS.
	return syscall($call, 0x20000) == 0 && system('mount -t tmpfs -o ' .
	    'mode=0755 tmpfs /run && mkdir -m 1777 /run/lock') == 0;
}

# The faults of one row, in a process of its own.  What it finds is in a file.
sub try_all {
	my ($row, $faults) = @_;
	my $pid = fork // die "fork: $!";
	return $pid if $pid;
	$row->{alone_in_run} = !$row->{user} && own_run();
	for (@$faults) {
		last if !$long && time - $begin > SHORT;
		try($row, @$_);
	}
	Dewey::write_file($row->{failures}, join '', map { "$_\n" }
	    join(' ', map { $sum{$_} // 0 } @counted),
	    map { "$_->{call}\t$_->{text}" } @failures);
	POSIX::_exit(0);
}

mkdir "$dir/spool" or die "$dir/spool: $!";
Dewey::give("$dir/spool");
chmod 0777, $dir;
if (!$>) {
	Accounts::add($_) for qw(dewey-gate dewey-judge dewey-wait);
}
my %pids;
for my $row (@rows) {
	prepare($row);
	Accounts::add($row->{base}, password => $password) if !$row->{user};
	my @calls = record($row);
	# Until then there is one process.
	my ($second) = map { $_->[0] } grep { $_->[1] == 1 } @calls;
	$row->{alone} = $second // 0;
	my %of = map { $_->[1] => 1 } @calls;
	my @faults = faults($row, @calls);
	diag sprintf '%s: %d calls of %d processes, %d faults', $row->{name},
	    scalar @calls, scalar keys %of, scalar @faults;
	@faults = map { splice @faults, rand @faults, 1 } 1 .. FEW if !$long;
	$pids{ try_all($row, \@faults) } = $row;
}
while (%pids) {
	my $pid = wait;
	last if $pid < 0;
	my $row = delete $pids{$pid} // next;
	is $?, 0, "$row->{name}: all was tried";
	next if !-e $row->{failures};
	my ($counts, @lines) = split /\n/, Dewey::read_file($row->{failures});
	my @counts = split ' ', $counts;
	$sum{ $counted[$_] } += $counts[$_] for 0 .. $#counted;
	push @failures, map { my ($call, $text) = split /\t/, $_, 2;
	    { call => $call, text => $text } } @lines;
}

my @found = map { "$_->{call}: $_->{text}" }
    sort { $a->{call} cmp $b->{call} || $a->{text} cmp $b->{text} } @failures;
is join("\n", @found), '', 'nothing lost, nothing left, true answers, a log';
diag "seed $seed" if @failures;
diag sprintf '%d faults and %d kills tried, %d states, %d missed, %d wrong, '
    . '%.0f s', (map { $_ // 0 } @sum{@counted}), scalar @failures,
    time - $begin;
done_testing;
