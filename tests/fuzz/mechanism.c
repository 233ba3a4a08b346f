/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the messages of the SASL mechanisms and base64: the input is a message
 * of each of them.  What is read are parts of it, within their limits, and what
 * is base64 is what encoding makes of its octets.
 */
#include "config.h"

#include <string.h>

#include "base/base64.h"
#include "talk/mechanism.h"
#include "fuzz.h"

static bool
is_within(struct span part, struct span whole)
{
	return part.n == 0 || (part.p >= whole.p &&
	    part.n <= whole.n && part.p + part.n <= whole.p + whole.n);
}

static void
check_message(struct span input, const struct mechanism_message *message)
{
	FUZZ_CHECK(is_within(message->name, input));
	FUZZ_CHECK(is_within(message->authzid, input));
	FUZZ_CHECK(is_within(message->secret, input));
	FUZZ_CHECK(message->name.n >= 1 && message->name.n <= LIMITS_COMMAND);
	FUZZ_CHECK(message->secret.n <= LIMITS_COMMAND);
	FUZZ_CHECK(message->secret.n == 0 ||
	    memchr(message->secret.p, '\0', message->secret.n) == NULL);
	FUZZ_CHECK(memchr(message->name.p, '\0', message->name.n) == NULL);
}

static void
check_first(struct span input, const struct mechanism_first *first)
{
	FUZZ_CHECK(is_within(first->header, input));
	FUZZ_CHECK(is_within(first->bare, input));
	FUZZ_CHECK(is_within(first->nonce, first->bare));
	FUZZ_CHECK(first->header.n + first->bare.n == input.n);
	FUZZ_CHECK(first->name.n >= 1 && first->name.n <= LIMITS_COMMAND);
	FUZZ_CHECK(first->authzid.n <= LIMITS_COMMAND);
	FUZZ_CHECK(first->nonce.n >= 1 && first->nonce.n <= LIMITS_NONCE);
	FUZZ_CHECK(first->bare.n <= LIMITS_CREDENTIAL);
	FUZZ_CHECK(memchr(first->name.p, '\0', first->name.n) == NULL);
	FUZZ_CHECK(memchr(first->nonce.p, ',', first->nonce.n) == NULL);
}

static void
check_final(struct span input, const struct mechanism_final *final)
{
	FUZZ_CHECK(is_within(final->without, input));
	FUZZ_CHECK(is_within(final->nonce, final->without));
	FUZZ_CHECK(final->binding.n <= sizeof(final->room));
	FUZZ_CHECK(final->without.n + SCRAM_OCTETS <= LIMITS_CREDENTIAL);
	FUZZ_CHECK(memcmp(final->without.p + final->without.n, ",p=", 3) == 0);
}

static void
check_base64(struct span input)
{
	char octets[4096], text[BASE64_TEXT(sizeof(octets))];
	struct span got;

	if (base64_decode(input, octets, sizeof(octets), &got) == 0)
		FUZZ_CHECK(span_equal(base64_encode(got, text, sizeof(text)),
		    input) || input.n == 0);
	else
		FUZZ_CHECK(got.n == 0);
}

void
fuzz_mechanism(struct span input)
{
	struct mechanism_message message;
	struct mechanism_first first;
	struct mechanism_final final;
	struct scram_key key;
	char text[SCRAM_TEXT];

	check_base64(input);
	if (mechanism_plain(input, &message))
		check_message(input, &message);
	if (mechanism_cram(input, &message))
		check_message(input, &message);
	if (mechanism_scram_first(input, &first))
		check_first(input, &first);
	if (mechanism_scram_final(input, &final))
		check_final(input, &final);
	if (scram_read(input, &key)) {
		FUZZ_CHECK(key.salt_n >= 1 && key.salt_n <= LIMITS_SALT);
		scram_write(&key, text);
		FUZZ_CHECK(input.n >= strlen(text));
	}
}
