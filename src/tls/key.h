/* SPDX-License-Identifier: ISC */
/*
 * The key: the process that has it in memory and signs with it, and how that is
 * asked.
 */
#ifndef KEY_H
#define KEY_H

#include <gnutls/abstract.h>

#include "base/span.h"
#include "rights/process.h"
#include "rights/sandbox.h"

struct key_ids {
	uid_t uid;		/* 0: stay who this is */
	gid_t gid;
};

/*
 * key_main(channel, fd, ids, wish):
 * The process: read the key from ${fd}, become ${ids}, close the sandbox as
 * ${wish} says, and sign what is asked for on ${channel}, LIMITS_SIGNATURES
 * times.
 */
void key_main(int channel, int fd, struct key_ids ids, enum sandbox_wish wish)
    __attribute__((noreturn));

/*
 * key_import(pem, key):
 * Read a key that dewey can use: RSA of 2048 to 4096 bits, P-256, P-384 or
 * Ed25519.  Returns NULL, or what is wrong.
 */
const char *key_import(const gnutls_datum_t *pem, gnutls_privkey_t *key);

/*
 * key_answer(channel, key):
 * Answer one question.  Returns 1; 0 if nobody asks any more, or asks what is
 * never signed.
 */
int key_answer(int channel, gnutls_privkey_t key);

/*
 * key_ask(channel, number, octets, signature):
 * Have ${octets} signed, of the kind ${number}; ${signature} is gnutls_malloc's
 * then.  Returns 0 or an error of GnuTLS.
 */
int key_ask(int channel, int number, struct span octets,
    gnutls_datum_t *signature);

#endif
