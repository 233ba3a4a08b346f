/* SPDX-License-Identifier: ISC */
/*
 * The log room: what strangers chose cannot split a line or reach a terminal,
 * and a session's line has its keys in their order.
 */
#include "unit/unit.h"

#include <sys/wait.h>

#include <time.h>

#include "base/limits.h"
#include "base/log.h"

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
	    "192.0.2.1", .method = LOG_METHOD_APOP, .messages = 5, .octets = 500,
	    .retrieved = 4, .retrieved_octets = 400, .deleted = 3, .left = 2,
	    .begin_ms = 1000, .end = LOG_END_QUIT };
	const struct log_session before = { .peer = "pipe", .begin_ms = 0,
	    .end = LOG_END_TIMEOUT };

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
say_held(void)
{
	log_info("1");
	log_let_go(LOG_FOR_LOCK);
	log_hold(LOG_FOR_LOCK);
	log_hold(LOG_FOR_KEEPER);
	log_hold(LOG_FOR_LOCK);
	log_info("2");
	log_warning("3");
	log_dialogue("", "before", 6);
	log_let_go(LOG_FOR_LOCK);
	log_error("4");
	log_dialogue("", "still", 5);
	log_let_go(LOG_FOR_KEEPER);
	log_info("5");
	log_let_go(LOG_FOR_ANY);
}

/* What is held comes when nobody holds it any more, once and in its order. */
static void
test_held(void **state)
{
	char expected[500];
	long pid = (long)getpid();

	(void)snprintf(expected, sizeof(expected), "dewey[%ld]: 1\nbefore\n"
	    "still\ndewey[%ld]: 2\ndewey[%ld]: 3\ndewey[%ld]: 4\n"
	    "dewey[%ld]: 5\n", pid, pid, pid, pid, pid);
	assert_string_equal(capture(state, say_held), expected);
}

static void
say_too_much(void)
{
	log_hold(LOG_FOR_LOCK);
	for (int i = 0; i < LIMITS_LOG_HELD; i++)
		log_info("line %d", i);
	log_let_go(LOG_FOR_LOCK);
	log_info("the end");
}

/* What cannot be held is counted. */
static void
test_too_much(void **state)
{
	const char *text = capture(state, say_too_much), *p;
	unsigned lines = 0, lost;

	p = strstr(text, ": ");
	assert_non_null(p);
	assert_int_equal(sscanf(p, ": %u lines could not be logged\n", &lost),
	    1);
	while ((p = strstr(p, ": line ")) != NULL) {
		assert_int_equal(strtoul(p + 7, NULL, 10), lines++);
		p += 7;
	}
	assert_true(lines > 10);
	assert_int_equal(lines + lost, LIMITS_LOG_HELD);
	assert_non_null(strstr(text, ": the end\n"));
	assert_null(strstr(strstr(text, "lines could") + 1, "lines could"));
}

static void
say_in_child(void)
{
	pid_t child;

	log_hold(LOG_FOR_KEEPER);
	log_info("the parent's");
	child = fork();
	if (child == 0) {
		log_let_go(LOG_FOR_ANY);
		log_hold(LOG_FOR_LOCK);
		log_info("the child's");
		log_let_go(LOG_FOR_ANY);
		_exit(0);
	}
	assert_int_equal(waitpid(child, NULL, 0), child);
	log_let_go(LOG_FOR_KEEPER);
}

/* A process that is forked meanwhile has none of the lines. */
static void
test_child(void **state)
{
	const char *text = capture(state, say_in_child);
	const char *p = strstr(text, "the parent's\n");

	assert_non_null(p);
	assert_null(strstr(p + 1, "the parent's"));
	assert_non_null(strstr(text, "the child's\n"));
	assert_true(strstr(text, "the child's\n") < p);
}

/* A pipe that nobody reads: a process waits LIMITS_LOG_MS for it in all, and
 * what was lost is told. */
static void
test_full_pipe(void **state)
{
	int saved = dup(STDERR_FILENO), fds[2];
	static char text[LIMITS_INPUT * 64];
	struct timespec begin, end;
	ssize_t n;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	while (write(fds[1], text, 4096) > 0)
		continue;
	assert_int_equal(fcntl(fds[1], F_SETFL, 0), 0);
	assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	log_open(LOG_TO_STDERR, false);
	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	for (int i = 0; i < 100; i++)
		log_info("line %d", i);
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	while (read(fds[0], text, sizeof(text)) > 0)
		continue;
	log_info("the end");
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	log_open(LOG_TO_NONE, false);
	n = read(fds[0], text, sizeof(text) - 1);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text, ": 100 lines could not be logged\n"));
	assert_non_null(strstr(text, ": the end\n"));
	/* Once, not once a line. */
	assert_true(end.tv_sec - begin.tv_sec >= LIMITS_LOG_MS / 1000 - 1);
	assert_true(end.tv_sec - begin.tv_sec < 20 * LIMITS_LOG_MS / 1000);
	for (int i = 0; i < 2; i++)
		(void)close(fds[i]);
	(void)close(saved);
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
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_child),
		cmocka_unit_test(test_full_pipe),
		cmocka_unit_test(test_dialogue),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests_name("log", tests, unit_begin,
	    unit_end);
}
