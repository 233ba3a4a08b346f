#!/bin/sh
# SPDX-License-Identifier: ISC
# Whether a SCRAM key that doveadm stores is the one that a client computes.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common"

guess 'for each password in UTF-8 the key that doveadm pw stores is the one that' \
    'a client with libgsasl has: both follow RFC 5802'
packages gsasl=2.2.0-1+deb12u2 libgsasl18=2.2.0-1+deb12u2 libidn12 libntlm0 \
    libgssglue1 dovecot-core=1:2.3.19.1+dfsg1-2.1+deb12u7 libexttextcat-2.0-0 \
    libsodium23 liblua5.3-0 libstemmer0d libwrap0 libsystemd0 libapparmor1 libcap2
LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$root/usr/lib/dovecot:$root/usr/lib/dovecot/modules

# $1, a word for it; $2, the password for printf(1).
compare() {
	password=$(printf "$2")
	stored=$(doveadm -c /dev/null -O pw -s SCRAM-SHA-256 -p "$password") ||
	    unavailable 'doveadm makes no key'
	salt=$(echo "$stored" | cut -d , -f 2)
	client=$(gsasl --mkpasswd --mechanism SCRAM-SHA-256 --salt "$salt" \
	    --iteration-count 4096 --password "$password") ||
	    unavailable 'gsasl makes no key'
	same=$([ "$(echo "$client" | cut -d , -f 3)" = \
	    "$(echo "$stored" | cut -d , -f 3)" ] && echo yes || echo no)
	saw "$1: same key: $same"
	all="${all-}$same "
}
compare 'e and acute in one character' 'caf\303\251'
compare 'e, then a combining acute' 'cafe\314\201'
compare 'a blank that does not break' 'hoopy\302\240frood'
finding '[ "$all" = "yes no no " ]' \
    'doveadm stores the octets, libgsasl prepares them (RFC 4013): other keys'
