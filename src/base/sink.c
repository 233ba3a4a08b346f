/* SPDX-License-Identifier: ISC */
/*
 * Where lines of the log go.  Each is one datagram, or one write to where there
 * is room, and all pauses of a process have one bound.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/sink.h"
#include "base/socket.h"

static const struct sockaddr_un sink_syslogd = { AF_UNIX, _PATH_LOG };

void
sink_open(struct sink *sink)
{
	/* The time zone is read now: files are out of reach later. */
	tzset();
	sink->socket = socket(AF_UNIX,
	    SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (connect(sink->socket, (const struct sockaddr *)&sink_syslogd,
	    sizeof(sink_syslogd)) == 0)
		return;
	/* Where there is no syslogd, none is waited for. */
	if (errno == ENOENT)
		sink->waited = LIMITS_LOG_MS;
	sink->stream = errno == EPROTOTYPE;
	if (sink->stream)
		openlog("dewey", LOG_PID | LOG_NDELAY, LOG_MAIL);
}

void
sink_close(struct sink *sink)
{
	if (sink->socket != -1)
		(void)close(sink->socket);
	sink->socket = -1;
	if (sink->stream)
		closelog();
}

/* Whether a queue was full, or syslogd is being started again. */
static bool
may_pass(int error)
{
	return error == EAGAIN || error == ENOBUFS || error == ECONNREFUSED ||
	    error == ENOENT;
}

/* Try once: one write, of no more than there is room for in a pipe that is not
 * full; or one datagram.  For each of these the path is looked up, so that
 * whoever is syslogd now gets it; where that fails the connection is used. */
static bool
try(const struct sink *sink, const char *p, size_t n, bool to_stderr,
    bool last)
{
	struct pollfd pfd = { .fd = STDERR_FILENO, .events = POLLOUT };
	const struct timespec none = { 0, 0 };
	const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;

	errno = EAGAIN;
	if (to_stderr)
		return ppoll(&pfd, 1, &none, NULL) == 1 &&
		    write(STDERR_FILENO, p, n) != -1;
	return socket_send(sink->socket, p, n, flags, &sink_syslogd) != -1 ||
	    ((last || !may_pass(errno)) &&
	    socket_send(sink->socket, p, n, flags, NULL) != -1);
}

bool
sink_put(struct sink *sink, const char *p, size_t n, bool to_stderr)
{
	/* A reader that takes lines, but not at once, costs no more of the
	 * time there is than what goes beyond the first pause of each. */
	for (unsigned pause = LIMITS_LOG_FIRST_MS;; ) {
		bool last = sink->waited >= LIMITS_LOG_MS;
		const struct timespec wait = {
		    .tv_nsec = (long)pause * 1000000 };

		if (try(sink, p, n, to_stderr, last))
			return true;
		if (last || !may_pass(errno))
			return false;
		(void)ppoll(NULL, 0, &wait, NULL);
		sink->waited += pause - LIMITS_LOG_FIRST_MS;
		if (pause < LIMITS_LOG_PAUSE_MS)
			pause *= 2;
	}
}
