/* SPDX-License-Identifier: ISC */
/*
 * What the process that has the key signs: which algorithms, and what the
 * octets must look like.  Anything else it refuses, whoever asks.
 */
#ifndef SIGNING_H
#define SIGNING_H

#include <stdbool.h>
#include <stddef.h>

#include <gnutls/gnutls.h>

#include "base/span.h"

/* What is given to be signed. */
enum signing_form {
	SIGNING_TLS13,		/* the octets of RFC 8446 s4.4.3 */
	SIGNING_TLS12,		/* those of RFC 8422 s5.4, whole */
	SIGNING_HASH		/* the same of TLS 1.2, hashed: it cannot be
				 * seen of what */
};

struct signing_kind {
	gnutls_sign_algorithm_t algorithm;
	enum signing_form form;
	gnutls_pk_algorithm_t key;
	size_t octets;		/* of the hash */
};

/* Octets that begin what TLS 1.3 signs, up to the hash of the messages. */
#define SIGNING_PREFIX 98

/*
 * signing_kind(number):
 * Return the kind of this ${number}, counted from 0; NULL if there is none.
 */
const struct signing_kind *signing_kind(size_t number);

/*
 * signing_find(algorithm, form):
 * Return the number of the kind, or -1 if that is never signed.
 */
int signing_find(gnutls_sign_algorithm_t algorithm, enum signing_form form);

/*
 * signing_fits(kind, octets):
 * Say whether ${octets} are what ${kind} signs.
 */
bool signing_fits(const struct signing_kind *kind, struct span octets);

/*
 * signing_prefix(prefix):
 * Write what TLS 1.3 has a server sign in front of the hash.
 */
void signing_prefix(char prefix[SIGNING_PREFIX]);

#endif
