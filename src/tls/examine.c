/* SPDX-License-Identifier: ISC */
/*
 * --check-config, as far as it is about TLS.  dewey runs this program for it,
 * with its own command line.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <gnutls/x509.h>

#include "base/finding.h"
#include "base/limits.h"
#include "tls/certificate.h"
#include "tls/examine.h"
#include "tls/key.h"
#include "tls/pem.h"

struct examine {
	const struct options *options;
	struct certificate certificate;
	gnutls_x509_crt_t chain[LIMITS_CHAIN];
	unsigned unsafe;	/* findings that decide the exit code */
};

#define unsafe(examine, ...) finding_unsafe(&(examine)->unsafe, __VA_ARGS__)
#define unwise(...) finding_unwise(__VA_ARGS__)
#define NOBODY "until then there is no TLS"

/* Read the file that ${option} names.  Returns whether it could be read. */
static bool
read_file(struct examine *examine, const char *option, const char *path,
    mode_t forbidden, gnutls_datum_t *octets)
{
	const char *why = NULL;
	int fd;

	*octets = (gnutls_datum_t){ NULL, 0 };
	if (path == NULL) {
		unsafe(examine, "%s names no file; " NOBODY, option);
		return false;
	}
	fd = pem_open(path, forbidden, &why);
	if (fd != -1 && pem_read(fd, octets) == -1)
		why = strerror(errno);
	if (why != NULL)
		unsafe(examine, "%s: %s; " NOBODY, path, why);
	return why == NULL;
}

/* Print the names that clients may call this server by. */
static void
print_names(gnutls_x509_crt_t certificate)
{
	char name[LIMITS_HOST + 1];
	size_t size;
	const char *between = "";

	for (unsigned i = 0;; i++) {
		int got;

		size = sizeof(name);
		got = gnutls_x509_crt_get_subject_alt_name(certificate, i, name,
		    &size, NULL);
		if (got == GNUTLS_SAN_DNSNAME) {
			(void)printf("%s%.*s", between, (int)size, name);
			between = ", ";
		} else if (got < 0 && got != GNUTLS_E_SHORT_MEMORY_BUFFER) {
			break;
		}
	}
	if (between[0] == '\0')
		(void)fputs("no name", stdout);
}

/* Until when the certificate is valid, and for which names. */
static void
check_days(struct examine *examine)
{
	const struct certificate *certificate = &examine->certificate;
	const char *path = examine->options->tls_cert;
	time_t now = time(NULL);
	int days = certificate_days(certificate, now);

	if (certificate->begins > now)
		unsafe(examine, "%s: is not valid yet: see the clock", path);
	if (days < 0)
		unsafe(examine, "%s: expired %d days ago: renew it", path,
		    -days);
	else if (days < LIMITS_RENEW_DAYS)
		unwise("%s: expires in %d days: renew it", path, days);
	(void)printf("%s: certificate of ", path);
	print_names(examine->chain[0]);
	(void)printf(", valid for %d days\n", days < 0 ? 0 : days);
}

/* Whether clients that know the last one's issuer can believe the first. */
static void
check_chain(const struct examine *examine)
{
	unsigned n = examine->certificate.n;
	gnutls_x509_crt_t last = examine->chain[n - 1];

	if (n == 1 && gnutls_x509_crt_check_issuer(last, last) != 0)
		unwise("%s: is signed by itself: clients believe it only if "
		    "they are told to", examine->options->tls_cert);
	else if (n == 1 && gnutls_x509_crt_get_ca_status(last, NULL) <= 0)
		unwise("%s: has no certificate behind the server's: the chain "
		    "is incomplete unless clients know its issuer: name the "
		    "file with the full chain", examine->options->tls_cert);
}

static bool
check_certificate(struct examine *examine)
{
	const char *path = examine->options->tls_cert, *why;
	gnutls_datum_t pem;

	if (!read_file(examine, "tls-cert", path, PEM_PUBLIC, &pem))
		return false;
	why = certificate_import(&examine->certificate, &pem);
	pem_forget(&pem);
	for (unsigned i = 0; why == NULL && i < examine->certificate.n; i++)
		if (gnutls_pcert_export_x509(&examine->certificate.chain[i],
		    &examine->chain[i]) < 0)
			why = "has a certificate that cannot be read";
	if (why != NULL) {
		unsafe(examine, "%s: %s; " NOBODY, path, why);
		return false;
	}
	check_days(examine);
	check_chain(examine);
	return true;
}

/* Whether ${key} is that of the certificate. */
static bool
fits(const struct examine *examine, gnutls_privkey_t key)
{
	unsigned char ours[LIMITS_PEER], theirs[sizeof(ours)];
	size_t ours_n = sizeof(ours), theirs_n = sizeof(theirs);
	gnutls_pubkey_t public;
	bool same;

	if (gnutls_pubkey_init(&public) < 0)
		return false;
	same = gnutls_pubkey_import_privkey(public, key, 0, 0) == 0 &&
	    gnutls_pubkey_get_key_id(public, GNUTLS_KEYID_USE_SHA256, ours,
	    &ours_n) == 0 &&
	    gnutls_x509_crt_get_key_id(examine->chain[0],
	    GNUTLS_KEYID_USE_SHA256, theirs, &theirs_n) == 0 &&
	    ours_n == theirs_n && memcmp(ours, theirs, ours_n) == 0;
	gnutls_pubkey_deinit(public);
	return same;
}

static void
check_key(struct examine *examine, bool certificate)
{
	const char *path = examine->options->tls_key, *why;
	gnutls_privkey_t key = NULL;
	gnutls_datum_t pem;

	if (!read_file(examine, "tls-key", path, PEM_KEY, &pem))
		return;
	why = key_import(&pem, &key);
	pem_forget(&pem);
	if (why != NULL)
		unsafe(examine, "%s: %s; " NOBODY, path, why);
	else if (certificate && !fits(examine, key))
		unsafe(examine, "%s: is not the key of the certificate %s; "
		    NOBODY, path, examine->options->tls_cert);
	gnutls_privkey_deinit(key);
}

int
examine_config(const struct options *options)
{
	struct examine examine = { .options = options };
	gnutls_datum_t staple;

	check_key(&examine, check_certificate(&examine));
	if (options->tls_ocsp != NULL && read_file(&examine, "tls-ocsp",
	    options->tls_ocsp, PEM_PUBLIC, &staple))
		pem_forget(&staple);
	return fflush(stdout) == 0 && examine.unsafe == 0 ? 0 : -1;
}
