#!/bin/sh
# SPDX-License-Identifier: ISC
# What curl does when the first of several ways to log in is refused.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common"

guess 'curl tries the next way that the server offers: PLAIN, or USER and PASS'
packages curl=7.88.1-10+deb12u15 libcurl4=7.88.1-10+deb12u15

serve '+OK ready <1.2@pop.example.org>' \
    'CAPA=+OK|USER|UIDL|SASL CRAM-MD5 PLAIN|.' 'AUTH CRAM-MD5=+ PDEuMkBwb3A+' \
    'AUTH=+OK in' 'APOP=+OK in' 'USER=+OK' 'PASS=+OK in' 'LIST=+OK|.' 'QUIT=+OK'
timeout 20 curl -s -u ford:secret "pop3://127.0.0.1:$port/" >said 2>&1
code=$?
wait "$server"
saw "$(paste -sd '/' commands), exit code $code"
finding '[ "$code" = 67 ] && grep -qx "AUTH CRAM-MD5" commands &&
    ! grep -qE "^(AUTH PLAIN|APOP|USER)" commands' \
    'curl logs in by CRAM-MD5 or not at all where that is offered'
