/* SPDX-License-Identifier: ISC */
/*
 * The certificate that a server shows.
 */
#include "config.h"

#include <string.h>

#include <gnutls/x509.h>

#include "tls/certificate.h"

const char *
certificate_import(struct certificate *certificate, const gnutls_datum_t *pem)
{
	gnutls_x509_crt_t parsed[LIMITS_CHAIN];
	unsigned n = LIMITS_CHAIN;
	int got = gnutls_x509_crt_list_import(parsed, &n, pem,
	    GNUTLS_X509_FMT_PEM, GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED);

	memset(certificate, 0, sizeof(*certificate));
	if (got < 0)
		return got == GNUTLS_E_SHORT_MEMORY_BUFFER ?
		    "has too many certificates" : gnutls_strerror(got);
	if (got == 0)
		return "has no certificate";
	certificate->n = n;
	got = gnutls_pcert_import_x509_list(certificate->chain, parsed,
	    &certificate->n, 0);
	if (got == 0) {
		certificate->key = gnutls_pubkey_get_pk_algorithm(
		    certificate->chain[0].pubkey, &certificate->bits);
		certificate->begins =
		    gnutls_x509_crt_get_activation_time(parsed[0]);
		certificate->ends =
		    gnutls_x509_crt_get_expiration_time(parsed[0]);
	}
	for (unsigned i = 0; i < n; i++)
		gnutls_x509_crt_deinit(parsed[i]);
	return got == 0 ? NULL : gnutls_strerror(got);
}

int
certificate_days(const struct certificate *certificate, int64_t now)
{
	int64_t left = certificate->ends - now;

	return (int)((left < 0 ? left - LIMITS_DAY_S + 1 : left) /
	    LIMITS_DAY_S);
}
