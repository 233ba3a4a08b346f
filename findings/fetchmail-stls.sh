#!/bin/sh
# SPDX-License-Identifier: ISC
# What fetchmail does at a server that has no TLS, if it is told nothing of TLS.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common"

guess 'it sees in the answer to CAPA that there is no STLS, and logs in without'
packages fetchmail=6.4.37-1
cat >fetchmailrc <<'RC'
poll 127.0.0.1 protocol pop3: user "ford" password "secret" mda "cat"
RC
chmod 600 fetchmailrc
serve '+OK ready' 'CAPA=+OK|USER|UIDL|TOP|.' 'USER=+OK' 'PASS=+OK in' \
    'STAT=+OK 0 0' 'QUIT=+OK'
timeout 20 fetchmail -f fetchmailrc --port "$port" >said 2>&1
code=$?
wait "$server"
saw "$(paste -sd / commands), exit code $code"
finding '[ "$code" = 2 ] && grep -qx STLS commands &&
    ! grep -q "^USER" commands' \
    'fetchmail sends STLS where it is not offered, and gives up without it'
