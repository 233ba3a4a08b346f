/* SPDX-License-Identifier: ISC */
/*
 * What the client is told.  All texts that it can see stand in one table here,
 * with their response codes (RFC 2449 s8, RFC 3206).
 */
#ifndef REPLY_H
#define REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "talk/wire.h"

/*
 * The replies.  A text has these places, which a struct reply fills:
 * %n is its n and %o its octets, %N and %O the s of their plural, or nothing;
 * %s is its name, %t its second name.
 */
enum reply_text {
	REPLY_SENT,		/* no text: the handler answered itself */
	REPLY_LEFT,		/* no text: the state is over, in order */
	REPLY_CHALLENGE,	/* no text: a mechanism goes on */
	REPLY_CLOSED,	/* no text: the session is over */
	REPLY_GREETING_APOP,
	REPLY_GREETING,
	REPLY_USER,
	REPLY_USER_UNNAMED,
	REPLY_NO_USER,
	REPLY_NO_USER_UNNAMED,
	REPLY_MAILDROP_OF,
	REPLY_MAILDROP,
	REPLY_REFUSED,
	REPLY_REFUSED_LAST,	/* the session is over */
	REPLY_NO_PLAINTEXT,
	REPLY_NO_PASSWORDS,
	REPLY_NO_APOP,
	REPLY_NO_NAME,
	REPLY_NO_MECHANISM,
	REPLY_BAD_EXCHANGE,
	REPLY_CANCELLED,
	REPLY_NOT_ONESELF,
	REPLY_MECHANISMS,
	REPLY_UTF8,
	REPLY_LANGUAGES,
	REPLY_LANGUAGE,
	REPLY_NO_LANGUAGE,
	REPLY_STLS,
	REPLY_HAS_TLS,
	REPLY_IN_USE,
	REPLY_EARLY,
	REPLY_LOCKED,
	REPLY_NOT_MBOX,
	REPLY_NO_DIRECTORY,
	REPLY_NOT_A_FILE,
	REPLY_FOREIGN,
	REPLY_DENIED,
	REPLY_CHANGED,
	REPLY_TROUBLE,
	REPLY_STAT,
	REPLY_LIST_ALL,
	REPLY_ITEM,
	REPLY_UIDL_ALL,
	REPLY_RETR,
	REPLY_TOP,
	REPLY_DELETED,
	REPLY_OK,
	REPLY_NO_SUCH,
	REPLY_NO_SUCH_TOP,
	REPLY_IS_DELETED,
	REPLY_ALREADY_DELETED,
	REPLY_READ_ONLY,
	REPLY_CAPA,
	REPLY_BYE,		/* in AUTHORIZATION; the session is over */
	REPLY_BYE_EMPTY,
	REPLY_BYE_LEFT,
	REPLY_NOT_REMOVED,
	REPLY_UNKNOWN,
	REPLY_WRONG_STATE,
	REPLY_BAD_ARGUMENT,
	REPLY_TOO_LONG,
	REPLY_MALFORMED,
	REPLY_TOO_MANY_BAD,
	REPLY_UNJUDGED,
	REPLY_MISCONFIGURED
};

struct reply {
	enum reply_text text;
	struct span name;
	struct span second;
	uint64_t n;		/* a message's number, or a count */
	uint64_t octets;
};

/*
 * reply_say(wire, reply):
 * Send ${reply}: one line.
 */
void reply_say(struct wire *wire, const struct reply *reply);

/* The ways to log in that can succeed for somebody, and STLS. */
enum reply_offer {
	REPLY_OFFER_PASSWORD = 1,	/* USER and PASS, PLAIN */
	REPLY_OFFER_CRAM = 2,
	REPLY_OFFER_STLS = 8,
	REPLY_OFFER_SCRAM = 4,
	REPLY_OFFER_SCRAM_PLUS = 16	/* bound to TLS */
};

/*
 * reply_capabilities(wire, offers, delay, transaction):
 * Answer CAPA (RFC 2449 s5): ${offers} are of enum reply_offer, ${delay} is
 * that between logins in seconds, 0 for none; ${transaction} says that this is
 * the TRANSACTION state.
 */
void reply_capabilities(struct wire *wire, unsigned offers, unsigned delay,
    bool transaction);

/*
 * reply_mechanisms(wire, offers):
 * Answer AUTH without an argument: the SASL mechanisms, a line each.
 */
void reply_mechanisms(struct wire *wire, unsigned offers);

/*
 * reply_language(wire, range, reply):
 * Answer LANG (RFC 6856 s3): list the languages if ${range} is empty, else use
 * the one that it stands for.  There is one, by two names.  Returns the text,
 * whose name in ${reply} is set.
 */
enum reply_text reply_language(struct wire *wire, struct span range,
    struct reply *reply);

/*
 * reply_fault(fault):
 * Return the text that tells a client of a ${fault} of the maildrop.
 */
enum reply_text reply_fault(unsigned fault);

#endif
