/* SPDX-License-Identifier: ISC */
/*
 * AUTH (RFC 5034): which mechanisms there are, and the exchange of one of them
 * with the client, up to the question that is asked with what it said.
 */
#ifndef SASL_H
#define SASL_H

#include "base/span.h"
#include "talk/reply.h"
#include "talk/wire.h"
#include "who/login.h"

/* Asks what ${sasl}->question holds, and forgets its secret. */
typedef enum reply_text sasl_ask(void *to);

struct sasl {
	struct wire *wire;
	unsigned offers;	/* of enum reply_offer */
	bool plaintext;		/* passwords may cross the stream */
	bool utf8;		/* names and passwords must be UTF-8 */
	struct login_question *question;
	sasl_ask *ask;
	void *to;
};

/*
 * sasl_run(sasl, mechanism, initial):
 * Speak ${mechanism} with the client, which sent ${initial} with the command;
 * its pointer is NULL if it sent none.  Whatever breaks the exchange is one
 * question, with the fault in it, so that it is logged, and one reply.
 * Returns the reply; REPLY_SENT if the stream has ended.
 */
enum reply_text sasl_run(struct sasl *sasl, struct span mechanism,
    struct span initial);

#endif
