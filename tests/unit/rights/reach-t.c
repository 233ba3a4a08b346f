/* SPDX-License-Identifier: ISC */
/*
 * The reach room: a judge that asks, and does not hear, holds nobody.
 */
#include "unit/unit.h"

#include <sys/socket.h>

#include <unistd.h>

#include "base/channel.h"
#include "rights/letter.h"
#include "rights/reach.h"

/* More answers than a channel has room for; seconds that they may take. */
#define ANSWERS 1000
#define PATIENCE 60

/* How many answers wait at ${fd}. */
static int
hear(int fd)
{
	struct channel_message message;
	int n = 0;

	while (recv(fd, message.octets, sizeof(message.octets),
	    MSG_DONTWAIT) > 0)
		n++;
	return n;
}

static void
test_unheard(void **state)
{
	/* Nothing listens there; without it nobody is asked to connect. */
	static const char *const paths[] = { "/nonexistent/mux", NULL };
	int fds[2];

	(void)state;
	(void)alarm(PATIENCE);
	for (size_t i = 0; i < COUNT(paths); i++) {
		int heard;

		assert_int_equal(channel_pair(fds), 0);
		for (int n = 0; n < ANSWERS; n++)
			reach_saslauthd(paths[i], getuid(), getgid(), fds[0]);
		heard = hear(fds[1]);
		assert_true(heard >= 1 && heard <= ANSWERS - 1);
		/* Who has heard them is answered again. */
		reach_saslauthd(paths[i], getuid(), getgid(), fds[0]);
		assert_int_equal(hear(fds[1]), 1);
		(void)close(fds[0]);
		(void)close(fds[1]);
	}
	(void)alarm(0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unheard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
