/* SPDX-License-Identifier: ISC */
/*
 * The client stream: lines in, replies and messages out, on two descriptors
 * that may be a socket, a pipe, a terminal or a file.  Nothing here knows a
 * command.  Descriptors are never made non-blocking, for others share them.
 */
#ifndef WIRE_H
#define WIRE_H

#include <sys/types.h>

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/span.h"
#include "base/stream.h"
#include "mail/body.h"

/* Why a line or a flush did not work. */
enum wire_end {
	WIRE_OPEN,		/* it did */
	WIRE_EOF,		/* the client's input ended between commands, */
	WIRE_CUT,		/* or in the middle of one */
	/* From here on nothing can be sent either. */
	WIRE_TIMEOUT,		/* a deadline passed */
	WIRE_SIGNAL,		/* a signal asks for the end */
	WIRE_LOST		/* a read or write failed */
};

/* What wire_read_line got. */
enum wire_line {
	WIRE_LINE,		/* a line */
	WIRE_TOO_LONG,		/* more than 255 octets; it was dropped */
	WIRE_MALFORMED,		/* NUL, another control or a bare CR; dropped */
	WIRE_NO_LINE		/* none: see wire->end */
};

/* All fields are private but end and the two limits. */
struct wire {
	enum wire_end end;	/* stays as it is once it is not WIRE_OPEN */
	int64_t idle_ms;	/* limit of each wait */
	int64_t deadline;	/* limit of all waits, on clock_ms; 0: none */
	struct stream stream;	/* the descriptors */
	bool resets;		/* an answer was begun: TCP ends in a reset */
	bool patient;		/* recv(2) itself waits, for a moment */
	int64_t heard;		/* on clock_ms: let signals in from then on */
	const volatile sig_atomic_t *stop;	/* not 0: a signal arrived */
	sigset_t waiting;	/* signals blocked while waiting */
	size_t start, filled;	/* unread input is at input[start..filled) */
	size_t gathered;	/* octets in output */
	char input[LIMITS_INPUT];
	char output[LIMITS_OUTPUT];
};

/*
 * wire_open(wire, in, out, stop):
 * Prepare ${wire} to read ${in} and write ${out}, which stay the caller's.  The
 * signals that set ${stop} are blocked from now on, and come through only while
 * ${wire} waits.  Over TCP, small replies are sent at once.
 */
void wire_open(struct wire *wire, int in, int out,
    const volatile sig_atomic_t *stop);

/*
 * wire_switch(wire, stream):
 * From now on read and write ${stream}.  Input that is unread is dropped, and
 * nothing may be gathered.
 */
void wire_switch(struct wire *wire, const struct stream *stream);

/*
 * wire_wait(wire, fd, until):
 * channel_wait for input of ${fd}, with the signals that end ${wire}.
 */
int wire_wait(const struct wire *wire, int fd, int64_t until);

/*
 * wire_be_patient(wire):
 * From now on wait for the octets of a socket in recv(2) itself, for up to
 * LIMITS_PATIENCE_MS, and in poll(2) only after that.  The socket keeps that
 * limit.
 */
void wire_be_patient(struct wire *wire);

/*
 * wire_read_line(wire, line):
 * Set ${line} to the next line without its LF or CR LF; it stays valid until
 * the next call.  What was gathered is written before waiting.  A line of more
 * than 255 octets, line end included, is dropped to its end (RFC 2449 s4).
 * Octets that no line end follows are no line.
 */
enum wire_line wire_read_line(struct wire *wire, struct span *line);

/*
 * wire_wipe(wire, octets):
 * Overwrite ${octets}, which are part of the line that was read last.
 */
void wire_wipe(struct wire *wire, struct span octets);

/*
 * wire_fill(wire, until):
 * Receive more input behind what is unread, before ${until}.  That is 0 for a
 * wait that begins and is set then: octets that trickle in do not move it.
 * What was gathered is written first.  Returns 0, or -1 with ${wire}->end set.
 */
int wire_fill(struct wire *wire, int64_t *until);

/*
 * wire_unread(wire), wire_skip(wire, n), wire_feed(wire, octets):
 * Return the input that was received but not read yet; wipe the first ${n}
 * octets of it, which are read now; put ${octets} there, at most LIMITS_INPUT,
 * for another process to go on with.
 */
struct span wire_unread(const struct wire *wire);
void wire_skip(struct wire *wire, size_t n);
void wire_feed(struct wire *wire, struct span octets);

/*
 * wire_put(wire, octets):
 * Gather ${octets} to be sent as they are.  Errors show in ${wire}->end.
 */
void wire_put(struct wire *wire, struct span octets);

/*
 * wire_body(wire, body, p, n), wire_body_end(wire, body):
 * Send the next ${n} stored octets of a message: each LF or CR LF as CR LF, a
 * dot at the begin of a line doubled (RFC 1939 s3).  wire_body_end ends an
 * open line.  The final dot is the caller's: without it the client knows that
 * the message is not whole.
 */
void wire_body(struct wire *wire, struct body *body, const char *p,
    size_t n);
void wire_body_end(struct wire *wire, struct body *body);

/*
 * wire_flush(wire):
 * Write what was gathered.  Returns ${wire}->end.
 */
enum wire_end wire_flush(struct wire *wire);

/*
 * wire_cut(wire):
 * An answer that was begun will not be completed: write what was gathered of
 * it, and nothing more; over TCP the connection ends in a reset.
 */
void wire_cut(struct wire *wire);

/*
 * wire_close(wire):
 * Write what was gathered; over TCP, say that no more comes and drop what
 * the client still sends, for at most 1 s or 64 KiB.  Where an answer was begun
 * and not completed, do neither: the connection ends in a reset, because some
 * clients take any other end for that of the message.
 */
void wire_close(struct wire *wire);

#endif
