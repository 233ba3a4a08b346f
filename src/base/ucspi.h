/* SPDX-License-Identifier: ISC */
/*
 * UCSPI-TLS: how a program that speaks to a client has another one begin TLS on
 * the same connection.  Three descriptors are named in the environment: one to
 * ask on (SSLCTLFD), and two that have what is said inside TLS (SSLREADFD,
 * SSLWRITEFD).
 */
#ifndef UCSPI_H
#define UCSPI_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/span.h"

struct ucspi {
	int control;		/* -1: there is nobody to ask */
	int in, out;
};

/* What is told of a handshake that has succeeded; texts are empty if they are
 * not told. */
struct ucspi_news {
	char protocol[LIMITS_UCSPI];	/* SSL_PROTOCOL: "TLSv1.3" */
	char binding[LIMITS_UCSPI];	/* SSL_TLS_EXPORTER: RFC 9266's value,
				 * in hex; dewey-tls alone tells it */
};

enum ucspi_end {
	UCSPI_DONE,
	UCSPI_FAILED,		/* the handshake did, or nobody answers */
	UCSPI_LATE,
	UCSPI_SIGNAL
};

/* How long an answer may take, and what ends the wait: as for channel_wait. */
struct ucspi_wait {
	int64_t until;
	const sigset_t *waiting;
	const volatile sig_atomic_t *stop;
};

/*
 * ucspi_find(ucspi):
 * Take the three descriptors from the environment.  Returns whether they are
 * there; otherwise ${ucspi}->control is -1.
 */
bool ucspi_find(struct ucspi *ucspi);

/*
 * ucspi_keep(ucspi, others):
 * Close all descriptors from ${others} on but those of ${ucspi}.
 */
void ucspi_keep(const struct ucspi *ucspi, unsigned others);

/*
 * ucspi_secure(ucspi, news, wait):
 * Ask for the handshake ("Y"), and wait until it has succeeded and ${news} of
 * it were told.
 */
enum ucspi_end ucspi_secure(const struct ucspi *ucspi, struct ucspi_news *news,
    const struct ucspi_wait *wait);

/*
 * ucspi_hear(news, line, octets):
 * Read ${octets} of an answer: strings NAME=value that end in NUL, and an
 * empty one behind the last.  ${line} is what of a string was read before, and
 * is kept between the calls; at first it is empty.  Returns whether the end
 * was there.
 */
struct ucspi_line {
	size_t n;		/* octets of the string; those beyond the room
				 * are not kept */
	char octets[LIMITS_UCSPI_STRING];
};
bool ucspi_hear(struct ucspi_news *news, struct ucspi_line *line,
    struct span octets);

#endif
