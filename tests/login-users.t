#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# The users file: the shapes of its lines, which of them counts, and when the
# file is not believed; the lists of --allow and --deny; names that can be no
# maildrop.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use POSIX ();
use Test::More;

my $site = Dewey->site(mail => { map { $_ => Dewey::mbox("A: 1\n\ntext\n") }
    qw(mrose frated pat) });
my $dir = $site->dir;
my $users = "$dir/users";
my ($uid, $gid) = (Dewey::uid(), Dewey::gid());
my $refused = '-ERR [AUTH] name or credentials refused';
my $misconfigured = '-ERR [SYS/PERM] server is misconfigured';

sub hash {
	my ($password, $salt) = @_;
	return crypt $password, $salt // '$6$rounds=1000$salt';
}

# Logs in: (reply to PASS, standard error).
sub try {
	my ($name, $password, @flags) = @_;
	my $c = $site->start('--secrets=none', '--log=stderr', @flags);
	$c->greeting;
	$c->say("USER $name");
	my $reply = $c->say("PASS $password") // 'no reply';
	$c->say('QUIT');
	$c->exit_code;
	return ($reply =~ s/^\+OK .*/+OK/r, $c->stderr);
}

sub file { Dewey::write_file($users, join('', map { "$_\n" } @_), 0644) }

# The hashes of crypt(3), as far as this libcrypt knows them.
for my $with ([ 'sha512' => '$6$rounds=1000$saltsalt' ],
    [ 'sha256' => '$5$rounds=1000$saltsalt' ], [ 'md5' => '$1$saltsalt' ],
    [ 'yescrypt' => '$y$j75$saltsaltsaltsalt$' ],
    [ 'gost-yescrypt' => '$gy$j75$saltsaltsaltsalt$' ],
    [ 'scrypt' => '$7$5/..../....saltsalt$' ],
    [ 'bcrypt' => '$2b$04$abcdefghijklmnopqrstuu' ], [ 'des' => 'ab' ]) {
	my ($name, $salt) = @$with;
	my $hash = hash('secret', $salt);
	SKIP: {
		skip "crypt(3) does not know $name", 4
		    if !defined $hash || $hash =~ /^\*/;
		for my $prefix ('', '{CRYPT}') {
			file("mrose:$prefix$hash");
			is +(try('mrose', 'secret'))[0], '+OK',
			    "$name $prefix";
			is +(try('mrose', 'Secret'))[0], $refused,
			    "$name $prefix: another password";
		}
	}
}

# What is no hash.
for my $hash ('', '*', '!', 'x', '!!', 'secret', '*0', '*1', '!' .
    hash('secret'), '*' . hash('secret'), '{PLAIN}secret', '$6$', '$9$x$y',
    '{crypt', ' ' . hash('secret'), hash('secret') . ' ',
    hash('secret') . 'x', substr(hash('secret'), 0, -1)) {
	file("mrose:$hash");
	for my $password ('secret', '', $hash) {
		next if $password =~ /\*$/;
		is +(try('mrose', $password))[0], $refused,
		    "hash '" . ($hash =~ s/(.{12}).*/$1.../r) .
		    "', password '" . ($password =~ s/(.{12}).*/$1.../r) . "'";
	}
}

# Lines.
my $hash = hash('secret');
for my $line ("mrose:$hash", "mrose:${hash}:", "mrose:${hash}:::::",
    "mrose:${hash}:${uid}:$gid", "mrose:${hash}:${uid}:${gid}:M. Rose:/home:/bin/sh",
    "mrose:${hash}:${uid}:${gid}:::", "mrose:${hash}:::M. Rose:/home:/bin/sh",
    "mrose:{CRYPT}${hash}:${uid}:${gid}::/home:", "mrose:$hash\r",
    "# mrose:x\nmrose:$hash", "\n\n\nmrose:$hash",
    "frated:x\nmrose:$hash\npat:x") {
	file($line);
	my ($reply, $log) = try('mrose', 'secret');
	is $reply, '+OK', $line =~ s/\$6\S{20}\K[^:]*//r =~ s/\n/\\n/gr;
	unlike $log, qr/skipped/, 'nothing to complain about';
}
Dewey::write_file($users, "mrose:$hash");
is +(try('mrose', 'secret'))[0], '+OK', 'no newline at the end';

# Other uids are refused, and 0 is.
for my $ids (($uid + 1) . ":$gid", "0:$gid", '0:0', "4294967296:$gid",
    (4294967296 + $uid) . ":$gid") {
	file("mrose:${hash}:${ids}:::", "frated:$hash");
	is +(try('mrose', 'secret'))[0], $refused, "uid:gid $ids";
	is +(try('frated', 'secret'))[0], '+OK', 'the next line counts';
}

# The first line of a name wins, and names are compared octet for octet.
file("mrose:" . hash('first'), "mrose:$hash");
is +(try('mrose', 'first'))[0], '+OK', 'the first line wins';
is +(try('mrose', 'secret'))[0], $refused, 'the second does not count';
file("mrose:!:${uid}:$gid", "mrose:$hash");
is +(try('mrose', 'secret'))[0], $refused, 'a locked first line wins too';
file("Mrose:$hash", " mrose:$hash", "mrose :$hash", "mros:$hash",
    "mrosee:$hash", "#mrose:$hash");
is +(try('mrose', 'secret'))[0], $refused, 'no other name counts';

# Malformed lines are skipped and logged with their numbers.
my @malformed = ('mrose', ":$hash", "mrose:${hash}:x:$gid", "mrose:${hash}:${uid}:x",
    "mrose:${hash}:-1:$gid", "mrose:${hash}:$uid", "mrose:${hash}: ${uid}:$gid",
    "mrose:${hash}:4294967295:$gid", 'mrose:' . 'x' x 1500,
    "mrose:$hash\0x", "mr\0ose:$hash", 'x' x 5000);
for my $i (0 .. $#malformed) {
	file('# comment', '', "frated:$hash", $malformed[$i], "mrose:$hash");
	my ($reply, $log) = try('mrose', 'secret');
	my $name = $malformed[$i] =~ s/\0/\\0/gr
	    =~ s/\$6\S{20}\K[^:\\]*//r =~ s/(.{40}).*/$1.../r;
	is $reply, '+OK', "malformed: $name: the next line counts";
	like $log, qr/\Q$users:4: \E.*skipped/, 'malformed: logged';
	is scalar(() = $log =~ /skipped/g), 1, 'malformed: once';
	unlike $log, qr/xxxxx|\Q$hash\E/, 'malformed: not its content';
	($reply, $log) = try('frated', 'secret');
	is $reply, '+OK', 'malformed: a line before it counts';
}

# The file itself.
sub unbelieved {
	my ($why, $name) = @_;
	my ($reply, $log) = try('mrose', 'secret');
	is $reply, $misconfigured, "$name: PASS";
	like $log, qr/\Q$users\E: .*$why/, "$name: the log";
	# It is no try: the session goes on after three of them.
	my $c = $site->start('--secrets=none');
	$c->greeting;
	for (1 .. 4) {
		$c->say('USER mrose');
		is $c->say('PASS secret'), $misconfigured, "$name: no try";
	}
	is $c->say('QUIT'), '+OK dewey POP3 server signing off',
	    "$name: QUIT";
}
file("mrose:$hash");
for my $mode (0644, 0444, 0600, 0440, 0604) {
	chmod $mode, $users;
	is +(try('mrose', 'secret'))[0], '+OK', sprintf 'mode %04o', $mode;
}
chmod 0664, $users;
unbelieved('written', 'writable by the group');
chmod 0642, $users;
unbelieved('written', 'writable by everybody');
SKIP: {
	skip 'only root can give files away', 18 if $>;
	chmod 0644, $users;
	chown 1, 1, $users;
	unbelieved('another user', 'of another user');
	chown 0, 0, $users;
	is +(try('mrose', 'secret'))[0], '+OK', 'of root';
	chmod 0600, $users;
	unbelieved('denied', 'unreadable');
}
rename $users, "$users.real" or die $!;
unbelieved('No such file', 'missing');
symlink "$users.real", $users or die $!;
unbelieved('symbolic link', 'a symbolic link');
unlink $users;
mkdir $users;
unbelieved('regular', 'a directory');
rmdir $users;
POSIX::mkfifo($users, 0600);
Dewey::give($users);
unbelieved('regular', 'a FIFO');
unlink $users;

# Names that cannot be a maildrop never reach the file system, even if they
# are in the file.
my @names = ('../mrose', 'x/mrose', '/mrose', '.mrose', '.', '..', 'x/../mrose',
    'x' x 65);
file(map { "$_:$hash" } @names, 'x' x 64, "m\xf6se", 'a@b.example');
for my $name (@names) {
	my ($reply, $log) = try($name, 'secret');
	is $reply, $refused, "no name: " . ($name =~ s/(.{20}).*/$1.../r);
	unlike $log, qr/spool/, 'the file system is not asked';
}
is +(try('x' x 64, 'secret'))[0], '+OK', 'a name of 64 octets';
is +(try("m\xf6se", 'secret'))[0], '+OK', 'an 8-bit name';
is +(try('a@b.example', 'secret'))[0], '+OK', 'a name with @';

# --allow and --deny.
file("mrose:$hash", "frated:$hash");
my ($allow, $deny) = ("$dir/allow", "$dir/deny");
Dewey::write_file($allow, "# who may\n\n  mrose\t\nmr\0x\n" . 'y' x 3000 .
    "\nfrat\nFrated\n", 0644);
Dewey::write_file($deny, "frated", 0644);
is +(try('mrose', 'secret', "--allow=$allow"))[0], '+OK', '--allow: named';
is +(try('frated', 'secret', "--allow=$allow"))[0], $refused,
    '--allow: not named';
is +(try('mrose', 'secret', "--deny=$deny"))[0], '+OK', '--deny: not named';
is +(try('frated', 'secret', "--deny=$deny"))[0], $refused, '--deny: named';
is +(try('mrose', 'secret', "--allow=$allow", "--deny=$deny"))[0], '+OK',
    'both: allowed and not denied';
is +(try('mrose', 'secret', "--allow=$allow", "--deny=$allow"))[0], $refused,
    'both: denied wins';
is +(try('mrose', 'secret', "--allow=$dir/none"))[0], $misconfigured,
    '--allow: a missing file lets nobody in';
is +(try('mrose', 'secret', "--deny=$dir/none"))[0], $misconfigured,
    '--deny: nor does this';
chmod 0666, $deny;
is +(try('mrose', 'secret', "--deny=$deny"))[0], $misconfigured,
    '--deny: nor a file that everybody writes';
Dewey::write_file($allow, '');
is +(try('mrose', 'secret', "--allow=$allow"))[0], $refused,
    '--allow: an empty file lets nobody in';

# ... whatever a client calls the user.
file("mrose:$hash", "frated:$hash");
Dewey::write_file($deny, "frated\n", 0600);
my @names = ('--name-case=lower', '--strip-domain=a.example, b.example');
for my $name (qw(mrose MRose mrose@a.example MROSE@B.Example)) {
	is +(try($name, 'secret', "--deny=$deny", @names))[0], '+OK',
	    "$name is mrose";
	is +(try($name =~ s/mrose/frated/ir, 'secret', "--deny=$deny",
	    @names))[0], $refused, '... and frated is denied';
}
is +(try('mrose@c.example', 'secret', @names))[0], $refused, 'another domain';
is +(try('MRose', 'secret'))[0], $refused, 'capitals, unless it is wanted';
is +(try('mrose@a.example', 'secret'))[0], $refused, 'a domain, the same';

# Lists hold for APOP too.
Dewey::write_file("$dir/secrets", "mrose:tanstaaf\nfrated:tanstaaf\n", 0600);
Dewey::write_file($allow, "mrose\n");
my $c = $site->start("--allow=$allow");
is $c->apop('frated', 'tanstaaf'), $refused, '--allow: APOP, not named';
is $c->apop('mrose', 'tanstaaf'), '+OK maildrop has 1 message (14 octets)',
    '--allow: APOP, named';
$c->say('QUIT');
$c = $site->start('--hide-users=no', "--allow=$allow", '--secrets=none');
$c->greeting;
is $c->say('USER frated'), '-ERR [AUTH] sorry, no mailbox for frated here',
    '--allow: USER, not named';

done_testing;
