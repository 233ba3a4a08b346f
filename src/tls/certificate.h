/* SPDX-License-Identifier: ISC */
/*
 * The certificate that a server shows, with those that lead to it.
 */
#ifndef CERTIFICATE_H
#define CERTIFICATE_H

#include <stdint.h>

#include <gnutls/abstract.h>

#include "base/limits.h"

struct certificate {
	unsigned n;		/* certificates in the chain, ours the first */
	int key;		/* gnutls_pk_algorithm_t of its key */
	unsigned bits;		/* of that key */
	int64_t begins, ends;	/* when it is valid: seconds since the epoch */
	gnutls_pcert_st chain[LIMITS_CHAIN];
	gnutls_datum_t staple;	/* an answer of OCSP, or nothing */
};

/*
 * certificate_import(certificate, pem):
 * Read a chain; there is no staple then.  Returns NULL, or what is wrong.
 */
const char *certificate_import(struct certificate *certificate,
    const gnutls_datum_t *pem);

/*
 * certificate_days(certificate, now):
 * Return how many whole days the certificate is valid from ${now} on; negative
 * if it is not any more.
 */
int certificate_days(const struct certificate *certificate, int64_t now);

#endif
