/* SPDX-License-Identifier: ISC */
/*
 * All strings of 0 to 6 octets over LF, CR, F, dot, NUL and x, alone and amid
 * From_ lines, blank lines and text, through the mbox room and through a
 * second, slow implementation of DESIGN section 5 that is written line by line
 * and knows nothing of the room's counting.  MBOX_STRINGS in the environment
 * is the longest string tried, for tools that slow the test down.
 */
#include "unit/unit.h"

#include <errno.h>

#include "mail/mbox.h"

#define FROM "From a Jan 1 00:00 2024"
#define LONGEST 6
#define LINES 64
#define MAX 16

/* What a mailbox is: its messages, or where the line is that makes it none. */
struct verdict {
	bool refused;
	uint64_t at;
	size_t n;
	struct mbox_message message[MAX];
};

/* ---- The second implementation. */

struct line {
	size_t begin, end;	/* without and... */
	size_t next;		/* ... with its line end */
	bool ended;
};

static bool
is_empty(const struct line *line)
{
	return line->ended && line->begin == line->end;
}

static size_t
split(const char *p, size_t n, struct line *lines)
{
	size_t count = 0;

	for (size_t at = 0; at < n; at = lines[count++].next) {
		struct line *line = &lines[count];

		assert_true(count < LINES);
		line->begin = line->end = at;
		while (line->end < n && p[line->end] != '\n')
			line->end++;
		line->ended = line->end < n;
		line->next = line->end + line->ended;
		if (line->ended && line->end > at && p[line->end - 1] == '\r')
			line->end--;
	}
	return count;
}

/* The words of a line, at blanks. */
struct words {
	size_t n;
	char word[32][32];	/* longer ones are cut: they mean nothing */
};

static void
split_words(const char *p, const struct line *line, struct words *words)
{
	size_t n = 0;

	memset(words, 0, sizeof(*words));
	for (size_t i = line->begin; i < line->end; i++) {
		char c = p[i];

		if (c == ' ' || c == '\t') {
			n = 0;
			continue;
		}
		if (n == 0)
			words->n++;
		assert_true(words->n <= 32);
		/* A NUL would end a word before its time. */
		if (n < 31)
			words->word[words->n - 1][n++] = c == '\0' ? '?' : c;
	}
}

static bool
has_shape(const char *word, const char *shape)
{
	if (strlen(word) != strlen(shape))
		return false;
	for (; *word != '\0'; word++, shape++)
		if (*shape == '9' ? *word < '0' || *word > '9' :
		    *shape == 'a' ? (*word | 32) < 'a' || (*word | 32) > 'z' :
		    *word != *shape)
			return false;
	return true;
}

static bool
is_zone(const char *word)
{
	return has_shape(word, "a") || has_shape(word, "aa") ||
	    has_shape(word, "aaa") || has_shape(word, "aaaa") ||
	    has_shape(word, "aaaaa") || has_shape(word, "+9999") ||
	    has_shape(word, "-9999");
}

/* Whether the words from ${i} on are [zone] yyyy [zone] [remote from host]. */
static bool
is_tail(const struct words *words, size_t i)
{
	for (size_t zones = 0; zones < 4; zones++)
		for (size_t remote = 0; remote <= 3; remote += 3) {
			size_t k = i, n = words->n;

			if (i + 1 + (zones & 1) + (zones >> 1) + remote != n ||
			    ((zones & 1) && !is_zone(words->word[k++])) ||
			    !has_shape(words->word[k++], "9999") ||
			    ((zones & 2) && !is_zone(words->word[k++])))
				continue;
			if (remote == 0 ||
			    (strcmp(words->word[k], "remote") == 0 &&
			    strcmp(words->word[k + 1], "from") == 0))
				return true;
		}
	return false;
}

/* The test's dates need no more than one month, and a day's name in none. */
static bool
is_from(const char *p, const struct line *line)
{
	struct words words;

	split_words(p, line, &words);
	if (line->begin == line->end || p[line->begin] != 'F' ||
	    strcmp(words.word[0], "From") != 0)
		return false;
	/* Where the file begins that is enough. */
	if (line->begin == 0 && line->end > 4 && p[4] == ' ')
		return true;
	for (size_t i = 1; i + 2 < words.n; i++)
		if (strcmp(words.word[i], "Jan") == 0 &&
		    (has_shape(words.word[i + 1], "9") ||
		    has_shape(words.word[i + 1], "99")) &&
		    (has_shape(words.word[i + 2], "99:99") ||
		    has_shape(words.word[i + 2], "99:99:99")) &&
		    is_tail(&words, i + 3))
			return true;
	return false;
}

/* The message whose From_ line is ${first} and that ends before ${last}. */
static struct mbox_message
measure(const struct line *lines, size_t first, size_t last)
{
	struct mbox_message m = { .offset = lines[first].begin,
	    .text = lines[first].next, .end = lines[last - 1].next };
	size_t header = first + 1;

	while (header < last && !is_empty(&lines[header]))
		header++;
	/* A further empty line at the end is not the message's. */
	if (last - 1 > header && is_empty(&lines[last - 1])) {
		last--;
		m.separator = (unsigned)(lines[last].next - lines[last].begin);
	}
	for (size_t i = first + 1; i < last; i++)
		m.octets += lines[i].end - lines[i].begin + 2;
	return m;
}

static void
judge(const char *p, size_t n, struct verdict *verdict)
{
	struct line lines[LINES];
	size_t count = split(p, n, lines), first = 0;

	memset(verdict, 0, sizeof(*verdict));
	while (first < count && is_empty(&lines[first]))
		first++;
	if (first == count)
		return;
	if (!is_from(p, &lines[first])) {
		verdict->refused = true;
		verdict->at = lines[first].begin;
		return;
	}
	for (size_t i = first + 1; i <= count; i++)
		if (i == count ||
		    (is_empty(&lines[i - 1]) && is_from(p, &lines[i]))) {
			assert_true(verdict->n < MAX);
			verdict->message[verdict->n++] =
			    measure(lines, first, i);
			first = i;
		}
}

/* ---- The mbox room. */

static int
collect(void *to, const struct mbox_message *message)
{
	struct verdict *verdict = to;

	if (verdict->n < MAX)
		verdict->message[verdict->n] = *message;
	verdict->n++;
	return 0;
}

/* Feed ${n} octets: ${cut}, then in pieces of ${step}. */
static void
feed(const char *p, size_t n, size_t cut, size_t step, struct verdict *verdict)
{
	struct mbox mbox;
	int result;

	memset(verdict, 0, sizeof(*verdict));
	mbox_begin(&mbox, 0, collect, verdict);
	result = mbox_feed(&mbox, p, cut);
	for (size_t i = cut; result == 0 && i < n; i += step)
		result = mbox_feed(&mbox, p + i, n - i < step ? n - i : step);
	if (result == 0)
		result = mbox_end(&mbox);
	if (result == -1)
		*verdict = (struct verdict){ .refused = errno == EBADMSG,
		    .at = mbox.at };
}

static void
show(const char *who, const struct verdict *verdict)
{
	print_error("%s: %s at %llu, %zu messages\n", who,
	    verdict->refused ? "refused" : "fine",
	    (unsigned long long)verdict->at, verdict->n);
	for (size_t i = 0; i < verdict->n && i < MAX; i++) {
		const struct mbox_message *m = &verdict->message[i];

		print_error("  offset %llu text %llu end %llu octets %llu "
		    "separator %u\n", (unsigned long long)m->offset,
		    (unsigned long long)m->text, (unsigned long long)m->end,
		    (unsigned long long)m->octets, m->separator);
	}
}

static bool
same(const struct verdict *a, const struct verdict *b)
{
	if (a->refused != b->refused || a->at != b->at || a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		const struct mbox_message *x = &a->message[i];
		const struct mbox_message *y = &b->message[i];

		if (x->offset != y->offset || x->text != y->text ||
		    x->end != y->end || x->octets != y->octets ||
		    x->separator != y->separator)
			return false;
	}
	return true;
}

static void
compare(const char *p, size_t n, size_t cut, size_t step,
    const struct verdict *expected)
{
	struct verdict got;

	feed(p, n, cut, step, &got);
	if (same(&got, expected))
		return;
	for (size_t i = 0; i < n; i++)
		print_error(p[i] > ' ' && p[i] < 0x7f ? "%c" : "\\x%02x", p[i]);
	print_error("\nfed %zu, then in pieces of %zu\n", cut, step);
	show("the room", &got);
	show("the test", expected);
	fail();
}

/* ---- All strings in one place. */

/* The ${k}-th string of ${n} octets. */
static void
make_string(char *p, size_t n, unsigned long k)
{
	static const char octets[] = "\n\rF.\0x";

	for (; n > 0; n--, k /= 6)
		p[n - 1] = octets[k % 6];
}

static size_t
longest(size_t most)
{
	const char *text = getenv("MBOX_STRINGS");
	size_t n = text == NULL ? LONGEST : (size_t)atoi(text);

	return n < most ? n : most;
}

/* Try every string between ${before} and ${behind}: whole, octet by octet, and
 * cut in two around each of its octets. */
static void
try_all(const char *before, const char *behind, size_t most)
{
	size_t head = strlen(before), tail = strlen(behind);
	char text[512];
	struct verdict expected;

	memcpy(text, before, head);
	most = longest(most);
	for (unsigned long k = 0, all = 1, n = 0; n <= most; all *= 6, k = 0,
	    n++)
		for (; k < all; k++) {
			size_t whole = head + n + tail;
			size_t from = head < 3 ? 0 : head - 3;

			make_string(text + head, n, k);
			memcpy(text + head + n, behind, tail);
			judge(text, whole, &expected);
			compare(text, whole, whole, 1, &expected);
			compare(text, whole, 0, 1, &expected);
			for (size_t cut = from; cut < whole &&
			    cut <= head + n + 3; cut++)
				compare(text, whole, cut, whole, &expected);
		}
}

static void
test_alone(void **state)
{
	(void)state;
	try_all("", "", 6);
}

static void
test_before_a_message(void **state)
{
	(void)state;
	try_all("", FROM "\na\n\nb\n", 6);
	try_all("\n", FROM "\r\n", 5);
	try_all("", "\n" FROM "\n\n", 5);
}

static void
test_as_a_message(void **state)
{
	(void)state;
	try_all(FROM "\n", "", 6);
	try_all(FROM "\r\n", "", 5);
	try_all(FROM, "", 6);
	try_all(FROM, FROM "\n", 5);
}

static void
test_before_the_next(void **state)
{
	(void)state;
	try_all(FROM "\n", FROM "\n", 6);
	try_all(FROM "\n", "\n" FROM "\na\n", 6);
	try_all(FROM "\n", "\r\n" FROM "\r\n\r\n", 5);
}

static void
test_behind_a_header(void **state)
{
	(void)state;
	try_all(FROM "\na\n\n", "", 6);
	try_all(FROM "\na\n\n", FROM "\n", 6);
	try_all(FROM "\na\n\nb", "\n" FROM "\n", 5);
	try_all(FROM "\r\na\r\n\r\nb\r\n", "\r\n" FROM "\n", 5);
}

static void
test_between_messages(void **state)
{
	(void)state;
	try_all(FROM "\na\n\nb\n\n" FROM "\nc\n", FROM "\nd\n\n\n", 5);
	try_all("\n\r\n" FROM "\n\n\n", "rom a Jan 1 00:00 2024\nd", 5);
	try_all(FROM "\n\n", "F\nFrom me\n\n", 5);
}

/* The string amid a From_ line. */
static void
test_in_a_from_line(void **state)
{
	(void)state;
	try_all(FROM "\n\nFrom ", " Jan 1 00:00 2024\n", 5);
	try_all(FROM "\n\nFrom a Jan 1 00:00 ", "\n\n", 5);
	try_all(FROM "\n\nFrom a Jan 1 00:00 2024 ", "\n\n", 5);
	try_all("From Jan ", "1 00:00 2024\n\n", 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alone),
		cmocka_unit_test(test_before_a_message),
		cmocka_unit_test(test_as_a_message),
		cmocka_unit_test(test_before_the_next),
		cmocka_unit_test(test_behind_a_header),
		cmocka_unit_test(test_between_messages),
		cmocka_unit_test(test_in_a_from_line),
	};

	return cmocka_run_group_tests_name("mbox_strings", tests, NULL, NULL);
}
