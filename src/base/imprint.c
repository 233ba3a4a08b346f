/* SPDX-License-Identifier: ISC */
/*
 * Imprints.  Where the processor has instructions for it, octets go through a
 * round of AES, which mixes 16 at once and loses nothing: what differs in one
 * place differs at the end.  Elsewhere an imprint is a sum.
 */
#include "config.h"

#include <string.h>

#if defined(__x86_64__) && defined(HAVE_SYS_PLATFORM_X86_H)
#include <immintrin.h>
#include <sys/platform/x86.h>
#define HAVE_MIX 1
#endif

#include "base/imprint.h"

#ifdef HAVE_MIX
#define MIXES __attribute__((target("aes,avx")))

static bool
can_mix(void)
{
	return CPU_FEATURE_ACTIVE(AES) && CPU_FEATURE_ACTIVE(AVX);
}

static inline __m128i MIXES
lane(const uint8_t *p, unsigned i)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p + i);
}

static void MIXES
mix(uint8_t *lanes, const uint8_t *p, size_t n)
{
	__m128i a = lane(lanes, 0), b = lane(lanes, 1);
	__m128i c = lane(lanes, 2), d = lane(lanes, 3);
	__m128i *to = (__m128i *)(void *)lanes;

	for (; n >= IMPRINT_GROUP; p += IMPRINT_GROUP, n -= IMPRINT_GROUP) {
		a = _mm_aesenc_si128(a, lane(p, 0));
		b = _mm_aesenc_si128(b, lane(p, 1));
		c = _mm_aesenc_si128(c, lane(p, 2));
		d = _mm_aesenc_si128(d, lane(p, 3));
	}
	_mm_storeu_si128(to, a);
	_mm_storeu_si128(to + 1, b);
	_mm_storeu_si128(to + 2, c);
	_mm_storeu_si128(to + 3, d);
}

/* All lanes in one, and its octets mixed with each other. */
static uint64_t MIXES
fold(const uint8_t *lanes)
{
	__m128i a = lane(lanes, 0);
	uint64_t halves[2];

	for (unsigned i = 1; i < 4; i++)
		a = _mm_aesenc_si128(a, lane(lanes, i));
	for (unsigned i = 0; i < 3; i++)
		a = _mm_aesenc_si128(a, lane(lanes, i));
	_mm_storeu_si128((__m128i *)(void *)halves, a);
	return halves[0] ^ halves[1];
}
#else
static bool
can_mix(void)
{
	return false;
}

static void
mix(uint8_t *lanes, const uint8_t *p, size_t n)
{
	(void)lanes;
	(void)p;
	(void)n;
}

static uint64_t
fold(const uint8_t *lanes)
{
	(void)lanes;
	return 0;
}
#endif

void
imprint_begin(struct imprint *imprint, uint64_t seed, uint64_t n)
{
	uint64_t words[IMPRINT_GROUP / sizeof(uint64_t)];

	imprint->mixes = can_mix();
	imprint->n = 0;
	if (!imprint->mixes) {
		sum_begin(&imprint->sum, seed, n);
		return;
	}
	for (uint64_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		words[i] = (i % 2 == 0 ? seed : n) + i * 0x9e3779b97f4a7c15u;
	memcpy(imprint->lanes, words, sizeof(words));
}

void
imprint_feed(struct imprint *imprint, const void *octets, size_t n)
{
	const uint8_t *p = octets;
	size_t part;

	if (!imprint->mixes) {
		sum_feed(&imprint->sum, octets, n);
		return;
	}
	if (imprint->n > 0) {
		part = IMPRINT_GROUP - imprint->n < n ?
		    IMPRINT_GROUP - imprint->n : n;
		memcpy(imprint->rest + imprint->n, p, part);
		imprint->n += part;
		p += part;
		n -= part;
		if (imprint->n < IMPRINT_GROUP)
			return;
		mix(imprint->lanes, imprint->rest, IMPRINT_GROUP);
	}
	mix(imprint->lanes, p, n);
	imprint->n = n % IMPRINT_GROUP;
	memcpy(imprint->rest, p + n - imprint->n, imprint->n);
}

uint64_t
imprint_end(struct imprint *imprint)
{
	if (!imprint->mixes)
		return sum_end(&imprint->sum);
	memset(imprint->rest + imprint->n, 0, IMPRINT_GROUP - imprint->n);
	mix(imprint->lanes, imprint->rest, IMPRINT_GROUP);
	return fold(imprint->lanes);
}
