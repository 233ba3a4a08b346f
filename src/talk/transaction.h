/* SPDX-License-Identifier: ISC */
/*
 * The TRANSACTION state (RFC 1939 s5 and s7): STAT, LIST, RETR, DELE, NOOP,
 * RSET, TOP, UIDL, QUIT, CAPA.  It marks messages and removes none.
 */
#ifndef TRANSACTION_H
#define TRANSACTION_H

#include <stdbool.h>

#include "talk/dispatch.h"
#include "talk/retrieve.h"

struct transaction {
	struct retrieve retrieve;	/* the client, the maildrop, what was sent */
	bool passwords;		/* CAPA lists USER */
	bool torn;		/* a message could not be sent to its end */
	bool changed;		/* one that is not as scanned was refused */
};

/*
 * transaction_run(transaction, bad):
 * Count bad commands in ${bad}.  Speak until QUIT (DISPATCH_END_LEFT; UPDATE and
 * its reply are the caller's), or until the session ends without it.
 * DISPATCH_END_CLOSED, with ${transaction}->torn: the stream was cut inside a
 * message.
 */
enum dispatch_end transaction_run(struct transaction *transaction,
    unsigned *bad);

#endif
