/* SPDX-License-Identifier: ISC */
/*
 * The request room: as long as a session holds the dot-lock the keeper touches it
 * every minute, whatever the session is at (DESIGN section 7); a
 * session that cannot report why nobody is let in does not speak of an open
 * maildrop.
 */
#include "unit/unit.h"

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

#include "base/limits.h"
#include "base/log.h"
#include "maildrop/maildrop.h"
#include "rights/request.h"

/* This stands before the C library's function: nobody asks for a minute, as often
 * as ${minutes} says; then the session is gone. */
static int minutes, waits, channel;

/* As long as ${refusals} says, a process may not be signalled yet. */
static int refusals, signalled;

int
kill(pid_t pid, int signal)
{
	assert_int_equal(pid, 4242);
	if (refusals > 0) {
		refusals--;
		errno = EPERM;
		return -1;
	}
	signalled = signal;
	return 0;
}

int
ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
    const sigset_t *mask)
{
	(void)mask;
	if (n == 0)
		return 0;
	/* The log waits for its file. */
	if (n == 1) {
		fds->revents = POLLOUT;
		return 1;
	}
	assert_int_equal(n, 2);
	waits++;
	if (timeout == NULL || minutes == 0) {
		(void)shutdown(channel, SHUT_RDWR);
		return poll(fds, n, 1000);
	}
	assert_int_equal(timeout->tv_sec, LIMITS_DOTLOCK_TOUCH_S);
	minutes--;
	return 0;
}

static time_t
age_of_lock(void **state)
{
	struct stat st;

	assert_int_equal(stat(unit_path(state, "box.lock"), &st), 0);
	return time(NULL) - st.st_mtim.tv_sec;
}

static void
test_touch(void **state)
{
	const struct timespec old[2] = { { .tv_sec = 1000000000 },
	    { .tv_sec = 1000000000 } };
	static const volatile sig_atomic_t stop;
	const struct request_watch watch = { .above = -1, .stop = &stop,
	    .session = -1 };
	enum mailbox_fault fault;
	struct maildrop drop;
	int fds[2], dir;

	memset(&drop, 0, sizeof(drop));
	dir = open(((struct unit *)*state)->dir, O_RDONLY | O_DIRECTORY);
	dotlock_open(&drop.dot, dir, -1, "box");
	for (int held = 0; held < 2; held++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds),
		    0);
		channel = fds[1];
		minutes = 3;
		waits = 0;
		if (held != 0) {
			assert_int_equal(dotlock_ask(&drop.dot, LOCK_DOT_TRY),
			    LOCK_HELD);
			assert_int_equal(utimensat(AT_FDCWD,
			    unit_path(state, "box.lock"), old, 0), 0);
		}
		assert_int_equal(request_serve(fds[0], &drop, &watch, &fault),
		    -1);
		/* Without a lock there is nothing to wait for but requests. */
		assert_int_equal(waits, held != 0 ? 4 : 1);
		if (held != 0)
			assert_true(age_of_lock(state) < 100);
		(void)close(fds[0]);
		(void)close(fds[1]);
	}
	assert_int_equal(dotlock_ask(&drop.dot, LOCK_DOT_DROP), LOCK_HELD);
	(void)close(dir);
}

static void
test_report(void **state)
{
	static const struct {
		const char *what;
		enum mailbox_fault fault;
		bool logged;
	} rows[] = {
		{ "a session that nobody hears of", MAILBOX_FINE, true },
		{ "a refusal, which is in the log", MAILBOX_LOCKED, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fds[2], result, old = dup(STDERR_FILENO), fd;
		struct stat st;

		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds),
		    0);
		(void)close(fds[0]);
		fd = open(unit_text(state, "log", ""), O_WRONLY);
		assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
		log_open(LOG_TO_STDERR, false);
		result = request_report(fds[1], rows[i].fault);
		log_let_go(LOG_FOR_ANY);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(dup2(old, STDERR_FILENO), STDERR_FILENO);
		log_open(LOG_TO_NONE, false);
		assert_int_equal(result, -1);
		if ((st.st_size > 0) != rows[i].logged)
			fail_msg("%s", rows[i].what);
		(void)close(fd);
		(void)close(old);
		(void)close(fds[1]);
	}
}

/* Who cannot be understood may have reported: that is not the same as a session
 * that is gone. */
static void
test_unheard(void **state)
{
	static const volatile sig_atomic_t stop;
	const struct request_watch watch = { .above = -1, .stop = &stop,
	    .session = -1 };
	enum mailbox_fault fault;
	struct maildrop drop;

	(void)state;
	memset(&drop, 0, sizeof(drop));
	drop.dot.ours = -1;
	for (int odd = 0; odd < 2; odd++) {
		int fds[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds),
		    0);
		if (odd != 0)
			assert_int_equal(send(fds[1], "odd", 3, 0), 3);
		channel = fds[1];
		minutes = waits = 0;
		assert_int_equal(request_serve(fds[0], &drop, &watch, &fault),
		    odd != 0 ? 1 : -1);
		log_let_go(LOG_FOR_ANY);
		(void)close(fds[0]);
		(void)close(fds[1]);
	}
}

/* A signal that comes while the session is not the user's yet is not lost. */
static void
test_early(void **state)
{
	static const volatile sig_atomic_t stop = SIGTERM;
	const struct request_watch watch = { .above = -1, .stop = &stop,
	    .session = 4242 };
	enum mailbox_fault fault;
	struct maildrop drop;
	int fds[2];

	(void)state;
	memset(&drop, 0, sizeof(drop));
	drop.dot.ours = -1;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	channel = fds[1];
	minutes = signalled = 0;
	refusals = 3;
	assert_int_equal(request_serve(fds[0], &drop, &watch, &fault), -1);
	assert_int_equal(refusals, 0);
	assert_int_equal(signalled, SIGTERM);
	log_let_go(LOG_FOR_ANY);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_touch),
		cmocka_unit_test(test_report),
		cmocka_unit_test(test_unheard),
		cmocka_unit_test(test_early),
	};

	return cmocka_run_group_tests_name("request", tests, unit_begin,
	    unit_end);
}
