#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# --proxy and %i: who a front end says is calling, and where; started by a user
# and by root.  A header that is missing or wrong ends the session before
# anything is said, and nothing that is no header is taken for one.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Accounts;
use Test::More;

Accounts::enter() unless $>;

my $v2 = "\r\n\r\n\0\r\nQUIT\n";
my $tcp4 = pack 'C4C4nn', 192, 0, 2, 7, 198, 51, 100, 1, 4660, 110;
my $tcp6 = pack 'H32H32nn', '20010db8000000000000000000000007',
    '20010db8000000000000000000000001', 4660, 110;
my $mapped = pack 'H32H32nn', '00000000000000000000ffffc0000207',
    '00000000000000000000ffffc6336401', 4660, 110;
my $tls = pack 'CnCN', 0x20, 5, 1, 0;
my $plain = pack 'CnCN', 0x20, 5, 0, 0;

# A header of version 2.
sub binary {
	my ($command, $family, $rest) = @_;
	return $v2 . pack('CCn', $command, $family, length $rest) . $rest;
}

my $v1 = "PROXY TCP4 192.0.2.7 198.51.100.1 4660 110\r\n";
my %header = (
	'version 1' => $v1,
	'version 1, IPv6' => "PROXY TCP6 2001:db8::7 2001:db8::1 4660 110\r\n",
	'version 2' => binary(0x21, 0x11, $tcp4),
	'version 2, IPv6' => binary(0x21, 0x21, $tcp6),
	'version 2, mapped' => binary(0x21, 0x21, $mapped),
	'version 2, TLS' => binary(0x21, 0x11, $tcp4 . $tls),
	'version 2, no TLS' => binary(0x21, 0x11, $tcp4 . $plain),
	'LOCAL' => binary(0x20, 0, ''),
	'UNKNOWN' => "PROXY UNKNOWN\r\n",
	'Unix addresses' => binary(0x21, 0x31, "\0" x 216),
);

# The kinds of sessions: [name, what starts one].
my $dir = Dewey::tmpdir();
chmod 0755, $dir;
for my $place (qw(198.51.100.1 2001:db8::1 127.0.0.1 pipe)) {
	mkdir "$dir/$place" or die "$dir/$place: $!";
	Dewey::give("$dir/$place");
	Dewey::write_file("$dir/$place/mrose", Dewey::mbox("Subject: $place\n\n"));
	Dewey::write_file("$dir/$place.users",
	    'mrose:' . crypt("pw-$place", '$6$rounds=1000$dewey') . "\n");
	Dewey::write_file("$dir/$place.secrets", "marvin:s-$place\n");
	Dewey::write_file("$dir/$place/marvin", '');
}
my @flags = ("--users=$dir/%i.users", "--secrets=$dir/%i.secrets",
    "--mailbox=$dir/%i/%u", '--host=dewey.example', '--fail-delay=0',
    '--log=stderr', '--cache-dir=none');
my @kinds = ([ 'a user', {} ]);
if (!$>) {
	chown 0, 0, glob "$dir/*.secrets";
	push @kinds, [ 'root', { as_root => 1 }, '--mail-user=nobody',
	    "--users=$dir/%i.root" ];
	for my $place (glob "$dir/*.users") {
		(my $root = $place) =~ s/users\z/root/;
		Dewey::write_file($root, Dewey::read_file($place));
		(my $user = $place) =~ s/users\z/own/;
		Dewey::write_file($user, Dewey::read_file($place));
		(my $secret = $place) =~ s/users\z/secrets/;
		(my $mine = $place) =~ s/users\z/mine/;
		Dewey::write_file($mine, Dewey::read_file($secret));
		Dewey::give($_) for $user, $mine;
		chown 0, 0, $root;
	}
	$kinds[0] = [ 'a user', {}, "--users=$dir/%i.own",
	    "--secrets=$dir/%i.mine" ];
}

my $kind;
sub begin {
	my ($octets, @more) = @_;
	my ($name, $o, @own) = @$kind;
	my %o = (%$o, transport => 'tcp', ref $more[-1] ? %{ pop @more } : ());
	my $c = Dewey->start(@flags, @own, @more, \%o);
	$c->send($octets) if $octets ne '';
	return $c;
}

# Ends it; returns the line of the session.
sub finish {
	my ($c) = @_;
	$c->say('QUIT');
	$c->close;
	$c->exit_code;
	my ($record) = $c->stderr =~ /(user=\S+ peer=.*)/;
	return $record // '';
}

for (@kinds) {
	$kind = $_;
	my $by = $kind->[0];
	# Who is calling, and whether passwords may cross.
	for my $row (
		[ 'version 1', '192.0.2.7 port=4660', 0 ],
		[ 'version 1, IPv6', '2001:db8::7 port=4660', 0 ],
		[ 'version 2', '192.0.2.7 port=4660', 0 ],
		[ 'version 2, IPv6', '2001:db8::7 port=4660', 0 ],
		[ 'version 2, mapped', '192.0.2.7 port=4660', 0 ],
		[ 'version 2, TLS', '192.0.2.7 port=4660', 1 ],
		[ 'version 2, no TLS', '192.0.2.7 port=4660', 0 ],
		[ 'LOCAL', '127.0.0.1', 1 ],
		[ 'UNKNOWN', '127.0.0.1', 0 ],
		[ 'Unix addresses', '127.0.0.1', 0 ],
	) {
		my ($name, $peer, $private) = @$row;
		my $c = begin($header{$name}, '--proxy=127.0.0.0/8');
		like $c->greeting // '', qr/^\+OK /, "$by: $name";
		my $capa = $c->multi('CAPA');
		is $capa =~ /^USER\r?$/m ? 1 : 0, $private,
		    "$by: $name: private or not";
		like finish($c), qr/^user=- peer=\Q$peer\E method=- /,
		    "$by: $name: the log";
	}
	# The files by the address that was called.
	for my $row ([ 'version 2, TLS', '198.51.100.1' ],
	    [ 'LOCAL', '127.0.0.1' ]) {
		my ($name, $place) = @$row;
		my $c = begin($header{$name}, '--proxy=127.0.0.1');
		$c->greeting;
		$c->say('USER mrose');
		like $c->say("PASS pw-$place") // '', qr/^\+OK/,
		    "$by: $name: the users file by %i";
		like join("\n", $c->multi('TOP 1 0')), qr/Subject: \Q$place\E/,
		    "$by: $name: the mailbox by %i";
		like finish($c), qr/^user=mrose peer=\S+( port=4660)? method=pass/,
		    "$by: $name: the log of a session";
	}
	my $c = begin($header{'version 1, IPv6'}, '--proxy=127.0.0.1');
	$c->greeting;
	like $c->apop('marvin', 's-2001:db8::1') // '', qr/^\+OK/,
	    "$by: the secrets file by %i";
	finish($c);
	# Without --proxy the socket says it, as a pipe does.
	$c = begin('');
	$c->greeting;
	like $c->apop('marvin', 's-127.0.0.1') // '', qr/^\+OK/,
	    "$by: %i of a socket";
	finish($c);
	$c = begin('', { transport => 'pipe' });
	$c->greeting;
	like $c->apop('marvin', 's-pipe') // '', qr/^\+OK/, "$by: %i of a pipe";
	finish($c);

	# Header and first commands in one packet; one octet in each.
	for my $name (sort keys %header) {
		$c = begin("$header{$name}CAPA\r\nQUIT\r\n",
		    '--proxy=127.0.0.1');
		like $c->rest, qr/^\+OK .*^\+OK.*^\.\r\n\+OK [^\n]*\n\z/ms,
		    "$by: $name: commands behind the header are commands";
		$c->close;
		$c->exit_code;
	}
	$c = begin('', '--proxy=127.0.0.1');
	for my $octet (split //, $header{'version 2, TLS'}) {
		$c->send($octet);
		select undef, undef, undef, 0.002;
	}
	like $c->greeting // '', qr/^\+OK /, "$by: one octet at a time";
	finish($c);

	# Wrong headers, and what is none.
	for my $row (
		[ 'a command', "CAPA\r\n" ],
		[ 'a blank too much', "PROXY TCP4  192.0.2.7 192.0.2.1 1 2\r\n" ],
		[ 'a line of 108 octets', 'PROXY UNKNOWN ' . 'x' x 92 . "\r\n" ],
		[ 'a wrong checksum', binary(0x21, 0x11, $tcp4
		    . pack 'CnN', 3, 4, 1) ],
		[ 'a truncated TLV', binary(0x21, 0x11, $tcp4 . "\1\0\5x") ],
		[ '65,535 octets', binary(0x21, 0x11,
		    $tcp4 . pack('Cn', 4, 65520) . "\0" x 65520) ],
		[ 'no header, but TLS', "\x16\3\1\2\0\1\0\1\xfc\3\3" . 'r' x 32 ],
	) {
		my ($name, $octets) = @$row;
		$c = begin('', '--proxy=127.0.0.1');
		eval { $c->send($octets) };
		is $c->rest, '', "$by: $name: nothing is said";
		$c->close;
		is $c->exit_code, 1, "$by: $name: exit code";
		my @lines = split /\n/, $c->stderr;
		is scalar(@lines), 2, "$by: $name: two lines in the log"
		    or diag $c->stderr;
		like $lines[0] // '', qr/front end 127\.0\.0\.1 sends no PROXY/,
		    "$by: $name: the log says what";
		like $lines[1] // '', qr/peer=127\.0\.0\.1 .*end=bad-commands/,
		    "$by: $name: the record";
	}
	# Nothing, or a part of it, and then the end.
	for my $row ([ 'nothing', '', 0 ], [ 'half a header', 'PROXY T', 0 ]) {
		my ($name, $octets, $code) = @$row;
		$c = begin($octets, '--proxy=127.0.0.1');
		$c->close_write;
		is $c->rest, '', "$by: $name: nothing is said";
		$c->close;
		is $c->exit_code, $code, "$by: $name: exit code";
		unlike $c->stderr, qr/front end/, "$by: $name: no trouble";
		like $c->stderr, qr/end=eof/, "$by: $name: the record";
	}
	# A header that never ends.
	$c = begin("PROXY TCP4 192.0.2.7 ", '--proxy=127.0.0.1');
	my $begin = time;
	is $c->rest, '', "$by: late: nothing is said";
	$c->close;
	is $c->exit_code, 1, "$by: late: exit code";
	cmp_ok time - $begin, '<', 15, "$by: late: it has a limit";
	like $c->stderr, qr/no whole PROXY header within 5 seconds.*end=timeout/s,
	    "$by: late: the log";

	# From elsewhere a header is no more than a bad command.
	for my $networks (undef, '10.0.0.0/8', 'unix', '::1') {
		$c = begin('', $networks ? "--proxy=$networks" : ());
		like $c->greeting // '', qr/^\+OK /,
		    "$by: " . ($networks // 'no --proxy') . ': no header is due';
		like $c->say('PROXY TCP4 192.0.2.7 192.0.2.1 1 2') // '',
		    qr/^-ERR/, "$by: ... and none is taken";
		like finish($c), qr/ peer=127\.0\.0\.1 method/,
		    "$by: ... nor believed";
	}
	# A Unix socket.
	$c = begin($v1, '--proxy=unix', { transport => 'unix' });
	like $c->greeting // '', qr/^\+OK /, "$by: a Unix socket";
	like finish($c), qr/ peer=192\.0\.2\.7 port=4660 /, "$by: ... the log";
}

done_testing;
