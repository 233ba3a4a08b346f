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
	struct retrieve retrieve;	/* the client, the maildrop, and what
				 * was sent */
	unsigned offers;	/* that CAPA lists: enum reply_offer */
	unsigned delay;		/* as in struct authorization */
	bool torn;		/* a message could not be sent to its end */
	bool changed;		/* the log says that some message is not as it
				 * was scanned */
};

/*
 * transaction_run(transaction):
 * Speak until QUIT, or until the session ends without it.  Returns
 * DISPATCH_END_LEFT after QUIT, which the caller answers when UPDATE is done,
 * and DISPATCH_END_CLOSED, with ${transaction}->torn, where a message was cut
 * short.
 */
enum dispatch_end transaction_run(struct transaction *transaction);

#endif
