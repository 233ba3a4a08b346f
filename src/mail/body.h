/* SPDX-License-Identifier: ISC */
/*
 * A message as it is sent: line ends and dots.
 */
#ifndef BODY_H
#define BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A message on its way out. */
struct body {
	bool inside;		/* the current line has octets already */
	bool cr;		/* the last one was a CR */
	uint64_t octets;	/* sent so far, without stuffing */
};

/*
 * body_expand(body, out, p, n):
 * Write to ${out}, which has room for 2 * ${n} octets, what the next ${n}
 * stored ones are on the wire: each LF or CR LF is CR LF, a dot at the begin
 * of a line is doubled (RFC 1939 s3).  Returns how many those are.
 */
size_t body_expand(struct body *body, char *out, const char *p, size_t n);

/*
 * body_expand_as(body, out, p, n, wide):
 * As body_expand, with or without wide vectors: for the tests, which compare
 * the two.  ${wide} needs a processor that has them.
 */
size_t body_expand_as(struct body *body, char *out, const char *p, size_t n,
    bool wide);

#endif
