#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# One session over every kind of stream: a socketpair, pipes, TCP, a Unix
# socket, a terminal, a file.  O_NONBLOCK is never left on a descriptor that
# others share, and nothing is said on descriptor 2 if that is the client's
# stream, or if it is closed.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Fcntl qw(F_GETFL O_NONBLOCK);
use Test::More;

my $one = "Subject: one\n\n.The first.\n";
my $big = "Subject: big\n\n" . ('x' x 70 . "\n") x 9000;
my $mbox = Dewey::mbox($one, $big);
my $site = Dewey->site(users => { mrose => 'secret' },
    mail => { mrose => $mbox });
my $box = $site->mailbox('mrose');
my @total = (2, length(($one . $big) =~ s/\n/\r\n/gr));
my @transports = qw(socketpair pipe tcp unix pty);

for my $transport (@transports, 'file') {
	my $input = "USER mrose\nPASS secret\nSTAT\nRETR 1\nRETR 2\nDELE 1\n" .
	    "QUIT\n";
	my $c = $site->start('--secrets=none', '--log=stderr',
	    { transport => $transport, keep => 1, input => $input });
	is $c->greeting, '+OK POP3 server ready', "$transport: greeting";
	is $c->line, '+OK mrose is a real hoopy frood', "$transport: USER";
	is $c->line, "+OK mrose's maildrop has 2 messages ($total[1] octets)",
	    "$transport: PASS";
	is $c->line, "+OK 2 $total[1]", "$transport: STAT";
	is $c->line, '+OK 29 octets', "$transport: RETR 1";
	is $c->body, "Subject: one\r\n\r\n..The first.\r\n",
	    "$transport: a message";
	like $c->line, qr/^\+OK \d+ octets$/, "$transport: RETR 2";
	ok $c->body eq $big =~ s/\n/\r\n/gr, "$transport: a large message";
	is $c->line, '+OK message 1 deleted', "$transport: DELE 1";
	is $c->line, '+OK dewey POP3 server signing off (1 message left)',
	    "$transport: QUIT";
	is $c->exit_code, 0, "$transport: exit code";
	my @nonblocking = grep { fcntl($_, F_GETFL, 0) & O_NONBLOCK } $c->kept;
	is scalar @nonblocking, 0, "$transport: the descriptors block";
	$c->forget_kept;
	is $c->rest, '', "$transport: nothing follows";
	my $peer = $transport eq 'tcp' ? '127.0.0.1' : 'pipe';
	like $c->stderr, qr/ peer=\Q$peer\E method=pass .* end=quit$/m,
	    "$transport: the log";
	is Dewey::read_file($box), Dewey::mbox($big),
	    "$transport: the update was done";
	Dewey::write_file($box, $mbox);
}

# While it waits, and while it waits for a client that does not read.
for my $transport (@transports) {
	my $c = $site->login('mrose', '--idle-timeout=1',
	    { transport => $transport, keep => 1 });
	is $c->say('NOOP'), '+OK', "$transport: NOOP";
	my @nonblocking = grep { fcntl($_, F_GETFL, 0) & O_NONBLOCK } $c->kept;
	is scalar @nonblocking, 0, "$transport: blocking while it waits";
	$c->cmd('RETR 2') for 1 .. 20;
	is $c->exit_code, 1, "$transport: nobody reads";
	@nonblocking = grep { fcntl($_, F_GETFL, 0) & O_NONBLOCK } $c->kept;
	is scalar @nonblocking, 0, "$transport: and blocking after that";
}

# The end of input; on a terminal ^D.
for my $transport (@transports) {
	my $c = $site->login('mrose', { transport => $transport });
	is $c->say('DELE 1'), '+OK message 1 deleted', "$transport: DELE";
	is $c->say('RSET') =~ s/ \(.*//r, '+OK maildrop has 2 messages',
	    "$transport: RSET";
	$c->close_write;
	is $c->rest, '', "$transport: nothing is said at the end of input";
	is $c->exit_code, 0, "$transport: exit code at the end of input";
}

# Descriptor 2 is the client's stream: under inetd, systemd and ssh it often
# is.  Every complaint would go to the client.
for my $transport (qw(socketpair pipe tcp unix)) {
	chmod 0644, $site->dir . '/secrets';
	for my $log (qw(stderr auto none)) {
		my $c = $site->start("--log=$log", '--verbose',
		    { transport => $transport, stderr => 'same' });
		$c->send("APOP x y\r\nXYZZY\r\nUSER mrose\r\nPASS wrong\r\n" .
		    "USER mrose\r\nPASS secret\r\nDELE 1\r\n");
		$c->close_write;
		is $c->rest =~ s/^([-+]\w+).*\r\n/$1 /gmr, '+OK -ERR -ERR ' .
		    '+OK -ERR +OK +OK +OK ',
		    "$transport: replies only (--log=$log)";
		is $c->exit_code, 1, "$transport: exit code";
	}
	chmod 0600, $site->dir . '/secrets';
	my $c = Dewey->start('--no-such-flag',
	    { transport => $transport, stderr => 'same' });
	is $c->rest, $transport eq 'pipe' ? '' :
	    "-ERR [SYS/PERM] server is misconfigured\r\n",
	    "$transport: a usage error";
	is $c->exit_code, 100, "$transport: its exit code";
}

# A descriptor that is closed is not taken for another.  A tool may take it for
# its log.
my $tool = $ENV{DEWEY_WRAPPER} ? 'a tool opens files before the program' : '';
for my $fd ($tool ? () : (0, 1, 2)) {
	my $redirect = (qw(<&- >&- 2>&-))[$fd];
	my $c = $site->start('--log=stderr', '--verbose', { wrapper =>
	    [ 'sh', '-c', "exec \"\$@\" $redirect", 'sh' ] });
	$c->send("USER mrose\r\nPASS secret\r\nDELE 1\r\nQUIT\r\n");
	$c->close_write;
	if ($fd == 2) {
		like $c->rest, qr/^\+OK .*signing off/s,
		    'closed standard error';
		is $c->exit_code, 0, 'exit code';
		is Dewey::read_file($box), Dewey::mbox($big), 'the update';
		next;
	}
	is $c->exit_code, 1, "closed descriptor $fd: exit code";
	is Dewey::read_file($box), $mbox, 'the mailbox is whole';
}

# ... in particular not for the mailbox.
my $self = getpwuid Dewey::uid();
SKIP: {
	skip $tool, 14 if $tool;
	skip 'the user has no name', 14 unless defined $self;
	for my $which (1 .. 7) {
		my $site = Dewey->site(mail => { $self => $mbox });
		my $redirect = join ' ', map { (qw(<&- >&- 2>&-))[$_] }
		    grep { $which & 1 << $_ } 0 .. 2;
		my $c = $site->start('--log=stderr', '--preauth',
		    { wrapper =>
		    [ 'sh', '-c', "exec \"\$@\" $redirect", 'sh' ] });
		$c->send("XYZZY\r\nRETR 1\r\n");
		$c->close_write;
		$c->rest;
		is $c->exit_code, $which == 4 ? 0 : 1,
		    "--preauth, $redirect: exit code";
		ok Dewey::read_file($site->mailbox($self)) eq $mbox,
		    "--preauth, $redirect: the mailbox is whole";
	}
}

done_testing;
