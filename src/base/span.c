/* SPDX-License-Identifier: ISC */
/*
 * Counted octets: comparing, cutting, reading numbers, wiping.  No locale: a
 * letter is an ASCII letter wherever dewey runs.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include <nettle/memops.h>

#include "base/limits.h"
#include "base/span.h"

struct span
span_of(const char *s)
{
	return (struct span){ s, s == NULL ? 0 : strlen(s) };
}

bool
span_equal(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool
span_equal_nocase(struct span a, struct span b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

bool
span_equal_secret(struct span a, struct span b)
{
	return a.n == b.n && nettle_memeql_sec(a.p, b.p, a.n) != 0;
}

struct span
span_trim(struct span s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

struct span
span_cut(struct span *rest, char separator)
{
	struct span taken = *rest;
	const char *at = NULL;

	if (rest->n > 0)
		at = memchr(rest->p, separator, rest->n);
	if (at == NULL) {
		*rest = (struct span){ NULL, 0 };
		return taken;
	}
	taken.n = (size_t)(at - taken.p);
	rest->p = at + 1;
	rest->n -= taken.n + 1;
	return taken;
}

int
span_choice(const char *list, struct span word)
{
	struct span rest = span_of(list);

	for (int i = 0; rest.p != NULL; i++)
		if (span_equal(span_cut(&rest, '|'), word))
			return i;
	return -1;
}

int
span_number(struct span s, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;
	bool fits = true;

	for (size_t i = 0; i < s.n; i++) {
		uint64_t digit = (uint64_t)s.p[i] - '0';

		if (digit > 9) {
			errno = EINVAL;
			return -1;
		}
		fits = fits && value <= (UINT64_MAX - digit) / 10;
		value = value * 10 + digit;
	}
	if (s.n == 0 || !fits || value > max) {
		errno = s.n == 0 ? EINVAL : ERANGE;
		return -1;
	}
	*out = value;
	return 0;
}

struct span
span_digits(uint64_t n, char digits[SPAN_DIGITS])
{
	size_t at = SPAN_DIGITS;

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	return (struct span){ digits + at, SPAN_DIGITS - at };
}

bool
span_has_control(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return true;
	return false;
}

bool
span_is_utf8(struct span s)
{
	/* What leads a character, how many octets follow, and from where to
	 * where the first of these may be (RFC 3629 s4). */
	static const struct {
		unsigned char from, to, more, least, most;
	} leads[] = {
		{ 0x00, 0x7f, 0, 0, 0 }, { 0xc2, 0xdf, 1, 0x80, 0xbf },
		{ 0xe0, 0xe0, 2, 0xa0, 0xbf }, { 0xe1, 0xec, 2, 0x80, 0xbf },
		{ 0xed, 0xed, 2, 0x80, 0x9f }, { 0xee, 0xef, 2, 0x80, 0xbf },
		{ 0xf0, 0xf0, 3, 0x90, 0xbf }, { 0xf1, 0xf3, 3, 0x80, 0xbf },
		{ 0xf4, 0xf4, 3, 0x80, 0x8f },
	};
	const unsigned char *p = (const unsigned char *)s.p;
	size_t kinds = sizeof(leads) / sizeof(leads[0]), at = 0, kind;

	while (at < s.n) {
		for (kind = 0; kind < kinds && (p[at] < leads[kind].from ||
		    p[at] > leads[kind].to); kind++)
			continue;
		if (kind == kinds || s.n - at <= leads[kind].more)
			return false;
		at++;
		for (size_t i = 0; i < leads[kind].more; i++, at++)
			if (p[at] < (i == 0 ? leads[kind].least : 0x80) ||
			    p[at] > (i == 0 ? leads[kind].most : 0xbf))
				return false;
	}
	return true;
}

/* Whether ${s} consists of ASCII letters, digits and ${others}. */
static bool
is_made_of(struct span s, const char *others)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = lower(s.p[i]);

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
		    (c == '\0' || strchr(others, c) == NULL))
			return false;
	}
	return true;
}

bool
span_is_name(struct span s)
{
	return s.n >= 1 && s.n <= LIMITS_NAME && is_made_of(s, "._-+@");
}

bool
span_is_host(struct span s)
{
	return s.n >= 1 && s.n <= LIMITS_HOST && is_made_of(s, ".-");
}

int
span_copy(struct span s, char *out, size_t size)
{
	if (size > 0)
		out[0] = '\0';
	if (s.n >= size) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (s.n > 0 && memchr(s.p, '\0', s.n) != NULL) {
		errno = EINVAL;
		return -1;
	}
	if (s.n > 0)
		memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return 0;
}

void
span_wipe(void *p, size_t n)
{
	explicit_bzero(p, n);
}
