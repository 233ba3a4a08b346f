#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Spools as they are: one where nobody but root can make files is served and
# deleted from; a maildrop that is read-only says why, once a session; a dot-lock
# that somebody holds is held, also where none can be made; nobody's mailbox is
# taken for a lock; no spawner's umask or file size limit does harm; the end of
# the file stays as it was found.  (DESIGN sections 6 to 8.)
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Accounts;
use Dewey;
use Processes;
use Test::More;
use Time::HiRes qw(utime);

Accounts::enter();

my $password = 'tanstaaf';
my $mail = getgrnam 'mail';
my ($name, $other) = qw(dwmrose dweve);
my ($uid, $eve) = map { Accounts::add($_, password => $password) } $name,
    $other;
my @texts = map { "Subject: $_\n\n" . ($_ x 63 . "\n") x 100 } qw(a b c);
my $busy = qr/^-ERR \[SYS\/TEMP\] maildrop is locked by another/;
my $left = '-ERR [SYS/TEMP] some deleted messages not removed';
my $read_only = '-ERR [SYS/PERM] maildrop is read-only';
my $spool = '/spool';
my $box = "$spool/$name";
my $state = '/state/dewey';
mkdir $_ or die "$_: $!" for $spool, '/state';

# A spool of a mode, with three messages in it.
sub spool {
	my ($mode, $group, @mail) = @_;
	chmod 0755, $spool;
	unlink glob "$spool/.*.dewey $spool/.*.aside $spool/*";
	unlink glob "$state/*";
	put(@mail ? $mail[0] : Dewey::mbox(@texts));
	chown 0, $group, $spool or die "$spool: $!";
	chmod $mode, $spool or die "$spool: $!";
}

sub put {
	my $path = Dewey::write_file($box, $_[0], 0660);
	chown $uid, $mail, $path or die "$path: $!";
}

sub start { return Accounts::start("--mailbox=$spool/%u",
    "--state-dir=$state", '--lock-timeout=1', @_) }

# The answer to PASS, and the session.
sub login {
	my $c = start(@_);
	$c->greeting;
	$c->say("USER $name");
	return ($c->say("PASS $password"), $c);
}

# DELE @{${numbers}} and QUIT: the last answer, and the log.
sub remove {
	my ($numbers, @flags) = @_;
	my ($reply, $c) = login(@flags);
	like $reply, qr/^\+OK/, '... let in' or return ('', $c->stderr);
	my @said = map { $c->say("DELE $_") } @$numbers;
	my $answer = $c->say('QUIT');
	$c->exit_code;
	return ($answer, $c->stderr, @said);
}

# Lines that say why.
sub why { return grep { /read-only/ } split /\n/, $_[0] }

# ---- root:root 0755

spool(0755, 0);
my ($answer, $log) = remove([1]);
is $answer, '+OK dewey POP3 server signing off (2 messages left)',
    'a spool where only root makes files: a message goes';
ok Dewey::read_file($box) eq Dewey::mbox(@texts[1, 2]),
    '... the right one';
is scalar(why($log)), 0, '... nothing is amiss';
is join(' ', map { s{.*/}{}r } glob "$spool/.*.dewey $spool/*"), $name,
    '... nothing is made there';
my ($home) = glob "$state/$name-*";
ok $home, '... the sidecar has another home' or BAIL_OUT('no state');
is sprintf('%o %d %d', (stat $home)[2] & 07777, (stat _)[4, 7]), "600 $uid 0",
    '... a file of the user\'s, empty now';
is sprintf('%o %d', (stat $state)[2] & 07777, (stat _)[4]), '755 0',
    '... in a directory of root\'s';
(undef, my $first) = login();
(my $second, my $c) = login();
is $second, '-ERR [IN-USE] maildrop already locked', '... one session at a time';
$_->close for $first, $c;
$_->exit_code for $first, $c;

# By another name of the directory it is the same.
symlink $spool, '/spool-too' or die "symlink: $!";
(undef, $first) = login();
($second, $c) = login('--mailbox=/spool-too/%u');
is $second, '-ERR [IN-USE] maildrop already locked',
    '... whatever its directory is called';
$_->close for $first, $c;
$_->exit_code for $first, $c;

# Somebody's dot-lock is somebody's, though dewey could not make one.
Dewey::write_file("$box.lock", "4711\n", 0644);
like((login())[0], $busy, '... the dot-lock of an agent is honoured');
ok -e "$box.lock", '... and stays';
unlink "$box.lock";

# Most polls find nothing: nothing is amiss then, whether there was mail before.
for my $before ('before the first mail', 'after the last one') {
	$before =~ /first/ ? spool(0755, 0, '') : put('');
	($answer, $log) = remove([]);
	is $answer, '+OK dewey POP3 server signing off (maildrop empty)',
	    "... an empty mailbox $before";
	is join('', why($log)), '', '... says nothing of rights';
	put(Dewey::mbox(@texts));
	($answer, $log) = remove([1]);
	is $answer, '+OK dewey POP3 server signing off (2 messages left)',
	    '... and the next session deletes';
}

# Only the dot-lock: no other kind says that nobody delivers.
(undef, $log, my $said) = remove([1], '--locks=dotlock');
is $said, $read_only, '... with dot-locks alone: read-only';
is scalar(why($log)), 1, '... and says so once';

# Who made the second home may have died before it was the user's.
spool(0755, 0);
chown 0, 0, Dewey::write_file($home, '', 0600);
($answer) = remove([1]);
is $answer, '+OK dewey POP3 server signing off (2 messages left)',
    '... a second home that was not given yet is';

# So with the cached index.  Both names are on the disk before they are given:
# who dies then has nothing to sync any more.
SKIP: {
	my $cache = '/state/cache';
	my $tracer = "$ENV{builddir}/tests/anomaly/tracer";
	my $report = '/state/report';
	mkdir $cache or die "$cache: $!";
	chown 0, 0, Dewey::write_file("$cache/$name", '', 0600);
	spool(0755, 0);
	login("--cache-dir=$cache");
	is +(stat "$cache/$name")[4], $uid, '... nor was the cached index: it is';
	skip 'no process can be traced here', 2
	    if ! -x $tracer || system($tracer, '/dev/null', 9, 'record', 'true');
	unlink "$cache/$name", glob "$state/*";
	my (undef, $c) = login("--cache-dir=$cache",
	    { wrapper => [$tracer, $report, 9, 'record'] });
	$c->say('QUIT');
	$c->exit_code;
	my @calls = map { [(split)[2, 4]] } grep { /^call / }
	    split /\n/, Dewey::read_file($report);
	my ($of) = map { $_->[0] } grep { $_->[1] eq 'fchown' } @calls;
	my $names = join ' ', map { $_->[1] } grep { $_->[0] == $of } @calls;
	is scalar(() = $names =~ /fsync close fchown/g), 2,
	    '... both are synced before they are given';
}

# What may have been begun there is not passed over; nor can it be set aside.
for my $case ([qr/\Q$home\E.*: Permission denied/, sub { chmod 0700, $state }],
    [qr/\Q$home\E.*: Permission denied/, sub { chown $eve, $eve, $home }],
    [qr/journal in --state-dir does not fit/, sub { truncate $home, 1 << 36 }]) {
	my ($pattern, $do) = @$case;
	spool(0755, 0);
	chown $uid, $uid, Dewey::write_file($home, 'a journal', 0600);
	$do->();
	($answer, $c) = login();
	like $answer, qr/^-ERR \[SYS\//, '... what fits nowhere: not let in';
	$c->say('QUIT');
	$c->exit_code;
	like $c->stderr, $pattern, '... the log says why';
	chmod 0755, $state;
}

# The last of these only root can set aside, once.
like $c->stderr, qr/root can set it aside: dewey --recover \Q$box\E$/m,
    '... and who can help';
my $recover = "@{[Dewey::binary()]} --log=stderr --state-dir=$state " .
    "--recover $box 2>/state/log";
for my $time ('the first time', 'the second time') {
	my $first = $time =~ /first/;
	my $text = `$recover`;
	my $status = $? >> 8;
	$text .= Dewey::read_file('/state/log');
	is $status, $first ? 0 : 111, "--recover by root, $time";
	like $text, $first ? qr/^\Q$box\E: a journal .* was set aside/m :
	    qr/^\Q$box\E: FAILED/m, '... says so';
	like $text, $first ? qr/\Q$home\E .*set aside as \Q$home.aside\E;/ :
	    qr/look at and remove \Q$home.aside\E,/, '... and so does the log';
	is join(' ', map { -s } "$home.aside", $home), $first ?
	    (1 << 36) . ' 0' : (1 << 36) . ' ' . (1 << 37),
	    '... it is ' . ($first ? 'set aside' : 'left alone');
	is +(stat $home)[4], $uid, '... and the user has a second home';
	truncate $home, 1 << 37 if $first;
}
unlink "$home.aside";
`$recover`;
is $?, 0, '... removed: the next is set aside';
($answer) = remove([1]);
is $answer, '+OK dewey POP3 server signing off (2 messages left)',
    '... and a message goes';

# A directory that its group may use and not list: the name of a copy there is
# synced by another call, which a keeper that is closed in may make.
{
	my $sidecar = "$spool/.$name.dewey";
	spool(02730, $mail);
	chown $uid, $mail, Dewey::write_file($sidecar, '', 0600);
	truncate $sidecar, 1 << 36;
	($answer, $c) = login();
	like $answer, qr/^\+OK /, 'a directory that cannot be read: let in';
	is $c->say('QUIT'),
	    '+OK dewey POP3 server signing off (3 messages left)',
	    '... and served';
	$c->exit_code;
	ok -e "$sidecar.aside", '... what fits nowhere is set aside';
	is -s $sidecar, 0, '... and cleared';
	spool(0755, 0);
}

# Without a second home.
(undef, $log, $said) = remove([1], '--state-dir=none');
is $said, $read_only, '... without --state-dir: read-only';
like join('', why($log)), qr/\.$name\.dewey cannot be made.*--state-dir/,
    '... says why';
is scalar(why($log)), 1, '... once';

# A journal there is completed from there, by a login, by --recover, and when the
# directory can be written by then.
for my $how ('login', '--recover', 'another mode') {
	spool(0755, 0, Dewey::mbox(map { "Subject: $_\n\n" . ("$_" x 70 . "\n")
	    x 3000 } 1 .. 40));
	my ($session, $journal);
	for my $try (1 .. 20) {
		(undef, my $c) = login('--journal-window=65536');
		$c->wait_for(sub { (Processes::below($c->pid)) == 2 });
		my ($keeper, $pid) = Processes::below($c->pid);
		$c->say('DELE 1');
		$c->cmd('QUIT');
		($home) = glob "$state/$name-*";
		my $deadline = time + 5;
		1 until -s $home || time > $deadline;
		kill 'KILL', $keeper, $pid;
		$c->exit_code;
		last if $journal = -s $home;
		spool(0755, 0, Dewey::mbox(map { "Subject: $_\n\n" .
		    ("$_" x 70 . "\n") x 3000 } 1 .. 40));
	}
	ok $journal, "$how: an UPDATE that was cut short" or next;
	# The journal may have been begun, and no more.
	my @both = map { my $first = $_; Dewey::mbox(map { "Subject: $_\n\n" .
	    ("$_" x 70 . "\n") x 3000 } $first .. 40) } 1, 2;
	if ($how eq '--recover') {
		my $text = `@{[Dewey::binary()]} --state-dir=$state --recover $box`;
		like $text, qr/is complete$|nothing to do$/m, '... is completed';
	} else {
		chown 0, $mail, $spool;
		chmod 02775, $spool if $how ne 'login';
		my ($reply, $c) = login();
		like $reply, qr/ (?:39|40) messages/, '... is completed';
		$c->say('QUIT');
		$c->exit_code;
	}
	is -s $home, 0, '... from there';
	my $now = Dewey::read_file($box);
	ok scalar(grep { $now eq $_ } @both), '... the mailbox is whole';
}

# ---- Why a maildrop is read-only

for my $case (
	['a sidecar of another user in a sticky spool', 01777, sub {
		chown $eve, $eve, Dewey::write_file("$spool/.$name.dewey", '',
		    0600);
	    }, qr/\.$name\.dewey beside it belongs to \Q@{[scalar getpwuid($eve) || $eve]}\E,/],
	['a sidecar that its owner cannot open', 02775, sub {
		chown $uid, $mail, Dewey::write_file("$spool/.$name.dewey", '',
		    0000);
		chmod 0000, "$spool/.$name.dewey";
	    }, qr/\.$name\.dewey beside it has mode 0000: chmod 0600/],
	['a mailbox that its owner cannot write', 02775, sub {
		chmod 0440, $box;
	    }, qr/cannot be opened for writing/],
	['a sidecar but no right to make a dot-lock', 0755, sub {
		chown $uid, $mail, Dewey::write_file("$spool/.$name.dewey", '',
		    0600);
	    }, qr/no dot-lock can be made/]) {
	my ($what, $mode, $do, $pattern) = @$case;
	spool($mode, $mode == 02775 ? $mail : 0);
	$do->();
	(undef, my $log, my $said) = remove([1]);
	is $said, $read_only, "$what: read-only";
	my @why = why($log);
	is scalar(@why), 1, '... says so once';
	like $why[0] // '', $pattern, '... and why';
}

# ---- What the spawner's umask does not do

for my $mask (0, 0777) {
	spool(02775, $mail);
	my $old = umask $mask;
	my ($answer) = remove([1]);
	umask $old;
	is $answer, '+OK dewey POP3 server signing off (2 messages left)',
	    sprintf 'umask %04o', $mask;
	is sprintf('%o', (stat "$spool/.$name.dewey")[2] & 07777), '600',
	    '... the sidecar\'s mode';
}

# ---- A limit of the size of files: shells count it in KiB

my @large = map { "Subject: $_\n\n" . ($_ x 63 . "\n") x 1000 } qw(a b c);
for my $limit (64, 140) {
	spool(02775, $mail, Dewey::mbox(@large));
	my $before = Dewey::read_file($box);
	my $c = Dewey->start('--host=dewey.example', '--fail-delay=0',
	    '--log=stderr', "--mailbox=$spool/%u", '--journal-window=4096',
	    { as_root => 1, wrapper => ['sh', '-c',
	    "ulimit -f \$(($limit * 2)) && exec \"\$@\"", 'sh'] });
	$c->greeting;
	$c->say("USER $name");
	like $c->say("PASS $password"), qr/^\+OK/, "ulimit -f, $limit KiB";
	$c->say('DELE 1');
	my $answer = $c->say('QUIT');
	$c->exit_code;
	if ($limit < 125) {
		is $answer, $left, '... less than what stays: nothing goes';
		ok Dewey::read_file($box) eq $before, '... all is as it was';
		like $c->stderr, qr/may not make files of that size/,
		    '... the log says why';
	} else {
		like $answer, qr/^\+OK.*2 messages left/, '... enough: it goes';
		ok Dewey::read_file($box) eq Dewey::mbox(@large[1, 2]),
		    '... the right one';
	}
	is -s "$spool/.$name.dewey", 0, '... no journal stays';
}

# ---- Names that end like a lock's

Accounts::add("$name.lock", password => $password,
    more => ['--badname']);
my $theirs = "$box.lock";
spool(02775, $mail);
chown scalar(getpwnam("$name.lock") // $eve), $mail,
    Dewey::write_file($theirs, '', 0660);
utime 1e9, 1e9, $theirs;
my ($reply, $s) = login();
like $reply, $busy, 'an empty mailbox that is called as the dot-lock';
ok -e $theirs, '... is not removed';
$s->close;
$s->exit_code;
like $s->stderr, qr/\Q$name.lock\E: is old, and belongs to uid/,
    '... the log says what is in the way';
SKIP: {
	skip 'this system has no such names', 1
	    unless defined getpwnam "$name.lock";
	my $c = start();
	$c->greeting;
	$c->say("USER $name.lock");
	like $c->say("PASS $password"), qr/^-ERR \[SYS\/PERM\]/,
	    '... and its owner is not served';
	$c->close;
	$c->exit_code;
	like $c->stderr, qr/is no name of a mailbox/, '... the log says why';
}
unlink $theirs;

# ---- No inode left, or no space, and somebody has the dot-lock

SKIP: {
	my $small = '/small';
	mkdir $small or die "$small: $!";
	skip 'no small file system', 1 unless Accounts::run('mount -t tmpfs -o '
	    . "mode=2775,gid=$mail,size=1m,nr_inodes=4 tmpfs $small");
	my $full = "$small/$name";
	chown $uid, $mail, Dewey::write_file($full, Dewey::mbox(@texts), 0660);
	Dewey::write_file("$full.lock", "4711\n", 0644);
	for my $i (1 .. 5) {
		open(my $fh, '>', "$small/filler$i") or last;
	}
	my ($reply, $c) = login("--mailbox=$small/%u");
	like $reply, $busy, 'no inode left: the dot-lock of another is held';
	ok -e "$full.lock", '... and stays';
	# In its place, so that none is left for ours.
	rename "$full.lock", "$small/filler";
	$c->say("USER $name");
	like $c->say("PASS $password"), qr/^\+OK/,
	    '... without it the other kinds are enough';
	is $c->say('DELE 3'), '+OK message 3 deleted', '... also to delete';
	like $c->say('QUIT'), qr/2 messages left/, '... at the end';
	ok Dewey::read_file($full) eq Dewey::mbox(@texts[0, 1]),
	    '... the right one';
	$c->exit_code;
	(undef, my $log, my $said) = remove([1], "--mailbox=$small/%u",
	    '--locks=dotlock');
	is $said, $read_only, '... dot-locks alone: read-only';
	is scalar(why($log)), 1, '... and says why';
	Accounts::run('umount', $small);
}

# ---- The end of the file: dma writes the empty line before each From_ line

{
	my @mails = map { "From dma\@b Mon Jan  1 00:00:00 2024\n$_" } @texts;
	spool(02775, $mail, join "\n", @mails);
	my (undef, $c) = login();
	my (undef, $ids) = $c->multi('UIDL');
	$c->say('DELE 3');
	$c->say('QUIT');
	$c->exit_code;
	ok Dewey::read_file($box) eq join("\n", @mails[0, 1]),
	    'a file whose last message has no empty line: ends as it did';
	open my $fh, '>>', $box or die "$box: $!";
	print {$fh} "\n$mails[2]";
	close $fh or die "$box: $!";
	(undef, $c) = login();
	my (undef, $now) = $c->multi('UIDL');
	is $now, $ids, '... and what stood before keeps its unique-id';
	$c->say('QUIT');
	$c->exit_code;
	# One message's own empty line is not taken for that.
	spool(02775, $mail, "$mails[0]\n\n$mails[1]");
	(undef, $c) = login();
	(undef, $ids) = $c->multi('UIDL');
	$c->say('DELE 2');
	$c->say('QUIT');
	$c->exit_code;
	(undef, $c) = login();
	(undef, $now) = $c->multi('UIDL');
	is $now, $ids =~ s/^2 .*\r\n//mr, '... nor does one that ends in one';
	$c->say('QUIT');
	$c->exit_code;
}

# ---- --check-config looks at the spool

spool(01777, 0);
chown $eve, $eve, Dewey::write_file("$spool/.$name.dewey", '', 0600);
my $text = `@{[Dewey::binary()]} --check-config --mailbox=$spool/%u`;
like $text, qr/\.$name\.dewey: belongs to \Q@{[scalar getpwuid($eve) || $eve]}\E,/, '--check-config: a foreign sidecar';
like $text, qr/\Q$spool\E: everybody can make files there/,
    '... and whoever can make one';
spool(0755, 0);
$text = `@{[Dewey::binary()]} --check-config --mailbox=$spool/%u --state-dir=none`;
like $text, qr/\Q$spool\E: .*read-only/, '... and a spool without a journal';
mkdir '/state/open' or die "/state/open: $!";
chmod 0777, '/state/open' or die "/state/open: $!";
Dewey::write_file('/state/file', '');
for my $case (['open', 1, 'others can write'], ['file', 1, 'is a file'],
    ['dewey', 0, 'is root\'s'], ['missing', 0, 'will be made']) {
	my ($dir, $bad, $what) = @$case;
	$text = `@{[Dewey::binary()]} --check-config --mailbox=$spool/%u --state-dir=/state/$dir`;
	is scalar(() = $text =~ m{^unwise: /state/$dir: .*read-only}mg), $bad,
	    "... a --state-dir that $what";
}
done_testing;
