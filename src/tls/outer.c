/* SPDX-License-Identifier: ISC */
/*
 * The network's side.  Descriptors are not made non-blocking, for others share
 * them: sockets are used with MSG_DONTWAIT, anything else when poll(2) says so.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/socket.h"
#include "tls/outer.h"

/* Whether ${fd} has one of ${events} within ${ms}. */
static bool
is_ready(int fd, short events, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	return poll(&pfd, 1, ms) > 0;
}

static ssize_t
pull(gnutls_transport_ptr_t ptr, void *p, size_t n)
{
	const struct outer *outer = ptr;
	int in = outer->stream.in;

	if (outer->stream.in_socket)
		return socket_receive(in, p, n, MSG_DONTWAIT);
	if (is_ready(in, POLLIN, 0))
		return read(in, p, n);
	errno = EAGAIN;
	return -1;
}

static int
pull_timeout(gnutls_transport_ptr_t ptr, unsigned ms)
{
	const struct outer *outer = ptr;

	return is_ready(outer->stream.in, POLLIN, (int)ms) ? 1 : 0;
}

static ssize_t
push(gnutls_transport_ptr_t ptr, const void *p, size_t n)
{
	struct outer *outer = ptr;

	if (n > sizeof(outer->out) - outer->filled)
		(void)outer_flush(outer);
	if (outer->lost || n > sizeof(outer->out) - outer->filled) {
		errno = outer->lost ? EPIPE : EAGAIN;
		return -1;
	}
	memcpy(outer->out + outer->filled, p, n);
	outer->filled += n;
	return (ssize_t)n;
}

void
outer_open(struct outer *outer, gnutls_session_t session)
{
	stream_open(&outer->stream, STDIN_FILENO, STDOUT_FILENO);
	if (outer->stream.out_socket)
		outer->stream.mark = outer->stream.out;
	outer->lost = false;
	outer->filled = outer->sent = 0;
	gnutls_transport_set_ptr(session, outer);
	gnutls_transport_set_pull_function(session, pull);
	gnutls_transport_set_pull_timeout_function(session, pull_timeout);
	gnutls_transport_set_push_function(session, push);
}

static ssize_t
write_some(const struct outer *outer, const void *p, size_t n)
{
	const struct stream *to = &outer->stream;

	if (to->out_socket)
		return socket_send(to->out, p, n,
		    MSG_DONTWAIT | MSG_NOSIGNAL, NULL);
	if (!is_ready(to->out, POLLOUT, 0)) {
		errno = EAGAIN;
		return -1;
	}
	return write(to->out, p, to->out_blocks && n > to->piece ? to->piece :
	    n);
}

bool
outer_flush(struct outer *outer)
{
	while (!outer->lost && outer->sent < outer->filled) {
		ssize_t n = write_some(outer, outer->out + outer->sent,
		    outer->filled - outer->sent);

		if (n >= 0)
			outer->sent += (size_t)n;
		else if (errno == EAGAIN)
			break;
		else if (errno != EINTR)
			outer->lost = true;
	}
	memmove(outer->out, outer->out + outer->sent,
	    outer->filled - outer->sent);
	outer->filled -= outer->sent;
	outer->sent = 0;
	return outer->filled == 0 || outer->lost;
}

void
outer_end(struct outer *outer)
{
	int64_t until = clock_ms() + LIMITS_LINGER_MS, left = LIMITS_LINGER_MS;
	ssize_t n = 1, dropped = 0;

	while (!outer_flush(outer) && left > 0) {
		(void)is_ready(outer->stream.out, POLLOUT, (int)left);
		left = until - clock_ms();
	}
	if (!outer->stream.tcp || outer->lost || left <= 0 ||
	    socket_end(outer->stream.out) == -1)
		return;
	until = clock_ms() + LIMITS_LINGER_MS;
	while (n > 0 && dropped < LIMITS_LINGER_OCTETS) {
		left = until - clock_ms();
		if (left <= 0 ||
		    !is_ready(outer->stream.in, POLLIN, (int)left))
			return;
		n = socket_receive(outer->stream.in, outer->out,
		    sizeof(outer->out), MSG_DONTWAIT);
		dropped += n;
	}
}
