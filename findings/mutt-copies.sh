#!/bin/sh
# SPDX-License-Identifier: ISC
# What mutt makes of a line that begins with From_ when it copies a message from
# a Maildir to an mbox.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common"

guess 'it writes >From, as delivery agents do, so that the copy is one message' \
    'for every reader'
packages mutt=2.2.12-0.1~deb12u2 libassuan0 libgpgme11 libgsasl18 libgssglue1 \
    libidn12 libidn2-0 libncursesw6 libntlm0 libtinfo6 libtokyocabinet9 \
    bsd-mailx=8.1.2-0.20220412cvs-1 liblockfile1 libbsd0 libmd0 procmail=3.22-27
command -v script >/dev/null || unavailable 'there is no script(1)'
mkdir -p md/cur md/new md/tmp
{
	message 1
	printf '\nFrom zaphod@example.org Mon Jan  1 00:00:00 2024\n'
	printf 'Subject: quoted\n\nThe end.\n'
} >md/cur/1704067200.1.example:2,S

TERM=xterm timeout 20 script -qec "mutt -n -F /dev/null \
    -e 'set folder=. confirmappend=no confirmcreate=no move=no' \
    -e 'push C./box<enter>q' -f md" typescript >/dev/null 2>&1
[ -s box ] || unavailable 'mutt copies nothing'
mailx=$(echo h | bsd-mailx -n -f box 2>/dev/null |
    sed -n 's/.*: \([0-9]*\) message.*/\1/p' | head -n 1)
formail=$(formail -s echo one <box | wc -l)
saw "lines that begin with From_: $(count box);" \
    "$(grep -c '^Content-Length:' box) Content-Length;" \
    "messages for bsd-mailx: $mailx, for formail: $formail"
finding '[ "$(count box)$mailx$formail" = 221 ]' \
    'mutt quotes no From_ and trusts in Content-Length: one message or two'
