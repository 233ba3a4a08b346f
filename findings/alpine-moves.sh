#!/bin/sh
# SPDX-License-Identifier: ISC
# Which mail alpine leaves in the mailbox where somebody has used mailx before.
# Wants root, and a mount namespace.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/dma-place"
. "$here/common"

guess 'alpine opens /var/mail/USER, shows the list and quits: what is there' \
    'stays there, and a POP3 server still has it'
packages alpine=2.26+dfsg-1 bsd-mailx=8.1.2-0.20220412cvs-1 liblockfile1 \
    libbsd0 libmd0 libldap-2.5-0 libsasl2-2
command -v script >/dev/null || unavailable 'there is no script(1)'
[ -n "${FINDING_NAMESPACE-}" ] ||
    unavailable 'it wants root, and a mount namespace'
home=$(getent passwd 0 | cut -d : -f 6)
for folder in /var/mail "$home"; do
	mount -t tmpfs none "$folder" ||
	    unavailable "nothing can be mounted on $folder"
done
HOME=$home
box=/var/mail/root
printf 'last-version-used=6.26\ninbox-path=INBOX\n' >pinerc
# Opens the mailbox, says yes if it asks whether to quit.
alpine_looks() {
	TERM=vt100 timeout 20 script -qec "alpine -p pinerc -I I,Q,Y" typescript \
	    </dev/null >/dev/null 2>&1 || unavailable 'alpine does not run'
	left=$(count $box)
	saw "$1, after alpine: $left of 3 messages in the mailbox;" \
	    "in the mbox at home: $(count "$HOME/mbox" 2>/dev/null)"
}
mailbox 1 2 3 >$box
alpine_looks 'no ~/mbox'
never=$left
mailbox 1 2 3 >$box
printf '1\nquit\n' | MAIL=$box timeout 10 bsd-mailx -n >said 2>&1
saw "mailx read one: $(count $box) messages in the mailbox," \
    "$(count "$HOME/mbox") in ~/mbox"
after=$(count $box)
alpine_looks 'with the ~/mbox that mailx made'
saw "alpine said: $(tr -d '\000' <typescript | grep -ao 'Kept all [^.]*' |
    tail -n 1)"
finding '[ "$never$after$left" = 320 ] && [ "$(count "$HOME/mbox")" -eq 3 ]' \
    'where mailx made ~/mbox, alpine moves the whole mailbox there when it opens it'
