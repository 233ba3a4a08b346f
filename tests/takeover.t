#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# What a stranger can do who has taken over the gate, the judge or the session: a
# test build does what its client says.  Every attempt fails or kills, the
# monitor says so, and the channels take nothing amiss.  Each wall (filter, Landlock,
# ids) is also tried alone.  (DESIGN section 3, SECURITY "When a process is
# taken over".)
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Accounts;
use Processes;
use Saslauthd;
use Test::More;
use Fcntl;
use Socket;
use Time::HiRes qw(sleep time);

my $binary = ($ENV{builddir} // '.') . '/tests/takeover/dewey-takeover';
plan skip_all => 'the test build is not there' unless -x $binary;

if (!$>) {
	plan skip_all => 'a tool watches the processes'
	    if Dewey::slow() || Dewey::tool_flags();
	Accounts::enter();
}

# The program itself has no trace of it.
like Dewey::read_file($binary), qr/X-TAKEOVER/, 'the test build obeys';
unlike Dewey::read_file(Dewey::binary(1)), qr/TAKEOVER/i,
    'the program does not';

if ($>) {
	note 'the rest needs root';
	done_testing;
	exit 0;
}
$ENV{DEWEY} = $binary;

my $killed = 128 + 31;		# SIGSYS
my ($password, $other) = ('tanstaaf', 'hoopy');
my $mail = Dewey::mbox("Subject: one\n\nbody\n", "Subject: two\n\nbody\n");
Accounts::add('dwmrose', password => $password, mail => $mail);
Accounts::add('dwother', password => $other, mail => $mail);
my $uid = Accounts::uid('dwmrose');
my $victim = Accounts::mailbox('dwother');
Accounts::add($_, more => ['-r']) for qw(dewey-gate dewey-judge dewey-wait);
my $spool = join ' ', snapshot();

# Everything about the spool that could be changed.
sub snapshot {
	opendir(my $dir, '/var/mail') or die "/var/mail: $!";
	return map {
		my @st = lstat "/var/mail/$_";
		"$_ $st[1] @st[2..5] $st[7] " . (-f _ ?
		    Dewey::read_file("/var/mail/$_") : '');
	} sort grep { !/^\.?\.$|^\.dwmrose\.dewey/ } readdir $dir;
}

sub login {
	my ($o, @flags) = @_;
	my $c = Accounts::start(@flags, $o // {});
	$c->greeting;
	$c->say('USER dwmrose');
	like $c->say("PASS $password"), qr/^\+OK/, 'login'
	    or $c->fail('no login');
	# The gate and the judge are gone then, too.
	$c->wait_for(sub {
		my @left = Processes::below($c->pid);
		@left == 2 && Processes::look($c->pid)->{uids} !~ /^0/;
	});
	return $c;
}

# A program of the user's, as another of his processes would be.
my $bystander = fork // die "fork: $!";
if (!$bystander) {
	$) = "$uid $uid";
	POSIX::setgid(Accounts::gid('dwmrose'));
	POSIX::setuid($uid);
	exec 'sleep', '1000';
}
END { local $?; kill 'KILL', $bystander if $bystander }

# A descriptor number that is the session's of the spool directory: opened
# before its files, right after the log.
sub directory {
	my ($c, $pid) = @_;
	my $fds = Processes::look($pid)->{fds};
	return (grep { ($fds->{$_} // '') eq '/var/mail' } keys %$fds)[0] // 99;
}

# [what, system call and arguments].  DIR is the spool's descriptor, PARENT and
# BYSTANDER are pids.
my @attempts = (
	['open /etc/passwd', 'openat -100 /etc/passwd 0'],
	['open /etc/passwd for writing', 'openat -100 /etc/passwd 2'],
	['open another mailbox', "openat -100 $victim 0"],
	['open another mailbox in its directory', 'openat DIR dwother 0'],
	['open its own mailbox again', 'openat DIR dwmrose 2'],
	['open another mailbox by openat2', "openat2 -100 $victim 0 24"],
	['open by handle', 'open_by_handle_at DIR 0 0'],
	['open with the old call', "open $victim 0"],
	['open with the call of x32', "openx32 $victim 0"],
	['create', 'openat DIR dwnew 66 384'],
	['create with the old call', 'creat /var/mail/dwnew 384'],
	['create a directory', 'mkdirat DIR dwnew 448'],
	['create a device', 'mknodat DIR dwnew 8630 259'],
	['create a link', 'linkat DIR dwother DIR dwnew 0'],
	['create a symbolic link', 'symlinkat /etc/shadow DIR dwnew'],
	['rename', 'renameat2 DIR dwother DIR dwnew 0'],
	['rename its own mailbox', 'renameat2 DIR dwmrose DIR dwnew 0'],
	['rename with the old call', "rename $victim /var/mail/dwnew"],
	['remove', 'unlinkat DIR dwother 0'],
	['remove its own mailbox', 'unlinkat DIR dwmrose 0'],
	['remove with the old call', "unlink $victim"],
	['truncate', "truncate $victim 0"],
	['change a mode', "fchmodat -100 $victim 511 0"],
	['change a mode by the new call', "fchmodat2 -100 $victim 511 0"],
	['change an owner', "fchownat -100 $victim 0 0 0"],
	['change times', "utimensat -100 $victim 0 0"],
	['change an attribute', "setxattr $victim user.x x 1 0"],
	['change an attribute by the new call',
	    "setxattrat -100 $victim 0 user.x 0 0"],
	['make a queue', 'mq_open taken 66 384 0'],
	['remove a queue', 'mq_unlink taken'],
	['read the directory', 'getdents64 DIR 0 0'],
	['read a link', 'readlinkat -100 /proc/self/exe 0 0'],
	['socket', 'socket 2 1 0'],
	['socket of another kind', 'socket 1 1 0'],
	['pair of sockets', 'socketpair 1 1 0 0'],
	['connect', 'connect 0 :loopback 16'],
	['bind', 'bind 0 :loopback 16'],
	['listen', 'listen 0 1'],
	['accept', 'accept4 0 0 0 0'],
	['fork', 'clone 17 0 0 0 0'],
	['fork with the old call', 'fork 0'],
	['fork with the new call', 'clone3 0 0'],
	['exec', 'execve /bin/true 0 0'],
	['exec by descriptor', 'execveat -100 /bin/true 0 0 0'],
	['signal the process above', 'kill PARENT 9'],
	['signal a process of the same user', 'kill BYSTANDER 9'],
	['signal everybody', 'kill -1 9'],
	['signal a thread', 'tkill BYSTANDER 9'],
	['signal a thread of a process', 'tgkill BYSTANDER BYSTANDER 9'],
	['send a signal with a word', 'rt_sigqueueinfo BYSTANDER 9 0'],
	['hold a process', 'pidfd_open BYSTANDER 0'],
	['trace the process above', 'ptrace 16 PARENT 0 0'],
	['trace a process of the same user', 'ptrace 16 BYSTANDER 0 0'],
	['read another\'s memory', 'process_vm_readv BYSTANDER 0 0 0 0 0'],
	['write another\'s memory', 'process_vm_writev BYSTANDER 0 0 0 0 0'],
	['another root', 'chroot .'],
	['another directory', 'chdir /'],
	['another directory by descriptor', 'fchdir DIR'],
	['turn the root round', 'pivot_root . .'],
	['mount', 'mount none /mnt tmpfs 0 0'],
	['unmount', 'umount2 /var/mail 2'],
	['a namespace', 'unshare 268435456'],
	['another namespace', 'setns DIR 0'],
	['be root', 'setuid 0'],
	['be root in every way', 'setresuid 0 0 0'],
	['the group of root', 'setgid 0'],
	['no groups', 'setgroups 0 0'],
	['capabilities', 'capset 0 0'],
	['a limit', 'setrlimit 7 0'],
	['a limit by the new call', 'prlimit64 0 7 0 0'],
	['be dumpable', 'prctl 4 1'],
	['another filter', 'seccomp 0 0 0'],
	['personality', 'personality 0'],
	['memory as a file', 'memfd_create x 0'],
	['bpf', 'bpf 0 0 0'],
	['io_uring', 'io_uring_setup 1 0'],
	['perf', 'perf_event_open 0 0 0 0 0'],
	['userfaultfd', 'userfaultfd 0'],
	['keys', 'keyctl 0 -3 1'],
	['the kernel\'s log', 'syslog 3 0 0'],
	['a terminal\'s input', 'ioctl 0 21522 x'],
	['memory that can be run', 'mprotect 4096 4096 7'],
	['new memory that can be run', 'mmap 0 4096 4 34 -1 0'],
	['memory that can be written and run', 'mmap 0 4096 7 34 -1 0'],
	# By these three a client that sends kills whom the session likes.
	['whom the client\'s octets signal', 'fcntl 0 8 BYSTANDER'],
	['by which signal', 'fcntl 0 10 9'],
	['... and let them', 'fcntl 0 4 8194'],
	['whom they signal, by its structure', 'fcntl 0 15 :loopback'],
	['another number of a descriptor', 'fcntl 0 0 10'],
	['a lease', 'fcntl 0 1024 1'],
	['a larger pipe', 'fcntl 0 1031 1048576'],
	['connect by sending', 'sendto 0 x 1 536870912 :loopback 16'],
	['connect by a message', 'sendmsg 0 :loopback 536870912'],
	['send to a path', 'sendto 2 x 1 16448 :notify 110'],
	['send to an address', 'sendto 0 x 1 16448 :loopback 16'],
	['octets out of band', 'sendto 0 x 1 1 0 0'],
	['another option of the socket', 'setsockopt 0 1 9 1 4'],
	['bind by the one call of sockets', 'socketcall 2 0'],
	['make a socket by it', 'socketcall 1 0'],
);
# Not every processor has these.
my $has = Dewey::read_file($binary);
@attempts = grep { my ($call) = $_->[1] =~ /^(openx32|socketcall)/;
    !$call || index($has, "$call\0") >= 0 } @attempts;

# One attempt; "killed", "failed N" or what it gave.
sub attempt {
	my ($c, $call, %with) = @_;
	$call =~ s/\b$_\b/$with{$_}/g for keys %with;
	my $answer = $c->say("X-TAKEOVER call $call");
	return 'killed' unless defined $answer;
	return $answer =~ /^-ERR (\d+)$/ ? "failed $1" : "SUCCESS: $answer";
}

sub check_gate {
	my ($what, $call) = @_;
	my $c = Accounts::start();
	$c->greeting;
	my $got = attempt($c, $call, PARENT => $c->pid, DIR => 0,
	    BYSTANDER => $bystander);
	like $got, qr/^killed$|^failed \d+$/, "gate: $what: $got";
	if ($got eq 'killed') {
		is $c->exit_code, 111, '... exit code';
		like $c->stderr, qr/the gate was killed by signal 31$/m,
		    '... the monitor says it';
	} else {
		is $c->say('QUIT'), '+OK dewey POP3 server signing off',
		    '... the gate goes on';
	}
	return $got;
}

sub check_session {
	my ($what, $call, $o) = @_;
	my $c = login($o);
	my ($keeper, $session) = Processes::below($c->pid);
	my $got = attempt($c, $call, PARENT => $keeper,
	    DIR => directory($c, $session), BYSTANDER => $bystander);
	like $got, qr/^killed$|^failed \d+$/, "session: $what: $got";
	if ($got eq 'killed') {
		is $c->exit_code, 111, '... exit code';
		like $c->stderr, qr/the session was killed by signal 31$/m,
		    '... the keeper says it';
	} else {
		like $c->say('QUIT'), qr/^\+OK/, '... the session goes on';
	}
	return $got;
}

my %table;
for my $attempt (@attempts) {
	my ($what, $call) = @$attempt;
	$table{$what} = [check_gate($what, $call), check_session($what, $call)];
}
is join(' ', snapshot()), $spool, 'nothing in the spool has changed';
ok kill(0, $bystander), 'the bystander lives';
note sprintf '%-40s %-10s %s', 'attempt', 'gate', 'session';
note sprintf '%-40s %-10s %s', $_->[0], @{ $table{ $_->[0] } } for @attempts;
my @soft = grep { join(' ', @{ $table{$_} }) ne 'killed killed' } keys %table;
is_deeply [sort @soft], [sort 'a terminal\'s input', 'connect',
    'memory that can be run', 'socket', 'socket of another kind',
    grep { /call of sockets|socket by it/ } keys %table],
    'everything but what the C library may try kills';

# ---- The judge, for each way to look up users: in files; as services of this
# host have them; as nobody knows.

my $nsswitch = '/etc/nsswitch.conf';
my %form = (
	files => "passwd: files\n",
	local => "passwd: files [NOTFOUND=continue] systemd # and no more\n",
	net => "passwd: files [ NOTFOUND=continue ] nis\n",
);
# What each can do of the attempts.  Everybody may read /etc/passwd.
my @reads = ('open /etc/passwd');
# Without an owner nobody is signalled.
my @asks = (@reads, 'another number of a descriptor', '... and let them',
    'socket of another kind', 'a limit by the new call');
my %can = (
	files => [@reads],
	local => [@asks],
	net => [@asks, 'socket', 'be dumpable', 'another directory',
	    'new memory that can be run', 'memory that can be written and run'],
);

# A judge that was taken over, with a gate that is: [client, pid of the judge].
sub taken_judge {
	my ($form, $o, @flags) = @_;
	Dewey::write_file($nsswitch, $form{$form}, 0644);
	chown 0, 0, $nsswitch or die "$nsswitch: $!";
	my $c = Accounts::start('--hide-users=no', @flags, $o // {});
	$c->greeting;
	my ($judge) = Processes::below($c->pid);
	$c->wait_for(sub { (Processes::look($judge)->{fds}{0} // '') eq
	    '/dev/null' && (grep({ /none/ } @flags) || $o->{env} ||
	    Processes::look($judge)->{seccomp} == 2) });
	return ($c, $judge);
}

# One attempt: did, failed or killed.
sub ask_judge {
	my ($c, $call, %with) = @_;
	$call =~ s/\b$_\b/$with{$_}/g for keys %with;
	# Nobody is there any more to say so.
	my $answer = $c->say("X-TAKEOVER judge $call") // '-ERR killed';
	return $answer =~ /^(?:\+OK|-ERR) (did|failed|killed)$/ ? $1 : $answer;
}

# All attempts of a list, with flags; what came of each.
sub check_judge {
	my ($form, $o, $tried, @flags) = @_;
	my @attempts = @$tried;
	my ($c, $judge, %got);
	my ($other, $his) = taken_judge($form, $o, @flags);
	for my $attempt (@attempts) {
		my ($what, $call) = @$attempt;
		($c, $judge) = taken_judge($form, $o, @flags) unless $c;
		my $gate = (Processes::below($c->pid))[1];
		$got{$what} = ask_judge($c, $call, PARENT => $c->pid, DIR => 0,
		    BYSTANDER => $his, GATE => $gate);
		next unless $got{$what} eq 'killed';
		# The gate hears that nobody answers any more.
		$c->close;
		$c->exit_code;
		like $c->stderr, qr/the judge was killed by signal 31$/m,
		    "judge ($form): $what: the monitor says that it was killed";
		undef $c;
	}
	if ($c) {
		$c->close;
		$c->exit_code;
	}
	ok !Processes::has_ended($his), "judge ($form): another one lives";
	is ask_judge($other, 'openat -100 /etc/passwd 0'), 'did',
	    '... and answers';
	$other->close;
	$other->exit_code;
	return \%got;
}

# Those that fail in each way, among those that no look-up needs.
my @writing = (['write a file', 'openat -100 /tmp/taken 66 384'],
    ['append to one', 'openat -100 /etc/passwd 1025'],
    ['write one of its own', 'openat -100 /var/lib/judged/own 1'],
    ['a file without a name', 'openat -100 /tmp 4259842 384'],
    ['signal the gate', 'kill GATE 9'],
    # They have the same uid.
    ['read another judge\'s memory', 'openat -100 /proc/BYSTANDER/mem 0'],
    ['... its environment', 'openat -100 /proc/BYSTANDER/environ 0'],
    ['... its descriptors', 'openat -100 /proc/BYSTANDER/fd/0 0'],
    ['... the gate\'s memory', 'openat -100 /proc/GATE/mem 0']);
mkdir '/var/lib/judged' or die $!;
Dewey::write_file('/var/lib/judged/own', 'x', 0666);
for my $form (sort keys %form) {
	my $got = check_judge($form, {}, [@attempts, @writing]);
	is join(', ', sort grep { $got->{$_} eq 'did' } keys %$got),
	    join(', ', sort @{ $can{$form} }),
	    "judge ($form): what it can do";
	is join(', ', grep { $got->{$_} !~ /^(?:did|failed|killed)$/ }
	    keys %$got), '', '... everything was tried';
	is join(', ', grep { $got->{$_} ne 'killed' } 'exec', 'signal everybody',
	    'trace a process of the same user', 'signal the gate', 'remove',
	    'rename', 'change a mode by the new call', 'make a queue',
	    $form eq 'net' ? () : 'bind'), '',
	    '... what no look-up needs kills';
}
is join(' ', snapshot()), $spool, 'nothing in the spool has changed';
is Dewey::read_file('/var/lib/judged/own'), 'x', 'nor elsewhere';

# Where saslauthd is asked the judge may no more: it is given a connection when it
# asks for one, to that socket alone.
{
	my $path = '/run/taken-mux';
	my $fake = Saslauthd->start($path, answer => sub { Saslauthd::answer('NO') });
	my $got = check_judge('files', {}, [@attempts, @writing],
	    "--passwords=saslauthd:$path");
	is join(', ', sort grep { $got->{$_} eq 'did' } keys %$got),
	    join(', ', sort @{ $can{files} }),
	    'judge that asks saslauthd: what it can do';
	is scalar($fake->asked), 0, '... and nobody was asked';
	my ($c, $judge) = taken_judge('files', undef,
	    "--passwords=saslauthd:$path");
	my $before = keys %{ Processes::look($judge)->{fds} };
	answers($c, "ask 3 1 dwmrose $password");
	is scalar($fake->asked), 3, '... of three questions each is asked';
	ok !grep({ $_->[0] != Accounts::uid('dewey-judge') } $fake->asked),
	    '... with the judge\'s rights';
	$c->close;
	$c->exit_code;
	$fake->stop;
}

# One wall at a time: on old kernels the filter alone keeps it from files,
# networks and others of its kind; Landlock alone does on new ones.
for my $abi (0, 1, 3, 5) {
	my $got = check_judge('files', { env => { TAKEOVER_ABI => $abi } },
	    [@writing, grep { $_->[0] =~ /^(?:connect|signal|truncate$|create$)/ }
	    @attempts]);
	is join(', ', grep { $got->{$_} eq 'did' } keys %$got), '',
	    "judge, Landlock $abi: nothing is written, and nobody hears";
}
{
	my $got = check_judge('files', { env => { TAKEOVER_NO_FILTER => 1 } },
	    [@writing, grep { $_->[0] =~ /^signal/ } @attempts]);
	# kill(2) of everybody always succeeds, though nobody hears it.
	is join(', ', grep { $got->{$_} eq 'did' && !/everybody/ } keys %$got),
	    '', 'judge, without a filter: nothing is written, and nobody hears';
	my ($c, $judge) = taken_judge('files', undef, '--sandbox=none');
	my ($monitor, undef, $gate) = ($c->pid, Processes::below($c->pid));
	SKIP: {
		skip 'gate and judge have no accounts', 1
		    unless getpwnam 'dewey-judge';
		is ask_judge($c, "kill $gate 9"), 'failed',
		    'judge, by its ids alone: the gate cannot be signalled';
	}
	is ask_judge($c, "kill $monitor 9"), 'failed', '... nor the monitor';
	my ($second, $his) = taken_judge('files', undef, '--sandbox=none');
	is ask_judge($c, "openat -100 /proc/$his/$_ 0"), 'failed',
	    "... nor another judge's $_ read" for 'mem', 'fd/0';
	$second->close;
	$second->exit_code;
	is ask_judge($c, 'openat -100 /etc/taken 66 384'), 'failed',
	    '... nor can /etc be written';
	$c->close;
	$c->exit_code;
	my $waiting = login();
	ok scalar(Processes::look($waiting->pid)->{uids} !~
	    /^(?:0|@{[join '|', map { Accounts::uid($_) } qw(nobody dewey-gate
	    dewey-judge dwmrose)]}) /), 'a monitor that waits is none of them';
	$waiting->say('QUIT');
	$waiting->exit_code;
}

# ---- Whom a judge names that was taken over

# The judge of ${c} says to the monitor, whose channel it got last.
sub let_in {
	my ($c, $judge, @user) = @_;
	my $fds = Processes::look($judge)->{fds};
	my ($channel) = sort { $b <=> $a } grep { $fds->{$_} =~ /^socket/ }
	    keys %$fds;
	return ask_judge($c, join ' ', 'let', $channel, @user);
}

my ($his, $hers) = (Accounts::uid('dwother'), $uid);
for my $row (['root', 0, 0, 'root', '/root'], ['root\'s uid', 0, $uid, 'dwmrose',
    '/'], ['a name that leaves', $uid, $uid, '../dwother', '/'],
    ['the directory', $uid, $uid, '..', '/'],
    ['a name with a slash', $uid, $uid, 'a/dwother', '/'],
    ['a hidden file', $uid, $uid, '.dwother.dewey', '/'],
    ['a dot-lock', $uid, $uid, 'dwother.lock', '/'], ['no name', $uid, $uid],
    ['no uid', 4294967295, $uid, 'dwmrose', '/'],
    ['no group', $uid, 4294967295, 'dwmrose', '/'],
    ['another\'s mailbox', $uid, $uid, 'dwother', '/']) {
	my ($what, @user) = @$row;
	my ($c, $judge) = taken_judge('files');
	# The monitor ends them all, maybe before the gate has answered.
	like let_in($c, $judge, @user), qr/^(?:failed|killed)$/,
	    "the judge names $what: nobody is let in";
	$c->close;
	my $code = $c->exit_code;
	ok $code < 128, "... the monitor ends in order: $code";
	unlike $c->stderr, qr/user=(?!- )/, '... of a session of nobody';
}
is join(' ', snapshot()), $spool, '... nothing in the spool has changed';
{
	my ($c, $judge) = taken_judge('files');
	# The session may be heard before the gate.
	like let_in($c, $judge, $uid, Accounts::gid('dwmrose'), 'dwmrose',
	    '/'), qr/^(?:did|\+OK)/, '... a user is';
	$c->close;
	$c->exit_code;
}

# A second home is given to whom the mailbox belongs, whoever is named.
mkdir $_ or die "$_: $!" for '/shut', '/state';
Dewey::write_file('/shut/dwother', $mail, 0600);
chown $his, Accounts::gid('dwother'), '/shut/dwother';
for my $row ([$hers, 0], [$his, 1]) {
	my ($owner, $homes) = @$row;
	my ($c, $judge) = taken_judge('files', undef, '--mailbox=/shut/%u',
	    '--state-dir=/state');
	let_in($c, $judge, $owner, $owner, 'dwother', '/');
	$c->close;
	$c->exit_code;
	is scalar(() = glob '/state/dwother-*'), $homes, "uid $owner for " .
	    'dwother: ' . ($homes ? 'a second home' : 'no second home');
}

# ---- What kernels cannot deny by Landlock the filter does: 1 is that of Linux
# 5.13, 3 that of 6.2, 5 that of 6.10, the last without signals.

for my $abi (0, 1, 3, 5) {
	for my $what ('whom the client\'s octets signal', 'by which signal',
	    '... and let them', 'signal a process of the same user',
	    'truncate', 'create', 'connect by sending') {
		my ($call) = map { $_->[1] } grep { $_->[0] eq $what } @attempts;
		is check_session("Landlock $abi: $what", $call,
		    { env => { TAKEOVER_ABI => $abi } }), 'killed',
		    '... killed';
	}
}
ok kill(0, $bystander), 'the bystander lives';

# ---- A process that its user has stopped holds nobody for ever

for my $row ([keeper => 0, 'the client leaves'], [keeper => 0, 'SIGTERM'],
    [session => 1, 'the client leaves'], [session => 1, 'SIGTERM']) {
	my ($who, $at, $end) = @$row;
	my $c = login({ timeout => 30 }, '--idle-timeout=2', '--lock-timeout=1');
	my @below = Processes::below($c->pid);
	kill 'STOP', $below[$at];
	my $from = time;
	$end eq 'SIGTERM' ? $c->kill('TERM') : $c->close;
	is $c->exit_code, 111, "a stopped $who, and $end: it ends";
	cmp_ok time - $from, '<', 9, '... in time';
	ok eval {
		$c->wait_for(sub { !grep { !Processes::has_ended($_) } @below });
	}, '... and nothing is left';
	like $c->stderr, qr/the keeper was killed by signal 9$/m,
	    '... the monitor says it';
	like $c->stderr, qr/user=dwmrose .* end=error$/m, '... and logs it';
	kill 'KILL', @below;
}
{
	open my $held, '+<', Accounts::mailbox('dwmrose') or die;
	my $whole = pack 's s x![q] q q i x![q]', Fcntl::F_WRLCK(), 0, 0, 0, 0;
	fcntl $held, Fcntl::F_SETLK(), $whole or die "fcntl: $!";
	my $c = Accounts::start('--idle-timeout=2', '--lock-timeout=2',
	    '--login-timeout=60', { timeout => 30 });
	$c->greeting;
	$c->say('USER dwmrose');
	$c->cmd("PASS $password");
	my @all;
	$c->wait_for(sub { (@all = Processes::below($c->pid)) == 4 &&
	    Processes::look($all[3])->{seccomp} == 2 });
	kill 'STOP', $all[2];
	my $from = time;
	is $c->rest, '', 'a keeper is stopped before it lets in';
	$c->exit_code;
	cmp_ok time - $from, '<', 16, '... it ends';
	ok eval {
		$c->wait_for(sub { !grep { !Processes::has_ended($_) } @all });
	}, '... and nothing is left';
	kill 'KILL', @all;

	# It says that the maildrop is locked, and stays.
	$c = Accounts::start('--lock-timeout=0', { timeout => 15,
	    env => { TAKEOVER_LINGER => 1 } });
	$c->greeting;
	$c->say('USER dwmrose');
	$c->cmd("PASS $password");
	like eval { $c->line } // $@, qr/^-ERR \[SYS\/TEMP\]/,
	    'a keeper that stays when it lets nobody in: the client is told';
	like $c->say('QUIT'), qr/^\+OK/, '... and goes on';
	$c->exit_code;
	like $c->stderr, qr/the keeper was killed by signal 9$/m,
	    '... the monitor has ended it';
}

# ---- The log: what a session says there bears its mark

{
	my $c = login();
	my ($keeper, $session) = Processes::below($c->pid);
	my $forged = 'refused login peer=192.0.2.1 method=pass try=1';
	my $line = sub { sprintf '12%02x%04x%s', $_[0], unpack('n', pack 'v',
	    length $_[1]), unpack 'H*', $_[1] };
	$c->say('X-TAKEOVER send ' . $line->(6, $forged));
	$c->say('X-TAKEOVER send ' . $line->(0, "two\nlines"));
	$c->say('X-TAKEOVER send 13' . '01' . 'ff' x 48);
	ok !grep({ /stderr|log/ } values %{ Processes::look($session)->{fds} }),
	    'a session has no descriptor of the log';
	like $c->say('QUIT'), qr/^\+OK/, '... and goes on';
	is $c->exit_code, 0, '... exit code';
	like $c->stderr, qr/\]: session: \Q$forged\E$/m,
	    'a line of a session says so';
	unlike $c->stderr, qr/\]: refused login/, '... no other does';
	like $c->stderr, qr/\]: session: two\\x0alines$/m, '... nor is it two';
	like $c->stderr, qr/\]: user=dwmrose peer=pipe method=pass messages=18446744073709551615 .* end=quit$/m,
	    'of its record user, client and method are not its own';
}

# One record, and not how a login ends: nobody is banned for that.
for my $row (['another record', '1301' . 'ff' x 48, '1301' . '11' x 48],
    ['a record of a refused login', '1308' . '11' x 48],
    ['a record of TLS that failed', '1309' . '11' x 48]) {
	my ($what, @records) = @$row;
	my $c = login();
	$c->say("X-TAKEOVER send $_") for @records;
	$c->close;
	$c->exit_code;
	is scalar(() = $c->stderr =~ /\]: user=dwmrose .* end=/g), 1,
	    "$what: there is one";
	unlike $c->stderr, qr/end=(?:auth|tls)-failed|1229782938247303441/,
	    '... which is not this';
	like $c->stderr, qr/a session cannot be heard/, '... and it is said';
}

# ---- Landlock alone, and the ids alone

sub survives {
	my ($got) = @_;
	return $got =~ /^failed/;
}

for my $case (['Landlock and limits', { env => { TAKEOVER_NO_FILTER => 1 } }],
    ['the ids', {}, '--sandbox=none']) {
	my ($wall, $o, @flags) = @$case;
	my $ids = $wall eq 'the ids';
	my $c = Accounts::start(@flags, $o);
	$c->greeting;
	my @more = (PARENT => $c->pid, DIR => 0, BYSTANDER => $bystander);
	is Processes::look((Processes::below($c->pid))[0])->{seccomp}, 0,
	    "$wall: no filter";
	for (['open /etc/passwd', 'openat -100 /etc/passwd 0'],
	    ['open what is above the root', 'openat -100 ../../etc/passwd 0'],
	    ['another mailbox', "openat -100 $victim 0"],
	    ['create in the root', 'openat -100 /x 66 384'],
	    ['kill the monitor', 'kill PARENT 9'],
	    ['trace the monitor', 'ptrace 16 PARENT 0 0'],
	    ['be root', 'setuid 0'], ['be root, saved', 'setresuid 0 0 0'],
	    ['chroot', 'chroot .'],
	    $ids ? () : (['fork', 'clone 17 0 0 0 0'],
		['connect', 'connect 3 :loopback 16'])) {
		my $got = attempt($c, $_->[1], @more);
		ok survives($got), "$wall, gate: $_->[0]: $got";
	}
	is $c->say('QUIT'), '+OK dewey POP3 server signing off', '... QUIT';

	$c = login($o, @flags);
	my ($keeper, $session) = Processes::below($c->pid);
	@more = (PARENT => $c->pid, DIR => directory($c, $session),
	    BYSTANDER => $bystander);
	for (['another mailbox', "openat -100 $victim 0"],
	    ['another mailbox in the directory', 'openat DIR dwother 0'],
	    ['create in the spool', 'openat DIR dwnew 66 384'],
	    ['rename in the spool', 'renameat2 DIR dwother DIR dwnew 0'],
	    ['rename its own', 'renameat2 DIR dwmrose DIR dwnew 0'],
	    ['remove in the spool', 'unlinkat DIR dwmrose 0'],
	    ['link in the spool', 'linkat DIR dwmrose DIR dwnew 0'],
	    ['open /etc/shadow', 'openat -100 /etc/shadow 0'],
	    ['kill the monitor', 'kill PARENT 9'],
	    ['be root', 'setuid 0'], ['be root, saved', 'setresuid 0 0 0'],
	    ['the group of the spool', 'setgid ' . getgrnam('mail')],
	    ['groups', 'setgroups 0 0'], ['chroot', 'chroot .'],
	    $ids ? () : (['open /etc/passwd', 'openat -100 /etc/passwd 0'],
		['open its own again', 'openat DIR dwmrose 0'],
		['create in /tmp', 'openat -100 /tmp/x 66 384'],
		['truncate its own by name',
		    'truncate /var/mail/dwmrose 0'],
		['exec', 'execve /bin/true 0 0'],
		['fork', 'clone 17 0 0 0 0'],
		['trace a process of the same user',
		    'ptrace 16 BYSTANDER 0 0'])) {
		my $got = attempt($c, $_->[1], @more);
		ok survives($got), "$wall, session: $_->[0]: $got";
	}
	like $c->say('QUIT'), qr/^\+OK/, '... QUIT';
	is join(' ', snapshot()), $spool, '... nothing has changed';
}

# ---- The channel of the gate.  Methods: 0 USER, 1 PASS, 2 APOP.

# [[answer, milliseconds], ...] of `ask' and the like.
sub answers {
	my ($c, $line) = @_;
	my $answer = $c->say("X-TAKEOVER $line") // return;
	return map { [split /:/] } $answer =~ / (-?\d+:\d+)/g;
}

sub taken_gate {
	my $c = Accounts::start(@_);
	$c->greeting;
	return $c;
}

{
	my $c = taken_gate('--fail-delay=0');
	my @got = map { $_->[0] } answers($c, 'ask 3 1 dwmrose wrong');
	is scalar(@got), 3, 'a gate gets three answers about passwords';
	is $got[0], $got[1], '... twice the same';
	isnt $got[2], $got[1], '... the third of them is the last';
	is_deeply [grep { $_->[0] > 0 } answers($c, 'ask 1 1 dwmrose ' .
	    $password)], [], '... the right password comes too late then';
	ok !grep({ (eval { Processes::look($_)->{uids} } // '') =~ /^$uid/ }
	    Processes::below($c->pid)), '... nobody is let in';
	$c->close;
	$c->exit_code;
	is scalar(() = $c->stderr =~ /refused login/g), 3, '... all are logged';
	like $c->stderr, qr/user=- .*end=auth-failed$/m, '... so is the end';

	$c = taken_gate('--fail-delay=1');
	my $from = time;
	@got = answers($c, 'ask 3 1 dwmrose wrong');
	is scalar(@got), 3, 'with a delay';
	for my $i (1 .. @got) {
		my $ms = $got[$i - 1][1];
		ok $ms > 1000 * $i - 50 && $ms < 1000 * $i + 900,
		    "... the answer to try $i comes after $i s: $ms ms";
	}
	$c->close;
	$c->exit_code;
}
{
	# A flood is answered one by one, in the same time.
	my $c = taken_gate('--fail-delay=1');
	my $from = time;
	my @got = answers($c, 'flood 40 1 dwmrose wrong');
	cmp_ok time - $from, '>=', 5.9, 'a flood of questions is no faster';
	cmp_ok scalar(grep { $_->[0] > 0 } @got), '<=', 3,
	    '... three are answered';
	$c->close;
	ok $c->exit_code < 128, '... and it ends';
	like $c->stderr, qr/user=- /, '... logged';
}
{
	# Who exists is not told, unless it is told to every client.
	my $c = taken_gate();
	my @got = (answers($c, 'ask 1 0 dwmrose x'),
	    answers($c, 'ask 1 0 dwabsent x'));
	ok !(@got == 2 && $got[0][0] != $got[1][0]),
	    'the monitor does not tell the gate who exists';
	$c->close;
	$c->exit_code;
	$c = taken_gate('--hide-users=no');
	@got = answers($c, 'ask 500 0 dwmrose x');
	cmp_ok scalar(grep { $_->[0] > 0 } @got), '<=', 400,
	    'with --hide-users=no it answers 400 questions at most';
	$c->close;
	$c->exit_code;
}
{
	# Descriptors that come along do not stay.
	my $c = taken_gate('--hide-users=no');
	answers($c, 'ask 1 0 dwmrose x');
	my ($judge) = Processes::below($c->pid);
	my $before = keys %{ Processes::look($judge)->{fds} };
	answers($c, 'pass 20 0 dwmrose x');
	is scalar(keys %{ Processes::look($judge)->{fds} }), $before,
	    'descriptors that the gate passes are closed';
	$c->close;
	$c->exit_code;
}

# What is no question ends the gate, and harms nobody.
my $name = unpack 'H*', 'dwmrose';
my $ended = '0a';	# LETTER_ENDED
my %odd = (
	'nothing but a method' => '01',
	'one octet' => '00',
	'an end with a name' => "${ended}00000700${name}0100780000",
	'method 254' => "fe00000700${name}0100780000",
	'an unknown method' => "0b00000700${name}0100780000",
	'an unknown fault' => "0109000700${name}0100780000",
	'a length that is too large' => "010000ffff$name",
	'a name longer than there is' => "0100000800$name",
	'a secret longer than there is' => "0100000700${name}ff0078",
	'input longer than there is' => "0100000700${name}010078ffff",
	'no input' => "0100000700${name}010078",
	'half a length' => "0100000700${name}01",
	'an end of another kind' => "${ended}000900000000000000",
	'an end with a length too large' => "${ended}000001ffffff",
	'an end with more behind it' => "${ended}00000000000000000000",
);
for my $what (sort keys %odd) {
	my $c = taken_gate();
	my @got = answers($c, "send $odd{$what}");
	ok !grep({ $_->[0] > 0 } @got), "$what gets no answer";
	$c->close;
	my $code = $c->exit_code;
	ok $code < 128, "... the monitor ends in order: $code";
	like $c->stderr, qr/user=- /, '... logged';
	unlike $c->stderr, qr/$password|refused login/, '... no more';
}
for my $n (0, 1, 2048, 3837, 3838, 65000) {
	my $c = taken_gate();
	my @got = answers($c, "long $n");
	ok !grep({ $_->[0] > 25 } @got), "$n octets open no maildrop";
	$c->close;
	my $code = $c->exit_code;
	ok $code < 128, "... the monitor ends in order: $code";
}
{
	# The longest name and secret that fit a command.
	for my $n (254, 255, 256, 300) {
		my $c = taken_gate();
		my $long = 'n' x ($n - 60);
		my @got = answers($c, "ask 1 1 $long x");
		ok !grep({ $_->[0] > 25 } @got), "a name of $n octets or so";
		$c->close;
		ok $c->exit_code < 128, '... the monitor ends in order';
	}
}
{
	# A user who is let in again and again by a gate that does not leave.
	my $c = taken_gate();
	my @got = answers($c, "ask 1 1 dwmrose $password");
	my $answer = $c->say('X-TAKEOVER ask 5 1 dwother ' . $other);
	my @uids = map { (eval { Processes::look($_)->{uids} } // '0') =~
	    s/ .*//r }
	    Processes::below($c->pid);
	ok !grep({ $_ == Accounts::uid('dwother') } @uids),
	    'after one login nobody else is let in';
	$c->close;
	$c->exit_code;
	ok 1, '... and it ends';
}

# ---- The channel of the session: the keeper does three things and no more

{
	my $c = login();
	my ($keeper, $session) = Processes::below($c->pid);
	my $request = sub { return answers($c, sprintf 'send %s', $_[0]) };
	is_deeply [map { $_->[0] } $request->('00')], [0],
	    'the session may ask for the dot-lock';
	ok -e '/var/mail/dwmrose.lock', '... there it is';
	is_deeply [map { $_->[0] } $request->('02')], [0], '... let it go';
	ok !-e '/var/mail/dwmrose.lock', '... gone';
	# Names, lengths, unknown requests.
	for my $hex ('03', '04', '05', '0f', '13', '14', '20', '7f', '80', 'ff',
	    "00$name", '02' . unpack('H*', 'dwother.lock')) {
		my @got = $request->($hex);
		cmp_ok scalar(@got), '<=', 1, "request $hex: at most an answer";
		ok !Processes::has_ended($keeper), '... the keeper lives';
		$request->('02');
	}
	is join(' ', snapshot()), $spool, '... nothing has changed';
	like $c->say('QUIT'), qr/^\+OK/, '... and the session goes on';
	is $c->exit_code, 0, '... to its end';

	$c = login();
	my @got = $request->('11');
	is join(' ', snapshot()), $spool, 'set-aside leaves the mailbox alone'
	    or 1;
	$c->close;
	$c->exit_code;
	# It may make one file of its own user's: what it was asked to.
	for my $left (glob '/var/mail/.dwmrose.dewey.*') {
		is((stat $left)[4], $uid, "... $left is the user's");
		unlink $left;
	}

	# A session that leaves with the dot-lock held, or is killed then.
	for my $end ('QUIT', 'X-TAKEOVER call fork 0') {
		$c = login();
		$request->('00');
		ok -e '/var/mail/dwmrose.lock', 'the dot-lock is held';
		$c->say($end);
		$c->exit_code;
		ok !-e '/var/mail/dwmrose.lock', "... not after $end";
	}
	is join(' ', snapshot()), $spool, '... nothing has changed';
}

done_testing;
