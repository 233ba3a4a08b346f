#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Started by root for real accounts: every kind of hash lets in, every kind of
# closed account does not; users files, lists, secrets; /var/mail as Debian
# ships it works whole, also for a session in one packet, and signals end it.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Accounts;
use Processes;
use Test::More;
use Fcntl ();
use Digest::MD5 qw(md5_hex);
use Time::HiRes qw(time);

Accounts::enter();

my $refused = qr/^-ERR \[AUTH\] /;
my $mail = Dewey::mbox("Subject: one\n\nbody\n", "Subject: two\n\nbody\n",
    "Subject: three\n\nbody\n");
my $mailgroup = getgrnam 'mail';

# USER and PASS on an open session; returns the answer to PASS.
sub try {
	my ($c, $name, $password) = @_;
	$c->say("USER $name");
	return $c->say("PASS $password") // 'end of stream';
}

# ... on one of its own.
sub answer {
	my ($name, $password, @flags) = @_;
	my $c = Accounts::start(@flags);
	$c->greeting;
	my $reply = try($c, $name, $password);
	$c->cmd('QUIT');
	$c->exit_code;
	return $reply;
}

# Every process of a session has ended.
sub all_gone {
	my ($c, @pids) = @_;
	return eval { $c->wait_for(sub { !grep { -e "/proc/$_" } @pids }) };
}

# ---- Hashes

my %hash = Accounts::hashes('hoopy frood');
cmp_ok scalar(keys %hash), '>=', 5, 'crypt(3) knows enough kinds of hashes';
my $serial = 0;
for my $kind (sort keys %hash) {
	my $name = 'dwhash' . $serial++;
	Accounts::add($name, hash => $hash{$kind}, mail => $mail);
	like answer($name, 'hoopy frood'), qr/^\+OK \Q$name\E's maildrop has 3 /,
	    "a $kind hash lets in";
	like answer($name, 'hoopy froof'), $refused, '... its password alone'
	    if $kind !~ /^des$/;	# which looks at 8 octets only
	like answer($name, 'Hoopy frood'), $refused, '... case counts';
}

# ---- Accounts that let nobody in

my $password = 'tanstaaf';
my %closed = (
	locked => sub { ['passwd', '-q', '-l', $_[0]] },
	'locked by usermod' => sub { ['usermod', '-L', $_[0]] },
	expired => sub { ['chage', '-E', '2020-01-01', $_[0]] },
	'expired on day 0' => sub { ['chage', '-E', '0', $_[0]] },
	'of an old password' => sub {
		['chage', '-d', '2020-01-01', '-M', '30', $_[0]]
	},
	'of a password to be changed' => sub { ['chage', '-d', '0', $_[0]] },
	'of an empty password' => sub { ['passwd', '-q', '-d', $_[0]] },
	'with a star' => sub { ['usermod', '-p', '*', $_[0]] },
	'with an exclamation mark' => sub { ['usermod', '-p', '!', $_[0]] },
	'with a star before a hash' => sub {
		['usermod', '-p', '*' . Accounts::sha512($password), $_[0]]
	},
	'with a word instead of a hash' => sub {
		['usermod', '-p', $password, $_[0]]
	},
);
for my $what (sort keys %closed) {
	my $name = 'dwclosed' . $serial++;
	Accounts::add($name, password => $password, mail => $mail);
	like answer($name, $password), qr/^\+OK/, "an account to be $what"
	    if $what =~ /^locked$|^expired$|old/;
	Accounts::run(@{ $closed{$what}->($name) }) or die "$what";
	for my $try ($password, '', '*', '!', 'x') {
		like answer($name, $try), $refused,
		    "an account $what, password `$try'";
	}
}
Accounts::add('dwfresh', password => $password, mail => $mail);
Accounts::run('chage', '-d', '2020-01-01', '-M', '99999', '-E', '2100-01-01',
    'dwfresh');
like answer('dwfresh', $password), qr/^\+OK/, 'an end that is still to come';

Accounts::add('dwtoor', password => $password, mail => $mail,
    more => ['-o', '-u', '0']);
like answer('dwtoor', $password), $refused, 'uid 0 is refused';
Accounts::run('usermod', '-p', Accounts::sha512($password), 'root');
like answer('root', $password), $refused, '... and so is root';
like answer('dwnobody', $password), $refused, 'an account that is not there';

# Writes a file of root's in /etc.
sub etc {
	my ($name, $octets) = @_;
	chown 0, 0, Dewey::write_file("/etc/$name", $octets, 0644);
}

# What no tool of the system writes, but an administrator may.
{
	my ($uid, $gid) = (Accounts::uid('dwfresh'), Accounts::gid('dwfresh'));
	my $hash = Accounts::sha512($password);
	my ($passwd, $shadow) = map { Dewey::read_file("/etc/$_") }
	    qw(passwd shadow);
	my $last = ':18000:0:99999:7:::';
	# What, password and ids in passwd, lines in shadow.
	for my $row (['a usual one', "x:$uid:$gid", "NAME:$hash$last", 1],
	    ['a hash in passwd', "$hash:$uid:$gid", '', 1],
	    ['a hash in passwd, another in shadow', "$hash:$uid:$gid",
		"NAME:!$last", 1],
	    ['locked in passwd', "!:$uid:$gid", "NAME:$hash$last", 0],
	    ['a star in passwd', "*:$uid:$gid", "NAME:$hash$last", 0],
	    ['no password in passwd', ":$uid:$gid", "NAME:$hash$last", 0],
	    ['no line in shadow', "x:$uid:$gid", '', 0],
	    ['a comment in shadow', "x:$uid:$gid", "#NAME:$hash$last", 0],
	    ['two lines, the first is locked', "x:$uid:$gid",
		"NAME:!$last\nNAME:$hash$last", 0],
	    ['two lines, the first is open', "x:$uid:$gid",
		"NAME:$hash$last\nNAME:!$last", 1],
	    ['an x in shadow', "x:$uid:$gid", "NAME:x$last", 0],
	    ['three numbers', "x:$uid:$gid", "NAME:$hash:18000:0:99999", 1],
	    ['uid -1', "x:4294967295:$gid", "NAME:$hash$last", 0],
	    ['gid -1', "x:$uid:4294967295", "NAME:$hash$last", 0]) {
		my ($what, $ids, $line, $in) = @$row;
		my $name = 'dwodd' . $serial++;
		etc('passwd', $passwd . "$name:$ids" . "::/:/x\n");
		etc('shadow', $shadow . $line =~ s/NAME/$name/gr . "\n");
		Dewey::write_file(Accounts::mailbox($name), $mail, 0600);
		chown $uid, $gid, Accounts::mailbox($name);
		like answer($name, $password), $in ? qr/^\+OK/ : $refused,
		    "an account by hand: $what";
	}
	etc('passwd', $passwd);
	etc('shadow', $shadow);
	rename '/etc/shadow', '/etc/elsewhere';
	symlink '/etc/elsewhere', '/etc/shadow';
	my $c = Accounts::start();
	$c->greeting;
	# RFC 3206 section 4: no fault of the credentials.
	my $misconfigured = qr/^-ERR \[SYS\/PERM\] /;
	like try($c, 'dwfresh', $password), $misconfigured,
	    'a shadow file that is not believed';
	like try($c, 'dwnobody', $password), $misconfigured,
	    '... and does not tell who is there';
	$c->say('QUIT');
	$c->exit_code;
	like $c->stderr, qr{ /etc/shadow: is a symbolic link}, '... logged';
	unlink '/etc/shadow';
	$c = Accounts::start();
	$c->greeting;
	like try($c, $_, $password), $refused, "no shadow file at all: $_"
	    for qw(dwfresh dwnobody);
	$c->say('QUIT');
	$c->exit_code;
	rename '/etc/elsewhere', '/etc/shadow';
}

# ---- One connection, several tries

Accounts::add('dwmrose', password => $password, mail => $mail);
Accounts::add('dwfrated', password => 'hoopy');
{
	my $c = Accounts::start();
	like $c->greeting, qr/^\+OK POP3 server ready$/,
	    'no secrets file, no timestamp';
	like try($c, 'dwmrose', 'wrong'), $refused, 'a wrong password';
	like try($c, 'dwmrose', 'wrong'), $refused, '... twice';
	is try($c, 'dwmrose', $password),
	    "+OK dwmrose's maildrop has 3 messages (68 octets)",
	    'the third password is right';
	is $c->say('STAT'), '+OK 3 68', 'STAT';
	is $c->say('QUIT'),
	    '+OK dewey POP3 server signing off (3 messages left)', 'QUIT';
	is $c->exit_code, 0, 'exit code of the monitor';
	like $c->stderr, qr/^dewey\[\d+\]:\ refused\ login\ peer=pipe\ method=pass
	    \ try=2\ user=dwmrose$/mx, 'refused logins are logged';
	like $c->stderr, qr/user=dwmrose .* end=quit$/m, '... and the session';
}
{
	my $c = Accounts::start();
	$c->greeting;
	try($c, 'dwmrose', 'wrong') for 1 .. 2;
	like try($c, 'dwmrose', 'wrong'), $refused, 'the third wrong password';
	is $c->rest, '', '... ends the session';
	is $c->exit_code, 1, '... exit code 1';
	like $c->stderr, qr/user=- .* end=auth-failed$/m, '... logged';
}

# A fault of one maildrop leads back to AUTHORIZATION, for another login too.
{
	Accounts::add('dwnotmbox', password => $password,
	    mail => "This is no mbox.\n");
	Accounts::add('dwforeign', password => $password, mail => $mail);
	chown Accounts::uid('dwfrated'), -1, Accounts::mailbox('dwforeign');
	my $c = Accounts::start();
	$c->greeting;
	like try($c, 'dwnotmbox', $password),
	    qr/^-ERR \[SYS\/PERM\]/, 'not an mbox';
	like $c->say('STAT'), qr/not valid in the AUTHORIZATION state/,
	    '... and still AUTHORIZATION';
	like try($c, 'dwforeign', $password), qr/^-ERR \[SYS\/PERM\]/,
	    'a mailbox of somebody else';
	my $other = Accounts::login('dwmrose', $password);
	is try($c, 'dwmrose', $password),
	    '-ERR [IN-USE] maildrop already locked', 'a maildrop in use';
	is $other->say('QUIT'),
	    '+OK dewey POP3 server signing off (3 messages left)',
	    '... by a session that goes on';
	like try($c, 'dwmrose', $password), qr/^\+OK dwmrose's maildrop has 3 /,
	    'at last';
	is $c->say('STAT'), '+OK 3 68', '... and it works';
	$c->say('QUIT');
	is $c->exit_code, 0, '... exit code 0';
	is Dewey::read_file(Accounts::mailbox('dwnotmbox')),
	    "This is no mbox.\n", 'what is no mbox is as it was';
	is Dewey::read_file(Accounts::mailbox('dwforeign')), $mail,
	    'somebody else\'s mailbox is as it was';
}

# ---- /var/mail: sidecar, dot-lock, UPDATE

{
	is sprintf('%o', (stat '/var/mail')[2] & 07777), '2775',
	    '/var/mail is as Debian ships it';
	my $path = Accounts::put('dwmrose', $mail);
	my @before = stat $path;
	my $c = Accounts::login('dwmrose', $password);
	my @sidecar = lstat '/var/mail/.dwmrose.dewey';
	is sprintf('%o', $sidecar[2]), '100600', 'the sidecar has mode 0600';
	is $sidecar[4], Accounts::uid('dwmrose'), '... and is the user\'s';
	ok !-e "$path.lock", 'no dot-lock while the client is waited for';
	is $c->say("DELE $_"), "+OK message $_ deleted", "DELE $_" for 1, 3;
	# Delivery meanwhile.
	open my $fh, '>>', $path or die "$path: $!";
	print {$fh} Dewey::mbox("Subject: new\n\nbody\n");
	close $fh;
	is $c->say('QUIT'),
	    '+OK dewey POP3 server signing off (1 message left)', 'UPDATE';
	is $c->exit_code, 0, '... exit code';
	is Dewey::read_file($path), Dewey::mbox("Subject: two\n\nbody\n",
	    "Subject: new\n\nbody\n"), 'what was marked is gone, no more';
	my @after = stat $path;
	is_deeply [@after[1, 2, 4, 5]], [@before[1, 2, 4, 5]],
	    'inode, mode, owner and group stay';
	is -s '/var/mail/.dwmrose.dewey', 0, 'the journal is empty again';
	opendir(my $dir, '/var/mail') or die "/var/mail: $!";
	is_deeply [grep { /mrose/ && !/^(?:dwmrose|\.dwmrose\.dewey)$/ }
	    readdir $dir], [], 'nothing else is left in /var/mail';
}
{
	# A missing mailbox.
	my $c = Accounts::login('dwfrated', 'hoopy');
	is $c->say('STAT'), '+OK 0 0', 'no mailbox: 0 messages';
	$c->say('QUIT');
	is $c->exit_code, 0, '... exit code';
	ok !-e "/var/mail/$_", "... nothing is made: $_"
	    for qw(dwfrated .dwfrated.dewey dwfrated.lock);
}
{
	Accounts::put('dwmrose', $mail);
	my $c = Accounts::start({ input => "USER dwmrose\r\nPASS $password\r\n" .
	    "STAT\r\nUIDL\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n" });
	my $all = $c->rest;
	like $all, qr/^\+OK\ dwmrose's\ maildrop\ has\ 3\ messages.*
	    ^\+OK\ 3\ 68\r$ .* ^Subject:\ one\r$ .*
	    ^\+OK\ message\ 1\ deleted\r$ .*
	    ^\+OK\ .*signing\ off\ \(2\ messages\ left\)\r\n\z/msx,
	    'a whole session in one packet';
	is $c->exit_code, 0, '... exit code';
	is Dewey::read_file(Accounts::mailbox('dwmrose')),
	    Dewey::mbox("Subject: two\n\nbody\n", "Subject: three\n\nbody\n"),
	    '... and it did its work';
	$c = Accounts::start({ input => "USER dwmrose\r\nPASS nope\r\n" .
	    "USER dwmrose\r\nPASS $password\r\n" .
	    "NOOP\r\n" x 300 . "STAT\r\nQUIT\r\n" });
	$all = $c->rest;
	is scalar(() = $all =~ /^\+OK\r$/gm), 300,
	    'input behind a refusal and a login crosses both hand-overs';
	like $all, qr/^\+OK 2 .*\r\n\+OK .*signing off.*\r\n\z/m,
	    '... to its last line';
}
{
	# An unterminated line crosses the hand-over and goes on.
	my $c = Accounts::start();
	$c->greeting;
	$c->say('USER dwmrose');
	$c->send("PASS $password\r\nST");
	like $c->line, qr/^\+OK dwmrose's/, 'login with half a command behind';
	is $c->say('AT'), '+OK 2 46', '... whose other half follows';
	$c->close;
	is $c->exit_code, 0, '... end of input in TRANSACTION: exit code 0';
}

# ---- The end

{
	Accounts::put('dwmrose', $mail);
	for my $signal (qw(TERM INT HUP)) {
		my $c = Accounts::login('dwmrose', $password);
		is $c->say('DELE 1'), '+OK message 1 deleted', "SIG$signal:";
		my @all = ($c->pid, Processes::below($c->pid));
		$c->kill($signal);
		is $c->rest, '', '... nothing is said';
		is $c->exit_code, 1, '... exit code 1';
		like $c->stderr, qr/user=dwmrose .* end=signal$/m, '... logged';
		ok all_gone($c, @all), '... no process is left';
		is Dewey::read_file(Accounts::mailbox('dwmrose')), $mail,
		    '... no UPDATE';
	}
	my $c = Accounts::start();
	$c->greeting;
	my @all;
	$c->wait_for(sub {
		@all = ($c->pid, Processes::below($c->pid));
		@all > 2;
	});
	is @all, 3, 'before login there are three processes';
	$c->kill('TERM');
	is $c->rest, '', 'SIGTERM before login: nothing is said';
	is $c->exit_code, 1, '... exit code 1';
	like $c->stderr, qr/user=- .* end=signal$/m, '... logged';
	ok all_gone($c, @all), '... no process is left';

	my $lock = Accounts::mailbox('dwmrose') . '.lock';
	Dewey::write_file($lock, '');
	$c = Accounts::start('--lock-timeout=60');
	$c->greeting;
	$c->say('USER dwmrose');
	$c->cmd("PASS $password");
	$c->wait_for(sub {
		@all = ($c->pid, Processes::below($c->pid));
		@all > 4;
	});
	my $begin = time;
	$c->kill('TERM');
	is $c->rest, '', 'SIGTERM while a login waits for a lock: nothing is said';
	is $c->exit_code, 1, '... exit code 1';
	cmp_ok time - $begin, '<', 30, '... at once';
	like $c->stderr, qr/ end=signal$/m, '... logged';
	unlike $c->stderr, qr/kept it locked for the whole/, '... as what it was';
	ok all_gone($c, @all), '... no process is left';
	unlink $lock;

	$c = Accounts::login('dwmrose', $password);
	$c->say('DELE 1');
	$c->close;
	is $c->exit_code, 1, 'lost client with marks: exit code 1';
	like $c->stderr, qr/user=dwmrose .* end=(?:eof|write-error)$/m,
	    '... logged';
	$c = Accounts::login('dwmrose', $password, '--idle-timeout=1');
	is $c->rest, '', 'idle limit';
	is $c->exit_code, 1, '... exit code 1';
	$c = Accounts::login('dwmrose', $password);
	$c->cmd('rubbish') for 1 .. 20;
	like $c->rest, qr/too many bad commands\r\n\z/, 'twenty bad commands';
	is $c->exit_code, 1, '... exit code 1';
	$c = Accounts::login('dwmrose', $password);
	$c->say('DELE 2');
	Dewey::write_file(Accounts::mailbox('dwmrose'), "no mbox any more\n" x 9);
	is $c->say('QUIT'),
	    '-ERR [SYS/TEMP] some deleted messages not removed',
	    'a failed UPDATE';
	is $c->exit_code, 111, '... exit code 111';
	Accounts::put('dwmrose', $mail);
}

# ---- Whoever is killed, the session has one line in the log

for my $case (['judge', 0, 0, '-', 'error'], ['gate', 1, 0, '-', 'error'],
    ['keeper', 0, 1, 'dwmrose', 'error'],
    ['session', 1, 1, 'dwmrose', 'error']) {
	my ($who, $at, $in, $user, $end) = @$case;
	my $c = Accounts::start();
	$c->greeting;
	try($c, 'dwmrose', $password) if $in;
	my @all;
	$c->wait_for(sub {
		@all = Processes::below($c->pid);
		@all == 2 && ($in xor Processes::look($c->pid)->{uids} =~ /^0/);
	});
	kill 'KILL', $all[$at];
	is $c->exit_code, 111, "the $who is killed: exit code 111";
	ok eval {
		$c->wait_for(sub { !grep { !Processes::has_ended($_) } @all });
	}, '... no process is left';
	is join(' ', $c->stderr =~ /user=(\S+) .* end=(\S+)$/mg), "$user $end",
	    '... one line in the log';
}

# A login that waits for who has the mailbox locked, until he is closed.
sub login_behind_lock {
	my $c = Accounts::start(@_);
	$c->greeting;
	open my $held, '+<', Accounts::mailbox('dwmrose') or die;
	my $whole = pack 's s x![q] q q i x![q]', Fcntl::F_WRLCK(), 0, 0, 0, 0;
	fcntl $held, Fcntl::F_SETLK(), $whole or die "fcntl: $!";
	$c->say('USER dwmrose');
	$c->cmd("PASS $password");
	return ($c, $held);
}
{
	my ($c, $held) = login_behind_lock();
	my @all;
	$c->wait_for(sub { (@all = Processes::below($c->pid)) == 4 });
	kill 'KILL', $all[1];
	close $held;
	like $c->line, qr/^\+OK/, 'a gate is killed while its user is let in';
	$c->cmd('QUIT');
	$c->exit_code;
	is join(' ', $c->stderr =~ /user=(\S+) .* end=(\S+)$/mg),
	    'dwmrose quit', '... one line in the log';
}
{
	# A signal in the moment between the session's first answer and the
	# monitor's hearing that somebody is in.
	my ($c, $held) = login_behind_lock('--locks=fcntl');
	my @all;
	$c->wait_for(sub {
		@all = Processes::below($c->pid);
		# It has all three: the directory, the mailbox, what is beside.
		@all == 4 && 3 == grep { m{^/var/mail\b} }
		    values %{ Processes::look($all[3])->{fds} };
	});
	kill 'STOP', $all[2];
	close $held;
	like $c->line, qr/^\+OK/, 'a signal comes while a user is let in';
	$c->kill('TERM');
	$c->wait_for(sub { !Processes::pending($c->pid) });
	kill 'CONT', $all[2];
	is $c->rest, '', '... nothing is said';
	is $c->exit_code, 1, '... exit code 1';
	is join(' ', $c->stderr =~ /user=(\S+) .* end=(\S+)$/mg),
	    'dwmrose signal', '... one line in the log';
	ok all_gone($c, @all), '... no process is left';
}

# ---- The standard configuration, which cannot be looked at

{
	my ($conf) = Dewey->start('--help', { transport => 'pipe' })->rest
	    =~ m{root: (/\S+/dewey/dewey\.conf) if it exists};
	(my $dir = $conf) =~ s{/dewey\.conf\z}{};
	system('mkdir', '-p', $dir) == 0 or die "$dir: $?";
	rmdir $dir or die "rmdir $dir: $!";
	# Root without its capabilities is asked for rights, as on NFS.
	my @bare = ('setpriv', '--bounding-set=-all', '--inh-caps=-all');
	for my $with ([ 'a link to itself', [], sub { symlink 'dewey', $dir },
	    sub { unlink $dir } ], [ 'another\'s directory', \@bare, sub {
	    mkdir $dir; chown 65534, 65534, $dir; chmod 0700, $dir },
	    sub { rmdir $dir } ]) {
		my ($what, $wrapper, $begin, $end) = @$with;
		SKIP: {
			skip 'setpriv is not installed', 4 if @$wrapper &&
			    system("@bare true 2>/dev/null") != 0;
			$begin->();
			my $c = Dewey->start({ as_root => 1,
			    wrapper => $wrapper });
			is $c->greeting,
			    '-ERR [SYS/PERM] server is misconfigured',
			    "$what, and no configuration: nobody is served";
			is $c->exit_code, 100, '... exit code';
			$c = Dewey->start('--check-config', { as_root => 1,
			    wrapper => $wrapper, transport => 'pipe' });
			$c->rest;
			is $c->exit_code, 100, '... --check-config';
			like $c->stderr, qr/\Q$conf\E: /, '... says why';
			$end->();
		}
	}
}

# ---- APOP

{
	Dewey::write_file('/dewey-secrets',
	    "# who\ndwmrose:tanstaaf\ndwsecret:s 3:cr t\ndwlocked:open\n" .
	    "dwgone:nothing\ndwtoor:root\n");
	chown 0, 0, '/dewey-secrets';
	Accounts::add('dwsecret', hash => '*', mail => $mail);
	Accounts::add('dwlocked', password => 'x', mail => $mail);
	Accounts::run('passwd', '-q', '-l', 'dwlocked');
	my $c = Accounts::start('--name-case=lower', '--secrets=none',
	    '--strip-domain=dewey.example');
	$c->greeting;
	is $c->say('USER DWMrose@Dewey.example'),
	    '+OK DWMrose@Dewey.example is a real hoopy frood',
	    'a whole address, with capitals';
	is $c->say("PASS $password"),
	    "+OK dwmrose's maildrop has 3 messages (68 octets)",
	    '... is the account';
	$c->say('QUIT');
	$c->exit_code;
	like $c->stderr, qr/user=dwmrose .*end=quit/, '... so it is logged';
	$c = Accounts::start('--secrets=/dewey-secrets');
	like $c->timestamp, qr/^<\d+\.\d+\@dewey\.example>$/,
	    'a timestamp with a secrets file';
	is $c->apop('dwmrose', 'tanstaaf'),
	    '+OK maildrop has 3 messages (68 octets)', 'APOP as root';
	$c->say('QUIT');
	is $c->exit_code, 0, '... exit code';
	like $c->stderr, qr/method=apop /, '... logged';
	$c = Accounts::start('--secrets=/dewey-secrets');
	like $c->apop('dwsecret', 's 3:cr t'), qr/^\+OK/,
	    'an account without a password has a secret';
	$c->say('QUIT');
	for (['dwlocked', 'open', 'a locked account'],
	    ['dwgone', 'nothing', 'no account'], ['dwtoor', 'root', 'uid 0'],
	    ['dwmrose', 'tanstaag', 'another secret'],
	    ['dwfrated', 'hoopy', 'the password of one without a secret']) {
		my $d = Accounts::start('--secrets=/dewey-secrets');
		like $d->apop($_->[0], $_->[1]), $refused, "APOP: $_->[2]";
	}
	like answer('dwmrose', $password, '--secrets=/dewey-secrets'),
	    $refused, 'who has a secret has no password';
	like answer('dwmrose', $password, '--secrets=/dewey-secrets',
	    '--apop-only=no'), qr/^\+OK/, '... unless --apop-only=no';
	like answer('dwfrated', 'hoopy', '--secrets=/dewey-secrets'),
	    qr/^\+OK/, 'who has none has his password';
	# Input behind APOP crosses as well.
	$c = Accounts::start('--secrets=/dewey-secrets');
	my $digest = md5_hex($c->timestamp . 'tanstaaf');
	$c->send("APOP dwmrose $digest\r\nSTAT\r\nQUIT\r\n");
	like $c->rest, qr/^\+OK maildrop.*\r\n\+OK 3 68\r\n\+OK .*off.*\r\n\z/,
	    'pipelined behind APOP';
	chmod 0644, '/dewey-secrets';
	$c = Accounts::start('--secrets=/dewey-secrets');
	is $c->timestamp, undef, 'a secrets file that others can read: no APOP';
	like try($c, 'dwfrated', 'hoopy'), qr/^\+OK/, '... PASS works';
	like $c->stderr, qr/can be read.*APOP is off/, '... the log says why';
	$c->say('QUIT');
}

# ---- Users files, --mail-user, lists

{
	my ($uid, $gid) = (Accounts::uid('dwmrose'), Accounts::gid('dwmrose'));
	Accounts::add('dwmailuser');
	my $hash = Accounts::sha512('virtual');
	Dewey::write_file('/dewey-users', <<"FILE", 0600);
# virtual users
with\@example.org:$hash:$uid:${gid}::/home/with:
without\@example.org:{CRYPT}$hash
zero\@example.org:$hash:0:0::/root:
FILE
	chown 0, 0, '/dewey-users';
	mkdir '/virtual';
	mkdir "/virtual/$_" for qw(with without);
	chown $uid, $gid, '/virtual/with';
	chown Accounts::uid('dwmailuser'), Accounts::gid('dwmailuser'),
	    '/virtual/without';
	Dewey::write_file("/virtual/$_/mbox", $mail) for qw(with without);
	chown $uid, $gid, '/virtual/with/mbox';
	chown Accounts::uid('dwmailuser'), Accounts::gid('dwmailuser'),
	    '/virtual/without/mbox';
	my @flags = ('--users=/dewey-users', '--mailbox=/virtual/%n/mbox');
	my $c = Accounts::login('with@example.org', 'virtual', @flags);
	my ($keeper, $session) = Processes::below($c->pid);
	$c->wait_for(sub {
		($keeper, $session) = Processes::below($c->pid);
		defined $session && Processes::below($keeper);
	});
	is Processes::look($session)->{uids}, join(' ', ($uid) x 4),
	    'a users file gives the uid';
	is Processes::look($session)->{gids}, join(' ', ($gid) x 4),
	    '... and the gid';
	$c->say('DELE 1');
	like $c->say('QUIT'), qr/\(2 messages left\)/, '... UPDATE';
	is((stat "/virtual/with/.mbox.dewey")[4], $uid, '... sidecar');
	like answer('without@example.org', 'virtual', @flags), $refused,
	    'an entry without a uid, no --mail-user';
	$c = Accounts::login('without@example.org', 'virtual', @flags,
	    '--mail-user=dwmailuser');
	$c->wait_for(sub {
		(undef, $session, my @more) = Processes::below($c->pid);
		defined $session && !@more;
	});
	is Processes::look($session)->{uids},
	    join(' ', (Accounts::uid('dwmailuser')) x 4),
	    '... has the --mail-user\'s with it';
	$c->say('DELE 1');
	like $c->say('QUIT'), qr/\(2 messages left\)/, '... UPDATE';
	like answer('with@example.org', 'virtual', @flags,
	    '--mail-user=dwmailuser'), qr/^\+OK/,
	    'who has a uid keeps it with --mail-user';
	like answer('zero@example.org', 'virtual', @flags,
	    '--mail-user=dwmailuser'), $refused, 'uid 0 in the file';
	like answer('dwmrose', $password, @flags), $refused,
	    'an account is no user of the file';
	like answer('without@example.org', 'virtual', @flags,
	    '--mail-user=root'), $refused, '--mail-user=root lets nobody in';
	chown Accounts::uid('dwmrose'), -1, '/dewey-users';
	like answer('with@example.org', 'virtual', @flags),
	    qr/^-ERR \[SYS\/PERM\]/, 'a users file of somebody else';
	chown 0, -1, '/dewey-users';
	chmod 0666, '/dewey-users';
	like answer('with@example.org', 'virtual', @flags),
	    qr/^-ERR \[SYS\/PERM\]/, '... or one that all can write';
}
{
	Dewey::write_file('/dewey-list', "# these\ndwmrose\n dwsecret \n");
	chown 0, 0, '/dewey-list';
	like answer('dwmrose', $password, '--allow=/dewey-list'), qr/^\+OK/,
	    '--allow lets in who is in it';
	like answer('dwfrated', 'hoopy', '--allow=/dewey-list'), $refused,
	    '... and nobody else';
	like answer('dwmrose', $password, '--deny=/dewey-list'), $refused,
	    '--deny keeps out who is in it';
	like answer('dwfrated', 'hoopy', '--deny=/dewey-list'), qr/^\+OK/,
	    '... and nobody else';
	like answer('dwmrose', $password, '--allow=/dewey-list',
	    '--deny=/dewey-list'), $refused, '--deny wins';
	like answer('dwmrose', $password, '--deny=/dewey-absent'),
	    qr/^-ERR \[SYS\/PERM\]/, 'a list that is not there';
	my $c = Accounts::start('--secrets=/dewey-secrets',
	    '--deny=/dewey-list');
	chmod 0600, '/dewey-secrets';
	$c = Accounts::start('--secrets=/dewey-secrets', '--deny=/dewey-list');
	like $c->apop('dwmrose', 'tanstaaf'), $refused, '--deny and APOP';
}

# ---- Home directories

{
	Accounts::add('dwhome', password => $password, home => 1);
	my $path = Dewey::write_file('/home/dwhome/mbox', $mail, 0600);
	chown Accounts::uid('dwhome'), Accounts::gid('dwhome'), $path;
	chmod 0700, '/home/dwhome';
	my $c = Accounts::login('dwhome', $password, '--mailbox=%h/mbox');
	my ($keeper) = Processes::below($c->pid);
	$c->wait_for(sub {
		($keeper) = Processes::below($c->pid);
		Processes::below($keeper);
	});
	is Processes::look($keeper)->{groups}, '',
	    'a mailbox at home: the keeper has no group of the spool';
	$c->say('DELE 2');
	like $c->say('QUIT'), qr/\(2 messages left\)/, '... UPDATE';
	is Dewey::read_file($path), Dewey::mbox("Subject: one\n\nbody\n",
	    "Subject: three\n\nbody\n"), '... what is left';
}

done_testing;
