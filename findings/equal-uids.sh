#!/bin/sh
# SPDX-License-Identifier: ISC
# What clients do when two messages have the same unique-id.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common"

guess 'RFC 1939 section 7 says that clients should be able to handle two copies' \
    'with one unique-id: they fetch both, or one of them, and the rest'
packages fdm=1.9+git20181219-1+b2 libtdb1 getmail6=6.18.11-2
[ -x /usr/bin/python3 ] || unavailable 'there is no python3'
PYTHONPATH=$root/usr/lib/python3/dist-packages
export PYTHONPATH
(umask 077 && : >box)
# $1 and the unique-id of the second of three messages: $2.
fetches() {
	mail='+OK|From: ford@example.org|Subject: hello||This is a message.|.'
	serve '+OK ready' 'USER=+OK' 'PASS=+OK in' 'STAT=+OK 3 186' \
	    'LIST 1=+OK 1 62' 'LIST 2=+OK 2 62' 'LIST 3=+OK 3 62' \
	    'LIST=+OK|1 62|2 62|3 62|.' "UIDL=+OK|1 one|2 $2|3 three|." \
	    "RETR=$mail" 'DELE=+OK' 'RSET=+OK' 'QUIT=+OK'
	getmail_rc
	cat >fdmrc <<RC
set lock-file "$dir/work/fdmlock"
account "ford" pop3 server "127.0.0.1" port $port user "ford" pass "secret"
action "box" mbox "$dir/work/box"
match all action "box"
RC
	chmod 600 fdmrc getmailrc
	drop_rights
	case $1 in
	fdm) $as timeout 20 fdm -f fdmrc fetch ;;
	getmail)
		$as timeout 20 /usr/bin/python3 "$root/usr/bin/getmail" \
		    --getmaildir="$dir/work/getmail" \
		    --rcfile="$dir/work/getmailrc"
		;;
	esac >said 2>&1
	code=$?
	wait "$server"
	got=$(grep -c '^RETR' commands)
	all="${all-}$got"
	saw "$1, unique-ids one, $2, three: $got of 3 fetched, exit code $code:" \
	    "$(grep -iE 'collision|uniquely' said | sed 's/.*\(UID coll.*\|does not uniq.*\)/\1/' | cut -c 1-70)"
}
fetches fdm two
fetches fdm one
fetches getmail two
fetches getmail one
finding '[ "$all" = 3030 ]' \
    'for one pair of equal unique-ids fdm and getmail fetch no message at all'
