/* SPDX-License-Identifier: ISC */
/*
 * The secrets file of APOP.  Its secrets are plain text, which is the price of
 * APOP: so a file that others can read is not used at all.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include <nettle/md5.h>

#include "base/log.h"
#include "settings/records.h"
#include "who/secrets.h"

#define OTHERS 077

int
secrets_open(struct records_file *file, const char *path)
{
	return records_open(file, path, OTHERS);
}

int
secrets_find(const struct records_file *file, struct span name, char *secret,
    size_t *length)
{
	struct records records;
	struct span line;
	int got, found = 0;

	if (records_begin(&records, file) == -1)
		return -1;
	while ((got = records_next(&records, &line)) != 0) {
		struct span rest = line, key = span_cut(&rest, ':');

		if (got == -1 && errno != EINVAL) {
			log_error("%s: %s", file->path, strerror(errno));
			found = -1;
			break;
		}
		if (got == -1 || key.n == 0 || rest.n == 0) {
			log_warning("%s:%u: expected `name:secret'; the line "
			    "is skipped", file->path, records.line);
		} else if (found == 0 && span_equal(key, name)) {
			memcpy(secret, rest.p, rest.n);
			*length = rest.n;
			found = 1;
		}
	}
	records_end(&records);
	return found;
}

void
secrets_digest(struct span timestamp, struct span secret,
    char digest[LIMITS_DIGEST])
{
	static const char digits[] = "0123456789abcdef";
	struct md5_ctx md5;
	uint8_t octets[MD5_DIGEST_SIZE];

	md5_init(&md5);
	md5_update(&md5, timestamp.n, (const uint8_t *)timestamp.p);
	md5_update(&md5, secret.n, (const uint8_t *)secret.p);
	md5_digest(&md5, sizeof(octets), octets);
	for (size_t i = 0; i < sizeof(octets); i++) {
		digest[2 * i] = digits[octets[i] >> 4];
		digest[2 * i + 1] = digits[octets[i] & 15];
	}
	span_wipe(&md5, sizeof(md5));
	span_wipe(octets, sizeof(octets));
}
