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

struct from_word {
	char s[LIMITS_FROM_WORD];
	unsigned n;		/* octets; LIMITS_FROM_WORD + 1: longer */
};

/* The last words of a line that may be a From_ line. */
struct from {
	/* A ring: word k is at k modulo LIMITS_FROM_WORDS. */
	struct from_word word[LIMITS_FROM_WORDS];
	uint64_t words;		/* how many there were */
	bool inside;		/* the last octet belonged to a word */
	bool cr;		/* the last octet was a CR */
};

/*
 * from_begin(from), from_feed(from, p, n), from_end(from, ended):
 * Read a line that begins with F and say at its end whether it is a From_ line
 * (DESIGN: "From" [sender] date, as the field's delivery agents write it).
 * The line end is not fed; ${ended} says whether there was one.
 */
void from_begin(struct from *from);
void from_feed(struct from *from, const char *p, size_t n);
bool from_end(struct from *from, bool ended);

/*
 * from_is_usual(p, n):
 * Say whether a line, of which all ${n} octets before its LF are at ${p}, is a
 * From_ line that ends as asctime(3) writes a date, as nearly all do: this is
 * fast.  If not it may be another kind.
 */
bool from_is_usual(const char *p, size_t n);

#endif
