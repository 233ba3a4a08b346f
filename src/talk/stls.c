/* SPDX-License-Identifier: ISC */
/*
 * TLS with the client.
 */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "talk/stls.h"

void
stls_none(struct stls *stls)
{
	memset(stls, 0, sizeof(*stls));
	stls->ucspi.control = -1;
}

void
stls_open(struct stls *stls, const struct stream *network)
{
	stream_open(&stls->stream, stls->ucspi.in, stls->ucspi.out);
	/* An answer that is not whole must not end as one that is: who speaks
	 * TLS sees the mark there. */
	if (stls->ours && network->out_socket)
		stls->stream.mark = network->out;
}

void
stls_close(struct stls *stls)
{
	if (stls->ucspi.control == -1)
		return;
	if (stls->stream.out != stls->ucspi.out)
		(void)close(stls->stream.out);
	if (stls->ucspi.out != stls->ucspi.in)
		(void)close(stls->ucspi.out);
	(void)close(stls->ucspi.in);
}

/* Which version ${protocol} names. */
static enum log_tls
version_of(const char *protocol)
{
	static const char *const names[] = {
		[LOG_TLS_1_0] = "TLSv1", [LOG_TLS_1_1] = "TLSv1.1",
		[LOG_TLS_1_2] = "TLSv1.2", [LOG_TLS_1_3] = "TLSv1.3",
	};

	for (size_t i = LOG_TLS_1_0; i <= LOG_TLS_1_3; i++)
		if (strcmp(protocol, names[i]) == 0)
			return (enum log_tls)i;
	return LOG_TLS_OTHER;
}

/* Read the value of tls-exporter.  Returns whether it is one: where it cannot
 * be trusted it is not told. */
static bool
read_binding(const char *hex, char binding[LIMITS_BINDING])
{
	static const char digits[] = "0123456789abcdef";

	if (strlen(hex) != (size_t)2 * LIMITS_BINDING ||
	    strspn(hex, digits) != (size_t)2 * LIMITS_BINDING)
		return false;
	for (size_t i = 0; i < LIMITS_BINDING; i++)
		binding[i] = (char)(
		    (strchr(digits, hex[2 * i]) - digits) * 16 +
		    (strchr(digits, hex[2 * i + 1]) - digits));
	return true;
}

enum ucspi_end
stls_secure(struct stls *stls, struct wire *wire)
{
	const struct ucspi_wait wait = { wire->deadline, &wire->waiting,
	    wire->stop };
	struct ucspi_news news;
	enum ucspi_end end;

	if (wire_flush(wire) != WIRE_OPEN || wire_unread(wire).n > 0)
		return UCSPI_FAILED;
	end = ucspi_secure(&stls->ucspi, &news, &wait);
	if (end != UCSPI_DONE)
		return end;
	stls->tls = version_of(news.protocol);
	/* Whether another program's can be trusted, nobody knows. */
	stls->bound = stls->ours && read_binding(news.binding, stls->binding);
	wire_switch(wire, &stls->stream);
	return UCSPI_DONE;
}
