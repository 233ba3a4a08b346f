/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the unique-ids: the input is a message, its last octet chooses where
 * it is cut.  The id does not depend on that, and is the digest of what a plain
 * reading of DESIGN section 6, line by line, keeps.
 */
#include "config.h"

#include <string.h>

#include <nettle/sha2.h>

#include "fuzz.h"
#include "mail/uid.h"

static bool
is_left_out(struct span line)
{
	static const char *const fields[] = { "Status", "X-Status",
	    "X-Keywords", "X-UID", "X-UIDL", "X-IMAP", "X-IMAPbase",
	    "X-Mozilla-Status", "X-Mozilla-Status2", "X-Mozilla-Keys",
	    "Content-Length", "Lines" };
	struct span name = span_cut(&line, ':');

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (line.p != NULL &&
		    span_equal_nocase(name, span_of(fields[i])))
			return true;
	return false;
}

static void
hash_plainly(struct span rest, uint8_t id[LIMITS_UID_OCTETS])
{
	struct sha256_ctx sha;
	bool from = true, header = true, skipped = false;

	sha256_init(&sha);
	while (rest.n > 0) {
		struct span line = span_cut(&rest, '\n');
		bool ended = rest.p != NULL;

		if (ended && line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (!from && header && line.n == 0)
			header = skipped = false;
		else if (!from && header && line.p[0] != ' ' &&
		    line.p[0] != '\t')
			skipped = is_left_out(line);
		if (!skipped) {
			if (line.n > 0)
				sha256_update(&sha, line.n,
				    (const uint8_t *)line.p);
			sha256_update(&sha, 1, (const uint8_t *)"\n");
		}
		from = false;
	}
	sha256_digest(&sha, LIMITS_UID_OCTETS, id);
}

static void
hash_pieces(struct span input, size_t chunk, uint8_t id[LIMITS_UID_OCTETS])
{
	struct uid uid;

	uid_begin(&uid);
	for (size_t at = 0, n; at < input.n; at += n) {
		char *piece;

		n = input.n - at < chunk ? input.n - at : chunk;
		piece = malloc(n);
		FUZZ_CHECK(piece != NULL);
		memcpy(piece, input.p + at, n);
		uid_feed(&uid, piece, n);
		free(piece);
	}
	uid_end(&uid, id);
}

void
fuzz_uid(struct span input)
{
	size_t chunk = 1 + fuzz_number(&input, 255);
	uint8_t whole[LIMITS_UID_OCTETS], cut[LIMITS_UID_OCTETS];
	char text[LIMITS_UID_MAX + 1];
	size_t n;

	hash_pieces(input, input.n, whole);
	hash_pieces(input, chunk, cut);
	FUZZ_CHECK(memcmp(whole, cut, sizeof(cut)) == 0);
	hash_plainly(input, cut);
	FUZZ_CHECK(memcmp(whole, cut, sizeof(cut)) == 0);
	memset(text, 'x', sizeof(text));
	uid_print(whole, (uint32_t)chunk * 16843009u, text);
	n = strnlen(text, sizeof(text));
	FUZZ_CHECK(n >= LIMITS_UID_TEXT && n <= LIMITS_UID_MAX);
	for (size_t i = 0; i < n; i++)
		FUZZ_CHECK(text[i] > ' ' && text[i] < 0x7f);
}
