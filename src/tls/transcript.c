/* SPDX-License-Identifier: ISC */
/*
 * The messages of a TLS 1.3 handshake so far (RFC 8446 s4.4.1).
 */
#include "config.h"

#include <string.h>

#include <gnutls/crypto.h>

#include "tls/transcript.h"

/* Octets of a message's head: its type, and three of its length. */
#define HEAD 4

/* The type of what stands for a first ClientHello. */
#define MESSAGE_HASH 254

/* Octets of the longest hash. */
#define HASH 64

static void
write_head(unsigned char head[HEAD], unsigned type, size_t n)
{
	head[0] = (unsigned char)type;
	head[1] = (unsigned char)(n >> 16);
	head[2] = (unsigned char)(n >> 8);
	head[3] = (unsigned char)n;
}

void
transcript_add(struct transcript *transcript, unsigned type,
    const gnutls_datum_t *body)
{
	if (transcript->lost || body->size + HEAD >
	    sizeof(transcript->octets) - transcript->n) {
		transcript->lost = true;
		return;
	}
	if (type == GNUTLS_HANDSHAKE_HELLO_RETRY_REQUEST) {
		transcript->first = transcript->n;
		type = GNUTLS_HANDSHAKE_SERVER_HELLO;
	}
	write_head(transcript->octets + transcript->n, type, body->size);
	if (body->size > 0)
		memcpy(transcript->octets + transcript->n + HEAD, body->data,
		    body->size);
	transcript->n += HEAD + body->size;
}

size_t
transcript_signed(const struct transcript *transcript,
    gnutls_digest_algorithm_t hash, char octets[TRANSCRIPT_SIGNED])
{
	const size_t first = transcript->first;
	const size_t size = gnutls_hash_get_len(hash);
	unsigned char head[HEAD + HASH];
	gnutls_hash_hd_t state;
	int failed = 0;

	if (transcript->lost || size == 0 || size > HASH ||
	    gnutls_hash_init(&state, hash) < 0)
		return 0;
	if (first > 0) {
		write_head(head, MESSAGE_HASH, size);
		failed |= gnutls_hash_fast(hash, transcript->octets, first,
		    head + HEAD);
		failed |= gnutls_hash(state, head, HEAD + size);
	}
	failed |= gnutls_hash(state, transcript->octets + first,
	    transcript->n - first);
	signing_prefix(octets);
	gnutls_hash_deinit(state, octets + SIGNING_PREFIX);
	return failed == 0 ? SIGNING_PREFIX + size : 0;
}
