# SPDX-License-Identifier: ISC
# Dewey.pm: starts a dewey session and talks to it, for the tests in tests/*.t.
#
# Every wait has a bound: a test ends with the dialogue so far instead of
# hanging.  Processes are reaped and directories removed when the test ends,
# also when it dies.  When the test runs as root, the server and the files
# made here belong to `nobody`, because dewey without root is what most tests
# are about.
package Dewey;

use strict;
use warnings;
use Carp qw(croak);
use Digest::MD5 qw(md5_hex);
use Errno qw(EAGAIN ECONNRESET EINTR EIO EPIPE EWOULDBLOCK);
use Fcntl qw(F_GETFL F_SETFL O_APPEND O_CREAT O_EXCL O_NONBLOCK O_RDWR);
use File::Copy ();
use File::Path ();
use File::Spec;
use File::Temp ();
use POSIX ();
use Socket qw(AF_INET AF_INET6 AF_UNIX IPPROTO_TCP PF_INET PF_INET6 PF_UNIX
    SOCK_STREAM TCP_NODELAY inet_pton pack_sockaddr_in pack_sockaddr_in6
    pack_sockaddr_un);
use Time::HiRes qw(sleep time);

our @CARP_NOT = ('Dewey::Site');

# A server never exits with this; sanitizers and valgrind are told to.
use constant REPORT_EXIT => 99;

my $owner = $$;		# the process that cleans up
my @dirs;		# temporary directories to remove
my %live;		# pid -> 'used' or 'left' of every server not reaped yet
my @reports;		# servers that a sanitizer or valgrind complained about
my ($home, $copy, $serial) = (undef, undef, 0);

$SIG{PIPE} = 'IGNORE';
for my $name (qw(HUP INT TERM)) {
	# Leave by exit, so that END cleans up.
	$SIG{$name} = sub { exit 1 } unless $SIG{$name};
}

# Under valgrind and the like everything takes long: tests that start thousands
# of servers start fewer then.
sub slow { return ($ENV{DEWEY_WRAPPER} // '') ne '' }

# Flags that every server gets before its own: what a tool needs, which cannot
# work in a sandbox made for dewey.
sub tool_flags { return split ' ', $ENV{DEWEY_FLAGS} // '' }

# ---- Files and directories

sub uid { return $> if $>; my $u = getpwnam 'nobody'; return $u // 65534 }
sub gid { return $) + 0 if $>; return (getpwnam 'nobody')[3] // 65534 }

sub give {
	my ($path) = @_;
	return if $>;
	chown uid(), gid(), $path or die "chown $path: $!";
}

sub tmpdir {
	my $base = File::Spec->tmpdir;
	# A directory of root's own would lock `nobody` out.
	$base = '/tmp' if !$> && !((stat $base)[2] & 01);
	my $dir = File::Temp::tempdir('dewey-test-XXXXXXXX', DIR => $base);
	push @dirs, $dir;
	give($dir);
	return $dir;
}

sub write_file {
	my ($path, $octets, $mode) = @_;
	open my $fh, '>:raw', $path or croak "write $path: $!";
	print {$fh} $octets or croak "write $path: $!";
	CORE::close $fh or croak "write $path: $!";
	chmod $mode // 0600, $path or croak "chmod $path: $!";
	give($path);
	return $path;
}

sub read_file {
	my ($path) = @_;
	open my $fh, '<:raw', $path or croak "read $path: $!";
	local $/;
	my $octets = <$fh>;
	return $octets // '';
}

sub mbox {
	return join '',
	    map { "From a\@b Mon Jan  1 00:00:00 2024\n$_\n" } @_;
}

# ---- Starting a server

sub binary {
	my ($as_root) = @_;
	my $path = File::Spec->rel2abs($ENV{DEWEY} // './dewey');
	-x $path or croak "$path is not there (set DEWEY)";
	return $path if $> || $as_root;
	# `nobody` may be unable to reach the build directory.
	if (!$copy) {
		$copy = tmpdir() . '/dewey';
		File::Copy::copy($path, $copy) or die "copy $path: $!";
		chmod 0755, $copy or die "chmod $copy: $!";
	}
	return $copy;
}

sub environment {
	my ($extra) = @_;
	$home //= tmpdir();
	my %env = (
		PATH => $ENV{PATH} // '/usr/bin:/bin',
		LC_ALL => 'C',
		HOME => $home,
	);
	# What the sanitizers and the coverage runtime are told goes through.
	for my $name (grep { /^(?:[A-Z]+SAN_OPTIONS|GCOV_|LLVM_PROFILE)/ }
	    keys %ENV) {
		$env{$name} = $ENV{$name};
	}
	%env = (%env, %{ $extra // {} });
	delete @env{ grep { !defined $env{$_} } keys %env };
	return \%env;
}

# LeakSanitizer cannot look into a process that is traced or sees no /proc.
sub without_leaks {
	my ($env) = @_;
	$env->{ASAN_OPTIONS} .= ':detect_leaks=0'
	    if defined $env->{ASAN_OPTIONS};
	return $env;
}

# Each transport returns (client read, client write, server in, server out);
# read and write, in and out may be the same handle.

sub connect_socketpair {
	socketpair my $c, my $s, AF_UNIX, SOCK_STREAM, 0
	    or die "socketpair: $!";
	return ($c, $c, $s, $s);
}

sub connect_pipe {
	pipe my $in, my $w or die "pipe: $!";
	pipe my $r, my $out or die "pipe: $!";
	return ($r, $w, $in, $out);
}

sub connect_by_address {
	my ($family, $address, $where) = @_;
	socket my $l, $family, SOCK_STREAM, 0 or die "socket: $!";
	bind $l, $address or die "bind: $!";
	listen $l, 1 or die "listen: $!";
	socket my $c, $family, SOCK_STREAM, 0 or die "socket: $!";
	connect $c, getsockname $l or die "connect: $!";
	accept my $s, $l or die "accept: $!";
	return ($c, $c, $s, $s);
}

sub connect_tcp {
	my (undef, $host) = @_;
	my @handles = $host =~ /:/ ?
	    connect_by_address(PF_INET6,
	    pack_sockaddr_in6(0, inet_pton(AF_INET6, $host))) :
	    connect_by_address(PF_INET,
	    pack_sockaddr_in(0, inet_pton(AF_INET, $host)));
	setsockopt $handles[0], IPPROTO_TCP, TCP_NODELAY, 1
	    or die "TCP_NODELAY: $!";
	return @handles;
}

sub connect_unix {
	my $path = tmpdir() . '/socket';
	return connect_by_address(PF_UNIX, pack_sockaddr_un($path));
}

# A terminal that edits lines and knows ^D, but neither echoes nor translates:
# what is sent and received stays countable.
sub connect_pty {
	sysopen my $m, '/dev/ptmx', O_RDWR or die "/dev/ptmx: $!";
	my ($number, $zero) = (pack('i', 0), pack 'i', 0);
	ioctl $m, 0x40045431, $zero or die "TIOCSPTLCK: $!";
	ioctl $m, 0x80045430, $number or die "TIOCGPTN: $!";
	my $name = '/dev/pts/' . unpack 'i', $number;
	sysopen my $s, $name, O_RDWR | POSIX::O_NOCTTY() or die "$name: $!";
	my $t = POSIX::Termios->new;
	$t->getattr(fileno $s) or die "tcgetattr: $!";
	$t->setiflag($t->getiflag & ~(POSIX::ICRNL() | POSIX::IXON()));
	$t->setoflag($t->getoflag & ~POSIX::OPOST());
	$t->setlflag($t->getlflag & ~POSIX::ECHO());
	$t->setattr(fileno $s, POSIX::TCSANOW()) or die "tcsetattr: $!";
	# As login(1) does: a terminal belongs to who sits at it.
	give($name);
	return ($m, $m, $s, $s);
}

sub connect_file {
	my ($octets) = @_;
	my $path = write_file(tmpdir() . '/input', $octets // '');
	open my $in, '<:raw', $path or die "$path: $!";
	pipe my $r, my $out or die "pipe: $!";
	return ($r, undef, $in, $out);
}

my %transport = (
	socketpair => \&connect_socketpair,
	pipe => \&connect_pipe,
	tcp => \&connect_tcp,
	unix => \&connect_unix,
	pty => \&connect_pty,
	file => \&connect_file,
);

sub start {
	my ($class, @flags) = @_;
	my %o = ref $flags[-1] ? %{ pop @flags } : ();
	my $name = delete $o{transport} // 'socketpair';
	my $connect = $transport{$name} or croak "no transport $name";
	my $input = delete $o{input};
	my ($r, $w, $in, $out) = $connect->($input,
	    delete $o{address} // '127.0.0.1');

	my @wrapper = split ' ', $ENV{DEWEY_WRAPPER} // '';
	my $self = bless {
		transport => $name,
		r => $r,
		w => $w,
		in => '',		# octets read but not asked for yet
		eof => 0,		# the server has closed its side
		reset => 0,		# ... by a reset of the connection
		# Time stands still for nobody, but crawls under valgrind.
		timeout => ($o{timeout} // 20) * (@wrapper ? 6 : 1),
		dialogue => [],
		flags => [@flags],
	}, $class;
	reap();
	$self->{capture} = capture() if ($o{stderr} // 'capture') eq 'capture';
	my @command = (@{ $o{wrapper} // [] }, @wrapper,
	    binary($o{as_root}), tool_flags(), @flags);
	my $env = environment($o{env});
	without_leaks($env) if $o{wrapper} || (!$> && $o{as_root});

	my $pid = fork // die "fork: $!";
	if (!$pid) {
		eval { $self->child(\%o, $in, $out, $env, @command) };
		print STDERR "cannot start: $@";
		POSIX::_exit(127);
	}
	$live{$pid} = 'used';
	$self->{pid} = $pid;
	$self->{kept} = [ $in, $out ] if $o{keep};
	undef $_ for $in, $out;
	for my $fh (grep { defined } $r, $w) {
		my $fl = fcntl $fh, F_GETFL, 0 or die "F_GETFL: $!";
		fcntl $fh, F_SETFL, $fl | O_NONBLOCK or die "F_SETFL: $!";
	}
	$self->send($input) if defined $input && $name ne 'file';
	return $self;
}

# A file, not a pipe: a server that says much must not wait for the test.
sub capture {
	$home //= tmpdir();
	my $path = sprintf '%s/.stderr-%d-%d', $home, $$, $serial++;
	sysopen my $fh, $path, O_RDWR | O_CREAT | O_EXCL | O_APPEND, 0600
	    or die "$path: $!";
	unlink $path;
	return $fh;
}

sub child {
	my ($self, $o, $in, $out, $env, @command) = @_;
	my $stderr = $o->{stderr} // 'capture';
	$SIG{$_} = 'DEFAULT' for qw(PIPE HUP INT TERM);
	if ($self->{transport} eq 'pty') {
		POSIX::setsid();
		ioctl $in, 0x540e, 0;		# TIOCSCTTY
	}
	my $null;
	open $null, '>', '/dev/null' or die "/dev/null: $!"
	    if $stderr eq 'null';
	my $err = $stderr eq 'same' ? $out : $null // $self->{capture}
	    // die "stderr => '$stderr'?\n";
	POSIX::dup2(fileno $in, 0) // die "dup2: $!";
	POSIX::dup2(fileno $out, 1) // die "dup2: $!";
	POSIX::dup2(fileno $err, 2) // die "dup2: $!";
	chdir($o->{cwd} // $home) or die "chdir: $!";
	drop() if !$> && !$o->{as_root};
	%ENV = %$env;
	no warnings 'exec';
	exec { $command[0] } @command or die "$command[0]: $!\n";
}

sub drop {
	my ($uid, $gid) = (uid(), gid());
	$) = "$gid $gid";
	POSIX::setgid($gid) or die "setgid: $!";
	POSIX::setuid($uid) or die "setuid: $!";
	die "still root\n" if !$> || !$<;
}

# ---- Waiting, reading, writing

sub note_dialogue {
	my ($self, $text) = @_;
	$text =~ s/([^\x20-\x7e])/sprintf '\\x%02x', ord $1/ge;
	$text = substr($text, 0, 200) . '...' if length $text > 203;
	my $d = $self->{dialogue};
	push @$d, $text;
	shift @$d if @$d > 60;
}

sub dialogue { return join '', map { "  $_\n" } @{ $_[0]{dialogue} } }

sub fail {
	my ($self, $why) = @_;
	my $text = "dewey session: $why\n" . $self->dialogue;
	my $err = $self->stderr;
	$text .= "stderr: $err\n" if length $err;
	croak $text;
}

# Waits until the client's side can be read ($for eq 'read') or also written
# ('both').  False when the deadline has passed.
sub ready {
	my ($self, $for, $deadline) = @_;
	my ($r, $w) = ('', '');
	vec($r, fileno $self->{r}, 1) = 1 unless $self->{eof};
	vec($w, fileno $self->{w}, 1) = 1 if $for eq 'both';
	while ((my $left = $deadline - time) > 0) {
		my $n = select my $ro = $r, my $wo = $w, undef, $left;
		next if $n < 0 && $! == EINTR;
		die "select: $!" if $n < 0;
		return 1 if $n;
	}
	return 0;
}

# Reads once into the buffer; true if octets came.
sub fill {
	my ($self) = @_;
	return 0 if $self->{eof};
	my $n = sysread $self->{r}, $self->{in}, 65536, length $self->{in};
	return 1 if $n;
	return 0 if !defined $n
	    && ($! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR);
	$self->{reset} = 1 if !defined $n && $! == ECONNRESET;
	die "read: $!" if !defined $n && $! != ECONNRESET && $! != EIO;
	$self->{eof} = 1;
	return 0;
}

# Reads until sub ${done} is true of the buffer or the stream has ended.
sub fill_until {
	my ($self, $done, $what) = @_;
	$self->{r} or croak 'the session was closed';
	my $deadline = time + $self->{timeout};
	until ($done->() || $self->{eof}) {
		$self->fill and next;
		last if $self->{eof};
		$self->ready('read', $deadline)
		    or $self->fail("no $what within $self->{timeout} s");
	}
}

# Returns how many octets went out: fewer than given if the server has gone.
# What the server says meanwhile is kept, so neither waits for the other.
sub send {
	my ($self, $octets) = @_;
	$self->{w} or croak 'the input of this session is closed';
	my ($at, $deadline) = (0, time + $self->{timeout});
	while ($at < length $octets) {
		my $n = syswrite $self->{w}, $octets,
		    length($octets) - $at, $at;
		if (defined $n) {
			$at += $n;
			next;
		}
		next if $! == EINTR;
		last if $! == EPIPE || $! == ECONNRESET || $! == EIO;
		die "write: $!" unless $! == EAGAIN || $! == EWOULDBLOCK;
		$self->ready('both', $deadline)
		    or $self->fail("no octet taken in $self->{timeout} s");
		$self->fill;
	}
	return $at;
}

# Sends ${unit} again and again, at most for ${seconds}, until nobody takes it,
# while another process drops the answers: the server never waits.  Calls ${amid}
# once in the middle of it.
sub flood {
	my ($self, $unit, $seconds, $amid) = @_;
	my $octets = $unit x int(1e6 / length $unit);
	my $begin = time;
	my $reader = fork // die "fork: $!";
	if (!$reader) {
		alarm $seconds + 10;
		while (1) {
			my $n = sysread $self->{r}, my $dropped, 65536;
			last if defined $n ? $n == 0
			    : $! != EAGAIN && $! != EINTR;
			$self->ready('r', time + 1) if !defined $n;
		}
		POSIX::_exit(0);
	}
	vec(my $w = '', fileno $self->{w}, 1) = 1;
	my $at = 0;
	until (time - $begin >= $seconds) {
		my $n = syswrite $self->{w}, $octets, length($octets) - $at, $at;
		last if !defined $n && $! != EAGAIN && $! != EINTR;
		select undef, my $room = $w, undef, 1 if !defined $n;
		$at = ($at + ($n // 0)) % length $octets;
		next unless $amid && time - $begin > 0.3;
		$amid->();
		undef $amid;
	}
	kill 'KILL', $reader;
	waitpid $reader, 0;
	return;
}

# Waits until the server has read all that was sent: the next octets are not
# in the same packet then.  Not over TCP, whose peer's reads cannot be seen.
sub taken {
	my ($self) = @_;
	my $request = $self->{transport} eq 'pipe' ? 0x541b	# FIONREAD
	    : 0x5411;						# SIOCOUTQ
	my $left = pack 'i', 0;
	$self->wait_for(sub {
		ioctl $self->{w}, $request, $left or return 1;
		return 1 if unpack('i', $left) == 0;
		$self->fill;
		return $self->{eof};
	});
}

sub cmd {
	my ($self, $line) = @_;
	$self->note_dialogue("C: $line");
	return $self->send("$line\r\n");
}

sub line {
	my ($self) = @_;
	my $at = -1;
	$self->fill_until(sub { ($at = index $self->{in}, "\n") >= 0 },
	    'line');
	if ($at < 0) {
		return undef if $self->{in} eq '';
		$self->fail('end of stream inside a line');
	}
	my $line = substr $self->{in}, 0, $at + 1, '';
	$self->note_dialogue('S: ' . $line =~ s/\r\n\z//r);
	$line =~ s/\r\n\z// or $self->fail('a line that does not end in CRLF');
	return $line;
}

sub say {
	my ($self, $line) = @_;
	$self->cmd($line);
	return $self->line;
}

# The body behind a status line that was read already: raw octets, without the
# final ".CRLF".
sub body {
	my ($self) = @_;
	my ($from, $end) = (0, -1);
	$self->fill_until(sub {
		if ($from == 0 && $self->{in} =~ /\A\.\r\n/) {
			$end = 0;
			return 1;
		}
		my $at = index $self->{in}, "\r\n.\r\n", $from;
		$end = $at + 2 if $at >= 0;
		$from = length($self->{in}) - 4;
		$from = 0 if $from < 0;
		return $at >= 0;
	}, 'end of a multi-line reply');
	$self->fail('end of stream inside a multi-line reply') if $end < 0;
	my $body = substr $self->{in}, 0, $end, '';
	substr $self->{in}, 0, 3, '';
	$self->note_dialogue('S: (' . length($body) . ' octets and the dot)');
	return $body;
}

# In list context (status line, raw body); the body is undef after -ERR.
sub multi {
	my ($self, $line) = @_;
	my $status = $self->say($line);
	my $body = defined $status && $status =~ /^\+OK/
	    ? $self->body : undef;
	return wantarray ? ($status, $body) : $body;
}

sub unstuffed {
	my ($self, $line) = @_;
	my ($status, $body) = $self->multi($line);
	$self->fail("$line was refused") unless defined $body;
	$body =~ s/(\A|\r\n)\./$1/g;
	return $body;
}

# Exactly ${n} octets of the stream, or fewer at its end.
sub octets {
	my ($self, $n) = @_;
	$self->fill_until(sub { length $self->{in} >= $n }, "$n octets");
	return substr $self->{in}, 0, $n, '';
}

sub rest {
	my ($self) = @_;
	$self->fill_until(sub { 0 }, 'end of stream');
	my $rest = $self->{in};
	$self->{in} = '';
	$self->note_dialogue("S: $rest") if length $rest;
	return $rest;
}

# ---- The words of POP3

sub greeting {
	my ($self) = @_;
	$self->{greeting} //= $self->line;
	return $self->{greeting};
}

sub timestamp {
	my ($self) = @_;
	my ($stamp) = ($self->greeting // '') =~ /(<[^<>\s]+>)\s*\z/;
	return $stamp;
}

sub apop {
	my ($self, $name, $secret) = @_;
	my $stamp = $self->timestamp
	    // $self->fail('the greeting has no timestamp');
	return $self->say("APOP $name " . md5_hex($stamp . $secret));
}

# ---- The end of a session

# The server's side of the stream, with keep => 1: the same open files that are
# its descriptors 0 and 1.  The stream does not end before forget_kept.
sub kept { return @{ $_[0]{kept} } }
sub forget_kept { delete $_[0]{kept} }

sub was_reset { return $_[0]{reset} }
sub pid { return $_[0]{pid} }
sub kill { my ($self, $sig) = @_; return CORE::kill $sig, $self->{pid} }

sub stderr {
	my ($self) = @_;
	my $fh = $self->{capture} or return '';
	my $text = '';
	sysseek $fh, 0, 0;
	1 while sysread $fh, $text, 65536, length $text;
	return $text;
}

sub close_write {
	my ($self) = @_;
	my $w = $self->{w} or return;
	if ($self->{transport} eq 'pipe') {
		CORE::close $w;
	} elsif ($self->{transport} eq 'pty') {
		$self->send("\x04");
	} else {
		shutdown $w, 1;
	}
	$self->{w} = undef;
}

sub close {
	my ($self) = @_;
	for my $fh (grep { defined } @$self{qw(w r)}) {
		CORE::close $fh;
	}
	@$self{qw(w r)} = ();
}

# Polls sub ${condition} until it is true and returns its value; that it looks at
# a process that has just ended does not count as an answer.
sub wait_for {
	my ($self, $condition) = @_;
	my ($deadline, $pause) = (time + $self->{timeout}, 0.0003);
	while (1) {
		my $value = eval { $condition->() };
		die $@ if $@ && $@ !~ /^process \d+ is gone/;
		return $value if $value;
		$self->fail("not true within $self->{timeout} s" .
		    ($@ && ": $@")) if time > $deadline;
		sleep $pause;
		$pause = $pause * 1.5 if $pause < 0.02;
	}
}

# The exit code; 128 + n after signal n.  What the server still says stays
# unread: read it first if it is much.
sub exit_code {
	my ($self) = @_;
	return $self->{exit} if defined $self->{exit};
	my ($pid, $status) = ($self->{pid}, undef);
	$self->wait_for(sub {
		my $got = waitpid $pid, POSIX::WNOHANG();
		die "waitpid $pid: lost" if $got < 0;
		$status = $?;
		return $got == $pid;
	});
	delete $live{$pid};
	$self->{exit} = $status & 127 ? 128 + ($status & 127) : $status >> 8;
	push @reports, "server $pid: a tool reported\n" . $self->dialogue
	    . $self->stderr if $self->{exit} == REPORT_EXIT;
	return $self->{exit};
}

# A server whose object goes is left to end by itself; END sees to the rest.
sub DESTROY {
	my ($self) = @_;
	local ($@, $!, $?);
	return if $$ != $owner;
	$self->close;
	$live{ $self->{pid} } = 'left' if $live{ $self->{pid} };
}

sub took {
	my ($pid, $status) = @_;
	delete $live{$pid};
	push @reports, "server $pid: a tool reported"
	    if $status >> 8 == REPORT_EXIT;
}

# Takes in servers whose object has gone: of the others the test may still
# want the exit code.
sub reap {
	for my $pid (grep { $live{$_} ne 'used' } keys %live) {
		took($pid, $?) if waitpid($pid, POSIX::WNOHANG()) == $pid;
	}
}

sub finish_servers {
	my $deadline = time + 5;
	CORE::kill('TERM', $_) for keys %live;
	while (my @pids = keys %live) {
		for my $pid (@pids) {
			CORE::kill('KILL', $pid) if time > $deadline;
			took($pid, $?)
			    if waitpid($pid, POSIX::WNOHANG()) == $pid;
		}
		sleep 0.002 if %live;
	}
}

END {
	if ($$ == $owner) {
		my $status = $?;
		local $!;
		finish_servers();
		chdir '/';
		File::Path::remove_tree(@dirs, { error => \my $errors });
		print STDERR "# cannot remove @dirs\n" if grep { -e } @dirs;
		print STDERR s/^/# /gmr . "\n" for @reports;
		$status = REPORT_EXIT if @reports && !$status;
		$? = $status;
	}
}

sub site {
	my ($class, %what) = @_;
	return Dewey::Site->new($class, %what);
}

# A site: who may log in, with what, and the mailboxes, in one directory.
package Dewey::Site;

use strict;
use warnings;
use Carp qw(croak);

sub new {
	my ($class, $dewey, %what) = @_;
	my $dir = Dewey::tmpdir();
	my $self = bless { dewey => $dewey, dir => $dir }, $class;
	for my $key (qw(users secrets mail)) {
		$self->{$key} = delete $what{$key} // {};
	}
	croak 'site: what is ', join ' ', sort keys %what if %what;
	my ($users, $secrets) = @$self{qw(users secrets)};
	# Few rounds: the tests log in thousands of times.
	Dewey::write_file("$dir/users", join '', map {
		"$_:" . crypt($users->{$_}, '$6$rounds=1000$dewey') . "\n"
	} sort keys %$users);
	Dewey::write_file("$dir/secrets", join '', map {
		"$_:$secrets->{$_}\n"
	} sort keys %$secrets);
	mkdir "$dir/spool", 0700 or die "$dir/spool: $!";
	Dewey::give("$dir/spool");
	for my $name (keys %{ $self->{mail} }) {
		Dewey::write_file($self->mailbox($name),
		    $self->{mail}{$name});
	}
	return $self;
}

sub dir { return $_[0]{dir} }
sub mailbox { my ($self, $name) = @_; return "$self->{dir}/spool/$name" }

sub flags {
	my ($self, @more) = @_;
	my $dir = $self->{dir};
	return ('--host=dewey.example', "--users=$dir/users",
	    "--secrets=$dir/secrets", "--mailbox=$dir/spool/%u",
	    '--fail-delay=0', '--log=none', @more);
}

sub start {
	my ($self, @more) = @_;
	return $self->{dewey}->start($self->flags(@more));
}

# Starts a session and logs ${name} in: by APOP if there is a secret (PASS is
# refused then, RFC 1939 section 13), else by USER and PASS.
sub login {
	my ($self, $name, @more) = @_;
	my $c = $self->start(@more);
	($c->greeting // '') =~ /^\+OK/ or $c->fail('no greeting');
	my $reply;
	if (defined $self->{secrets}{$name}) {
		$reply = $c->apop($name, $self->{secrets}{$name});
	} elsif (defined $self->{users}{$name}) {
		$c->say("USER $name");
		$reply = $c->say("PASS $self->{users}{$name}");
	} else {
		croak "site: who is $name";
	}
	$c->{login} = $reply;
	($reply // '') =~ /^\+OK/ or $c->fail("$name is not logged in");
	return $c;
}

1;
