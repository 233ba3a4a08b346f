#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# Who is calling, as the log tells it, and where a password may be sent in
# plain text: --plaintext, --private.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Socket qw(AF_INET AF_INET6 SOCK_DGRAM SOCK_STREAM inet_ntop inet_pton
    pack_sockaddr_in pack_sockaddr_in6 unpack_sockaddr_in);
use Test::More;

my $site = Dewey->site(users => { mrose => 'secret' },
    secrets => { apop => 'tanstaaf' },
    mail => { mrose => '', apop => '' });

# The peer= of a session's line.
sub peer {
	my ($o, @flags) = @_;
	my $c = $site->start('--log=stderr', @flags, $o);
	$c->greeting;
	$c->say('QUIT');
	$c->close;
	$c->exit_code;
	my ($peer) = $c->stderr =~ / peer=(\S*) /;
	return $peer;
}

# The socket says.
is peer({ transport => 'tcp' }), '127.0.0.1', 'TCP';
is peer({ transport => 'tcp', env => { TCPREMOTEIP => '192.0.2.1' } }),
    '192.0.2.1', 'TCP from this host: the environment knows more';
is peer({ transport => 'tcp', env => { SSH_CONNECTION => '192.0.2.1 1 x 2' } }),
    '127.0.0.1', '... but not that of a login by ssh';
is peer({ transport => 'tcp', env => { REMOTE_HOST => 'mail.example' } }),
    '127.0.0.1', '... and not by name';
my %works;
for my $address ('::1', '::ffff:127.0.0.1') {
	socket my $s, AF_INET6, SOCK_STREAM, 0 or next;
	$works{$address} = bind $s,
	    pack_sockaddr_in6(0, inet_pton(AF_INET6, $address));
}
SKIP: {
	skip 'no IPv6 here', 1 unless $works{'::1'};
	is peer({ transport => 'tcp', address => '::1' }), '::1', 'IPv6';
}
SKIP: {
	skip 'no mapped addresses here', 1 unless $works{'::ffff:127.0.0.1'};
	is peer({ transport => 'tcp', address => '::ffff:127.0.0.1' }),
	    '127.0.0.1', 'IPv4 over IPv6 is printed as IPv4';
}

# Otherwise the environment does, where it is an address.
for my $transport (qw(pipe socketpair unix pty)) {
	is peer({ transport => $transport }), 'pipe', "$transport: nobody says";
	is peer({ transport => $transport, env => { TCPREMOTEIP => '192.0.2.1' }
	    }), '192.0.2.1', "$transport: TCPREMOTEIP";
}
for my $with (
	[ { TCPREMOTEIP => '192.0.2.1', REMOTE_HOST => '192.0.2.2' },
	    '192.0.2.1' ],
	[ { REMOTE_ADDR => '192.0.2.3', REMOTE_HOST => '192.0.2.2' },
	    '192.0.2.3' ],
	[ { REMOTE_HOST => '192.0.2.2', SSH_CONNECTION => '192.0.2.4 1 x 2' },
	    '192.0.2.2' ],
	[ { SSH_CONNECTION => '192.0.2.4 50000 192.0.2.5 22' }, '192.0.2.4' ],
	[ { SSH_CONNECTION => '2001:db8::1 50000 2001:db8::2 22' },
	    '2001:db8::1' ],
	[ { TCPREMOTEIP => '2001:DB8:0:0:0:0:0:1' }, '2001:db8::1' ],
	[ { SOCAT_PEERADDR => '192.0.2.6' }, '192.0.2.6' ],
	[ { SOCAT_PEERADDR => '[2001:0db8:0000:0000:0000:0000:0000:0006]' },
	    '2001:db8::6' ],
	[ { NCAT_REMOTE_ADDR => '192.0.2.7' }, '192.0.2.7' ],
	[ { TCPREMOTEIP => '::ffff:192.0.2.1' }, '192.0.2.1' ],
	[ { TCPREMOTEIP => 'localhost' }, 'pipe' ],
	[ { TCPREMOTEIP => '' }, 'pipe' ],
	[ { TCPREMOTEIP => '192.0.2' }, 'pipe' ],
	[ { TCPREMOTEIP => '192.0.2.256' }, 'pipe' ],
	[ { TCPREMOTEIP => "192.0.2.1\n" }, 'pipe' ],
	[ { TCPREMOTEIP => '192.0.2.1;x' }, 'pipe' ],
	[ { TCPREMOTEIP => '1' x 5000 }, 'pipe' ],
	[ { TCPREMOTEIP => 'evil user=root end=quit' }, 'pipe' ],
	[ { REMOTE_HOST => 'host.example' }, 'pipe' ],
	[ { TCPREMOTEIP => 'x', REMOTE_HOST => '192.0.2.2' }, '192.0.2.2' ]) {
	my ($env, $expected) = @$with;
	is peer({ transport => 'pipe', env => $env }), $expected,
	    join ' ', map { "$_=" . substr($env->{$_}, 0, 40)
	    =~ s/\n/\\n/r } sort keys %$env;
}

# Plain text: private by nature, or not.
my $no = '-ERR [AUTH] no passwords in plain text on this connection';
sub plain {
	my ($o, @flags) = @_;
	my $c = $site->start(@flags, $o);
	$c->greeting;
	my $capa = $c->multi('CAPA') =~ /^USER\r$/m ? 'USER' : '';
	my $user = $c->say('USER mrose');
	my $pass = $c->say('PASS secret');
	my $apop = 'not tried';
	my $still = '';
	if ($pass !~ /^\+OK/) {
		$apop = $c->apop('apop', 'tanstaaf');
		$still = $c->multi('CAPA') =~ /^USER\r$/m ? 'USER' : '';
	} else {
		$still = $c->multi('CAPA') =~ /^USER\r$/m ? 'USER' : '';
	}
	$c->say('QUIT');
	return [ $user, $pass, $apop =~ s/ .*//r, $capa, $still ];
}
my $yes = [ '+OK mrose is a real hoopy frood',
    "+OK mrose's maildrop has 0 messages (0 octets)", 'not', 'USER', 'USER' ];
my $refused = [ $no, $no, '+OK', '', '' ];
for my $transport (qw(pipe socketpair unix tcp)) {
	my $o = { transport => $transport };
	is_deeply plain($o), $yes, "$transport";
	is_deeply plain($o, '--plaintext=always'), $yes,
	    "$transport, --plaintext=always";
	is_deeply plain($o, '--plaintext=never'), $refused,
	    "$transport, --plaintext=never: refused, CAPA without USER, but APOP";
	is_deeply plain($o, '--plaintext=never', '--private'), $refused,
	    "$transport, --plaintext=never: --private changes nothing";
}
is_deeply plain({ transport => 'pipe', env => { TCPREMOTEIP => '192.0.2.1' } }),
    $yes, 'a pipe from elsewhere';
SKIP: {
	skip 'no IPv6 here', 1 unless $works{'::1'};
	is_deeply plain({ transport => 'tcp', address => '::1' }), $yes,
	    'IPv6 loopback';
}
SKIP: {
	skip 'no mapped addresses here', 1 unless $works{'::ffff:127.0.0.1'};
	is_deeply plain({ transport => 'tcp', address => '::ffff:127.0.0.1' }),
	    $yes, 'IPv4 loopback over IPv6';
}

# This host's own address is not loopback, though what is sent to it stays
# here.  Connecting a datagram socket sends nothing.
my $own;
if (socket my $s, AF_INET, SOCK_DGRAM, 0) {
	connect $s, pack_sockaddr_in(9, inet_pton(AF_INET, '192.0.2.1')) and
	    $own = inet_ntop(AF_INET, (unpack_sockaddr_in(getsockname $s))[1]);
}
SKIP: {
	skip 'this host has no address but loopback', 7
	    if !defined $own || $own =~ /^127\.|^0\./;
	my $o = { transport => 'tcp', address => $own };
	is peer($o), $own, 'TCP from elsewhere: the log';
	is peer({ %$o, env => { map { ($_ => '192.0.2.1') } qw(TCPREMOTEIP
	    REMOTE_ADDR REMOTE_HOST SOCAT_PEERADDR NCAT_REMOTE_ADDR) } }), $own,
	    'TCP from elsewhere: the log, whatever the environment says';
	is_deeply plain($o), $refused, 'TCP from elsewhere: refused';
	is_deeply plain({ %$o, env => { TCPREMOTEIP => '127.0.0.1',
	    REMOTE_ADDR => '::1' } }), $refused,
	    'TCP from elsewhere: whatever the environment says';
	is_deeply plain($o, '--plaintext=always'), $yes,
	    'TCP from elsewhere, --plaintext=always';
	is_deeply plain($o, '--private'), $yes,
	    'TCP from elsewhere, --private: behind a TLS front end';
	is_deeply plain($o, '--plaintext=never'), $refused,
	    'TCP from elsewhere, --plaintext=never';
}

# Refused plain text is no try, and the password is not looked at.
{
	my $c = $site->start('--plaintext=never', '--fail-delay=60');
	$c->greeting;
	for (1 .. 5) {
		is $c->say('USER mrose'), $no, 'USER, again';
		is $c->say('PASS secret'), $no, 'PASS, again';
	}
	is $c->say('QUIT'), '+OK dewey POP3 server signing off', 'QUIT';
	is $c->exit_code, 0, 'exit code';
}

done_testing;
