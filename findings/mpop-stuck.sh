#!/bin/sh
# SPDX-License-Identifier: ISC
# What mpop does at a server that cannot send one of its messages now.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common"

guess 'of three messages the second gets -ERR: a client fetches the two others,' \
    'has these deleted, and tries the second one again at the next poll'
packages mpop=1.4.18-1 libgsasl18 libgssglue1 libidn12 libntlm0 libsecret-1-0
mail='+OK|From: ford@example.org|Subject: hello||This is a message.|.'
poll() {
	serve '+OK ready' 'CAPA=+OK|USER|UIDL|TOP|.' 'USER=+OK' 'PASS=+OK in' \
	    'STAT=+OK 3 186' 'LIST=+OK|1 62|2 62|3 62|.' \
	    'UIDL=+OK|1 one|2 two|3 three|.' 'RETR 2=-ERR [SYS/TEMP] not now' \
	    "RETR=$mail" "TOP=$mail" 'DELE=+OK' 'QUIT=+OK'
	mpop_polls >said 2>&1
	code=$?
	wait "$server"
	did=$(grep -E '^(RETR|DELE|QUIT)' commands | paste -sd /)
	saw "$did, exit code $code"
}
poll
all=$did
poll
all="$all, $did"
finding '[ "$all" = "RETR 1/RETR 2, RETR 2" ]' \
    'mpop never comes past a message that gets -ERR, deletes none, sends no QUIT'
