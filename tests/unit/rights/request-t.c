/* SPDX-License-Identifier: ISC */
/*
 * The request room: as long as a session holds the dot-lock the keeper touches it
 * every minute, whatever the session is at (DESIGN section 7).
 */
#include "unit/unit.h"

#include <sys/socket.h>

#include <poll.h>
#include <signal.h>
#include <time.h>

#include "base/limits.h"
#include "maildrop/maildrop.h"
#include "rights/request.h"

/* This stands before the C library's function: nobody asks for a minute, as often
 * as ${minutes} says; then the session is gone. */
static int minutes, waits, channel;

int
ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
    const sigset_t *mask)
{
	(void)mask;
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
	const struct request_watch watch = { -1, &stop, -1 };
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_touch),
	};

	return cmocka_run_group_tests_name("request", tests, unit_begin,
	    unit_end);
}
