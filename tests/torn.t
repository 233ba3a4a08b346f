#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# No client takes a part of a message for all of it: over TCP an answer that is
# not completed ends in a reset, whatever ended it and whoever closes the
# connection last.  curl, fetchmail, poplib and Net::POP3 against a real dewey
# that is stopped while it sends; and what is completed ends cleanly.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Fcntl qw(O_RDWR);
use Socket qw(INADDR_LOOPBACK IPPROTO_TCP PF_INET SOCK_STREAM SOL_SOCKET
    SO_SNDBUF pack_sockaddr_in unpack_sockaddr_in);
use Spawner;
use Test::More;
use Time::HiRes qw(sleep time);

plan skip_all => 'a tool watches the processes' if $ENV{DEWEY_WRAPPER};

my $message = "Subject: large\n\n" . ('x' x 899 . "\n") x 40_000;

my %client = (
	curl => { program => 'curl', fails => 56, command => sub {
		my ($port, $out) = @_;
		return ('curl', '-sS', '--max-time', 60, '-u', 'ann:pass-ann',
		    '-o', $out, "pop3://127.0.0.1:$port/1");
	} },
	fetchmail => { program => 'fetchmail', fails => 2, command => sub {
		my ($port, $out) = @_;
		open my $fh, '>', "$out.rc" or die "$out.rc: $!";
		print {$fh} <<"RC";
set invisible
set no syslog
set pidfile '$out.pid'
poll 127.0.0.1 service $port protocol POP3 timeout 60 no dns
    user 'ann' password 'pass-ann' is tester here sslproto '' no rewrite
    fetchall keep mda 'cat >$out'
RC
		close $fh;
		chmod 0600, "$out.rc";
		return ('fetchmail', '-f', "$out.rc");
	} },
	poplib => { program => 'python3', fails => 1, command => sub {
		my ($port, $out) = @_;
		return ('python3', '-c', <<"PY");
import poplib
p = poplib.POP3("127.0.0.1", $port, timeout=60)
p.user("ann")
p.pass_("pass-ann")
lines = p.retr(1)[1]
open("$out", "wb").write(b"".join(x + b"\\n" for x in lines))
p.quit()
PY
	} },
	'Net::POP3' => { program => 'perl', fails => 5, command => sub {
		my ($port, $out) = @_;
		return ('perl', '-MNet::POP3', '-e', <<"PL");
\$p = Net::POP3->new("127.0.0.1", Port => $port, Timeout => 60) or exit 3;
defined \$p->login("ann", "pass-ann") or exit 4;
\$m = \$p->get(1) or exit 5;
open \$fh, ">", "$out" or exit 6;
print {\$fh} \@\$m;
close \$fh;
\$p->quit or exit 7;
PL
	} },
);

# Runs ${command} with ${stdin} and ${stdout}, in a process group of its own.
sub run {
	my ($drops, $in, $log, @command) = @_;
	my $pid = fork // die "fork: $!";
	return $pid if $pid;
	$SIG{$_} = 'DEFAULT' for qw(PIPE HUP INT TERM);
	setpgrp;
	open my $err, '>>', $log or POSIX::_exit(127);
	POSIX::dup2(fileno($in // $err), $_) for 0, 1;
	POSIX::dup2(fileno $err, 2);
	chdir '/';
	Dewey::drop() if $drops;
	%ENV = (%{ Dewey::environment() }, USER => 'tester',
	    LOGNAME => 'tester', PERL5LIB => $ENV{PERL5LIB} // '');
	no warnings 'exec';
	exec { $command[0] } @command or print {$err} "$command[0]: $!\n";
	POSIX::_exit(127);
}

sub reap {
	my ($pid, $seconds) = @_;
	my $deadline = time + $seconds;
	while (time < $deadline) {
		if (waitpid($pid, POSIX::WNOHANG()) == $pid) {
			return $? & 127 ? 128 + ($? & 127) : $? >> 8;
		}
		sleep 0.002;
	}
	kill 'KILL', $pid;
	waitpid $pid, 0;
	return 'hangs';
}

# Octets that the other end of ${socket} has acknowledged: of struct tcp_info.
sub acknowledged {
	my ($socket) = @_;
	my $info = getsockopt $socket, IPPROTO_TCP, 11 or die "TCP_INFO: $!";
	return length $info >= 128 ? unpack 'x120Q<', $info : 0;
}

# Has ${client} fetch the message, and calls ${stop} with the server's process
# and the mailbox when it has a part of it and does not read on.  Without ${stop}
# it gets all.  Returns its exit code, whether it has stored the message whole,
# and the server's log.
sub fetch {
	my ($name, $as_root, $stop, %options) = @_;
	my $site = Spawner->site(as_root => $as_root,
	    mail => { ann => Dewey::mbox($message) });
	# Whether the client has to read on for it to happen.
	my $reads = delete $options{reads};
	my $config = $site->configuration(secrets => 'none', %options);
	my $dir = Dewey::tmpdir();
	socket my $l, PF_INET, SOCK_STREAM, 0 or die "socket: $!";
	bind $l, pack_sockaddr_in(0, INADDR_LOOPBACK) or die "bind: $!";
	listen $l, 1 or die "listen: $!";
	my ($port) = unpack_sockaddr_in getsockname $l;
	my $client = run(0, undef, "$dir/client.log",
	    $client{$name}{command}->($port, "$dir/out"));
	accept my $s, $l or die "accept: $!";
	CORE::close $l;
	setsockopt $s, SOL_SOCKET, SO_SNDBUF, 65536 if $stop;
	Dewey::write_file("$dir/log", '', 0666);
	my $server = run(!$> && !$as_root, $s, "$dir/log",
	    Dewey::binary($as_root), "--config=$config");
	if ($stop) {
		my $deadline = time + 30;
		sleep 0.0005 while acknowledged($s) < 1_000_000 &&
		    time < $deadline;
		kill 'STOP', -$client;
		CORE::close $s;
		# What it had asked for comes in, and no more.
		sleep 0.2;
		$stop->($server, $site->mailbox('ann'));
	}
	CORE::close $s;
	my $code;
	$code = reap($server, 2) if $stop && !$reads;
	kill 'CONT', -$client;
	my $result = reap($client, 90);
	reap($server, 20) unless defined $code && $code ne 'hangs';
	my $got = -e "$dir/out" ? Dewey::read_file("$dir/out") : '';
	return ($result, index($got =~ s/\r\n/\n/gr, $message) >= 0,
	    Dewey::read_file("$dir/log"));
}

# The processes of the session, from the one that the spawner started: as root
# monitor, keeper, session, else keeper and session.
sub of_session {
	my ($server, $n) = @_;
	return (Spawner::family($server))[$n];
}

my @stops = (
	[ SIGTERM => sub { kill 'TERM', $_[0] } ],
	[ SIGHUP => sub { kill 'HUP', $_[0] } ],
	[ 'the session killed' => sub { kill 'KILL', of_session($_[0], -1) } ],
	[ 'the first process killed' => sub { kill 'KILL', $_[0] } ],
	[ 'a time-out' => sub { sleep 2.5 }, 'idle-timeout' => 1 ],
	[ 'the mailbox cut' => sub { truncate $_[1], 30_000_000
	    or die "truncate: $!" }, reads => 1 ],
	[ 'the mailbox changed' => sub {
		sysopen my $fh, $_[1], O_RDWR or die "$_[1]: $!";
		sysseek $fh, 35_000_000, 0;
		syswrite $fh, 'y';
	}, reads => 1 ],
);

for my $name (sort keys %client) {
	my $program = $client{$name}{program};
	if (!Spawner::program($program)) {
		$ENV{CI} ? fail("$program is not installed")
		    : diag("NOT TESTED: $program is not installed");
		next;
	}
	for my $as_root ($> ? 0 : (1, 0)) {
		my $who = "$name, dewey as " . ($as_root ? 'root' : 'a user');
		my ($code, $whole) = fetch($name, $as_root);
		is $code, 0, "$who: nothing stops it";
		ok $whole, '... every octet is there';
		for (@stops) {
			my ($what, $stop, %options) = @$_;
			# It takes long, and is no different for others.
			next if $what eq 'a time-out' && $name ne 'curl';
			my ($code, $whole, $log) =
			    fetch($name, $as_root, $stop, %options);
			# Without its keeper a session goes on to the end.
			if ($what =~ /^the first/ && !$as_root) {
				is $code == 0, $whole, "$who: $what: all, or "
				    . 'an error';
				next;
			}
			is $code, $client{$name}{fails}, "$who: $what: it "
			    . 'knows that this is not all' or diag $log;
		}
	}
}

done_testing;
