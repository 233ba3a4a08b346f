#!/bin/sh
# SPDX-License-Identifier: ISC
# What GnuTLS hands to a key that is elsewhere, in a TLS 1.3 server.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common"

guess 'where there are callbacks for both, the one that signs data gets the' \
    'text of RFC 8446 4.4.3, so that who has the key sees what it signs'
packages libgnutls28-dev=3.7.9-2+deb12u7 libgnutls30=3.7.9-2+deb12u7 \
    openssl=3.0.22-1~deb12u2 libssl3=3.0.22-1~deb12u2 libnettle8 libhogweed6 \
    libgmp10 libtasn1-6 libidn2-0 libunistring2 libp11-kit0 libffi8
command -v cc >/dev/null || unavailable 'there is no cc'
cat >server.c <<'C'
#include <sys/socket.h>

#include <stdio.h>
#include <unistd.h>

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>

static gnutls_privkey_t real;

static int
sign_data(gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm, void *to,
    unsigned flags, const gnutls_datum_t *data, gnutls_datum_t *signature)
{
	(void)key, (void)to, (void)flags;
	printf("data of %u octets", data->size);
	return gnutls_privkey_sign_data2(real, algorithm, 0, data, signature);
}

static int
sign_hash(gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm, void *to,
    unsigned flags, const gnutls_datum_t *hash, gnutls_datum_t *signature)
{
	(void)key, (void)to, (void)flags;
	printf("a hash of %u octets", hash->size);
	return gnutls_privkey_sign_hash2(real, algorithm, 0, hash, signature);
}

static int
inform(gnutls_privkey_t key, unsigned flags, void *to)
{
	unsigned bits;
	int algorithm = gnutls_privkey_get_pk_algorithm(real, &bits);

	(void)key, (void)to;
	return flags & GNUTLS_PRIVKEY_INFO_PK_ALGO ? algorithm :
	    flags & GNUTLS_PRIVKEY_INFO_PK_ALGO_BITS ? (int)bits : 1;
}

static int
shake(unsigned side, gnutls_certificate_credentials_t credentials, int fd)
{
	gnutls_session_t session;
	int got;

	gnutls_init(&session, side);
	gnutls_priority_set_direct(session, "NORMAL:-VERS-ALL:+VERS-TLS1.3",
	    NULL);
	gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
	gnutls_transport_set_int(session, fd);
	do
		got = gnutls_handshake(session);
	while (got < 0 && !gnutls_error_is_fatal(got));
	return got;
}

int
main(void)
{
	gnutls_certificate_credentials_t credentials;
	gnutls_pcert_st chain;
	gnutls_privkey_t key;
	gnutls_datum_t pem;
	unsigned n = 1;
	int fds[2];

	socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
	gnutls_certificate_allocate_credentials(&credentials);
	if (fork() == 0)
		_exit(shake(GNUTLS_CLIENT, credentials, fds[1]) < 0);
	gnutls_load_file("c", &pem);
	gnutls_pcert_list_import_x509_raw(&chain, &n, &pem,
	    GNUTLS_X509_FMT_PEM, 0);
	gnutls_load_file("k", &pem);
	gnutls_privkey_init(&real);
	gnutls_privkey_import_x509_raw(real, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
	gnutls_privkey_init(&key);
	gnutls_privkey_import_ext4(key, NULL, sign_data, sign_hash, NULL, NULL,
	    inform, 0);
	gnutls_certificate_set_flags(credentials,
	    GNUTLS_CERTIFICATE_SKIP_KEY_CERT_MATCH);
	gnutls_certificate_set_key(credentials, NULL, 0, &chain, 1, key);
	puts(shake(GNUTLS_SERVER, credentials, fds[0]) < 0 ? ", failed" : "");
	return 0;
}
C
cc -I"$root/usr/include" -o server server.c \
    "$(echo "$root"/usr/lib/*/libgnutls.so.30)" -Wl,--allow-shlib-undefined \
    >compiled 2>&1 || unavailable "$(tail -n 1 compiled)"
for kind in 'ec -pkeyopt ec_paramgen_curve:P-256' rsa:2048 ed25519; do
	openssl req -x509 -newkey $kind -nodes -days 2 -subj /CN=pop.example.org \
	    -keyout k -out c >/dev/null 2>&1
	saw "$kind: $(timeout 10 ./server | tee -a signed)"
done
finding '[ "$(paste -sd / signed)" = \
    "a hash of 32 octets/a hash of 32 octets/data of 146 octets" ]' \
    'GnuTLS hashes first: a key elsewhere sees what it signs with Ed25519 only'
