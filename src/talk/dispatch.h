/* SPDX-License-Identifier: ISC */
/*
 * From a line to its reply: verb, table row, argument check, handler.
 */
#ifndef DISPATCH_H
#define DISPATCH_H

#include <stdint.h>

#include "base/span.h"
#include "talk/reply.h"
#include "talk/wire.h"

/* The argument that a verb takes. */
enum dispatch_argument {
	DISPATCH_NONE,
	DISPATCH_NUMBER,	/* of a message */
	DISPATCH_MAYBE_NUMBER,
	DISPATCH_TWO_NUMBERS,	/* of a message, and of lines */
	DISPATCH_NAME,
	DISPATCH_NAME_AND_DIGEST,
	DISPATCH_LANGUAGE,	/* or none */
	DISPATCH_MECHANISM,	/* or none, and perhaps an initial response */
	DISPATCH_PASSWORD	/* everything behind one space */
};

/* A parsed command, and its reply. */
struct dispatch_command {
	struct span verb;	/* as in the table */
	struct span words[2];
	uint64_t numbers[2];
	unsigned given;		/* how many of them were */
	struct reply reply;	/* but for its text */
};

/*
 * Does what ${command} says.  Returns the text of the reply; what that needs
 * besides is set in ${command}->reply.
 */
typedef enum reply_text dispatch_handler(void *state,
    struct dispatch_command *command);

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
	uint64_t most;		/* whole lines that are taken */
};

/* Why a state ended. */
enum dispatch_end {
	DISPATCH_END_NOT,	/* it goes on */
	DISPATCH_END_LEFT,	/* in order: the next state begins */
	DISPATCH_END_CLOSED,	/* the session is over */
	DISPATCH_END_BAD,	/* too many bad commands, or too many in all */
	DISPATCH_END_WIRE	/* see wire->end */
};

/*
 * dispatch_run(dispatch, wire, state):
 * Read commands from ${wire} and answer them, until the state is left.  A
 * handler gets ${state}.  LIMITS_BAD_COMMANDS unknown or malformed lines in a
 * row are too many.
 */
enum dispatch_end dispatch_run(const struct dispatch *dispatch,
    struct wire *wire, void *state);

#endif
