/* SPDX-License-Identifier: ISC */
/*
 * The messages of a TLS 1.3 handshake so far.  GnuTLS has a key that is
 * elsewhere sign a hash only; who has the key wants to see what it signs, and
 * that is made of these.
 */
#ifndef TRANSCRIPT_H
#define TRANSCRIPT_H

#include <stdbool.h>
#include <stddef.h>

#include <gnutls/gnutls.h>

#include "base/limits.h"
#include "tls/signing.h"

struct transcript {
	size_t n;		/* octets */
	size_t first;		/* of the first ClientHello, if it was answered
				 * by a HelloRetryRequest; 0: it was not */
	bool lost;		/* there were too many octets */
	unsigned char octets[LIMITS_TRANSCRIPT];
};

/* What TLS 1.3 signs: at most. */
#define TRANSCRIPT_SIGNED (SIGNING_PREFIX + 64)

/*
 * transcript_add(transcript, type, body):
 * A handshake message of this ${type} was sent or received.
 */
void transcript_add(struct transcript *transcript, unsigned type,
    const gnutls_datum_t *body);

/*
 * transcript_signed(transcript, hash, octets):
 * Write what is to be signed now (RFC 8446 s4.4.3), if ${hash} is that of the
 * cipher suite.  Returns how many octets, or 0 if that is not known.
 */
size_t transcript_signed(const struct transcript *transcript,
    gnutls_digest_algorithm_t hash, char octets[TRANSCRIPT_SIGNED]);

#endif
