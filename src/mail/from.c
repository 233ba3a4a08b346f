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
	word = &from->word[(from->words - 1) % LIMITS_FROM_WORDS];
	if (!from->inside)
		word->n = 0;
	from->inside = true;
	if (word->n < LIMITS_FROM_WORD)
		word->s[word->n] = c;
	if (word->n <= LIMITS_FROM_WORD)
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
	    &from->word[(from->words - 1 - i) % LIMITS_FROM_WORDS];

	if (i + 1 >= from->words || word->n > LIMITS_FROM_WORD)
		return (struct span){ NULL, 0 };
	return (struct span){ word->s, word->n };
}

/* Whether ${s} looks like ${form}: a 0 there stands for a digit, a ? for any
 * octet, others for themselves. */
static bool
is_like(struct span s, const char *form)
{
	size_t i;

	for (i = 0; i < s.n && form[i] != '\0'; i++)
		if (form[i] == '0' ? s.p[i] < '0' || s.p[i] > '9' :
		    form[i] != '?' && s.p[i] != form[i])
			return false;
	return i == s.n && form[i] == '\0';
}

static bool
is_zone(struct span s)
{
	if (is_like(s, "+0000") || is_like(s, "-0000"))
		return true;
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] | 0x20) < 'a' || (s.p[i] | 0x20) > 'z')
			return false;
	return s.n >= 1 && s.n <= 5;
}

/* Whether a clock may show ${s}, which is like 00:00 or 00:00:00. */
static bool
is_shown(struct span s)
{
	return (s.p[0] < '2' || (s.p[0] == '2' && s.p[1] < '4')) &&
	    s.p[3] < '6' && (s.n == 5 || s.p[6] < '6' ||
	    (s.p[6] == '6' && s.p[7] == '0'));
}

static bool
is_time(struct span s)
{
	return (is_like(s, "00:00") || is_like(s, "00:00:00")) && is_shown(s);
}

static bool
is_day(struct span s)
{
	if (is_like(s, "00"))
		return memcmp(s.p, "00", 2) > 0 && memcmp(s.p, "31", 2) <= 0;
	return is_like(s, "0") && *s.p != '0';
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

	if (!is_like(word_of(from, i), "0000") && !is_zone(word_of(from, i++)))
		return false;
	if (!is_like(word_of(from, i++), "0000"))
		return false;
	i += is_zone(word_of(from, i));
	return is_time(word_of(from, i)) && is_day(word_of(from, i + 1)) &&
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
	static const char form[] = "??? ?0 00:00:00 0000";
	const size_t date = sizeof(form) - 1;
	const char *d;

	n -= n > 0 && p[n - 1] == '\r';
	if (n < sizeof("From ") + date || memcmp(p, "From ", 5) != 0)
		return false;
	d = p + n - date;
	return is_blank(d[-1]) && is_like((struct span){ d, date }, form) &&
	    is_month((struct span){ d, 3 }) &&
	    is_day((struct span){ d + 5 - (d[4] != ' '),
	    1u + (d[4] != ' ') }) && is_shown((struct span){ d + 7, 8 });
}
