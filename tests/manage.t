#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# --set-secret, --set-password and --remove-user: asked on a terminal without
# echo or read from a pipe; modes, order and comments; all or nothing.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Scram;
use Test::More;
use POSIX ();
use Time::HiRes qw(sleep time);

my $dir = Dewey::tmpdir();
my ($users, $secrets) = ("$dir/users", "$dir/secrets");
my @files = ("--users=$users", "--secrets=$secrets");
my $mail = Dewey::mbox("Subject: one\n\nbody\n");
mkdir "$dir/spool";
Dewey::give("$dir/spool");

# Runs dewey with ${input} on a pipe: (exit code, what it said).
sub run {
	my ($input, @flags) = @_;
	my $c = Dewey->start(@flags, { transport => 'pipe' });
	$c->send($input) if length $input;
	$c->close_write;
	my $out = $c->rest;
	return ($c->exit_code, $out . $c->stderr);
}

sub fine {
	my ($what, $input, @flags) = @_;
	my ($code, $said) = run($input, @flags);
	is $code, 0, $what;
	like $said, "@flags" =~ /--set-secret/ ?
	    qr/\A\w+ logs in by APOP now: .* a password is refused\n\z/ :
	    qr/\A\z/, '... says no more than that passwords stop';
}

sub fails {
	my ($what, $complaint, $input, @flags) = @_;
	my ($code, $said) = run($input, @flags);
	is $code, 111, $what;
	like $said, $complaint, '... and says why';
}

sub mode { return sprintf '%o', (stat $_[0])[2] & 07777 }

sub put { Dewey::write_file(@_); return }

# What APOP and PASS say.
sub lets_in {
	my ($name, $secret, $password) = @_;
	Dewey::write_file("$dir/spool/$name", $mail);
	my $c = Dewey->start(@files, "--mailbox=$dir/spool/%u",
	    '--fail-delay=0', '--log=none');
	my $reply;
	if (defined $secret) {
		$reply = $c->apop($name, $secret);
	} else {
		$c->greeting;
		$c->say("USER $name");
		$reply = $c->say("PASS $password");
	}
	$c->close;
	return $reply =~ /^\+OK/ ? 1 : 0;
}

# ---- Secrets

put($users, '');
fine('a secret in a file that is not there', "tanstaaf\n", @files,
    '--set-secret', 'mrose');
is Dewey::read_file($secrets), "mrose:tanstaaf\n", '... makes it';
is mode($secrets), '600', '... for nobody else';
is lets_in('mrose', 'tanstaaf'), 1, '... and it lets in';

put($secrets, "# who may\n\nfrated:hoopy\nmrose:old\n  # odd\nno line\n" .
    "mrose:older\nlast:one", 0640);
fine('a new secret', "new:er one \n", @files, '--set-secret=mrose');
is Dewey::read_file($secrets), "# who may\n\nfrated:hoopy\n" .
    "mrose:new:er one \n  # odd\nno line\nmrose:older\nlast:one\n",
    '... order, comments and odd lines stay';
is mode($secrets), '640', '... and the mode';
put($secrets, "# nobody yet\n");
fine('a secret without a line end', 'tanstaaf', @files, '--set-secret',
    'mrose');
fine('another user', "\xff\xfe s3cr\xc3\xa9t\r\n", @files, '--set-secret',
    'frated');
is Dewey::read_file($secrets), "# nobody yet\nmrose:tanstaaf\n" .
    "frated:\xff\xfe s3cr\xc3\xa9t\n", '... comes behind the others';
is lets_in('frated', "\xff\xfe s3cr\xc3\xa9t"), 1, '... and is let in';
fine('directories that are missing', "x\n", "--secrets=$dir/a/b/secrets",
    '--set-secret', 'mrose');
is mode("$dir/a/b/secrets"), '600', '... are made';
{
	my $c = Dewey->start('--set-secret', 'mrose', { transport => 'pipe',
	    env => { XDG_CONFIG_HOME => "$dir/config" } });
	$c->send("mine\n");
	$c->close_write;
	is $c->exit_code, 0, 'the secrets file of who runs it';
	is Dewey::read_file("$dir/config/dewey/secrets"), "mrose:mine\n",
	    '... is where sessions look';
}

# ---- Passwords

unlink $users;
fine('a password in a file that is not there', "hoopy frood\n", @files,
    '--set-password', 'zaphod');
like Dewey::read_file($users), qr/\Azaphod:\$[\w.\/\$=,]+\n\z/,
    '... makes it, with a hash';
is mode($users), '600', '... for nobody else';
is lets_in('zaphod', undef, 'hoopy frood'), 1, '... and it lets in';
is lets_in('zaphod', undef, 'hoopy froof'), 0, '... alone';
my ($uid, $gid) = (Dewey::uid(), Dewey::gid());
put($users, "# users\nfirst:x\nzaphod:{CRYPT}old:$uid:${gid}:Z:/home/z:\n" .
    "last:y:1:1\n", 0644);
fine('a new password', "pan galactic\n", @files, '--set-password', 'zaphod');
like Dewey::read_file($users), qr{\A\#\ users\nfirst:x\nzaphod:\$[^:]+:
    $uid:$gid:Z:/home/z:\nlast:y:1:1\n\z}x, '... leaves the other fields';
is mode($users), '644', '... and the mode';
is lets_in('zaphod', undef, 'pan galactic'), 1, '... and it lets in';
my ($hash) = Dewey::read_file($users) =~ /zaphod:([^:]+)/;
fine('the same password again', "pan galactic\n", @files, '--set-password',
    'zaphod');
unlike Dewey::read_file($users), qr/\Q$hash\E/, '... has another salt';

# ---- Removing

put($users, "# users\nzaphod:x\nford:y\nzaphod:z:1:1\n");
put($secrets, "# secrets\nzaphod:x\nford:y\nzaphod:w\nzaphod2:v\n");
fine('a user is removed', '', @files, '--remove-user', 'zaphod');
is Dewey::read_file($users), "# users\nford:y\n", '... from the users';
is Dewey::read_file($secrets), "# secrets\nford:y\nzaphod2:v\n",
    '... and from the secrets, every line of his';
fails('a user who stands nowhere', qr/zaphod: stands in neither file/, '',
    @files, '--remove-user', 'zaphod');
fine('a user of one file', '', @files, '--remove-user=zaphod2');
unlink $secrets;
fine('a user, and no secrets file', '', @files, '--remove-user', 'ford');
is Dewey::read_file($users), "# users\n", '... is gone';
ok !-e $secrets, '... no file is made for that';

# ---- What is refused, and changes nothing

my $before = "# secrets\nmrose:tanstaaf\n";
put($secrets, $before);
for my $bad ('', ' ', 'a b', 'a:b', 'a/b', '.hidden', '#x', "a\tb", 'x' x 65,
    "a\nb") {
	my ($code) = run("secret\n", @files, '--set-secret', $bad);
	cmp_ok $code, '>=', 100, 'a name that cannot be: ' .
	    $bad =~ s/[^ -~]/?/gr;
	is Dewey::read_file($secrets), $before, '... changes nothing';
}
for (['nothing', ''], ['an empty line', "\n"],
    ['a line too long for a command', 'x' x 250 . "\n"],
    ['a line far too long', 'x' x 100000 . "\n"]) {
	for my $what ('secret', 'password') {
		put($users, $before);
		my ($code, $said) = run($_->[1], @files, "--set-$what", 'mrose');
		is $code, 111, "$what: $_->[0]";
		like $said, qr/must not be empty|too long/, '... says why';
		is Dewey::read_file($what eq 'secret' ? $secrets : $users),
		    $before, '... changes nothing';
	}
}
fails('a password of a system account', qr/passwd\(1\)/, "x\n",
    '--set-password', 'mrose');
fails('a secret without a file', qr/--secrets names no file/, "x\n",
    '--secrets=none', '--set-secret', 'mrose');
put("$secrets.new", 'somebody is editing');
fails('a second editor', qr/secrets\.new: exists/, "x\n", @files,
    '--set-secret', 'mrose');
is Dewey::read_file($secrets), $before, '... changes nothing';
is Dewey::read_file("$secrets.new"), 'somebody is editing',
    '... of the first one\'s either';
unlink "$secrets.new";
symlink $secrets, "$dir/link";
fails('a symbolic link', qr/link: /, "x\n", "--secrets=$dir/link",
    '--set-secret', 'mrose');
ok -l "$dir/link", '... stays one';
is Dewey::read_file($secrets), $before, '... and leads to what was there';
POSIX::mkfifo("$dir/fifo", 0600);
Dewey::give("$dir/fifo");
fails('a FIFO', qr/not a regular file/, "x\n", "--secrets=$dir/fifo",
    '--set-secret', 'mrose');
mkdir "$dir/closed";
Dewey::give("$dir/closed");
put("$dir/closed/secrets", $before);
chmod 0500, "$dir/closed";
fails('a directory that cannot be written', qr/closed\/secrets/, "x\n",
    "--secrets=$dir/closed/secrets", '--set-secret', 'mrose');
is Dewey::read_file("$dir/closed/secrets"), $before, '... changes nothing';
chmod 0700, "$dir/closed";
my $big = $before . "# filled\n" x 4000;
put($secrets, $big);
{
	my $c = Dewey->start(@files, '--set-secret', 'mrose', { transport =>
	    'pipe', wrapper => ['sh', '-c', 'ulimit -f 8; exec "$@"', 'sh'] });
	$c->send("new\n");
	$c->close_write;
	isnt $c->exit_code, 0, 'no room for the new file';
	is Dewey::read_file($secrets), $big, '... changes nothing';
	unlink "$secrets.new";
}
for my $secret ("a\0b", "a\tb", "\eb", "a\x7f", "a\rb") {
	put($secrets, $before);
	my ($code, $err) = run("$secret\n", @files, '--set-secret',
	    'mrose');
	is $code, 111, sprintf 'a secret with %vd', $secret;
	like $err, qr/^dewey: secret: must not hold controls$/, '... it says';
	is Dewey::read_file($secrets), $before, '... changes nothing';
}
{
	# What is not its business stays, octet for octet.
	my $odd = "mrose:old\nx:a\0b\0\n# \xff\0\n";
	put($secrets, $odd);
	my ($code) = run("new\n", @files, '--set-secret', 'mrose');
	is $code, 0, 'beside lines with NUL';
	is Dewey::read_file($secrets), "mrose:new\nx:a\0b\0\n# \xff\0\n",
	    '... which stay as they are';
	symlink $secrets, "$dir/link";
	($code, my $err) = run("x\n", "--secrets=$dir/link",
	    '--set-secret', 'mrose');
	is $code, 111, 'a symbolic link';
	is $err, "dewey: $dir/link: is a symbolic link: name the file itself\n",
	    '... it says';
}
put($secrets, $before);
for (['--set-secret'], ['--set-password'], ['--remove-user'],
    ['--set-secret', 'a', '--remove-user', 'b'], ['--set-secret', 'a', 'b']) {
	my ($code) = run("x\n", @files, @$_);
	is $code, 100, "usage: @$_";
}
is Dewey::read_file($secrets), $before, '... changes nothing';

# Readers see the old file or the new one, whole.
{
	my $lines = join '', map { "user$_:secret$_\n" } 1 .. 400;
	put($secrets, $lines . "mrose:" . 'a' x 200 . "\n");
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		for my $letter ('b' .. 'm') {
			run($letter x 200 . "\n", @files, '--set-secret',
			    'mrose');
		}
		POSIX::_exit(0);
	}
	my ($torn, $reads) = (0, 0);
	until (waitpid($pid, POSIX::WNOHANG()) == $pid) {
		my $text = Dewey::read_file($secrets);
		$torn++ unless $text =~ /\A\Q$lines\Emrose:([a-m])\g1{199}\n\z/;
		$reads++;
	}
	is $torn, 0, "in $reads readings no torn file";
	is +(split /:/, Dewey::read_file($secrets))[-1], 'm' x 200 . "\n",
	    '... and the last one is there';
}

# ---- On a terminal

# Runs dewey on a terminal that echoes; types each line when its prompt is
# there.  (exit status, what the terminal showed, whether it echoes again.)
sub typed {
	my ($flags, @lines) = @_;
	my ($master, undef, $slave) = Dewey::connect_pty();
	my $t = POSIX::Termios->new;
	$t->getattr(fileno $slave);
	$t->setlflag($t->getlflag | POSIX::ECHO());
	$t->setattr(fileno $slave, POSIX::TCSANOW());
	my $binary = Dewey::binary();
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		$SIG{$_} = 'DEFAULT' for qw(HUP INT TERM PIPE);
		POSIX::setsid();
		ioctl $slave, 0x540e, 0;
		POSIX::dup2(fileno $slave, $_) for 0 .. 2;
		Dewey::drop() unless $>;
		exec $binary, @$flags or POSIX::_exit(127);
	}
	my ($shown, $asked, $deadline) = ('', 0, time + 20);
	while (time < $deadline) {
		my $r = '';
		vec($r, fileno $master, 1) = 1;
		if (select($r, undef, undef, 0.05) > 0) {
			sysread $master, $shown, 4096, length $shown or last;
		}
		if (@lines && $shown =~ /\A.{$asked}.*: \z/s) {
			# The prompt is out before the echo is off.
			my $quiet = POSIX::Termios->new;
			for (1 .. 400) {
				$quiet->getattr(fileno $slave);
				last if !($quiet->getlflag & POSIX::ECHO());
				sleep 0.005;
			}
			syswrite $master, shift @lines;
			$asked = length $shown;
		}
		last if waitpid($pid, POSIX::WNOHANG()) == $pid;
	}
	my $status = $?;
	my $r = '';
	vec($r, fileno $master, 1) = 1;
	sysread $master, $shown, 4096, length $shown
	    if select($r, undef, undef, 0.05) > 0;
	$t->getattr(fileno $slave);
	return ($status, $shown, $t->getlflag & POSIX::ECHO() ? 1 : 0);
}

put($secrets, $before);
my ($status, $shown, $echo) = typed([@files, '--set-secret', 'mrose'],
    "on the quiet\n", "on the quiet\n");
is $status, 0, 'a secret from a terminal';
is Dewey::read_file($secrets), "# secrets\nmrose:on the quiet\n",
    '... is in the file';
unlike $shown, qr/quiet/, '... and was not shown';
like $shown, qr/secret: .*again: /s, '... it was asked for twice';
is $echo, 1, '... the terminal echoes again';
put($secrets, $before);
($status, $shown, $echo) = typed([@files, '--set-secret', 'mrose'],
    "on the quiet\n", "on the quit\n");
is $status >> 8, 111, 'two that are not the same';
like $shown, qr/not the same/, '... are refused';
unlike $shown, qr/quit/, '... and not shown';
is Dewey::read_file($secrets), $before, '... nothing has changed';
is $echo, 1, '... the terminal echoes again';
($status, $shown, $echo) = typed([@files, '--set-secret', 'mrose'], "\n");
is $status >> 8, 111, 'nothing is typed';
# A key instead of a hash: as SCRAM-SHA-256 stores it, by other code; a new salt
# each time, and the rest of the line stays.
put($users, "mrose:old:1:2::/home:\n");
my %salts;
for my $iterations (undef, 5000) {
	fine('a stored key', "pencil\n", @files, '--scheme=scram',
	    $iterations ? "--scram-iterations=$iterations" : (),
	    '--set-password', 'mrose');
	my ($n, $salt, $rest) = Dewey::read_file($users) =~
	    /\Amrose:(?=\{SCRAM-SHA-256\}(\d+),([^,]+),)(.*)\n\z/;
	is $n, $iterations // 4096, '... of so many iterations';
	is length Scram::unb64($salt), 16, '... a salt of 16 octets';
	ok !$salts{$salt}++, '... a new one';
	is $rest, Scram::stored('pencil', Scram::unb64($salt), $n) .
	    ':1:2::/home:', '... the right keys, and the rest is as it was';
}
put($users, '');
fine('a stored key', "pencil\n", @files, '--scheme=scram',
    '--set-password', 'mrose');
put($secrets, '');
is lets_in('mrose', undef, 'pencil'), 1, '... lets in';
is lets_in('mrose', undef, 'Pencil'), 0, '... no other password';
put($secrets, $before);
# A blank that does not break is another key for a client that prepares it.
my ($stored, $told) = run("caf\xc2\xa0e\n", @files, '--scheme=scram',
    '--set-password', 'mrose');
is $stored, 0, 'a password that is not ASCII is stored';
like $told, qr/not all ASCII: AUTH SCRAM-SHA-256 may fail/, '... and said';
fine('a hash of it', "caf\xc2\xa0e\n", @files, '--set-password', 'mrose');

put($users, '');
($status, $shown, $echo) = typed([@files, '--set-password', 'mrose'],
    "on the quiet\n", "on the quiet\n");
is $status, 0, 'a password from a terminal';
like Dewey::read_file($users), qr/\Amrose:\$/, '... its hash is in the file';
unlike $shown, qr/quiet|\$/, '... and neither was shown';
for my $key ("\cC", "half\cC", "\c\\") {
	($status, $shown, $echo) = typed([@files, '--set-secret', 'mrose'],
	    $key);
	is $status >> 8, 111, 'interrupted';
	like $shown, qr/secret: interrupted, nothing is changed/, '... it says';
	is $echo, 1, '... the terminal echoes again';
	is Dewey::read_file($secrets), $before, '... nothing has changed';
	ok !-e "$secrets.new", '... nothing is left';
}

SKIP: {
	skip 'only root can give files away', 3 if $>;
	# Root edits a file of somebody else's: it stays his.
	put($secrets, $before);
	my $c = Dewey->start(@files, '--set-secret', 'frated', { transport =>
	    'pipe', as_root => 1 });
	$c->send("hoopy\n");
	$c->close_write;
	is $c->exit_code, 0, 'root edits another\'s file';
	is((stat $secrets)[4], Dewey::uid(), '... which stays his');
	is mode($secrets), '600', '... as it was';
}

done_testing;
