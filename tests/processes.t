#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# The processes of a session as /proc shows them: ids, groups, descriptors, root
# directory, system-call filter, limits, and what they remember of secrets.
# (DESIGN section 3, SECURITY "The processes".)
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Accounts;
use POSIX qw(uname);
use Processes;
use Rights;
use Socket;
use Test::More;

plan skip_all => 'there is no /proc' unless -e '/proc/self/status';
plan skip_all => 'a tool watches the processes'
    if Dewey::slow() || Dewey::tool_flags();
Accounts::enter() unless $>;

my $mail = Dewey::mbox("Subject: one\n\nbody\n", "Subject: two\n\nbody\n");
# What no process may show or remember.
my %secret = (
	password => 'correct-horse-battery-staple',
	'another password' => 'incorrect-horse-on-a-staple',
	secret => 'the-secret-of-apop-is-here',
	'another secret' => 'nobody-asked-for-this-one',
);
my ($password, $wrong, $secret) = @secret{'password', 'another password',
    'secret'};

# What tests/data/rights says that the process ${letter} holds.
my $table = ($ENV{srcdir} // '.') . '/tests/data/rights';
sub held {
	my ($letter, $files) = @_;
	my %with = (SPOOL => '/var/mail', NAME => 'dwmrose',
	    FILES => $files // '/etc/shadow');
	my ($text) = Rights::of($table, 'HOLDS', $letter);
	$text =~ s/\b$_\b/$with{$_}/g for keys %with;
	return join ', ', sort split /, /, $text;
}

# The same of its account, where there are such, and what it keeps of root's.
sub account {
	my ($letter) = @_;
	my $name = (Rights::of($table, 'IS', $letter))[1];
	return (uid => Accounts::uid($name), gid => Accounts::gid($name));
}
sub capabilities {
	my ($letter) = @_;
	my $words = (Rights::of($table, 'IS', $letter))[3];
	return { none => 0, CAP_KILL => 1 << 5 }->{$words};
}

# Whether the monitor is nobody's by now, and closed in, which is its last step.
sub is_closed {
	my $look = Processes::look($_[0]);
	return $look->{uids} !~ /^0/ && $look->{seccomp} == 2;
}

# What every process of dewey has in common.
sub check {
	my ($name, $look, %want) = @_;
	is $look->{uids}, join(' ', ($want{uid}) x 4), "$name: uids";
	is $look->{gids}, join(' ', ($want{gid}) x 4), '... gids';
	is $look->{groups}, $want{groups} // '', '... groups'
	    if exists $want{groups} || !$>;
	is $look->{seccomp}, $want{seccomp} // 2, '... system-call filter';
	is $look->{no_new_privs}, 1, '... no new privileges';
	is $look->{limits}{'Max core file size'}, 0, '... no core';
	is $look->{capabilities}, $want{capabilities} // 0, '... capabilities'
	    if $want{uid};
	if (($want{seccomp} // 2) == 2) {
		cmp_ok $look->{limits}{'Max open files'}, '<=', 64,
		    '... few open files';
		is $look->{limits}{'Max processes'}, 0, '... no new process'
		    unless $want{forks};
	}
	ok !$look->{dumpable}, '... not dumpable' if $want{uid};
	return if $>;
	# What was passed on is closed here a moment after the fork.
	my $deadline = time + 20;
	until (Processes::descriptors($look) eq $want{fds} || time > $deadline) {
		select undef, undef, undef, 0.005;
		$look = eval { Processes::look($look->{pid}) } or last;
	}
	is $look && Processes::descriptors($look), $want{fds}, '... descriptors';
	like $look && $look->{root}, $want{root} // qr{^/$}, '... root directory';
}

sub check_secrets {
	my ($when, @processes) = @_;
	for my $look (@processes) {
		for my $what (sort keys %secret) {
			ok index($look->{cmdline} . $look->{environ},
			    $secret{$what}) < 0,
			    "$when: no $what in cmdline and environment";
		}
	}
}

# Waits until below ${c} are ${count} processes, and returns them all as they were
# then: later they may have ended.
sub all {
	my ($c, $count, $filter) = (@_, 2);
	my ($first, @looks);
	$c->wait_for(sub {
		# The judge or the keeper, which are made first, may be the last
		# that give up what they were made with; a filter comes last.
		@looks = map { Processes::look($_) } Processes::below($c->pid);
		$first = Processes::look($c->pid);
		@looks == $count && !grep({ !$_->{no_new_privs} ||
		    $_->{seccomp} != $filter ||
		    $_->{uids} =~ /\b0\b/ } @looks) && ($count < 2 ||
		    ($looks[0]{fds}{0} // '') eq '/dev/null');
	});
	return ($first, @looks);
}

# Has the kernel begin anew with small pids after ${n} more; false if it cannot be
# told to.
sub begin_anew {
	my ($n) = @_;
	my $max = Processes::slurp('/proc/sys/kernel/pid_max') or return 0;
	open my $fh, '>', '/proc/sys/kernel/ns_last_pid' or return 0;
	print {$fh} $max - 1 - $n;
	return close $fh;
}

# ---- Started by root

sub as_root {
	my ($nobody, $nogroup) = (getpwnam 'nobody')[2, 3];
	my $group = getgrnam 'mail';
	Accounts::add('dwmrose', password => $password, mail => $mail);
	my ($uid, $gid) = map { $_->('dwmrose') } \&Accounts::uid,
	    \&Accounts::gid;
	my $hash = Accounts::sha512($wrong);
	Accounts::add('dwother', hash => $hash);

	# Groups that the spawner is in are no process's that is not root.
	$) = '0 0 1 2';
	# A descriptor that the spawner forgot to close.
	my @leaky = ('sh', '-c', 'exec 9</etc/shadow "$@"', 'sh');
	# The kernel has come to its largest pid between the judge and the gate.
	my $begun_anew = begin_anew(2);
	my $c = Accounts::start({ wrapper => \@leaky });
	$c->greeting;
	my ($monitor, $judge, $gate) = all($c, 2);
	SKIP: {
		skip 'the next pid cannot be chosen', 1 unless $begun_anew;
		cmp_ok $gate->{pid}, '<', $judge->{pid},
		    'the younger process has the smaller pid';
	}
	check('monitor, before login', $monitor, uid => 0, gid => 0,
	    seccomp => 0, fds => held('M'),
	    groups => $monitor->{groups});
	check('gate', $gate, uid => $nobody, gid => $nogroup,
	    root => qr/ \(deleted\)$/, fds => held('G'));
	check('judge', $judge, uid => $nobody, gid => $nogroup,
	    fds => held('J'));
	$c->say('USER dwmrose');
	$c->say("PASS $wrong");
	is_deeply [Processes::remembers($_->{pid}, $wrong)], [],
	    'a wrong password is forgotten' for $monitor, $gate, $judge;
	$c->say('USER dwmrose');
	like $c->say("PASS $password"), qr/^\+OK/, 'login';
	$c->wait_for(sub {
		my ($keeper, @more) = Processes::below($c->pid);
		is_closed($c->pid) && @more == 1;
	});
	my @all = all($c, 2);
	my ($keeper, $session);
	($monitor, $keeper, $session) = @all;
	check('monitor, after login', $monitor, uid => $nobody, gid => $nogroup,
	    capabilities => capabilities('W'), fds => held('W'));
	check('keeper', $keeper, uid => $uid, gid => $gid, groups => $group,
	    forks => 1, fds => held('K'));
	check('session', $session, uid => $uid, gid => $gid, fds => held('S'));
	check_secrets('PASS', @all);
	my @names = ('monitor', 'keeper', 'session');
	for my $i (0 .. 2) {
		is_deeply [Processes::remembers($all[$i]{pid}, $password, $wrong,
		    $hash)], [], "the $names[$i] remembers no password and no " .
		    'hash';
	}
	$c->say('QUIT');
	is $c->exit_code, 0, 'exit code';

	# Nor does a password that was sent before a refusal was heard reach them.
	my $holder = Accounts::login('dwmrose', $password);
	$c = Accounts::start();
	$c->greeting;
	$c->send("USER dwmrose\r\nPASS $password\r\n" x 2);
	$c->line for 1 .. 3;
	like $c->line, qr/^-ERR \[IN-USE\]/, 'two logins in one packet';
	is_deeply [Processes::remembers($c->pid, $password)], [],
	    '... the monitor remembers no password';
	$holder->say('QUIT');
	$holder->exit_code;
	$c->say('USER dwmrose');
	like $c->say("PASS $password"), qr/^\+OK/, '... a third';
	$c->wait_for(sub { is_closed($c->pid) });
	for my $look (all($c, 2)) {
		is_deeply [Processes::remembers($look->{pid}, $password)], [],
		    '... nobody remembers a password';
	}
	$c->say('QUIT');
	$c->exit_code;

	# While the mailbox is scanned, too: another program holds it.
	my $held = fork // die "fork: $!";
	if (!$held) {
		my $whole = pack 's s x![q] q q i x![q]', Fcntl::F_WRLCK(),
		    0, 0, 0, 0;
		open my $fh, '+<', Accounts::mailbox('dwmrose') or die;
		fcntl $fh, Fcntl::F_SETLK(), $whole or die "fcntl: $!";
		open my $told, '>', '/held';
		sleep 20;
		POSIX::_exit(0);
	}
	$c = Accounts::start('--lock-timeout=20');
	$c->greeting;
	$c->wait_for(sub { -e '/held' });
	$c->say('USER dwmrose');
	$c->cmd("PASS $password");
	my (undef, $j, $g, $k, $s) = all($c, 4);
	$c->wait_for(sub { Processes::look($s->{pid})->{seccomp} == 2 });
	is_deeply [Processes::remembers($s->{pid}, $password, $hash)], [],
	    'a session that scans remembers no password and no hash';
	check('gate that waits', $g, uid => $nobody, gid => $nogroup,
	    root => qr/ \(deleted\)$/, fds => held('G'));
	kill 'KILL', $held;
	waitpid $held, 0;
	like $c->line, qr/^\+OK/, '... and goes on';
	$c->say('QUIT');

	# APOP, and users of their own.
	Dewey::write_file('/dewey-secrets', "dwmrose:$secret\n" .
	    "dwother:$secret{'another secret'}\n");
	chown 0, 0, '/dewey-secrets';
	my %own = map { $_ => Accounts::add($_, more => ['-r']) }
	    qw(dewey-gate dewey-judge dewey-wait);
	$c = Accounts::start('--secrets=/dewey-secrets');
	$c->greeting;
	($monitor, $judge, $gate) = all($c, 2);
	check('gate with an account of its own', $gate,
	    account('G'), root => qr/ \(deleted\)$/,
	    fds => held('G'));
	check('judge with an account of its own', $judge,
	    account('J'), fds => held('J', '/dewey-secrets, /etc/shadow'));
	is_deeply [Processes::remembers($_->{pid}, values %secret)], [],
	    '... remembers no secret' for $monitor, $gate;
	like $c->apop('dwmrose', $secret), qr/^\+OK/, 'APOP';
	$c->wait_for(sub { is_closed($c->pid) });
	@all = all($c, 2);
	check('monitor with an account of its own', $all[0],
	    account('W'), capabilities => capabilities('W'),
	    fds => held('W'));
	check_secrets('APOP', @all);
	for my $i (0 .. 2) {
		is_deeply [Processes::remembers($all[$i]{pid}, values %secret,
		    $hash, Accounts::sha512($password))], [],
		    "the $names[$i] remembers no secret and no hash";
	}
	$c->say('QUIT');
	# Where passwd(5) is a symbolic link the C library is asked.
	rename '/etc/passwd', '/etc/passwd.real' or die "/etc/passwd: $!";
	symlink 'passwd.real', '/etc/passwd' or die "/etc/passwd: $!";
	$c = Accounts::start();
	$c->greeting;
	(undef, $judge, $gate) = all($c, 2);
	is $judge->{uids}, join(' ', ($own{'dewey-judge'}) x 4),
	    'judge where passwd(5) is a link';
	check('gate where passwd(5) is a link', $gate,
	    account('G'), root => qr/ \(deleted\)$/,
	    fds => held('G'));
	$c->say('QUIT');
	$c->exit_code;
	unlike $c->stderr, qr{/etc/passwd}, '... says nothing of that';
	rename '/etc/passwd.real', '/etc/passwd' or die "/etc/passwd: $!";
	$c = Accounts::start('--gate-user=dwother', '--judge-user=dwmrose');
	$c->greeting;
	(undef, $judge, $gate) = all($c, 2);
	is $gate->{uids}, join(' ', (Accounts::uid('dwother')) x 4),
	    '--gate-user';
	is $judge->{uids}, join(' ', ($uid) x 4), '--judge-user';
	$c->say('QUIT');
	for my $key ('gate-user', 'judge-user') {
		for my $bad ('dwabsent', 'root') {
			$c = Accounts::start("--$key=$bad");
			is $c->greeting,
			    '-ERR [SYS/PERM] server is misconfigured',
			    "--$key=$bad";
			is $c->rest, '', '... serves nobody';
			is $c->exit_code, 100, '... exit code';
			like $c->stderr,
			    qr{$key: $bad has no account, or is root: },
			    '... the log says why';
		}
	}
	for (keys %own) {
		system 'userdel', $_;
	}

	# What --sandbox changes.
	$c = Accounts::login('dwmrose', $password, '--sandbox=none');
	$c->wait_for(sub { Processes::look($c->pid)->{uids} !~ /^0/ });
	is join(' ', map { $_->{seccomp} } all($c, 2, 0)), '0 0 0',
	    '--sandbox=none: no filter';
	is join(' ', map { $_->{uids} =~ s/ .*//r } all($c, 2, 0)),
	    "$nobody $uid $uid", '... but no rights';
	$c->say('QUIT');
	$c = Accounts::login('dwmrose', $password, '--sandbox=required');
	is $c->say('STAT'), '+OK 2 44', '--sandbox=required serves';
	$c->say('QUIT');
	is $c->exit_code, 0, '... exit code';

	# Signals at any moment leave no process.
	my @left;
	for my $i (0 .. 39) {
		my $d = Accounts::start({ input => "USER dwmrose\r\n" .
		    "PASS $password\r\nSTAT\r\n" });
		select undef, undef, undef, $i * 0.0004;
		my @pids = Processes::below($d->pid);
		$d->kill('TERM');
		my $code = $d->exit_code;
		push @left, "after $i: exit code $code" if $code > 1 &&
		    $code != 143;
		eval { $d->wait_for(sub {
			!grep { !Processes::has_ended($_) } @pids
		}) } or push @left, "after $i: @pids";
		$d->rest;
	}
	is join(', ', @left), '', 'SIGTERM at forty moments leaves no process';
}

# ---- Started by anybody else

sub as_user {
	my $site = Dewey->site(users => { frated => $password },
	    secrets => { mrose => $secret },
	    mail => { frated => $mail, mrose => $mail });
	my ($uid, $gid) = (Dewey::uid(), Dewey::gid());
	my $dir = $site->dir;
	for my $name (qw(frated mrose)) {
		# Only root closes what the spawner forgot to close.
		my $c = $site->start('--log=stderr', { wrapper => [$^X,
		    '-MPOSIX', '-e',
		    'POSIX::close($_) for 3 .. 255; exec @ARGV'] });
		$c->greeting;
		my ($before) = all($c, 0);
		check("as a user, before login", $before, uid => $uid,
		    gid => $gid, seccomp => 0, fds => join(', ',
		    "$dir/secrets", "$dir/users", '0 1 socket', '2 log'),
		    groups => $before->{groups});
		if ($name eq 'mrose') {
			like $c->apop('mrose', $secret), qr/^\+OK/, 'APOP';
		} else {
			$c->say('USER frated');
			like $c->say("PASS $password"), qr/^\+OK/, 'PASS';
		}
		my ($keeper, $session) = all($c, 1);
		$c->wait_for(sub {
			$keeper = Processes::look($c->pid);
			$keeper->{seccomp} == 2
		});
		my @files = ("$dir/spool", "$dir/spool/.$name.dewey",
		    "$dir/spool/$name");
		check('as a user, the keeper', $keeper, uid => $uid,
		    gid => $gid, forks => 1, groups => $before->{groups},
		    fds => join ', ', sort @files, '0 1 /dev/null', '2 log',
		    'socket');
		check('as a user, the session', $session, uid => $uid,
		    gid => $gid, groups => $before->{groups},
		    fds => join ', ', sort @files, '0 1 socket',
		    '2 socket again');
		check_secrets('as a user', $keeper, $session);
		if (!$>) {
			is_deeply [Processes::remembers($_->{pid},
			    values %secret)], [], 'no secret is remembered'
			    for $keeper, $session;
		}
		$c->say('QUIT');
		is $c->exit_code, 0, 'exit code';
	}

	# Without a dot-lock no process changes the directory.
	my $c = $site->login('frated', '--locks=fcntl');
	my @pids = ($c->pid, Processes::below($c->pid));
	is Processes::look($pids[-1])->{seccomp}, 2,
	    'without a dot-lock: the system-call filter';
	$c->say('DELE 1');
	like $c->say('QUIT'), qr/1 message left/, '... UPDATE';
	is $c->exit_code, 0, '... exit code';
}

# Many sessions of one uid at a time have many descriptors on their way between
# keepers and sessions: as many, in all, as the sender of the next may have open.
sub crowded {
	my ($uid) = @_;
	# Perl has no name for it.
	my $sendmsg = { x86_64 => 46, aarch64 => 211 }->{ (uname())[4] };
	SKIP: {
		skip 'no number of sendmsg(2) is known for this machine', 1
		    unless $sendmsg;
		socketpair my $from, my $to, AF_UNIX, SOCK_STREAM, 0
		    or die "socketpair: $!";
		pipe my $ready, my $go or die "pipe: $!";
		my $pid = fork // die "fork: $!";
		if ($pid == 0) {
			$< = $> = $uid;
			my $octet = 'x';
			my $vector = pack 'P L!', $octet, 1;
			my $control = pack 'L! i i i*', 16 + 4 * 100,
			    SOL_SOCKET, 1, (fileno $from) x 100;
			my $header = pack 'x8 x8 P L! P L! x8', $vector, 1,
			    $control, length $control;
			syswrite $go, syscall($sendmsg, fileno $from, $header,
			    0) == 1 ? 'y' : 'n';
			sleep 60;
			POSIX::_exit(0);
		}
		sysread $ready, my $sent, 1;
		is $sent, 'y', 'a hundred descriptors of a user are on '
		    . 'their way';
		my $c = Accounts::login('dwmrose', $password);
		like $c->say('STAT'), qr/^\+OK/, '... who logs in';
		$c->say('QUIT');
		is $c->exit_code, 0, '... and leaves';
		kill 'KILL', $pid;
		waitpid $pid, 0;
	}
}

as_root() unless $>;
crowded(Accounts::uid('dwmrose')) unless $>;
as_user();
done_testing;
