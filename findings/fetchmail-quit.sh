#!/bin/sh
# SPDX-License-Identifier: ISC
# What becomes of messages that a server could not delete at QUIT.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common"

guess 'a client that remembers what it has fetched, and was told -ERR at QUIT,' \
    'asks at the next poll that the same messages be deleted'
packages fetchmail=6.4.37-1 mpop=1.4.18-1 libgsasl18 libgssglue1 libidn12 \
    libntlm0 libsecret-1-0
cat >fetchmailrc <<'RC'
poll 127.0.0.1 protocol pop3 uidl:
	user "ford" password "secret" sslproto "" mda "cat >>box"
RC
chmod 600 fetchmailrc
fetchmail_polls() {
	timeout 20 fetchmail -f fetchmailrc --port "$port" --nosyslog
}
# $1_polls, at a server of two messages; QUIT is answered by $2.
poll() {
	serve '+OK ready' 'CAPA=+OK|USER|UIDL|TOP|.' 'USER=+OK' 'PASS=+OK in' \
	    'STAT=+OK 2 124' 'LIST 1=+OK 1 62' 'LIST 2=+OK 2 62' \
	    'LIST=+OK|1 62|2 62|.' 'UIDL=+OK|1 one|2 two|.' \
	    "TOP=$mail" "RETR=$mail" 'DELE=+OK' "QUIT=$2"
	"$1_polls" >said 2>&1
	wait "$server"
	deletes=$(grep -c '^DELE' commands)
	fetches=$(grep -cE '^(TOP|RETR)' commands)
	saw "$1: $fetches fetched, DELE for $deletes, QUIT: $2"
}
mail='+OK|From: ford@example.org|Subject: hello||This is a message.|.'
poll fetchmail '-ERR some deleted messages not removed'
all=$fetches$deletes
poll fetchmail '+OK'
all=$all-$fetches$deletes
poll fetchmail '+OK'
all=$all-$fetches$deletes
poll mpop '-ERR some deleted messages not removed'
other=$fetches$deletes
poll mpop '+OK'
other=$other-$fetches$deletes
finding '[ "$all" = 22-00-00 ] && [ "$other" = 22-02 ]' \
    'fetchmail leaves for ever what was not deleted at once, mpop asks again'
