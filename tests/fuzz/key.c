/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes what the process that has the key is asked: one question.  It signs
 * only what fits its kind, and that verifies; after anything else it asks to be
 * ended.
 */
#include "config.h"

#include "fuzz.h"

#ifdef HAVE_GNUTLS
#include <sys/socket.h>

#include <string.h>
#include <unistd.h>

#include <gnutls/abstract.h>

#include "base/channel.h"
#include "tls/key.h"
#include "tls/signing.h"

static gnutls_privkey_t key;
static gnutls_pubkey_t public;

static void
make_key(void)
{
	if (key != NULL)
		return;
	FUZZ_CHECK(gnutls_privkey_init(&key) == 0);
	FUZZ_CHECK(gnutls_privkey_generate(key, GNUTLS_PK_EDDSA_ED25519,
	    256, 0) == 0);
	FUZZ_CHECK(gnutls_pubkey_init(&public) == 0);
	FUZZ_CHECK(gnutls_pubkey_import_privkey(public, key, 0, 0) == 0);
}

/* Whether ${message} is a question that may be answered; ${octets} are what is
 * to be signed. */
static bool
is_right(struct channel_message *message, struct span *octets)
{
	const struct signing_kind *kind =
	    signing_kind(channel_get_number(message, 1));

	*octets = channel_get(message);
	return kind != NULL && message->whole && message->at == message->n &&
	    kind->key == GNUTLS_PK_EDDSA_ED25519 && signing_fits(kind, *octets);
}

void
fuzz_key(struct span input)
{
	struct channel_message question, answer;
	struct span octets, signature;
	int fds[2], got;

	make_key();
	if (input.n == 0 || input.n > sizeof(question.octets))
		return;
	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) == 0);
	FUZZ_CHECK(write(fds[0], input.p, input.n) == (ssize_t)input.n);
	got = key_answer(fds[1], key);
	(void)shutdown(fds[1], SHUT_WR);
	channel_begin(&question);
	memcpy(question.octets, input.p, input.n);
	question.n = input.n;
	FUZZ_CHECK(got == is_right(&question, &octets));
	FUZZ_CHECK(channel_receive(fds[0], &answer) == got);
	if (got == 1) {
		gnutls_datum_t data = { (unsigned char *)(uintptr_t)octets.p,
		    (unsigned)octets.n }, signed_by;

		signature = channel_get(&answer);
		signed_by.data = (unsigned char *)(uintptr_t)signature.p;
		signed_by.size = (unsigned)signature.n;
		FUZZ_CHECK(gnutls_pubkey_verify_data2(public,
		    GNUTLS_SIGN_EDDSA_ED25519, 0, &data, &signed_by) >= 0);
	}
	(void)close(fds[0]);
	(void)close(fds[1]);
}
#else
void
fuzz_key(struct span input)
{
	(void)input;
}
#endif
