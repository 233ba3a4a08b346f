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
	gnutls_x509_crt_t first;
	int got;

	memset(certificate, 0, sizeof(*certificate));
	certificate->n = LIMITS_CHAIN;
	got = gnutls_pcert_list_import_x509_raw(certificate->chain,
	    &certificate->n, pem, GNUTLS_X509_FMT_PEM,
	    GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED);
	if (got < 0)
		return got == GNUTLS_E_SHORT_MEMORY_BUFFER ?
		    "has too many certificates" : gnutls_strerror(got);
	if (certificate->n == 0)
		return "has no certificate";
	certificate->key = gnutls_pubkey_get_pk_algorithm(
	    certificate->chain[0].pubkey, &certificate->bits);
	got = gnutls_pcert_export_x509(&certificate->chain[0], &first);
	if (got < 0)
		return gnutls_strerror(got);
	certificate->begins = gnutls_x509_crt_get_activation_time(first);
	certificate->ends = gnutls_x509_crt_get_expiration_time(first);
	gnutls_x509_crt_deinit(first);
	return NULL;
}

int
certificate_days(const struct certificate *certificate, int64_t now)
{
	int64_t left = certificate->ends - now;

	return (int)((left < 0 ? left - LIMITS_DAY_S + 1 : left) /
	    LIMITS_DAY_S);
}
