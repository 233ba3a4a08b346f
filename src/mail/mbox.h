/* SPDX-License-Identifier: ISC */
/*
 * The mbox grammar: where messages begin and end, and how many octets each is
 * on the wire.  The scanner is fed blocks of octets, cut anywhere, and yields
 * message records; it does no I/O and holds nothing that grows.
 */
#ifndef MBOX_H
#define MBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/from.h"
#include "mail/look.h"

struct imprint;

/* One message, as the file stores it and as RETR sends it. */
struct mbox_message {
	uint64_t offset;	/* where its From_ line begins */
	uint64_t text;		/* where its header begins */
	uint64_t end;		/* where the next message or the file ends it */
	uint64_t octets;	/* sent by RETR, before byte-stuffing */
	unsigned separator;	/* octets of the blank line before end that is
				 * not sent: 0, 1 (LF) or 2 (CR LF) */
};

/* Octets by which the end of an empty line is known: LF CR LF. */
#define MBOX_LAST 3

/*
 * mbox_empty_line(last):
 * Return the octets of the empty line, 1 or 2, that ends with ${last}; 0 if no
 * empty line does.  Before the begin of a file all octets count as LF.
 */
unsigned mbox_empty_line(const char last[MBOX_LAST]);

enum mbox_state {
	MBOX_PREFIX,		/* before the first From_ line */
	MBOX_FROM,		/* in a line that may be a From_ line */
	MBOX_TEXT,		/* in a message, behind its From_ line */
	MBOX_REFUSED		/* not an mbox: see at */
};

/*
 * Called for each whole message.  A result other than 0 ends the scan and is
 * what mbox_feed or mbox_end returns.
 */
typedef int mbox_yield(void *to, const struct mbox_message *message);

/*
 * Called for the header of a message at offset ${text}: returns an offset
 * before which no further message begins, whatever stands there; 0: none is
 * known.
 */
typedef uint64_t mbox_reach(void *to, uint64_t text);

/* The scanner; its fields are private but for the first two. */
struct mbox {
	uint64_t at;		/* offset of the next octet to be fed */
	enum mbox_state state;
	uint64_t line;		/* offset of the line in MBOX_FROM */
	bool first;		/* no From_ line was seen yet */
	bool wide;		/* look_is_wide says so */
	unsigned separator;	/* octets of the empty line before that line */
	char last[MBOX_LAST];	/* the last octets that were fed */
	struct mbox_message message;	/* the open one */
	struct look_tally tally;	/* of its text */
	struct from from;
	uint64_t until;		/* before it no further message begins */
	mbox_yield *yield;
	mbox_reach *reach;	/* NULL: nobody knows of such an offset */
	void *to;
};

/*
 * mbox_begin(mbox, offset, yield, to):
 * Prepare ${mbox} to be fed from ${offset}, the begin of the file (0) or of a
 * message.  ${yield} is called with ${to}.
 */
void mbox_begin(struct mbox *mbox, uint64_t offset, mbox_yield *yield,
    void *to);

/*
 * mbox_skip(mbox, until), mbox_ask(mbox, reach):
 * Right behind mbox_begin: before the offset ${until} no message but the first
 * begins; or ask ${reach}, called with mbox_begin's ${to}, for each message.
 */
void mbox_skip(struct mbox *mbox, uint64_t until);
void mbox_ask(struct mbox *mbox, mbox_reach *reach);

/*
 * mbox_sure(mbox, begin):
 * Return the offset before which it is known of all octets that were fed
 * whether they belong to the open message, its separator apart, and store in
 * ${begin} where that begins; both are where it may begin if none is open.
 */
uint64_t mbox_sure(const struct mbox *mbox, uint64_t *begin);

/*
 * mbox_feed(mbox, p, n), mbox_end(mbox):
 * Feed the next ${n} octets; say that the file ends.
 * Returns 0, what yield returned if it was not 0, or -1 with errno EBADMSG if
 * this is not an mbox: ${mbox}->at is then where the first line that is
 * neither empty nor a From_ line begins.
 */
int mbox_feed(struct mbox *mbox, const char *p, size_t n);
int mbox_end(struct mbox *mbox);

/*
 * mbox_begin_sum(imprint, offset), mbox_end_sum(imprint, octets):
 * Take the sum of a message, by which it is told from others: it begins at
 * ${offset}, and ${octets} are sent of it.  Feed ${imprint} all its stored
 * octets, its separator apart.  A sum is never 0.
 */
void mbox_begin_sum(struct imprint *imprint, uint64_t offset);
uint64_t mbox_end_sum(struct imprint *imprint, uint64_t octets);

/*
 * mbox_sum(message, p):
 * Return the sum of ${message}, of which all is stored at ${p}.
 */
uint64_t mbox_sum(const struct mbox_message *message, const char *p);

/* How far into a message TOP goes. */
struct mbox_top {
	uint64_t lines;		/* body lines that may still be sent */
	bool body;		/* the empty line behind the header was seen */
	bool inside;		/* the line has an octet other than CR */
	bool cr;		/* the line is a CR so far */
};

/*
 * mbox_top(top, p, n):
 * Return how many of the next ${n} octets of the message at ${p} TOP sends
 * (RFC 1939 s7: the header, the empty line and ${top}->lines lines).  Fewer
 * than ${n}: the rest of the message is not sent.
 */
size_t mbox_top(struct mbox_top *top, const char *p, size_t n);

#endif
