#!/bin/sh
# SPDX-License-Identifier: ISC
# Which of the offered mechanisms Net::POP3 logs in with where Authen::SASL is
# installed as Debian does it, without the package that it only suggests.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common"

guess 'the client picks the strongest that is offered, CRAM-MD5, or says why not'
packages libauthen-sasl-perl=2.1600-3 libdigest-hmac-perl=1.04+dfsg-2
PERL5LIB=$root/usr/share/perl5
export PERL5LIB

tries() {
	serve '+OK ready' "CAPA=+OK|USER|SASL CRAM-MD5 PLAIN|." \
	    'AUTH CRAM-MD5=+ PDEuMkBwb3A+' 'AUTH=+OK in' 'QUIT=+OK'
	timeout 20 perl -MNet::POP3 -MAuthen::SASL -e '
		my $pop = Net::POP3->new("127.0.0.1", Port => $ARGV[0],
		    Timeout => 10) or die;
		$pop->auth("ford", "secret");
		$pop->quit;' "$port" >said 2>&1
	wait "$server"
	took=$(sed -n 's/^AUTH \([^ ]*\).*/\1/p' commands | head -n 1)
	saw "$1: AUTH $took, and it said: $(wc -l <said) lines"
}

tries 'with Digest::HMAC_MD5'
with=$took
rm -r "$root/usr/share/perl5/Digest"
perl -MDigest::HMAC_MD5 -e 1 2>/dev/null &&
    unavailable 'Digest::HMAC_MD5 is installed here'
tries 'without'
finding '[ "$with" = CRAM-MD5 ] && [ "$took" = PLAIN ] && [ ! -s said ]' \
    'without a suggested package Net::POP3 logs in by PLAIN, and says nothing'
