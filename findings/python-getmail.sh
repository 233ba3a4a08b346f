#!/bin/sh
# SPDX-License-Identifier: ISC
# A script with Python's mailbox and getmail at one mailbox: both take the
# fcntl(2) lock.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common"

guess 'getmail waits until the script has unlocked the mailbox, and adds its' \
    'message: what was there and is not deleted, and the new one, are there'
packages getmail6=6.18.11-2
[ -x /usr/bin/python3 ] || unavailable 'there is no python3'
echo "version: $(/usr/bin/python3 --version)"
PYTHONPATH=$root/usr/lib/python3/dist-packages
export PYTHONPATH
mailbox 1 2 >box
cat >tidy.py <<'PYTHON'
import mailbox, os, time
box = mailbox.mbox('box')
box.lock()
open('held.new', 'w').write('held')
os.rename('held.new', 'held')
for i in range(200):
    time.sleep(0.1)
    if os.path.exists('free'):
        break
box.remove(0)
box.flush()
box.unlock()
box.close()
PYTHON
serve '+OK ready' 'USER=+OK' 'PASS=+OK in' 'UIDL=+OK|1 three|.' \
    'LIST=+OK|1 60|.' \
    "RETR=+OK|From: ford@example.org|Subject: 3||This is number 3.|." \
    'DELE=+OK' 'QUIT=+OK'
getmail_rc
drop_rights
inode=$(stat -c %i box)
$as /usr/bin/python3 tidy.py &
script=$!
started="$started $script"
await held
$as timeout 30 /usr/bin/python3 "$root/usr/bin/getmail" \
    --getmaildir="$dir/work/getmail" --rcfile="$dir/work/getmailrc" >said 2>&1 &
getmail=$!
started="$started $getmail"
# Its process that delivers waits, once the message has come.
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	grep -q '^RETR' commands && break
	sleep 0.5
done
sleep 2
early=$(grep -c '^DELE' commands)
: >free
wait "$script"
wait "$getmail"
code=$?
subjects=$(sed -n 's/^Subject: //p' box | paste -sd ' ')
saw "getmail waited: $([ "$early" -eq 0 ] && echo yes || echo no);" \
    "it exits with $code and said $(grep '^DELE' commands)"
saw "messages in the mailbox: $subjects; another file:" \
    "$([ "$(stat -c %i box)" != "$inode" ] && echo yes || echo no)"
finding '[ "$early$code" = 00 ] && grep -qx "DELE 1" commands &&
    [ "$subjects" = 2 ]' \
    'Python renames under the lock: getmail writes to the file that is gone'
