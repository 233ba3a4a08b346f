/* SPDX-License-Identifier: ISC */
/*
 * Base64.  Nettle skips blanks, and takes A=== for no octet, so both are looked
 * for before.
 */
#include "config.h"

#include <string.h>

#include <nettle/base64.h>

#include "base/base64.h"

struct span
base64_encode(struct span octets, char *text, size_t size)
{
	size_t n = BASE64_TEXT(octets.n);

	if (n == 0 || n > size)
		return (struct span){ text, 0 };
	base64_encode_raw(text, octets.n, (const uint8_t *)octets.p);
	return (struct span){ text, n };
}

int
base64_decode(struct span text, char *octets, size_t size, struct span *out)
{
	struct base64_decode_ctx base64;
	size_t n = text.n / 4 * 3;
	bool right = text.n % 4 == 0 && n <= size;

	*out = (struct span){ octets, 0 };
	for (size_t i = 0; i < text.n; i++)
		right = right && text.p[i] > ' ';
	if (!right || text.n == 0)
		return right ? 0 : -1;
	/* At most two of the last four are padding. */
	if (text.p[text.n - 3] == '=')
		return -1;
	base64_decode_init(&base64);
	right = base64_decode_update(&base64, &n, (uint8_t *)octets, text.n,
	    text.p) == 1 && base64_decode_final(&base64) == 1;
	span_wipe(&base64, sizeof(base64));
	out->n = right ? n : 0;
	return right ? 0 : -1;
}
