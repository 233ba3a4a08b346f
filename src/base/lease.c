/* SPDX-License-Identifier: ISC */
/*
 * Opening a file on which somebody may have a lease.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <time.h>

#include "base/clock.h"
#include "base/lease.h"
#include "base/limits.h"

int
lease_open(int dir, const char *name, int flags)
{
	const struct timespec pause = { .tv_nsec = LIMITS_LOCK_FIRST_MS *
	    1000000L };
	int64_t until = clock_ms() + LIMITS_LEASE_MS;
	int fd;

	/* Without O_NONBLOCK a FIFO that was just put there would be waited
	 * for, and for ever. */
	while ((fd = openat(dir, name, flags | O_NONBLOCK | O_NOCTTY |
	    O_CLOEXEC)) == -1 && errno == EWOULDBLOCK && clock_ms() < until)
		(void)ppoll(NULL, 0, &pause, NULL);
	return fd;
}
