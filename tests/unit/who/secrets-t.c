/* SPDX-License-Identifier: ISC */
/*
 * The secrets room: the digest of APOP (RFC 1939 section 7) and the file that
 * has the secrets.
 */
#include "unit/unit.h"

#include <errno.h>

#include "who/secrets.h"

#define OCTETS(literal) { (literal), sizeof(literal) - 1 }

static void
test_digest(void **state)
{
	static const struct {
		const char *what;
		struct span timestamp, secret;
		const char *digest;
	} rows[] = {
		{ "the example of RFC 1939",
		    OCTETS("<1896.697170952@dbc.mtview.ca.us>"),
		    OCTETS("tanstaaf"), "c4c9334bac560ecc979e58001b3e22fb" },
		{ "nothing of nothing: RFC 1321", OCTETS(""), OCTETS(""),
		    "d41d8cd98f00b204e9800998ecf8427e" },
		{ "abc of RFC 1321, cut", OCTETS("a"), OCTETS("bc"),
		    "900150983cd24fb0d6963f7d28e17f72" },
		{ "abc of RFC 1321, all of it the secret", OCTETS(""),
		    OCTETS("abc"), "900150983cd24fb0d6963f7d28e17f72" },
		{ "26 letters of RFC 1321", OCTETS("abcdefghijklm"),
		    OCTETS("nopqrstuvwxyz"),
		    "c3fcd3d76192e4007dfb496cca67e13b" },
		{ "80 digits of RFC 1321: more than a block of MD5",
		    OCTETS("1234567890123456789012345678901234567890"),
		    OCTETS("1234567890123456789012345678901234567890"),
		    "57edf4a22be3c955ac49da2e2107b67a" },
		{ "NUL is an octet, not an end", OCTETS("a\0b"),
		    OCTETS("\0"), "aa3a791e273bce9cf4a2a7caa9028b36" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char digest[LIMITS_DIGEST + 1];

		memset(digest, '#', sizeof(digest));
		secrets_digest(rows[i].timestamp, rows[i].secret, digest);
		ROW(rows[i].what, memcmp(digest, rows[i].digest,
		    LIMITS_DIGEST) == 0);
		ROW(rows[i].what, digest[LIMITS_DIGEST] == '#');
	}
}

/* RFC 2195 s2 has an example; the others are those of RFC 2202 s2. */
static void
test_keyed(void **state)
{
	static const struct {
		const char *what;
		struct span challenge, secret;
		const char *digest;
	} rows[] = {
		{ "the example of RFC 2195",
		    OCTETS("<1896.697170952@postoffice.reston.mci.net>"),
		    OCTETS("tanstaaftanstaaf"),
		    "b913a602c7eda7a495b4e6e7334d3890" },
		{ "RFC 2202, case 2", OCTETS("what do ya want for nothing?"),
		    OCTETS("Jefe"), "750c783e6ab0b503eaa86e310a5db738" },
		{ "RFC 2202, case 6: a key larger than a block",
		    OCTETS("Test Using Larger Than Block-Size Key - Hash Key "
		    "First"), OCTETS(
		    "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"
		    "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"
		    "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"
		    "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"
		    "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"
		    "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"
		    "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"
		    "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"),
		    "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char digest[LIMITS_DIGEST + 1];

		memset(digest, '#', sizeof(digest));
		secrets_keyed(rows[i].challenge, rows[i].secret, digest);
		ROW(rows[i].what, memcmp(digest, rows[i].digest,
		    LIMITS_DIGEST) == 0);
		ROW(rows[i].what, digest[LIMITS_DIGEST] == '#');
	}
}

static const char file[] =
    "# comment:no\n"
    "\n"
    "mrose:tanstaaf\n"
    "Mrose:another\n"
    "first:one\n"
    "first:two\n"
    "colon:a:b:\n"
    "blank: x \n"
    " lead:y\n"
    "empty:\n"
    "nocolon\n"
    ":noname\n"
    "crlf:z\r\n"
    "bits:\xc3\xa4\xff\n"
    "nul:\0hidden\n"
    "hash:#x\n"
    "last:without end";

static void
test_find(void **state)
{
	static const struct {
		const char *what;
		struct span name;
		int found;
		struct span secret;
	} rows[] = {
		{ "a name and its secret", OCTETS("mrose"), 1,
		    OCTETS("tanstaaf") },
		{ "names differ by case", OCTETS("Mrose"), 1,
		    OCTETS("another") },
		{ "and are looked up octet for octet", OCTETS("MROSE"), 0,
		    { NULL, 0 } },
		{ "the first line wins", OCTETS("first"), 1, OCTETS("one") },
		{ "a secret goes to the end of the line", OCTETS("colon"), 1,
		    OCTETS("a:b:") },
		{ "its blanks count", OCTETS("blank"), 1, OCTETS(" x ") },
		{ "a name has no blank before it", OCTETS("lead"), 0,
		    { NULL, 0 } },
		{ "an empty secret is none", OCTETS("empty"), 0, { NULL, 0 } },
		{ "a line without a colon", OCTETS("nocolon"), 0,
		    { NULL, 0 } },
		{ "an empty name", OCTETS(""), 0, { NULL, 0 } },
		{ "the CR before a LF is not of the secret", OCTETS("crlf"), 1,
		    OCTETS("z") },
		{ "8-bit octets", OCTETS("bits"), 1, OCTETS("\xc3\xa4\xff") },
		{ "a line with NUL is none", OCTETS("nul"), 0, { NULL, 0 } },
		{ "# inside a line", OCTETS("hash"), 1, OCTETS("#x") },
		{ "a last line without an end", OCTETS("last"), 1,
		    OCTETS("without end") },
		{ "a comment is no user", OCTETS("# comment"), 0, { NULL, 0 } },
		{ "a prefix of a name", OCTETS("mros"), 0, { NULL, 0 } },
		{ "more than a name", OCTETS("mrosex"), 0, { NULL, 0 } },
		{ "a name and a secret as a name", OCTETS("mrose:tanstaaf"), 0,
		    { NULL, 0 } },
		{ "a name with NUL", OCTETS("mrose\0"), 0, { NULL, 0 } },
	};
	struct records_file open;

	assert_int_equal(records_open(&open, unit_write(state, "secrets", file,
	    sizeof(file) - 1, 0600), RECORDS_SECRET), 0);

	for (size_t i = 0; i < COUNT(rows); i++) {
		char secret[LIMITS_RECORD];

		ROW(rows[i].what, secrets_find(&open, rows[i].name, secret) ==
		    rows[i].found);
		ROW(rows[i].what, rows[i].found != 1 ||
		    span_equal(span_of(secret), rows[i].secret));
	}
	records_close(&open);
}

/* The longest secret that a line holds. */
static void
test_longest(void **state)
{
	char text[LIMITS_RECORD + 8], secret[LIMITS_RECORD];
	struct records_file open;

	memset(text, 'x', sizeof(text));
	memcpy(text, "m:", 2);
	text[LIMITS_RECORD - 1] = '\n';
	assert_int_equal(records_open(&open, unit_write(state, "long", text,
	    LIMITS_RECORD, 0600), RECORDS_SECRET), 0);
	assert_int_equal(secrets_find(&open, SPAN("m"), secret), 1);
	records_close(&open);
	assert_int_equal(strlen(secret), LIMITS_RECORD - 3);
	text[LIMITS_RECORD - 1] = 'x';
	text[LIMITS_RECORD] = '\n';
	assert_int_equal(records_open(&open, unit_write(state, "long", text,
	    LIMITS_RECORD + 1, 0600), RECORDS_SECRET), 0);
	assert_int_equal(secrets_find(&open, SPAN("m"), secret), 0);
	records_close(&open);
}

static void
test_usable(void **state)
{
	static const struct {
		const char *what;
		mode_t mode;
		bool usable;
	} rows[] = {
		{ "one's own alone", 0600, true },
		{ "one's own, to be read only", 0400, true },
		{ "the group may read it", 0640, false },
		{ "others may read it", 0604, false },
		{ "the group may write it", 0620, false },
		{ "others may write it", 0602, false },
		{ "everybody's", 0666, false },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *path = unit_write(state, "modes", "m:s\n", 4,
		    rows[i].mode);
		struct records_file open;
		char secret[LIMITS_RECORD];

		ROW(rows[i].what, (records_open(&open, path,
		    RECORDS_SECRET) == 0) == rows[i].usable);
		ROW(rows[i].what, (open.why == NULL) == rows[i].usable);
		ROW(rows[i].what, secrets_find(&open, SPAN("m"),
		    secret) == (rows[i].usable ? 1 : -1));
		records_close(&open);
	}
}

static void
test_missing(void **state)
{
	struct records_file open;
	char secret[LIMITS_RECORD];

	assert_int_equal(records_open(&open, unit_path(state, "missing"),
	    RECORDS_SECRET), -1);
	assert_non_null(open.why);
	assert_int_equal(secrets_find(&open, SPAN("m"), secret), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digest),
		cmocka_unit_test(test_keyed),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_usable),
		cmocka_unit_test(test_missing),
	};

	return cmocka_run_group_tests_name("secrets", tests, unit_begin,
	    unit_end);
}
