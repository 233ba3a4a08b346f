/* SPDX-License-Identifier: ISC */
/*
 * From_ lines, which begin messages in an mbox.
 */
#ifndef FROM_H
#define FROM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Octets of a word in a From_ line that are kept: the longest that means
 * something is "remote"; a longer one cannot be part of a date. */
#define FROM_WORD 12

/* Www Mmm d hh:mm:ss zone yyyy zone remote from host: what stands before the
 * last ten words is the sender, of any length. */
#define FROM_WORDS 10

struct from_word {
	char s[FROM_WORD];
	unsigned n;		/* octets; FROM_WORD + 1: longer */
};

/* The last words of a line that may be a From_ line. */
struct from {
	struct from_word word[FROM_WORDS];	/* a ring: word k at k modulo
						 * FROM_WORDS */
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
