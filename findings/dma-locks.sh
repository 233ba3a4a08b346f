#!/bin/sh
# SPDX-License-Identifier: ISC
# Which locks keep Debian's smallest mail transfer agent out of a mailbox.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/dma-place"
. "$here/common"

guess 'a package of Debian that delivers to /var/mail waits for fcntl(2) and' \
    'for NAME.lock, as Debian Policy 11.6 asks'
packages dma=0.13-1+b1
dma_place

hold "$box" fcntl dotlock
dma_delivers 1
despite=$(count "$box")
: >free
wait
saw "fcntl(2) and $box.lock are held: $despite message delivered meanwhile"

rm -f held free
: >"$box"
hold "$box" flock
dma_delivers 1 &
started="$started $!"
sleep 2
meanwhile=$(count "$box")
: >free
wait
saw "flock(2) is held: $meanwhile messages meanwhile, $(count "$box") after"
finding '[ "$despite" -eq 1 ] && [ "$meanwhile" -eq 0 ] &&
    [ "$(count "$box")" -eq 1 ]' 'dma takes flock(2) and no other lock'
