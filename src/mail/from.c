/* SPDX-License-Identifier: ISC */
/*
 * From_ lines: `From sender date', the date as asctime(3) prints it, with what
 * some agents add, or as a header field has it.  The line may be of any length:
 * it is read word by word, and what is kept is how far it goes along each form.
 */
#include "config.h"

#include <string.h>

#include "base/span.h"
#include "mail/from.h"

/*
 * The forms of a From_ line, word by word, as the page mbox(5) of qmail and of
 * mutt, c-client and Dovecot have them.  A letter is a kind of word, see
 * what_is; behind it a ? says that the word may be missing, a * that there may
 * be any number of them.  Behind the date may be anything only where before it
 * is one word and a day's name: so does no prose begin.
 */
static const char *const forms[FROM_FORMS] = {
	/* a@b Mon Jan  1 00:00:00 MET DST 2024 +0100, a@b Jan 1 00:00 2024 */
	"qx*mdtz?z?yz?",
	/* a Mon Jan  1 00:00:00 2024 remote from decvax */
	"qx*mdtz?z?yz?rfx",
	/* A B <a@b> Mon January 1 0:00:00 24 */
	"qx*wndsz?z?uz?",
	/* a@b Mon Jan  1 00:00:00 Europe 2024 and more, a at b ... */
	"qxwndhz?z?yx*", "qxaxwndhz?z?yx*", "qxwndsx?x?yx*", "qwndsz?z?yx*",
	/* a@b Mon, 1 Jan 2024 00:00:00 +0100 and more, a@b Mon, 1 Jan 24 ... */
	"qxwdnyhx*", "qxwdnusz?x?",
	/* a@b 2024-01-01 00:00:00 +01:00, a@b 2024-01-01T00:00:00Z */
	"qxisz?", "qxj",
};

/* The kind of word that the letter ${c} stands for; behind the last word. */
#define KIND(c) ((uint32_t)1 << ((c) - 'a'))
#define NO_WORD ((uint32_t)1 << 31)

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Whether ${s} looks like ${form}: a 0 there stands for a digit, a + for the
 * same or a minus, a ? for any octet, others for themselves. */
static bool
is_like(struct span s, const char *form)
{
	size_t i;

	for (i = 0; i < s.n && form[i] != '\0'; i++)
		if (form[i] == '0' ? s.p[i] < '0' || s.p[i] > '9' :
		    form[i] != '?' && s.p[i] != form[i] &&
		    (form[i] != '+' || s.p[i] != '-'))
			return false;
	return i == s.n && form[i] == '\0';
}

/* Whether the first three octets of ${s} are one of the ${names}, in upper or
 * lower case. */
static bool
is_named(struct span s, const char *names)
{
	for (; s.n >= 3 && *names != '\0'; names += 3)
		if ((((names[0] ^ s.p[0]) | (names[1] ^ s.p[1]) |
		    (names[2] ^ s.p[2])) & ~0x20) == 0)
			return true;
	return false;
}

static bool
is_month(struct span s)
{
	return is_named(s, "JanFebMarAprMayJunJulAugSepOctNovDec");
}

static bool
is_letters(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] | 0x20) < 'a' || (s.p[i] | 0x20) > 'z')
			return false;
	return true;
}

/* The kinds of word that ${s} is. */
static uint32_t
what_is(struct span s)
{
	static const struct {
		const char *form;
		uint32_t kinds;
	} words[] = {
		{ "From", KIND('q') },
		{ "at", KIND('a') },
		{ "remote", KIND('r') },
		{ "from", KIND('f') },
		{ "0", KIND('d') },
		{ "00", KIND('d') | KIND('u') },
		{ "0000", KIND('u') | KIND('y') },
		{ "0:00", KIND('h') },
		{ "00:00", KIND('h') | KIND('t') },
		{ "0:00:00", KIND('h') | KIND('s') },
		{ "00:00:00", KIND('h') | KIND('s') | KIND('t') },
		{ "+0000", KIND('z') },
		{ "+00:00", KIND('z') },
		{ "0000-00-00", KIND('i') },
		{ "0000-00-00T00:00:00", KIND('j') },
		{ "0000-00-00T00:00:00Z", KIND('j') },
		{ "0000-00-00T00:00:00+0000", KIND('j') },
		{ "0000-00-00T00:00:00+00:00", KIND('j') },
	};
	uint32_t kinds = KIND('x');

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (is_like(s, words[i].form))
			kinds |= words[i].kinds;
	if (is_letters(s)) {
		kinds |= s.n <= 5 ? KIND('z') : 0;
		kinds |= !is_month(s) ? 0 : s.n > 3 ? KIND('n') :
		    KIND('n') | KIND('m');
	}
	if ((s.n == 3 || is_like(s, "???,")) &&
	    is_named(s, "MonTueWedThuFriSatSun"))
		kinds |= KIND('w');
	return kinds;
}

/* One more word, of the ${kinds}, in a line that has the ${form} as far as the
 * places in it that are bits of ${at}.  Returns those behind the word. */
static uint32_t
step(const char *form, uint32_t at, uint32_t kinds)
{
	uint32_t next = 0;

	for (; at != 0; at &= at - 1) {
		unsigned i = (unsigned)__builtin_ctz(at);
		char c = form[i], how = c == '\0' ? c : form[i + 1];
		unsigned behind = how == '?' || how == '*' ? i + 2 : i + 1;

		if (behind > i + 1)
			at |= (uint32_t)1 << behind;
		if ((kinds & (c == '\0' ? NO_WORD : KIND(c))) != 0)
			next |= (uint32_t)1 << (how == '*' ? i : behind);
	}
	return next;
}

/* Go one word further in all forms.  Returns whether any still holds. */
static bool
go(struct from *from, uint32_t kinds)
{
	uint32_t any = 0;

	for (size_t i = 0; i < FROM_FORMS; i++)
		any |= from->at[i] = step(forms[i], from->at[i], kinds);
	from->inside = false;
	return any != 0;
}

static bool
end_word(struct from *from)
{
	return go(from, from->n > LIMITS_FROM_WORD ? KIND('x') :
	    what_is((struct span){ from->word, from->n }));
}

void
from_begin(struct from *from)
{
	for (size_t i = 0; i < FROM_FORMS; i++)
		from->at[i] = 1;
	from->kind = FROM_NONE;
	from->hopeless = from->inside = from->cr = false;
}

/* Add an octet to the word in hand, or begin one with it. */
static void
add(struct from *from, char c)
{
	if (!from->inside)
		from->n = 0;
	from->inside = true;
	if (from->n < LIMITS_FROM_WORD)
		from->word[from->n] = c;
	if (from->n <= LIMITS_FROM_WORD)
		from->n++;
}

void
from_feed(struct from *from, const char *p, size_t n)
{
	for (size_t i = 0; i < n && !from->hopeless; i++) {
		/* Only the CR right before the line end is not of the line. */
		if (from->cr)
			add(from, '\r');
		from->cr = p[i] == '\r';
		if (!is_blank(p[i])) {
			if (!from->cr)
				add(from, p[i]);
		} else if (from->inside) {
			from->hopeless = !end_word(from);
			/* The first word is From, or all hope was gone. */
			if (!from->hopeless)
				from->kind = FROM_BARE;
		}
	}
}

enum from_kind
from_end(struct from *from, bool ended)
{
	if (from->cr && !ended)
		add(from, '\r');
	if (from->inside && !from->hopeless)
		(void)end_word(from);
	return go(from, NO_WORD) ? FROM_DATED : from->kind;
}

/* The octets at ${p} as a number, the order of which does not matter. */
static uint64_t
eight(const char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

/* A date as asctime(3) writes it, and how far each octet may be from the one
 * here: a digit 9, those that are looked at by themselves as far as ASCII. */
static const char usual[] = "??? ?0 00:00:00 0000";
static const char most[] = "\177\177\177\0\177\11\0\11\11\0\11\11\0\11\11"
    "\0\11\11\11\11";

_Static_assert(sizeof(usual) == sizeof(most), "each octet has its limit");

/* Whether the octets at ${p} are in that form: eight of them are compared at a
 * time, and what is too far off carries into the highest bit of its octet. */
static bool
is_in_form(const char *p)
{
	static const uint8_t begins[] = { 0, 8, sizeof(usual) - 1 - 8 };
	const uint64_t low = 0x7f7f7f7f7f7f7f7fu;
	uint64_t over = 0;

	for (size_t i = 0; i < sizeof(begins); i++) {
		size_t at = begins[i];
		uint64_t off = eight(p + at) ^ eight(usual + at);

		over |= ((off & low) + (low - eight(most + at))) | off;
	}
	return (over & ~low) == 0;
}

bool
from_is_usual(const char *p, size_t n)
{
	static const char all[] = "\377\377\377\377\377\0\0\0";
	const size_t date = sizeof(usual) - 1;
	const char *d;

	n -= n > 0 && p[n - 1] == '\r';
	if (n < sizeof("From ") + date ||
	    ((eight(p) ^ eight("From ???")) & eight(all)) != 0)
		return false;
	d = p + n - date;
	return is_blank(d[-1]) && is_in_form(d) &&
	    is_month((struct span){ d, 3 }) &&
	    (d[4] == ' ' || (d[4] >= '0' && d[4] <= '9'));
}
