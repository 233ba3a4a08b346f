#!/bin/sh
# SPDX-License-Identifier: ISC
# Two delivery agents of Debian write to one mailbox, one after the other.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/dma-place"
. "$here/common"

guess 'dma delivers a message, then procmail another one: a tool of procmail' \
    'finds two'
packages dma=0.13-1+b1 procmail=3.22-27
dma_place
dma_delivers 1 || unavailable 'dma delivers nothing'
{
	echo 'From ford@example.org Mon Jan  1 00:00:00 2024'
	message 2
} | procmail -p "DEFAULT=$box" LOGFILE=/dev/null /dev/null ||
    unavailable 'procmail delivers nothing'

saw 'the mailbox is'
sed 's/^/    | /' "$box"
found=$(formail -s sh -c 'cat >/dev/null; echo message' <"$box" | wc -l)
saw "formail -s finds $found"
finding '[ "$(count "$box")" -eq 2 ] && [ "$found" -eq 1 ]' \
    'nobody writes the empty line between them, and formail sees one message'
