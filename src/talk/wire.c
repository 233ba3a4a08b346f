/* SPDX-License-Identifier: ISC */
/*
 * The client stream.  Sockets are read and written with MSG_DONTWAIT, or read
 * with a short time-out of their own; anything else when poll(2) says so, in
 * pieces that cannot block then.  So deadlines hold, and no descriptor becomes
 * non-blocking for others who share it.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/clock.h"
#include "base/socket.h"
#include "base/stream.h"
#include "talk/wire.h"

void
wire_open(struct wire *wire, int in, int out, const volatile sig_atomic_t *stop)
{
	wire->end = WIRE_OPEN;
	stream_open(&wire->stream, in, out);
	wire->stop = stop;
	wire->start = wire->filled = wire->gathered = 0;
	wire->patient = wire->resets = false;
	wire->heard = clock_ms() + LIMITS_PATIENCE_MS;
	channel_signals(&wire->waiting);
}

void
wire_switch(struct wire *wire, const struct stream *stream)
{
	wire->stream = *stream;
	wire_feed(wire, SPAN(""));
}

int
wire_wait(const struct wire *wire, int fd, int64_t until)
{
	return channel_wait(fd, POLLIN, until, &wire->waiting, wire->stop);
}

void
wire_be_patient(struct wire *wire)
{
	const struct timeval patience = { 0, LIMITS_PATIENCE_MS * 1000L };

	wire->patient = wire->stream.in_socket &&
	    setsockopt(wire->stream.in, SOL_SOCKET, SO_RCVTIMEO, &patience,
	    sizeof(patience)) == 0;
}

static int
fail(struct wire *wire, enum wire_end end)
{
	if (wire->end == WIRE_OPEN)
		wire->end = end;
	return -1;
}

/* Wait until ${fd} can be read or written, a deadline passes, or a signal
 * asks for the end.  Returns 0, or -1 with ${wire}->end set. */
static int
wait_for(struct wire *wire, int fd, short events, int64_t until)
{
	int ready;

	if (wire->deadline != 0 && wire->deadline < until)
		until = wire->deadline;
	ready = channel_wait(fd, events, until, &wire->waiting, wire->stop);
	if (ready == 1)
		return 0;
	return fail(wire, ready == 0 ? WIRE_TIMEOUT : WIRE_SIGNAL);
}

static bool
again(void)
{
	return errno == EAGAIN || errno == EINTR;
}

/* Write some of ${n} octets, waiting at most the idle limit for room. */
static ssize_t
write_some(struct wire *wire, const char *p, size_t n)
{
	int64_t until = clock_ms() + wire->idle_ms;
	const struct stream *to = &wire->stream;
	bool wait = to->out_blocks;
	ssize_t done;

	if (to->out_blocks && n > to->piece)
		n = to->piece;
	do {
		if (wait && wait_for(wire, to->out, POLLOUT, until) == -1)
			return -1;
		done = to->out_socket ?
		    socket_send(to->out, p, n,
		    MSG_DONTWAIT | MSG_NOSIGNAL, NULL) :
		    write(to->out, p, n);
		wait = true;
	} while (done < 0 && again());
	return done < 0 ? fail(wire, WIRE_LOST) : done;
}

static void
set_reset(struct wire *wire, bool resets)
{
	if (wire->stream.mark != -1 && wire->resets != resets)
		stream_set_reset(wire->stream.mark, resets);
	wire->resets = resets;
}

/* Write what was gathered, ${amid} an answer or up to the end of one. */
static enum wire_end
flush(struct wire *wire, bool amid)
{
	size_t sent = 0;

	if (amid)
		set_reset(wire, true);
	/* A client that has ended its input may still want its answers. */
	while (wire->end <= WIRE_CUT && sent < wire->gathered) {
		ssize_t n = write_some(wire, wire->output + sent,
		    wire->gathered - sent);

		sent += n < 0 ? 0 : (size_t)n;
		if (sent < wire->gathered)
			set_reset(wire, true);
	}
	if (!amid && wire->end <= WIRE_CUT)
		set_reset(wire, false);
	wire->gathered = 0;
	return wire->end;
}

enum wire_end
wire_flush(struct wire *wire)
{
	return flush(wire, false);
}

void
wire_put(struct wire *wire, struct span octets)
{
	while (octets.n > 0) {
		size_t room = LIMITS_OUTPUT - wire->gathered;
		size_t n = octets.n < room ? octets.n : room;

		memcpy(wire->output + wire->gathered, octets.p, n);
		wire->gathered += n;
		octets.p += n;
		octets.n -= n;
		if (wire->gathered == LIMITS_OUTPUT &&
		    flush(wire, true) != WIRE_OPEN)
			return;
	}
}

void
wire_body(struct wire *wire, struct body *body, const char *p, size_t n)
{
	while (n > 0 && wire->end == WIRE_OPEN) {
		size_t part = (LIMITS_OUTPUT - wire->gathered) / 2;

		/* It can grow to twice as much, but hardly ever does. */
		if (part >= n) {
			part = n;
		} else if (part < LIMITS_OUTPUT_LEAST) {
			(void)flush(wire, true);
			continue;
		}
		wire->gathered += body_expand(body,
		    wire->output + wire->gathered, p, part);
		p += part;
		n -= part;
	}
}

void
wire_body_end(struct wire *wire, struct body *body)
{
	if (body->inside) {
		wire_put(wire, SPAN("\r\n"));
		body->octets += 2;
	}
	body->inside = body->cr = false;
}

/* Let signals in now and then: recv(2) hears none, and poll(2) none while the
 * client is always ready. */
static void
hear_signals(struct wire *wire)
{
	int64_t now = clock_ms();

	if (now < wire->heard)
		return;
	wire->heard = now + LIMITS_PATIENCE_MS;
	if (wire_wait(wire, -1, now) == -1)
		(void)fail(wire, WIRE_SIGNAL);
}

int
wire_fill(struct wire *wire, int64_t *until)
{
	/* recv(2) alone wakes up sooner than poll(2) and recv(2) do. */
	bool wait = !wire->patient;
	int in = wire->stream.in;
	int64_t now;
	ssize_t n;

	hear_signals(wire);
	wire->filled -= wire->start;
	memmove(wire->input, wire->input + wire->start, wire->filled);
	wire->start = 0;
	if (wire_flush(wire) != WIRE_OPEN)
		return -1;
	now = clock_ms();
	if (*until == 0)
		*until = now + wire->idle_ms;
	/* Where input is ready poll(2) does not look at its limit. */
	if (now >= *until || (wire->deadline != 0 && now >= wire->deadline))
		return fail(wire, WIRE_TIMEOUT);
	do {
		char *room = wire->input + wire->filled;
		size_t size = LIMITS_INPUT - wire->filled;

		if (wait && wait_for(wire, in, POLLIN, *until) == -1)
			return -1;
		n = !wire->stream.in_socket ? read(in, room, size) :
		    socket_receive(in, room, size, wait ? MSG_DONTWAIT : 0);
		wait = true;
	} while (n < 0 && again());
	if (n <= 0)
		return fail(wire, n < 0 ? WIRE_LOST :
		    wire->filled > 0 ? WIRE_CUT : WIRE_EOF);
	wire->filled += (size_t)n;
	return 0;
}

enum wire_line
wire_read_line(struct wire *wire, struct span *line)
{
	int64_t until = 0;
	size_t seen = 0;
	bool dropped = false;

	*line = (struct span){ NULL, 0 };
	if (*wire->stop != 0)
		(void)fail(wire, WIRE_SIGNAL);
	while (wire->end == WIRE_OPEN) {
		const char *p = wire->input + wire->start;
		size_t n = wire->filled - wire->start;
		const char *lf = memchr(p + seen, '\n', n - seen);

		if (lf != NULL) {
			size_t whole = (size_t)(lf - p) + 1;

			wire->start += whole;
			if (dropped || whole > LIMITS_COMMAND)
				return WIRE_TOO_LONG;
			whole -= whole > 1 && lf[-1] == '\r' ? 2 : 1;
			*line = (struct span){ p, whole };
			return span_has_control(*line) ? WIRE_MALFORMED :
			    WIRE_LINE;
		}
		seen = n;
		if (n >= LIMITS_COMMAND) {
			/* One octet stays, for the line's end is to come. */
			dropped = true;
			wire->start = wire->filled - 1;
			seen = 1;
		}
		(void)wire_fill(wire, &until);
	}
	return WIRE_NO_LINE;
}

void
wire_wipe(struct wire *wire, struct span octets)
{
	if (octets.n > 0)
		span_wipe(wire->input + (octets.p - wire->input), octets.n);
}

struct span
wire_unread(const struct wire *wire)
{
	return (struct span){ wire->input + wire->start,
	    wire->filled - wire->start };
}

void
wire_skip(struct wire *wire, size_t n)
{
	span_wipe(wire->input + wire->start, n);
	wire->start += n;
}

void
wire_feed(struct wire *wire, struct span octets)
{
	if (octets.n > 0)
		memcpy(wire->input, octets.p, octets.n);
	/* What was unread before may have been a password. */
	span_wipe(wire->input + octets.n, sizeof(wire->input) - octets.n);
	wire->start = 0;
	wire->filled = octets.n;
}

void
wire_cut(struct wire *wire)
{
	(void)flush(wire, true);
	(void)fail(wire, WIRE_LOST);
}

void
wire_close(struct wire *wire)
{
	int64_t until = clock_ms() + LIMITS_LINGER_MS;
	struct pollfd pfd = { .fd = wire->stream.in, .events = POLLIN };
	ssize_t n, dropped = 0;

	(void)wire_flush(wire);
	if (!wire->stream.tcp || wire->end == WIRE_LOST || wire->resets ||
	    socket_end(wire->stream.out) == -1)
		return;
	do {
		int64_t left = until - clock_ms();

		if (left <= 0 || poll(&pfd, 1, (int)left) <= 0)
			return;
		n = socket_receive(pfd.fd, wire->input, LIMITS_INPUT,
		    MSG_DONTWAIT);
		dropped += n;
	} while (n > 0 && dropped < LIMITS_LINGER_OCTETS);
}
