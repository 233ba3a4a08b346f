#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# The mailbox as a file: how its name is made, what is refused and never
# touched, the session lock, --read-only, and what UPDATE leaves as it was.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Fcntl qw(:flock);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

my @texts = ("A: 1\n\none\n", "B: 2\n\ntwo\n", "C: 3\n\nthree\n");
my $mbox = Dewey::mbox(@texts);
my ($uid, $gid) = (Dewey::uid(), Dewey::gid());
my $perm = '-ERR [SYS/PERM] maildrop';
my $hash = crypt 'secret', '$6$rounds=1000$salt';

sub names {
	my ($dir) = @_;
	opendir my $dh, $dir or die "$dir: $!";
	return join ' ', sort grep { !/^\.\.?$/ } readdir $dh;
}

# Logs ${name} in at ${site} and returns (session, reply).
sub enter {
	my ($site, $name, @more) = @_;
	my $c = $site->start('--secrets=none', @more);
	$c->greeting;
	$c->say("USER $name");
	return ($c, $c->say('PASS secret'));
}

# ---- The template.
{
	my $site = Dewey->site;
	my $dir = $site->dir;
	Dewey::write_file("$dir/users", join '', map { "$_\n" }
	    "mrose:$hash", "m.rose\@b.example:$hash",
	    "home:$hash:$uid:${gid}::$dir/home:",
	    "relative:$hash:$uid:${gid}::home:", "nohome:$hash:$uid:${gid}:::",
	    map { "$_:$hash" } 'a@', '@b', 'a@b@c', 'a@..', 'a@.b', 'a%u');
	my $served = sub {
		my ($name, $template, $path) = @_;
		my $at = '';
		for my $part (split m{/}, $path) {
			next if $part eq '';
			$at .= "/$part";
			next if $at eq $path || -d $at;
			mkdir $at or die "$at: $!";
			Dewey::give($at);
		}
		Dewey::write_file($path, $mbox);
		my ($c, $reply) = enter($site, $name, "--mailbox=$template");
		like $reply // '', qr/^\+OK .*has 3 messages/,
		    "$name, " . ($template =~ s/\Q$dir\E/DIR/r);
		$c->say('QUIT');
		unlink $path or die "$path: $!";
	};
	$served->('mrose', "$dir/a/%u", "$dir/a/mrose");
	$served->('mrose', "$dir/f/%u/%u.mbox", "$dir/f/mrose/mrose.mbox");
	$served->('mrose', "$dir/a/%n%d", "$dir/a/mrose");
	$served->('mrose', "$dir/b/x%dy/%n", "$dir/b/xy/mrose");
	my $long = 'm.rose@b.example';
	$served->($long, "$dir/c/%u", "$dir/c/$long");
	$served->($long, "$dir/c/%d/%n", "$dir/c/b.example/m.rose");
	$served->($long, "$dir/c/%d-%n-%u", "$dir/c/b.example-m.rose-$long");
	$served->($long, "$dir/c/%%u/%%%n", "$dir/c/%u/%m.rose");
	$served->('home', '%h/mbox', "$dir/home/mbox");
	$served->('home', '%h/Mail/%u', "$dir/home/Mail/home");
	# What the name brings is not expanded again.
	$served->('a%u', "$dir/a/%u", "$dir/a/a%u");
	$served->('a@b@c', "$dir/d/%d/%n", "$dir/d/b\@c/a");

	for my $with ([ 'relative', '%h/mbox' ], [ 'nohome', '%h/mbox' ],
	    [ 'nohome', '%h' ], [ 'mrose', '%h/mbox' ],
	    [ 'mrose', "$dir/a/%d" ], [ '@b', "$dir/a/%n" ],
	    [ 'a@', "$dir/a/%d" ]) {
		my ($name, $template) = @$with;
		my ($c, $reply) = enter($site, $name, "--mailbox=$template",
		    '--log=stderr');
		like $reply, qr/^-ERR \[SYS\/PERM\] /,
		    "$name, " . ($template =~ s/\Q$dir\E/DIR/r);
		is $c->say('QUIT'), '+OK dewey POP3 server signing off',
		    'the session goes on';
	}

	# A part of the name must not lead out of its directory, nor to a
	# hidden file: those beside the mailboxes are dewey's own.
	mkdir "$dir/e" or die $!;
	Dewey::give("$dir/e");
	Dewey::write_file("$dir/a/a", $mbox);
	mkdir "$dir/a/in" or die $!;
	Dewey::give("$dir/a/in");
	for my $with ([ 'a@..', "$dir/a/in/%d/%n" ], [ 'a@.b', "$dir/e/%d" ]) {
		my ($name, $template) = @$with;
		my ($c, $reply) = enter($site, $name, "--mailbox=$template");
		like $reply, qr/^-ERR /, "$name does not leave its directory";
		$c->say('QUIT');
	}
}

# ---- What is refused, at once, and never modified.
my $site = Dewey->site(users => { mrose => 'secret', pat => 'secret' },
    mail => { mrose => $mbox });
my $dir = $site->dir;
my $box = $site->mailbox('mrose');
my $sidecar = "$dir/spool/.mrose.dewey";

sub refused {
	my ($reply, $name, @more) = @_;
	my $begin = time;
	my ($c, $got) = enter($site, 'mrose', @more);
	is $got, $reply, $name;
	cmp_ok time - $begin, '<', Dewey::slow() ? 60 : 5, "$name: at once";
	is $c->say('STAT'), '-ERR STAT is not valid in the AUTHORIZATION state',
	    "$name: still in AUTHORIZATION";
	is $c->say('QUIT'), '+OK dewey POP3 server signing off',
	    "$name: QUIT";
	is $c->exit_code, 0, "$name: exit code";
}

sub accepted {
	my ($name, @more) = @_;
	my ($c, $got) = enter($site, 'mrose', @more);
	is $got, "+OK mrose's maildrop has 3 messages (41 octets)", $name;
	return $c;
}

accepted('a mailbox')->say('QUIT');
refused("$perm has no directory to be in", 'a missing directory',
    "--mailbox=$dir/none/%u");
refused("$perm has no directory to be in", 'a file for a directory',
    "--mailbox=$dir/users/%u");
ok !-e "$dir/none", 'a missing directory is not made';
refused("$perm is not a regular file", 'a directory', "--mailbox=$dir/spool");
refused("$perm is not a regular file", 'a device', '--mailbox=/dev/zero');
refused("$perm is not a regular file", 'a terminal', '--mailbox=/dev/tty')
    if -c '/dev/tty';
rename $box, "$dir/real" or die $!;
is names("$dir/spool"), '.mrose.dewey', 'nothing but the sidecar was made';
POSIX::mkfifo($box, 0600);
Dewey::give($box);
refused("$perm is not a regular file", 'a FIFO');
unlink $box;
{
	require IO::Socket::UNIX;
	my $s = IO::Socket::UNIX->new(Local => $box, Listen => 1);
	Dewey::give($box);
	refused("$perm is not a regular file", 'a socket');
	unlink $box;
}
rename "$dir/real", $box or die $!;
for my $mode (0602, 0606, 0666, 0622, 0777) {
	chmod $mode, $box;
	if ($mode & 02) {
		refused("$perm has an unsafe owner or mode",
		    sprintf 'mode %04o', $mode);
	}
}
for my $mode (0600, 0640, 0660, 0644, 0700) {
	chmod $mode, $box;
	accepted(sprintf 'mode %04o', $mode)->say('QUIT');
}
chmod 0600, $box;
is Dewey::read_file($box), $mbox, 'none of this wrote to it';
SKIP: {
	skip 'only root can give files away', 1 if $>;
	chmod 0664, $box;
	chown 1, $gid, $box;
	refused("$perm has an unsafe owner or mode", 'another owner');
	chown 0, $gid, $box;
	refused("$perm has an unsafe owner or mode", 'root\'s');
	Dewey::write_file($box, $mbox);

	# Links.
	rename $box, "$dir/real" or die $!;
	symlink "$dir/real", $box;
	system('chown', '-h', "1:1", $box) == 0 or die 'chown -h';
	refused("$perm has an unsafe owner or mode", 'a link of another user');
	system('chown', '-h', "$uid:$gid", $box) == 0 or die 'chown -h';
	accepted('a link of the user\'s')->say('QUIT');
	chown 1, $gid, "$dir/real";
	chmod 0660, "$dir/real";
	refused("$perm has an unsafe owner or mode",
	    'a link to a file of another user');
	Dewey::give("$dir/real");
	unlink $box;
	rename "$dir/real", $box or die $!;
}
rename $box, "$dir/real" or die $!;
symlink "$dir/real", $box;
accepted('a link of root\'s or the user\'s')->say('QUIT');
unlink $box;
symlink "$dir/nowhere", $box;
{
	my ($c, $reply) = enter($site, 'mrose');
	is $reply, "+OK mrose's maildrop has 0 messages (0 octets)",
	    'a dangling link is a missing mailbox';
	$c->say('QUIT');
	ok !-e "$dir/nowhere", 'which is not made';
}
unlink $box;
symlink $box, $box;
refused("$perm is not a regular file", 'a link to itself');
unlink $box;
symlink $dir, $box;
refused("$perm is not a regular file", 'a link to a directory');
unlink $box;
rename "$dir/real", $box or die $!;
accepted('the mailbox again')->say('QUIT');

# ---- The sidecar.
my @st = lstat $sidecar;
ok -f _, 'the sidecar is a regular file';
is sprintf('%04o', $st[2] & 07777), '0600', 'mode 0600';
is $st[4], $uid, 'of the user';
is $st[7], 0, 'empty';
is names("$dir/spool"), '.mrose.dewey mrose', 'and no other file is left';
unlink $sidecar;
symlink "$dir/victim", $sidecar;
refused("$perm has an unsafe owner or mode", 'a link for a sidecar');
ok !-e "$dir/victim", 'is not followed';
unlink $sidecar;
Dewey::write_file("$dir/victim", 'precious');
link "$dir/victim", $sidecar or die $!;
refused("$perm has an unsafe owner or mode", 'a hard link for a sidecar');
is Dewey::read_file("$dir/victim"), 'precious', 'is not written to';
unlink $sidecar;
Dewey::write_file($sidecar, '', 0644);
refused("$perm has an unsafe owner or mode", 'a sidecar that others can read');
unlink $sidecar;
mkdir $sidecar;
Dewey::give($sidecar);
{
	my ($c, $reply) = enter($site, 'mrose');
	like $reply, qr/^-ERR \[SYS\//, 'a directory for a sidecar';
	$c->say('QUIT');
	rmdir $sidecar;
}
POSIX::mkfifo($sidecar, 0600);
Dewey::give($sidecar);
{
	my ($c, $reply) = enter($site, 'mrose');
	like $reply, qr/^-ERR \[SYS\//, 'a FIFO for a sidecar';
	$c->say('QUIT');
	unlink $sidecar;
}
SKIP: {
	skip 'only root can give files away', 1 if $>;
	Dewey::write_file($sidecar, '');
	chown 1, $gid, $sidecar;
	my ($c, $reply) = enter($site, 'mrose');
	like $reply, qr/^-ERR \[SYS\/PERM\]|^\+OK/,
	    'a sidecar of another user';
	isnt $c->say('DELE 1'), '+OK message 1 deleted', 'deletes nothing'
	    if $reply =~ /^\+OK/;
	$c->say('QUIT');
	unlink $sidecar;
}
is Dewey::read_file($box), $mbox, 'none of this wrote to the mailbox';

# ---- The session lock: who holds it, and when it is free again.
my $in_use = '-ERR [IN-USE] maildrop already locked';
for my $with ([ QUIT => sub { $_[0]->say('QUIT') } ],
    [ 'end of input' => sub { $_[0]->close_write } ],
    [ 'a lost client' => sub { $_[0]->close } ],
    [ 'TERM' => sub { $_[0]->kill('TERM') } ],
    [ 'KILL' => sub { $_[0]->kill('KILL') } ]) {
	my ($how, $end) = @$with;
	my $first = accepted('the first session');
	$first->say('DELE 1') if $how ne 'QUIT';
	my $begin = time;
	my ($second, $reply) = enter($site, 'mrose');
	is $reply, $in_use, 'the second is told at once';
	cmp_ok time - $begin, '<', 5, '... really' unless Dewey::slow();
	my ($third, $other) = enter($site, 'pat');
	like $other, qr/^\+OK/, 'another user is not kept out';
	is $first->say('STAT') =~ s/ \d+\z//r,
	    $how eq 'QUIT' ? '+OK 3' : '+OK 2', 'the first goes on';
	$end->($first);
	$first->exit_code;
	my $again;
	# A process that is killed may have others, which notice soon.
	my $tries = $how eq 'KILL' ? 20 : 1;
	for (1 .. $tries) {
		$second->say('USER mrose');
		$again = $second->say('PASS secret');
		last if $again ne $in_use;
		sleep 0.1;
	}
	is $again, "+OK mrose's maildrop has 3 messages (41 octets)",
	    "free after $how, and nothing was deleted";
	$_->say('QUIT') for $second, $third;
	$second->exit_code;
}
{
	my $first = accepted('read-only', '--read-only');
	my ($c, $reply) = enter($site, 'mrose');
	is $reply, $in_use, 'a read-only session keeps others out';
	$c->say('QUIT');
	$first->say('QUIT');
	$first->exit_code;
	$first = accepted('writing');
	($c, $reply) = enter($site, 'mrose', '--read-only');
	is $reply, $in_use, 'and is kept out';
	$c->say('QUIT');
	$first->say('QUIT');
	$first->exit_code;
}
{
	# flock(2) on the sidecar is the lock: of whoever holds it.
	open my $fh, '+<', $sidecar or die "$sidecar: $!";
	flock $fh, LOCK_EX | LOCK_NB or die "flock: $!";
	my ($c, $reply) = enter($site, 'mrose');
	is $reply, $in_use, 'the lock is flock(2) on the sidecar';
	close $fh;
	$c->say('USER mrose');
	like $c->say('PASS secret'), qr/^\+OK/, 'free when it is closed';
	$c->say('QUIT');
	# A sidecar that was removed is made again.
	unlink $sidecar;
	accepted('the sidecar was removed')->say('QUIT');
	ok -e $sidecar, 'it is made again';
}

# ---- Read-only, asked for or for lack of rights.
my $denied = '-ERR [SYS/PERM] maildrop is read-only';
sub read_only {
	my ($name, @more) = @_;
	my $c = accepted($name, @more);
	is $c->say('DELE 1'), $denied, "$name: DELE";
	is $c->say('DELE 9'), $denied, "$name: DELE of no message"
	    if $name eq '--read-only';
	is $c->unstuffed('RETR 2'), "B: 2\r\n\r\ntwo\r\n", "$name: RETR";
	is $c->say('RSET'), '+OK maildrop has 3 messages (41 octets)',
	    "$name: RSET";
	is $c->say('QUIT'),
	    '+OK dewey POP3 server signing off (3 messages left)',
	    "$name: QUIT";
	is $c->exit_code, 0, "$name: exit code";
}
read_only('--read-only', '--read-only');
unlink $sidecar;
read_only('--read-only, no sidecar', '--read-only');
ok !-e $sidecar, '--read-only makes none';
chmod 0400, $box;
read_only('a mailbox that cannot be written');
chmod 0600, $box;
unlink $sidecar;
chmod 0500, "$dir/spool";
read_only('a directory that cannot be written');
chmod 0700, "$dir/spool";
is Dewey::read_file($box), $mbox, 'nothing was written';
is names("$dir/spool"), 'mrose', 'or made';

# ---- What UPDATE leaves as it was.
for my $mode (0600, 0640, 0660) {
	for my $with ([ 'the first' => [ 1 ] ], [ 'the last' => [ 3 ] ],
	    [ 'one between' => [ 2 ] ], [ 'two' => [ 1, 3 ] ],
	    [ 'all' => [ 1, 2, 3 ] ]) {
		my ($which, $deleted) = @$with;
		Dewey::write_file($box, $mbox, $mode);
		unlink "$box.link";
		link $box, "$box.link" or die $!;
		my @before = stat $box;
		my $c = accepted(sprintf 'mode %04o, %s', $mode, $which);
		$c->say("DELE $_") for @$deleted;
		like $c->say('QUIT'), qr/^\+OK/, 'QUIT';
		is $c->exit_code, 0, 'exit code';
		my @after = stat $box;
		my %gone = map { $_ => 1 } @$deleted;
		is Dewey::read_file($box), Dewey::mbox(map { $texts[$_ - 1] }
		    grep { !$gone{$_} } 1 .. 3), 'the others are left';
		is_deeply [ @after[0 .. 5] ], [ @before[0 .. 5] ],
		    'device, inode, mode, links, owner, group';
		is -s $sidecar, 0, 'the journal is empty';
		is names("$dir/spool"), '.mrose.dewey mrose mrose.link',
		    'no file is left behind';
	}
}
unlink "$box.link";

# Nothing is written, not even a time stamp, by a session that deletes nothing.
Dewey::write_file($box, $mbox);
utime 1000000000, 1000000000, $box;
my @before = stat $box;
for my $end ([ 'QUIT' ], [ 'DELE 1', 'RSET', 'QUIT' ], [ 'DELE 1' ]) {
	my $c = accepted("@$end");
	$c->multi('UIDL');
	$c->multi('RETR 1');
	$c->say($_) for @$end;
	$c->close;
	$c->exit_code;
	my @after = stat $box;
	is_deeply [ @after[0 .. 7, 9, 10] ], [ @before[0 .. 7, 9, 10] ],
	    '... leaves size, mtime and ctime alone';
}

done_testing;
