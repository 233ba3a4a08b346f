#!/bin/sh
# SPDX-License-Identifier: ISC
# Where the empty line between two messages of an mbox comes from.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/dma-place"
. "$here/common"

guess 'an agent that delivers to an mbox ends each message with an empty' \
    'line, as mbox(5) says'
packages dma=0.13-1+b1
dma_place
for n in 1 2; do
	dma_delivers $n || unavailable 'dma delivers nothing'
done

saw 'after two deliveries the mailbox is'
sed 's/^/    | /' "$box"
second=$(grep -n '^From ' "$box" | sed -n '2s/:.*//p')
finding '[ "$(count "$box")" -eq 2 ] && [ -n "$(tail -n 1 "$box")" ] &&
    [ -z "$(sed -n "$((second - 1))p" "$box")" ]' \
    'dma writes the empty line before a From_ line, not behind a message'
