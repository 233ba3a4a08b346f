/* SPDX-License-Identifier: ISC */
/*
 * The configuration room: `key = value' lines, where the file is found, and
 * mistakes with file and line.
 */
#include "unit/unit.h"

#include "settings/configuration.h"
#include "settings/options.h"

/* Read the file ${path}, named by ${flag}. */
static int
read_file(struct options *o, const char *flag, const char *path, bool apart)
{
	char words[3][600], *argv[4];
	int argc = 2;

	(void)snprintf(words[0], sizeof(words[0]), "dewey");
	(void)snprintf(words[1], sizeof(words[1]), "%s%s", flag,
	    apart ? "" : path);
	(void)snprintf(words[2], sizeof(words[2]), "%s", path);
	for (int i = 0; i < 3; i++)
		argv[i] = words[i];
	argc += apart;
	argv[argc] = NULL;
	options_begin(o);
	return configuration_read(o, argc, argv, false);
}

static const struct {
	const char *what, *text;
	const char *complaint;		/* NULL: none */
	unsigned idle;
} rows[] = {
	{ "a key", "idle-timeout = 30\n", NULL, 30 },
	{ "no blanks", "idle-timeout=30\n", NULL, 30 },
	{ "many blanks", " \t idle-timeout \t = \t 30 \t \n", NULL, 30 },
	{ "no line end", "idle-timeout = 30", NULL, 30 },
	{ "CR LF", "idle-timeout = 30\r\nverbose = no\r\n", NULL, 30 },
	{ "comments and empty lines",
	    "# x\n\n  # y = z\n \t \nidle-timeout = 30\n", NULL, 30 },
	{ "nothing", "", NULL, 600 },
	{ "the last one wins", "idle-timeout = 1\nidle-timeout = 2\n", NULL,
	    2 },
	{ "no =", "# x\nidle-timeout 30\n", ":2: expected `key = value'",
	    600 },
	{ "no key", "= 30\n", ":1: expected", 600 },
	{ "an unknown key", "\n\nidle = 30\n", ":3: `idle'", 600 },
	{ "a flag instead of a key", "--idle-timeout = 30\n", ":1: ", 600 },
	{ "a bad value", "idle-timeout = long\n",
	    ":1: `idle-timeout' must be a number", 600 },
	{ "no value", "idle-timeout =\n", ":1: `idle-timeout'", 600 },
	{ "an action", "help = yes\n", ":1: `help'", 600 },
	{ "a file in a file", "config = /etc/x\n", "command line", 600 },
	{ "the lines before a mistake hold", "idle-timeout = 5\nx = y\n",
	    ":2: `x'", 5 },
	{ "a comment behind a value is a value", "idle-timeout = 5 # s\n",
	    ", without a comment behind it", 600 },
	{ "a quoted value", "idle-timeout = \"5\"\n", ", without quotes", 600 },
};

static void
test_lines(void **state)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *path = unit_text(state, "conf", rows[i].text);
		struct options o;
		int got = read_file(&o, "--config=", path, false);

		ROW(rows[i].what,
		    got == (rows[i].complaint == NULL ? 0 : -1));
		ROW(rows[i].what, o.idle_timeout == rows[i].idle);
		if (got == -1) {
			ROW(rows[i].what, strncmp(o.error, path,
			    strlen(path)) == 0);
			ROW(rows[i].what,
			    strstr(o.error, rows[i].complaint) != NULL);
		}
	}
}

/* Lines that are none: with NUL, or too long. */
static void
test_bad_lines(void **state)
{
	char text[3000];
	struct options o;

	assert_int_equal(read_file(&o, "--config=", unit_write(state, "nul",
	    "verbose = no\nx\0y = z\n", 21, 0600), false), -1);
	assert_non_null(strstr(o.error, ":2: "));
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\n';
	assert_int_equal(read_file(&o, "--config=", unit_write(state, "long",
	    text, sizeof(text), 0600), false), -1);
	assert_non_null(strstr(o.error, ":1: "));
}

/* The file must be there and must not be for everybody to write. */
static void
test_file(void **state)
{
	const char *text = "idle-timeout = 30\n";
	struct options o;

	assert_int_equal(read_file(&o, "--config=",
	    unit_path(state, "missing"), false), -1);
	assert_non_null(strstr(o.error, "missing: No such file"));
	assert_int_equal(read_file(&o, "--config=", unit_write(state, "open",
	    text, strlen(text), 0666), false), -1);
	assert_non_null(strstr(o.error, "written by others"));
	assert_int_equal(o.idle_timeout, 600);
	assert_int_equal(read_file(&o, "--config=", unit_write(state, "seen",
	    text, strlen(text), 0644), false), 0);
	assert_int_equal(o.idle_timeout, 30);
}

/* Both ways to name the file; flags that only begin like it; no file. */
static void
test_names(void **state)
{
	const char *path = unit_text(state, "named", "idle-timeout = 30\n");
	struct options o;

	assert_int_equal(read_file(&o, "--config", path, true), 0);
	assert_int_equal(o.idle_timeout, 30);
	assert_int_equal(read_file(&o, "--configure=", path, false), 0);
	assert_int_equal(o.idle_timeout, 600);
	assert_int_equal(read_file(&o, "--config", "", false), 0);
	assert_int_equal(o.idle_timeout, 600);
}

/* Of two files the last one is read, and no other. */
static void
test_last_wins(void **state)
{
	char first[600], second[600];
	char *argv[] = { first, first, second, NULL };
	struct options o;

	(void)snprintf(first, sizeof(first), "--config=%s",
	    unit_text(state, "first", "idle-timeout = 1\nverbose = yes\n"));
	(void)snprintf(second, sizeof(second), "--config=%s",
	    unit_text(state, "second", "idle-timeout = 2\n"));
	options_begin(&o);
	assert_int_equal(configuration_read(&o, 3, argv, false), 0);
	assert_int_equal(o.idle_timeout, 2);
	assert_false(o.verbose);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_last_wins),
	};

	return cmocka_run_group_tests_name("configuration", tests, unit_begin,
	    unit_end);
}
