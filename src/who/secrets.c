/* SPDX-License-Identifier: ISC */
/*
 * The secrets file of APOP and CRAM-MD5.  The digests are made of the secret
 * itself, so the file has secrets in plain text.
 */
#include "config.h"

#include <sys/random.h>

#include <inttypes.h>
#include <stdio.h>

#include <nettle/base16.h>
#include <nettle/hmac.h>
#include <nettle/md5.h>

#include "settings/records.h"
#include "who/secrets.h"

static bool
is_secret(struct span name, struct span rest)
{
	return name.n > 0 && rest.n > 0;
}

int
secrets_find(const struct records_file *file, struct span name, char *secret)
{
	static const struct records_form form = { .separator = ':',
	    .fits = is_secret, .expected = "`name:secret'" };

	return records_find(file, &form, name, secret, NULL);
}

/* Two numbers stand before the host, as in the examples of RFC 1939 s7, because
 * some clients take nothing else for a timestamp: 128 random bits, which never
 * come again. */
void
secrets_timestamp(char timestamp[LIMITS_TIMESTAMP], const char *host)
{
	uint64_t random[2];

	timestamp[0] = '\0';
	if (getrandom(random, sizeof(random), 0) == (ssize_t)sizeof(random))
		(void)snprintf(timestamp, LIMITS_TIMESTAMP,
		    "<%" PRIu64 ".%" PRIu64 "@%s>", random[0], random[1], host);
}

void
secrets_digest(struct span timestamp, struct span secret,
    char digest[LIMITS_DIGEST])
{
	struct md5_ctx md5;
	uint8_t octets[MD5_DIGEST_SIZE];

	md5_init(&md5);
	md5_update(&md5, timestamp.n, (const uint8_t *)timestamp.p);
	md5_update(&md5, secret.n, (const uint8_t *)secret.p);
	md5_digest(&md5, sizeof(octets), octets);
	base16_encode_update(digest, sizeof(octets), octets);
	span_wipe(&md5, sizeof(md5));
	span_wipe(octets, sizeof(octets));
}

void
secrets_keyed(struct span challenge, struct span secret,
    char digest[LIMITS_DIGEST])
{
	struct hmac_md5_ctx hmac;
	uint8_t octets[MD5_DIGEST_SIZE];

	hmac_md5_set_key(&hmac, secret.n, (const uint8_t *)secret.p);
	hmac_md5_update(&hmac, challenge.n, (const uint8_t *)challenge.p);
	hmac_md5_digest(&hmac, sizeof(octets), octets);
	base16_encode_update(digest, sizeof(octets), octets);
	span_wipe(&hmac, sizeof(hmac));
	span_wipe(octets, sizeof(octets));
}
