/* SPDX-License-Identifier: ISC */
/*
 * SCRAM-SHA-256 (RFC 5802, RFC 7677): keys that are stored instead of a
 * password, and what proves to know it.  No grammar of messages is known here
 * but what makes and signs them.
 */
#ifndef SCRAM_H
#define SCRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/span.h"

/* Octets of SHA-256: of each key, a proof and a signature. */
#define SCRAM_OCTETS 32

/* What is stored of a password. */
struct scram_key {
	unsigned iterations;
	size_t salt_n;		/* octets of the salt */
	uint8_t salt[LIMITS_SALT];
	uint8_t stored[SCRAM_OCTETS];
	uint8_t server[SCRAM_OCTETS];
};

/* Octets of a stored key as text, NUL included. */
#define SCRAM_TEXT 256

/*
 * scram_read(hash, key):
 * Read the stored key ${hash}: `{SCRAM-SHA-256}iterations,salt,StoredKey,
 * ServerKey', a decimal number and three base64 texts.  Returns whether it is
 * one, of LIMITS_ITERATIONS_LEAST to LIMITS_ITERATIONS_MOST iterations.
 */
bool scram_read(struct span hash, struct scram_key *key);

/*
 * scram_write(key, text):
 * Write ${key} to ${text} (SCRAM_TEXT octets) as scram_read takes it, with a
 * NUL behind it.
 */
void scram_write(const struct scram_key *key, char *text);

/*
 * scram_make(password, key):
 * Make both keys of ${password}, octet for octet, with the iterations and the
 * salt in ${key} (RFC 5802 s3).
 */
void scram_make(struct span password, struct scram_key *key);

/*
 * scram_fits(key, password):
 * Say whether ${key} is made of ${password}.
 */
bool scram_fits(const struct scram_key *key, struct span password);

/*
 * scram_pretend(key, name):
 * Make of ${key}, which is somebody's, one that nobody has, always the same for
 * ${name}: as many iterations, as long a salt.
 */
void scram_pretend(struct scram_key *key, struct span name);

/*
 * scram_proves(key, message, final, proof):
 * Say whether ${proof}, SCRAM_OCTETS, proves to know the password of ${key},
 * where ${message} and ${final} are the AuthMessage (RFC 5802 s3).
 */
bool scram_proves(const struct scram_key *key, struct span message,
    struct span final, const uint8_t *proof);

/*
 * scram_sign(key, message, final, signature):
 * Write the ServerSignature of that AuthMessage to ${signature}, SCRAM_OCTETS.
 */
void scram_sign(const struct scram_key *key, struct span message,
    struct span final, uint8_t *signature);

#endif
