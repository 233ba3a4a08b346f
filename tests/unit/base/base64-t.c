/* SPDX-License-Identifier: ISC */
/*
 * The base64 room: the vectors of RFC 4648 section 10 both ways, and what is no
 * base64.
 */
#include "unit/unit.h"

#include "base/base64.h"

#define OCTETS(literal) { (literal), sizeof(literal) - 1 }

static void
test_vectors(void **state)
{
	static const struct {
		struct span octets, text;
	} rows[] = {
		{ OCTETS(""), OCTETS("") },
		{ OCTETS("f"), OCTETS("Zg==") },
		{ OCTETS("fo"), OCTETS("Zm8=") },
		{ OCTETS("foo"), OCTETS("Zm9v") },
		{ OCTETS("foob"), OCTETS("Zm9vYg==") },
		{ OCTETS("fooba"), OCTETS("Zm9vYmE=") },
		{ OCTETS("foobar"), OCTETS("Zm9vYmFy") },
		{ OCTETS("\0\xff\xfb\xf0"), OCTETS("AP/78A==") },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct span octets = rows[i].octets, text = rows[i].text, got;
		char room[16];

		ROW(text.p, span_equal(base64_encode(octets, room,
		    BASE64_TEXT(octets.n)), text));
		ROW(text.p, BASE64_TEXT(octets.n) == text.n);
		ROW(text.p, base64_decode(text, room, text.n / 4 * 3, &got) ==
		    0 && span_equal(got, octets));
		ROW("no room for it", text.n == 0 || (base64_encode(octets,
		    room, text.n - 1).n == 0 && base64_decode(text, room,
		    text.n / 4 * 3 - 1, &got) == -1 && got.n == 0));
	}
}

static void
test_none(void **state)
{
	static const struct {
		const char *what;
		struct span text;
	} rows[] = {
		{ "not padded", OCTETS("Zg") },
		{ "padded too little", OCTETS("Zg=") },
		{ "padded too much", OCTETS("Zg===") },
		{ "padding alone", OCTETS("====") },
		{ "padding that is three of four", OCTETS("Z===") },
		{ "... behind six bits that are 0", OCTETS("A===") },
		{ "... at the end", OCTETS("AG1yb3NlA===") },
		{ "padding in the middle", OCTETS("Zg==Zg==") },
		{ "padding before a letter", OCTETS("Zg=g") },
		{ "bits that mean nothing", OCTETS("Zh==") },
		{ "bits that mean nothing, of two octets", OCTETS("Zm9=") },
		{ "a blank in front", OCTETS(" Zg=") },
		{ "a blank behind", OCTETS("Zm8 ") },
		{ "a blank within", OCTETS("Zm 9v") },
		{ "blanks alone", OCTETS("    ") },
		{ "a line end", OCTETS("Zm9v\r\n\r\n") },
		{ "NUL", OCTETS("Zm9\0") },
		{ "the URL-safe alphabet", OCTETS("AP_78A==") },
		{ "an 8-bit octet", OCTETS("Zm9\xe4") },
		{ "an asterisk", OCTETS("****") },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct span got;
		char room[16];

		ROW(rows[i].what, base64_decode(rows[i].text, room,
		    sizeof(room), &got) == -1);
		ROW(rows[i].what, got.n == 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
