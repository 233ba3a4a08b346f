#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Hostile neighbours: a user who may do what he likes in the directory of his
# mailbox, or in a spool that everybody can write, gains nothing through a dewey
# that root has started, and nothing of another user's is changed.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Accounts;
use Processes;
use Test::More;
use POSIX ();
use Socket;
use Time::HiRes qw(sleep time utime);

Accounts::enter();
# What a kernel without these protections lets users do, others do here.
for my $name (qw(protected_hardlinks protected_symlinks protected_fifos
    protected_regular)) {
	Accounts::run("echo 0 2>/dev/null >/proc/sys/fs/$name");
}

my ($password, $other) = ('tanstaaf', 'hoopy');
my $secret = "Subject: for Alice's eyes\n\nonly\n";
my $mail = Dewey::mbox("Subject: one\n\nbody\n", "Subject: two\n\nbody\n");
Accounts::add('dwmallory', password => $password, mail => $mail, home => 1);
Accounts::add('dwalice', password => $other, home => 1,
    mail => Dewey::mbox($secret, $secret));
my ($uid, $gid) = (Accounts::uid('dwmallory'), Accounts::gid('dwmallory'));
my $alice = Accounts::uid('dwalice');
my $mailgroup = getgrnam 'mail';
my $home = '/home/dwmallory';
my $victim = Accounts::mailbox('dwalice');

# Alice's files, as hostile users would like to read or change them.
# Of some systems homes are closed to others.
chmod 0755, '/home/dwalice' or die "/home/dwalice: $!";
mkdir '/home/dwalice/Mail';
for (['/home/dwalice/note', 0644], ['/home/dwalice/private', 0600],
    ['/home/dwalice/Mail/mbox', 0600]) {
	Dewey::write_file($_->[0], Dewey::mbox($secret), $_->[1]);
	chown $alice, $mailgroup, $_->[0];
}
my @watched = ($victim, '/home/dwalice', glob('/home/dwalice/*'),
    '/home/dwalice/Mail/mbox', '/etc/passwd', '/etc/shadow', '/etc');

sub snapshot {
	my @found;
	for my $path (@watched) {
		my @st = lstat $path;
		push @found, join ' ', $path, @st[2, 4, 5, 7, 9], -f _ ?
		    Dewey::read_file($path) : '';
	}
	return join "\n", @found;
}

# Where nothing may come into being.  In the run-time directory others are at
# work meanwhile: there only what is the attacker's counts.
sub names {
	return join ' ', map {
		my $path = $_;
		opendir(my $dir, $path) or die "$path: $!";
		sort grep { !/^\.?\.$/ && ($path ne '/run/lock' ||
		    ((lstat "$path/$_")[4] // 0) == $uid) } readdir $dir
	} qw(/var/mail /home/dwalice /home/dwalice/Mail /etc / /run/lock);
}

my $before = snapshot();
my $names;

# Does something with the attacker's rights.
sub as_mallory {
	my ($what) = @_;
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		$) = "$gid $gid";
		POSIX::setgid($gid);
		POSIX::setuid($uid);
		my $done = eval { $what->(); 1 };
		print STDERR "# as mallory: $@" if !$done;
		POSIX::_exit($done ? 0 : 1);
	}
	waitpid $pid, 0;
	return $? == 0;
}

# A whole session; every answer to it.
sub session {
	my (@flags) = @_;
	my $c = Accounts::start('--lock-timeout=0', @flags);
	$c->greeting;
	$c->send("USER dwmallory\r\nPASS $password\r\nSTAT\r\nRETR 1\r\n" .
	    "DELE 1\r\nDELE 2\r\nQUIT\r\n");
	my $all = $c->rest;
	$c->exit_code;
	return ($all, $c->stderr);
}

sub unharmed {
	my ($what) = @_;
	is snapshot(), $before, "$what: nothing of others has changed";
	is names(), $names, '... and nothing new is there';
}

sub empty_home {
	Accounts::run('rm', '-rf', glob("$home/* $home/.[a-z]*"));
	chown $uid, $gid, $home;
	chmod 0755, $home;
}

sub put {
	my ($path, $octets, $mode) = @_;
	Dewey::write_file($path, $octets // $mail, $mode // 0600);
	chown $uid, $gid, $path;
}

my $perm = qr/^-ERR \[SYS\/PERM\]/m;
my $temp = qr/^-ERR \[SYS\/TEMP\] maildrop is locked by another/m;
my $fine = qr/^\+OK dwmallory's maildrop has 2 messages/m;
my $none = qr/^\+OK dwmallory's maildrop has 0 messages/m;

# ---- His own directory.  [what, what he does, what he is answered]

sub devil {
	my ($make) = @_;
	return sub {
		chdir $home;
		$make->();
	};
}

sub own { put("$home/mbox"); return $_[0] }

my @cases = (
	['the mailbox is a link to a mailbox in the spool',
	    sub { symlink $victim, 'mbox' or die $! }, $perm],
	['... to a file that all can read',
	    sub { symlink '/home/dwalice/note', 'mbox' or die $! }, $perm],
	['... to a private file',
	    sub { symlink '/home/dwalice/private', 'mbox' or die $! }, $perm],
	['... to /etc/shadow',
	    sub { symlink '/etc/shadow', 'mbox' or die $! }, $perm],
	['... to itself', sub { symlink 'mbox', 'mbox' or die $! }, $perm],
	['... to nothing, in a place where he may not write',
	    sub { symlink '/var/mail/dwnew', 'mbox' or die $! }, $none],
	['... to a device', sub { symlink '/dev/zero', 'mbox' or die $! },
	    $perm],
	['... to a descriptor', sub { symlink '/proc/self/fd/0', 'mbox'
	    or die $! }, $perm],
	['the mailbox is a hard link to a file that all can read',
	    sub { link '/home/dwalice/note', 'mbox' or die $! }, $perm],
	['the mailbox is a FIFO',
	    sub { POSIX::mkfifo('mbox', 0600) or die $! }, $perm],
	['the mailbox is a directory', sub { mkdir 'mbox' or die $! }, $perm],
	['the mailbox is a socket', sub {
		socket my $s, AF_UNIX, SOCK_STREAM, 0 or die $!;
		bind $s, pack_sockaddr_un("$home/mbox") or die $!;
	}, $perm],
	['the mailbox can be written by all',
	    sub { chmod 0666, 'mbox' or die $! }, $perm, 1],
	['the mailbox cannot be read',
	    sub { chmod 0, 'mbox' or die $! }, $perm, 1],
	['the sidecar is a link to a mailbox',
	    sub { symlink $victim, '.mbox.dewey' or die $! }, $perm, 1],
	['the sidecar is a link to nothing',
	    sub { symlink '/var/mail/dwnew', '.mbox.dewey' or die $! },
	    $perm, 1],
	['the sidecar is a hard link to a file that all can read',
	    sub { link '/home/dwalice/note', '.mbox.dewey' or die $! },
	    qr/^-ERR|read-only/m, 1],
	['the sidecar is a hard link to a file of his own', sub {
		open my $fh, '>', 'precious' or die $!;
		print {$fh} 'precious';
		close $fh;
		chmod 0600, 'precious';
		link 'precious', '.mbox.dewey' or die $!;
	}, $perm, 1],
	['the sidecar is a FIFO',
	    sub { POSIX::mkfifo('.mbox.dewey', 0600) or die $! }, $perm, 1],
	['the sidecar is a directory',
	    sub { mkdir '.mbox.dewey' or die $! }, qr/^-ERR \[SYS/m, 1],
	['the sidecar can be read by all', sub {
		open my $fh, '>', '.mbox.dewey' or die $!;
		chmod 0644, '.mbox.dewey';
	}, $perm, 1],
	['the dot-lock is a link to a mailbox',
	    sub { symlink $victim, 'mbox.lock' or die $! }, $temp, 1],
	['the dot-lock is a link to nothing',
	    sub { symlink '/var/mail/dwnew', 'mbox.lock' or die $! },
	    $temp, 1],
	['the dot-lock is a hard link to a file that all can read',
	    sub { link '/home/dwalice/note', 'mbox.lock' or die $! },
	    qr/^\+OK|$temp/m, 1],
	['the dot-lock is a FIFO',
	    sub { POSIX::mkfifo('mbox.lock', 0600) or die $! }, $temp, 1],
	['the dot-lock is a directory',
	    sub { mkdir 'mbox.lock' or die $! }, $temp, 1],
	['the directory is a link to the spool', sub {
		rmdir '../dwmallory/Mail';
		symlink '/var/mail', 'Mail' or die $!;
	}, $none, 0, 'Mail/mbox'],
	['the directory is a link to another user\'s', sub {
		symlink '/home/dwalice', 'Mail' or die $!;
	}, $none, 0, 'Mail/mbox'],
	['the directory is a link to another user\'s with such a mailbox', sub {
		symlink '/home/dwalice/Mail', 'Mail' or die $!;
	}, $perm, 0, 'Mail/mbox'],
	['the directory is a link to one of root\'s', sub {
		symlink '/etc', 'Mail' or die $!;
	}, $perm, 0, 'Mail/passwd'],
	['the directory is a file', sub {
		open my $fh, '>', 'Mail' or die $!;
	}, $perm, 0, 'Mail/mbox'],
);
for my $case (@cases) {
	my ($what, $make, $answer, $own, $name) = @$case;
	$name //= 'mbox';
	for my $template ("%h/$name", "/home/%u/$name") {
		empty_home();
		put("$home/mbox") if $own;
		$names = names();
		as_mallory(devil($make)) or BAIL_OUT("cannot make: $what");
		$before = snapshot();
		my ($all, $log) = session("--mailbox=$template");
		like $all, $answer, "$template: $what" or diag $log;
		unlike $all, qr/Alice|root:/, '... nothing is shown';
		unharmed($template);
	}
}
empty_home();
is((stat '/home/dwalice/note')[3], 1, 'no link to a file of others is left');
$before = snapshot();

# His own journal, index and locks, filled with rubbish, harm himself at most.
for my $rubbish ('x', "\0" x 9000, 'DewJrn01' . "\xff" x 20000,
    join('', map { pack 'Q<', $_ * 2654435761 } 1 .. 4096)) {
	put("$home/mbox");
	put("$home/.mbox.dewey", $rubbish);
	$names = names();
	my ($all) = session('--mailbox=%h/mbox');
	like $all, qr/^(?:$fine|-ERR \[SYS)/m, 'a sidecar with rubbish';
	unharmed('rubbish');
	empty_home();
}
mkdir '/cache';
chmod 0755, '/cache';
for my $kind (qw(link hard file)) {
	my $big = Dewey::mbox(map { "Subject: $_\n\n" . "line\n" x 20000 } 1, 2);
	put("$home/mbox", $big);
	unlink '/cache/dwmallory';
	symlink '/home/dwalice/note', '/cache/dwmallory' if $kind eq 'link';
	link '/home/dwalice/private', '/cache/dwmallory' if $kind eq 'hard';
	put('/cache/dwmallory', "rubbish\n" x 9999) if $kind eq 'file';
	$before = snapshot();
	$names = names();
	my ($all) = session('--mailbox=%h/mbox', '--cache-dir=/cache');
	like $all, qr/has 2 messages.*maildrop empty\)\r\n\z/s,
	    "the cached index is a $kind";
	unharmed("cached index, $kind");
	unlink '/cache/dwmallory';
	empty_home();
	$before = snapshot();
}

# ---- /var/mail: links that lead from his mailbox to another one

for my $kind (qw(link hard), 'link of root') {
	my $path = Accounts::mailbox('dwmallory');
	unlink $path;
	if ($kind eq 'hard') {
		link $victim, $path or die "link: $!";
	} else {
		symlink $victim, $path or die "symlink: $!";
		Accounts::run('chown', '-h', 'dwmallory', $path)
		    if $kind eq 'link';
	}
	$before = snapshot();
	$names = names();
	my ($all) = session();
	like $all, $perm, "/var/mail/dwmallory is a $kind to another mailbox";
	unlike $all, qr/Alice/, '... nothing is shown';
	unharmed("/var/mail, $kind");
	unlink $path;
	$before = snapshot();

	# ... since the login: what the keeper opens again has group mail.
	Accounts::put('dwmallory', $mail);
	my $c = Accounts::login('dwmallory', $password, '--lock-timeout=0');
	$c->say('DELE 1');
	unlink $path;
	if ($kind eq 'hard') {
		link $victim, $path or die "link: $!";
	} else {
		symlink $victim, $path or die "symlink: $!";
		Accounts::run('chown', '-h', 'dwmallory', $path)
		    if $kind eq 'link';
	}
	$before = snapshot();
	is $c->say('QUIT'),
	    '-ERR [SYS/TEMP] some deleted messages not removed',
	    '... since the login';
	$c->exit_code;
	is snapshot(), $before, '... nothing has changed';
	unlink $path, '/var/mail/.dwmallory.dewey';
	$before = snapshot();
}
for my $name ('.dwmallory.dewey', 'dwmallory.lock') {
	for my $kind (qw(link hard)) {
		Accounts::put('dwmallory', $mail);
		my $path = "/var/mail/$name";
		unlink $path;
		$kind eq 'hard' ? link $victim, $path : symlink $victim, $path;
		utime time - 4000, time - 4000, $victim;
		$before = snapshot();
		$names = names();
		my ($all, $log) = session();
		like $all, $name =~ /lock$/ ? qr/^\+OK .*2 mess|$temp/m : $perm,
		    "$name is a $kind to another mailbox";
		unlike $all, qr/Alice/, '... nothing is shown';
		is snapshot(), $before, '... nothing has changed';
		unlink $path, '/var/mail/.dwmallory.dewey';
		$before = snapshot();
	}
}

# A mailbox that has the name of another's dot-lock is no dot-lock.
{
	my $hash = Accounts::sha512($password);
	my $path = '/var/mail/dwmallory.lock';
	Dewey::write_file('/dewey-users', "dwmallory:$hash:$uid:${gid}:::\n" .
	    "dwmallory.lock:$hash:$alice:${alice}:::\n");
	chown 0, 0, '/dewey-users';
	Dewey::write_file($path, Dewey::mbox("Subject: x\n\n" . 'y' x 2000));
	chown $alice, $mailgroup, $path;
	chmod 0660, $path;
	utime time - 4000, time - 4000, $path;
	my ($all) = session('--users=/dewey-users');
	ok -s $path, 'a mailbox with the name of another\'s dot-lock stays';
	unlink $path;
}

# ---- A spool that everybody can write, with the sticky bit

{
	my $spool = '/sticky';
	mkdir $spool;
	chown 0, $mailgroup, $spool;
	chmod 03777, $spool;
	for my $case (['dwalice.lock', sub { symlink '/etc/passwd', $_[0] }],
	    ['dwalice.lock', sub { POSIX::mkfifo($_[0], 0666) }],
	    ['dwalice.lock', sub { open my $fh, '>', $_[0];
		print {$fh} "mine\n"; close $fh; utime 1, 1, $_[0] }],
	    ['.dwalice.dewey', sub { symlink '/etc/passwd', $_[0] }],
	    ['.dwalice.dewey', sub { symlink '/sticky/new', $_[0] }],
	    ['.dwalice.dewey', sub { POSIX::mkfifo($_[0], 0666) }],
	    ['.dwalice.dewey', sub { open my $fh, '>', $_[0];
		print {$fh} "mine\n"; close $fh; chmod 0666, $_[0] }],
	    ['dwalice', sub { symlink '/home/dwalice/private', $_[0] }],
	    ['dwalice', sub { symlink '/home/dwmallory/x', $_[0] }]) {
		my ($name, $make) = @$case;
		unlink glob "$spool/* $spool/.d*";
		Dewey::write_file("$spool/dwalice", $mail)
		    unless $name eq 'dwalice';
		chown $alice, $mailgroup, "$spool/dwalice";
		as_mallory(sub { $make->("$spool/$name") or die $! });
		my @was = lstat "$spool/$name";
		$before = snapshot();
		my $c = Accounts::start("--mailbox=$spool/%u",
		    '--lock-timeout=0');
		$c->greeting;
		$c->say('USER dwalice');
		like $c->say("PASS $other"), qr/^-ERR \[SYS|has 2 messages/,
		    "a stranger made $name in a spool for all";
		$c->send("DELE 1\r\nQUIT\r\n");
		$c->rest;
		$c->exit_code;
		is snapshot(), $before, '... nothing of others has changed';
		ok !-e "$spool/new", '... nothing new is there';
		is join(' ', (lstat "$spool/$name")[1, 2, 4, 7]),
		    join(' ', @was[1, 2, 4, 7]), '... what he made stays'
		    unless $name eq 'dwalice.lock' && $was[9] == 1;
	}
}

# ---- Names that lead out of the directory

for my $name ('../dwalice', 'dwmallory/../dwalice', '/etc/passwd', '.',
    '..', '.dwalice.dewey', "dwalice\t", 'dwalice/') {
	my $c = Accounts::start();
	$c->greeting;
	$c->say("USER $name");
	like $c->say("PASS $other"), qr/^-ERR/, "the name $name";
	$c->close;
}

# ---- Races: what was looked at is not what is used

# Runs sessions while sub ${change} is called in a loop with his rights.
sub race {
	my ($what, $change, @flags) = @_;
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		$) = "$gid $gid";
		POSIX::setgid($gid);
		POSIX::setuid($uid);
		chdir $home;
		my $deadline = time + 30;
		while (time < $deadline) {
			$change->();
		}
		POSIX::_exit(0);
	}
	my (%answers, $shown);
	my $rounds = $ENV{DEWEY_LONG} ? 2000 : 40;
	for (1 .. $rounds) {
		my ($all) = session(@flags);
		$shown = $all if $all =~ /Alice|root:/;
		$answers{ (split /\r\n/, $all)[2] // 'none' }++;
		put("$home/real/mbox") if -d "$home/real" && !-s
		    "$home/real/mbox";
	}
	kill 'KILL', $pid;
	waitpid $pid, 0;
	is $shown, undef, "race: $what: nothing is shown in $rounds sessions";
	unharmed("race: $what");
	note "$answers{$_} times: $_" for sort keys %answers;
}

for my $target ('/var/mail', '/home/dwalice', '/home/dwalice/Mail', '/etc') {
	empty_home();
	mkdir "$home/real";
	chown $uid, $gid, "$home/real";
	put("$home/real/mbox");
	symlink $target, "$home/evil";
	$names = names();
	$before = snapshot();
	race("its directory and $target", sub {
		# One of the two is called Mail, or none.
		symlink 'real', 'a';
		rename 'a', 'Mail';
		symlink $target, 'b';
		rename 'b', 'Mail';
	}, '--mailbox=/home/%u/Mail/mbox');
}
{
	empty_home();
	put("$home/mbox");
	$names = names();
	$before = snapshot();
	race('its mailbox and another', sub {
		symlink $victim, 'a';
		rename 'a', 'mbox';
		open my $fh, '>', 'b';
		print {$fh} $mail;
		close $fh;
		rename 'b', 'mbox';
		link '/home/dwalice/note', 'c';
		rename 'c', 'mbox';
	}, '--mailbox=%h/mbox');
	empty_home();
	$before = snapshot();
	put("$home/mbox");
	race('its sidecar and dot-lock', sub {
		for my $name ('.mbox.dewey', 'mbox.lock') {
			symlink $victim, 'a';
			rename 'a', $name;
			link '/home/dwalice/note', 'b';
			rename 'b', $name;
			unlink $name;
		}
		for my $name (glob '.mbox.lock.*') {
			symlink $victim, 'c';
			rename 'c', $name;
		}
	}, '--mailbox=/home/%u/mbox');
}

done_testing;
