/* SPDX-License-Identifier: ISC */
/*
 * RETR and TOP: one message to the client, if it is what was scanned.
 */
#ifndef RETRIEVE_H
#define RETRIEVE_H

#include <stddef.h>
#include <stdint.h>

#include "talk/reply.h"

struct maildrop;
struct mbox_top;
struct wire;

struct retrieve {
	struct wire *wire;
	struct maildrop *drop;
	uint64_t messages;	/* sent whole by RETR */
	uint64_t octets;	/* sent by RETR and TOP */
};

/*
 * retrieve_message(retrieve, i, top):
 * Send message ${i}, counted from 0: whole, or as far as ${top} goes (RFC 1939
 * s5 RETR, s7 TOP).  It is looked at before its first octet is sent and behind
 * its last one.
 * Returns REPLY_SENT, also if the stream ended (see wire->end);
 * REPLY_CHANGED if nothing was sent, because the message is not what was
 * scanned or cannot be read; REPLY_CLOSED if that showed when a part of it
 * had been sent: the client gets no final dot.
 */
enum reply_text retrieve_message(struct retrieve *retrieve, size_t i,
    struct mbox_top *top);

#endif
