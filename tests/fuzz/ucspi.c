/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes what a program that speaks TLS tells of a handshake (UCSPI-TLS): read
 * in one piece and in many, it comes to the same; texts end in NUL within their
 * room, and nothing is kept that was longer.
 */
#include "config.h"

#include <string.h>

#include "base/ucspi.h"
#include "fuzz.h"

/* Read ${input} in pieces of ${n} octets. */
static bool
hear(struct span input, size_t n, struct ucspi_news *news)
{
	struct ucspi_line line = { .n = 0 };
	bool ended = false;

	memset(news, 0, sizeof(*news));
	while (input.n > 0 && !ended) {
		size_t part = input.n < n ? input.n : n;

		ended = ucspi_hear(news, &line, (struct span){ input.p, part });
		input.p += part;
		input.n -= part;
	}
	return ended;
}

void
fuzz_ucspi(struct span input)
{
	size_t n = 1 + fuzz_number(&input, 64);
	struct ucspi_news whole, cut;

	FUZZ_CHECK(hear(input, input.n, &whole) == hear(input, n, &cut));
	FUZZ_CHECK(memcmp(&whole, &cut, sizeof(whole)) == 0);
	FUZZ_CHECK(memchr(whole.protocol, '\0', LIMITS_UCSPI) != NULL);
	FUZZ_CHECK(memchr(whole.binding, '\0', LIMITS_UCSPI) != NULL);
}
