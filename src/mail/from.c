/* SPDX-License-Identifier: ISC */
/*
 * From_ lines: `From sender date', the date as asctime(3) prints it, with the
 * zones and the remote host that some agents add.  The line may be of any
 * length; its last words decide.
 */
#include "config.h"

#include <string.h>

#include "base/span.h"
#include "mail/from.h"

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

/* Add an octet to the word in hand, or begin one with it. */
static void
add(struct from *from, char c)
{
	struct from_word *word;

	from->words += !from->inside;
	word = &from->word[(from->words - 1) % FROM_WORDS];
	if (!from->inside)
		word->n = 0;
	from->inside = true;
	if (word->n < FROM_WORD)
		word->s[word->n] = c;
	if (word->n <= FROM_WORD)
		word->n++;
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
	for (size_t i = 0; i < n && !is_hopeless(from); i++) {
		/* Only the CR right before the line end is not of the line. */
		if (from->cr)
			add(from, '\r');
		from->cr = p[i] == '\r';
		if (is_blank(p[i]))
			from->inside = false;
		else if (!from->cr)
			add(from, p[i]);
	}
}

/* The word ${i} from the end; empty where it is too long to mean something, or
 * where it would be the From at the begin of the line. */
static struct span
word_of(const struct from *from, unsigned i)
{
	const struct from_word *word =
	    &from->word[(from->words - 1 - i) % FROM_WORDS];

	if (i + 1 >= from->words || word->n > FROM_WORD)
		return (struct span){ NULL, 0 };
	return (struct span){ word->s, word->n };
}

static bool
is_number(struct span s, uint64_t least, uint64_t most)
{
	uint64_t value = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(s.p[i] - '0');
	}
	return s.n > 0 && value >= least && value <= most;
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

	/* Twelve questions for each message would be too many. */
	for (size_t i = 0; i + 3 < sizeof(names); i += 3)
		if (s.n == 3 && ((names[i] ^ *s.p) & ~0x20) == 0 &&
		    span_equal_nocase(s, (struct span){ names + i, 3 }))
			return true;
	return false;
}

/* Mmm d hh:mm[:ss] [zone] yyyy [zone], with ${skip} words behind it.  What is
 * before it, a day's name or not, belongs to the sender's any run. */
static bool
is_date(const struct from *from, unsigned skip)
{
	unsigned i = skip;

	if (!is_year(word_of(from, i)) && !is_zone(word_of(from, i++)))
		return false;
	if (!is_year(word_of(from, i++)))
		return false;
	if (is_zone(word_of(from, i)))
		i++;
	return is_time(word_of(from, i)) &&
	    word_of(from, i + 1).n <= 2 &&
	    is_number(word_of(from, i + 1), 1, 31) &&
	    is_month(word_of(from, i + 2));
}

bool
from_end(struct from *from, bool ended)
{
	if (from->cr && !ended)
		add(from, '\r');
	if (!from->inside)
		return false;
	if (span_equal(word_of(from, 1), SPAN("from")) &&
	    span_equal(word_of(from, 2), SPAN("remote")))
		return is_date(from, 3);
	return is_date(from, 0);
}

bool
from_is_usual(const char *p, size_t n)
{
	static const char form[] = "Mmm ?0 00:00:00 0000";
	const size_t date = sizeof(form) - 1;
	const char *d;

	n -= n > 0 && p[n - 1] == '\r';
	if (n < sizeof("From ") + date || memcmp(p, "From ", 5) != 0)
		return false;
	d = p + n - date;
	for (size_t i = 3; i < date; i++)
		if (form[i] == '0' ? d[i] < '0' || d[i] > '9' :
		    form[i] != '?' && d[i] != form[i])
			return false;
	return is_blank(d[-1]) && is_month((struct span){ d, 3 }) &&
	    is_number((struct span){ d + 5 - (d[4] != ' '),
	    1u + (d[4] != ' ') }, 1, 31) && is_time((struct span){ d + 7, 8 });
}
