#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# What an administrator may get wrong: --check-config names each fault in one
# line, with file and line where there is one, and what to do about it; a
# session that the fault keeps from being served says the right thing to the
# client, exits with the code that dewey(8) has, and leaves one line that says
# why.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Accounts;
use Test::More;

Accounts::enter();
my $mail = Dewey::mbox("Subject: one\n\nbody\n");
my $mark = "\xef\xbb\xbf";
Accounts::add('dwford', password => 'towel', mail => $mail);
Accounts::add($_) for qw(dewey-gate dewey-judge dewey-wait);
Accounts::add('dwmail');
my $hash = Accounts::sha512('towel');
my $ids = join ':', Accounts::uid('dwford'), Accounts::gid('dwford');

# A file of root's.
sub file {
	my ($name, $text, $mode) = @_;
	my $path = Dewey::write_file("/etc/$name", $text, $mode // 0600);
	chown 0, 0, $path or die "$path: $!";
	return $path;
}

# dewey --check-config: its exit code and its lines.
sub check {
	my (@flags) = @_;
	my $c = Dewey->start(@flags, '--check-config', { as_root => 1,
	    transport => 'pipe' });
	my $out = $c->rest;
	my $code = $c->exit_code;
	return ($code, grep { !/^a session can be served$/ }
	    split /\n/, $out . $c->stderr);
}

my $misconfigured = '-ERR [SYS/PERM] server is misconfigured';
my $refused = '-ERR [AUTH] name or credentials refused';
my $in = "+OK dwford's maildrop has 1 message (22 octets)";
my $users = file('users', "# users\ndwford:$hash:${ids}:::\n");
my @own = ("--users=$users", '--secrets=none');

# What is wrong; the flags; the line of --check-config and whether it is unsafe;
# what the client is told at the greeting or at PASS; the session's exit code and
# what its log says.
my @faults = (
	['nothing', [], undef, 0, $in, 0, qr/end=quit$/],
	['an unknown key', ['--config=' . file('a', "# a\nmail-usr = x\n")],
	    qr{^dewey: /etc/a:2: `mail-usr' is an unknown key: the nearest is mail-user$},
	    1, $misconfigured, 100],
	['an unknown key like no other', ['--config=' . file('b', "x = y\n")],
	    qr{^dewey: /etc/b:1: `x' is an unknown key: see dewey\.conf\(5\)$},
	    1, $misconfigured, 100],
	['a key without a value', ['--config=' . file('c', "locks\n")],
	    qr{^dewey: /etc/c:1: expected `key = value'$},
	    1, $misconfigured, 100],
	['a wrong value', ['--config=' . file('d', "private = on\n")],
	    qr{^dewey: /etc/d:1: `private' must be yes or no$},
	    1, $misconfigured, 100],
	['a byte order mark', ['--config=' . file('e', "${mark}host = x\n")],
	    qr{^dewey: /etc/e:1: begins with a byte order mark: save the file without one$},
	    1, $misconfigured, 100],
	['NUL', ['--config=' . file('f', "host = x\0\n")],
	    qr{^dewey: /etc/f:1: holds NUL: }, 1, $misconfigured, 100],
	['a long line', ['--config=' . file('g', 'x' x 5000)],
	    qr{^dewey: /etc/g:1: is too long: shorten it$},
	    1, $misconfigured, 100],
	['a file for all to write', ['--config=' . file('h', '', 0666)],
	    qr{^dewey: /etc/h: can be written by others: chmod go-w it$},
	    1, $misconfigured, 100],
	['an unknown flag', ['--mailbx=/x'],
	    qr{^dewey: there is no option `--mailbx=/x', the nearest is --mailbox \(try dewey --help\)$},
	    1, $misconfigured, 100],
	['users without a uid', ['--secrets=none',
	    '--users=' . file('i', "a:x:${ids}:::\ndwford:$hash\n")],
	    qr{^unsafe: /etc/i:2: the user has no uid, and there is no mail-user: .*: set mail-user$},
	    1, $refused, 0, qr/users without a uid of their own are refused: mail-user is not set: set it$/],
	['... and a mail-user who is not there', ['--secrets=none',
	    '--users=/etc/i', '--mail-user=dwmial'],
	    qr{^unsafe: mail-user: dwmial has no account: make it \(useradd -r\), or name another$},
	    1, $refused, 0, qr/mail-user has no account: make it, or name another$/],
	['... or root', ['--secrets=none', '--users=/etc/i',
	    '--mail-user=root'],
	    qr{^unsafe: mail-user: root is root: name another$},
	    1, $refused, 0, qr/mail-user is root: name another$/],
	['a gate-user who is not there', [@own, '--gate-user=dwgate'],
	    qr{^unsafe: gate-user: dwgate has no account: make it},
	    1, $misconfigured, 100, qr/gate-user: dwgate has no account, or is root: make it, or name another$/],
	['... or root', [@own, '--gate-user=root'],
	    qr{^unsafe: gate-user: root is root: name another$},
	    1, $misconfigured, 100, qr/gate-user: root has no account, or is root/],
	['users that are not there', ['--users=/etc/none'],
	    qr{^unsafe: /etc/none: No such file or directory; until then nobody can log in$},
	    1, $misconfigured, 0, qr{/etc/none: No such file or directory$}],
	['users for all to write', ['--users=' . file('j', '', 0622)],
	    qr{^unsafe: /etc/j: can be written by others: chmod go-w it; until then nobody can log in$},
	    1, $misconfigured, 0, qr{/etc/j: can be written by others}],
	['a list that is not there', [@own, '--deny=/etc/none'],
	    qr{^unsafe: /etc/none: No such file or directory; until then nobody can log in$},
	    1, $misconfigured, 0, qr{/etc/none: No such file}],
	['a line of users that is none', ['--secrets=none',
	    '--users=' . file('k', "ann\ndwford:$hash:${ids}:::\n")],
	    qr{^dewey\[\d+\]: /etc/k:1: expected `name:hash' or .*; the line is skipped$},
	    0, $in, 0, qr{/etc/k:1: expected}],
	['users with a byte order mark', ['--secrets=none',
	    '--users=' . file('l', "${mark}dwford:$hash:${ids}:::\n")],
	    qr{^dewey\[\d+\]: /etc/l:1: begins with a byte order mark: save the file without one; the line is skipped$},
	    0, $refused, 0, qr{/etc/l:1: begins with a byte order mark}],
	['secrets that others can read', ["--users=$users",
	    '--secrets=' . file('m', "x:y\n", 0644)],
	    qr{^unsafe: /etc/m: can be read or written by others: chmod 600 it; until then APOP is off$},
	    1, $in, 0, qr{/etc/m: can be read .*; APOP is off$}],
	['secrets of nobody', ["--users=$users",
	    '--secrets=' . file('n', "# none\n")],
	    qr{^unwise: /etc/n: has no secret in it, but APOP is offered.*: remove the file$},
	    0, $in, 0, undef],
	['no directory of mailboxes', [@own, '--mailbox=/none/%u'],
	    qr{^unsafe: /none: the directory of --mailbox is not there: make it, or name another$},
	    1, '-ERR [SYS/PERM] maildrop has no directory to be in', 0,
	    qr{/none: cannot be opened: No such file or directory$}],
);

for my $fault (@faults) {
	my ($what, $flags, $line, $bad, $told, $code, $log) = @$fault;
	my ($checked, @lines) = check(@$flags);
	is $checked, $bad ? 100 : 0, "$what: --check-config: exit code";
	# What others may make of the machine's spool is not what is tried.
	is scalar(@lines), defined $line ? 1 : 0, '... one line' or
	    diag join "\n", @lines;
	like $lines[0], $line, '... which says where, what and what to do'
	    if defined $line && @lines;
	my $c = Accounts::start(@$flags);
	my $said = $c->greeting;
	if ($said =~ /^\+OK/) {
		$c->say('USER dwford');
		$said = $c->say('PASS towel') // '';
		$c->say('QUIT');
	}
	is $said, $told, '... what the client is told';
	is $c->exit_code, $code, '... exit code';
	my @log = grep { !/ end=/ || /end=quit/ && !$bad } split /\n/,
	    $c->stderr;
	my ($found) = grep { defined $log && $_ =~ $log } @log;
	ok defined $found, '... the log' or diag $c->stderr if defined $log;
}

# ---- A mailbox, and a file beside it, of somebody else

my $box = Accounts::mailbox('dwford');
chown 0, -1, $box;
my $c = Accounts::start();
$c->greeting;
$c->say('USER dwford');
is $c->say('PASS towel'), '-ERR [SYS/PERM] maildrop has an unsafe owner or mode',
    'a mailbox of root';
$c->say('QUIT');
$c->exit_code;
like $c->stderr, qr{: \Q$box\E: belongs to root, not to the user: chown dwford \Q$box\E$}m,
    '... names, and what to do';
Accounts::put('dwford', $mail);
chown Accounts::uid('dwmail'), -1,
    Dewey::write_file('/var/mail/.dwford.dewey', '', 0600);
my ($checked, @lines) = check();
is $checked, 100, 'a sidecar of another user: --check-config: exit code';
is_deeply \@lines, ['unsafe: /var/mail/.dwford.dewey: belongs to dwmail, ' .
    'the mailbox to dwford, who can delete nothing: ' .
    'chown the mailbox, or rm /var/mail/.dwford.dewey'],
    '... names, and what to do';
# A journal in it completes what a crash has left half moved: it is not to go.
for my $row (['dwmail', 0600, 'rm'], ['root', 0600, 'chown'],
    ['dwford', 0640, 'chmod 600']) {
	my ($owner, $mode, $do) = @$row;
	chown $owner eq 'root' ? 0 : Accounts::uid($owner), -1,
	    Dewey::write_file('/var/mail/.dwford.dewey', 'journal', $mode);
	(undef, @lines) = check();
	like $lines[0], qr{(?:, or|:) \Q$do\E /var/mail/\.dwford\.dewey$},
	    "a journal of $owner, mode " . sprintf('%04o', $mode) . ": $do";
}
unlink '/var/mail/.dwford.dewey';

# ---- Refused logins name a user who is there, and nobody else

$c = Accounts::start();
$c->greeting;
for my $try (['dwford', 'wrong'], ['Pa55word', 'x'], ['root', 'x']) {
	$c->say("USER $try->[0]");
	$c->say("PASS $try->[1]");
}
$c->exit_code;
is_deeply [$c->stderr =~ /refused login (.*)/g], [
    'peer=pipe method=pass try=1 user=dwford', 'peer=pipe method=pass try=2',
    'peer=pipe method=pass try=3'], 'whom a refused login names';

done_testing;
