/* SPDX-License-Identifier: ISC */
/*
 * A descriptor that a client is at the other end of.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/stream.h"

int
stream_family(int fd)
{
	struct sockaddr address = { .sa_family = AF_UNSPEC };
	socklen_t size = sizeof(address);

	(void)getsockname(fd, &address, &size);
	return address.sa_family;
}

int
stream_reopen(int fd)
{
	char path[LIMITS_FD_PATH];
	struct stat st;

	if (fstat(fd, &st) == -1 || (!S_ISFIFO(st.st_mode) && !isatty(fd)))
		return -1;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

int
stream_hasten(int fd)
{
	const int yes = 1;

	return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
}

void
stream_set_reset(int fd, bool resets)
{
	const struct linger linger = { .l_onoff = resets };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}
