/* SPDX-License-Identifier: ISC */
/*
 * The relay.  The program has all limits of time, as without TLS; only when it
 * is gone the relay has one of its own.  The end of the client's octets is
 * that, whether or not a close_notify said so: no command is ever made of half
 * a line.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/socket.h"
#include "tls/relay.h"

struct relay {
	struct handshake *handshake;
	int inner;
	bool client_ended;	/* no more comes from there */
	bool program_ended;
	bool program_gone;	/* it has closed the socket */
	bool broken;		/* TLS is */
	size_t at, n;		/* octets for the program: up[at..n) */
	unsigned char up[LIMITS_TLS_RECORD];
	unsigned char down[LIMITS_TLS_READ];
};

/* No more comes from the client. */
static void
end_client(struct relay *relay)
{
	relay->client_ended = true;
	relay->at = relay->n = 0;
	(void)socket_end(relay->inner);
}

/* Take a record from the client.  Returns whether one came. */
static bool
take(struct relay *relay)
{
	ssize_t n = gnutls_record_recv(relay->handshake->session, relay->up,
	    sizeof(relay->up));

	if (n > 0) {
		relay->at = 0;
		relay->n = (size_t)n;
		return true;
	}
	if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
		return false;
	/* Nothing is negotiated a second time. */
	relay->broken = n != 0 && n != GNUTLS_E_PREMATURE_TERMINATION;
	end_client(relay);
	return false;
}

/* From the client to the program, as much as there is. */
static void
go_up(struct relay *relay)
{
	while (!relay->client_ended && (relay->at < relay->n || take(relay))) {
		ssize_t n = socket_send(relay->inner, relay->up + relay->at,
		    relay->n - relay->at, MSG_DONTWAIT | MSG_NOSIGNAL, NULL);

		if (n > 0)
			relay->at += (size_t)n;
		else if (errno == EAGAIN)
			return;
		else if (errno != EINTR)
			end_client(relay);
	}
}

/* From the program to the client.  GnuTLS gets no more than there is room for,
 * so it never has to wait. */
static void
go_down(struct relay *relay)
{
	struct outer *outer = &relay->handshake->outer;

	while (outer_flush(outer) && !outer->lost && !relay->program_ended) {
		ssize_t n = socket_receive(relay->inner, relay->down,
		    sizeof(relay->down), MSG_DONTWAIT), sent, done = 0;

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		relay->program_ended = n <= 0;
		for (; done < n; done += sent) {
			sent = gnutls_record_send(relay->handshake->session,
			    relay->down + done, (size_t)(n - done));
			if (sent <= 0) {
				relay->broken = true;
				return;
			}
		}
	}
}

/* Wait until something can go on.  Returns 0, or -1 if the client has not read
 * for too long. */
static int
wait_for(struct relay *relay, int patience_ms)
{
	const struct outer *outer = &relay->handshake->outer;
	bool full = outer->filled > 0, up = relay->at < relay->n;
	short inner = (short)((full || relay->program_ended ? 0 : POLLIN) |
	    (up ? POLLOUT : 0));
	struct pollfd fds[] = {
		{ .fd = inner == 0 && relay->program_gone ? -1 : relay->inner,
		    .events = (short)(inner | POLLRDHUP) },
		{ .fd = up || relay->client_ended ? -1 : outer->stream.in,
		    .events = POLLIN },
		{ .fd = full ? outer->stream.out : -1, .events = POLLOUT },
	};
	int ready = poll(fds, sizeof(fds) / sizeof(fds[0]),
	    relay->program_gone ? patience_ms : -1);

	if ((fds[0].revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0)
		relay->program_gone = true;
	return ready == 0 ? -1 : 0;
}

/* Whether the program was cut short amid an answer. */
static bool
is_cut(const struct relay *relay)
{
	int mark = relay->handshake->outer.stream.mark;

	return relay->program_gone && mark != -1 && stream_resets(mark);
}

void
relay_run(struct handshake *handshake, int inner, int patience_ms)
{
	/* Of pages that hold nothing but buffers none is touched until there is
	 * something for it. */
	static struct relay relay;
	struct outer *outer = &handshake->outer;

	relay.handshake = handshake;
	relay.inner = inner;
	for (;;) {
		go_up(&relay);
		go_down(&relay);
		if (outer->lost || relay.broken ||
		    (relay.program_ended && outer->filled == 0))
			break;
		if (is_cut(&relay) && outer->filled > 0)
			return;
		if (wait_for(&relay, patience_ms) == -1)
			return;
	}
	relay.program_gone = true;
	if (outer->lost || is_cut(&relay))
		return;
	if (!relay.broken)
		(void)gnutls_bye(handshake->session, GNUTLS_SHUT_WR);
	outer_end(outer);
}
