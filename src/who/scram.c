/* SPDX-License-Identifier: ISC */
/*
 * SCRAM-SHA-256.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <nettle/hmac.h>
#include <nettle/pbkdf2.h>
#include <nettle/sha2.h>

#include "base/base64.h"
#include "who/scram.h"

static const char scheme[] = "{SCRAM-SHA-256}";

/* Read one of the texts of a stored key, ${n} octets or, if that is 0, up to
 * ${most}.  Returns how many they are; 0: it is none. */
static size_t
read_octets(struct span text, uint8_t *octets, size_t n, size_t most)
{
	char room[BASE64_TEXT(LIMITS_SALT)];
	struct span got;

	if (base64_decode(text, room, sizeof(room), &got) == -1 ||
	    got.n > most || (n > 0 && got.n != n))
		got.n = 0;
	if (got.n > 0)
		memcpy(octets, got.p, got.n);
	span_wipe(room, sizeof(room));
	return got.n;
}

bool
scram_read(struct span hash, struct scram_key *key)
{
	const size_t n = sizeof(scheme) - 1;
	struct span rest;
	uint64_t iterations;

	if (hash.n < n || memcmp(hash.p, scheme, n) != 0)
		return false;
	rest = (struct span){ hash.p + n, hash.n - n };
	if (span_number(span_cut(&rest, ','), LIMITS_ITERATIONS_MOST,
	    &iterations) == -1 || iterations < LIMITS_ITERATIONS_LEAST)
		return false;
	key->iterations = (unsigned)iterations;
	key->salt_n = read_octets(span_cut(&rest, ','), key->salt, 0,
	    sizeof(key->salt));
	return key->salt_n > 0 && read_octets(span_cut(&rest, ','),
	    key->stored, SCRAM_OCTETS, SCRAM_OCTETS) > 0 && read_octets(rest,
	    key->server, SCRAM_OCTETS, SCRAM_OCTETS) > 0;
}

void
scram_write(const struct scram_key *key, char *text)
{
	char salt[BASE64_TEXT(LIMITS_SALT)], stored[BASE64_TEXT(SCRAM_OCTETS)];
	char server[BASE64_TEXT(SCRAM_OCTETS)];
	struct span texts[] = {
		base64_encode((struct span){ (const char *)key->salt,
		    key->salt_n }, salt, sizeof(salt)),
		base64_encode((struct span){ (const char *)key->stored,
		    SCRAM_OCTETS }, stored, sizeof(stored)),
		base64_encode((struct span){ (const char *)key->server,
		    SCRAM_OCTETS }, server, sizeof(server)),
	};

	(void)snprintf(text, SCRAM_TEXT, "%s%u,%.*s,%.*s,%.*s", scheme,
	    key->iterations, (int)texts[0].n, texts[0].p, (int)texts[1].n,
	    texts[1].p, (int)texts[2].n, texts[2].p);
	span_wipe(stored, sizeof(stored));
	span_wipe(server, sizeof(server));
}

/* HMAC-SHA-256 of ${a}, and ${b} behind it, under ${key}. */
static void
keyed(struct span key, struct span a, struct span b, uint8_t *digest)
{
	struct hmac_sha256_ctx hmac;

	hmac_sha256_set_key(&hmac, key.n, (const uint8_t *)key.p);
	hmac_sha256_update(&hmac, a.n, (const uint8_t *)a.p);
	if (b.n > 0)
		hmac_sha256_update(&hmac, b.n, (const uint8_t *)b.p);
	hmac_sha256_digest(&hmac, SCRAM_OCTETS, digest);
	span_wipe(&hmac, sizeof(hmac));
}

static struct span
octets_of(const uint8_t *octets)
{
	return (struct span){ (const char *)octets, SCRAM_OCTETS };
}

/* StoredKey is H(ClientKey). */
static void
hash_key(const uint8_t *client, uint8_t *stored)
{
	struct sha256_ctx sha256;

	sha256_init(&sha256);
	sha256_update(&sha256, SCRAM_OCTETS, client);
	sha256_digest(&sha256, SCRAM_OCTETS, stored);
	span_wipe(&sha256, sizeof(sha256));
}

void
scram_make(struct span password, struct scram_key *key)
{
	uint8_t salted[SCRAM_OCTETS], client[SCRAM_OCTETS];

	pbkdf2_hmac_sha256(password.n, (const uint8_t *)password.p,
	    key->iterations, key->salt_n, key->salt, sizeof(salted), salted);
	keyed(octets_of(salted), SPAN("Client Key"), SPAN(""), client);
	keyed(octets_of(salted), SPAN("Server Key"), SPAN(""), key->server);
	hash_key(client, key->stored);
	span_wipe(salted, sizeof(salted));
	span_wipe(client, sizeof(client));
}

bool
scram_fits(const struct scram_key *key, struct span password)
{
	struct scram_key made = *key;
	bool fits;

	scram_make(password, &made);
	fits = span_equal_secret(octets_of(made.stored),
	    octets_of(key->stored));
	span_wipe(&made, sizeof(made));
	return fits;
}

void
scram_pretend(struct scram_key *key, struct span name)
{
	uint8_t secret[SCRAM_OCTETS], digest[SCRAM_OCTETS];

	/* Both keys, so that it tells neither. */
	keyed(octets_of(key->server), octets_of(key->stored), SPAN(""),
	    secret);
	for (size_t at = 0; at < key->salt_n; at += SCRAM_OCTETS) {
		const char count = (char)at;
		size_t n = key->salt_n - at;

		keyed(octets_of(secret), (struct span){ &count, 1 }, name,
		    digest);
		memcpy(key->salt + at, digest, n < SCRAM_OCTETS ? n :
		    SCRAM_OCTETS);
	}
	memset(key->stored, 0, sizeof(key->stored));
	memset(key->server, 0, sizeof(key->server));
	span_wipe(secret, sizeof(secret));
}

bool
scram_proves(const struct scram_key *key, struct span message,
    struct span final, const uint8_t *proof)
{
	uint8_t client[SCRAM_OCTETS], stored[SCRAM_OCTETS];
	bool proves;

	keyed(octets_of(key->stored), message, final, client);
	for (size_t i = 0; i < SCRAM_OCTETS; i++)
		client[i] ^= proof[i];
	hash_key(client, stored);
	proves = span_equal_secret(octets_of(stored), octets_of(key->stored));
	span_wipe(client, sizeof(client));
	span_wipe(stored, sizeof(stored));
	return proves;
}

void
scram_sign(const struct scram_key *key, struct span message,
    struct span final, uint8_t *signature)
{
	keyed(octets_of(key->server), message, final, signature);
}
