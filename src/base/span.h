/* SPDX-License-Identifier: ISC */
/*
 * Counted octets.  Whatever came from a client, a mailbox or a file is a span:
 * it may hold NUL, it is never NUL-terminated, and it is never copied just to
 * be looked at.
 */
#ifndef SPAN_H
#define SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
	const char *p;		/* first octet; not owned */
	size_t n;		/* octets */
};

/* A span of a string literal. */
#define SPAN(literal) ((struct span){ (literal), sizeof(literal) - 1 })

/*
 * span_of(s):
 * Return the octets of the NUL-terminated string ${s}; NULL is an empty span.
 */
struct span span_of(const char *s);

/*
 * span_equal(a, b), span_equal_nocase(a, b):
 * Say whether ${a} and ${b} hold the same octets; the second one takes ASCII
 * letters of either case as equal (RFC 1939 s3: keywords are case-insensitive).
 */
bool span_equal(struct span a, struct span b);
bool span_equal_nocase(struct span a, struct span b);

/*
 * span_equal_secret(a, b):
 * As span_equal, in a time that depends on the lengths only.
 */
bool span_equal_secret(struct span a, struct span b);

/*
 * span_trim(s):
 * Return ${s} without the blanks (space, tab) before and behind it.
 */
struct span span_trim(struct span s);

/*
 * span_cut(rest, separator):
 * Take the octets of ${rest} before the first ${separator} and leave in
 * ${rest} those behind it.  Without a separator everything is taken, and
 * ${rest}'s pointer becomes NULL.
 */
struct span span_cut(struct span *rest, char separator);

/*
 * span_choice(list, word):
 * Return the place of ${word} among those of ${list}, which are separated by |
 * and counted from 0; -1 if it is none of them.
 */
int span_choice(const char *list, struct span word);

/*
 * span_number(s, max, out):
 * Read the whole span ${s} as a decimal number and store it in ${out}.
 * Leading zeros are accepted, signs and blanks are not.
 * Returns 0, or -1 with errno EINVAL (empty, or an octet outside 0-9) or
 * ERANGE (greater than ${max}); ${out} is written only on success.
 */
int span_number(struct span s, uint64_t max, uint64_t *out);

/*
 * span_digits(n, digits):
 * Write ${n} in decimal to the end of ${digits}.  Returns the digits.
 */
#define SPAN_DIGITS 20
struct span span_digits(uint64_t n, char digits[SPAN_DIGITS]);

/*
 * span_has_control(s):
 * Say whether an octet of ${s} is a control character.
 */
bool span_has_control(struct span s);

/*
 * span_is_utf8(s):
 * Say whether ${s} is UTF-8 (RFC 3629): the shortest form of each character, no
 * surrogates, nothing above U+10FFFF.
 */
bool span_is_utf8(struct span s);

/*
 * span_is_name(s):
 * Say whether ${s} may be echoed to a client: 1 to 64 of letters, digits and
 * . _ - + @.
 */
bool span_is_name(struct span s);

/*
 * span_is_host(s):
 * Say whether ${s} can stand behind the @ of a msg-id: 1 to 255 of letters,
 * digits, dots and hyphens.
 */
bool span_is_host(struct span s);

/*
 * span_copy(s, out, size):
 * Copy ${s} to ${out} with a NUL behind it.  Returns 0, or -1 with errno
 * ENAMETOOLONG if it does not fit ${size} octets or EINVAL if it holds NUL;
 * ${out} is then empty.
 */
int span_copy(struct span s, char *out, size_t size);

/*
 * span_wipe(p, n):
 * Overwrite the ${n} octets at ${p}.  The compiler cannot leave it out; copies
 * that the C library, the kernel or a register still hold are out of reach.
 */
void span_wipe(void *p, size_t n);

#endif
