#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# The mailbox locks against programs that hold them: every choice and order of
# kinds, at login and at QUIT; stale dot-locks; what is left behind.  Prints the
# table of what was tried.  (DESIGN section 7.)
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Processes;
use Test::More;
use Fcntl qw(:flock F_SETLK F_WRLCK F_UNLCK O_CREAT O_EXCL O_WRONLY SEEK_SET);
use POSIX ();
use Time::HiRes qw(sleep time utime);

my $busy = '-ERR [SYS/TEMP] maildrop is locked by another program, ' .
    'wait and try again';
my $failed = '-ERR [SYS/TEMP] some deleted messages not removed';
my $mail = Dewey::mbox("Subject: one\n\nbody\n", "Subject: two\n\nbody\n");
my $slow = Dewey::slow() ? 8 : 1;
my $long = 30;		# seconds: a wait that cannot be overlooked
my @names = map { "u$_" } 1 .. 100;
my $site = Dewey->site(users => { map { $_ => 'pw' } @names },
    mail => { map { $_ => $mail } @names });

# ---- Holders: other processes that lock as other programs do

my %holders;
my $owner = $$;
END { local $?; kill 'KILL', keys %holders if $$ == $owner }

# struct flock of this system: of the whole file, by the process.
sub flock_of {
	my ($type) = @_;
	my $sample = pack('s s x![q] q q i x![q]', $type, SEEK_SET, 0, 0, 0);
	return $sample;
}

sub take {
	my ($kind, $path) = @_;
	if ($kind eq 'dotlock') {
		my $temporary = "$path.lock.$$";
		Dewey::write_file($temporary, "$$\n", 0444);
		my $got = link $temporary, "$path.lock";
		unlink $temporary;
		return $got ? 1 : undef;
	}
	open my $fh, '+<', $path or die "$path: $!";
	return $fh if $kind eq 'flock' ? flock($fh, LOCK_EX | LOCK_NB)
	    : fcntl($fh, F_SETLK, flock_of(F_WRLCK));
	return undef;
}

# A process that holds ${kind} of all ${paths} until it is let go.
sub hold {
	my ($kind, @paths) = @_;
	pipe my $told, my $tell or die "pipe: $!";
	pipe my $go, my $let or die "pipe: $!";
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		close $_ for $told, $let;
		my @held = map { take($kind, $_) } @paths;
		syswrite $tell, scalar(grep { defined } @held) . "\n";
		close $tell;
		sysread $go, my $octet, 1;
		if ($kind eq 'dotlock') {
			unlink "$_.lock" for @paths;
		}
		POSIX::_exit(0);
	}
	$holders{$pid} = 1;
	close $_ for $tell, $go;
	my $count = <$told>;
	is $count + 0, scalar(@paths), "a process holds $kind" if @paths > 1;
	die "$kind of @paths is not to be had" unless $count == @paths;
	return { pid => $pid, let => $let };
}

sub let_go {
	my ($holder) = @_;
	syswrite $holder->{let}, '.';
	waitpid $holder->{pid}, 0;
	delete $holders{ $holder->{pid} };
}

# Whether ${kind} can be had now; it is let go at once.
sub is_free {
	my ($kind, $path) = @_;
	return !-e "$path.lock" if $kind eq 'dotlock';
	return defined take($kind, $path);
}

# ---- Sessions

sub begin {
	my ($name, @flags) = @_;
	my $c = $site->start('--lock-timeout=1', '--log=stderr', @flags);
	$c->greeting;
	$c->say("USER $name");
	return $c;
}

# Sends ${line} on all sessions and waits for their answers at once: in
# $c->{answer} and $c->{seconds}.
sub ask_all {
	my ($line, @sessions) = @_;
	for my $c (@sessions) {
		$c->{asked} = time;
		$c->cmd($line);
	}
	my %left = map { fileno($_->{r}) => $_ } @sessions;
	my $deadline = time + 40 * $slow;
	while (%left) {
		my $r = '';
		vec($r, $_, 1) = 1 for keys %left;
		select($r, undef, undef, 1);
		for my $fd (grep { vec($r, $_, 1) } keys %left) {
			my $c = delete $left{$fd};
			$c->{seconds} = time - $c->{asked};
			$c->{answer} = $c->line // 'end of stream';
		}
		die "no answer to $line" if time > $deadline;
	}
}

sub login {
	my ($name, @flags) = @_;
	my $c = begin($name, @flags);
	ask_all('PASS pw', $c);
	return $c;
}

sub took {
	my ($c, $least, $what) = @_;
	# The server counts whole milliseconds, by another clock.  A busy machine
	# needs its time, but not as long as a wait for a lock is made to be.
	ok $c->{seconds} >= $least - 0.01 && $c->{seconds} < $long / 2 * $slow,
	    sprintf '%s: %.3f s, expected %g to %g', $what, $c->{seconds},
	    $least, $long / 2;
}

sub left_behind {
	my ($name) = @_;
	opendir(my $dir, $site->dir . "/spool") or die "spool: $!";
	return join ' ', sort grep { /^\.?\Q$name\E\b./ && $_ ne ".$name.dewey" }
	    readdir $dir;
}

# ---- The table: every list of kinds against every holder, all at once

my @kinds = qw(fcntl flock dotlock);
my @lists = ('none', @kinds, map({ my $a = $_; map { "$a,$_" }
    grep { $_ ne $a } @kinds } @kinds), map({ my $a = $_; map { my $b = $_;
    map { "$a,$b,$_" } grep { $_ ne $a && $_ ne $b } @kinds }
    grep { $_ ne $a } @kinds } @kinds));
is @lists, 16, 'sixteen lists of kinds';

my @rows;
my @free = @names;
for my $list (@lists) {
	for my $holder ('nobody', @kinds) {
		push @rows, { list => $list, holder => $holder,
			name => shift @free, kept_out =>
			scalar($list =~ /\b$holder\b/) };
	}
}
my %held;
sub hold_all {
	for my $kind (@kinds) {
		$held{$kind} = hold($kind, map { $site->mailbox($_->{name}) }
		    grep { $_->{holder} eq $kind } @rows);
	}
}

hold_all();
# In parts: the machine may be small.
my @parts = map { [@rows[$_ * 32 .. $_ * 32 + 31]] } 0, 1;
for my $part (@parts) {
	# Who is let in waits for nobody, so a long wait would show.
	$_->{c} = begin($_->{name}, "--locks=$_->{list}", '--lock-timeout=' .
	    ($_->{kept_out} ? 1 : $long)) for @$part;
	ask_all('PASS pw', map { $_->{c} } @$part);
	for my $row (@$part) {
		my $c = $row->{c};
		my $what = "$row->{list} against $row->{holder} at login";
		is $c->{answer}, $row->{kept_out} ? $busy :
		    "+OK $row->{name}'s maildrop has 2 messages (44 octets)",
		    $what;
		took($c, $row->{kept_out} ? 1 : 0, $what);
		$row->{login} = sprintf '%-10s %.2f s', $c->{answer} =~
		    /^-ERR \[(\S+)\]/ ? $1 : 'let in', $c->{seconds};
	}
}
let_go($_) for values %held;
# Who was kept out stays in AUTHORIZATION and comes in now.
for my $row (grep { $_->{kept_out} } @rows) {
	$row->{c}->say("USER $row->{name}");
	like $row->{c}->say('PASS pw'), qr/^\+OK/, 'let in afterwards'
	    or diag $row->{c}->stderr;
}
# While the client is waited for, everything is free: the holders get it all.
$_->{c}->say('DELE 1') for @rows;
hold_all();
for my $part (@parts) {
	ask_all('QUIT', map { $_->{c} } @$part);
	for my $row (@$part) {
		my $c = $row->{c};
		my $what = "$row->{list} against $row->{holder} at QUIT";
		is $c->{answer}, $row->{kept_out} ? $failed :
		    '+OK dewey POP3 server signing off (1 message left)', $what;
		took($c, $row->{kept_out} ? 1 : 0, $what);
		is $c->exit_code, $row->{kept_out} ? 111 : 0, '... exit code';
		is length Dewey::read_file($site->mailbox($row->{name})),
		    length($mail) / ($row->{kept_out} ? 1 : 2),
		    '... the mailbox';
		$row->{quit} = sprintf '%-10s %.2f s', $c->{answer} =~
		    /^-ERR \[(\S+)\]/ ? $1 : 'done', $c->{seconds};
	}
}
let_go($_) for values %held;
is left_behind($_->{name}), '', "$_->{list} against $_->{holder}: " .
    'nothing is left' for @rows;
note sprintf '%-22s %-8s  %-18s  %s', 'kinds, in order', 'held by', 'at login',
    'at QUIT (DELE 1)';
note sprintf '%-22s %-8s  %-18s  %s', @$_{qw(list holder login quit)} for @rows;

# ---- Waiting

my $name = shift @free;
my $path = $site->mailbox($name);

sub fresh {
	Dewey::write_file($path, $mail);
	return;
}

for my $kind (@kinds) {
	fresh();
	my $holder = hold($kind, $path);
	my $c = begin($name, "--lock-timeout=$long",
	    '--locks=fcntl,flock,dotlock');
	$c->cmd('PASS pw');
	sleep 0.4;
	# Who waits holds nothing for long: the others can be had.
	for my $other (grep { $_ ne $kind } @kinds) {
		ok eval { $c->wait_for(sub { is_free($other, $path) }) },
		    "waiting for $kind, $other is free";
	}
	$c->{asked} = time;
	let_go($holder);
	is $c->line, "+OK ${name}'s maildrop has 2 messages (44 octets)",
	    "$kind is let go: in";
	cmp_ok time - $c->{asked}, '<', $long / 2 * $slow, '... soon';
	$c->say('DELE 2');
	$holder = hold($kind, $path);
	$c->cmd('QUIT');
	sleep 0.3;
	let_go($holder);
	like $c->line, qr/1 message left/, '... and so at QUIT';
	is $c->exit_code, 0, '... exit code';
}
{
	fresh();
	my $holder = hold('dotlock', $path);
	my $c = login($name, '--lock-timeout=0');
	is $c->{answer}, $busy, '--lock-timeout=0 does not wait';
	took($c, 0, '...');
	let_go($holder);
}

# ---- Two sessions

{
	fresh();
	my $first = login($name);
	my $second = login($name, "--lock-timeout=$long");
	is $second->{answer}, '-ERR [IN-USE] maildrop already locked',
	    'the second session is refused';
	took($second, 0, '... at once');
	is $second->say('STAT'), '-ERR STAT is not valid in the AUTHORIZATION ' .
	    'state', '... and may try again';
	$first->say('QUIT');
	$second->say("USER $name");
	like $second->say('PASS pw'), qr/^\+OK/, '... when the first has ended';
	$second->say('QUIT');

	my $holder = hold('fcntl', $path);
	$first = begin($name, '--lock-timeout=10');
	$first->cmd('PASS pw');
	# It has that of the session, which nobody here may try to take.
	my $inode = (stat $site->dir . "/spool/.$name.dewey")[1];
	$first->wait_for(sub { (Processes::slurp('/proc/locks') // '')
	    =~ /^\d+: FLOCK .*:$inode /m });
	$second = login($name, "--lock-timeout=$long");
	is $second->{answer}, '-ERR [IN-USE] maildrop already locked',
	    'also while the first one waits for a lock';
	took($second, 0, '... at once');
	let_go($holder);
	like $first->line, qr/^\+OK/, '... which it gets';
}

# ---- Replaced while we wait

for my $kind (@kinds) {
	fresh();
	my $other = Dewey::mbox("Subject: another\n\nmailbox\n");
	my $holder = hold($kind, $path);
	my $c = begin($name, '--lock-timeout=10', '--locks=fcntl,flock,dotlock');
	$c->cmd('PASS pw');
	sleep 0.2;
	Dewey::write_file("$path.new", $other);
	rename "$path.new", $path or die "rename: $!";
	let_go($holder);
	is $c->line, "+OK ${name}'s maildrop has 1 message (29 octets)",
	    "replaced while $kind was waited for: the new one is served";
	is $c->unstuffed('RETR 1'), "Subject: another\r\n\r\nmailbox\r\n",
	    '... its message';
	$c->say('DELE 1');
	is $c->say('QUIT'),
	    '+OK dewey POP3 server signing off (maildrop empty)', '... UPDATE';
	is -s $path, 0, '... of the new one';

	# Another mailbox with the same sizes is not the same.
	for my $known (0, 1) {
		fresh();
		$c = login($name, '--lock-timeout=10',
		    '--locks=fcntl,flock,dotlock');
		$c->multi('UIDL') if $known;
		$c->say('DELE 1');
		$holder = hold($kind, $path);
		$c->cmd('QUIT');
		sleep 0.2;
		my $new = Dewey::mbox("Subject: two\n\nbody\n",
		    "Subject: one\n\nbody\n", "Subject: three\n\nbody\n");
		Dewey::write_file("$path.new", $new);
		rename "$path.new", $path or die "rename: $!";
		let_go($holder);
		is $c->line, $known ?
		    '+OK dewey POP3 server signing off (2 messages left)' :
		    $failed, "replaced while $kind was waited for at QUIT, " .
		    ($known ? 'ids known' : 'ids not known');
		is Dewey::read_file($path), $known ?
		    Dewey::mbox("Subject: two\n\nbody\n",
		    "Subject: three\n\nbody\n") : $new, '... the mailbox';
		$c->exit_code;
	}
}

# ---- Held while the mailbox is rewritten, and then the session dies

# A session that is stopped inside UPDATE, dot-lock made; undef if it was too
# fast.  Its mailbox is large.
my @large = map { "Subject: $_\n\n" . ("y" x 70 . "\n") x 9000 } 1 .. 24;
my @sizes = (length Dewey::mbox(@large), length Dewey::mbox(@large[1 .. 23]));
sub stopped_in_update {
	for (1 .. 20) {
		Dewey::write_file($path, Dewey::mbox(@large));
		my $c = login($name, '--locks=fcntl,flock,dotlock',
		    '--journal-window=65536');
		$c->say('DELE 1');
		my ($session) = Processes::below($c->pid) or die 'no session';
		$c->cmd('QUIT');
		my $deadline = time + 10;
		my $journal = $site->dir . "/spool/.$name.dewey";
		1 until (-e "$path.lock" && -s $journal) || time > $deadline;
		sleep 0.01;
		kill 'STOP', $session;
		$c->wait_for(sub { ((Processes::slurp("/proc/$session/stat")
		    // '') =~ /.*\) (\S)/s ? $1 : 'T') =~ /^[TZ]$/ });
		return ($c, $session) if -e "$path.lock" && kill 0, $session;
	}
	return;
}

SKIP: {
	skip 'a tool stands between', 1 if Dewey::slow();
	my ($c, $session) = stopped_in_update();
	skip 'UPDATE is too fast here', 1 unless $c;
	ok !is_free($_, $path), "$_ is held during UPDATE" for @kinds;
	like Dewey::read_file("$path.lock"),
	    qr/^dewey ${\$c->pid} \d+ \S+ [0-9a-f-]{36} \S+\n\z/,
	    'the dot-lock names its process';
	kill 'CONT', $session;
	like $c->line, qr/23 messages left/, '... which goes on';
	is left_behind($name), '', '... and leaves nothing';

	($c, $session) = stopped_in_update();
	skip 'UPDATE is too fast here', 1 unless $c;
	kill 'KILL', $session;
	is $c->rest, '', 'the session is killed inside UPDATE';
	is $c->exit_code, 111, '... exit code of the keeper';
	like $c->stderr, qr/session was killed by signal 9/, '... logged';
	is left_behind($name), '', '... the keeper removes the dot-lock';
	ok is_free($_, $path), "... $_ is free" for @kinds;
	is -s $site->dir . "/spool/.$name.dewey", 0,
	    '... and has completed the UPDATE';
	$c = login($name);
	like $c->{answer}, qr/has 2[34] messages/, '... the next login is fine';
	$c->say('QUIT');

	($c, $session) = stopped_in_update();
	skip 'UPDATE is too fast here', 1 unless $c;
	my $text = Dewey::read_file("$path.lock");
	my ($keeper) = $text =~ /^dewey (\d+)/ or die "a dot-lock: $text";
	is $keeper, $c->pid, 'the maker of the dot-lock is the keeper';
	kill 'KILL', $keeper, $session;
	$c->exit_code;
	$c->wait_for(sub { !-e "/proc/$session" });
	is Dewey::read_file("$path.lock"), $text,
	    'both are killed: the dot-lock stays';
	my $next = login($name, "--lock-timeout=$long");
	like $next->{answer}, qr/has 2[34] messages/, '... the next login';
	took($next, 0, '... breaks it at once');
	# The keeper says so when the locks have fallen.
	ok $next->wait_for(sub { $next->stderr =~ /a stale lock was broken/ }),
	    '... logged';
	my $size = -s $path;
	ok $size == $sizes[0] || $size == $sizes[1],
	    '... the UPDATE is complete, or had not begun';
	is left_behind($name), '', '... nothing is left';
}

# ---- Stale dot-locks of others

my ($start) = (Processes::slurp("/proc/$$/stat") // '')
    =~ /.*\)(?: \S+){19} (\d+)/s;
my $boot = (Processes::slurp('/proc/sys/kernel/random/boot_id') // '')
    =~ s/\n//r;
my $space = readlink '/proc/self/ns/pid';
my $host = (POSIX::uname())[1];
my $dead = fork // die "fork: $!";
POSIX::_exit(0) unless $dead;
waitpid $dead, 0;
my $other_boot = '00000000-0000-4000-8000-000000000000';

my @kept;

# [what it is, when it is broken, its text, its age, what happens to it during
# the wait]
my @stale = (
	['of procmail, old', 'after the wait', '0', 302],
	['of procmail, of four minutes ago', undef, '0', 240],
	['of procmail, of the future', undef, '0', -4000],
	['old but touched meanwhile', undef, '0', 4000,
	    sub { utime undef, undef, $_[0] }],
	['old but changed to another old time', undef, '0', 4000,
	    sub { utime time - 3000 - $_[1], time - 3000 - $_[1], $_[0] }],
	['old but made anew meanwhile, as old', undef, '0', 4000, sub {
		# Its inode would be used again.
		open $kept[$_[1]], '<', $_[0];
		Dewey::write_file("$_[0].new", '0');
		utime $_[2], $_[2], "$_[0].new";
		rename "$_[0].new", $_[0];
	}],
	['old and larger than any lock', undef, 'x' x 4096, 4000],
);
if ($start && $boot && $space) {
	my $mine = "dewey $$ $start $host $boot $space\n";
	push @stale,
	    ['of a dewey that is there', undef, $mine],
	    ['of a dewey that is gone', 'at once',
		"dewey $dead 1 $host $boot $space\n"],
	    ['of a pid that is another process now', 'at once',
		"dewey $$ " . ($start - 1) . " $host $boot $space\n"],
	    ['of another boot, or another host of this name', undef,
		"dewey $dead 1 $host $other_boot $space\n"],
	    ['of another boot, old', 'after the wait',
		"dewey $dead 1 $host $other_boot $space\n", 302],
	    ['of another host', undef,
		"dewey $dead 1 $host.elsewhere $other_boot $space\n"],
	    ['of another pid namespace', undef,
		"dewey $dead 1 $host $boot pid:[1]\n"],
	    ['of a dewey that is there, old', 'after the wait', $mine, 400],
	    ['with a dead pid, not of dewey', undef, "$dead\n"],
	    ['with nothing in it', undef, ''],
	    ['with half a line', undef, "dewey $dead 1 $host"],
	    ['with a pid that is none', undef,
		"dewey -1 1 $host $boot $space\n"],
	    ['with a pid too large', undef,
		"dewey 4294967296 1 $host $boot $space\n"];
}
my @cases = map { { what => $_->[0], broken => $_->[1], text => $_->[2],
    age => $_->[3], during => $_->[4] } } @stale;
for my $case (@cases) {
	$case->{name} = shift @free;
	my $lock = $case->{lock} = $site->mailbox($case->{name}) . '.lock';
	$case->{c} = begin($case->{name}, '--lock-timeout=' .
	    (($case->{broken} // '') eq 'at once' ? $long : 1));
	Dewey::write_file($lock, $case->{text}, 0444);
	my $then = $case->{then} = time - ($case->{age} // 0);
	utime $then, $then, $lock;
}
for my $case (@cases) {
	$case->{during} or next;
	my $pid = fork // die "fork: $!";
	next if $pid && ($case->{changer} = $pid);
	# Again and again, whenever it is that the session looks.
	my $ended = 0;
	$SIG{TERM} = sub { $ended = 1 };
	for my $i (0 .. 400) {
		$case->{during}->($case->{lock}, $i, $case->{then});
		sleep 0.1;
		last if $ended;
	}
	POSIX::_exit(0);
}
ask_all('PASS pw', map { $_->{c} } @cases);
for my $case (@cases) {
	my ($c, $broken) = @$case{qw(c broken)};
	if ($case->{changer}) {
		kill 'TERM', $case->{changer};
		waitpid $case->{changer}, 0;
	}
	is $c->{answer}, $broken ?
	    "+OK $case->{name}'s maildrop has 2 messages (44 octets)" : $busy,
	    "dot-lock $case->{what}: " .
	    ($broken ? "broken $broken" : 'honoured');
	took($c, $broken && $broken eq 'at once' ? 0 : 1, '...');
	is left_behind($case->{name}), $broken ? '' : "$case->{name}.lock",
	    '... what is left';
}

# What is no regular file is never broken, and no link is followed.
my $lock = "$path.lock";
for my $what (qw(link directory fifo)) {
	fresh();
	my $target = Dewey::write_file($site->dir . '/precious', 'keep me');
	utime 1, 1, $target;
	if ($what eq 'link') {
		symlink $target, $lock or die "symlink: $!";
	} elsif ($what eq 'directory') {
		mkdir $lock or die "mkdir: $!";
	} else {
		POSIX::mkfifo($lock, 0600) or die "mkfifo: $!";
	}
	my $c = login($name);
	is $c->{answer}, $busy, "the dot-lock's name is a $what";
	ok -l $lock || -e _, '... which stays';
	is Dewey::read_file($target), 'keep me', '... nothing is written by it';
	$what eq 'directory' ? rmdir $lock : unlink $lock;
}

# ---- Where the dot-lock cannot be made for lack of rights

{
	fresh();
	my $spool = $site->dir . '/spool';
	unlink "$spool/.$name.dewey";
	chmod 0555, $spool;
	my $c = login($name);
	like $c->{answer}, qr/^\+OK .* 2 messages/,
	    'a directory that cannot be written: let in';
	is $c->say('DELE 1'), '-ERR [SYS/PERM] maildrop is read-only',
	    '... to read';
	like $c->say('QUIT'), qr/2 messages left/, '... QUIT';
	is $c->exit_code, 0, '... exit code';
	my $holder = hold('fcntl', $path);
	is login($name)->{answer}, $busy, '... but not without fcntl';
	let_go($holder);
	is left_behind($name), '', '... nothing is made';
	chmod 0755, $spool;
	my $d = login($name);
	$d->say('QUIT');
	ok -e "$spool/.$name.dewey", 'with a sidecar of before';
	chmod 0555, $spool;
	$c = login($name);
	is $c->say('DELE 1'), '-ERR [SYS/PERM] maildrop is read-only',
	    '... still read-only, for the dot-lock\'s sake';
	$c->close;
	$c->exit_code;
	$c = login($name, '--locks=fcntl');
	is $c->say('DELE 1'), '+OK message 1 deleted',
	    '... but not where none is wanted';
	like $c->say('QUIT'), qr/1 message left/, '... UPDATE';
	chmod 0700, $spool;
	$c = login($name, '--read-only');
	is $c->say('DELE 1'), '-ERR [SYS/PERM] maildrop is read-only',
	    '--read-only';
	$c->close;
}

done_testing;
