/* SPDX-License-Identifier: ISC */
/*
 * Imprints of octets: 64 bits that differ if octets were changed by accident,
 * taken several times as fast as a sum.  An imprint is the same on one machine,
 * but not on all.
 */
#ifndef IMPRINT_H
#define IMPRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/sum.h"

/* Octets that are mixed at once, in lanes of 16. */
#define IMPRINT_GROUP 64

/* An imprint that is being taken; private. */
struct imprint {
	struct sum sum;		/* where the processor cannot mix */
	bool mixes;
	uint8_t lanes[IMPRINT_GROUP];
	uint8_t rest[IMPRINT_GROUP];	/* octets that wait */
	size_t n;		/* how many */
	uint64_t octets;	/* that were fed */
};

/*
 * imprint_begin(imprint, seed), imprint_feed(imprint, octets, n),
 * imprint_end(imprint):
 * Take the imprint of octets that are fed in pieces of any size.
 */
void imprint_begin(struct imprint *imprint, uint64_t seed);
void imprint_feed(struct imprint *imprint, const void *octets, size_t n);
uint64_t imprint_end(struct imprint *imprint);

/*
 * imprint_of(seed, octets, n):
 * Return the imprint of ${n} octets that are all there: the same, in less time.
 */
uint64_t imprint_of(uint64_t seed, const void *octets, size_t n);

#endif
