# SPDX-License-Identifier: ISC
# Tls.pm: sessions over TLS, for the tests in tests/*.t: certificates, what
# dewey must be told, and a client that begins TLS on the stream it has.
package Tls;

use strict;
use warnings;
use Carp qw(croak);
use Dewey ();
use File::Copy ();
use Spawner ();

my ($dir, %copy);

# Why there can be no TLS here; undef if there can.
sub missing {
	return 'dewey was built without TLS' unless -x built();
	return 'openssl is not installed' unless Spawner::program('openssl');
	return 'IO::Socket::SSL is not installed'
	    unless eval { require IO::Socket::SSL; 1 };
	return undef;
}

sub built { return ($ENV{builddir} // '.') . '/dewey-tls' }

# The program; nobody may be unable to reach the build directory.
sub program {
	my ($path) = @_;
	$path //= built();
	return $copy{$path} //= do {
		my $to = Dewey::tmpdir() . '/dewey-tls';
		chmod 0755, $to =~ s{/[^/]*\z}{}r;
		File::Copy::copy($path, $to) or die "copy $path: $!";
		chmod 0755, $to or die "chmod $to: $!";
		$to;
	};
}

my %kind = (
	p256 => '-newkey ec -pkeyopt ec_paramgen_curve:P-256',
	p384 => '-newkey ec -pkeyopt ec_paramgen_curve:P-384',
	ed25519 => '-newkey ed25519',
	rsa => '-newkey rsa:2048',
	small => '-newkey rsa:1024',
);

# The files of a key of this kind, without .crt and .key; for root, or for who
# starts dewey where that is not root.
sub certificate {
	my ($kind, $as_root, $days) = @_;
	my $owner = $as_root ? 'root' : 'user';
	$days //= 30;
	$dir //= do { my $new = Dewey::tmpdir(); chmod 0755, $new; $new };
	my $path = "$dir/$kind-$owner-$days";
	return $path if -e "$path.crt";
	system(Spawner::program('openssl') . " req -x509 $kind{$kind} -nodes " .
	    "-days $days -subj /CN=localhost -addext " .
	    'subjectAltName=DNS:localhost,IP:127.0.0.1 ' .
	    "-keyout $path.key -out $path.crt >/dev/null 2>&1") == 0
	    or croak "no certificate of kind $kind";
	chmod 0600, "$path.key";
	chmod 0644, "$path.crt";
	Dewey::give("$path.$_") for $as_root ? () : qw(key crt);
	return $path;
}

# Flags for dewey: mode is implicit or stls.
sub flags {
	my ($mode, %o) = @_;
	my $path = certificate($o{kind} // 'p256', $o{as_root});
	return ("--tls=$mode", "--tls-cert=$path.crt", "--tls-key=$path.key",
	    '--tls-program=' . program());
}

# Begins TLS on the stream of a Dewey; false and the reason in $@ if that fails.
sub begin {
	my ($c, %more) = @_;
	my $ok = eval {
		IO::Socket::SSL->start_SSL($c->{r}, SSL_verify_mode => 0,
		    SSL_startHandshake => 1, Timeout => 20, %more) or die
		    "TLS: " . (IO::Socket::SSL::errstr() // $!) . "\n";
	};
	$c->{w} = $c->{r};
	return $ok ? 1 : 0;
}

# STLS, and TLS.
sub stls {
	my ($c, %more) = @_;
	my $reply = $c->say('STLS') // '';
	$reply =~ /^\+OK/ or $c->fail("STLS: $reply");
	return begin($c, %more);
}

1;
