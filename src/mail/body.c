/* SPDX-License-Identifier: ISC */
/*
 * A message as it is sent.  Octets between two line ends are copied, so this
 * is about as fast as finding the line ends.
 */
#include "config.h"

#include <string.h>

#if defined(__x86_64__) && defined(HAVE_SYS_PLATFORM_X86_H)
#include <immintrin.h>
#include <sys/platform/x86.h>
#define HAVE_WIDE 1
#endif

#include "mail/body.h"

/* Octets looked at together. */
#define LOOK 64

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

#ifdef HAVE_WIDE
/* The same for processors that compare 32 octets at once.  Octets are copied
 * in whole looks; where a line ends in one, the next look begins behind it. */
__attribute__((target("avx2"))) static size_t
expand_wide(struct body *body, char *out, const char *p, size_t n)
{
	const __m256i lf = _mm256_set1_epi8('\n');
	const char *end = p + n;
	char *begin = out;

	while (end - p >= LOOK) {
		__m256i low = _mm256_loadu_si256((const void *)p);
		__m256i high = _mm256_loadu_si256((const void *)(p + LOOK / 2));
		uint64_t ends = (uint32_t)_mm256_movemask_epi8(
		    _mm256_cmpeq_epi8(low, lf)) |
		    (uint64_t)(uint32_t)_mm256_movemask_epi8(
		    _mm256_cmpeq_epi8(high, lf)) << 32;
		unsigned line = LOOK;

		if (!body->inside && *p == '.') {
			*out++ = '.';
			body->octets--;
		}
		_mm256_storeu_si256((void *)out, low);
		_mm256_storeu_si256((void *)(out + LOOK / 2), high);
		if (ends != 0)
			line = (unsigned)__builtin_ctzll(ends);
		if (line > 0)
			body->cr = p[line - 1] == '\r';
		out += line;
		p += line;
		body->inside = ends == 0;
		if (ends != 0) {
			if (!body->cr)
				*out++ = '\r';
			*out++ = '\n';
			body->cr = false;
			p++;
		}
	}
	body->octets += (size_t)(out - begin);
	return (size_t)(out - begin) + expand(body, out, p, (size_t)(end - p));
}

static bool
is_wide(void)
{
	return CPU_FEATURE_ACTIVE(AVX2);
}
#else
static size_t
expand_wide(struct body *body, char *out, const char *p, size_t n)
{
	return expand(body, out, p, n);
}

static bool
is_wide(void)
{
	return false;
}
#endif

size_t
body_expand(struct body *body, char *out, const char *p, size_t n)
{
	return body_expand_as(body, out, p, n, is_wide());
}

size_t
body_expand_as(struct body *body, char *out, const char *p, size_t n, bool wide)
{
	return (wide ? expand_wide : expand)(body, out, p, n);
}
