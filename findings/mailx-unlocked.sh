#!/bin/sh
# SPDX-License-Identifier: ISC
# Whether mailx waits for locks when it rewrites a mailbox that -f names.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common"

guess 'a mail reader that deletes from a mailbox rewrites it only while it' \
    'has a lock, whatever the name of the mailbox'
packages bsd-mailx=8.1.2-0.20220412cvs-1 liblockfile1 libbsd0 libmd0
mailbox 1 2 >box

hold box fcntl flock dotlock
printf 'delete 1\nquit\n' | timeout 10 bsd-mailx -n -f box >said 2>&1
code=$?
saw "all locks are held: mailx exits with $code," \
    "$(count box) of 2 messages left"
[ -e box.lock ] || unavailable 'the locks fell too early'
: >free
finding '[ "$code" -eq 0 ] && [ "$(count box)" -eq 1 ]' \
    'mailx -f rewrites a mailbox although others have locked it in each way'
