#!/bin/sh
# SPDX-License-Identifier: ISC
# Where in the greeting curl looks for the timestamp of APOP.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common"

guess 'curl, which takes APOP before USER and PASS, finds the timestamp' \
    'wherever it stands in the greeting: RFC 1939 names no place'
packages curl=7.88.1-10+deb12u15 libcurl4=7.88.1-10+deb12u15

logs_in() {
	serve "$1" 'CAPA=+OK|USER|UIDL|.' 'APOP=+OK in' 'USER=+OK' \
	    'PASS=+OK in' 'LIST=+OK|.' 'QUIT=+OK'
	timeout 20 curl -s -u ford:secret "pop3://127.0.0.1:$port/" >said 2>&1
	wait "$server"
	how=$(sed -n 's/^\(APOP\|USER\) .*/\1/p' commands)
	saw "$1: $how"
}
logs_in '+OK ready <1.2@pop.example.org>'
last=$how
logs_in '+OK <1.2@pop.example.org> ready'
first=$how
logs_in '+OK ready <1.2@pop.example.org>.'
dot=$how
finding '[ "$last$first$dot" = APOPUSERUSER ]' \
    'curl takes USER and PASS if anything stands behind the timestamp of APOP'
