/* SPDX-License-Identifier: ISC */
/*
 * The verdict room: when a question is answered, by a clock that only moves
 * when the test says so (linked with --wrap for clock_ms and ppoll).  Whatever
 * the cause of a refusal, its text and its time are the same.
 */
#include "unit/unit.h"

#include <crypt.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

#include "talk/reply.h"
#include "talk/verdict.h"
#include "who/login.h"

int64_t __wrap_clock_ms(void);
int __wrap_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
    const sigset_t *mask);

static int64_t now;		/* what the clock shows */
static int64_t work;		/* what a judgement takes */
static unsigned looks;		/* at the clock since the question */
static int64_t slice;		/* longest wait that is not interrupted */
static volatile sig_atomic_t stop;
static bool stops;		/* a signal asks for the end during the wait */

int64_t
__wrap_clock_ms(void)
{
	/* The first look is the question's, the second comes after the work. */
	if (++looks == 2)
		now += work;
	return now;
}

int
__wrap_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
    const sigset_t *mask)
{
	int64_t ms = (int64_t)timeout->tv_sec * 1000 +
	    timeout->tv_nsec / 1000000;

	(void)mask;
	assert_int_equal(n, 1);
	assert_int_equal(fds[0].fd, -1);
	assert_true(ms >= 0);
	now += ms < slice ? ms : slice;
	if (stops)
		stop = 1;
	errno = EINTR;
	return ms <= slice && !stops ? 0 : -1;
}

/* frated has a password, mrose a secret and a password. */
struct site {
	struct options options;
	struct verdict verdict;
	sigset_t waiting;
};

static void
open_site(void **state, struct site *site, const char *fail_delay)
{
	static const char secrets[] = "mrose:tanstaaf\n";
	const char *hash = crypt("hoopy", "$5$rounds=1000$dewey");
	char users[1000];

	memset(site, 0, sizeof(*site));
	(void)snprintf(users, sizeof(users), "frated:%s\nmrose:%s\n"
	    "locked:!%s\nempty:\nstar:*\nforeign:%s:%lu:1::/:\n"
	    "zero:%s:0:0::/:\n", hash, hash, hash, hash,
	    (unsigned long)geteuid() + 1, hash);
	options_begin(&site->options);
	assert_null(options_set(&site->options, SPAN("users"),
	    span_of(unit_text(state, "users", users))));
	assert_null(options_set(&site->options, SPAN("secrets"),
	    span_of(unit_text(state, "secrets", secrets))));
	assert_null(options_set(&site->options, SPAN("fail-delay"),
	    span_of(fail_delay)));
	login_open(&site->verdict.login, &site->options, "dewey.example", false);
	assert_true(site->verdict.login.timestamp[0] == '<');
	(void)sigemptyset(&site->waiting);
	site->verdict.peer = "pipe";
	site->verdict.waiting = &site->waiting;
	site->verdict.stop = &stop;
	stop = 0;
	stops = false;
	slice = INT64_MAX;
	now = 1000000;
}

/* Ask.  Returns the answer; ${ms} is how long it took. */
static enum reply_text
ask(struct site *site, enum login_method method, const char *name,
    const char *secret, int64_t *ms)
{
	struct login_question question;
	struct users_entry entry;
	int64_t before = now;
	enum reply_text text;

	memset(&question, 0, sizeof(question));
	question.method = method;
	question.name_n = strlen(name);
	memcpy(question.name, name, question.name_n);
	question.secret_n = strlen(secret);
	memcpy(question.secret, secret, question.secret_n);
	looks = 0;
	text = verdict_give(&site->verdict, &question, &entry);
	*ms = now - before;
	return text;
}

static void
test_causes(void **state)
{
	static const char digest[] = "0123456789abcdef0123456789abcdef";
	static const struct {
		const char *what;
		enum login_method method;
		const char *name, *secret;
	} rows[] = {
		{ "an unknown user", LOGIN_PASS, "zaphod", "hoopy" },
		{ "a wrong password", LOGIN_PASS, "frated", "Hoopy" },
		{ "an empty password", LOGIN_PASS, "frated", "" },
		{ "a locked account", LOGIN_PASS, "locked", "hoopy" },
		{ "no hash", LOGIN_PASS, "empty", "" },
		{ "a star for a hash", LOGIN_PASS, "star", "*" },
		{ "another uid", LOGIN_PASS, "foreign", "hoopy" },
		{ "uid 0", LOGIN_PASS, "zero", "hoopy" },
		{ "a user with a secret sends PASS", LOGIN_PASS, "mrose",
		    "hoopy" },
		{ "a name that cannot be", LOGIN_PASS, "../frated", "hoopy" },
		{ "a wrong digest", LOGIN_APOP, "mrose", digest },
		{ "a digest that is none", LOGIN_APOP, "mrose", "x" },
		{ "a digest for a user without a secret", LOGIN_APOP,
		    "frated", digest },
		{ "a digest for an unknown user", LOGIN_APOP, "zaphod",
		    digest },
		{ "a digest for a name that cannot be", LOGIN_APOP, ".",
		    digest },
	};
	/* What the work takes, and when the answers to the three tries are
	 * due. */
	static const struct {
		const char *unit;
		int64_t work, due[3];
	} times[] = {
		{ "1", 0, { 1000, 2000, 3000 } },
		{ "1", 999, { 1000, 2000, 3000 } },
		{ "1", 1001, { 2000, 2000, 3000 } },
		{ "1", 2001, { 3000, 4000, 3000 } },
		{ "1", 3500, { 4000, 4000, 6000 } },
		{ "3", 100, { 3000, 6000, 9000 } },
		{ "0", 7, { 7, 7, 7 } },
	};
	struct site site;
	int64_t ms;

	for (size_t t = 0; t < COUNT(times); t++)
		for (size_t i = 0; i < COUNT(rows); i++) {
			open_site(state, &site, times[t].unit);
			work = times[t].work;
			for (int try = 0; try < 3; try++) {
				enum reply_text text = ask(&site,
				    rows[i].method, rows[i].name,
				    rows[i].secret, &ms);

				ROW(rows[i].what, text == (try < 2 ?
				    REPLY_REFUSED : REPLY_REFUSED_LAST));
				ROW(rows[i].what, ms == times[t].due[try]);
			}
		}
}

/* The wait goes on when something else wakes it. */
static void
test_interrupted(void **state)
{
	struct site site;
	int64_t ms;

	open_site(state, &site, "1");
	work = 5;
	slice = 7;
	assert_int_equal(ask(&site, LOGIN_PASS, "zaphod", "x", &ms),
	    REPLY_REFUSED);
	assert_true(ms >= 1000 && ms < 1000 + slice);
}

/* A signal that asks for the end is obeyed, and tells nothing early. */
static void
test_stopped(void **state)
{
	struct site site;
	int64_t ms;

	open_site(state, &site, "1");
	work = 5;
	slice = 100;
	stops = true;
	assert_int_equal(ask(&site, LOGIN_PASS, "zaphod", "x", &ms),
	    REPLY_SENT);
	assert_true(ms < 1000);
}

/* Who is let in does not wait; tries of before cost him nothing. */
static void
test_accepted(void **state)
{
	struct site site;
	int64_t ms;

	open_site(state, &site, "1");
	work = 30;
	assert_int_equal(ask(&site, LOGIN_PASS, "frated", "no", &ms),
	    REPLY_REFUSED);
	assert_int_equal(ask(&site, LOGIN_PASS, "frated", "hoopy", &ms),
	    REPLY_MAILDROP);
	assert_int_equal(ms, 0);
}

/* USER tells nothing and waits for nothing; with --hide-users=no it tells. */
static void
test_user(void **state)
{
	static const struct {
		const char *hide, *name;
		enum reply_text text;
	} rows[] = {
		{ "yes", "frated", REPLY_USER },
		{ "yes", "zaphod", REPLY_USER },
		{ "yes", "locked", REPLY_USER },
		{ "no", "frated", REPLY_USER },
		{ "no", "mrose", REPLY_USER },
		{ "no", "zaphod", REPLY_NO_USER },
	};
	struct site site;
	int64_t ms;

	for (size_t i = 0; i < COUNT(rows); i++) {
		open_site(state, &site, "1");
		assert_null(options_set(&site.options, SPAN("hide-users"),
		    span_of(rows[i].hide)));
		work = 0;
		ROW(rows[i].name, ask(&site, LOGIN_USER, rows[i].name, "",
		    &ms) == rows[i].text);
		ROW(rows[i].name, ms == 0);
		ROW(rows[i].name, site.verdict.login.tries == 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_causes),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_user),
	};

	return cmocka_run_group_tests_name("verdict", tests, unit_begin,
	    unit_end);
}
