/* SPDX-License-Identifier: ISC */
/*
 * RETR and TOP: one message to the client, if it is what was scanned.
 */
#ifndef RETRIEVE_H
#define RETRIEVE_H

#include <stddef.h>
#include <stdint.h>

#include "talk/dispatch.h"

struct maildrop;
struct mbox_top;
struct wire;

struct retrieve {
	struct wire *wire;
	struct maildrop *drop;
	uint64_t messages;	/* sent whole by RETR */
	uint64_t octets;	/* sent by RETR and TOP */
};

enum retrieve_end {
	RETRIEVE_SENT,		/* or the stream ended: see wire->end */
	RETRIEVE_CHANGED,	/* nothing was sent: the message is not what was
				 * scanned, or cannot be read */
	RETRIEVE_TORN		/* that showed behind its first line */
};

/*
 * retrieve_message(retrieve, i, top, reply):
 * Send message ${i}, counted from 0, its first line being ${reply}: whole, or as
 * far as ${top} goes (RFC 1939 s5 RETR, s7 TOP).  It is looked at before its
 * first octet and after its last one.  A message that RETR sent whole has its
 * sum afterwards.
 */
enum retrieve_end retrieve_message(struct retrieve *retrieve, size_t i,
    struct mbox_top *top, struct dispatch_reply *reply);

#endif
