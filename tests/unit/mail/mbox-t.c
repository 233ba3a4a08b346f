/* SPDX-License-Identifier: ISC */
/*
 * The mbox room: message records, refusals and TOP, each row fed whole, octet by
 * octet and cut in two at every point (DESIGN section 5).  mbox-strings-t.c
 * does it with all short strings.
 */
#include "unit/unit.h"

#include <errno.h>

#include "mail/mbox.h"

#define FROM "From a Mon Jan  1 00:00:00 2024"
#define F FROM "\n"
#define FN (sizeof(F) - 1)
#define MAX 8

/* What a scan yielded. */
struct scan {
	int result;
	uint64_t at;		/* where a refused line begins */
	size_t n;
	struct mbox_message message[MAX];
};

static int
collect(void *to, const struct mbox_message *message)
{
	struct scan *scan = to;

	if (scan->n < MAX)
		scan->message[scan->n] = *message;
	scan->n++;
	return 0;
}

/* Scan ${n} octets, the first ${cut} fed apart; ${step}: in pieces. */
static struct scan
scan(const char *p, size_t n, size_t cut, size_t step)
{
	struct scan scan = { 0 };
	struct mbox mbox;

	mbox_begin(&mbox, 0, collect, &scan);
	scan.result = mbox_feed(&mbox, p, cut);
	for (size_t i = cut; i < n && scan.result == 0; i += step)
		scan.result = mbox_feed(&mbox, p + i,
		    n - i < step ? n - i : step);
	if (scan.result == 0)
		scan.result = mbox_end(&mbox);
	scan.at = mbox.at;
	if (scan.result == -1 && errno != EBADMSG)
		fail_msg("errno is %d", errno);
	return scan;
}

static bool
same(const struct scan *a, const struct scan *b)
{
	if (a->result != b->result || a->n != b->n ||
	    (a->result != 0 && a->at != b->at))
		return false;
	for (size_t i = 0; i < a->n && i < MAX; i++) {
		const struct mbox_message *x = &a->message[i];
		const struct mbox_message *y = &b->message[i];

		if (x->offset != y->offset || x->text != y->text ||
		    x->end != y->end || x->octets != y->octets ||
		    x->separator != y->separator)
			return false;
	}
	return true;
}

struct row {
	const char *what;
	const char *octets;
	size_t n;
	struct scan expected;
};

#define OCTETS(literal) literal, sizeof(literal) - 1
/* One message: offset, text, end, octets, separator. */
#define M(...) { __VA_ARGS__ }
#define YIELDS(count, ...) { 0, 0, count, { __VA_ARGS__ } }
#define NOTHING { 0, 0, 0, { { 0 } } }
#define REFUSED(at) { -1, at, 0, { { 0 } } }

static const struct row rows[] = {
	/* The worked examples of DESIGN section 5. */
	{ "header, body, separator", OCTETS(F "Subject: a\n\nbody\n\n"),
	    YIELDS(1, M(0, FN, FN + 18, 20, 1)) },
	{ "the only empty line is the header's end, at the end of the file",
	    OCTETS(F "Subject: a\n\n"), YIELDS(1, M(0, FN, FN + 12, 14, 0)) },
	{ "the only empty line is the header's end, before a From_ line",
	    OCTETS(F "Subject: a\n\n" F),
	    YIELDS(2, M(0, FN, FN + 12, 14, 0),
	    M(FN + 12, 2 * FN + 12, 2 * FN + 12, 0, 0)) },
	{ "no line end at the end", OCTETS(F "Subject: a\n\nbody"),
	    YIELDS(1, M(0, FN, FN + 16, 20, 0)) },
	{ "a header only", OCTETS(F "Subject: a\n"),
	    YIELDS(1, M(0, FN, FN + 11, 12, 0)) },
	{ "nothing behind the From_ line", OCTETS(F),
	    YIELDS(1, M(0, FN, FN, 0, 0)) },

	{ "the empty file", OCTETS(""), NOTHING },
	{ "an empty line", OCTETS("\n"), NOTHING },
	{ "empty lines of both kinds", OCTETS("\n\r\n\n"), NOTHING },
	{ "empty lines before the first message belong to nobody",
	    OCTETS("\n\r\n" F "a\n"),
	    YIELDS(1, M(3, FN + 3, FN + 5, 3, 0)) },
	{ "a From_ line without a line end", OCTETS(FROM),
	    YIELDS(1, M(0, FN - 1, FN - 1, 0, 0)) },
	{ "a CR at the end of the file is an octet of the year",
	    OCTETS(F "a\n\n" FROM "\r"), YIELDS(1, M(0, FN,
	    2 * FN + 3, FN + 7, 0)) },
	{ "at the begin of the file that is no matter", OCTETS(FROM "\r"),
	    YIELDS(1, M(0, FN, FN, 0, 0)) },
	{ "a From_ line with CR LF", OCTETS(FROM "\r\n"),
	    YIELDS(1, M(0, FN + 1, FN + 1, 0, 0)) },
	{ "two CRs before the LF", OCTETS("\n" FROM "\r\r\n"), REFUSED(1) },
	{ "at the begin any line that begins like one",
	    OCTETS("From here on\na\n"), YIELDS(1, M(0, 13, 15, 3, 0)) },
	{ "... and only there", OCTETS("From here on\n\nFrom there on\n"),
	    YIELDS(1, M(0, 13, 28, 17, 0)) },

	{ "text before the first From_ line", OCTETS("x\n" F), REFUSED(0) },
	{ "text behind empty lines", OCTETS("\n\r\nx\n"), REFUSED(3) },
	{ "a line that is almost a From_ line", OCTETS("\nFrom me\n\n" F),
	    REFUSED(1) },
	{ "a CR alone", OCTETS("\r"), REFUSED(0) },
	{ "a CR behind an empty line", OCTETS("\n\r"), REFUSED(1) },
	{ "two CRs are no empty line", OCTETS("\n\r\r\n"), REFUSED(1) },
	{ "a CR before the From_ line", OCTETS("\n\r" F), REFUSED(1) },
	{ "a NUL", OCTETS("\0"), REFUSED(0) },

	{ "CR LF are the line end", OCTETS(F "a\r\n\r\nb\r\n\r\n"),
	    YIELDS(1, M(0, FN, FN + 10, 8, 2)) },
	{ "LF and CR LF mixed", OCTETS(F "a\r\n\nb\n\r\n" F "c\n"),
	    YIELDS(2, M(0, FN, FN + 8, 8, 2),
	    M(FN + 8, 2 * FN + 8, 2 * FN + 10, 3, 0)) },
	{ "only the CR right before the LF belongs to the line end",
	    OCTETS(F "a\r\r\n\r\r\n"),
	    YIELDS(1, M(0, FN, FN + 7, 7, 0)) },
	{ "a CR at the end of the file is an octet", OCTETS(F "a\n\n\r"),
	    YIELDS(1, M(0, FN, FN + 4, 8, 0)) },
	{ "a CR inside a line", OCTETS(F "a\rb\n"),
	    YIELDS(1, M(0, FN, FN + 4, 5, 0)) },
	{ "NULs are octets", OCTETS(F "\0\n\0\n\n"),
	    YIELDS(1, M(0, FN, FN + 5, 8, 0)) },

	{ "the body is empty, the separator is there", OCTETS(F "a\n\n\n"),
	    YIELDS(1, M(0, FN, FN + 4, 5, 1)) },
	{ "of many empty lines one is the separator",
	    OCTETS(F "a\n\n\n\n\n" F),
	    YIELDS(2, M(0, FN, FN + 6, 9, 1),
	    M(FN + 6, 2 * FN + 6, 2 * FN + 6, 0, 0)) },
	{ "no header: the first line is empty", OCTETS(F "\nbody\n\n"),
	    YIELDS(1, M(0, FN, FN + 7, 8, 1)) },
	{ "an empty line is all there is", OCTETS(F "\n" F),
	    YIELDS(2, M(0, FN, FN + 1, 2, 0),
	    M(FN + 1, 2 * FN + 1, 2 * FN + 1, 0, 0)) },
	{ "two empty lines are all there is", OCTETS(F "\n\n"),
	    YIELDS(1, M(0, FN, FN + 2, 2, 1)) },

	{ "no blank line before it: it is text", OCTETS(F "a\n" F "b\n\n" F),
	    YIELDS(2, M(0, FN, 2 * FN + 5, FN + 1 + 8, 0),
	    M(2 * FN + 5, 3 * FN + 5, 3 * FN + 5, 0, 0)) },
	{ "a From_ line right behind a From_ line is text", OCTETS(F F),
	    YIELDS(1, M(0, FN, 2 * FN, FN + 1, 0)) },
	{ "a blank line and a line that begins with From",
	    OCTETS(F "a\n\nFrom here on\n\n"),
	    YIELDS(1, M(0, FN, FN + 17, 19, 1)) },
	{ "a blank line and a line that is F", OCTETS(F "a\n\nF"),
	    YIELDS(1, M(0, FN, FN + 4, 8, 0)) },
	{ "a blank line and a cut From_ line at the end of the file",
	    OCTETS(F "a\n\nb\n\nFrom a Mon Jan  1 00:00:00 202"),
	    YIELDS(1, M(0, FN, FN + 36, 42, 0)) },
	{ "a blank line and a quoted From_ line", OCTETS(F "a\n\n>" F "\n"),
	    YIELDS(1, M(0, FN, 2 * FN + 5, FN + 7, 1)) },
	{ "a line of a blank is not empty", OCTETS(F "a\n \n" F),
	    YIELDS(1, M(0, FN, 2 * FN + 4, FN + 7, 0)) },
	{ "Content-Length is not believed",
	    OCTETS(F "Content-Length: 99\n\na\n\n" F "b\n"),
	    YIELDS(2, M(0, FN, FN + 23, 25, 1),
	    M(FN + 23, 2 * FN + 23, 2 * FN + 25, 3, 0)) },
};

/* Every row, however it is cut. */
static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		struct scan got = scan(row->octets, row->n, row->n, 1);

		ROW(row->what, same(&got, &row->expected));
		for (size_t cut = 0; cut <= row->n; cut++) {
			got = scan(row->octets, row->n, cut, row->n);
			ROW(row->what, same(&got, &row->expected));
		}
		for (size_t step = 1; step < 5; step++) {
			got = scan(row->octets, row->n, 0, step);
			ROW(row->what, same(&got, &row->expected));
		}
	}
}

/* A scan may begin at a message inside a file. */
static void
test_offset(void **state)
{
	static const char text[] = F "a\n\nb\n\n" F;
	const uint64_t far = (uint64_t)5 << 32;
	struct scan got = { 0 };
	struct mbox mbox;

	(void)state;
	mbox_begin(&mbox, far, collect, &got);
	assert_int_equal(mbox_feed(&mbox, text, sizeof(text) - 1), 0);
	assert_int_equal(mbox_end(&mbox), 0);
	assert_int_equal(got.n, 2);
	assert_int_equal(got.message[0].offset, far);
	assert_int_equal(got.message[0].text, far + FN);
	assert_int_equal(got.message[0].end, far + FN + 6);
	assert_int_equal(got.message[0].octets, 8);
	assert_int_equal(got.message[1].offset, far + FN + 6);
	assert_int_equal(got.message[1].end, far + sizeof(text) - 1);
	assert_int_equal(mbox.at, far + sizeof(text) - 1);
}

static int
end_at_second(void *to, const struct mbox_message *message)
{
	(void)message;
	return ++*(int *)to == 2 ? 42 : 0;
}

/* What yield returns ends the scan and is returned. */
static void
test_yield_ends(void **state)
{
	static const char text[] = F "\n" F "\n" F "\n" F;
	struct mbox mbox;
	int seen = 0;

	(void)state;
	mbox_begin(&mbox, 0, end_at_second, &seen);
	assert_int_equal(mbox_feed(&mbox, text, sizeof(text) - 1), 42);
	assert_int_equal(seen, 2);
	seen = 1;
	mbox_begin(&mbox, 0, end_at_second, &seen);
	assert_int_equal(mbox_feed(&mbox, F, FN), 0);
	assert_int_equal(mbox_end(&mbox), 42);
}

/* What was refused stays refused. */
static void
test_refused_stays(void **state)
{
	struct scan got = { 0 };
	struct mbox mbox;

	(void)state;
	mbox_begin(&mbox, 0, collect, &got);
	assert_int_equal(mbox_feed(&mbox, "\nx", 2), -1);
	assert_int_equal(mbox.state, MBOX_REFUSED);
	assert_int_equal(mbox.at, 1);
	errno = 0;
	assert_int_equal(mbox_feed(&mbox, "\n" F, FN + 1), -1);
	assert_int_equal(errno, EBADMSG);
	assert_int_equal(mbox.at, 1);
	assert_int_equal(mbox_end(&mbox), -1);
	assert_int_equal(mbox.at, 1);
	assert_int_equal(got.n, 0);
}

static uint64_t
reach(void *to, uint64_t text)
{
	(void)to;
	/* The second message says no word. */
	return text == FN ? 2 * FN + 4 : 0;
}

/* Before the offset that is told no further message begins. */
static void
test_until(void **state)
{
	static const char text[] = F "a\n\n" F "b\n\n" F "c\n\n" F "d\n";
	static const uint64_t begins[] = { 0, FN + 3, 2 * FN + 6, 3 * FN + 9 };

	(void)state;
	for (uint64_t until = 0; until < sizeof(text) + 2; until++)
		for (size_t cut = 0; cut < sizeof(text); cut++) {
			struct scan got = { 0 };
			struct mbox mbox;
			size_t n = 0;

			mbox_begin(&mbox, 0, collect, &got);
			mbox_skip(&mbox, until);
			assert_int_equal(mbox_feed(&mbox, text, cut), 0);
			assert_int_equal(mbox_feed(&mbox, text + cut,
			    sizeof(text) - 1 - cut), 0);
			assert_int_equal(mbox_end(&mbox), 0);
			for (size_t i = 0; i < COUNT(begins); i++)
				if (i == 0 || begins[i] >= until)
					assert_int_equal(
					    got.message[n++].offset,
					    begins[i]);
			assert_int_equal(got.n, n);
		}
	{
		struct scan got = { 0 };
		struct mbox mbox;

		mbox_begin(&mbox, 0, collect, &got);
		mbox_ask(&mbox, reach);
		assert_int_equal(mbox_feed(&mbox, text, sizeof(text) - 1), 0);
		assert_int_equal(mbox_end(&mbox), 0);
		assert_int_equal(got.n, 3);
		assert_int_equal(got.message[1].offset, begins[2]);
		/* Stored lines are counted whether they may begin one or not. */
		assert_int_equal(got.message[0].octets, 3 + 2 + FN + 1 + 3);
	}
}

/* A line of tests/data/from-lines, alone and where a message may begin. */
static void
check_from_line(char *line, const char *reason)
{
	bool taken = line[0] == '+';
	char text[1024] = F "a\n\nb\n\n";
	size_t n = unit_unescape(line), begin = strlen(text);
	struct scan got;

	/* Its sign, and who takes it, stand before the line. */
	ROW(reason, n >= 8 && line[1] == ' ' && line[7] == ' ');
	line += 8;
	n -= 8;
	memcpy(text + begin, line, n);
	memcpy(text + begin + n, "\nc\n", 3);
	got = scan(text, begin + n + 3, begin + n + 3, 1);
	ROW(reason, got.result == 0 && got.n == (taken ? 2 : 1));
	ROW(reason, !taken || got.message[1].offset == begin);
	got = scan(text + begin, n + 3, n + 3, 1);
	/* At the begin of the file any line that begins so is one. */
	ROW(reason, got.result == (taken || (n > 4 && memcmp(line, "From",
	    4) == 0 && (line[4] == ' ' || line[4] == '\t')) ? 0 : -1));
	/* Without a blank line before it no line is a From_ line. */
	memmove(text + begin - 1, text + begin, n + 3);
	got = scan(text, begin + n + 2, begin + n + 2, 1);
	ROW(reason, got.result == 0 && got.n == 1);
}

static void
test_from_lines(void **state)
{
	FILE *file = unit_data("from-lines");
	char line[512], reason[512] = "";
	size_t seen[2] = { 0, 0 };

	(void)state;
	while (fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '+' || line[0] == '-') {
			seen[line[0] == '+']++;
			check_from_line(line, reason);
		} else {
			memcpy(reason, line, sizeof(reason));
		}
	}
	(void)fclose(file);
	assert_true(seen[0] >= 60);
	assert_true(seen[1] >= 60);
}

/* How many octets TOP sends: stored octets of a message without its From_
 * line. */
static const struct {
	const char *what;
	const char *octets;
	size_t n;
	uint64_t lines;
	size_t sent;
} tops[] = {
	{ "no lines: header and empty line", OCTETS("a\n\nb\nc\n"), 0, 3 },
	{ "one line", OCTETS("a\n\nb\nc\n"), 1, 5 },
	{ "all lines", OCTETS("a\n\nb\nc\n"), 2, 7 },
	{ "more lines than there are", OCTETS("a\n\nb\nc\n"), 3, 7 },
	{ "as many lines as can be said", OCTETS("a\n\nb\nc\n"), UINT64_MAX, 7 },
	{ "CR LF", OCTETS("a\r\n\r\nb\r\nc\r\n"), 1, 8 },
	{ "no header: the empty line is the first", OCTETS("\nb\n"), 0, 1 },
	{ "the same with CR LF", OCTETS("\r\nb\n"), 0, 2 },
	{ "no empty line: all is header", OCTETS("a\nb\nc\n"), 0, 6 },
	{ "a header line without an end", OCTETS("a\nb"), 0, 3 },
	{ "a line of two CRs is not empty", OCTETS("a\n\r\r\nb\n\nc\n"), 0, 8 },
	{ "a CR in a line does not end it", OCTETS("a\rb\n\n\rc\nd\n"), 1, 8 },
	{ "a CR at the end of the file is no line end", OCTETS("a\n\r"), 0, 3 },
	{ "empty lines of the body are lines", OCTETS("a\n\n\n\nb\n"), 1, 4 },
	{ "and so is the second one", OCTETS("a\n\n\n\nb\n"), 2, 5 },
	{ "the last line without an end is a line", OCTETS("a\n\nb\nc"), 2, 6 },
	{ "it is not sent when it is not asked for", OCTETS("a\n\nb\nc"), 1, 5 },
	{ "NULs are octets", OCTETS("\0\n\n\0\n\0\n"), 1, 5 },
	{ "a line of NUL is not empty", OCTETS("\0\n\0"), 0, 3 },
	{ "a line of a blank is not empty", OCTETS("a\n \nb\n\nc\n"), 0, 7 },
	{ "nothing", OCTETS(""), 5, 0 },
};

static size_t
feed_top(const char *p, size_t n, uint64_t lines, size_t cut, size_t step)
{
	struct mbox_top top = { .lines = lines };
	size_t sent = mbox_top(&top, p, cut);

	if (sent < cut)
		return sent;
	for (size_t i = cut; i < n; i += step) {
		size_t part = n - i < step ? n - i : step;
		size_t now = mbox_top(&top, p + i, part);

		sent += now;
		if (now < part)
			break;
	}
	return sent;
}

static void
test_top(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(tops); i++) {
		const char *p = tops[i].octets;
		size_t n = tops[i].n;

		for (size_t cut = 0; cut <= n; cut++)
			ROW(tops[i].what, feed_top(p, n, tops[i].lines, cut,
			    n + 1) == tops[i].sent);
		for (size_t step = 1; step < 4; step++)
			ROW(tops[i].what, feed_top(p, n, tops[i].lines, 0,
			    step) == tops[i].sent);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_offset),
		cmocka_unit_test(test_yield_ends),
		cmocka_unit_test(test_refused_stays),
		cmocka_unit_test(test_until),
		cmocka_unit_test(test_from_lines),
		cmocka_unit_test(test_top),
	};

	return cmocka_run_group_tests_name("mbox", tests, NULL, NULL);
}
