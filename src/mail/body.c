/* SPDX-License-Identifier: ISC */
/*
 * A message as it is sent.  Octets between two line ends are copied, so this
 * is about as fast as finding the line ends.
 */
#include "config.h"

#include <string.h>

#include "mail/body.h"
#include "mail/look.h"

/* body_expand without wide vectors, and what those leave over. */
static size_t
expand(struct body *body, char *out, const char *p, size_t n)
{
	const char *end = p + n;
	char *begin = out;
	size_t stuffed = 0;

	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		size_t line = (size_t)((lf == NULL ? end : lf) - p);

		if (line > 0) {
			if (!body->inside && *p == '.') {
				*out++ = '.';
				stuffed++;
			}
			/* memcpy would be made small instead of fast here. */
			memmove(out, p, line);
			out += line;
			body->inside = true;
			body->cr = p[line - 1] == '\r';
		}
		if (lf == NULL)
			break;
		if (!body->cr)
			*out++ = '\r';
		*out++ = '\n';
		body->inside = body->cr = false;
		p = lf + 1;
	}
	body->octets += (size_t)(out - begin) - stuffed;
	return (size_t)(out - begin);
}

/* The same for processors that compare 32 octets at once.  Octets are copied
 * in whole looks, and again from the begin of each line that begins in one: no
 * look waits for what the one before has found. */
LOOK_WIDE static size_t
expand_wide(struct body *body, char *out, const char *p, size_t n)
{
	const size_t ahead = 2 * (size_t)LIMITS_LOOK;
	const char *end = p + n;
	char *begin = out;
	size_t stuffed = 0;

	/* The octet before a line end is looked at below. */
	if (n < ahead || *p == '\n')
		return expand(body, out, p, n);
	if (!body->inside && *p == '.') {
		*out++ = '.';
		stuffed++;
	}
	for (; (size_t)(end - p) >= ahead; p += LIMITS_LOOK) {
		uint64_t ends = look_wide(p).lf;

		look_copy(out, p);
		for (; ends != 0; ends &= ends - 1) {
			size_t i = (size_t)__builtin_ctzll(ends);
			const char *lf = p + i;

			if (lf[-1] != '\r')
				out++[i] = '\r';
			out[i++] = '\n';
			if (lf[1] == '.') {
				out++[i] = '.';
				stuffed++;
			}
			look_copy(out + i, lf + 1);
		}
		out += LIMITS_LOOK;
	}
	/* A dot that comes next is doubled already. */
	body->inside = p[-1] != '\n' || *p == '.';
	body->cr = p[-1] == '\r';
	body->octets += (size_t)(out - begin) - stuffed;
	return (size_t)(out - begin) + expand(body, out, p, (size_t)(end - p));
}

size_t
body_expand(struct body *body, char *out, const char *p, size_t n)
{
	return body_expand_as(body, out, p, n, look_is_wide());
}

size_t
body_expand_as(struct body *body, char *out, const char *p, size_t n, bool wide)
{
	return (wide ? expand_wide : expand)(body, out, p, n);
}
