/* SPDX-License-Identifier: ISC */
/*
 * The uid room: the frozen vectors of tests/data/uid-vectors, fed whole, octet
 * by octet and cut at every point (DESIGN section 6).
 */
#include "unit/unit.h"

#include <nettle/base64.h>
#include <nettle/sha2.h>

#include "base/span.h"
#include "mail/uid.h"

/* Hash ${n} octets, the first ${cut} apart, then in pieces of ${step}. */
static void
hash(const char *p, size_t n, size_t cut, size_t step,
    uint8_t id[LIMITS_UID_OCTETS])
{
	struct uid uid;

	uid_begin(&uid);
	uid_feed(&uid, p, cut);
	for (size_t i = cut; i < n; i += step)
		uid_feed(&uid, p + i, n - i < step ? n - i : step);
	uid_end(&uid, id);
}

static void
check_vector(const char *what, const char *stored, size_t n,
    const char *hashed, size_t hashed_n, const char *text)
{
	uint8_t expected[SHA256_DIGEST_SIZE], id[LIMITS_UID_OCTETS];
	char got[LIMITS_UID_MAX + 1];
	struct sha256_ctx sha;

	sha256_init(&sha);
	sha256_update(&sha, hashed_n, (const uint8_t *)hashed);
	sha256_digest(&sha, sizeof(expected), expected);
	for (size_t cut = 0; cut <= n; cut++) {
		hash(stored, n, cut, n + 1, id);
		ROW(what, memcmp(id, expected, sizeof(id)) == 0);
	}
	for (size_t step = 1; step < 4; step++) {
		hash(stored, n, 0, step, id);
		ROW(what, memcmp(id, expected, sizeof(id)) == 0);
	}
	uid_print(id, 1, got);
	ROW(what, strcmp(got, text) == 0);
}

static void
test_vectors(void **state)
{
	FILE *file = unit_data("uid-vectors");
	char what[2048] = "", stored[2048] = "", hashed[2048] = "", line[2048];
	size_t vectors = 0, stored_n = 0, hashed_n = 0;

	(void)state;
	while (fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#') {
			memcpy(what, line, sizeof(what));
		} else if (strncmp(line, "stored ", 7) == 0) {
			memcpy(stored, line + 7, sizeof(stored) - 7);
			stored_n = unit_unescape(stored);
		} else if (strncmp(line, "hashed ", 7) == 0) {
			memcpy(hashed, line + 7, sizeof(hashed) - 7);
			hashed_n = unit_unescape(hashed);
		} else if (strncmp(line, "id ", 3) == 0) {
			check_vector(what, stored, stored_n, hashed, hashed_n,
			    line + 3);
			vectors++;
		} else {
			ROW(line, line[0] == '\0');
		}
	}
	(void)fclose(file);
	assert_true(vectors >= 30);
}

/* Messages of nasty octets have one id, however they are cut. */
static void
test_cuts(void **state)
{
	static const char *const parts[] = { "\n", "\r", "\r\n", " ", "\t",
	    ":", "Status", "status:", "X-UID: 1\n", "Subject: a\n", "x",
	    "\nLines: 3\n y\n", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };
	uint64_t seed = 20240101;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		char text[1024] = "From a\n";
		uint8_t whole[LIMITS_UID_OCTETS], id[LIMITS_UID_OCTETS];
		size_t n = strlen(text);

		for (int k = 0; k < 20; k++) {
			const char *part;

			seed = seed * 6364136223846793005u + 1442695040888963407u;
			part = parts[(seed >> 33) % COUNT(parts)];
			memcpy(text + n, part, strlen(part));
			n += strlen(part);
		}
		hash(text, n, n, 1, whole);
		hash(text, n, 0, 1, id);
		assert_memory_equal(id, whole, sizeof(id));
		hash(text, n, (size_t)(seed >> 40) % n, 7, id);
		assert_memory_equal(id, whole, sizeof(id));
	}
}

/* Nothing at all has an id, too. */
static void
test_nothing(void **state)
{
	uint8_t id[LIMITS_UID_OCTETS];
	char text[LIMITS_UID_MAX + 1];

	(void)state;
	hash("", 0, 0, 1, id);
	uid_print(id, 1, text);
	/* The digest of nothing: e3b0c44298fc1c14 9afbf4c8996fb924 27ae... */
	assert_string_equal(text, "47DEQpj8HBSa-_TImW-5JCeu");
}

static void
test_print(void **state)
{
	static const struct {
		const char *what;
		uint8_t fill;
		uint32_t copy;
		const char *text;
	} rows[] = {
		{ "the only one", 0, 1, "AAAAAAAAAAAAAAAAAAAAAAAA" },
		{ "the second one", 0, 2, "AAAAAAAAAAAAAAAAAAAAAAAA-2" },
		{ "the tenth one", 0, 10, "AAAAAAAAAAAAAAAAAAAAAAAA-10" },
		{ "the last one there can be", 0, UINT32_MAX,
		    "AAAAAAAAAAAAAAAAAAAAAAAA-4294967295" },
		{ "no slash in the URL-safe alphabet", 0xff, 1,
		    "________________________" },
		{ "no plus, either", 0xfb, 3, "-_v7-_v7-_v7-_v7-_v7-_v7-3" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t id[LIMITS_UID_OCTETS];
		char text[LIMITS_UID_MAX + 1];

		memset(id, rows[i].fill, sizeof(id));
		memset(text, '#', sizeof(text));
		uid_print(id, rows[i].copy, text);
		ROW(rows[i].what, strcmp(text, rows[i].text) == 0);
		/* RFC 1939 section 7: 1 to 70 characters of 0x21 to 0x7E. */
		ROW(rows[i].what, strlen(text) <= 70);
		for (const char *p = text; *p != '\0'; p++)
			ROW(rows[i].what, *p >= 0x21 && *p <= 0x7e);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_print),
	};

	return cmocka_run_group_tests_name("uid", tests, NULL, NULL);
}
