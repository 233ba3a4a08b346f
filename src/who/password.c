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
password_fits(const char *hash, const char *other, struct span password)
{
	char text[LIMITS_COMMAND + 1], tried[LIMITS_RECORD];
	struct crypt_data *data = calloc(1, sizeof(*data));
	struct span own = span_of(hash), from = own;
	const char *made = NULL;
	bool fits = false;

	if (!password_is_there(from))
		from = span_of(other);
	if (!password_is_there(from))
		from = span_of(NOBODYS_HASH);
	(void)span_copy(password_hash(from), tried, sizeof(tried));
	if (data != NULL && span_copy(password, text, sizeof(text)) == 0)
		made = crypt_r(text, tried, data);
	/* crypt(3) of an invalid hash is NULL or begins with `*'. */
	if (made != NULL && made[0] != '*' && own.n > 0)
		fits = span_equal_secret(span_of(made), own);
	span_wipe(text, sizeof(text));
	span_wipe(tried, sizeof(tried));
	if (data != NULL)
		span_wipe(data, sizeof(*data));
	free(data);
	return fits;
}
