/* SPDX-License-Identifier: ISC */
/*
 * The look: octets are looked at 64 at a time, and each question about them is
 * one about the bits of a number.  This is how a mailbox is scanned and sent at
 * the speed of memory.
 */
#ifndef LOOK_H
#define LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(HAVE_SYS_PLATFORM_X86_H)
#include <immintrin.h>
#include <sys/platform/x86.h>
#define LOOK_HAS_WIDE 1
#endif

#include "base/limits.h"

/* Which of the LIMITS_LOOK octets looked at are LF and CR: the first one is the
 * lowest bit. */
struct look {
	uint64_t lf, cr;
};

/* A bit for each of eight octets that is ${c}: no carry crosses an octet. */
static inline uint64_t
look_bits(uint64_t eight, char c)
{
	const uint64_t ones = 0x0101010101010101u, low = 0x7f7f7f7f7f7f7f7fu;
	uint64_t x = eight ^ (ones * (unsigned char)c);
	uint64_t zero = ~(((x & low) + low) | x | low) >> 7;

	return zero * 0x0102040810204080u >> 56;
}

/*
 * look_portable(p):
 * Look at the LIMITS_LOOK octets at ${p}, on any processor.
 */
static inline struct look
look_portable(const char *p)
{
	struct look seen = { 0, 0 };

	for (unsigned i = 0; i < LIMITS_LOOK; i += 8) {
		uint64_t eight = 0;

		for (unsigned k = 0; k < 8; k++)
			eight |= (uint64_t)(unsigned char)p[i + k] << (8 * k);
		seen.lf |= look_bits(eight, '\n') << i;
		seen.cr |= look_bits(eight, '\r') << i;
	}
	return seen;
}

/*
 * LOOK_WIDE, look_is_wide(), look_wide(p), look_copy(out, p):
 * A function that is marked LOOK_WIDE is for processors that compare 32 octets
 * at once; look_is_wide says whether this is one.  Such a function may look at
 * the LIMITS_LOOK octets at ${p} with look_wide, and copy them with look_copy.
 */
#ifdef LOOK_HAS_WIDE
#define LOOK_WIDE __attribute__((target("avx2,popcnt")))
/* Small code would call these; fast code must not. */
#define LOOK_INLINE static inline __attribute__((always_inline))

static inline bool
look_is_wide(void)
{
	return CPU_FEATURE_ACTIVE(AVX2) && CPU_FEATURE_ACTIVE(POPCNT);
}

LOOK_WIDE LOOK_INLINE uint64_t
look_bits_wide(const char *p, char c)
{
	const __m256i wanted = _mm256_set1_epi8(c);
	__m256i low = _mm256_loadu_si256((const void *)p);
	__m256i high = _mm256_loadu_si256((const void *)(p + LIMITS_LOOK / 2));

	low = _mm256_cmpeq_epi8(low, wanted);
	high = _mm256_cmpeq_epi8(high, wanted);
	return (uint32_t)_mm256_movemask_epi8(low) |
	    (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
}

LOOK_WIDE LOOK_INLINE struct look
look_wide(const char *p)
{
	return (struct look){ look_bits_wide(p, '\n'),
	    look_bits_wide(p, '\r') };
}

LOOK_WIDE LOOK_INLINE void
look_copy(char *out, const char *p)
{
	__m256i low = _mm256_loadu_si256((const void *)p);
	__m256i high = _mm256_loadu_si256((const void *)(p + LIMITS_LOOK / 2));

	_mm256_storeu_si256((void *)out, low);
	_mm256_storeu_si256((void *)(out + LIMITS_LOOK / 2), high);
}
#else
#define LOOK_WIDE
#define look_is_wide() false
#define look_wide look_portable
#define look_copy(out, p) ((void)memcpy((out), (p), LIMITS_LOOK))
#endif

/* What is counted of a stretch of octets. */
struct look_tally {
	uint64_t lf;		/* line ends */
	uint64_t crlf;		/* of them those with a CR before the LF */
	uint64_t blanks;	/* empty lines */
};

/*
 * look_skim(p, n, tally, wide):
 * Skim the ${n} octets at ${p}, before which three more are readable, and stop
 * at the first F that begins a line behind an empty line, with an r or nothing
 * behind it.  Returns the octets before it (${n} if there is none) and adds
 * them to ${tally}.  ${wide}: this processor is as look_is_wide says.
 */
size_t look_skim(const char *p, size_t n, struct look_tally *tally, bool wide);

#endif
