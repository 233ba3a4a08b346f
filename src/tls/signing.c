/* SPDX-License-Identifier: ISC */
/*
 * What the process that has the key signs.
 */
#include "config.h"

#include <string.h>

#include "tls/signing.h"

/* Octets of the hashes. */
#define SHA256 32
#define SHA384 48
#define SHA512 64

/* Octets of the two random numbers in front of what TLS 1.2 signs, and of what
 * stands before the point of the curve: its kind, its name, the length. */
#define RANDOMS 64
#define CURVE 4
#define NAMED_CURVE 3

static const struct signing_kind kinds[] = {
	{ GNUTLS_SIGN_ECDSA_SECP256R1_SHA256, SIGNING_TLS13, GNUTLS_PK_EC, 0 },
	{ GNUTLS_SIGN_ECDSA_SECP384R1_SHA384, SIGNING_TLS13, GNUTLS_PK_EC, 0 },
	{ GNUTLS_SIGN_EDDSA_ED25519, SIGNING_TLS13, GNUTLS_PK_EDDSA_ED25519,
	    0 },
	{ GNUTLS_SIGN_RSA_PSS_RSAE_SHA256, SIGNING_TLS13, GNUTLS_PK_RSA, 0 },
	{ GNUTLS_SIGN_RSA_PSS_RSAE_SHA384, SIGNING_TLS13, GNUTLS_PK_RSA, 0 },
	{ GNUTLS_SIGN_RSA_PSS_RSAE_SHA512, SIGNING_TLS13, GNUTLS_PK_RSA, 0 },
	{ GNUTLS_SIGN_EDDSA_ED25519, SIGNING_TLS12, GNUTLS_PK_EDDSA_ED25519,
	    0 },
	{ GNUTLS_SIGN_ECDSA_SHA256, SIGNING_HASH, GNUTLS_PK_EC, SHA256 },
	{ GNUTLS_SIGN_ECDSA_SHA384, SIGNING_HASH, GNUTLS_PK_EC, SHA384 },
	{ GNUTLS_SIGN_RSA_PSS_RSAE_SHA256, SIGNING_HASH, GNUTLS_PK_RSA,
	    SHA256 },
	{ GNUTLS_SIGN_RSA_PSS_RSAE_SHA384, SIGNING_HASH, GNUTLS_PK_RSA,
	    SHA384 },
	{ GNUTLS_SIGN_RSA_PSS_RSAE_SHA512, SIGNING_HASH, GNUTLS_PK_RSA,
	    SHA512 },
	{ GNUTLS_SIGN_RSA_SHA256, SIGNING_HASH, GNUTLS_PK_RSA, SHA256 },
	{ GNUTLS_SIGN_RSA_SHA384, SIGNING_HASH, GNUTLS_PK_RSA, SHA384 },
	{ GNUTLS_SIGN_RSA_SHA512, SIGNING_HASH, GNUTLS_PK_RSA, SHA512 },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* The groups that are offered: number of TLS, octets of a point. */
static const struct {
	unsigned group;
	size_t point;
} groups[] = { { 23, 65 }, { 24, 97 }, { 29, 32 } };

const struct signing_kind *
signing_kind(size_t number)
{
	return number < KINDS ? &kinds[number] : NULL;
}

int
signing_find(gnutls_sign_algorithm_t algorithm, enum signing_form form)
{
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].algorithm == algorithm && kinds[i].form == form)
			return (int)i;
	return -1;
}

void
signing_prefix(char prefix[SIGNING_PREFIX])
{
	static const char context[] = "TLS 1.3, server CertificateVerify";

	memset(prefix, ' ', SIGNING_PREFIX - sizeof(context));
	memcpy(prefix + SIGNING_PREFIX - sizeof(context), context,
	    sizeof(context));
}

static bool
is_tls13(struct span octets)
{
	char prefix[SIGNING_PREFIX];

	signing_prefix(prefix);
	return (octets.n == SIGNING_PREFIX + SHA256 ||
	    octets.n == SIGNING_PREFIX + SHA384) &&
	    memcmp(octets.p, prefix, SIGNING_PREFIX) == 0;
}

/* Two random numbers, and a point on a curve that has a name. */
static bool
is_tls12(struct span octets)
{
	const unsigned char *at = (const unsigned char *)octets.p + RANDOMS;

	if (octets.n < RANDOMS + CURVE || at[0] != NAMED_CURVE)
		return false;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if ((unsigned)at[1] << 8 == (groups[i].group & 0xff00u) &&
		    at[2] == groups[i].group && at[3] == groups[i].point &&
		    octets.n == RANDOMS + CURVE + groups[i].point)
			return true;
	return false;
}

bool
signing_fits(const struct signing_kind *kind, struct span octets)
{
	switch (kind->form) {
	case SIGNING_TLS13:
		return is_tls13(octets);
	case SIGNING_TLS12:
		return is_tls12(octets);
	default:
		return octets.n == kind->octets;
	}
}
