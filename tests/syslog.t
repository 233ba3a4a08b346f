#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# A syslogd that hangs and one that is started again: no lock is held while a
# line is sent, no line waits for ever, and the lines of every process reach
# whoever is syslogd then.  (DESIGN section 7, SECURITY "The processes".)
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Accounts;
use Processes;
use Fcntl qw(O_CREAT O_EXCL O_WRONLY);
use IO::Socket::UNIX;
use Socket qw(MSG_DONTWAIT SOCK_DGRAM SOCK_STREAM);
use Test::More;
use Time::HiRes qw(time);

plan skip_all => 'only root can make /dev/log in a root of its own' if $>;
plan skip_all => 'a tool wants /dev as it is'
    if Dewey::slow() || Dewey::tool_flags();
Accounts::enter();

# A /dev of our own.
mkdir '/own-dev' or die "mkdir: $!";
Accounts::run('sh', '-c', 'set -e; mount -t tmpfs -o mode=0755 own /own-dev; ' .
    'for d in null zero urandom random; do : >/own-dev/$d; ' .
    'mount --bind /dev/$d /own-dev/$d; done; mount --rbind /own-dev /dev')
    or plan skip_all => '/dev cannot be replaced here';

my @texts = map { "Subject: $_\n\nbody of $_\n" } qw(one two three);
my $mail = Dewey::mbox(@texts);
my $site = Dewey->site(users => { frated => 'pw' },
    mail => { frated => $mail });
Accounts::add('dwmrose', password => 'pw', mail => $mail);

# ---- A syslogd

my $syslogd;
sub begin_syslogd {
	my ($type) = @_;
	$syslogd = IO::Socket::UNIX->new(Type => $type // SOCK_DGRAM,
	    Local => '/dev/log', $type ? (Listen => 5) : ())
	    or die "socket: $!";
	chmod 0666, '/dev/log';
}

sub end_syslogd {
	close $syslogd;
	unlink '/dev/log';
}

# What it has got and has not read yet, but for what this kernel lacks.
sub lines {
	my @lines;
	while (defined recv $syslogd, my $line, 8192, MSG_DONTWAIT) {
		push @lines, $line unless $line =~ /filler|this kernel/;
	}
	return @lines;
}

# No line fits its queue any more.
sub fill {
	my $to = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Peer => '/dev/log')
	    or die "connect: $!";
	$to->blocking(0);
	my $n = 0;
	$n++ while $n < 100000 && defined send $to, 'filler', 0;
	cmp_ok $n, '<', 100000, 'the queue is full';
}

# Waits for a line.
sub has_line {
	my ($c, $re, $what) = @_;
	my @got;
	my $ok = eval { $c->wait_for(sub {
		push @got, lines();
		grep { /$re/ } @got
	}) };
	ok $ok, $what or diag 'got: ', explain \@got;
	return @got;
}

sub start {
	my ($as_root, @flags) = @_;
	my %o = ref $flags[-1] ? %{ pop @flags } : ();
	return $as_root ? Accounts::start('--log=syslog', @flags, { %o }) :
	    $site->start('--log=syslog', @flags, { %o });
}

sub login {
	my ($as_root, @flags) = @_;
	my $c = start($as_root, @flags);
	$c->greeting;
	$c->say('USER ' . ($as_root ? 'dwmrose' : 'frated'));
	like $c->say('PASS pw'), qr/^\+OK/, 'login';
	return $c;
}

sub box {
	my ($as_root) = @_;
	return $as_root ? Accounts::mailbox('dwmrose') :
	    $site->mailbox('frated');
}

sub put {
	my ($as_root, $octets) = @_;
	return Accounts::put('dwmrose', $octets) if $as_root;
	Dewey::write_file(box(0), $octets);
}

# Another program puts the messages into another order: UPDATE, which finds the
# marked one again, has something to say while it holds the locks.
sub rewrite {
	my ($as_root) = @_;
	put($as_root, Dewey::mbox(reverse @texts));
}

# A delivery agent takes the locks.
sub deliver {
	my ($c, $as_root) = @_;
	my $lock = box($as_root) . '.lock';
	my $whole = pack 's s x![q] q q i x![q]', Fcntl::F_WRLCK(), 0, 0, 0, 0;
	my $ok = eval { $c->wait_for(sub {
		sysopen my $dot, $lock, O_WRONLY | O_CREAT | O_EXCL or return 0;
		open my $fh, '+<', box($as_root) or die "open: $!";
		my $got = fcntl $fh, Fcntl::F_SETLK(), $whole;
		unlink $lock;
		return $got;
	}) };
	return $ok;
}

for my $as_root (1, 0) {
	my $who = $as_root ? 'as root' : 'as a user';

	# ---- It hangs

	begin_syslogd();
	put($as_root, $mail);
	my $c = login($as_root);
	ok $c->multi('UIDL'), "$who: UIDL";
	like $c->say('DELE 1'), qr/^\+OK/, '... DELE';
	fill();
	rewrite($as_root);
	my $begin = time;
	$c->cmd('QUIT');
	# QUIT is answered later, after the wait.
	ok eval { $c->wait_for(sub { -s box($as_root) < length $mail }) },
	    '... UPDATE is not kept';
	ok deliver($c, $as_root), '... locks can be had while syslogd hangs';
	like eval { $c->line }, qr/^\+OK/, '... QUIT is answered';
	is eval { $c->exit_code }, 0, '... the session ends';
	cmp_ok time - $begin, '<', 15, '... soon';
	is Dewey::read_file(box($as_root)), Dewey::mbox(reverse @texts[1, 2]),
	    '... UPDATE was done';
	kill 'KILL', $c->pid, Processes::below($c->pid);

	# Refused logins are answered, and what was lost is told.
	$c = start($as_root);
	$c->greeting;
	for my $try (1, 2) {
		$c->say('USER nobody-here');
		like eval { $c->say('PASS x') }, qr/^-ERR/,
		    "$who: refused login $try is answered";
	}
	lines();
	$c->say('USER nobody-here');
	like eval { $c->say('PASS x') }, qr/^-ERR/, '... and a third';
	eval { $c->exit_code } // kill 'KILL', $c->pid, Processes::below($c->pid);
	my @got = lines();
	my $time = qr/\w\w\w [ \d]\d \d\d:\d\d:\d\d/;
	like $got[0] // '',
	    qr/\A<20>$time dewey\[\d+\]: 2 lines could not be logged\z/,
	    '... then what was lost is told';
	like $got[1] // '', qr/\A<22>.* refused login .*try=3\z/,
	    '... and the third is';
	end_syslogd();

	# ---- It is started again

	begin_syslogd();
	put($as_root, $mail);
	$c = login($as_root);
	$c->multi('UIDL');
	$c->say('DELE 1');
	end_syslogd();
	begin_syslogd();
	rewrite($as_root);
	like $c->say('QUIT'), qr/^\+OK/, "$who: QUIT after a restart";
	is $c->exit_code, 0, '... exit code';
	@got = lines();
	like $got[0] // '', qr/rewritten/, '... the warning arrives';
	like $got[-1] // '', qr/user=\w+ .* deleted=1 left=2 .* end=quit\z/,
	    '... and the record';
	is scalar @got, 2, '... and no other';

	# There is none for a moment.
	put($as_root, $mail);
	$c = login($as_root);
	end_syslogd();
	like $c->say('QUIT'), qr/^\+OK/, "$who: QUIT before a restart";
	begin_syslogd();
	has_line($c, qr/end=quit/, '... the record arrives');
	is $c->exit_code, 0, '... exit code';

	# Nothing is there at the start: nobody waits for it.
	end_syslogd();
	put($as_root, $mail);
	$c = login($as_root);
	begin_syslogd();
	$c->say('QUIT');
	has_line($c, qr/end=quit/, "$who: it comes after the session began");
	$c->exit_code;

	# Every process.
	$c = start($as_root);
	$c->greeting;
	end_syslogd();
	begin_syslogd();
	$c->say('USER nobody-here');
	$c->say('PASS x');
	has_line($c, qr/refused login/, "$who: a refused login");
	$c->close_write;
	has_line($c, qr/user=- .* end=eof/, '... the record of who judges');
	$c->exit_code;
	for my $victim ('session', $as_root ? 'keeper' : ()) {
		$c = login($as_root);
		my ($nearest, @deeper);
		$c->wait_for(sub {
			($nearest, @deeper) = Processes::below($c->pid);
			@deeper == $as_root && !grep {
				my $look = eval { Processes::look($_) };
				!$look || $look->{seccomp} != 2
			} $c->pid, $nearest, @deeper;
		});
		end_syslogd();
		begin_syslogd();
		kill 'KILL', $victim eq 'keeper' ? $nearest :
		    ($deeper[0] // $nearest);
		has_line($c, qr/the $victim was killed by signal 9/,
		    "$who: who watches over the $victim says that it died");
		$c->wait_for(sub { !grep { !Processes::has_ended($_) }
		    $nearest, @deeper });
		$c->exit_code;
	}

	# A stream, as of old.
	end_syslogd();
	begin_syslogd(SOCK_STREAM);
	$c = login($as_root);
	$c->say('QUIT');
	$c->exit_code;
	my $text = '';
	# Each process may have one.
	$syslogd->blocking(0);
	while (my $stream = $syslogd->accept) {
		local $/;
		$text .= <$stream> // '';
	}
	like $text, qr/<22>.*dewey\[\d+\]: user=\w+ .* end=quit/,
	    "$who: a syslogd with a stream";
	end_syslogd();
}

# Whose empty root has no /dev.
begin_syslogd();
my $c = start(1, '--gate-user=dwabsent');
$c->rest;
$c->exit_code;
ok scalar(grep { /gate-user: dwabsent has no account/ } lines()),
    'a gate without an account';

# ---- Nothing is sent between lock and unlock

# The lines of the log that are sent while somebody has the mailbox's lock, and
# all.
sub sent {
	my ($trace) = @_;
	my (@held, @all, $locked);
	for (split /\n/, Dewey::read_file($trace)) {
		$locked = 1 if /F_OFD_SETLK, \{l_type=F_WRLCK/ && !/ = -1 /;
		$locked = 0 if /F_OFD_SETLK, \{l_type=F_UNLCK/;
		next unless /sendto\(\d+, "<\d+>/;
		push @all, $_;
		push @held, $_ if $locked;
	}
	return (join("\n", @held), join "\n", @all);
}

SKIP: {
	my $trace = Dewey::tmpdir() . '/trace';
	# Only root's can look into processes that hide.
	my @as_user = ('sh', '-c', 'shift && exec setpriv --reuid=' .
	    Dewey::uid() . ' --regid=' . Dewey::gid() . ' --clear-groups ' .
	    Dewey::binary(0) . ' "$@"', 'sh');
	my @strace = ('strace', '-f', '-qq', '-s', '200', '-o', $trace, '-e',
	    'trace=fcntl,sendto');
	skip 'strace does not work here', 1
	    if system("@strace true 2>/dev/null") != 0;
	for my $as_root (1, 0) {
		my $who = $as_root ? 'as root' : 'as a user';

		# A dot-lock that nobody touches: the keeper has to break it.
		put($as_root, $mail);
		my $lock = Dewey::write_file(box($as_root) . '.lock', '0', 0644);
		chown +(stat box($as_root))[4, 5], $lock;
		utime 1e9, 1e9, $lock;
		my $c = login($as_root, '--lock-timeout=1', '--log-deletes',
		    { as_root => 1, wrapper => [@strace, $as_root ? () :
		    @as_user] });
		ok !-e $lock, "$who: a stale lock was broken";
		$c->multi('UIDL');
		$c->say('DELE 1');
		rewrite($as_root);
		like $c->say('QUIT'), qr/^\+OK/, '... QUIT';
		$c->exit_code;
		my ($held, $all) = sent($trace);
		for my $what ('stale', 'rewritten', 'deleting=', 'end=quit') {
			like $all, qr/\Q$what\E/, "... a line with $what";
		}
		like $all, qr/rewritten.*deleting=.*end=quit/s, '... in order';
		is $held, '', '... none is sent while a lock is held';
		lines();
	}
}

done_testing;
