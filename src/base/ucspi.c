/* SPDX-License-Identifier: ISC */
/*
 * UCSPI-TLS, the side of the program that speaks to a client.  Others that
 * offer it tell dozens of things of a handshake, whole certificates among them:
 * what is not known here is read and forgotten.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/calls.h"
#include "base/channel.h"
#include "base/ucspi.h"

/* The descriptor that the environment has as ${name}, or -1. */
static int
descriptor(const char *name)
{
	const char *text = getenv(name);
	uint64_t number;

	return text == NULL || span_number(span_of(text), LIMITS_UCSPI_FD,
	    &number) == -1 || number <= STDERR_FILENO ? -1 : (int)number;
}

bool
ucspi_find(struct ucspi *ucspi)
{
	ucspi->control = descriptor("SSLCTLFD");
	ucspi->in = descriptor("SSLREADFD");
	ucspi->out = descriptor("SSLWRITEFD");
	if (ucspi->in == -1 || ucspi->out == -1)
		ucspi->control = -1;
	return ucspi->control != -1;
}

void
ucspi_keep(const struct ucspi *ucspi, unsigned others)
{
	const unsigned keep[] = { (unsigned)ucspi->control,
	    (unsigned)ucspi->in, (unsigned)ucspi->out };
	unsigned next;

	/* -1 is the last descriptor that there can be. */
	do {
		next = ~0u;
		for (size_t i = 0; i < sizeof(keep) / sizeof(keep[0]); i++)
			if (ucspi->control != -1 && keep[i] >= others &&
			    keep[i] < next)
				next = keep[i];
		if (next != others)
			(void)close_range(others, next == ~0u ? next : next - 1,
			    0);
		others = next == ~0u ? 0 : next + 1;
	} while (others != 0);
}

/* Note the string that was read, if it is of use. */
static void
note(struct ucspi_news *news, const struct ucspi_line *line)
{
	struct span value = { line->octets, line->n }, name;

	if (line->n > sizeof(line->octets))
		return;
	name = span_cut(&value, '=');
	if (value.p == NULL)
		return;
	if (span_equal(name, SPAN("SSL_PROTOCOL")))
		(void)span_copy(value, news->protocol, sizeof(news->protocol));
	else if (span_equal(name, SPAN("SSL_TLS_EXPORTER")))
		(void)span_copy(value, news->binding, sizeof(news->binding));
}

bool
ucspi_hear(struct ucspi_news *news, struct ucspi_line *line,
    struct span octets)
{
	for (size_t i = 0; i < octets.n; i++) {
		if (octets.p[i] != '\0') {
			if (line->n < sizeof(line->octets))
				line->octets[line->n] = octets.p[i];
			line->n++;
			continue;
		}
		if (line->n == 0)
			return true;
		note(news, line);
		line->n = 0;
	}
	return false;
}

enum ucspi_end
ucspi_secure(const struct ucspi *ucspi, struct ucspi_news *news,
    const struct ucspi_wait *wait)
{
	struct ucspi_line line = { .n = 0 };
	char octets[LIMITS_UCSPI_STRING];
	size_t all = 0;
	ssize_t n;
	int ready;

	memset(news, 0, sizeof(*news));
	do
		n = write(ucspi->control, "Y", 1);
	while (n == -1 && errno == EINTR);
	while (n > 0 && all < LIMITS_UCSPI_NEWS) {
		ready = channel_wait(ucspi->control, POLLIN, wait->until,
		    wait->waiting, wait->stop);
		if (ready != 1)
			return ready == 0 ? UCSPI_LATE : UCSPI_SIGNAL;
		n = read(ucspi->control, octets, sizeof(octets));
		if (n > 0 && ucspi_hear(news, &line,
		    (struct span){ octets, (size_t)n }))
			return UCSPI_DONE;
		all += n > 0 ? (size_t)n : 0;
	}
	return UCSPI_FAILED;
}
