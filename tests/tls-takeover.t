#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# What a stranger can do who has taken over one of the two processes of TLS: a
# test build does what its client says.  The one that speaks with the client can
# neither read the key nor have anything signed but a handshake; neither opens,
# connects, forks or signals.  (SECURITY "When a process is taken over".)
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Accounts;
use Processes;
use Rights;
use Tls;
use POSIX ();
use Test::More;

my $built = ($ENV{builddir} // '.') . '/tests/takeover/dewey-tls-takeover';
plan skip_all => 'the test build is not there' unless -x $built;
plan skip_all => 'a tool watches the processes'
    if Dewey::slow() || Dewey::tool_flags();
my $reason = Tls::missing();
plan skip_all => $reason if $reason;
Accounts::enter() if !$>;

like Dewey::read_file($built), qr/X-TAKEOVER/, 'the test build obeys';
unlike Dewey::read_file(Tls::built()), qr/TAKEOVER/, 'the program does not';

my $site = Dewey->site(users => { ann => 'pw' }, mail => { ann => '' });
if (!$>) {
	Accounts::add('dwann', password => 'pw', mail => '');
	Accounts::add($_, more => ['-r']) for qw(dewey-gate dewey-judge dewey-wait);
}
my $program = Tls::program($built);
my $killed = 'killed';
my @who = $> ? ('user') : ('root', 'user');

# The key's file is where strangers would look for it.
sub start {
	my ($who, %o) = @_;
	my $root = $who eq 'root';
	my @flags = (Tls::flags('implicit', as_root => $root,
	    kind => $o{kind} // 'p256'), "--tls-program=$program",
	    @{ $o{flags} // [] });
	my $c = $root ? Accounts::start(@flags, { transport => 'tcp' }) :
	    Dewey->start($site->flags('--log=stderr', @flags),
	    { transport => 'tcp' });
	$c->{key} = Tls::certificate($o{kind} // 'p256', $root) . '.key';
	return $c;
}

# What came of it: "killed", "failed N" or what it gave.
sub attempt {
	my ($c, $line) = @_;
	my $answer = $c->say("X-TAKEOVER $line") // return $killed;
	return $answer =~ /^-ERR (\d+)$/ ? "failed $1" : $answer;
}

# The processes of TLS: that which speaks, and the key's.
sub processes {
	my ($c) = @_;
	my @tls;
	$c->wait_for(sub {
		my @look = grep { $_ && $_->{cmdline} =~ /^dewey-tls/ }
		    map { eval { Processes::look($_) } }
		    Processes::below($c->pid);
		@tls = map { $_->{pid} } @look;
		return @tls == 2 && !grep { $_->{seccomp} != 2 } @look;
	});
	return @tls;
}

my @attempts = (
	['open the key', 'openat -100 KEY 0'],
	['open /etc/passwd', 'openat -100 /etc/passwd 0'],
	['open with the old call', 'open /etc/passwd 0'],
	['open by openat2', 'openat2 -100 KEY 0 24'],
	['create', 'openat -100 /tmp/x 66 384'],
	['remove', 'unlinkat -100 KEY 0'],
	['truncate', 'truncate KEY 0'],
	['read a link', 'readlinkat -100 /proc/self/exe 0 0'],
	['socket', 'socket 2 1 0'],
	['connect', 'connect 0 :loopback 16'],
	['bind', 'bind 0 :loopback 16'],
	['connect by sending', 'sendto 0 x 1 536870912 :loopback 16'],
	['send to a path', 'sendto 0 x 1 16448 :notify 110'],
	['fork', 'clone 17 0 0 0 0'],
	['exec', 'execve /bin/true 0 0'],
	['signal the process above', 'kill PARENT 9'],
	['signal the other', 'kill OTHER 9'],
	['signal everybody', 'kill -1 9'],
	['signal a thread', 'tkill OTHER 9'],
	['trace the other', 'ptrace 16 OTHER 0 0'],
	['read the other\'s memory', 'process_vm_readv OTHER 0 0 0 0 0'],
	['whom the client\'s octets signal', 'fcntl 0 8 PARENT'],
	['be root', 'setuid 0'],
	['be root in every way', 'setresuid 0 0 0'],
	['another root', 'chroot .'],
	['a limit', 'prlimit64 0 7 0 0'],
	['be dumpable', 'prctl 4 1'],
	['memory that can be run', 'mprotect 4096 4096 7'],
	['new memory that can be run', 'mmap 0 4096 7 34 -1 0'],
	['another option of the socket', 'setsockopt 0 1 9 1 4'],
	['bpf', 'bpf 0 0 0'],
	['a terminal\'s input', 'ioctl 0 21522 x'],
);

my %soft = map { $_ => 1 } 'socket', 'connect', 'memory that can be run',
    'a terminal\'s input';
for my $who (@who) {
	for my $in ('', 'in-key ') {
		for my $row (@attempts) {
			my ($what, $call) = @$row;
			my $c = start($who);
			my ($tls, $key) = processes($c);
			my %with = (KEY => $c->{key}, PARENT => $c->pid,
			    OTHER => $in ? $tls : $key);
			$call =~ s/\b$_\b/$with{$_}/g for keys %with;
			my $got = attempt($c, "${in}call $call");
			# A key that was killed answers nothing.
			$got = $killed if $got =~ /the key says nothing/;
			my $name = $in ? 'key' : 'tls';
			$soft{$what} ? like $got, qr/^failed 1$/,
			    "$who, $name: $what: $got" :
			    is $got, $killed, "$who, $name: $what";
			$c->close;
			ok -s $c->{key}, '... the key is there' if
			    $call =~ /KEY/;
		}
	}
}

# ---- What each is, and what it remembers

# What came of a signal of nobody's to ${pid}.
sub signal_as_nobody {
	my ($pid) = @_;
	my $child = fork // die "fork: $!";
	if (!$child) {
		POSIX::setgid((getpwnam 'nobody')[3]);
		POSIX::setuid((getpwnam 'nobody')[2]);
		kill 'KILL', $pid;
		POSIX::_exit($! + 0);
	}
	waitpid $child, 0;
	return $? >> 8;
}

my $table = ($ENV{srcdir} // '.') . '/tests/data/rights';
for my $who (@who) {
	my $c = start($who);
	my ($tls, $key) = map { Processes::look($_) } processes($c);
	for ([tls => $tls, 'T'], [key => $key, 'Y']) {
		my ($name, $look, $letter) = @$_;
		if ($who eq 'root') {
			my $account = (Rights::of($table, 'IS', $letter))[1];
			is $look->{uids}, join(' ',
			    (Accounts::uid($account)) x 4), "root, $name: uids";
			is $look->{gids}, join(' ',
			    (Accounts::gid($account)) x 4), '... gids';
			is Processes::descriptors($look), join(', ', sort
			    split /, /, (Rights::of($table, 'HOLDS', $letter))[0]),
			    '... descriptors';
			is signal_as_nobody($look->{pid}), POSIX::EPERM(),
			    '... nobody cannot signal it';
		}
		is $look->{seccomp}, 2, "$who, $name: a filter";
		is $look->{no_new_privs}, 1, '... no new privileges';
		is $look->{capabilities}, 0, '... no capabilities' if !$>;
		is $look->{limits}{'Max processes'}, 0, '... no process';
		is $look->{limits}{'Max core file size'}, 0, '... no core';
		ok !$look->{dumpable}, '... not dumpable';
		unlike $look->{uids}, qr/\b0\b/, '... not root';
		is $look->{groups}, '', '... no group' if $who eq 'root';
		# What whoever runs the tests keeps open is inherited.
		ok !grep({ m{^/(?!dev/null)} && !/stderr|\.log\z/ } values
		    %{ $look->{fds} }), '... no file is open' or
		    diag join ' ', values %{ $look->{fds} };
		unlike $look->{environ}, qr/^(?!SSL)\w+=/m,
		    '... nothing in the environment' if !$>;
	}
	like $tls->{root}, qr{dewey|deleted}, 'tls has another root directory'
	    if $who eq 'root';
	if (!$>) {
		# The secret number of the key, as the file has it.
		my ($hex) = qx{openssl pkey -in \Q$c->{key}\E -noout -text} =~
		    /^priv:\n((?:\s+[0-9a-f:]+\n)+)/m;
		my $octets = pack 'H*', $hex =~ s/[^0-9a-f]//gr;
		$octets =~ s/^\0+//;
		# One in 256 of them begins with a zero.
		cmp_ok length $octets, '>=', 28, 'the secret number';
		# In memory its words may be in any order.
		my @forms = ($octets, scalar reverse $octets,
		    Dewey::read_file($c->{key}));
		is join(' ', Processes::remembers($tls->{pid}, @forms)), '',
		    "$who: tls does not have the key";
		isnt join(' ', Processes::remembers($key->{pid}, @forms)), '',
		    '... and the key has';
	}
	is attempt($c, 'what'), '-ERR what?', 'the process lives';
	$c->close;
}

# ---- A process that will not end

# It holds back SIGTERM, which is bit 14, and waits for ever.
for my $who (@who) {
	my $c = start($who, flags => ['--idle-timeout=2', '--lock-timeout=1',
	    '--login-timeout=1']);
	my @tls = processes($c);
	is attempt($c, 'call rt_sigprocmask 0 zzzzzzzz 0 8'), '+OK 0',
	    "$who: tls holds back signals";
	$c->cmd('X-TAKEOVER call ppoll 0 0 0 0 8');
	$c->close;
	$c->exit_code;
	ok eval {
		$c->wait_for(sub { !grep { !Processes::has_ended($_) } @tls });
	}, '... and ends with the session all the same';
	kill 'KILL', @tls;
}

# ---- What is signed

my $prefix = unpack 'H*', ' ' x 64 . "TLS 1.3, server CertificateVerify\0";
my $hash = 'ab' x 32;
sub message {
	my ($kind, $hex) = @_;
	return sprintf 'key %02x%s%s', $kind,
	    unpack('H*', pack 'v', length($hex) / 2), $hex;
}
my $point12 = 'cd' x 64 . '03001d20' . 'ef' x 32;
for my $row (
    ['a handshake of TLS 1.3', 'p256', 0, $prefix . $hash, 1],
    ['the same for another key', 'p256', 2, $prefix . $hash, 0],
    ['a client\'s', 'p256', 0, $prefix =~ s/736572766572/636c69656e74/r . $hash, 0],
    ['with a longer hash', 'p256', 0, $prefix . $hash . 'ab', 0],
    ['without a hash', 'p256', 0, $prefix, 0],
    ['a certificate', 'p256', 0, '3082010a' . 'ab' x 200, 0],
    ['nothing', 'p256', 0, '', 0],
    ['a hash of TLS 1.2', 'p256', 7, $hash, 1],
    ['half a hash', 'p256', 7, 'ab' x 16, 0],
    ['a kind there is none of', 'p256', 99, $prefix . $hash, 0],
    ['TLS 1.3 by Ed25519', 'ed25519', 2, $prefix . $hash, 1],
    ['TLS 1.2 by Ed25519', 'ed25519', 6, $point12, 1],
    ['TLS 1.2 by Ed25519, another curve', 'ed25519', 6,
	$point12 =~ s/03001d20/03001e20/r, 0],
    ['anything by Ed25519', 'ed25519', 2, 'ab' x 100, 0],
    ['a hash by Ed25519', 'ed25519', 7, $hash, 0]) {
	my ($what, $kind, $number, $octets, $signed) = @$row;
	my $c = start('user', kind => $kind);
	my $got = attempt($c, message($number, $octets));
	$signed ? like $got, qr/^\+OK \d\d+$/, "signed: $what" :
	    like $got, qr/says nothing/, "not signed: $what";
	# Who asks for what is never signed gets nothing any more.
	$got = attempt($c, message($kind eq 'p256' ? 0 : 2, $prefix . $hash));
	$signed ? like $got, qr/^\+OK \d\d+$/, '... and another' :
	    like $got, qr/says nothing/, '... nor anything else';
	$got = attempt($c, message($kind eq 'p256' ? 0 : 2, $prefix . $hash));
	like $got, qr/says nothing/, '... a third is not';
	$c->close;
}
{
	my $c = start('user');
	$c->cmd('that is all');
	ok Tls::begin($c), 'a handshake is had all the same' or diag $@;
	like $c->greeting, qr/^\+OK/, '... greeting';
}

done_testing;
