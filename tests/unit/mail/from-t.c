/* SPDX-License-Identifier: ISC */
/*
 * The from room: the lines of tests/data/from-lines, cut at every point, and
 * lines of any length (DESIGN section 5).
 */
#include "unit/unit.h"

#include "mail/from.h"

/* What stands before a line: its sign and who takes it. */
#define COLUMNS 8

#define FROM "From a Mon Jan  1 00:00:00 2024"

static bool
is_from(const char *line, size_t n, size_t cut)
{
	struct from from;

	from_begin(&from);
	from_feed(&from, line, cut);
	from_feed(&from, line + cut, n - cut);
	return from_end(&from, true) == FROM_DATED;
}

static void
test_lines(void **state)
{
	FILE *file = unit_data("from-lines");
	char line[512], reason[512] = "";
	size_t seen[2] = { 0, 0 };

	(void)state;
	while (fgets(line, sizeof(line), file) != NULL) {
		bool taken = line[0] == '+';
		size_t n;

		line[strcspn(line, "\n")] = '\0';
		if (!taken && line[0] != '-') {
			memcpy(reason, line, sizeof(reason));
			continue;
		}
		seen[taken]++;
		n = unit_unescape(line) - COLUMNS;
		/* Other lines are no business of this room. */
		for (size_t cut = 0; line[COLUMNS] == 'F' && cut <= n; cut++)
			ROW(reason, is_from(line + COLUMNS, n, cut) == taken);
		ROW(reason, taken || !from_is_usual(line + COLUMNS, n));
	}
	(void)fclose(file);
	assert_true(seen[0] >= 60);
	assert_true(seen[1] >= 60);
}

/* The sender may be of any length, in one word or in many. */
static void
test_long_sender(void **state)
{
	static const size_t lengths[] = { 1, 11, 12, 13, 14, 255, 256, 257,
	    65535, 65536, 65537, 300000 };
	static const char date[] = " Jan 1 00:00 2024";

	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++)
		for (int words = 0; words < 2; words++) {
			size_t n = 5 + lengths[i] + sizeof(date) - 1;
			char *line = malloc(n);

			assert_non_null(line);
			memcpy(line, "From ", 5);
			memset(line + 5, 'x', lengths[i]);
			for (size_t k = 1; words && k < lengths[i]; k += 2)
				line[5 + k] = ' ';
			memcpy(line + 5 + lengths[i], date, sizeof(date) - 1);
			assert_true(is_from(line, n, n / 2));
			line[n - 1] = 'x';
			assert_false(is_from(line, n, n / 2));
			free(line);
		}
}

/* A line without its end: a CR is its last octet then. */
static void
test_unended(void **state)
{
	struct from from;

	(void)state;
	from_begin(&from);
	from_feed(&from, FROM, sizeof(FROM) - 1);
	assert_int_equal(from_end(&from, false), FROM_DATED);
	from_begin(&from);
	from_feed(&from, FROM "\r", sizeof(FROM));
	assert_int_equal(from_end(&from, false), FROM_BARE);
	from_begin(&from);
	assert_int_equal(from_end(&from, true), FROM_NONE);
}

/* A line that begins with From and a blank is one at the begin of a file. */
static void
test_bare(void **state)
{
	static const struct {
		const char *line;
		enum from_kind kind;
	} rows[] = {
		{ "From ", FROM_BARE },
		{ "From\t", FROM_BARE },
		{ "From x", FROM_BARE },
		{ "From here on it goes", FROM_BARE },
		{ "From", FROM_NONE },
		{ "From:", FROM_NONE },
		{ "From: x", FROM_NONE },
		{ "Fromage x", FROM_NONE },
		{ "Fro m", FROM_NONE },
		{ "F", FROM_NONE },
		{ FROM, FROM_DATED },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct from from;

		from_begin(&from);
		from_feed(&from, rows[i].line, strlen(rows[i].line));
		ROW(rows[i].line, from_end(&from, true) == rows[i].kind);
	}
	assert_true(from_begins(FROM_BARE, 0));
	assert_false(from_begins(FROM_BARE, 1));
	assert_true(from_begins(FROM_DATED, 1));
	assert_false(from_begins(FROM_NONE, 0));
}

/* What is judged fast is judged as the slow way would, whatever octet of a line
 * is another; and usual lines are judged fast. */
static void
test_usual(void **state)
{
	static const struct {
		const char *line;
		bool usual;
	} rows[] = {
		{ FROM, true },
		{ FROM "\r", true },
		{ "From a Jan 31 23:59:60 2024", true },
		{ "From some body else dec 10 00:00:00 0000", true },
		{ "From a Mon Jan 01 00:00:00 2024", true },
		{ "From a Mon Jan  1 00:00 2024", false },
		{ "From a Mon Jan  1 00:00:00 2024 +0100", false },
		{ "From a Mon Jan  1 24:00:00 2024", true },
		{ "From a Mon Jan x1 00:00:00 2024", false },
		{ "From a Mon Jam  1 00:00:00 2024", false },
		{ "From aJan  1 00:00:00 2024", false },
		{ "From Jan  1 00:00:00 2024", false },
		{ "Fro a Mon Jan  1 00:00:00 2024", false },
		{ "From ", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t n = strlen(rows[i].line);
		char *line = malloc(n + 1);

		assert_non_null(line);
		memcpy(line, rows[i].line, n);
		ROW(rows[i].line, from_is_usual(line, n) == rows[i].usual);
		for (size_t k = 0; k < n; k++) {
			for (unsigned c = 0; c < 256; c++) {
				line[k] = (char)c;
				if (from_is_usual(line, n))
					ROW(rows[i].line, is_from(line, n, n));
			}
			line[k] = rows[i].line[k];
			if (from_is_usual(line, k))
				ROW(rows[i].line, is_from(line, k, k));
		}
		free(line);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_long_sender),
		cmocka_unit_test(test_unended),
		cmocka_unit_test(test_bare),
		cmocka_unit_test(test_usual),
	};

	return cmocka_run_group_tests_name("from", tests, NULL, NULL);
}
