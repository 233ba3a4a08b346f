#!/bin/sh
# SPDX-License-Identifier: ISC
# What openssl s_client does when a server refuses STLS.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common"

guess 'after -ERR to STLS it says that there is no TLS here, and sends no more'
packages openssl=3.0.22-1~deb12u2 libssl3=3.0.22-1~deb12u2

serve '+OK ready' 'CAPA=+OK|USER|UIDL|.' 'STLS=-ERR not here' 'QUIT=+OK'
timeout 20 openssl s_client -starttls pop3 -connect "127.0.0.1:$port" \
    </dev/null >said 2>&1
wait "$server"
saw "$(paste -sd ' ' commands); its last words: $(grep -v '^$' said | tail -n 1)"
finding '[ "$(head -n 1 commands)" = STLS ] && grep -qx BINARY commands' \
    'openssl s_client asks for STLS unasked, and begins TLS though it was refused'
