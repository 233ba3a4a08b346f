/* SPDX-License-Identifier: ISC */
/*
 * The key.  Its process hears no stranger, only the process that speaks TLS,
 * which may have been taken over: what it signs then is of use to nobody but
 * for this one connection.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <gnutls/crypto.h>

#include "base/channel.h"
#include "base/limits.h"
#include "base/log.h"
#include "tls/key.h"
#include "tls/pem.h"
#include "tls/signing.h"

/* Bits of a key: an RSA one's least and most, and those of the curves. */
#define RSA_LEAST 2048
#define RSA_MOST 4096
#define P256 256
#define P384 384

const char *
key_import(const gnutls_datum_t *pem, gnutls_privkey_t *key)
{
	unsigned bits = 0;
	int got, algorithm;

	*key = NULL;
	got = gnutls_privkey_init(key);
	if (got == 0)
		got = gnutls_privkey_import_x509_raw(*key, pem,
		    GNUTLS_X509_FMT_PEM, NULL, 0);
	if (got < 0)
		return gnutls_strerror(got);
	algorithm = gnutls_privkey_get_pk_algorithm(*key, &bits);
	if ((algorithm == GNUTLS_PK_RSA && bits >= RSA_LEAST &&
	    bits <= RSA_MOST) || algorithm == GNUTLS_PK_EDDSA_ED25519 ||
	    (algorithm == GNUTLS_PK_EC && (bits == P256 || bits == P384)))
		return NULL;
	return "is not a key that can be used: RSA of 2048 to 4096 bits, "
	    "P-256, P-384 and Ed25519 are";
}

/* Sign ${octets}, which fit ${kind}. */
static int
sign(gnutls_privkey_t key, const struct signing_kind *kind,
    struct span octets, gnutls_datum_t *signature)
{
	gnutls_datum_t data = { NULL, (unsigned)octets.n };

	/* It is not written to, but GnuTLS does not say so. */
	memcpy(&data.data, &octets.p, sizeof(data.data));
	return kind->form == SIGNING_HASH ?
	    gnutls_privkey_sign_hash2(key, kind->algorithm, 0, &data,
	    signature) :
	    gnutls_privkey_sign_data2(key, kind->algorithm, 0, &data,
	    signature);
}

int
key_answer(int channel, gnutls_privkey_t key)
{
	struct channel_message message;
	const struct signing_kind *kind;
	gnutls_datum_t signature = { NULL, 0 };
	struct span octets;
	int sent = -1;

	if (channel_receive(channel, &message) != 1)
		return 0;
	kind = signing_kind(channel_get_number(&message, 1));
	octets = channel_get(&message);
	if (message.fd != -1)
		(void)close(message.fd);
	if (kind == NULL || !message.whole || message.at != message.n ||
	    gnutls_privkey_get_pk_algorithm(key, NULL) != (int)kind->key ||
	    !signing_fits(kind, octets) ||
	    sign(key, kind, octets, &signature) < 0)
		return 0;
	channel_begin(&message);
	channel_put(&message, (struct span){ (const char *)signature.data,
	    signature.size });
	sent = channel_send(channel, &message, -1);
	gnutls_free(signature.data);
	return sent == 0;
}

int
key_ask(int channel, int number, struct span octets, gnutls_datum_t *signature)
{
	struct channel_message message;
	struct span answer;

	channel_begin(&message);
	channel_put_number(&message, (uint32_t)number, 1);
	channel_put(&message, octets);
	if (channel_send(channel, &message, -1) == -1 ||
	    channel_receive(channel, &message) != 1)
		return GNUTLS_E_PK_SIGN_FAILED;
	answer = channel_get(&message);
	if (answer.n == 0)
		return GNUTLS_E_PK_SIGN_FAILED;
	signature->data = gnutls_malloc(answer.n);
	if (signature->data == NULL)
		return GNUTLS_E_MEMORY_ERROR;
	memcpy(signature->data, answer.p, answer.n);
	signature->size = (unsigned)answer.n;
	return 0;
}

void
key_main(int channel, int fd, struct key_ids ids, enum sandbox_wish wish)
{
	gnutls_datum_t pem;
	gnutls_privkey_t key;
	const char *why = NULL;
	int signatures = LIMITS_SIGNATURES;

	if (pem_read(fd, &pem) == -1)
		why = strerror(errno);
	if (ids.uid != 0)
		process_confine("key", ids.uid, ids.gid, false);
	gnutls_rnd_refresh();
	if (why == NULL) {
		why = key_import(&pem, &key);
		pem_forget(&pem);
	}
	if (why != NULL)
		log_error("tls-key: %s", why);
	log_close(channel);
	if (why == NULL && sandbox_close(FILTER_KEY, wish, -1) == 0)
		while (signatures > 0 && key_answer(channel, key) == 1)
			signatures--;
	_exit(why == NULL ? 0 : 1);
}
