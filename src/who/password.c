/* SPDX-License-Identifier: ISC */
/*
 * A password and its hash.
 */
#include "config.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "who/password.h"
#include "who/scram.h"

/* It costs the work of a usual one, and no password fits it. */
#define NOBODYS_HASH "$y$j9T$......................$" \
	"..........................................."

/* Octets of the shortest hash: of DES, with its salt. */
#define LEAST_HASH 13

struct span
password_hash(struct span rest)
{
	const struct span method = SPAN("{CRYPT}");
	struct span hash = span_cut(&rest, ':');

	if (hash.n > method.n && memcmp(hash.p, method.p, method.n) == 0)
		hash = (struct span){ hash.p + method.n, hash.n - method.n };
	while (hash.n > 0 && hash.p[0] == '!')
		hash = (struct span){ hash.p + 1, hash.n - 1 };
	return hash;
}

bool
password_is_there(struct span rest)
{
	struct span hash = password_hash(rest);

	return hash.n >= LEAST_HASH && hash.p[0] != '*';
}

bool
password_is_key(struct span rest)
{
	struct scram_key key;
	bool is_key = scram_read(password_hash(rest), &key);

	span_wipe(&key, sizeof(key));
	return is_key;
}

bool
password_is_bad_key(struct span rest)
{
	const struct span scheme = SPAN("{SCRAM-SHA-256}");
	struct span hash = password_hash(rest);

	return hash.n >= scheme.n && memcmp(hash.p, scheme.p, scheme.n) == 0 &&
	    !password_is_key(rest);
}

/* Whether crypt(3) makes ${hash} of ${password}. */
static bool
fits_hash(const char *hash, struct span password)
{
	char text[LIMITS_COMMAND + 1];
	struct crypt_data *data = calloc(1, sizeof(*data));
	const char *made = NULL;
	bool fits;

	if (data != NULL && span_copy(password, text, sizeof(text)) == 0)
		made = crypt_r(text, hash, data);
	/* crypt(3) of an invalid hash is NULL or begins with `*'. */
	fits = made != NULL && made[0] != '*' &&
	    span_equal_secret(span_of(made), span_of(hash));
	span_wipe(text, sizeof(text));
	if (data != NULL)
		span_wipe(data, sizeof(*data));
	free(data);
	return fits;
}

bool
password_fits(const char *hash, const char *other, struct span password)
{
	char tried[LIMITS_RECORD];
	struct span own = span_of(hash), from = own;
	struct scram_key key;
	bool fits;

	if (!password_is_there(from))
		from = span_of(other);
	if (!password_is_there(from))
		from = span_of(NOBODYS_HASH);
	(void)span_copy(password_hash(from), tried, sizeof(tried));
	fits = scram_read(span_of(tried), &key) ?
	    scram_fits(&key, password) : fits_hash(tried, password);
	/* A locked one is tried, but is not what was. */
	fits = span_equal(span_of(tried), own) && fits;
	span_wipe(tried, sizeof(tried));
	span_wipe(&key, sizeof(key));
	return fits;
}
