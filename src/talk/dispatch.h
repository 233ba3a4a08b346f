/* SPDX-License-Identifier: ISC */
/*
 * From a line to its reply: verb, table row, argument check, handler.  All
 * texts that a client can see stand in one table here, with their response
 * codes (RFC 2449 s8, RFC 3206).
 */
#ifndef DISPATCH_H
#define DISPATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "talk/wire.h"

/*
 * The replies.  A text has these places, which a struct dispatch_reply fills:
 * %n is its n and %o its octets, %N and %O the s of their plural, or nothing;
 * %s is its name, %t its second name.
 */
enum dispatch_text {
	DISPATCH_SENT,		/* no text: the handler answered itself */
	DISPATCH_LEFT,		/* no text: the state is over, in order */
	DISPATCH_CLOSED,	/* no text: the session is over */
	DISPATCH_GREETING_APOP,
	DISPATCH_GREETING,
	DISPATCH_USER,
	DISPATCH_USER_UNNAMED,
	DISPATCH_NO_USER,
	DISPATCH_NO_USER_UNNAMED,
	DISPATCH_MAILDROP_OF,
	DISPATCH_MAILDROP,
	DISPATCH_REFUSED,
	DISPATCH_REFUSED_LAST,	/* the session is over */
	DISPATCH_NO_PLAINTEXT,
	DISPATCH_NO_PASSWORDS,
	DISPATCH_NO_APOP,
	DISPATCH_NO_NAME,
	DISPATCH_IN_USE,
	DISPATCH_LOCKED,
	DISPATCH_NOT_MBOX,
	DISPATCH_NO_DIRECTORY,
	DISPATCH_NOT_A_FILE,
	DISPATCH_FOREIGN,
	DISPATCH_DENIED,
	DISPATCH_CHANGED,
	DISPATCH_TROUBLE,
	DISPATCH_STAT,
	DISPATCH_LIST_ALL,
	DISPATCH_ITEM,
	DISPATCH_UIDL_ALL,
	DISPATCH_RETR,
	DISPATCH_TOP,
	DISPATCH_DELETED,
	DISPATCH_OK,
	DISPATCH_NO_SUCH,
	DISPATCH_NO_SUCH_TOP,
	DISPATCH_IS_DELETED,
	DISPATCH_ALREADY_DELETED,
	DISPATCH_READ_ONLY,
	DISPATCH_CAPA,
	DISPATCH_BYE,		/* in AUTHORIZATION; the session is over */
	DISPATCH_BYE_EMPTY,
	DISPATCH_BYE_LEFT,
	DISPATCH_NOT_REMOVED,
	DISPATCH_UNKNOWN,
	DISPATCH_WRONG_STATE,
	DISPATCH_BAD_ARGUMENT,
	DISPATCH_TOO_LONG,
	DISPATCH_MALFORMED,
	DISPATCH_TOO_MANY_BAD,
	DISPATCH_MISCONFIGURED
};

struct dispatch_reply {
	enum dispatch_text text;
	struct span name;
	struct span second;
	uint64_t n;		/* a message's number, or a count */
	uint64_t octets;
};

/* The argument that a verb takes. */
enum dispatch_argument {
	DISPATCH_NONE,
	DISPATCH_NUMBER,	/* of a message */
	DISPATCH_MAYBE_NUMBER,
	DISPATCH_TWO_NUMBERS,	/* of a message, and of lines */
	DISPATCH_NAME,
	DISPATCH_NAME_AND_DIGEST,
	DISPATCH_PASSWORD	/* everything behind one space */
};

/* A parsed command. */
struct dispatch_command {
	struct span verb;	/* as in the table */
	struct span words[2];
	uint64_t numbers[2];
	unsigned given;		/* how many of them were */
};

/*
 * Does what ${command} says.  Returns the text of the reply; what it needs
 * besides is set in ${reply}.
 */
typedef enum dispatch_text dispatch_handler(void *state,
    const struct dispatch_command *command, struct dispatch_reply *reply);

/* One verb. */
struct dispatch_row {
	const char *verb;	/* upper case; NULL ends a table */
	enum dispatch_argument argument;
	dispatch_handler *handler;	/* NULL: it belongs to another state */
};

/* One state of the session. */
struct dispatch {
	const char *name;	/* "AUTHORIZATION" */
	const struct dispatch_row *rows;
	unsigned *bad;		/* unknown or malformed lines so far */
};

/* Why a state ended. */
enum dispatch_end {
	DISPATCH_END_NOT,	/* it goes on */
	DISPATCH_END_LEFT,	/* in order: the next state begins */
	DISPATCH_END_CLOSED,	/* the session is over */
	DISPATCH_END_BAD,	/* too many bad commands */
	DISPATCH_END_WIRE	/* see wire->end */
};

/*
 * dispatch_run(dispatch, wire, state):
 * Read commands from ${wire} and answer them, until the state is left.  A
 * handler gets ${state}.
 */
enum dispatch_end dispatch_run(const struct dispatch *dispatch,
    struct wire *wire, void *state);

/*
 * dispatch_say(wire, reply):
 * Send ${reply}: one line.
 */
void dispatch_say(struct wire *wire, const struct dispatch_reply *reply);

/*
 * dispatch_capabilities(wire, user, transaction):
 * Answer CAPA (RFC 2449 s5): ${user} says whether PASS can succeed,
 * ${transaction} that this is the TRANSACTION state.
 */
void dispatch_capabilities(struct wire *wire, bool user, bool transaction);

/*
 * dispatch_fault(fault):
 * Return the text that tells a client of a ${fault} of the maildrop.
 */
enum dispatch_text dispatch_fault(unsigned fault);

#endif
