/* SPDX-License-Identifier: ISC */
/*
 * Unique-ids (RFC 1939 s7, UIDL): SHA-256 over a message as it was delivered,
 * without the header fields that mail readers edit.  Equal ids mean equal
 * messages.  The hashed octets are frozen by test vectors: a change makes every
 * client that leaves mail on the server download everything again.
 */
#ifndef UID_H
#define UID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <nettle/sha2.h>

#include "base/limits.h"

/* A message being hashed; private. */
struct uid {
	struct sha256_ctx sha;
	enum { UID_FROM, UID_NAME, UID_KEEP, UID_SKIP, UID_BODY } state;
	char name[LIMITS_FIELD];	/* begin of a header line cut in two */
	unsigned named;		/* octets of it */
	bool skipping;		/* the field before was left out */
	bool cr;		/* a CR waits: is it of a line end? */
	bool inside;		/* the current line has octets */
};

/*
 * uid_begin(uid), uid_feed(uid, p, n), uid_end(uid, id):
 * Hash the message whose stored octets, from its From_ line to its end without
 * the separating empty line, are fed in blocks of any size.
 */
void uid_begin(struct uid *uid);
void uid_feed(struct uid *uid, const char *p, size_t n);
void uid_end(struct uid *uid, uint8_t id[LIMITS_UID_OCTETS]);

/*
 * uid_print(id, copy, text):
 * Write the unique-id of the ${copy}-th message, counted from 1, that has
 * ${id} to ${text}: 24 characters, and "-2" and so on for copies.
 */
void uid_print(const uint8_t id[LIMITS_UID_OCTETS], uint32_t copy,
    char text[LIMITS_UID_MAX + 1]);

#endif
