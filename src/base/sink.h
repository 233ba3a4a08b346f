/* SPDX-License-Identifier: ISC */
/*
 * Where lines of the log go: syslogd, or descriptor 2.  No line waits for ever,
 * whoever reads it.
 */
#ifndef SINK_H
#define SINK_H

#include <stdbool.h>
#include <stddef.h>

struct sink {
	int socket;		/* to syslogd; -1: none */
	bool stream;		/* syslogd wants one: the C library's is used */
	unsigned waited;	/* milliseconds so far, of LIMITS_LOG_MS */
};

/*
 * sink_open(sink), sink_close(sink):
 * Connect to syslogd, for a process that cannot open files later; disconnect.
 */
void sink_open(struct sink *sink);
void sink_close(struct sink *sink);

/*
 * sink_put(sink, p, n, to_stderr):
 * Get the ${n} octets at ${p}, a line, to syslogd or ${to_stderr}, with pauses
 * if need be: those of one process are LIMITS_LOG_MS in all.  On descriptor 2
 * more than LIMITS_PIPE_WRITE octets may have to wait for their reader.
 * Returns whether the line was taken.
 */
bool sink_put(struct sink *sink, const char *p, size_t n, bool to_stderr);

#endif
