#!/bin/sh
# SPDX-License-Identifier: ISC
# Whether a hash that openssl passwd makes of a long passphrase is the one that
# crypt(3) makes.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common"

guess 'openssl passwd -6 and crypt(3) make the same of any password, or one of' \
    'them says that it is too long'
packages openssl=3.0.22-1~deb12u2 libssl3=3.0.22-1~deb12u2 libcrypt1=1:4.4.33-2

# $1 octets: what each makes, and what openssl says.
hashes() {
	perl -e 'print "x" x $ARGV[0], "\n"' "$1" >word
	ours=$(openssl passwd -6 -salt saltsalt -in word 2>said)
	crypt=$(perl -ne 'chomp; print crypt $_, q($6$saltsalt)' word)
	same=no
	[ "$ours" != "$crypt" ] || same=yes
	saw "$1 octets: same hash: $same, openssl said: $(wc -c <said) octets," \
	    "crypt(3): $(printf %.6s "$crypt")"
}
hashes 256
short=$same
hashes 257
long=$same$(wc -c <said)
hashes 512
failed=$crypt
finding '[ "$short$long$failed" = "yesno0*0" ]' \
    'openssl cuts after 256 octets and says nothing; crypt(3) fails from 512 on'
