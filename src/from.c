/* SPDX-License-Identifier: ISC */
/*
 * From_ lines: `From sender date', the date as asctime(3) prints it, with the
 * zones and the remote host that some agents add.  The line may be of any
 * length; its last words decide.
 */
#include "config.h"

#include <string.h>

#include "from.h"
#include "span.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

void
from_begin(struct from *from)
{
	from->words = 0;
	from->inside = false;
	from->cr = false;
}

/* Add ${n} octets to the word in hand, or begin one with them. */
static void
add(struct from *from, const char *p, size_t n)
{
	unsigned k, room;

	if (!from->inside) {
		from->inside = true;
		from->word[from->words++ % FROM_WORDS].n = 0;
	}
	k = (unsigned)((from->words - 1) % FROM_WORDS);
	room = from->word[k].n > FROM_WORD ? 0 : FROM_WORD - from->word[k].n;
	if (n > room) {
		from->word[k].n = FROM_WORD + 1;
		return;
	}
	for (size_t i = 0; i < n; i++)
		from->word[k].s[from->word[k].n++] = p[i];
}

/* A line whose first word is not From is none, whatever follows. */
static bool
is_hopeless(const struct from *from)
{
	return from->words == 1 && !from->inside && (from->word[0].n != 4 ||
	    memcmp(from->word[0].s, "From", 4) != 0);
}

void
from_feed(struct from *from, const char *p, size_t n)
{
	for (size_t i = 0, end; i < n && !is_hopeless(from); i = end) {
		/* Only the CR right before the line end is not of the line. */
		if (from->cr)
			add(from, "\r", 1);
		from->cr = p[i] == '\r';
		end = i + 1;
		if (from->cr)
			continue;
		if (is_blank(p[i])) {
			from->inside = false;
			continue;
		}
		while (end < n && !is_blank(p[end]) && p[end] != '\r')
			end++;
		add(from, p + i, end - i);
	}
}

/* The word ${i} from the end; empty where it is too long to mean something, or
 * where it would be the From at the begin of the line. */
static struct span
from_word(const struct from *from, unsigned i)
{
	if (i + 1 >= from->words)
		return (struct span){ NULL, 0 };
	unsigned k = (unsigned)((from->words - 1 - i) % FROM_WORDS);
	if (from->word[k].n > FROM_WORD)
		return (struct span){ NULL, 0 };
	return (struct span){ from->word[k].s, from->word[k].n };
}

static bool
is_number(struct span s, uint64_t least, uint64_t most)
{
	uint64_t value;

	return span_number(s, most, &value) == 0 && value >= least;
}

static bool
is_year(struct span s)
{
	return s.n == 4 && is_number(s, 0, 9999);
}

static bool
is_zone(struct span s)
{
	if (s.n == 5 && (s.p[0] == '+' || s.p[0] == '-'))
		return is_number((struct span){ s.p + 1, 4 }, 0, 9999);
	for (size_t i = 0; i < s.n; i++)
		if (!(s.p[i] >= 'A' && s.p[i] <= 'Z') &&
		    !(s.p[i] >= 'a' && s.p[i] <= 'z'))
			return false;
	return s.n >= 1 && s.n <= 5;
}

static bool
is_time(struct span s)
{
	if (s.n != 5 && s.n != 8)
		return false;
	return is_number((struct span){ s.p, 2 }, 0, 23) && s.p[2] == ':' &&
	    is_number((struct span){ s.p + 3, 2 }, 0, 59) && (s.n == 5 ||
	    (s.p[5] == ':' && is_number((struct span){ s.p + 6, 2 }, 0, 60)));
}

static bool
is_month(struct span s)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (size_t i = 0; i + 3 < sizeof(names); i += 3)
		if (span_equal_nocase(s, (struct span){ names + i, 3 }))
			return true;
	return false;
}

/* Mmm d hh:mm[:ss] [zone] yyyy [zone], with ${skip} words behind it.  What is
 * before it, a day's name or not, belongs to the sender's any run. */
static bool
is_date(const struct from *from, unsigned skip)
{
	unsigned i = skip;

	if (!is_year(from_word(from, i)) && !is_zone(from_word(from, i++)))
		return false;
	if (!is_year(from_word(from, i++)))
		return false;
	if (is_zone(from_word(from, i)))
		i++;
	return is_time(from_word(from, i)) &&
	    from_word(from, i + 1).n <= 2 &&
	    is_number(from_word(from, i + 1), 1, 31) &&
	    is_month(from_word(from, i + 2));
}

bool
from_end(struct from *from, bool ended)
{
	if (from->cr && !ended)
		add(from, "\r", 1);
	if (!from->inside)
		return false;
	if (span_equal(from_word(from, 1), SPAN("from")) &&
	    span_equal(from_word(from, 2), SPAN("remote")))
		return is_date(from, 3);
	return is_date(from, 0);
}
