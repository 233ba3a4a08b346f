/* SPDX-License-Identifier: ISC */
/*
 * Sums.  Words are mixed in four lanes; what does not fill all of them waits
 * for the next octets.
 */
#include "config.h"

#include <string.h>

#include "base/sum.h"

/* Words that are mixed side by side, and their octets. */
#define LANES 4
#define GROUP (LANES * sizeof(uint64_t))

/* Called for every word of what is moved: a call would cost more than it. */
static inline uint64_t __attribute__((always_inline))
mix_word(uint64_t h, uint64_t word)
{
	h = (h ^ word) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 29;
}

/* The same for octets, the least one first on every processor. */
static inline uint64_t __attribute__((always_inline))
mix(uint64_t h, const void *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return mix_word(h, word);
}

void
sum_begin(struct sum *sum, uint64_t seed, uint64_t n)
{
	sum->word[0] = mix_word(seed, n);
	for (unsigned i = 1; i < LANES; i++)
		sum->word[i] = sum->word[0] + i;
	sum->n = 0;
}

/* Take ${n} octets as far as they are whole groups.  Returns how many. */
static size_t
mix_groups(struct sum *sum, const char *p, size_t n)
{
	uint64_t a = sum->word[0], b = sum->word[1];
	uint64_t c = sum->word[2], d = sum->word[3];
	size_t i;

	/* Four at a time: one multiplication need not wait for another. */
	for (i = 0; i + GROUP <= n; i += GROUP) {
		a = mix(a, p + i);
		b = mix(b, p + i + 8);
		c = mix(c, p + i + 16);
		d = mix(d, p + i + 24);
	}
	sum->word[0] = a;
	sum->word[1] = b;
	sum->word[2] = c;
	sum->word[3] = d;
	return i;
}

void
sum_feed(struct sum *sum, const void *octets, size_t n)
{
	char *rest = (char *)&sum->word[LANES];
	const char *p = octets;
	size_t at = 0;

	/* Octet by octet to the end of a group, and behind the last one. */
	for (;;) {
		if (sum->n == 0)
			at += mix_groups(sum, p + at, n - at);
		if (at == n)
			return;
		rest[sum->n++] = p[at++];
		if (sum->n == GROUP)
			sum->n -= mix_groups(sum, rest, GROUP);
	}
}

uint64_t
sum_end(struct sum *sum)
{
	size_t last = LANES + sum->n / sizeof(uint64_t);
	uint64_t a = sum->word[0];

	/* The other lanes, what waits, and its last word, filled up, twice. */
	memset((char *)&sum->word[LANES] + sum->n, 0, sizeof(uint64_t));
	for (size_t i = 1; i < LANES; i++)
		a = mix_word(a, sum->word[i]);
	for (size_t i = LANES; i <= last; i++)
		a = mix(a, &sum->word[i]);
	return mix(a, &sum->word[last]);
}
