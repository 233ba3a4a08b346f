/* SPDX-License-Identifier: ISC */
/*
 * The descriptors that a client is at the other end of.
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
#include "base/socket.h"
#include "base/stream.h"

int
stream_family(int fd)
{
	struct sockaddr address = { .sa_family = AF_UNSPEC };
	socklen_t size = sizeof(address);

	(void)getsockname(fd, &address, &size);
	return address.sa_family;
}

/* Open the pipe or terminal ${fd} anew for writing, non-blocking for us alone.
 * Returns the new descriptor, or -1. */
static int
reopen(int fd)
{
	char path[LIMITS_FD_PATH];
	struct stat st;

	if (fstat(fd, &st) == -1 || (!S_ISFIFO(st.st_mode) && !isatty(fd)))
		return -1;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* Have TCP send small replies at once. */
static int
hasten(int fd)
{
	const int yes = 1;

	return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
}

void
stream_open(struct stream *stream, int in, int out)
{
	int of_out = stream_family(out);

	stream->in = in;
	stream->in_socket = stream_family(in) != AF_UNSPEC;
	stream->out_socket = of_out != AF_UNSPEC;
	stream->out = stream->out_socket ? out : reopen(out);
	stream->out_blocks = stream->out == -1;
	if (stream->out_blocks)
		stream->out = out;
	/* poll(2) promises PIPE_BUF of a pipe, and of a terminal one. */
	stream->piece = stream->out_blocks && isatty(out) ? 1 :
	    LIMITS_PIPE_WRITE;
	stream->tcp = (of_out == AF_INET || of_out == AF_INET6) &&
	    hasten(out) == 0;
	stream->mark = stream->tcp ? out : -1;
}

void
stream_set_reset(int fd, bool resets)
{
	const struct linger linger = { .l_onoff = resets };

	(void)socket_set_linger(fd, &linger);
}

bool
stream_resets(int fd)
{
	struct linger linger = { .l_onoff = 0 };

	return socket_get_linger(fd, &linger) == 0 && linger.l_onoff != 0;
}
