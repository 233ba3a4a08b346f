#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Odd mailboxes, streams and moments: what other POP3 servers do differently.
# The rows are those of the survey that dewey was designed by (E41 to E58, E62
# to E67).
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Digest::SHA qw(sha256);
use Fcntl ();
use MIME::Base64 qw(encode_base64url);
use POSIX ();
use Test::More;

my $from = "From a\@b Mon Jan  1 00:00:00 2024\n";
my $perm = '-ERR [SYS/PERM] ';

# Serves ${octets} as mrose's mailbox; undef: there is none.
sub serve {
	my ($octets, @more) = @_;
	my $site = Dewey->site(users => { mrose => 'secret' },
	    mail => defined $octets ? { mrose => $octets } : {});
	return ($site, $site->start(@more));
}

# Logs in and returns the answer.
sub enter {
	my ($c) = @_;
	$c->greeting;
	$c->say('USER mrose');
	return $c->say('PASS secret');
}

# The messages that a session sees, whole.
sub messages {
	my ($octets) = @_;
	my ($site, $c) = serve($octets);
	my $reply = enter($c);
	my ($n) = ($reply // '') =~ /^\+OK mrose's maildrop has (\d+) message/
	    or return $reply;
	my @sizes = map { / (\d+)/ } split /\r\n/, $c->multi('LIST');
	my @texts = map { $c->unstuffed("RETR $_") } 1 .. $n;
	$c->say('QUIT');
	is $c->exit_code, 0, 'exit code';
	is_deeply [ map { length } @texts ], \@sizes, 'LIST tells the octets';
	is Dewey::read_file($site->mailbox('mrose')), $octets,
	    'nothing is written' if defined $octets;
	return join '|', @texts;
}

sub crlf { return $_[0] =~ s/\n/\r\n/gr }

# What begins a message.
is messages("${from}A: 1\n\nFrom x\n\nFrom y z\n\n"),
    crlf("A: 1\n\nFrom x\n\nFrom y z\n"), 'E41: From_ lines without a date';
is messages("${from}A: 1\n\ntext\n${from}B: 2\n\n"),
    crlf("A: 1\n\ntext\n${from}B: 2\n"),
    'E42: a From_ line without a blank line before it';
is messages("${from}A: 1\n\ntext\n\n${from}B: 2\n\n"),
    crlf("A: 1\n\ntext\n|B: 2\n\n"), 'E42: and with one';
is messages("${from}A: 1\n\n>From x\n>>From y\n"),
    crlf("A: 1\n\n>From x\n>>From y\n"), 'E43: >From is left alone';

# No mail.
for my $octets (undef, '') {
	my ($site, $c) = serve($octets);
	my $what = defined $octets ? 'E45: a zero-length mailbox' :
	    'E44: a missing mailbox';
	is enter($c), "+OK mrose's maildrop has 0 messages (0 octets)", $what;
	is $c->say('STAT'), '+OK 0 0', "$what: STAT";
	is_deeply [ $c->multi('LIST') ], [ '+OK 0 messages (0 octets)', '' ],
	    "$what: LIST";
	is_deeply [ $c->multi('UIDL') ], [ '+OK', '' ], "$what: UIDL";
	is $c->say('RETR 1'),
	    '-ERR no such message, only 0 messages in maildrop',
	    "$what: RETR";
	is $c->say('QUIT'), '+OK dewey POP3 server signing off (maildrop empty)',
	    "$what: QUIT";
	is $c->exit_code, 0, "$what: exit code";
	opendir my $dh, $site->dir . '/spool' or die $!;
	is join(' ', grep { !/^\.\.?$/ } readdir $dh),
	    defined $octets ? 'mrose' : '', "$what: nothing is made";
	# It must notice mail that arrives.
	Dewey::write_file($site->mailbox('mrose'), "${from}A: 1\n\n");
	$c = $site->start;
	is enter($c), "+OK mrose's maildrop has 1 message (8 octets)",
	    "$what: mail that arrives is there in the next session";
	$c->say('QUIT');
}

# Not an mbox.
for my $octets ("\0", 'x', "x\n", "Subject: x\n\n$from", "From\n", "F", "\r",
    "\n\nx\n", ">$from", "\nFrom a\@b yesterday\nA: 1\n\n", " $from") {
	my ($site, $c) = serve($octets, '--log=stderr');
	my $name = $octets =~ s/([^!-~ ])/sprintf '\\x%02x', ord $1/ger;
	is enter($c), "${perm}maildrop is not an mbox", "E46: $name";
	is $c->say('QUIT'), '+OK dewey POP3 server signing off', 'E46: QUIT';
	is $c->exit_code, 0, 'E46: exit code';
	like $c->stderr, qr/offset [0-9]+ /, 'E46: the log says where';
	is Dewey::read_file($site->mailbox('mrose')), $octets,
	    'E46: nothing is written';
}
is messages("\n\r\n\n${from}A: 1\n\n"), crlf("A: 1\n\n"),
    'E46: blank lines before the first From_ line are tolerated';
{
	my ($site, $c) = serve("\n\r\n\n${from}A: 1\n\n${from}B: 2\n\n");
	enter($c);
	$c->say('DELE 1');
	$c->say('QUIT');
	is Dewey::read_file($site->mailbox('mrose')),
	    "\n\r\n\n${from}B: 2\n\n", 'E46: and kept';
}

# The pseudo-message.
my $daemon = "From MAILER-DAEMON Mon Jan  1 00:00:00 2024\n";
my $pseudo = "${daemon}From: MAILER-DAEMON\n" .
    "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n" .
    "X-IMAP: 1 2\nStatus: RO\n\nThis text is part of the format.\n\n";
{
	my ($site, $c) = serve($pseudo);
	is enter($c), "+OK mrose's maildrop has 0 messages (0 octets)",
	    'E47: the pseudo-message is no message';
	is $c->say('QUIT'), '+OK dewey POP3 server signing off (maildrop empty)',
	    'E47: nor left';
	is Dewey::read_file($site->mailbox('mrose')), $pseudo, 'E47: it stays';
	($site, $c) = serve("$pseudo${from}A: 1\n\n${from}B: 2\n\n");
	is enter($c), "+OK mrose's maildrop has 2 messages (16 octets)",
	    'E47: with two messages';
	is $c->unstuffed('RETR 1'), "A: 1\r\n\r\n", 'E47: the first is real';
	is $c->say('DELE 1'), '+OK message 1 deleted', 'E47: DELE';
	is $c->say('DELE 2'), '+OK message 2 deleted', 'E47: DELE';
	is $c->say('QUIT'), '+OK dewey POP3 server signing off (maildrop empty)',
	    'E47: QUIT';
	is Dewey::read_file($site->mailbox('mrose')), $pseudo, 'E47: it stays';
	($site, $c) = serve("$pseudo${from}A: 1\n\n${from}B: 2\n\n");
	enter($c);
	$c->say('DELE 1');
	$c->say('QUIT');
	is Dewey::read_file($site->mailbox('mrose')),
	    "$pseudo${from}B: 2\n\n", 'E47: it stays at offset 0';
}
is messages($pseudo =~ s/X-IMAP: /X-IMAPbase: /r . "${from}A: 1\n\n"),
    crlf("A: 1\n\n"), 'E47: X-IMAPbase';
for my $not ($pseudo =~ s/X-IMAP: /X-OTHER: /r, $pseudo =~ s/DON'T/DO/r) {
	like messages("$not${from}A: 1\n\n"), qr/\|A: 1\r\n\r\n\z/,
	    'E47: both marks are wanted';
}
# A stranger can send one, but not one that nobody delivered.
for my $not ($pseudo =~ s/^From \S+/From a\@b/r, map { $pseudo =~
    s/\n/\n$_: x\n/r } qw(Received Return-Path)) {
	like messages("$not${from}A: 1\n\n"), qr/This text is part.*\|A: 1\r\n/s,
	    'E47: what was delivered is a message';
}
like messages("${from}A: 1\n\n$pseudo"), qr/\|From: MAILER/,
    'E47: only the first message can be one';

# What is no file of the user's.
{
	my ($site, $c) = serve(undef);
	my $box = $site->mailbox('mrose');
	my $dir = $site->dir;
	my $mbox = "${from}A: 1\n\n";

	my $real = Dewey::write_file("$dir/real", $mbox);
	symlink $real, $box or die "symlink: $!";
	is enter($c), "+OK mrose's maildrop has 1 message (8 octets)",
	    'E48: a symbolic link of root or the user to a file of the user';
	$c->say('DELE 1');
	$c->say('QUIT');
	is Dewey::read_file($real), '', 'E48: DELE behind the link';
	ok -l $box, 'E48: the link is still one';
	unlink $box;

	POSIX::mkfifo($box, 0600) or die "mkfifo: $!";
	Dewey::give($box);
	is enter($site->start), "${perm}maildrop is not a regular file",
	    'E49: a FIFO';
	unlink $box;
	mkdir $box or die "mkdir: $!";
	Dewey::give($box);
	is enter($site->start), "${perm}maildrop is not a regular file",
	    'E49: a directory';
	rmdir $box;
	symlink '/dev/null', $box or die "symlink: $!";
	is enter($site->start), "${perm}maildrop is not a regular file",
	    'E49: a device';
	unlink $box;

	Dewey::write_file($box, "$mbox${from}B: 2\n\n");
	link $box, "$box.other" or die "link: $!";
	$c = $site->start;
	is enter($c), "+OK mrose's maildrop has 2 messages (16 octets)",
	    'E50: a hard-linked spool';
	$c->say('DELE 1');
	$c->say('QUIT');
	is Dewey::read_file("$box.other"), "${from}B: 2\n\n",
	    'E50: UPDATE works in place';
	unlink "$box.other";

	my $unsafe = "${perm}maildrop has an unsafe owner or mode";
	Dewey::write_file($box, $mbox, 0602);
	is enter($site->start), $unsafe, 'E51: writable by the world';
	Dewey::write_file($box, $mbox, 0660);
	$c = $site->start;
	is enter($c), "+OK mrose's maildrop has 1 message (8 octets)",
	    'E51: writable by the group';
	$c->say('QUIT');
	SKIP: {
		skip 'only root can give files away', 1 if $>;
		chown 0, -1, $box or die "chown: $!";
		is enter($site->start), $unsafe, 'E52: of another owner';
	}
}

# No final newline.
is messages("${from}A: 1\n\nbody"), crlf("A: 1\n\nbody\n"),
    'E53: no final newline';
is messages("${from}A: 1\n\nbody\r"), "A: 1\r\n\r\nbody\r\r\n",
    'E53: a final CR is an octet of the line';
is messages("${from}A: 1"), "A: 1\r\n", 'E53: nor a body';
is messages($from =~ s/\n//r), '', 'E53: nor a header';
{
	my ($site, $c) = serve("${from}A: 1\n\n${from}B: 2\n\nbody");
	enter($c);
	$c->say('DELE 1');
	$c->say('QUIT');
	is Dewey::read_file($site->mailbox('mrose')), "${from}B: 2\n\nbody",
	    'E53: no newline is made up';
}

# Changes during the session.
sub append {
	my ($path, $octets) = @_;
	open my $fh, '>>:raw', $path or die "$path: $!";
	print {$fh} $octets or die "$path: $!";
	close $fh or die "$path: $!";
}

{
	my $mbox = "${from}A: 1\n\none\n\n${from}B: 2\n\ntwo\n\n";
	my $new = "${from}C: 3\n\nthree\n\n";
	my ($site, $c) = serve($mbox);
	my $box = $site->mailbox('mrose');
	enter($c);
	append($box, $new);
	is $c->say('STAT'), '+OK 2 26', 'E54: appended mail is not shown';
	is $c->unstuffed('RETR 2'), crlf("B: 2\n\ntwo\n"),
	    'E54: the old mail is';
	$c->say('DELE 1');
	is $c->say('QUIT'),
	    '+OK dewey POP3 server signing off (1 message left)',
	    'E54: QUIT tells of what was there at login';
	is Dewey::read_file($box), "${from}B: 2\n\ntwo\n\n$new",
	    'E54: and it is kept';

	for my $change ([ truncated => sub { truncate $box, 40 } ],
	    [ replaced => sub {
		Dewey::write_file("$box.new", $from . "X: y\n\n" x 20);
		rename "$box.new", $box or die $! } ],
	    [ removed => sub { unlink $box or die $! } ],
	    [ edited => sub { Dewey::write_file($box,
		$mbox =~ s/one/two three/r) } ]) {
		my ($how, $do) = @$change;
		Dewey::write_file($box, $mbox);
		$c = $site->start;
		enter($c);
		$c->say('DELE 1');
		$do->();
		my $after = -e $box ? Dewey::read_file($box) : undef;
		is $c->say('RETR 2'), '-ERR [SYS/TEMP] mailbox was changed ' .
		    'by another program, wait and log in again', "E55: $how: RETR"
		    unless $how =~ /replaced|removed/;
		is $c->say('QUIT'),
		    '-ERR [SYS/TEMP] some deleted messages not removed',
		    "E55: $how: QUIT";
		is $c->exit_code, 111, "E55: $how: exit code";
		is -e $box ? Dewey::read_file($box) : undef, $after,
		    "E55: $how: nothing is written";
	}
}

# In the middle of RETR.
{
	my $big = "${from}A: 1\n\n" . ('x' x 79 . "\n") x 60000 . "\n";
	my ($site, $c) = serve($big, '--log=stderr');
	enter($c);
	$c->cmd('RETR 1');
	like $c->line, qr/^\+OK 4860008 octets$/, 'E56: RETR begins';
	# At the end of a line: what is sent must not look whole.
	truncate $site->mailbox('mrose'), 40 + 80 * 12500 or die $!;
	my $rest = $c->rest;
	cmp_ok length $rest, '<', 4860008, 'E56: and stops';
	unlike $rest, qr/^\.\r\n/m, 'E56: without the final dot';
	unlike $rest, qr/ERR/, 'E56: and without another answer';
	is $c->exit_code, 111, 'E56: exit code';
	like $c->stderr, qr/ end=changed$/m, 'E56: the log';
}

# A full disk is played by a limit of the file size.
SKIP: {
	my $mbox = join '', map { "${from}A: $_\n\n" . 'x' x 3000 . "\n\n" }
	    1 .. 9;
	my ($site, $c) = serve($mbox);
	$c->close;
	skip 'prlimit is not here', 1 if system('prlimit --version >/dev/null');
	my $box = $site->mailbox('mrose');
	my $o = { wrapper => [ 'prlimit', '--fsize=' . (9 * 3042 - 20000) ] };
	$c = $site->start($o);
	enter($c);
	$c->say("DELE $_") for 2, 4;
	is $c->say('QUIT'), '-ERR [SYS/TEMP] some deleted messages not removed',
	    'E57: no space';
	is $c->exit_code, 111, 'E57: exit code';
	my $after = Dewey::read_file($box);
	is $after, $mbox, 'E57: the mailbox is as it was';
	$c = $site->start($o);
	like enter($c), qr/^\+OK .* 9 messages/, 'E57: the next session';
	$c->say("DELE $_") for 8, 9;
	is $c->say('QUIT'),
	    '+OK dewey POP3 server signing off (7 messages left)',
	    'E57: what needs no space is done';
	is Dewey::read_file($box), substr($mbox, 0, 7 * length($mbox) / 9),
	    'E57: the last messages are gone';
}

# Copies.
{
	my $copy = "${from}A: 1\n\nsame\n\n";
	my $edited = "${from}A: 1\nStatus: RO\nX-UID: 7\n  8\nx-keywords:\n" .
	    "Content-Length: 5\nLines: 1\n\nsame\n\n";
	my $other = "${from}A: 2\n\nsame\n\n";
	my ($site, $c) = serve("$copy$other$copy$edited");
	enter($c);
	my $id = encode_base64url(substr sha256($copy =~ s/\n\z//r), 0, 18);
	my $id2 = encode_base64url(substr sha256($other =~ s/\n\z//r), 0, 18);
	is $c->multi('UIDL'),
	    "1 $id\r\n2 $id2\r\n3 $id-2\r\n4 $id-3\r\n",
	    'E58: copies get -2, -3';
	is $c->say('UIDL 3'), "+OK 3 $id-2", 'E58: UIDL 3';
	$c->say('DELE 1');
	is $c->multi('UIDL'), "2 $id2\r\n3 $id-2\r\n4 $id-3\r\n",
	    'E58: not renamed during the session';
	$c->say('QUIT');
	$c = $site->start;
	enter($c);
	is $c->multi('UIDL'), "1 $id2\r\n2 $id\r\n3 $id-2\r\n",
	    'E58: shifted in the next';
	$c->say('QUIT');
}

# Octets.
is messages(crlf("${from}A: 1\n\nbody\n\n${from}B: 2\n\n")),
    crlf("A: 1\n\nbody\n|B: 2\n\n"), 'E62: CR LF in the file';
{
	my $octets = "${from}A: 1\n\n.\n..\n.x\na\r.\n\r.\nb\r\n.\n\n";
	my $text = "A: 1\r\n\r\n.\r\n..\r\n.x\r\na\r.\r\n\r.\r\nb\r\n.\r\n";
	is messages($octets), $text, 'E63: dots and bare CRs';
	my ($site, $c) = serve($octets);
	enter($c);
	is $c->multi('RETR 1'), $text =~ s/(\n)\./$1../gr,
	    'E63: only dots behind CR LF are doubled';
	is $c->multi('TOP 1 9'), $text =~ s/(\n)\./$1../gr, 'E63: TOP too';
	$c->say('QUIT');
}
{
	my ($site, $c) = serve("${from}A: 1\n");
	enter($c);
	is $c->unstuffed('RETR 1'), "A: 1\r\n", 'E64: no body: RETR';
	is $c->unstuffed('TOP 1 0'), "A: 1\r\n\r\n",
	    'E64: no body: TOP 1 0 ends the header';
	is $c->unstuffed('TOP 1 5'), "A: 1\r\n\r\n", 'E64: no body: TOP 1 5';
	$c->say('QUIT');
}
{
	my $all = join '', map { chr } grep { $_ != 10 } 0 .. 255;
	is messages("${from}A: 1\n\n$all\n\n"), "A: 1\r\n\r\n$all\r\n",
	    'E65: every octet';
}

# Streams.
{
	my ($site) = serve('');
	for my $name (qw(pipe file)) {
		my $c = $site->start('--log=stderr', '--secrets=none',
		    { transport => $name, input => '' });
		$c->close_write if $name eq 'pipe';
		is $c->rest, "+OK POP3 server ready\r\n",
		    "E66: an empty input ($name)";
		is $c->exit_code, 0, "E66: exit code ($name)";
		like $c->stderr, qr/ user=- peer=pipe .* end=eof$/m,
		    "E66: the log ($name)";
	}
	my $c;
	SKIP: {
		skip 'a tool opens files before the program', 2
		    if $ENV{DEWEY_WRAPPER};
		$c = $site->start('--log=stderr',
		    { wrapper => [ 'sh', '-c', 'exec "$@" >&-', 'sh' ],
		    transport => 'pipe' });
		$c->send("QUIT\r\n");
		is $c->exit_code, 1, 'E67: closed output: exit code';
		like $c->stderr, qr/ end=write-error$/m,
		    'E67: closed output: the log';
	}
	$c = $site->start('--log=stderr', { transport => 'pipe' });
	$c->greeting;
	close $c->{r};
	$c->{r} = undef;
	$c->send("NOOP\r\n");
	is $c->exit_code, 1, 'E67: EPIPE: exit code';
	like $c->stderr, qr/ end=write-error$/m, 'E67: EPIPE: the log';
}

# A file server has a lease on the mailbox, by which its clients may keep what
# they read: it gives it back when it is asked to, which takes it a moment.
SKIP: {
	my ($site, $c) = serve(Dewey::mbox("Subject: 1\n\nbody\n"));
	pipe my $told, my $tell or die "pipe: $!";
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		$SIG{IO} = sub { POSIX::_exit(0) };
		open my $fh, '<', $site->mailbox('mrose') or POSIX::_exit(1);
		syswrite $tell, fcntl($fh, Fcntl::F_SETLEASE(),
		    Fcntl::F_RDLCK()) ? 'y' : 'n';
		sleep 60;
		POSIX::_exit(1);
	}
	close $tell;
	sysread $told, my $has, 1;
	my $reply = $has eq 'y' ? enter($c) : undef;
	kill 'KILL', $pid;
	waitpid $pid, 0;
	skip 'no leases on this file system', 2 if $has ne 'y';
	is $?, 0, 'a mailbox with a lease: it is asked for';
	like $reply, qr/^\+OK mrose's maildrop has 1 message /,
	    '... and waited for';
}

done_testing;
