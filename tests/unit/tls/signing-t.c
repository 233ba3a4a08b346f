/* SPDX-License-Identifier: ISC */
/*
 * The signing room: what a key signs (RFC 8446 s4.4.3, RFC 8422 s5.4), and that
 * a change of any octet of what must stand there is refused.
 */
#include "config.h"

#include "unit/unit.h"

#include "tls/signing.h"

#define HASH 32
#define POINT 32
#define TLS12 (64 + 4 + POINT)

static const struct signing_kind *
find(gnutls_sign_algorithm_t algorithm, enum signing_form form)
{
	return signing_kind((size_t)signing_find(algorithm, form));
}

static void
tls13_begins_as_it_must(void **state)
{
	const struct signing_kind *kind =
	    find(GNUTLS_SIGN_ECDSA_SECP256R1_SHA256, SIGNING_TLS13);
	char octets[SIGNING_PREFIX + 48 + 1] = "";
	struct span whole = { octets, SIGNING_PREFIX + HASH };

	(void)state;
	signing_prefix(octets);
	assert_memory_equal(octets, "                                "
	    "                                TLS 1.3, server "
	    "CertificateVerify", SIGNING_PREFIX);
	assert_true(signing_fits(kind, whole));
	for (size_t i = 0; i < whole.n; i++) {
		octets[i] ^= 1;
		assert_int_equal(signing_fits(kind, whole),
		    i >= SIGNING_PREFIX);
		octets[i] ^= 1;
	}
	for (whole.n = 0; whole.n <= sizeof(octets); whole.n++)
		assert_int_equal(signing_fits(kind, whole),
		    whole.n == SIGNING_PREFIX + 32 ||
		    whole.n == SIGNING_PREFIX + 48);
}

static void
tls12_is_a_point_on_a_curve(void **state)
{
	const struct signing_kind *kind =
	    find(GNUTLS_SIGN_EDDSA_ED25519, SIGNING_TLS12);
	unsigned char octets[TLS12 + 1] = { 0 };
	struct span whole = { (const char *)octets, TLS12 };

	(void)state;
	octets[64] = 3;
	octets[66] = 29;
	octets[67] = POINT;
	assert_true(signing_fits(kind, whole));
	for (size_t i = 0; i < TLS12; i++) {
		octets[i] ^= 1;
		assert_int_equal(signing_fits(kind, whole), i < 64 || i > 67);
		octets[i] ^= 1;
	}
	for (whole.n = 0; whole.n <= sizeof(octets); whole.n++)
		assert_int_equal(signing_fits(kind, whole), whole.n == TLS12);
}

static void
a_hash_has_its_length(void **state)
{
	char octets[65] = "";

	(void)state;
	for (size_t i = 0; signing_kind(i) != NULL; i++)
		for (size_t n = 0; n < sizeof(octets); n++)
			if (signing_kind(i)->form == SIGNING_HASH)
				assert_int_equal(signing_fits(signing_kind(i),
				    (struct span){ octets, n }),
				    n == signing_kind(i)->octets);
}

static void
nothing_weak_is_signed(void **state)
{
	static const gnutls_sign_algorithm_t never[] = {
		GNUTLS_SIGN_RSA_SHA1, GNUTLS_SIGN_ECDSA_SHA1,
		GNUTLS_SIGN_RSA_MD5, GNUTLS_SIGN_RSA_RAW,
		GNUTLS_SIGN_DSA_SHA256, GNUTLS_SIGN_UNKNOWN,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		for (int form = SIGNING_TLS13; form <= SIGNING_HASH; form++)
			assert_int_equal(signing_find(never[i],
			    (enum signing_form)form), -1);
	assert_int_equal(signing_find(GNUTLS_SIGN_RSA_SHA256, SIGNING_TLS13),
	    -1);
	assert_null(signing_kind(255));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tls13_begins_as_it_must),
		cmocka_unit_test(tls12_is_a_point_on_a_curve),
		cmocka_unit_test(a_hash_has_its_length),
		cmocka_unit_test(nothing_weak_is_signed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
