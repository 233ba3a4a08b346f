/* SPDX-License-Identifier: ISC */
/*
 * From_ lines, which begin messages in an mbox.
 */
#ifndef FROM_H
#define FROM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

/* How many forms of From_ lines there are: see from.c. */
#define FROM_FORMS 11

/* What a line is, from nothing to the most. */
enum from_kind {
	FROM_NONE,		/* it does not begin with From and a blank */
	FROM_BARE,		/* it does: a From_ line at the begin of a file
				 * only, and prose anywhere else */
	FROM_DATED		/* it has one of the forms of a From_ line */
};

/* A line that may be a From_ line; private. */
struct from {
	char word[LIMITS_FROM_WORD];	/* the begin of the word in hand */
	unsigned n;		/* octets; LIMITS_FROM_WORD + 1: longer */
	uint32_t at[FROM_FORMS];	/* the places reached in each form */
	enum from_kind kind;	/* as far as is known */
	bool hopeless;		/* no form fits any more */
	bool inside;		/* the last octet belonged to a word */
	bool cr;		/* the last octet was a CR */
};

/*
 * from_begin(from), from_feed(from, p, n), from_end(from, ended):
 * Read a line and say at its end what it is.  The line end is not fed;
 * ${ended} says whether there was one.
 */
void from_begin(struct from *from);
void from_feed(struct from *from, const char *p, size_t n);
enum from_kind from_end(struct from *from, bool ended);

/*
 * from_begins(kind, offset):
 * Say whether a message begins where a line of ${kind} stands behind an empty
 * line: one with a date anywhere, any other at offset 0 of the file only.
 */
static inline bool
from_begins(enum from_kind kind, uint64_t offset)
{
	return kind == FROM_DATED || (kind == FROM_BARE && offset == 0);
}

/*
 * from_is_usual(p, n):
 * Say whether a line, of which all ${n} octets before its LF are at ${p}, is a
 * From_ line that ends as asctime(3) writes a date, as nearly all do: this is
 * fast.  If not it may be another kind.
 */
bool from_is_usual(const char *p, size_t n);

#endif
