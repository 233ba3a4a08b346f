#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# AUTH SCRAM-SHA-256-PLUS (RFC 5802, RFC 9266): offered inside dewey's own TLS
# where the value of tls-exporter is known, and nowhere else; who is bound to
# another connection is refused, and so is who was kept from binding.
use strict;
use warnings;
use lib "$ENV{srcdir}/tests";
use Dewey;
use Accounts;
use Scram;
use Spawner;
use Tls;
use Fcntl qw(F_SETFD);
use IPC::Open2 qw(open2);
use Socket;
use Test::More;

plan skip_all => 'a tool watches the processes'
    if Dewey::slow() || Dewey::tool_flags();
my $reason = Tls::missing();
plan skip_all => $reason if $reason;
plan skip_all => 'Net::SSLeay tells no keying material'
    unless defined &Net::SSLeay::export_keying_material;
Accounts::enter() if !$>;

my $mail = Dewey::mbox("Subject: one\n\nbody\n");
my $site = Dewey->site(users => {}, secrets => { eve => 'secret' },
    mail => { user => $mail });
my $record = Scram::stored('pencil', 'sixteen octets..', 4096);
my @own = (name => 'user', password => 'pencil');
my @who = $> ? ('user') : ('root', 'user');
Dewey::write_file($site->dir . '/users', "user:$record\n");
my @root;
if (!$>) {
	Accounts::add('dwuser', password => 'pw', mail => $mail);
	my $ids = join ':', (getpwnam 'dwuser')[2, 3];
	Dewey::write_file('/plus-users', "dwuser:$record:${ids}:::\n");
	Dewey::write_file('/plus-secrets', "eve:secret\n", 0600);
	chown 0, 0, '/plus-users', '/plus-secrets';
	@root = qw(--users=/plus-users --secrets=/plus-secrets);
}
my $in = qr/^\+OK (?:\S+'s )?maildrop has 1 message/;
my $refused = '-ERR [AUTH] name or credentials refused';
my $malformed = '-ERR malformed authentication exchange';
my $no_such = '-ERR no such mechanism, AUTH alone lists them';
my $all = 'SASL SCRAM-SHA-256-PLUS SCRAM-SHA-256 CRAM-MD5 PLAIN';
my $without = 'SASL SCRAM-SHA-256 CRAM-MD5 PLAIN';

sub start {
	my ($who, $mode, @flags) = @_;
	my %o = ref $flags[-1] ? %{ pop @flags } : ();
	my $root = $who eq 'root';
	push @flags, Tls::flags($mode, as_root => $root) if $mode;
	$o{transport} //= 'tcp';
	$own[1] = $root ? 'dwuser' : 'user';
	return $root ? Accounts::start(@root, @flags, \%o) :
	    Dewey->start($site->flags('--log=stderr', @flags), \%o);
}

sub sasl {
	my ($c) = @_;
	my (undef, $capa) = $c->multi('CAPA');
	return join '|', grep { /^SASL/ } split /\r\n/, $capa;
}

# RFC 9266: the label, no context.
sub exporter {
	my ($c) = @_;
	return Net::SSLeay::export_keying_material($c->{r}->_get_ssl_object, 32,
	    'EXPORTER-Channel-Binding', '');
}

# A session inside TLS, and the value that binds to it.
sub secured {
	my ($who, $mode, $version) = @_;
	my $c = start($who, $mode);
	my @of = (SSL_version => $version // 'TLSv1_3');
	$c->greeting if $mode eq 'stls';
	ok +($mode eq 'stls' ? Tls::stls($c, @of) : Tls::begin($c, @of)),
	    "$who, $mode: handshake" or diag $@;
	$c->greeting if $mode eq 'implicit';
	return ($c, exporter($c));
}

for my $who (@who) {
	for my $row (['implicit', 'TLSv1_3'], ['stls', 'TLSv1_3'],
	    ['implicit', 'TLSv1_2'], ['stls', 'TLSv1_2']) {
		my $what = "$who, @$row";
		my ($c, $value) = secured($who, @$row);
		is length $value, 32, "$what: a value";
		is sasl($c), $all, '... CAPA: the strongest first';
		my (undef, $list) = $c->multi('AUTH');
		is $list, join('', map { "$_\r\n" } (split / /, $all)[1 .. 4]),
		    '... AUTH lists the same';
		like Scram::login($c, @own, exporter => $value), $in, '... in';
		is sasl($c), $all, '... the same in TRANSACTION';
		$c->say('QUIT');
		is $c->exit_code, 0, '... exit code';
		like $c->stderr, qr/method=scram-sha-256 /, '... the log';
	}
	my ($c, $value) = secured($who, 'implicit');
	like Scram::login($c, @own, exporter => $value,
	    header => "p=tls-exporter,a=$own[1],"), $in, "$who: an authzid";
	$c->say('QUIT');
	($c) = secured($who, 'implicit');
	like Scram::login($c, @own), $in, "$who: who cannot bind need not";
	$c->say('QUIT');

	# Somebody in the middle has two sessions, and hands on what each
	# side says.
	my ($victim, $seen) = secured($who, 'implicit');
	($c, $value) = secured($who, 'implicit');
	isnt $value, $seen, "$who: each connection has a value of its own";
	is Scram::login($c, @own, exporter => $seen), $refused,
	    '... that of another is refused';
	is Scram::login($c, @own, exporter => $value ^ ("\0" x 31 . "\1")),
	    $refused, '... and one of another last bit';
	like Scram::login($c, @own, exporter => $value), $in, '... its own not';
	$c->say('QUIT');
	$c->exit_code;
	is scalar(grep { /refused login / } split /\n/, $c->stderr), 2,
	    '... two tries in the log';
	$victim->close;
}

# What breaks an exchange, and is no try.
{
	my ($c, $value) = secured($who[0], 'implicit');
	my @plus = (mechanism => 'SCRAM-SHA-256-PLUS');
	my $rounds = 0;
	for my $row ([ 'n', @plus, header => 'n,,' ],
	    [ 'y', @plus, header => 'y,,' ],
	    [ 'tls-unique', @plus, header => 'p=tls-unique,,' ],
	    [ 'tls-server-end-point', @plus,
	    header => 'p=tls-server-end-point,,' ],
	    [ 'another case', @plus, header => 'p=TLS-exporter,,' ],
	    [ 'p= without -PLUS', mechanism => 'SCRAM-SHA-256',
	    header => 'p=tls-exporter,,' ],
	    [ 'y where -PLUS was listed', exporter => undef, header => 'y,,' ],
	    [ 'no value', @plus, exporter => '' ],
	    [ 'a short value', @plus, exporter => substr $value, 1 ],
	    [ 'a long value', @plus, exporter => "$value\0" ],
	    [ 'the header of another', @plus, binding => "n,,$value" ],
	    [ 'the header alone', @plus, binding => 'p=tls-exporter,,' ],
	    [ 'a value without -PLUS', exporter => undef,
	    binding => "n,,$value" ]) {
		my ($what, @how) = @$row;
		is Scram::login($c, @own, exporter => $value, @how), $malformed,
		    "broken: $what";
		$rounds++;
	}
	like Scram::login($c, @own, exporter => $value), $in,
	    'broken: the session lives';
	$c->say('QUIT');
	$c->exit_code;
	is scalar(grep { /broken login .*why=channel-binding$/ } split /\n/,
	    $c->stderr), $rounds, 'broken: the log says why';
}

# Where it is not offered: before STLS, without TLS, inside another's TLS.
{
	my $c = start($who[-1], 'stls');
	$c->greeting;
	is sasl($c), $without, 'before STLS: not offered';
	is Scram::login($c, @own, exporter => 'x' x 32), $no_such,
	    '... and refused';
	like Scram::login($c, @own, header => 'y,,'), $in,
	    '... a client that could bind is let in';
	$c->say('QUIT');
}

# The place of the other program of UCSPI-TLS is the test's: it says that there
# is TLS, and a value that nobody vouches for.
{
	socketpair my $ours, my $theirs, AF_UNIX, SOCK_STREAM, 0 or die $!;
	socketpair my $r, my $inner, AF_UNIX, SOCK_STREAM, 0 or die $!;
	fcntl $_, F_SETFD, 0 or die $! for $theirs, $inner;
	my $c = start('user', undef, '--tls=stls', { env => {
	    SSLCTLFD => fileno $theirs, SSLREADFD => fileno $inner,
	    SSLWRITEFD => fileno $inner } });
	close $_ for $theirs, $inner;
	$c->greeting;
	like $c->say('STLS'), qr/^\+OK/, "another's TLS: STLS";
	sysread $ours, my $octet, 1;
	is $octet, 'Y', '... the handshake is asked for';
	syswrite $ours, "SSL_PROTOCOL=TLSv1.3\0SSL_TLS_EXPORTER=" .
	    '61' x 32 . "\0\0";
	$c->{r} = $c->{w} = $r;
	is sasl($c), $without, '... not offered';
	is Scram::login($c, @own, exporter => 'a' x 32), $no_such,
	    '... and refused';
	like Scram::login($c, @own, header => 'y,,'), $in,
	    '... a client that could bind is let in';
	$c->say('QUIT');
}

# ---- Clients that others wrote: libgsasl, Cyrus SASL.  What they say and hear is
# passed on; they are told the value of the connection, or another.

sub foreign {
	my ($c, $library, $exporter) = @_;
	my ($r, $w);
	my $pid = open2($r, $w, 'python3', ($ENV{srcdir} // '.') .
	    '/tests/foreign/sasl.py', $library, 'user', 'pencil',
	    unpack 'H*', $exporter);
	$w->autoflush(1);
	local $SIG{PIPE} = 'IGNORE';
	my ($verb, $said) = ('AUTH SCRAM-SHA-256-PLUS ', undef);
	while (defined(my $line = <$r>)) {
		chomp $line;
		$said = $c->say($verb . $line) // '';
		$verb = '';
		last if $said !~ s/^\+ //;
		print {$w} "$said\n";
	}
	close $w;
	waitpid $pid, 0;
	return ($said, $? >> 8);
}

for my $library (qw(gsasl cyrus)) {
	SKIP: {
		skip 'python3 is not installed', 1
		    unless Spawner::program('python3');
		my ($c, $value) = secured('user', 'implicit');
		my ($said, $code) = foreign($c, $library, $value);
		skip "$library is not there", 4 if $code == 77 || $code == 127;
		like $said, $in, "$library: in";
		is $code, 0, '... and it believes the server';
		$c->say('QUIT');
		is $c->exit_code, 0, '... exit code';
		($c, $value) = secured('user', 'implicit');
		($said) = foreign($c, $library, $value ^ "\1" x 32);
		is $said, $refused, '... with the value of another connection not';
		$c->close;
		$c->exit_code;
	}
}

done_testing;
