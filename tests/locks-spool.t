#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Locks in a spool directory that is root's: full, over quota, read-only, with
# /proc closed; processes killed inside UPDATE; procmail that delivers at the
# same time.  (DESIGN section 7.)
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Accounts;
use Processes;
use Test::More;
use Fcntl ();
use POSIX ();
use Time::HiRes qw(sleep time utime);

Accounts::enter();

my $password = 'tanstaaf';
my $failed = '-ERR [SYS/TEMP] some deleted messages not removed';
my $mail = getgrnam 'mail';
Accounts::add('dwmrose', password => $password);
my ($uid, $gid) = (Accounts::uid('dwmrose'), Accounts::gid('dwmrose'));

# A spool as /var/mail is, on a small file system of its own.
my $spool = '/small';
mkdir $spool or die "$spool: $!";
sub mount_small {
	my ($options) = @_;
	Accounts::run('umount', '-l', $spool) if (stat $spool)[0] != (stat '/')[0];
	return Accounts::run("mount -t tmpfs -o mode=2775,gid=$mail,$options " .
	    "tmpfs $spool 2>/dev/null");
}

sub message { return "Subject: $_[0]\n\n" . ($_[0] x 63 . "\n") x 256 }
my $box = "$spool/dwmrose";

# Puts three messages there and fills what is left.
sub fill {
	my $path = Dewey::write_file($box,
	    Dewey::mbox(map { message($_) } qw(a b c)), 0660);
	chown $uid, $mail, $path or die "chown: $!";
	open my $fh, '>>', "$spool/filler" or die "filler: $!";
	1 while defined syswrite $fh, "\0" x 4096;
	chown $uid, -1, "$spool/filler";
	return -s $box;
}

sub login {
	return Accounts::login('dwmrose', $password, "--mailbox=$spool/%u",
	    '--lock-timeout=1', @_);
}

sub names {
	opendir(my $dir, $spool) or die "$spool: $!";
	return join ' ', sort grep { !/^(?:\.\.?|filler|dwmrose)$/ }
	    readdir $dir;
}

# DELE @_ and QUIT; returns the answer to QUIT.
sub remove {
	my ($c, @numbers) = @_;
	is $c->say("DELE $_"), "+OK message $_ deleted", "... DELE $_"
	    for @numbers;
	my $answer = $c->say('QUIT');
	$c->exit_code;
	return $answer;
}

# ---- No space, and no inode, and no quota

for my $case (['full', 'size=256k'], ['full, without an inode left',
    'size=256k,nr_inodes=4'], ['over quota',
    'size=10m,usrquota,usrquota_block_hardlimit=256k']) {
	my ($what, $options) = @$case;
	SKIP: {
		skip "$what: this kernel has no such tmpfs", 1
		    unless mount_small($options);
		skip "$what: a tmpfs of another kind", 1 if $options =~ /quota/
		    && (Processes::slurp('/proc/mounts') // '')
		    !~ m{ $spool tmpfs \S*usrquota};
		my $size = fill();
		if ($options =~ /inodes/) {
			for my $i (1 .. 10) {
				open(my $fh, '>', "$spool/filler$i") or last;
			}
		}
		my $c = login();
		is $c->say('STAT'), "+OK 3 " . 3 * (14 + 65 * 256),
		    "$what: let in";
		my $d = Accounts::start("--mailbox=$spool/%u");
		$d->greeting;
		$d->say('USER dwmrose');
		is $d->say("PASS $password"),
		    '-ERR [IN-USE] maildrop already locked',
		    '... once';
		$d->close;
		is remove($c, 1), $failed, '... what must be moved stays';
		is -s $box, $size, '... all of it';
		$c = login();
		is remove($c, 1, 3), $failed, '... what must be moved stays';
		is Dewey::read_file($box),
		    Dewey::mbox(map { message($_) } qw(a b)),
		    '... what is at the end goes';
		# There is a little space now.
		$c = login();
		is remove($c, 1, 2),
		    '+OK dewey POP3 server signing off (maildrop empty)',
		    '... all go';
		is -s $box, 0, '... and give their space';
		my $left = names() =~ s/filler\d+ ?//gr =~
		    s/^\.dwmrose\.dewey ?//r;
		is $left, '', '... nothing else was made';
	}
}

# The locks that need no space are taken all the same.
{
	mount_small('size=256k');
	fill();
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		open my $fh, '+<', $box or POSIX::_exit(1);
		my $whole = pack 's s x![q] q q i x![q]', Fcntl::F_WRLCK(),
		    0, 0, 0, 0;
		fcntl $fh, Fcntl::F_SETLK(), $whole or POSIX::_exit(1);
		open my $told, '>', '/held';
		sleep 20;
		POSIX::_exit(0);
	}
	my $c = Accounts::start("--mailbox=$spool/%u", '--lock-timeout=1');
	$c->wait_for(sub { -e '/held' });
	$c->greeting;
	$c->say('USER dwmrose');
	like $c->say("PASS $password"), qr/^-ERR \[SYS\/TEMP\] maildrop is locked by another/,
	    'a full spool and an fcntl lock';
	kill 'KILL', $pid;
	waitpid $pid, 0;
	$c->say('USER dwmrose');
	like $c->say("PASS $password"), qr/^\+OK/, '... which goes';
}

# ---- A spool that cannot be written

{
	mount_small('size=10m');
	Dewey::write_file($box, Dewey::mbox(map { message($_) } qw(a b c)),
	    0660);
	chown $uid, $mail, $box;
	Accounts::run('mount', '-o', 'remount,ro', $spool);
	my $c = login();
	is $c->say('DELE 1'), '-ERR [SYS/PERM] maildrop is read-only',
	    'a spool that is mounted read-only';
	like $c->say('RETR 2'), qr/^\+OK 16654 octets/, '... can be read';
	$c->close;
	Accounts::run('mount', '-o', 'remount,rw', $spool);

	# A journal there cannot be used: the mailbox may be half moved.
	chown $uid, $mail, Dewey::write_file("$spool/.dwmrose.dewey",
	    'journal', 0600);
	Accounts::run('mount', '-o', 'remount,ro', $spool);
	$c = Accounts::start("--mailbox=$spool/%u");
	$c->greeting;
	$c->say('USER dwmrose');
	like $c->say("PASS $password"), qr/^-ERR \[SYS\/TEMP\]/,
	    '... not with a journal beside it';
	$c->close;
	Accounts::run('mount', '-o', 'remount,rw', $spool);
	unlink "$spool/.dwmrose.dewey";

	# Not root's, so its group is not lent; then sticky and for all.
	chown 1, -1, $spool;
	$c = login();
	is $c->say('DELE 1'), '-ERR [SYS/PERM] maildrop is read-only',
	    'a spool that is not root\'s';
	$c->say('QUIT');
	is names(), '', '... nothing is made there';
	chown 0, -1, $spool;
	chmod 0755, $spool;
	$c = login('--state-dir=none');
	is $c->say('DELE 1'), '-ERR [SYS/PERM] maildrop is read-only',
	    'a spool that its group cannot write';
	$c->say('QUIT');
	chmod 01777, $spool;
	$c = login();
	is remove($c, 2), '+OK dewey POP3 server signing off (2 messages left)',
	    'a spool with the sticky bit';
	is names(), '.dwmrose.dewey', '... the sidecar';
}

# ---- /proc that shows one's own processes only

SKIP: {
	my ($start) = Processes::slurp("/proc/$$/stat")
	    =~ /.*\)(?: \S+){19} (\d+)/s;
	my $boot = Processes::slurp('/proc/sys/kernel/random/boot_id')
	    =~ s/\n//r;
	my $text = "dewey $$ $start " . (POSIX::uname())[1] . " $boot " .
	    readlink('/proc/self/ns/pid') . "\n";
	skip 'hidepid does not work here', 1 unless
	    Accounts::run('mount -o remount,hidepid=2 /proc 2>/dev/null');
	Dewey::write_file("$box.lock", $text, 0444);
	my $c = Accounts::start("--mailbox=$spool/%u", '--lock-timeout=1');
	$c->greeting;
	$c->say('USER dwmrose');
	like $c->say("PASS $password"), qr/^-ERR \[SYS\/TEMP\] maildrop is locked by another/,
	    'the dot-lock of a process that cannot be seen is honoured';
	is Dewey::read_file("$box.lock"), $text, '... and stays';
	unlink "$box.lock";
	Accounts::run('mount', '-o', 'remount,hidepid=0', '/proc');
}

# ---- Killed inside UPDATE

my $large = Accounts::mailbox('dwmrose');
my @before = map { "Subject: $_\n\n" . ("y" x 70 . "\n") x 6000 } 1 .. 24;
my $before = Dewey::mbox(@before);
my $after = Dewey::mbox(@before[1 .. 23]);

# A session stopped inside UPDATE: its client, and its keeper and session.
sub stopped {
	for (1 .. 20) {
		Accounts::put('dwmrose', $before);
		my $c = Accounts::login('dwmrose', $password,
		    '--journal-window=65536');
		my ($keeper, $session);
		$c->wait_for(sub {
			($keeper, $session) = Processes::below($c->pid);
			$session && (Processes::below($c->pid)) == 2 &&
			    Processes::below($keeper);
		});
		$c->say('DELE 1');
		my $journal = '/var/mail/.dwmrose.dewey';
		$c->cmd('QUIT');
		my $deadline = time + 10;
		1 until (-e "$large.lock" && -s $journal) || time > $deadline;
		kill 'STOP', $session;
		$c->wait_for(sub { ((Processes::slurp("/proc/$session/stat")
		    // '') =~ /.*\) (\S)/s ? $1 : 'T') =~ /^[TZ]$/ });
		return ($c, $keeper, $session)
		    if -e "$large.lock" && kill 0, $session;
	}
	plan skip_all => 'UPDATE is too fast here';
}

sub gone {
	my ($c, @pids) = @_;
	return eval { $c->wait_for(sub {
		!grep { !Processes::has_ended($_) } @pids
	}) };
}

{
	my ($c, $keeper, $session) = stopped();
	my @lock = stat "$large.lock";
	is $lock[4], $uid, 'the dot-lock is the user\'s';
	is $lock[5], $mail, '... its group is the spool\'s';
	like Dewey::read_file("$large.lock"), qr/^dewey $keeper /,
	    '... it names the keeper';
	kill 'KILL', $session;
	is $c->rest, '', 'the session is killed inside UPDATE';
	is $c->exit_code, 111, '... exit code of the monitor';
	like $c->stderr, qr/the session was killed by signal 9/, '... logged';
	ok !-e "$large.lock", '... the keeper removes the dot-lock';
	is -s '/var/mail/.dwmrose.dewey', 0, '... after it has had the UPDATE ' .
	    'completed';
	my $is = Dewey::read_file($large);
	ok $is eq $after || $is eq $before, '... the mailbox is whole';

	($c, $keeper, $session) = stopped();
	$c->kill('KILL');
	$c->exit_code;
	sleep 0.1;
	ok -e "/proc/$keeper", 'the monitor is killed: its keeper works on';
	kill 'CONT', $session;
	like $c->line, qr/23 messages left/, '... UPDATE is completed';
	ok gone($c, $keeper, $session), '... all end';
	is Dewey::read_file($large), $after, '... the mailbox is whole';
	ok !-e "$large.lock", '... the dot-lock is gone';

	($c, $keeper, $session) = stopped();
	kill 'TERM', $c->pid;
	sleep 0.1;
	kill 'CONT', $session;
	like $c->line, qr/23 messages left/,
	    'SIGTERM to the monitor inside UPDATE: it is completed';
	is $c->exit_code, 0, '... exit code';
	is Dewey::read_file($large), $after, '... the mailbox is whole';
	ok !-e "$large.lock", '... the dot-lock is gone';

	($c, $keeper, $session) = stopped();
	kill 'KILL', $keeper;
	gone($c, $keeper);
	kill 'CONT', $session;
	like $c->line, qr/23 messages left/,
	    'the keeper is killed: the session completes UPDATE';
	is $c->exit_code, 111, '... exit code of the monitor';
	ok gone($c, $session), '... all end';
	is Dewey::read_file($large), $after, '... the mailbox is whole';
	ok -e "$large.lock", '... the dot-lock stays';
	my $from = time;
	my $d = Accounts::login('dwmrose', $password, '--lock-timeout=30');
	cmp_ok time - $from, '<', 15, '... until the next login breaks it';
	# The keeper says so when the locks have fallen.
	ok $d->wait_for(sub { $d->stderr =~ /a stale lock was broken/ }),
	    '... logged';
	$d->say('QUIT');
	ok !-e "$large.lock", '... for good';

	# A client that is not waited for: no dot-lock, so nothing is left.
	Accounts::put('dwmrose', $before);
	$c = Accounts::login('dwmrose', $password);
	$c->wait_for(sub { (Processes::below($c->pid)) == 2 });
	my @all = ($c->pid, Processes::below($c->pid));
	kill 'KILL', @all;
	ok gone($c, @all[1, 2]), 'all are killed between two commands';
	is Accounts::login('dwmrose', $password)->say('STAT') =~ s/ \d+$//r,
	    '+OK 24', '... the next login';
}

# ---- procmail delivers meanwhile

SKIP: {
	skip 'procmail is not installed', 1
	    unless Accounts::run('command -v procmail >/dev/null');
	Accounts::put('dwmrose', Dewey::mbox("Subject: first\n\nbody\n"));
	# It sleeps for eight seconds otherwise if it finds a lock.
	Dewey::write_file('/etc/procmailrc', "LOCKSLEEP=1\n", 0644);
	chown 0, 0, '/etc/procmailrc';
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		for my $i (1 .. 15) {
			open my $to, '|-', 'procmail', '-Y', '-d', 'dwmrose'
			    or POSIX::_exit(1);
			print {$to} "From procmail\@b Mon Jan  1 00:00:00 2024\n" .
			    "Subject: delivered $i\n\n" . "line\n" x 2000;
			close $to or POSIX::_exit(2);
		}
		POSIX::_exit(0);
	}
	my (%seen, $twice, $sessions, $done, $last, $status);
	my $deadline = time + 60;
	while (time < $deadline && !$last) {
		$last = $done;
		my $c = Accounts::login('dwmrose', $password,
		    '--lock-timeout=30');
		my ($n) = $c->say('STAT') =~ /^\+OK (\d+)/;
		my @now;
		for my $i (1 .. $n) {
			my ($subject) = $c->unstuffed("RETR $i")
			    =~ /^Subject: ([^\r]*)/m;
			push @now, $subject;
			$c->say("DELE $i");
		}
		my $answer = $c->say('QUIT');
		$c->exit_code;
		$sessions++;
		if ($answer =~ /^\+OK/) {
			$seen{$_}++ && $twice++ for @now;
		}
		if (!$done && waitpid($pid, POSIX::WNOHANG()) == $pid) {
			($done, $status) = (1, $?);
		}
		sleep 0.02;
	}
	is $status, 0, 'procmail delivered all';
	is scalar(keys %seen), 16, "... and $sessions sessions got every message";
	is $twice, undef, '... once';
	is -s $large, 0, '... nothing is left';
}

done_testing;
