#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# APOP and the secrets file: the shapes of its lines, when it is not believed,
# where it is if nobody says so, and users with a secret who send PASS (RFC
# 1939 sections 7 and 13).
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Digest::MD5 qw(md5_hex);
use POSIX ();
use Test::More;

my $mbox = Dewey::mbox("A: 1\n\ntext\n");
my $site = Dewey->site(users => { mrose => 'secret', frated => 'hoopy' },
    mail => { mrose => $mbox, frated => $mbox, only => $mbox });
my $dir = $site->dir;
my $secrets = "$dir/secrets";
my $in = '+OK maildrop has 1 message (14 octets)';
my $refused = '-ERR [AUTH] name or credentials refused';
my $off = '-ERR [SYS/PERM] APOP is not available';

sub file {
	Dewey::write_file($secrets, join('', map { "$_\n" } @_), 0600);
}

# Sends APOP: (reply, standard error).
sub try {
	my ($name, $secret, @flags) = @_;
	my $c = $site->start('--log=stderr', @flags);
	my $reply = $c->apop($name, $secret) // 'no reply';
	$c->say('QUIT');
	$c->exit_code;
	return ($reply, $c->stderr);
}

# The timestamp differs each time, and is what RFC 1939 wants: a msg-id, in the
# form of its examples, which is all that Mail::Transport::POP3 3.005 (Perl)
# takes for one.  It has 128 random bits: each of them is seen to change.
file('mrose:tanstaaf');
my (%seen, @ones);
for (1 .. 40) {
	my $c = $site->start;
	my $stamp = $c->timestamp;
	like $stamp, qr/\A<\d{1,20}\.\d{1,20}\@dewey\.example>\z/,
	    'a timestamp';
	ok !$seen{$stamp}++, 'never seen before';
	my @numbers = $stamp =~ /(\d+)/g;
	for my $bit (0 .. 127) {
		$ones[$bit] += $numbers[$bit / 64] >> $bit % 64 & 1;
	}
	$c->close;
}
# By chance this fails once in four thousand million times.
is scalar(grep { $_ > 0 && $_ < 40 } @ones), 128, 'random bits';
is +(try('mrose', 'tanstaaf'))[0], $in, 'APOP';
is +(try('mrose', 'tanstaaf '))[0], $refused, 'another secret';
is +(try('frated', 'tanstaaf'))[0], $refused, 'a user without a secret';
is +(try('zaphod', 'tanstaaf'))[0], $refused, 'an unknown user';
is +(try('MROSE', 'tanstaaf'))[0], $refused, 'names are octets';
{
	my $first = $site->start;
	my $second = $site->start;
	$second->greeting;
	is $second->say('APOP mrose ' . md5_hex($first->timestamp .
	    'tanstaaf')), $refused, 'a digest of another session';
	is $second->say('APOP mrose ' . md5_hex(
	    $second->timestamp =~ tr/<>//dr . 'tanstaaf')), $refused,
	    'a digest without the angle brackets';
	is $second->apop('mrose', 'tanstaaf'), $in, 'the right one';
	$second->say('QUIT');
}

# A name that only the secrets file knows is a user too: of who runs dewey.
file('only:tanstaaf');
is +(try('only', 'tanstaaf'))[0], $in, 'no line in the users file';
for my $name ('../only', 'x/only', '.only', '/only', 'x' x 65) {
	file("$name:tanstaaf");
	is +(try($name, 'tanstaaf'))[0], $refused,
	    'no name: ' . substr $name, 0, 20;
}
Dewey::write_file("$dir/users", "only:!:0:0:::\n");
file('only:tanstaaf');
is +(try('only', 'tanstaaf'))[0], $refused, 'of another uid there';
$site = Dewey->site(users => { mrose => 'secret', frated => 'hoopy' },
    mail => { mrose => $mbox, frated => $mbox, only => $mbox });
$dir = $site->dir;
$secrets = "$dir/secrets";

# Lines.
for my $with ([ 'mrose:tan:staaf', 'tan:staaf' ], [ 'mrose: x ', ' x ' ],
    [ 'mrose:#x', '#x' ], [ "mrose:\xe4\xff", "\xe4\xff" ],
    [ "mrose:tanstaaf\r", 'tanstaaf' ], [ "mrose:a\tb", "a\tb" ],
    [ 'mrose:::', '::' ], [ 'mrose:' . 's' x 1000, 's' x 1000 ],
    [ "# x\n\nmrose:x", 'x' ], [ "frated:y\nmrose:x\nfrated:z", 'x' ],
    [ "mrose:x\nmrose:y", 'x' ], [ "#mrose:y\nmrose:x", 'x' ]) {
	my ($lines, $secret) = @$with;
	file($lines);
	my ($reply, $log) = try('mrose', $secret);
	is $reply, $in, 'a secret: ' . ($lines =~
	    s/([^!-~ ])/sprintf '\\x%02x', ord $1/ger =~ s/(.{30}).*/$1/r);
	unlike $log, qr/skipped/, 'nothing to complain about';
}
file("mrose:x\nmrose:y");
is +(try('mrose', 'y'))[0], $refused, 'the second line does not count';
Dewey::write_file($secrets, 'mrose:x', 0600);
is +(try('mrose', 'x'))[0], $in, 'no newline at the end';
for my $line ('mrose', 'mrose:', ':x', "mrose:a\0b", "mr\0ose:x", ':',
    'mrose:' . 's' x 1100, 'x' x 6000) {
	file('# comment', $line, 'frated:tanstaaf', 'mrose:last');
	my ($reply, $log) = try('mrose', 'last');
	my $name = ($line =~ s/\0/\\0/gr) =~ s/(.{30}).*/$1.../r;
	is $reply, $in, "malformed: $name: the next line counts";
	like $log, qr/\Q$secrets:2: \E.*skipped/, 'malformed: logged';
	unlike $log, qr/sssss|xxxxx/, 'malformed: not its content';
	is +(try('mrose', ''))[0], $refused,
	    'malformed: an empty secret fits nothing'
	    if $line ne 'mrose:last';
}

# An unsafe file: no timestamp, APOP says so, PASS still works.
sub unsafe {
	my ($why, $name) = @_;
	my $c = $site->start('--log=stderr');
	is $c->greeting, '+OK POP3 server ready', "$name: no timestamp";
	is $c->say('APOP mrose ' . 'a' x 32), $off, "$name: APOP"
	    for 1 .. 4;
	$c->say('USER frated');
	is $c->say('PASS hoopy'), "+OK frated's maildrop has 1 message " .
	    '(14 octets)', "$name: PASS still works";
	$c->say('QUIT');
	$c->exit_code;
	like $c->stderr, qr/\Q$secrets\E: .*$why/, "$name: logged";
	unlike $c->stderr, qr/tanstaaf/, "$name: without a secret";
}
file('mrose:tanstaaf');
for my $mode (0600, 0400) {
	chmod $mode, $secrets;
	is +(try('mrose', 'tanstaaf'))[0], $in, sprintf 'mode %04o', $mode;
}
for my $mode (0640, 0604, 0620, 0602, 0610, 0601, 0644, 0660, 0666, 0777) {
	chmod $mode, $secrets;
	unsafe('chmod 600', sprintf 'mode %04o', $mode);
}
SKIP: {
	skip 'only root can give files away', 16 if $>;
	chmod 0600, $secrets;
	chown 1, 1, $secrets;
	unsafe('denied|another user', 'of another user');
	chown 0, 0, $secrets;
	unsafe('denied', 'of root, unreadable');
}
rename $secrets, "$secrets.real" or die $!;
Dewey::give("$secrets.real");
unsafe('No such file', 'missing');
symlink "$secrets.real", $secrets or die $!;
unsafe('symbolic link', 'a symbolic link');
unlink $secrets;
mkdir $secrets;
unsafe('regular|directory', 'a directory');
rmdir $secrets;
POSIX::mkfifo($secrets, 0600);
Dewey::give($secrets);
unsafe('regular', 'a FIFO');
unlink $secrets;

# It becomes unsafe, or is replaced, during the session.
file('mrose:tanstaaf');
{
	my $c = $site->start;
	my $stamp = $c->timestamp;
	unlink $secrets;
	like $c->apop('mrose', 'tanstaaf'), qr/^\+OK/,
	    'the secrets file is the one there was at the greeting';
	$c->say('QUIT');
	file('mrose:tanstaaf');
	$c = $site->start('--log=stderr');
	$stamp = $c->timestamp;
	chmod 0644, $secrets;
	is $c->apop('mrose', 'tanstaaf'), $off, 'unsafe since the greeting';
	$c->say('USER frated');
	like $c->say('PASS hoopy'), qr/^\+OK|^-ERR \[SYS/,
	    'PASS is at least not called a wrong password';
	$c->say('QUIT');
	file('mrose:tanstaaf');
}

# --secrets=none, --apop-only.
{
	my $c = $site->start('--secrets=none');
	is $c->greeting, '+OK POP3 server ready', '--secrets=none: greeting';
	is $c->say('APOP mrose ' . 'a' x 32), $off, '--secrets=none: APOP';
	$c->say('USER mrose');
	like $c->say('PASS secret'), qr/^\+OK/,
	    '--secrets=none: PASS of a user who had a secret';
	$c->say('QUIT');
}
for my $with ([ [], $refused ], [ [ '--apop-only' ], $refused ],
    [ [ '--apop-only=no' ], "+OK mrose's maildrop has 1 message (14 octets)" ]) {
	my ($flags, $answer) = @$with;
	my $c = $site->start(@$flags);
	$c->greeting;
	is $c->say('USER mrose'), '+OK mrose is a real hoopy frood', 'USER';
	is $c->say('PASS secret'), $answer,
	    "PASS of a user with a secret, @$flags";
	$c->say('QUIT');
	$c = $site->start(@$flags);
	is $c->apop('mrose', 'tanstaaf'), $in, "APOP, @$flags";
	$c->say('QUIT');
	$c = $site->start(@$flags);
	$c->greeting;
	$c->say('USER frated');
	like $c->say('PASS hoopy'), qr/^\+OK/,
	    "PASS of a user without a secret, @$flags";
	$c->say('QUIT');
}
{
	my $c = $site->start;
	$c->greeting;
	$c->say('USER frated');
	is $c->apop('mrose', 'tanstaaf'), $in, 'APOP may follow USER';
	is $c->say('QUIT'),
	    '+OK dewey POP3 server signing off (1 message left)', 'QUIT';
}

# Nobody says which files: the one user there is, by APOP from the default
# secrets file.
SKIP: {
	my $self = getpwuid(Dewey::uid()) // skip 'the user has no name', 1;
	my $site = Dewey->site(mail => { $self => $mbox, mrose => $mbox });
	my $home = Dewey::tmpdir();
	my @flags = ('--host=dewey.example', '--log=stderr', '--fail-delay=0',
	    '--mailbox=' . $site->dir . '/spool/%u');
	my $default = sub {
		my ($path) = @_;
		my $at = '';
		for my $part (split m{/}, $path) {
			last if "$at/$part" eq $path;
			$at .= "/$part" if $part ne '';
			next if $at eq '' || -d $at;
			mkdir $at or die "$at: $!";
			Dewey::give($at);
		}
		Dewey::write_file($path, "$self:tanstaaf\nmrose:tanstaaf\n",
		    0600);
	};
	my $home_only = "$home/.config/dewey/secrets";
	my $xdg = "$home/xdg/dewey/secrets";
	$default->($home_only);
	for my $with ([ $home_only, { HOME => $home } ],
	    [ $home_only, { HOME => $home, XDG_CONFIG_HOME => '' } ],
	    [ $home_only, { HOME => $home, XDG_CONFIG_HOME => 'xdg' } ],
	    [ $xdg, { HOME => $home, XDG_CONFIG_HOME => "$home/xdg" } ],
	    [ $xdg, { HOME => undef, XDG_CONFIG_HOME => "$home/xdg" } ]) {
		my ($path, $env) = @$with;
		$default->($path);
		unlink $home_only if $path eq $xdg;
		my $name = join ' ', map { "$_=" . (defined $env->{$_} ?
		    $env->{$_} =~ s/\Q$home\E/HOME/r : 'unset') } sort keys %$env;
		my $c = Dewey->start(@flags, { env => $env });
		ok defined $c->timestamp, "$name: a timestamp";
		is $c->apop('mrose', 'tanstaaf'), $refused,
		    "$name: nobody else";
		is $c->apop($self, 'tanstaaf'), $in, "$name: APOP";
		$c->say('QUIT');
	}
	my $c = Dewey->start(@flags, { env => { HOME => "$home/none" } });
	is $c->greeting, '+OK POP3 server ready', 'no such file: no timestamp';
	unlike $c->multi('CAPA'), qr/^USER\r$/m, 'CAPA does not offer USER';
	$c->say("USER $self");
	like $c->say('PASS secret'), qr/^-ERR \[SYS\/PERM\]/,
	    'without a users file PASS cannot succeed';
	is $c->say("APOP $self " . 'a' x 32), $off, 'nor APOP';
	$c->say('QUIT');
	$c->exit_code;
	unlike $c->stderr, qr/secrets/,
	    'a default file that is not there is no mistake';
	# One that cannot be looked at is none that is not there.
	my $dewey = "$home/xdg/dewey";
	chmod 0, $dewey;
	for my $with ([ $dewey, sub { chmod 0, $dewey } ],
	    [ $dewey, sub { rename $dewey, "$dewey.away";
		symlink 'dewey', $dewey } ]) {
		my ($what, $do) = @$with;
		$do->();
		$c = Dewey->start(@flags,
		    { env => { XDG_CONFIG_HOME => "$home/xdg" } });
		is $c->greeting, '+OK POP3 server ready',
		    'default file out of reach: no timestamp';
		$c->say('QUIT');
		$c->exit_code;
		like $c->stderr, qr/\Q$xdg\E: .*APOP is off/, '... logged';
		$c = Dewey->start(@flags, '--check-config', { transport =>
		    'pipe', env => { XDG_CONFIG_HOME => "$home/xdg" } });
		like $c->rest, qr/^unsafe: \Q$xdg\E: .*APOP is off/m,
		    '... --check-config says so';
		is $c->exit_code, 100, '... exit code';
		for my $name ($self, 'zaphod') {
			$c = Dewey->start(@flags, "--remove-user=$name",
			    { transport => 'pipe',
			    env => { XDG_CONFIG_HOME => "$home/xdg" } });
			$c->rest;
			isnt $c->exit_code, 0, '... nor is a user removed';
			unlike $c->stderr, qr/stands in neither/,
			    '... whose secret may be there';
		}
		unlink $dewey if -l $dewey;
		rename "$dewey.away", $dewey;
		chmod 0755, $dewey;
	}
	chmod 0644, $xdg;
	$c = Dewey->start(@flags, { env => { XDG_CONFIG_HOME => "$home/xdg" } });
	is $c->greeting, '+OK POP3 server ready',
	    'unsafe default: no timestamp';
	$c->say('QUIT');
	$c->exit_code;
	like $c->stderr, qr/\Q$xdg\E: .*chmod 600/, 'unsafe default: logged';

	# --preauth: the caller is who he is.
	$c = Dewey->start(@flags, '--preauth', '--log-deletes');
	is $c->greeting, "+OK $self\'s maildrop has 1 message (14 octets)",
	    '--preauth: the greeting';
	is $c->say('USER mrose'),
	    '-ERR USER is not valid in the TRANSACTION state',
	    '--preauth: is TRANSACTION';
	is $c->say('DELE 1'), '+OK message 1 deleted', '--preauth: DELE';
	is $c->say('QUIT'), '+OK dewey POP3 server signing off ' .
	    '(maildrop empty)', '--preauth: QUIT';
	is $c->exit_code, 0, '--preauth: exit code';
	like $c->stderr, qr/ method=preauth /, '--preauth: the log';
	Dewey::write_file($site->mailbox($self), 'x');
	$c = Dewey->start(@flags, '--preauth');
	is $c->greeting, '-ERR [SYS/PERM] maildrop is not an mbox',
	    '--preauth: no maildrop';
	is $c->rest, '', '--preauth: is the end';
	is $c->exit_code, 111, '--preauth: exit code';
}

done_testing;
