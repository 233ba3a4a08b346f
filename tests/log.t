#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# The log: one line per session with its keys in order and every word of end=,
# one line per refused login that names nobody unknown, strangers' octets escaped, and
# where it goes.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Digest::MD5 qw(md5_hex);
use Fcntl qw(O_NONBLOCK O_RDWR);
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(SOCK_DGRAM);
use Test::More;
use Time::HiRes qw(sleep);

my @texts = ("Subject: one\n\nThe first.\n", "Subject: two\n\n.\n",
    "Subject: three\n\n" . ('x' x 70 . "\n") x 30000);
my @octets = map { length s/\n/\r\n/gr } @texts;
my $mbox = Dewey::mbox(@texts);
my $site = Dewey->site(users => { mrose => 'secret', bad => 'x' },
    secrets => { apop => 'tanstaaf' },
    mail => { mrose => $mbox, apop => $mbox, bad => 'not an mbox' });
my $box = $site->mailbox('mrose');
my $keys = 'user peer method messages octets retrieved retrieved-octets ' .
    'deleted left seconds end';

# The session's lines of a log, as hashes; the other lines in $others.
my $others;
sub sessions {
	my ($log) = @_;
	my @sessions;
	$others = '';
	for my $line (split /^/, $log) {
		# What this kernel lacks is not what these sessions are about.
		next if $line =~ /\A\S+ .*\bthis kernel\b/;
		if ($line !~ s/\Adewey\[\d+\]: (?=user=\S+ peer=)//) {
			$others .= $line;
			next;
		}
		my @pairs = map { [ split /=/, $_, 2 ] } split ' ', $line;
		is join(' ', map { $_->[0] } @pairs), $keys,
		    'the keys, in this order';
		push @sessions, { map { @$_ } @pairs };
	}
	return @sessions;
}

# The one line of a session that has ended.
sub record {
	my ($c) = @_;
	$c->exit_code;
	my @sessions = sessions($c->stderr);
	is scalar @sessions, 1, 'one line a session';
	my $r = $sessions[0];
	like delete $r->{seconds}, qr/\A\d+\.\d{3}\z/, 'seconds';
	return $r;
}

sub begin {
	my ($name, @more) = @_;
	return $site->login($name, '--log=stderr', @more);
}

my $total = $octets[0] + $octets[1] + $octets[2];
my %mrose = (user => 'mrose', peer => 'pipe', method => 'pass',
    messages => 3, octets => $total, retrieved => 0, 'retrieved-octets' => 0,
    deleted => 0, left => 3);
my %nobody = (user => '-', peer => 'pipe', method => '-', messages => 0,
    octets => 0, retrieved => 0, 'retrieved-octets' => 0, deleted => 0,
    left => 0);

# quit
my $c = begin('mrose');
$c->multi($_) for 'RETR 1', 'RETR 2', 'RETR 1', 'LIST', 'UIDL';
$c->multi('TOP 1 0');
$c->say('QUIT');
is_deeply record($c), { %mrose, retrieved => 3,
    'retrieved-octets' => 2 * $octets[0] + $octets[1] + 16, end => 'quit' },
    'quit: RETR counts messages and octets, TOP its octets';
$c = begin('apop');
$c->say('DELE 1');
$c->say('DELE 3');
$c->say('QUIT');
is_deeply record($c), { %mrose, user => 'apop', method => 'apop',
    deleted => 2, left => 1, end => 'quit' }, 'quit: APOP, deleted, left';
Dewey::write_file($site->mailbox('apop'), $mbox);
$c = $site->start('--log=stderr');
$c->greeting;
$c->say('QUIT');
is_deeply record($c), { %nobody, end => 'quit' }, 'quit: before login';

# eof
$c = begin('mrose');
$c->say('DELE 1');
$c->close_write;
is_deeply record($c), { %mrose, end => 'eof' }, 'eof: nothing is deleted';
$c = begin('mrose');
$c->send('NOOP');
$c->close_write;
is_deeply record($c), { %mrose, end => 'eof' }, 'eof: inside a command';
$c = $site->start('--log=stderr');
$c->close_write;
is_deeply record($c), { %nobody, end => 'eof' }, 'eof: before login';

# timeout
$c = begin('mrose', '--idle-timeout=1');
is_deeply record($c), { %mrose, end => 'timeout' }, 'timeout';
$c = $site->start('--log=stderr', '--login-timeout=1');
$c->greeting;
$c->say('USER mrose');
is_deeply record($c), { %nobody, end => 'timeout' },
    'timeout: before login, the name is not told';

# signal
$c = begin('mrose');
$c->kill('TERM');
is_deeply record($c), { %mrose, end => 'signal' }, 'signal';

# auth-failed
$c = $site->start('--log=stderr');
$c->greeting;
for (1 .. 3) {
	$c->say('USER Pa55word');
	$c->say('PASS Pa55word');
}
is_deeply record($c), { %nobody, end => 'auth-failed' }, 'auth-failed';
is $others, join('', map { 'dewey[' . $c->pid .
    "]: refused login peer=pipe method=pass try=$_\n" } 1 .. 3),
    'refused logins: one line each, and no name that is nobody\'s';
$c = $site->start('--log=stderr');
my $digest = md5_hex('x');
$c->say("APOP apop $digest") if $c->greeting;
$c->say("APOP zaphod $digest");
$c->say('USER mrose');
$c->say('PASS Pa55word');
is_deeply record($c), { %nobody, end => 'auth-failed' }, 'auth-failed: APOP';
is scalar(() = $others =~ /refused login peer=pipe method=apop try=\d/g), 2,
    'refused logins: APOP';
unlike $others, qr/zaphod|Pa55word|$digest/,
    'refused logins: no name that is nobody\'s, no password, no digest';
is_deeply [$others =~ /user=(\w+)$/mg], [qw(apop mrose)],
    '... who is there is named';

# bad-commands
$c = begin('mrose');
$c->say("\x1b[31m") for 1 .. 20;
is_deeply record($c), { %mrose, end => 'bad-commands' }, 'bad-commands';
is $others, '', 'what a client says is not logged';

# write-error
$c = begin('mrose', { transport => 'pipe' });
close $c->{r};
$c->{r} = undef;
$c->cmd('RETR 1');
my $r = record($c);
is $r->{end}, 'write-error', 'write-error';
is $r->{deleted}, 0, 'write-error: nothing is deleted';
$c = begin('mrose');
$c->cmd('RETR 3');
$c->line;
$c->close;
like record($c)->{end}, qr/\A(?:write-error|eof)\z/,
    'write-error: gone in the middle of RETR';

# changed
$c = begin('mrose');
$c->cmd('RETR 3');
$c->line;
truncate $box, 1000000;
$c->rest;
$r = record($c);
is $r->{end}, 'changed', 'changed: in the middle of RETR';
like $others, qr/\A\S+ session: \Q$box\E: .*changed.*\n\z/, 'changed: says what';
Dewey::write_file($box, $mbox);

# error
$c = begin('mrose');
$c->say('DELE 1');
Dewey::write_file($box, 'x');
$c->say('QUIT');
$r = record($c);
is $r->{end}, 'error', 'error: an UPDATE that failed';
is "$r->{deleted} $r->{left}", '0 3', 'error: nothing is deleted';
like $others, qr/\Q$box\E/, 'error: says where';
Dewey::write_file($box, $mbox);
SKIP: {
	my $self = getpwuid(Dewey::uid()) // skip 'the user has no name', 1;
	Dewey::write_file($site->mailbox($self), 'x');
	$c = $site->start('--log=stderr', '--preauth');
	$c->greeting;
	is record($c)->{end}, 'error', 'error: --preauth without a maildrop';
	Dewey::write_file($site->mailbox($self), $mbox);
	$c = $site->start('--log=stderr', '--preauth');
	$c->greeting;
	$c->say('QUIT');
	is_deeply record($c), { %mrose, user => $self, method => 'preauth',
	    end => 'quit' }, 'method=preauth';
}

# A maildrop that cannot be had.
$c = $site->start('--log=stderr');
$c->greeting;
$c->say('USER bad');
$c->say('PASS x');
$c->say('QUIT');
is_deeply record($c), { %nobody, end => 'quit' }, 'no maildrop: no user';
like $others, qr/\Q@{[ $site->mailbox('bad') ]}\E: .*offset 0/,
    'no maildrop: says why';
unlike $others, qr/refused login/, 'no maildrop: no refused login';

# --log-deletes.
$c = begin('mrose', '--log-deletes');
my ($id) = $c->say('UIDL 2') =~ /(\S+)\z/;
$c->say('DELE 2');
$c->say('QUIT');
is record($c)->{deleted}, 1, '--log-deletes';
is scalar(() = $others =~ /\b\Q$id\E(?![\w-])/g), 1,
    '--log-deletes: the unique-id';
is scalar(() = $others =~ /\n/g), 1, '--log-deletes: one line a message';
Dewey::write_file($box, $mbox);
$c = begin('mrose', '--log-deletes');
$c->say("DELE $_") for 1 .. 3;
$c->say('RSET');
$c->say('QUIT');
is record($c)->{deleted}, 0, '--log-deletes: nothing deleted';
is $others, '', '--log-deletes: nothing said';
$c = begin('mrose', '--log-deletes');
$c->say("DELE $_") for 1 .. 3;
$c->say('QUIT');
is record($c)->{deleted}, 3, '--log-deletes: all';
is scalar(() = $others =~ /\n/g), 3, '--log-deletes: a line each';
Dewey::write_file($box, $mbox);
$c = begin('mrose');
$c->say('DELE 1');
$c->say('QUIT');
record($c);
is $others, '', 'not without --log-deletes';
Dewey::write_file($box, $mbox);

# Names that would break a line are escaped: what a user can be called is up
# to a file, and a line of the log must stay one line with its keys.
for my $name ("m\xf6se", 'a"b', 'a\\b', 'a=b', "\xff\xfe", 'user=x') {
	my $site = Dewey->site(users => { $name => 'secret' },
	    mail => { $name => $mbox });
	$c = $site->start('--log=stderr');
	$c->greeting;
	$c->say("USER $name");
	$c->say('PASS secret');
	$c->say('QUIT');
	$r = record($c);
	is $r->{end}, 'quit', 'a strange name';
	unlike $c->stderr, qr/[^\n -~]/, 'nothing unprintable';
	my $plain = ($r->{user} // '')
	    =~ s/\\x([0-9a-f]{2})/chr hex $1/ger;
	is $plain, $name, 'the name can be told from its escapes';
	# The path of what is not an mbox is logged, too.
	Dewey::write_file($site->mailbox($name), 'x');
	$c = $site->start('--log=stderr');
	$c->greeting;
	$c->say("USER $name");
	$c->say('PASS secret');
	$c->say('QUIT');
	$c->exit_code;
	like $c->stderr, qr/offset 0/, 'the log of what is no mbox';
	unlike $c->stderr, qr/[^\n -~]/, '... nothing unprintable in its path';
}

# Where it goes.
for my $with ([ 'none', '' ], [ 'auto', '' ]) {
	my ($log, $expected) = @$with;
	$c = $site->start("--log=$log");
	$c->greeting;
	$c->say('QUIT');
	$c->exit_code;
	is $c->stderr, $expected,
	    "--log=$log: nothing on a standard error that is no terminal";
}
{
	# Standard error is a terminal: the pty that is the client too.
	my $c = $site->start('--log=auto',
	    { transport => 'pty', stderr => 'same' });
	$c->send("QUIT\r\n");
	my $said = '';
	$c->fill_until(sub { $c->{in} =~ /end=quit/ }, 'log line');
	like $c->rest, qr/^dewey\[\d+\]: user=- .* end=quit\r?$/m,
	    '--log=auto: standard error where that is a terminal';
}

# A pipe that nobody reads: nobody waits for it for long.
SKIP: {
	skip 'a tool says something itself', 1 if Dewey::slow();
	my $fifo = Dewey::tmpdir() . '/log';
	POSIX::mkfifo($fifo, 0600) or die "mkfifo: $!";
	Dewey::give($fifo);
	sysopen my $pipe, $fifo, O_RDWR | O_NONBLOCK or die "$fifo: $!";
	my @into = { wrapper => [ 'sh', '-c', 'exec "$@" 2>' . $fifo, 'sh' ] };
	my $fill = sub {
		my $n = 0;
		$n += $_ while $_ = syswrite $pipe, 'x' x 4096;
		cmp_ok $n, '>', 4096, 'the pipe is full';
	};
	my $drain = sub {
		my $text = '';
		1 while sysread $pipe, $text, 65536, length $text;
		return $text =~ s/x{4096,}//r =~ s/^.*this kernel.*\n//mgr;
	};
	my $c = begin('mrose', '--log-deletes', @into);
	$drain->();
	$fill->();
	$c->say('DELE 1');
	like eval { $c->say('QUIT') }, qr/^\+OK/, 'a full pipe: QUIT is answered';
	is eval { $c->exit_code }, 0, '... the session ends';
	like $drain->(), qr/\A\z/, '... without its line';
	Dewey::write_file($box, $mbox);
	$c = $site->start('--log=stderr', '--verbose', @into);
	$fill->();
	my $replies = 0;
	$c->greeting;
	for my $try (1 .. 2) {
		last unless eval { $c->say('USER mrose') };
		$replies++ if (eval { $c->say('PASS x') } // '') =~ /^-ERR/;
	}
	is $replies, 2, 'a full pipe: refused logins are answered';
	$drain->();
	eval { $c->say('QUIT') };
	is eval { $c->exit_code }, 0, '... the session ends';
	like $drain->(), qr/^dewey\[\d+\]: (?!1 )\d+ lines could not be logged\ndewey\S+ user=- .* end=quit\n/m,
	    '... what was lost is told';
}

# syslog, in a file system of its own.
SKIP: {
	skip 'only root can make /dev/log in a file system of its own', 3 if $>;
	skip 'sanitizers and valgrind want /dev as it is', 3 if Dewey::slow();
	skip 'unshare does not work here', 3
	    if system('unshare -m true 2>/dev/null') != 0;
	my $dev = Dewey::tmpdir();
	my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM,
	    Local => "$dev/log") or die "socket: $!";
	chmod 0777, "$dev/log";
	my ($uid, $gid) = (Dewey::uid(), Dewey::gid());
	my $binary = Dewey::binary(0);
	my $c = Dewey->start($site->flags('--log=syslog'), { as_root => 1,
	    wrapper => [ 'unshare', '-m', 'sh', '-c',
	    "touch $dev/null && mount --bind /dev/null $dev/null && " .
	    "mount --rbind $dev /dev && shift && exec setpriv --reuid=$uid " .
	    "--regid=$gid --clear-groups $binary \"\$@\"", 'sh' ] });
	$c->greeting;
	$c->say('USER mrose');
	$c->say('PASS wrong');
	$c->say('QUIT');
	is $c->exit_code, 0, 'syslog: exit code' or diag $c->stderr;
	is $c->stderr, '', 'syslog: nothing on standard error';
	$socket->blocking(0);
	my @lines;
	while (defined $socket->recv(my $line, 4096)) {
		push @lines, $line;
	}
	# LOG_MAIL is 2, LOG_INFO 6.
	like $lines[0] // '', qr/\A<22>.* dewey\[\d+\]: refused login /,
	    'syslog: facility mail, priority info, dewey[pid]';
	like $lines[-1] // '', qr/\A<22>.* dewey\[\d+\]: user=- .* end=quit/,
	    'syslog: the session';
}

done_testing;
