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

/* What goes in all lanes at the begin, each a different one. */
#define STEP 0x9e3779b97f4a7c15u

#ifdef HAVE_MIX
#define MIXES __attribute__((target("aes,avx")))
#define INLINE static inline MIXES __attribute__((always_inline))

/* The lanes of an imprint, in registers. */
struct lanes {
	__m128i a, b, c, d;
};

static bool
can_mix(void)
{
	return CPU_FEATURE_ACTIVE(AES) && CPU_FEATURE_ACTIVE(AVX);
}

INLINE __m128i
load(const uint8_t *p, unsigned i)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p + i);
}

INLINE __m128i
first(uint64_t seed, uint64_t i)
{
	uint64_t low = seed + i * STEP, high = low + STEP;

	return _mm_set_epi64x((long long)high, (long long)low);
}

INLINE struct lanes
begin(uint64_t seed)
{
	return (struct lanes){ first(seed, 0), first(seed, 2), first(seed, 4),
	    first(seed, 6) };
}

/* Mix the groups of which ${n} octets are whole. */
INLINE struct lanes
mix(struct lanes to, const uint8_t *p, size_t n)
{
	for (; n >= IMPRINT_GROUP; p += IMPRINT_GROUP, n -= IMPRINT_GROUP) {
		to.a = _mm_aesenc_si128(to.a, load(p, 0));
		to.b = _mm_aesenc_si128(to.b, load(p, 1));
		to.c = _mm_aesenc_si128(to.c, load(p, 2));
		to.d = _mm_aesenc_si128(to.d, load(p, 3));
	}
	return to;
}

/* All lanes in one, and its octets mixed with each other. */
INLINE uint64_t
fold(struct lanes of)
{
	__m128i a = of.a;

	a = _mm_aesenc_si128(a, of.b);
	a = _mm_aesenc_si128(a, of.c);
	a = _mm_aesenc_si128(a, of.d);
	a = _mm_aesenc_si128(a, of.a);
	a = _mm_aesenc_si128(a, of.b);
	a = _mm_aesenc_si128(a, of.c);
	return (uint64_t)_mm_extract_epi64(a, 0) ^
	    (uint64_t)_mm_extract_epi64(a, 1);
}

static void MIXES
mix_begin(uint8_t *lanes, uint64_t seed)
{
	struct lanes now = begin(seed);

	memcpy(lanes, &now, sizeof(now));
}

static void MIXES
mix_feed(uint8_t *lanes, const uint8_t *p, size_t n)
{
	struct lanes now = { load(lanes, 0), load(lanes, 1), load(lanes, 2),
	    load(lanes, 3) };

	now = mix(now, p, n);
	memcpy(lanes, &now, sizeof(now));
}

static uint64_t MIXES
mix_end(const uint8_t *lanes, const uint8_t *rest)
{
	struct lanes now = { load(lanes, 0), load(lanes, 1), load(lanes, 2),
	    load(lanes, 3) };

	return fold(mix(now, rest, IMPRINT_GROUP));
}

static uint64_t MIXES
mix_all(uint64_t seed, const uint8_t *p, size_t n)
{
	uint8_t rest[IMPRINT_GROUP] = { 0 };
	size_t whole = n - n % IMPRINT_GROUP;
	struct lanes now = mix(begin(seed), p, whole);

	memcpy(rest, p + whole, n - whole);
	return fold(mix(now, rest, IMPRINT_GROUP));
}
#else
static bool
can_mix(void)
{
	return false;
}

static void
mix_begin(uint8_t *lanes, uint64_t seed)
{
	(void)lanes;
	(void)seed;
}

static void
mix_feed(uint8_t *lanes, const uint8_t *p, size_t n)
{
	(void)lanes;
	(void)p;
	(void)n;
}

static uint64_t
mix_end(const uint8_t *lanes, const uint8_t *rest)
{
	(void)lanes;
	(void)rest;
	return 0;
}

static uint64_t
mix_all(uint64_t seed, const uint8_t *p, size_t n)
{
	(void)seed;
	(void)p;
	(void)n;
	return 0;
}
#endif

void
imprint_begin(struct imprint *imprint, uint64_t seed)
{
	imprint->mixes = can_mix();
	imprint->n = 0;
	imprint->octets = 0;
	if (imprint->mixes)
		mix_begin(imprint->lanes, seed);
	else
		sum_begin(&imprint->sum, seed, 0);
}

void
imprint_feed(struct imprint *imprint, const void *octets, size_t n)
{
	const uint8_t *p = octets;
	size_t part;

	imprint->octets += n;
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
		mix_feed(imprint->lanes, imprint->rest, IMPRINT_GROUP);
	}
	mix_feed(imprint->lanes, p, n);
	imprint->n = n % IMPRINT_GROUP;
	memcpy(imprint->rest, p + n - imprint->n, imprint->n);
}

/* The imprint of ${n} octets, filled up with zeros: zeros of their own at the
 * end must not seem to be those. */
static uint64_t
with_length(uint64_t imprint, uint64_t n)
{
	return imprint ^ n * STEP;
}

uint64_t
imprint_end(struct imprint *imprint)
{
	if (!imprint->mixes)
		return with_length(sum_end(&imprint->sum), imprint->octets);
	memset(imprint->rest + imprint->n, 0, IMPRINT_GROUP - imprint->n);
	return with_length(mix_end(imprint->lanes, imprint->rest),
	    imprint->octets);
}

uint64_t
imprint_of(uint64_t seed, const void *octets, size_t n)
{
	struct imprint imprint;

	if (can_mix())
		return with_length(mix_all(seed, octets, n), n);
	imprint_begin(&imprint, seed);
	imprint_feed(&imprint, octets, n);
	return imprint_end(&imprint);
}
