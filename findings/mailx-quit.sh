#!/bin/sh
# SPDX-License-Identifier: ISC
# What a mail reader that only looked at the list leaves in the mailbox.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common"

guess 'opening a mailbox and quitting, no message read, none deleted, leaves' \
    'it octet for octet as it was'
packages bsd-mailx=8.1.2-0.20220412cvs-1 liblockfile1 libbsd0 libmd0
mailbox 1 2 3 >before
cp before box
echo quit | timeout 10 bsd-mailx -n -f box >said 2>&1 ||
    unavailable 'mailx does not run'
saw 'what changed:'
diff before box | sed 's/^/    | /'
finding '[ "$(grep -c "^Status: O$" box)" -eq 3 ] &&
    [ "$(grep -v "^Status: O$" box)" = "$(cat before)" ]' \
    'mailx puts a Status line into every message, only because it was opened'
