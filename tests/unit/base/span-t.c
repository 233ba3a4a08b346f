/* SPDX-License-Identifier: ISC */
/*
 * The span room: counted octets are compared, cut and read as numbers by their
 * count, never by a NUL, and without a locale.
 */
#include "unit/unit.h"

#include <errno.h>

#include "base/span.h"

/* A span that may hold NUL. */
#define OCTETS(literal) { (literal), sizeof(literal) - 1 }

static void
test_of(void **state)
{
	(void)state;
	assert_int_equal(span_of("abc").n, 3);
	assert_int_equal(span_of("").n, 0);
	assert_int_equal(span_of(NULL).n, 0);
	assert_int_equal(SPAN("a\0b").n, 3);
}

static void
test_equal(void **state)
{
	static const struct {
		const char *what;
		struct span a, b;
		bool equal, nocase;
	} rows[] = {
		{ "the same octets", OCTETS("STAT"), OCTETS("STAT"), true, true },
		{ "another case", OCTETS("STAT"), OCTETS("sTaT"), false, true },
		{ "nothing and nothing", { NULL, 0 }, OCTETS(""), true, true },
		{ "a prefix is not the whole", OCTETS("STA"), OCTETS("STAT"),
		    false, false },
		{ "nor if the rest is behind it in memory", { "STAT", 3 },
		    OCTETS("STAT"), false, false },
		{ "something is not nothing", OCTETS("STAT"), { "STAT", 0 },
		    false, false },
		{ "NUL is an octet, not an end", OCTETS("a\0b"), OCTETS("a\0c"),
		    false, false },
		{ "NUL equals NUL", OCTETS("a\0b"), OCTETS("A\0B"), false, true },
		{ "@ and ` differ by the case bit, but are no letters",
		    OCTETS("@"), OCTETS("`"), false, false },
		{ "[ and { are no letters", OCTETS("["), OCTETS("{"), false,
		    false },
		{ "letters outside ASCII have no case", OCTETS("\xc4"),
		    OCTETS("\xe4"), false, false },
		{ "the last octet counts", OCTETS("quit "), OCTETS("quit\t"),
		    false, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		ROW(rows[i].what,
		    span_equal(rows[i].a, rows[i].b) == rows[i].equal);
		ROW(rows[i].what,
		    span_equal(rows[i].b, rows[i].a) == rows[i].equal);
		ROW(rows[i].what, span_equal_secret(rows[i].a, rows[i].b) ==
		    rows[i].equal);
		ROW(rows[i].what, span_equal_nocase(rows[i].a, rows[i].b) ==
		    rows[i].nocase);
		ROW(rows[i].what, span_equal_nocase(rows[i].b, rows[i].a) ==
		    rows[i].nocase);
	}
}

/* Every octet has itself and, if it is a letter, one other. */
static void
test_every_octet(void **state)
{
	(void)state;
	for (int i = 0; i < 256; i++)
		for (int k = 0; k < 256; k++) {
			char a = (char)i, b = (char)k;
			bool letters = (i ^ k) == 0x20 && ((i | k) >= 'a' &&
			    (i | k) <= 'z');
			struct span x = { &a, 1 }, y = { &b, 1 };

			assert_int_equal(span_equal(x, y), i == k);
			assert_int_equal(span_equal_secret(x, y), i == k);
			assert_int_equal(span_equal_nocase(x, y),
			    i == k || letters);
		}
}

static void
test_trim(void **state)
{
	static const struct {
		const char *what;
		struct span s, expected;
	} rows[] = {
		{ "nothing to take away", OCTETS("a b"), OCTETS("a b") },
		{ "blanks and tabs on both sides", OCTETS(" \ta b\t "),
		    OCTETS("a b") },
		{ "only blanks", OCTETS(" \t "), OCTETS("") },
		{ "empty", OCTETS(""), OCTETS("") },
		{ "a CR is no blank", OCTETS(" a\r "), OCTETS("a\r") },
		{ "neither is a NUL", OCTETS(" \0 "), OCTETS("\0") },
		{ "nor a LF", OCTETS("\n"), OCTETS("\n") },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		ROW(rows[i].what,
		    span_equal(span_trim(rows[i].s), rows[i].expected));
	assert_int_equal(span_trim((struct span){ NULL, 0 }).n, 0);
}

static void
test_cut(void **state)
{
	static const struct {
		const char *what;
		struct span s, taken, rest;
		bool more;
	} rows[] = {
		{ "two parts", OCTETS("a:b"), OCTETS("a"), OCTETS("b"), true },
		{ "the first separator counts", OCTETS("a:b:c"), OCTETS("a"),
		    OCTETS("b:c"), true },
		{ "no separator", OCTETS("abc"), OCTETS("abc"), OCTETS(""),
		    false },
		{ "a separator at the end leaves an empty rest",
		    OCTETS("a:"), OCTETS("a"), OCTETS(""), true },
		{ "a separator at the begin", OCTETS(":a"), OCTETS(""),
		    OCTETS("a"), true },
		{ "nothing but the separator", OCTETS(":"), OCTETS(""),
		    OCTETS(""), true },
		{ "empty", OCTETS(""), OCTETS(""), OCTETS(""), false },
		{ "behind a NUL", OCTETS("a\0:b"), OCTETS("a\0"), OCTETS("b"),
		    true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct span rest = rows[i].s;

		ROW(rows[i].what,
		    span_equal(span_cut(&rest, ':'), rows[i].taken));
		ROW(rows[i].what, span_equal(rest, rows[i].rest));
		ROW(rows[i].what, (rest.p != NULL) == rows[i].more);
	}
	struct span rest = { NULL, 0 };
	assert_int_equal(span_cut(&rest, ':').n, 0);
	assert_null(rest.p);
}

static void
test_number(void **state)
{
	static const struct {
		const char *what;
		struct span s;
		uint64_t max;
		int error;
		uint64_t value;
	} rows[] = {
		{ "nought", OCTETS("0"), 10, 0, 0 },
		{ "leading zeros", OCTETS("000000000000000000000000000042"),
		    100, 0, 42 },
		{ "the limit itself", OCTETS("4294967295"), 4294967295u, 0,
		    4294967295u },
		{ "one beyond the limit", OCTETS("4294967296"), 4294967295u,
		    ERANGE, 0 },
		{ "2^32+1 is not message 1", OCTETS("4294967297"), 4294967295u,
		    ERANGE, 0 },
		{ "the largest number", OCTETS("18446744073709551615"),
		    UINT64_MAX, 0, UINT64_MAX },
		{ "2^64", OCTETS("18446744073709551616"), UINT64_MAX, ERANGE,
		    0 },
		{ "2^64+1 is not message 1", OCTETS("18446744073709551617"),
		    UINT64_MAX, ERANGE, 0 },
		{ "ten times the largest", OCTETS("184467440737095516150"),
		    UINT64_MAX, ERANGE, 0 },
		{ "forty digits",
		    OCTETS("1000000000000000000000000000000000000001"),
		    UINT64_MAX, ERANGE, 0 },
		{ "empty", OCTETS(""), 10, EINVAL, 0 },
		{ "a sign", OCTETS("+1"), 10, EINVAL, 0 },
		{ "less than nought", OCTETS("-1"), 10, EINVAL, 0 },
		{ "a blank before", OCTETS(" 1"), 10, EINVAL, 0 },
		{ "a blank behind", OCTETS("1 "), 10, EINVAL, 0 },
		{ "letters behind", OCTETS("1abc"), 10, EINVAL, 0 },
		{ "hexadecimal", OCTETS("0x1"), 10, EINVAL, 0 },
		{ "a fraction", OCTETS("1.0"), 10, EINVAL, 0 },
		{ "NUL is an octet, not an end", OCTETS("1\0"), 10, EINVAL, 0 },
		{ "what stands before the digits", OCTETS("/"), 10, EINVAL, 0 },
		{ "what stands behind them", OCTETS(":"), 10, EINVAL, 0 },
		{ "a digit outside ASCII", OCTETS("\xb2"), 10, EINVAL, 0 },
		{ "too large and malformed is malformed",
		    OCTETS("99999999999999999999x"), 10, EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t value = 4711;
		int got;

		errno = 0;
		got = span_number(rows[i].s, rows[i].max, &value);
		ROW(rows[i].what, got == (rows[i].error == 0 ? 0 : -1));
		if (rows[i].error != 0)
			ROW(rows[i].what, errno == rows[i].error);
		ROW(rows[i].what, value ==
		    (rows[i].error == 0 ? rows[i].value : 4711));
	}
}

static void
test_digits(void **state)
{
	static const uint64_t numbers[] = { 0, 1, 9, 10, 99, 100, 4294967295u,
	    4294967296u, UINT64_MAX / 10, UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		char digits[SPAN_DIGITS], expected[32];
		struct span got = span_digits(numbers[i], digits);
		uint64_t back = 1;

		(void)snprintf(expected, sizeof(expected), "%llu",
		    (unsigned long long)numbers[i]);
		ROW(expected, span_equal(got, span_of(expected)));
		ROW(expected, got.p >= digits &&
		    got.p + got.n == digits + SPAN_DIGITS);
		ROW(expected, span_number(got, UINT64_MAX, &back) == 0);
		ROW(expected, back == numbers[i]);
	}
}

static void
test_is_name(void **state)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+@";
	char name[80];

	(void)state;
	memset(name, 'a', sizeof(name));
	assert_false(span_is_name((struct span){ name, 0 }));
	assert_true(span_is_name((struct span){ name, 1 }));
	assert_true(span_is_name((struct span){ name, 64 }));
	assert_false(span_is_name((struct span){ name, 65 }));
	assert_true(span_is_name(SPAN("mrose@dbc.mtview.ca.us")));
	for (int i = 0; i < 256; i++) {
		name[1] = (char)i;
		assert_int_equal(span_is_name((struct span){ name, 3 }),
		    i != 0 && strchr(allowed, i) != NULL);
	}
}

static void
test_copy(void **state)
{
	static const struct {
		const char *what;
		struct span s;
		size_t size;
		int error;
	} rows[] = {
		{ "it fits with its NUL", OCTETS("abc"), 4, 0 },
		{ "there is more room", OCTETS("abc"), 8, 0 },
		{ "no room for the NUL", OCTETS("abc"), 3, ENAMETOOLONG },
		{ "no room", OCTETS("abcdefghij"), 2, ENAMETOOLONG },
		{ "room for the NUL only", OCTETS("a"), 1, ENAMETOOLONG },
		{ "empty", OCTETS(""), 1, 0 },
		{ "no room at all", OCTETS("a"), 0, ENAMETOOLONG },
		{ "NUL inside", OCTETS("a\0b"), 8, EINVAL },
		{ "NUL at the end", OCTETS("ab\0"), 8, EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char out[16];
		int got;

		memset(out, '#', sizeof(out));
		errno = 0;
		got = span_copy(rows[i].s, out, rows[i].size);
		ROW(rows[i].what, got == (rows[i].error == 0 ? 0 : -1));
		ROW(rows[i].what, errno == rows[i].error || got == 0);
		ROW(rows[i].what, rows[i].size == 0 ||
		    strlen(out) == (got == 0 ? rows[i].s.n : 0));
		ROW(rows[i].what, got != 0 ||
		    memcmp(out, rows[i].s.p, rows[i].s.n) == 0);
		ROW(rows[i].what, out[rows[i].size] == '#');
	}
}

static void
test_wipe(void **state)
{
	static const char nothing[8];
	char secret[9] = "tanstaaf";

	(void)state;
	span_wipe(secret, 8);
	assert_memory_equal(secret, nothing, 8);
	memcpy(secret, "tanstaaf", 9);
	span_wipe(secret + 1, 2);
	assert_memory_equal(secret, "t\0\0staaf", 9);
	span_wipe(secret, 0);
	assert_int_equal(secret[0], 't');
}

static void
test_utf8(void **state)
{
	static const struct {
		const char *what;
		struct span octets;
		bool is;
	} rows[] = {
		{ "nothing", OCTETS(""), true },
		{ "ASCII", OCTETS("mrose"), true },
		{ "two octets", OCTETS("j\xc3\xb6rg"), true },
		{ "three octets", OCTETS("\xe2\x82\xac"), true },
		{ "four octets", OCTETS("\xf0\x9f\x90\xac"), true },
		{ "the last character", OCTETS("\xf4\x8f\xbf\xbf"), true },
		{ "before the surrogates", OCTETS("\xed\x9f\xbf"), true },
		{ "behind them", OCTETS("\xee\x80\x80"), true },
		{ "Latin-1", OCTETS("j\xf6rg"), false },
		{ "Latin-1 at the end", OCTETS("\xe4"), false },
		{ "cut after one octet", OCTETS("a\xc3"), false },
		{ "cut after two", OCTETS("\xe2\x82"), false },
		{ "cut after three", OCTETS("\xf0\x9f\x90"), false },
		{ "what follows alone", OCTETS("\x80"), false },
		{ "two octets for ASCII", OCTETS("\xc0\xaf"), false },
		{ "the last such", OCTETS("\xc1\xbf"), false },
		{ "three octets for two", OCTETS("\xe0\x9f\xbf"), false },
		{ "four octets for three", OCTETS("\xf0\x8f\xbf\xbf"),
		    false },
		{ "a surrogate", OCTETS("\xed\xa0\x80"), false },
		{ "above U+10FFFF", OCTETS("\xf4\x90\x80\x80"), false },
		{ "F5", OCTETS("\xf5\x80\x80\x80"), false },
		{ "FF", OCTETS("\xff"), false },
		{ "a letter within", OCTETS("\xe2\x82x"), false },
		{ "a lead within", OCTETS("\xe2\xc3\xb6"), false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		ROW(rows[i].what, span_is_utf8(rows[i].octets) == rows[i].is);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_of),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_every_octet),
		cmocka_unit_test(test_trim),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_number),
		cmocka_unit_test(test_digits),
		cmocka_unit_test(test_is_name),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_wipe),
	};

	return cmocka_run_group_tests_name("span", tests, NULL, NULL);
}
