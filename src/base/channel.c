/* SPDX-License-Identifier: ISC */
/*
 * Messages between the processes of one session, over a socket pair that keeps
 * their boundaries.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/socket.h"

/* Octets of a length; the lowest of a number comes first. */
#define LENGTH 2

int
channel_pair(int fds[2])
{
	return socket_pair(fds);
}

void
channel_begin(struct channel_message *message)
{
	message->n = message->at = 0;
	message->fd = -1;
	message->whole = true;
}

void
channel_put_number(struct channel_message *message, uint32_t number, size_t n)
{
	if (n > sizeof(message->octets) - message->n) {
		message->whole = false;
		return;
	}
	for (; n > 0; n--, number >>= 8)
		message->octets[message->n++] = (uint8_t)number;
}

void
channel_put(struct channel_message *message, struct span octets)
{
	channel_put_number(message, (uint32_t)octets.n, LENGTH);
	if (octets.n > UINT16_MAX ||
	    octets.n > sizeof(message->octets) - message->n) {
		message->whole = false;
		return;
	}
	if (octets.n > 0)
		memcpy(message->octets + message->n, octets.p, octets.n);
	message->n += octets.n;
}

int
channel_send(int fd, struct channel_message *message, int passed)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .space = { 0 } };
	struct iovec vector = { message->octets, message->n };
	struct msghdr header = { .msg_iov = &vector, .msg_iovlen = 1 };
	ssize_t sent;

	if (!message->whole) {
		errno = EMSGSIZE;
		return -1;
	}
	if (passed != -1) {
		header.msg_control = &control;
		header.msg_controllen = sizeof(control);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &passed, sizeof(int));
	}
	do
		sent = socket_send_message(fd, &header, MSG_NOSIGNAL);
	while (sent == -1 && errno == EINTR);
	span_wipe(message->octets, message->n);
	return sent == -1 ? -1 : 0;
}

int
channel_receive(int fd, struct channel_message *message)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec vector = { message->octets, sizeof(message->octets) };
	struct msghdr header = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = &control,
		/* Padding has room for a second descriptor. */
		.msg_controllen = CMSG_LEN(sizeof(int)),
	};
	struct cmsghdr *c;
	int reset = 0;
	ssize_t got;

	channel_begin(message);
	/* Who goes and leaves something unread resets the channel, which is
	 * told once, before what was still sent is had. */
	do
		got = socket_receive_message(fd, &header,
		    MSG_CMSG_CLOEXEC);
	while (got == -1 && (errno == EINTR ||
	    (errno == ECONNRESET && !reset++)));
	if (got <= 0)
		return got == 0 || errno == ECONNRESET ? 0 : -1;
	c = CMSG_FIRSTHDR(&header);
	if (c != NULL && c->cmsg_level == SOL_SOCKET &&
	    c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&message->fd, CMSG_DATA(c), sizeof(int));
	message->n = (size_t)got;
	if ((header.msg_flags & MSG_TRUNC) == 0)
		return 1;
	if (message->fd != -1)
		(void)close(message->fd);
	errno = EMSGSIZE;
	return -1;
}

void
channel_tell(int fd, uint8_t octet)
{
	(void)socket_send(fd, &octet, 1, MSG_NOSIGNAL, NULL);
}

bool
channel_is_gone(int error)
{
	return error == EPIPE || error == ECONNRESET || error == ENOTCONN;
}

int
channel_first(const struct channel_message *message)
{
	return message->n == 0 ? -1 : message->octets[0];
}

void
channel_signals(sigset_t *waiting)
{
	static const int ends[] = { CHANNEL_ENDS };
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		(void)sigaddset(&set, ends[i]);
	(void)sigprocmask(SIG_BLOCK, &set, waiting);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		(void)sigdelset(waiting, ends[i]);
}

int
channel_wait(int fd, short events, int64_t until, const sigset_t *waiting,
    const volatile sig_atomic_t *stop)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	while (*stop == 0) {
		int64_t now = clock_ms();
		int64_t all = until > now ? until - now : 0;
		/* A time_t may have 32 bits. */
		int64_t left = all < INT32_MAX ? all : INT32_MAX;
		struct timespec wait = { .tv_sec = (time_t)(left / 1000),
		    .tv_nsec = (long)(left % 1000) * 1000000 };
		int ready = ppoll(&pfd, 1, &wait, waiting);

		if (ready > 0 || (ready == 0 && left == all) ||
		    (ready < 0 && errno != EINTR))
			return ready > 0;
	}
	return -1;
}

uint32_t
channel_get_number(struct channel_message *message, size_t n)
{
	uint32_t number = 0;

	if (n > message->n - message->at) {
		message->whole = false;
		return 0;
	}
	for (size_t i = n; i > 0; i--)
		number = number << 8 | message->octets[message->at + i - 1];
	message->at += n;
	return number;
}

struct span
channel_get(struct channel_message *message)
{
	size_t n = channel_get_number(message, LENGTH);
	struct span octets = { NULL, 0 };

	if (!message->whole || n > message->n - message->at) {
		message->whole = false;
		return octets;
	}
	octets.p = (const char *)message->octets + message->at;
	octets.n = n;
	message->at += n;
	return octets;
}
