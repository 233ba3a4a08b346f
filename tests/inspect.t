#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# --list, --check, --check-config and --recover: what they say, with which exit
# code, and that looking changes nothing.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Processes;
use Test::More;
use POSIX ();
use Fcntl qw(:flock);
use Time::HiRes qw(sleep time);

my $mail = Dewey::mbox("Subject: one\n\nbody\n", "Subject: two\n\n.dot\n",
    "Subject: one\n\nbody\n");
my $site = Dewey->site(users => { frated => 'hoopy' },
    secrets => { mrose => 'tanstaaf' }, mail => { frated => $mail });
my $dir = $site->dir;
my $box = $site->mailbox('frated');

# (exit code, standard output, standard error) of dewey with these flags.
sub run {
	my (@flags) = @_;
	my %o = ref $flags[-1] ? %{ pop @flags } : ();
	my $c = Dewey->start(@flags, { %o, transport => 'pipe' });
	$c->close_write;
	my $out = $c->rest;
	return ($c->exit_code, $out, $c->stderr);
}

sub put { return Dewey::write_file(@_) }

# Everything about the mailbox and its directory.
sub state_of_spool {
	my @found;
	opendir(my $d, "$dir/spool") or die "spool: $!";
	for my $name (sort readdir $d) {
		my @st = lstat "$dir/spool/$name";
		push @found, join ' ', $name, @st[1 .. 5, 7, 9, 10], -f _ ?
		    Dewey::read_file("$dir/spool/$name") : ''
		    unless $name eq '..';
	}
	return join "\n", @found;
}

# ---- --list

{
	my $before = state_of_spool();
	my ($code, $out) = run('--list', $box);
	is $code, 0, '--list';
	my @lines = split /\n/, $out;
	is @lines, 3, '... a line for each message';
	is state_of_spool(), $before, '... nothing has changed';
	my $c = $site->login('frated', '--read-only');
	my %list = map { split / / } split /\r\n/, ($c->multi('LIST'))[1];
	my %uidl = map { split / / } split /\r\n/, ($c->multi('UIDL'))[1];
	$c->say('QUIT');
	is $lines[$_ - 1], "$_ $list{$_} $uidl{$_} From a\@b Mon Jan  1 " .
	    '00:00:00 2024', "... message $_ as a session sees it" for 1 .. 3;
	is +(run("--list=$box"))[1], $out, '--list=MBOX';

	# Others hold it, and it is another's.
	open my $fh, '+<', $box or die "$box: $!";
	flock $fh, LOCK_EX;
	put("$box.lock", 'x');
	my $from = time;
	is +(run('--list', $box))[1], $out, '... also of a locked mailbox';
	cmp_ok time - $from, '<', 5, '... at once';
	unlink "$box.lock";
	chmod 0444, $box;
	is +(run('--list', $box))[1], $out, '... of one that is read-only';
	chmod 0600, $box;

	put($box, '');
	is_deeply [run('--list', $box)], [0, '', ''], '... of an empty one';
	put($box, "From \e[31mred\@b Mon Jan  1 00:00:00 2024\nSubject: x\n\n");
	($code, $out) = run('--list', $box);
	like $out, qr/^1 14 \S{24} From \\x1b\[31mred\@b Mon/,
	    '... strangers\' octets are escaped';
	for (['no mbox', 'some text', qr/not an mbox/],
	    ['a directory', undef, qr/./], ['nothing', '', qr/No such file/]) {
		my ($what, $text, $why) = @$_;
		my $path = "$dir/spool/odd";
		put($path, $text) if $text;
		mkdir $path unless defined $text;
		my ($code, $out, $err) = run('--list', $path);
		is $code, 111, "--list of $what: exit code";
		is $out, '', '... no list';
		like $err, $why, '... and why';
		-d $path ? rmdir $path : unlink $path;
	}
	my $fifo = "$dir/spool/fifo";
	POSIX::mkfifo($fifo, 0600);
	Dewey::give($fifo);
	is +(run('--list', $fifo))[0], 111, '--list of a FIFO does not wait';
	unlink $fifo;
	is +(run('--list'))[0], 100, '--list of nothing: usage';
	is +(run('--list', $box, $box))[0], 100, '--list of two: usage';
}

# ---- --check

sub check {
	my ($text) = @_;
	put($box, $text);
	my $before = state_of_spool();
	my ($code, $out, $err) = run('--check', $box);
	is state_of_spool(), $before, '--check changes nothing';
	is $code, 0, '... exit code';
	is $err, '', '... no complaint';
	return $out;
}

like check($mail), qr/\A3\ messages,\ 66\ octets\nmessage\ 3:\ a\ copy,\ unique-id
    \ \S{24}-2\n1\ of\ them\ copies\ of\ others\n\z/x,
    '--check: how many, and copies';
is check(Dewey::mbox("Subject: one\n\nbody\n")), "1 message, 22 octets\n",
    '... one message';
is check(''), "0 messages, 0 octets\n", '... none';
my $from = 'From a@b Mon Jan  1 00:00:00 2024';
my $begin = "$from\nSubject: one\n\nbody\n";
like check("${begin}$from\nSubject: two\n\nbody\n\n"),
    qr/^offset\ 53,\ in\ message\ 1:\ a\ From_\ line\ without\ an\ empty\ line
    \ before\ it\ is\ taken\ as\ text;\ if\ a\ message\ begins\ here,\ put\ one
    \ there:\ \Q$from\E\n\z/mx,
    '... a From_ line without an empty line before it';
{
	# One for each place, however the dates are written.
	my $out = check(join "\n", $begin, "$from\nS: 2\n\n2", "$from\nS: 3\n\n3",
	    "From a Mon, 1 Jan 2024 1:02:03 +0100\nS: 3a\n\n3",
	    "\n$from\nS: 4\n\n4", 'From x', '');
	is_deeply [$out =~ /^offset \d+, in message (\d+): a From_ line w/mg],
	    [2, 2], '... of each, with the number of the message';
}
like check("$begin\nFrom here to there\n\n"),
    qr/^offset\ 54,\ in\ message\ 1:\ begins\ like\ a\ From_\ line\ but\ goes\ on
    \ like\ none:\ taken\ as\ text:/mx,
    '... a line that begins like one';
like check("$begin\n$from\nno header here\n\n"),
    qr/^offset \d+, in message 2: no header field follows the From_ line:/m,
    '... a From_ line and no header';
for my $field ('To: x', 'a:', 'X: y z', ('x' x 70) . ': y', 'To:x',
    '>From x@y Mon Jan  1 00:00:00 2024 remote from z', '') {
	is check("$from\n$field\n\nbody\n\n") =~ /offset.*/ ? $& : '', '',
	    "... a header that begins with '$field'";
}
for my $text ('To : x', 'text', ': x', 'x y: z', "\xe4: x", ' x: y', "\t") {
	like check("$from\n$text\n\nbody\n\n"), qr/no header field follows/,
	    "... none that begins with '$text'";
}
for my $date ('Mon, 29 Jul 2002 10:11:12 +0200', 'Mon Jan  1 0:00:00 24',
    '2024-01-01 00:00:00 Z') {
	is check("$begin\nFrom a\@b $date\nS: two\n\nbody\n"),
	    "2 messages, 38 octets\n", "... nothing doubtful: $date";
}
like check("\n\n$begin\n"), qr/^2 octets before the first message: kept/m,
    '... octets before the first message';
{
	my $state = "From MAILER-DAEMON Mon Jan  1 00:00:00 2024\nSubject: "
	    . "DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"
	    . "X-IMAP: 1\n\nx\n\n";
	is check("$state$begin\n"), "1 message, 22 octets\nthe first message, 76 "
	    . "octets, is the state of other programs: kept, never shown\n",
	    '... a message that is none';
	like check($state), qr/\A0 messages, 0 octets\nthe first message, 76 /,
	    '... and it alone';
}
like check("$begin\nFrom \e[31m here\n\n"), qr/From \\x1b\[31m here$/m,
    '... escaped';
unlike check("$begin\n>From here\n From there\nFro\n\n"), qr/offset/,
    '... nothing doubtful';
my ($code, $out, $err) = run('--check', put("$dir/spool/odd", 'text'));
is $code, 111, '--check of no mbox: exit code';
like $err, qr/not an mbox: the line at offset 0/, '... where';
unlink "$dir/spool/odd";
is +(run('--check', "$dir/absent"))[0], 111, '--check of nothing';
is +(run('--check'))[0], 100, '--check without a name: usage';

# ---- --check-config

my @good = ("--users=$dir/users", "--secrets=$dir/secrets",
    "--mailbox=$dir/spool/%u");
sub config {
	my ($what, $want, $said, @flags) = @_;
	my ($code, $out, $err) = run(@good, @flags, '--check-config');
	is $code, $want, "--check-config: $what: exit code";
	like $err . $out, $said, '... what it says';
	$want ? unlike $out, qr/can be served/, '... no session can be served'
	    : like $out, qr/^a session can be served$/m, '... can be served';
	return $out;
}

put($box, $mail);
my $before = state_of_spool();
# The flag with which a tool may run the tests is unwise.
unlike config('all is well', 0, qr/./) =~ s/^unwise: sandbox = none.*\n//mr,
    qr/unsafe|unwise/, '... nothing to complain of';

# Unsafe files.
put("$dir/open", Dewey::read_file("$dir/secrets"), 0644);
config('secrets that others can read', 100,
    qr/^unsafe: .*open: can be read.*chmod 600/m, "--secrets=$dir/open");
put("$dir/open", Dewey::read_file("$dir/users"), 0666);
config('users that others can write', 100, qr/^unsafe: .*chmod go-w it/m,
    "--users=$dir/open");
symlink "$dir/users", "$dir/link";
config('users by a link', 100, qr/^unsafe: .*symbolic link/m,
    "--users=$dir/link");
symlink "$dir/secrets", "$dir/link2";
config('secrets by a link', 100, qr/^unsafe: .*symbolic link/m,
    "--secrets=$dir/link2");
for (['users', qr/^unsafe: .*No such file/m],
    ['secrets', qr/^unsafe: .*No such file/m],
    ['allow', qr/^unsafe: .*No such file/m],
    ['deny', qr/^unsafe: .*No such file/m]) {
	config("$_->[0] that are not there", 100, $_->[1],
	    "--$_->[0]=$dir/absent");
}
put("$dir/list", "frated\n", 0622);
config('a list that others can write', 100, qr/^unsafe: .*chmod go-w/m,
    "--allow=$dir/list");
put("$dir/users2", Dewey::read_file("$dir/users") . "no line of users\n");
config('a line that is none', 0, qr/users2:\d+: expected/,
    "--users=$dir/users2");
my $keys = '4096,W22ZaJ0SNY7soEsUEjb6gQ==,' .
    'WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,' .
    'wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=';
for my $record ($keys =~ s/4096/4095/r, $keys =~ s/dU=$/dU/r, '4096', '',
    $keys =~ s/,WG5.*?,/,/r) {
	put("$dir/users3", "# keys\nfine:{SCRAM-SHA-256}$keys\n" .
	    "bad:!{SCRAM-SHA-256}$record\nlast:{SCRAM-SHA-256}$keys\n");
	my $out = config("a stored key that is none: `$record'", 100,
	    qr/^unsafe: .*users3:3: the stored key is none.*--scheme=scram/m,
	    "--users=$dir/users3");
	unlike $out, qr/users3:[24]/, '... and no other line';
}
for my $n (2, 20, 21, 40) {
	put("$dir/users3", "fine:{SCRAM-SHA-256}$keys\n" .
	    join '', map { "bad$_:{SCRAM-SHA-256}4096\n" } 1 .. $n);
	my $out = config("$n stored keys that are none", 100, qr/./,
	    "--users=$dir/users3");
	my @named = $out =~ /users3:(\d+): the stored key is none/g;
	is "@named", join(' ', 2 .. ($n > 20 ? 21 : $n + 1)),
	    '... each is named, up to 20';
	is scalar($out =~ /users3: line 22 and perhaps more: the same$/m) ? 1 : 0,
	    $n > 20 ? 1 : 0, '... and that there are more';
}
put("$dir/users3", "fine:{SCRAM-SHA-256}$keys\n");
unlike config('a stored key', 0, qr/./, "--users=$dir/users3"), qr/stored key/,
    '... is not named';
SKIP: {
	skip 'only root has files of others', 3 if $>;
	my $foreign = put("$dir/foreign", Dewey::read_file("$dir/secrets"));
	chown 1, 1, $foreign;
	config('secrets of somebody else', 100, qr/^unsafe: .*foreign: /m,
	    "--secrets=$foreign");
}

# Unsafe places.
config('no directory for mailboxes', 100,
    qr/^unsafe: .*absent: the directory of --mailbox is not there/m,
    "--mailbox=$dir/absent/%u");
config('a file instead of it', 100, qr/^unsafe: .*is not a directory/m,
    "--mailbox=$dir/users/%u");
mkdir "$dir/all";
chmod 0777, "$dir/all";
config('a directory for all', 100, qr/^unsafe: .*everybody can rename/m,
    "--mailbox=$dir/all/%u");
chmod 01777, "$dir/all";
config('... with the sticky bit', 0, qr/./, "--mailbox=$dir/all/%u");
config('mailboxes at home', 0, qr/./, '--mailbox=%h/mbox');
config('one mailbox for all', 0, qr/^unwise: /m, "--mailbox=$dir/spool/one");

# Unsafe and unwise choices.
config('a mail-user who is not there', 100, qr/^unsafe: mail-user: /m,
    '--mail-user=dwabsent');
config('nobody can log in', 100, qr/^unsafe: nobody can log in/m,
    '--plaintext=never', '--secrets=none');
config('the passwords of the system, not by root', 100,
    qr/^unsafe: nobody can log in: users = system wants root/m, '--users=system',
    '--secrets=none');
unlike config('... who need none', 0, qr/./, '--users=system',
    '--secrets=none', '--preauth'), qr/nobody can/, '... says so';
config('users by a relative path', 100, qr/^unwise: users is no absolute/m,
    '--users=absent');
SKIP: {
	skip 'only root starts a gate', 4 if $>;
	skip 'there is an account of ours', 2
	    if grep { defined getpwnam $_ } qw(dewey-gate dewey-judge dewey-wait);
	my $c = Dewey->start(@good, '--check-config', { as_root => 1,
	    transport => 'pipe' });
	my $said = $c->rest;
	like $said, qr/^unwise: there is no account dewey-$_: useradd/m,
	    "$_ without an account of its own" for qw(gate judge wait);
	$c = Dewey->start(@good, '--check-config', '--gate-user=nobody',
	    '--judge-user=nobody', { as_root => 1, transport => 'pipe' });
	$said = $c->rest;
	unlike $said, qr/dewey-(?:gate|judge)/, '... or with another\'s';
}
for (['--plaintext=always', 'plaintext'], ['--idle-timeout=599', '600'],
    ['--locks=none', 'locks'], ['--fail-delay=0', 'fail-delay'],
    ['--apop-only=no', 'apop-only'], ['--sandbox=none', 'sandbox']) {
	config("@$_[0]", 0, qr/^unwise: .*$_->[1]/m, $_->[0]);
}
config('two at once', 0, qr/^unwise: .*^unwise: /ms, '--locks=none',
    '--fail-delay=0');
config('unsafe and unwise', 100, qr/^unsafe: .*^unwise: /ms, '--locks=none',
    "--mailbox=$dir/absent/%u");

# Mistakes.
is +(run('--check-config', '--nonsense'))[0], 100, 'an unknown flag';
put("$dir/conf", "# a file\nlocks = none\nrubbish = yes\n");
($code, $out, $err) = run("--config=$dir/conf", '--check-config');
is $code, 100, 'an unknown key: exit code';
like $err, qr{conf:3: `rubbish'}, '... file and line';
is state_of_spool(), $before, 'nothing in the spool has changed';

SKIP: {
	skip 'for root only', 3 if $>;
	for (['--gate-user=dwabsent', qr/^unsafe: gate-user/m],
	    ['--judge-user=dwabsent', qr/^unsafe: judge-user/m],
	    ['--gate-user=root', qr/^unsafe: gate-user/m],
	    ['--mail-user=root', qr/^unsafe: mail-user/m],
	    ['--preauth', qr/^unsafe: preauth/m]) {
		my ($flag, $said) = @$_;
		chown 0, 0, "$dir/users", "$dir/secrets";
		my ($code, $out) = run(@good, $flag, '--check-config',
		    { as_root => 1 });
		is $code, 100, "as root, $flag: exit code";
		like $out, $said, '... what it says';
	}
	Dewey::give($_) for "$dir/users", "$dir/secrets";
}

# ---- --recover

is +(run('--recover'))[0], 100, '--recover without a name: usage';
($code, $out) = run('--recover', "$dir/absent");
is $code, 0, '--recover of nothing';
like $out, qr{^\Q$dir\E/absent: there is no mailbox$}, '... says so';
put($box, $mail);
$before = state_of_spool();
($code, $out) = run('--recover', $box, "$dir/absent", $box);
is $code, 0, '--recover of several';
is $out, "$box: nothing to do\n$dir/absent: there is no mailbox\n" .
    "$box: nothing to do\n", '... says what it did';
is state_of_spool(), $before, '... which was nothing';

# An UPDATE that is cut short: the session and its keeper are killed inside it.
my @large = map { "Subject: $_\n\n" . ("y" x 70 . "\n") x 9000 } 1 .. 24;
my ($whole, $after) = (Dewey::mbox(@large), Dewey::mbox(@large[1 .. 23]));
my $journal = "$dir/spool/.frated.dewey";

# True if it is pending then.
sub cut_short {
	put($box, $whole);
	my $c = $site->login('frated', '--journal-window=65536');
	my ($session) = Processes::below($c->pid) or die 'no session';
	$c->say('DELE 1');
	$c->cmd('QUIT');
	my $deadline = time + 10;
	# Half of it is moved.
	until (time > $deadline) {
		open my $fh, '<:raw', $box or die "$box: $!";
		seek $fh, length($whole) / 2, 0;
		read $fh, my $some, 200;
		last if $some ne substr $whole, length($whole) / 2, 200;
	}
	kill 'KILL', $session, $c->pid;
	$c->exit_code;
	$c->wait_for(sub { Processes::has_ended($session) });
	unlink "$box.lock";
	my $text = Dewey::read_file($box);
	return -s $journal && $text ne $whole && $text ne $after;
}

SKIP: {
	skip 'a tool watches the processes', 1 if Dewey::slow();
	my $pending;
	for (1 .. 10) {
		last if $pending = cut_short();
	}
	skip 'UPDATE is too fast here', 1 unless $pending;
	my $torn = Dewey::read_file($box);
	like +(run('--check', $box))[1],
	    qr/^an UPDATE was cut short: the next login or dewey --recover/m,
	    '--check tells of an UPDATE that was cut short';
	is Dewey::read_file($box), $torn, '... and leaves it so';
	($code, $out) = run('--recover', $box);
	is $code, 0, '--recover completes it';
	like $out, qr/an UPDATE that was cut short is complete/, '... says so';
	is Dewey::read_file($box), $after, '... it is';
	is -s $journal, 0, '... and the journal empty';
	is +(run('--recover', $box))[1], "$box: nothing to do\n",
	    '... once';

	# Another user cannot, and says so.
	skip 'another user takes root', 1 if $>;
	for (1 .. 10) {
		last if $pending = cut_short();
	}
	skip 'UPDATE is too fast here', 1 unless $pending;
	$torn = Dewey::read_file($box);
	my $c = Dewey->start('--recover', $box, { transport => 'pipe',
	    as_root => 1, wrapper => ['setpriv', '--reuid=1', '--regid=1',
	    '--clear-groups', '--'] });
	$c->close_write;
	isnt $c->exit_code, 0, 'another user cannot --recover it';
	like $c->rest, qr/is not a regular file|FAILED|no mailbox|denied/,
	    '... and is told';
	is Dewey::read_file($box), $torn, '... it is as it was';

	# Root can, with the owner's rights.
	$c = Dewey->start('--recover', $box, { transport => 'pipe',
	    as_root => 1 });
	$c->close_write;
	is $c->exit_code, 0, 'root can --recover it';
	is Dewey::read_file($box), $after, '... it is complete';
	is((stat $box)[4], Dewey::uid(), '... and still the user\'s');
	is((stat $journal)[4], Dewey::uid(), '... so is the journal');
}

# A signal ends the wait for a lock, and what waits is not left behind.
Dewey::write_file($box, $after);
Dewey::write_file($journal, "\0" x 9000, 0600);
Dewey::write_file("$box.lock", "4711\n");
my $c = Dewey->start('--lock-timeout=60', '--recover', $box,
    { transport => 'pipe' });
$c->wait_for(sub { (Processes::below($c->pid)) == 2 });
my $begun = time;
$c->kill('TERM');
isnt $c->exit_code, 0, '--recover ends with a signal';
cmp_ok time - $begun, '<', 10, '... at once, though a lock is held';
is -s $journal, 9000, '... and the journal stays';

done_testing;
