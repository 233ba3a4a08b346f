# SPDX-License-Identifier: ISC
# Scram.pm: a client of SCRAM-SHA-256 (RFC 5802, RFC 7677), written apart from
# dewey's own code, and the stored keys as `doveadm pw -s SCRAM-SHA-256' prints
# them.
package Scram;

use strict;
use warnings;
use Digest::SHA qw(hmac_sha256 sha256);
use MIME::Base64 ();

sub b64 { return MIME::Base64::encode($_[0], '') }
sub unb64 { return MIME::Base64::decode($_[0]) }

my %salted;
sub salted {
	my ($password, $salt, $iterations) = @_;
	return $salted{"$iterations/$salt/$password"} //= do {
		my $u = hmac_sha256("$salt\0\0\0\1", $password);
		my $sum = $u;
		for (2 .. $iterations) {
			$u = hmac_sha256($u, $password);
			$sum ^= $u;
		}
		$sum;
	};
}

# A record for the users file.
sub stored {
	my ($password, $salt, $iterations) = @_;
	my $salted = salted($password, $salt, $iterations);
	return "{SCRAM-SHA-256}$iterations," . join ',', map { b64($_) } $salt,
	    sha256(hmac_sha256('Client Key', $salted)),
	    hmac_sha256('Server Key', $salted);
}

sub first {
	my (%o) = @_;
	my $name = $o{saslname} // $o{name} =~ s/=/=3D/gr =~ s/,/=2C/gr;
	return ($o{header} // 'n,,') . "n=$name,r=$o{nonce}";
}

# The parts of a server-first-message: (nonce, salt, iterations).
sub parts {
	my ($text) = @_;
	return $text =~ /\Ar=([^,]+),s=([^,]+),i=(\d+)\z/ ?
	    ($1, unb64($2), $3) : ();
}

# The client-final-message, and what the server has to answer.
sub final {
	my ($text, %o) = @_;
	my ($nonce, $salt, $iterations) = parts($text);
	my $without = 'c=' . b64($o{binding} // ($o{header} // 'n,,') .
	    ($o{exporter} // '')) . ',r=' .
	    ($o{other} // $nonce) . ($o{extension} // '');
	my $bare = substr first(%o), length($o{header} // 'n,,');
	my $message = join ',', $bare, $text, $without;
	my $salted = salted($o{password}, $salt, $iterations);
	my $client = hmac_sha256('Client Key', $salted);
	my $proof = $client ^ hmac_sha256($message, sha256($client));
	return ("$without,p=" . b64($proof),
	    'v=' . b64(hmac_sha256($message, hmac_sha256('Server Key',
	    $salted))));
}

my $serial = 0;
# Speaks SCRAM-SHA-256 with the session ${c}: the last reply.  With see => sub,
# that gets each challenge, decoded.  With exporter => octets, the value of
# tls-exporter, it speaks SCRAM-SHA-256-PLUS.
sub login {
	my ($c, %o) = @_;
	$o{nonce} //= 'rOprNGfwEbeRWgbNEkqO' . $serial++;
	my $see = $o{see} // sub {};
	$o{header} //= 'p=tls-exporter,,' if defined $o{exporter};
	$o{mechanism} //= 'SCRAM-SHA-256' .
	    (defined $o{exporter} ? '-PLUS' : '');
	my $said = $c->say("AUTH $o{mechanism} " . b64(first(%o)));
	return $said unless ($said // '') =~ /^\+ (\S+)$/;
	my $text = unb64($1);
	$see->($text);
	my ($final, $signature) = final($text, %o);
	$said = $c->say(b64($final));
	return $said unless ($said // '') =~ /^\+ (\S+)$/;
	$see->(unb64($1));
	unb64($1) eq $signature or return 'a wrong signature';
	return $c->say($o{end} // '');
}

1;
