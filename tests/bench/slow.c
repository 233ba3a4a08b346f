/* SPDX-License-Identifier: ISC */
/*
 * Preloaded into a server: fsync(2) and fdatasync(2) take 10 ms longer, as on a
 * disk that is slow to sync.  It waits in ppoll(2), which a sandbox that the
 * server has closed allows.
 */
#define _GNU_SOURCE
#include <sys/syscall.h>

#include <poll.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#define DELAY_NS 10000000

static int
slow(long call, int fd)
{
	const struct timespec delay = { .tv_nsec = DELAY_NS };

	(void)ppoll(NULL, 0, &delay, NULL);
	return (int)syscall(call, fd);
}

int
fsync(int fd)
{
	return slow(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	return slow(SYS_fdatasync, fd);
}
