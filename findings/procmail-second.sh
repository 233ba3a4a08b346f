#!/bin/sh
# SPDX-License-Identifier: ISC
# How long a delivery to a mailbox takes.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common"

guess 'appending a few hundred octets to a mailbox that nobody else wants' \
    'takes some milliseconds'
packages procmail=3.22-27
delivers() {
	begin=$(date +%s%N)
	{
		echo 'From ford@example.org Mon Jan  1 00:00:00 2024'
		message 2
	} | procmail -p "DEFAULT=$dir/work/box" LOGFILE=/dev/null /dev/null
	end=$(date +%s%N)
	took=$(((end - begin) / 1000000))
}

mailbox 1 >box
touch -m -d '1 day ago' box
touch -a -d '1 hour ago' box
delivers
unread=$took
saw "last read an hour ago: $unread ms"

# Read at this very moment.  Where a second ends in between nothing is seen:
# five tries.
for try in 1 2 3 4 5; do
	mailbox 1 >box
	touch -m -d '1 day ago' box
	touch -a box
	(sleep 0.5; [ ! -e box.lock ] || : >locked) &
	delivers
	wait
	[ "$took" -lt 900 ] || break
	rm -f locked
done
locked=no
[ ! -e locked ] || locked=yes
saw "read just now: $took ms; box.lock is there meanwhile: $locked"
finding '[ "$took" -ge 900 ] && [ "$unread" -lt 900 ] && [ "$locked" = yes ]' \
    'procmail sleeps a second, holding its lock, if the mailbox was just read'
