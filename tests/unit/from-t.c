/* SPDX-License-Identifier: ISC */
/*
 * The from room: the lines of tests/data/from-lines, cut at every point, and
 * lines of any length (DESIGN section 10).
 */
#include "unit.h"

#include "from.h"

#define FROM "From a Mon Jan  1 00:00:00 2024"

static bool
is_from(const char *line, size_t n, size_t cut)
{
	struct from from;

	from_begin(&from);
	from_feed(&from, line, cut);
	from_feed(&from, line + cut, n - cut);
	return from_end(&from, true);
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
		n = unit_unescape(line) - 2;
		/* Other lines are no business of this room. */
		for (size_t cut = 0; line[2] == 'F' && cut <= n; cut++)
			ROW(reason, is_from(line + 2, n, cut) == taken);
	}
	(void)fclose(file);
	assert_true(seen[0] >= 15);
	assert_true(seen[1] >= 15);
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
	assert_true(from_end(&from, false));
	from_begin(&from);
	from_feed(&from, FROM "\r", sizeof(FROM));
	assert_false(from_end(&from, false));
	from_begin(&from);
	assert_false(from_end(&from, true));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_long_sender),
		cmocka_unit_test(test_unended),
	};

	return cmocka_run_group_tests_name("from", tests, NULL, NULL);
}
