/* SPDX-License-Identifier: ISC */
/*
 * The log room: what strangers chose cannot split a line or reach a terminal,
 * and a session's line has its keys in their order.
 */
#include "unit.h"

#include "limits.h"
#include "log.h"

/* Call ${write} with standard error in a file; what was written there. */
static const char *
capture(void **state, void (*say)(void))
{
	static char text[3 * LOG_ESCAPED(LIMITS_LOG)];
	int saved = dup(STDERR_FILENO), fd;
	size_t n;

	fd = open(unit_text(state, "log", ""), O_WRONLY);
	assert_true(saved != -1 && fd != -1);
	assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	log_open(LOG_TO_STDERR, true);
	say();
	(void)fflush(stderr);
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	log_open(LOG_TO_NONE, false);
	(void)close(saved);
	(void)close(fd);
	n = unit_read(unit_path(state, "log"), text, sizeof(text) - 1);
	text[n] = '\0';
	return text;
}

static void
test_escape(void **state)
{
	static const char plain[] = "!#$%&'()*+,-./0123456789:;<=>?@"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~";
	char out[LOG_ESCAPED(256)], expected[LOG_ESCAPED(1)];

	(void)state;
	for (int i = 0; i < 256; i++) {
		char octet = (char)i;

		if (i != 0 && strchr(plain, i) != NULL)
			(void)snprintf(expected, sizeof(expected), "%c", i);
		else
			(void)snprintf(expected, sizeof(expected), "\\x%02x",
			    (unsigned)i);
		assert_string_equal(log_escape(&octet, 1, out), expected);
	}
	assert_string_equal(log_escape("", 0, out), "");
	assert_string_equal(log_escape("a b\n\"\\\0\xff", 8, out),
	    "a\\x20b\\x0a\\x22\\x5c\\x00\\xff");
}

static void
say_record(void)
{
	const struct log_session session = { .user = "m rose", .peer =
	    "192.0.2.1", .method = "apop", .messages = 5, .octets = 500,
	    .retrieved = 4, .retrieved_octets = 400, .deleted = 3, .left = 2,
	    .begin_ms = 1000, .end = "quit" };
	const struct log_session before = { .peer = "pipe", .begin_ms = 0,
	    .end = "timeout" };

	log_record(&session, 3045);
	log_record(&before, 7);
}

static void
test_record(void **state)
{
	char expected[600];

	(void)snprintf(expected, sizeof(expected), "dewey[%ld]: "
	    "user=m\\x20rose peer=192.0.2.1 method=apop messages=5 octets=500 "
	    "retrieved=4 retrieved-octets=400 deleted=3 left=2 seconds=2.045 "
	    "end=quit\ndewey[%ld]: user=- peer=pipe method=- messages=0 "
	    "octets=0 retrieved=0 retrieved-octets=0 deleted=0 left=0 "
	    "seconds=0.007 end=timeout\n", (long)getpid(), (long)getpid());
	assert_string_equal(capture(state, say_record), expected);
}

static void
say_hostile(void)
{
	log_error("%s: is no file", "/a\nb\x1b[1m\x7f\xc3\xa4");
	log_info("%s", "two words");
}

/* Controls and 8-bit octets in a path do not come through. */
static void
test_hostile(void **state)
{
	const char *text = capture(state, say_hostile);
	size_t lines = 0;

	for (const char *p = text; *p != '\0'; p++) {
		assert_true(*p == '\n' || (*p >= ' ' && *p <= '~'));
		lines += *p == '\n';
	}
	assert_int_equal(lines, 2);
	assert_non_null(strstr(text, "/a\\x0ab\\x1b[1m\\x7f\\xc3\\xa4: is"));
	assert_non_null(strstr(text, ": two words\n"));
}

static void
say_long(void)
{
	static char path[2 * LIMITS_LOG];

	memset(path, '\xff', sizeof(path) - 1);
	log_warning("%s", path);
}

/* However long: one line. */
static void
test_long(void **state)
{
	const char *text = capture(state, say_long);

	assert_int_equal(strcspn(text, "\n"), strlen(text) - 1);
	assert_true(strlen(text) <= LOG_ESCAPED(LIMITS_LOG) + 40);
}

static void
say_dialogue(void)
{
	log_dialogue("C: ", "USER a\0\xff\n", 9);
	log_dialogue("S: ", "+OK", 3);
}

static void
test_dialogue(void **state)
{
	assert_string_equal(capture(state, say_dialogue),
	    "C: USER a\\x00\\xff\\x0a\nS: +OK\n");
}

/* Nothing is said where nobody wants it. */
static void
test_none(void **state)
{
	int saved = dup(STDERR_FILENO);
	int fd = open(unit_text(state, "log", ""), O_WRONLY);
	char text[10];

	assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	log_open(LOG_TO_NONE, false);
	say_record();
	say_hostile();
	say_dialogue();
	(void)fflush(stderr);
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	(void)close(saved);
	(void)close(fd);
	assert_int_equal(unit_read(unit_path(state, "log"), text,
	    sizeof(text)), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escape),
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_dialogue),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests_name("log", tests, unit_begin,
	    unit_end);
}
