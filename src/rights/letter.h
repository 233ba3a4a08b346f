/* SPDX-License-Identifier: ISC */
/*
 * What the processes of a session write to each other.  Each kind of letter is
 * a struct here, and one table of its fields: what they are and how large they
 * may be.  Both sides use that table, so nothing that is longer, shorter or
 * larger than it says is ever received.
 */
#ifndef LETTER_H
#define LETTER_H

#include <stddef.h>
#include <stdint.h>

#include "base/channel.h"
#include "base/span.h"
#include "who/login.h"

enum letter_kind {
	LETTER_FRONT,		/* from the gate to the monitor */
	LETTER_OPENING,		/* back */
	LETTER_QUESTION,	/* from the gate to the judge */
	LETTER_ANSWER,		/* back */
	LETTER_USER,		/* from the judge to the monitor */
	LETTER_FAULT,		/* back, and from the keeper to the monitor: a
				 * number, enum mailbox_fault (channel_tell) */
	LETTER_FILE,		/* from the keeper to the session */
	LETTER_REQUEST,		/* from the session to the keeper: a number,
				 * enum letter_request */
	LETTER_LINE,		/* from the session to the keeper: for the
				 * log */
	LETTER_RECORD,		/* the same, of the whole session */
	LETTER_RESULT,		/* back, and from the asker to the judge: a
				 * number, which the request gives its meaning;
				 * with a descriptor if that was for one */
	LETTER_KINDS
};

/* What a front end said. */
struct letter_front {
	uint32_t fault;		/* enum proxy_fault */
	uint32_t own;		/* as in struct proxy */
	uint32_t tls;
	uint32_t v6;		/* the addresses are of IPv6 */
	uint32_t port;
	struct span peer;	/* two addresses, or two times nothing */
	struct span local;
};

/* What the gate must know to greet. */
struct letter_opening {
	uint32_t passwords;	/* as in struct login */
	struct span timestamp;
};

/* Instead of a method in a question: AUTHORIZATION is over. */
#define LETTER_ENDED LOGIN_METHODS

struct letter_question {
	uint32_t method;	/* enum login_method, or LETTER_ENDED */
	uint32_t fault;		/* enum login_fault */
	uint32_t end;		/* how it is over: enum log_end */
	struct span name;
	struct span secret;
	struct span unread;	/* input behind the command */
	uint32_t tls;		/* enum log_tls */
	struct span binding;	/* as in struct login_question */
};

struct letter_answer {
	uint32_t text;		/* enum reply_text */
	struct span challenge;	/* for the client */
};

/* Instead of a method in what comes from the judge: it wants a connection to
 * saslauthd, which the result brings. */
#define LETTER_REACH LOGIN_METHODS

/* Somebody who is to be let in. */
struct letter_user {
	uint32_t method;	/* enum login_method, or LETTER_REACH */
	uint32_t keys;		/* some user has a stored key */
	uint32_t uid, gid;
	struct span name;
	struct span home;
	struct span unread;
	uint32_t tls;		/* enum log_tls */
	uint32_t bound;		/* as in struct stls */
};

/* A descriptor of the mailbox, and what else is to be known of it. */
struct letter_file {
	uint32_t read_only;
	uint32_t no_journal;
	uint32_t elsewhere;
	uint32_t adopted;	/* a fourth descriptor comes */
};

struct letter_number {
	uint32_t value;
};

/* A line for the log. */
struct letter_line {
	uint32_t request;	/* LETTER_LOG_LINE */
	uint32_t level;		/* enum log_level */
	struct span text;
};

#define LETTER_FIGURES 6

/* What the log tells of a session and its keeper does not know. */
struct letter_record {
	uint32_t request;	/* LETTER_LOG_RECORD */
	uint32_t end;		/* enum log_end, of a session */
	uint32_t halves[2 * LETTER_FIGURES];	/* of 64-bit numbers: messages,
				 * octets, those retrieved, deleted, left */
};

/* What a session asks of its keeper; the first are enum lock_request.  From
 * LETTER_REPORT on it is no request: the session reports an enum mailbox_fault,
 * which is added. */
enum letter_request {
	LETTER_REOPEN = 16,
	LETTER_SET_ASIDE,
	LETTER_LOG_LINE,	/* these two begin letters that */
	LETTER_LOG_RECORD,	/* get no answer */
	LETTER_REPORT = 32
};

enum letter_type {
	LETTER_BYTE,		/* a uint32_t of one octet */
	LETTER_LONG,		/* of four */
	LETTER_OCTETS		/* a struct span */
};

struct letter_field {
	enum letter_type type;
	uint32_t limit;		/* the largest number, or the most octets */
	size_t at;		/* offset in the struct */
};

/*
 * letter_fields(kind, n):
 * Return the fields of ${kind}, ${*n} of them, in the order in which they are
 * sent.
 */
const struct letter_field *letter_fields(enum letter_kind kind, size_t *n);

/*
 * letter_send(channel, kind, letter, fd):
 * Send ${letter}, which is the struct of ${kind}, and the descriptor ${fd} if
 * that is not -1.  Returns 0, or -1 with errno.
 */
int letter_send(int channel, enum letter_kind kind, const void *letter, int fd);

/*
 * letter_send_number(channel, kind, value):
 * Send a letter that is a number.
 */
int letter_send_number(int channel, enum letter_kind kind, uint32_t value);

/*
 * letter_receive(channel, kind, letter, message):
 * Wait for a letter and write it to ${letter}, the struct of ${kind}; its spans
 * are valid as long as ${message}.  ${message}->fd is the descriptor that came
 * along, or -1; it is closed if that kind of letter has none.  Returns 1, 0 if
 * the other side is gone, or -1 with errno: EPROTO for what is no such letter.
 */
int letter_receive(int channel, enum letter_kind kind, void *letter,
    struct channel_message *message);

/*
 * letter_read(kind, letter, message):
 * The same for a ${message} that was received.  Returns 1, or -1.
 */
int letter_read(enum letter_kind kind, void *letter,
    struct channel_message *message);

/*
 * letter_receive_number(channel, kind, value):
 * Receive a letter that is a number.  Returns as letter_receive.
 */
int letter_receive_number(int channel, enum letter_kind kind, uint32_t *value);

#endif
