/* SPDX-License-Identifier: ISC */
/*
 * TLS with one client.  Only what is named here is offered, whatever the
 * system's policy has; doc/SECURITY.md has the same list.
 */
#include "config.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/span.h"
#include "tls/handshake.h"
#include "tls/key.h"

#define OFFERED(versions) "NONE:" versions "+CTYPE-SRV-X509:" \
	"+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-GCM:+AEAD:" \
	"+ECDHE-ECDSA:+ECDHE-RSA:" \
	"+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:" \
	"+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-ECDSA-SECP384R1-SHA384:" \
	"+SIGN-EDDSA-ED25519:+SIGN-ECDSA-SHA256:+SIGN-ECDSA-SHA384:" \
	"+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-PSS-RSAE-SHA384:" \
	"+SIGN-RSA-PSS-RSAE-SHA512:" \
	"+SIGN-RSA-SHA256:+SIGN-RSA-SHA384:+SIGN-RSA-SHA512:+COMP-NULL"

/* Octets of what PKCS #1 puts in front of a SHA-2 hash. */
#define DIGEST_INFO 19

/* What TLS 1.2 signs with RSA as PKCS #1 wants it is not called by its name. */
static gnutls_sign_algorithm_t
pkcs1(size_t hash)
{
	return hash == 32 ? GNUTLS_SIGN_RSA_SHA256 : hash == 48 ?
	    GNUTLS_SIGN_RSA_SHA384 : GNUTLS_SIGN_RSA_SHA512;
}

static int
sign_hash(gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm, void *to,
    unsigned flags, const gnutls_datum_t *hash, gnutls_datum_t *signature)
{
	const struct handshake *handshake = to;
	struct span octets = { (const char *)hash->data, hash->size };
	enum signing_form form = SIGNING_HASH;
	char whole[TRANSCRIPT_SIGNED];
	int number;

	(void)key;
	(void)flags;
	if (gnutls_protocol_get_version(handshake->session) ==
	    GNUTLS_TLS1_3) {
		form = SIGNING_TLS13;
		octets = (struct span){ whole, transcript_signed(
		    &handshake->transcript,
		    gnutls_prf_hash_get(handshake->session), whole) };
	} else if (algorithm == GNUTLS_SIGN_RSA_RAW && octets.n > DIGEST_INFO) {
		octets.p += DIGEST_INFO;
		octets.n -= DIGEST_INFO;
		algorithm = pkcs1(octets.n);
	}
	number = signing_find(algorithm, form);
	return number == -1 ? GNUTLS_E_PK_SIGN_FAILED :
	    key_ask(handshake->key, number, octets, signature);
}

/* Of algorithms that hash what they sign themselves. */
static int
sign_data(gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm, void *to,
    unsigned flags, const gnutls_datum_t *data, gnutls_datum_t *signature)
{
	const struct handshake *handshake = to;
	int number = signing_find(algorithm,
	    gnutls_protocol_get_version(handshake->session) == GNUTLS_TLS1_3 ?
	    SIGNING_TLS13 : SIGNING_TLS12);

	(void)key;
	(void)flags;
	return number == -1 ? GNUTLS_E_PK_SIGN_FAILED :
	    key_ask(handshake->key, number, (struct span){
	    (const char *)data->data, data->size }, signature);
}

/* What is known of the key: the certificate tells. */
static int
inform(gnutls_privkey_t key, unsigned flags, void *to)
{
	const struct handshake *handshake = to;
	const struct signing_kind *kind;
	gnutls_sign_algorithm_t wanted = (gnutls_sign_algorithm_t)
	    GNUTLS_FLAGS_TO_SIGN_ALGO(flags);

	(void)key;
	if ((flags & GNUTLS_PRIVKEY_INFO_PK_ALGO) != 0)
		return handshake->certificate.key;
	if ((flags & GNUTLS_PRIVKEY_INFO_PK_ALGO_BITS) != 0)
		return (int)handshake->certificate.bits;
	for (size_t i = 0; (flags & GNUTLS_PRIVKEY_INFO_HAVE_SIGN_ALGO) != 0 &&
	    (kind = signing_kind(i)) != NULL; i++)
		if (kind->algorithm == wanted &&
		    (int)kind->key == handshake->certificate.key)
			return 1;
	return 0;
}

static int
staple(gnutls_session_t session, void *to, gnutls_datum_t *answer)
{
	const gnutls_datum_t *kept = to;

	(void)session;
	if (kept->size == 0)
		return GNUTLS_E_NO_CERTIFICATE_STATUS;
	answer->data = gnutls_malloc(kept->size);
	if (answer->data == NULL)
		return GNUTLS_E_MEMORY_ERROR;
	memcpy(answer->data, kept->data, kept->size);
	answer->size = kept->size;
	return 0;
}

static int
hear(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
    const gnutls_datum_t *body)
{
	struct handshake *handshake = gnutls_session_get_ptr(session);

	(void)when;
	(void)incoming;
	transcript_add(&handshake->transcript, type, body);
	return 0;
}

/* Have the session show the certificate, and sign by the key elsewhere. */
static int
show_certificate(struct handshake *handshake)
{
	struct certificate *certificate = &handshake->certificate;
	gnutls_certificate_credentials_t credentials;
	gnutls_privkey_t key = NULL;
	int got = gnutls_certificate_allocate_credentials(&credentials);

	if (got == 0)
		got = gnutls_privkey_init(&key);
	if (got == 0)
		got = gnutls_privkey_import_ext4(key, handshake, sign_data,
		    sign_hash, NULL, NULL, inform, 0);
	if (got < 0)
		return got;
	/* Else it would have the key sign something to see whether it fits. */
	gnutls_certificate_set_flags(credentials,
	    GNUTLS_CERTIFICATE_SKIP_KEY_CERT_MATCH);
	got = gnutls_certificate_set_key(credentials, NULL, 0,
	    certificate->chain, (int)certificate->n, key);
	gnutls_certificate_set_ocsp_status_request_function(credentials,
	    staple, &certificate->staple);
	return got < 0 ? got : gnutls_credentials_set(handshake->session,
	    GNUTLS_CRD_CERTIFICATE, credentials);
}

int
handshake_begin(struct handshake *handshake, bool least)
{
	static unsigned char name[] = "pop3";
	const gnutls_datum_t protocol = { name, sizeof(name) - 1 };
	int got = gnutls_init(&handshake->session, GNUTLS_SERVER |
	    GNUTLS_NO_TICKETS | GNUTLS_NONBLOCK);

	handshake->transcript.n = handshake->transcript.first = 0;
	handshake->transcript.lost = false;
	if (got == 0)
		got = gnutls_priority_set_direct(handshake->session, least ?
		    OFFERED("+VERS-TLS1.3:") :
		    OFFERED("+VERS-TLS1.3:+VERS-TLS1.2:"), NULL);
	/* Who offers protocols, but not this one, means another server. */
	if (got == 0)
		got = gnutls_alpn_set_protocols(handshake->session, &protocol,
		    1, GNUTLS_ALPN_MANDATORY);
	if (got == 0)
		got = show_certificate(handshake);
	if (got < 0)
		return got;
	gnutls_session_set_ptr(handshake->session, handshake);
	gnutls_handshake_set_hook_function(handshake->session,
	    GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_PRE, hear);
	outer_open(&handshake->outer, handshake->session);
	return 0;
}

/* Wait until the handshake can go on.  Returns 0, or -1 if it is given up. */
static int
wait_for(const struct handshake *handshake, bool sent, int control)
{
	struct pollfd fds[] = {
		{ .fd = control, .events = POLLRDHUP },
		{ .fd = handshake->outer.stream.in, .events = POLLIN },
		{ .fd = sent ? -1 : handshake->outer.stream.out,
		    .events = POLLOUT },
	};

	(void)poll(fds, sizeof(fds) / sizeof(fds[0]), -1);
	return fds[0].revents == 0 ? 0 : -1;
}

int
handshake_run(struct handshake *handshake, int control)
{
	int got, warnings = 0;
	bool sent;

	do {
		got = gnutls_handshake(handshake->session);
		sent = outer_flush(&handshake->outer);
		if (got == 0)
			return 0;
		if ((got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED) &&
		    !handshake->outer.lost)
			warnings = wait_for(handshake, sent, control) == 0 ?
			    warnings : LIMITS_TLS_WARNINGS;
		else
			warnings++;
	} while (gnutls_error_is_fatal(got) == 0 &&
	    warnings < LIMITS_TLS_WARNINGS);
	(void)gnutls_alert_send_appropriate(handshake->session, got);
	return got;
}

/* Add the string NAME=value. */
static void
add(char *text, size_t *n, const char *name, const char *value)
{
	int octets = snprintf(text + *n, LIMITS_UCSPI_STRING, "%s=%s", name,
	    value);

	*n += octets < 0 ? 0 : octets >= LIMITS_UCSPI_STRING ?
	    LIMITS_UCSPI_STRING : (size_t)octets + 1;
}

void
handshake_tell(const struct handshake *handshake, int control)
{
	gnutls_session_t session = handshake->session;
	gnutls_protocol_t version = gnutls_protocol_get_version(session);
	const char *name = version == GNUTLS_TLS1_3 ? "TLSv1.3" : "TLSv1.2";
	char text[4 * LIMITS_UCSPI_STRING], hex[LIMITS_UCSPI];
	size_t n = 0, size = sizeof(hex);
	gnutls_datum_t binding;

	add(text, &n, "SSL_PROTOCOL", name);
	add(text, &n, "SSL_CIPHER",
	    gnutls_cipher_get_name(gnutls_cipher_get(session)));
	/* RFC 9266 s4: under TLS 1.2 not without RFC 7627. */
	if ((version == GNUTLS_TLS1_3 ||
	    gnutls_session_ext_master_secret_status(session) != 0) &&
	    gnutls_session_channel_binding(session, GNUTLS_CB_TLS_EXPORTER,
	    &binding) == 0) {
		if (gnutls_hex_encode(&binding, hex, &size) == 0)
			add(text, &n, "SSL_TLS_EXPORTER", hex);
		gnutls_free(binding.data);
	}
	text[n++] = '\0';
	/* Who asked is gone if this fails: the relay will see it. */
	if (write(control, text, n) == -1)
		return;
}
