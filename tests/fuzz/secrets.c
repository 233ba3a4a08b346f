/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the secrets file: the input is a name, a NUL and the file.  What is
 * found is what stands behind the first line of that name.
 */
#include "config.h"

#include <string.h>

#include "fuzz.h"
#include "base/limits.h"
#include "who/secrets.h"

/* Line by line. */
static bool
find_plainly(struct span file, struct span name, struct span *secret)
{
	while (file.n > 0) {
		struct span line = span_cut(&file, '\n'), key;

		if (line.n >= LIMITS_RECORD)
			continue;
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (line.n == 0 || line.p[0] == '#' ||
		    memchr(line.p, '\0', line.n) != NULL)
			continue;
		key = span_cut(&line, ':');
		if (key.n == 0 || line.n == 0 || !span_equal(key, name))
			continue;
		*secret = line;
		return true;
	}
	return false;
}

void
fuzz_secrets(struct span input)
{
	struct span file = input, name = span_cut(&file, '\0'), wanted;
	struct records_file open;
	char *secret = malloc(LIMITS_RECORD), digest[LIMITS_DIGEST];
	int found;

	FUZZ_CHECK(secret != NULL);
	FUZZ_CHECK(records_open(&open, fuzz_path(file), RECORDS_SECRET) == 0);
	found = secrets_find(&open, name, secret);
	records_close(&open);
	FUZZ_CHECK(found == find_plainly(file, name, &wanted));
	if (found == 1) {
		FUZZ_CHECK(span_equal(wanted, span_of(secret)));
		secrets_digest(name, wanted, digest);
	}
	free(secret);
}
