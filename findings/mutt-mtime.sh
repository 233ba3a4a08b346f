#!/bin/sh
# SPDX-License-Identifier: ISC
# Whether a rewritten mailbox can be told by its time stamp.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common"

guess 'who rewrites a mailbox gives it a new modification time'
packages mutt=2.2.12-0.1~deb12u2 libassuan0 libgpgme11 libgsasl18 libgssglue1 \
    libidn12 libidn2-0 libncursesw6 libntlm0 libtinfo6 libtokyocabinet9
command -v script >/dev/null || unavailable 'there is no script(1)'
mailbox 1 2 3 >box
touch -d '2024-01-02 00:00' box
was=$(stat -c %Y box)
cat >rc <<'RC'
set mbox_type=mbox delete=yes quit=yes move=no wait_key=no
push '<limit>all<enter><delete-pattern>~s 2<enter><quit>'
RC
TERM=vt100 timeout 30 script -qec 'mutt -n -F rc -f box' /dev/null \
    >said </dev/null || unavailable 'mutt does not run'
now=$(stat -c %Y box)
saw "$(count box) of 3 messages left; modified at $was before, at $now after"
finding '[ "$(count box)" -eq 2 ] && [ "$now" = "$was" ]' \
    'mutt deletes a message and puts the old modification time back'
