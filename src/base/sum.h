/* SPDX-License-Identifier: ISC */
/*
 * Sums of octets: 64 bits that differ if octets were changed by accident, taken
 * at the speed of memory.  Whoever wants to can make octets with the same sum.
 */
#ifndef SUM_H
#define SUM_H

#include <stddef.h>
#include <stdint.h>

/* Octets being summed; private. */
struct sum {
	uint64_t word[9];	/* four lanes, octets that wait, one more */
	size_t n;		/* how many octets wait */
};

/*
 * sum_begin(sum, seed, n), sum_feed(sum, octets, n), sum_end(sum):
 * Sum ${n} octets that are fed in pieces of any size.
 */
void sum_begin(struct sum *sum, uint64_t seed, uint64_t n);
void sum_feed(struct sum *sum, const void *octets, size_t n);
uint64_t sum_end(struct sum *sum);

#endif
