/* SPDX-License-Identifier: ISC */
/*
 * The imprint room: the pieces do not matter, every octet and its place do.
 */
#include "unit/unit.h"

#include "base/imprint.h"

static uint64_t
take(const char *octets, size_t n, size_t piece)
{
	struct imprint imprint;

	imprint_begin(&imprint, 7);
	for (size_t at = 0; at < n; at += piece)
		imprint_feed(&imprint, octets + at,
		    n - at < piece ? n - at : piece);
	return imprint_end(&imprint);
}

/* Mail that differs in few places: lines of one length. */
static void
fill(char *octets, size_t n)
{
	for (size_t i = 0; i < n; i++)
		octets[i] = i % 32 == 31 ? '\n' : (char)('0' + i / 32 % 10);
}

static void
test_pieces(void **state)
{
	static char octets[1000];

	(void)state;
	fill(octets, sizeof(octets));
	for (size_t n = 0; n < sizeof(octets); n += n < 200 ? 1 : 97)
		for (size_t piece = 1; piece < 300; piece += 7)
			assert_int_equal(take(octets, n, piece),
			    imprint_of(7, octets, n));
}

/* Each change of one octet, each two that take each other's place, and each
 * change that a sum of words would not see: one more here, two fewer there. */
static void
test_changes(void **state)
{
	static char octets[640];
	uint64_t before;

	(void)state;
	fill(octets, sizeof(octets));
	before = take(octets, sizeof(octets), sizeof(octets));
	for (size_t i = 0; i < sizeof(octets); i++) {
		octets[i]++;
		assert_int_not_equal(take(octets, sizeof(octets), 64), before);
		for (size_t k = i + 16; k + 16 < sizeof(octets) && k < i + 200;
		    k += 16) {
			octets[k] -= 2;
			octets[k + 16]++;
			assert_int_not_equal(take(octets, sizeof(octets), 64),
			    before);
			octets[k] += 2;
			octets[k + 16]--;
			octets[k]--;
			assert_int_not_equal(take(octets, sizeof(octets), 64),
			    before);
			octets[k]++;
		}
		octets[i]--;
	}
	assert_int_equal(take(octets, sizeof(octets), 64), before);
}

/* Another begin, another length: nothing at the end is not nothing. */
static void
test_lengths(void **state)
{
	static const char zeros[200];
	uint64_t seen[sizeof(zeros)];

	(void)state;
	for (size_t n = 0; n < sizeof(zeros); n++) {
		seen[n] = take(zeros, n, 50);
		for (size_t k = 0; k < n; k++)
			assert_int_not_equal(seen[k], seen[n]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_lengths),
	};

	return cmocka_run_group_tests_name("imprint", tests, NULL, NULL);
}
