/* SPDX-License-Identifier: ISC */
/*
 * Base64 (RFC 4648 s4) as SASL and stored keys have it: one line, padded, and
 * one spelling only for given octets.
 */
#ifndef BASE64_H
#define BASE64_H

#include <stddef.h>

#include "base/span.h"

/* Octets that ${n} octets become. */
#define BASE64_TEXT(n) (((n) + 2) / 3 * 4)

/*
 * base64_encode(octets, text, size):
 * Write ${octets} as base64 to ${text}.  Returns the text, which is empty if
 * ${size} octets do not hold it.
 */
struct span base64_encode(struct span octets, char *text, size_t size);

/*
 * base64_decode(text, octets, size, out):
 * Write what ${text} means to ${octets} and set ${out} to it.  Returns 0, or -1
 * if ${text} is no base64, not padded, has blanks or bits that mean nothing, or
 * means more than ${size} octets.
 */
int base64_decode(struct span text, char *octets, size_t size,
    struct span *out);

#endif
