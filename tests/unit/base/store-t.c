/* SPDX-License-Identifier: ISC */
/*
 * The store room: numbers, records and hashes as they are stored, reading and
 * writing.
 */
#include "unit/unit.h"

#include <errno.h>

#include "base/store.h"
#include "base/sum.h"

static void
test_numbers(void **state)
{
	uint8_t octets[24];

	(void)state;
	memset(octets, 0xee, sizeof(octets));
	store_set(octets, 1, 0x0102030405060708u);
	assert_int_equal(store_get(octets, 1), 0x0102030405060708u);
	/* Lowest first, and no octet beside it. */
	assert_memory_equal(octets + 7, "\xee\x08\x07\x06\x05\x04\x03\x02\x01"
	    "\xee", 10);
	store_set(octets, 0, UINT64_MAX);
	assert_int_equal(store_get(octets, 0), UINT64_MAX);
	assert_int_equal(store_get(octets, 1), 0x0102030405060708u);
}

/* Each octet, the count and the seed count. */
static void
test_hash(void **state)
{
	char text[40];
	uint64_t whole;

	(void)state;
	memset(text, 'x', sizeof(text));
	for (size_t n = 0; n <= sizeof(text); n++) {
		whole = store_hash(0, text, n);
		assert_int_equal(store_hash(0, text, n), whole);
		assert_int_not_equal(store_hash(1, text, n), whole);
		if (n > 0)
			assert_int_not_equal(store_hash(0, text, n - 1), whole);
		for (size_t i = 0; i < n * 8; i++) {
			text[i / 8] ^= (char)(1 << i % 8);
			assert_int_not_equal(store_hash(0, text, n), whole);
			text[i / 8] ^= (char)(1 << i % 8);
		}
	}
	/* Octets that are NUL are octets, too. */
	memset(text, 0, sizeof(text));
	for (size_t n = 1; n < sizeof(text); n++)
		assert_int_not_equal(store_hash(0, text, n),
		    store_hash(0, text, n - 1));
}

/* However octets are cut into pieces. */
static void
test_hash_pieces(void **state)
{
	struct sum sum;
	char text[150];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 31 + 7);
	for (size_t n = 0; n <= sizeof(text); n++)
		for (size_t piece = 1; piece <= n + 1; piece++) {
			sum_begin(&sum, 5, n);
			sum_feed(&sum, text, 0);
			for (size_t i = 0; i < n; i += piece)
				sum_feed(&sum, text + i,
				    n - i < piece ? n - i : piece);
			assert_int_equal(sum_end(&sum),
			    store_hash(5, text, n));
		}
}

static void
test_read_write(void **state)
{
	int fd = open(unit_text(state, "file", "0123456789"), O_RDWR);
	char octets[20];

	assert_int_equal(store_read(fd, 2, octets, 8), 0);
	assert_memory_equal(octets, "23456789", 8);
	assert_int_equal(store_read(fd, 10, octets, 0), 0);
	errno = 0;
	assert_int_equal(store_read(fd, 3, octets, 8), -1);
	assert_int_equal(errno, ENODATA);
	assert_int_equal(store_write(fd, 8, "xyz", 3), 0);
	assert_int_equal(store_read(fd, 7, octets, 4), 0);
	assert_memory_equal(octets, "7xyz", 4);
	(void)close(fd);
	assert_int_equal(store_read(-1, 0, octets, 1), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(store_write(-1, 0, octets, 1), -1);
	assert_int_equal(errno, EBADF);
}

/* A record is its members in order, the lowest octet first, and their hash. */
static void
test_records(void **state)
{
	struct record {
		uint64_t a;
		int64_t b;
		uint64_t c[2];
	} record = { 1, -2, { 0x0807060504030201u, 4 } }, got;
	uint8_t octets[STORE_OCTETS(record) + 1];
	size_t n = sizeof(octets) - 1;

	(void)state;
	octets[n] = 0xee;
	store_pack(octets, &record, sizeof(record), 7);
	assert_int_equal(store_get(octets, 0), 1);
	assert_int_equal(store_get(octets, 1), UINT64_MAX - 1);
	assert_memory_equal(octets + 16, "\1\2\3\4\5\6\7\10", 8);
	assert_int_equal(store_get(octets, 3), 4);
	assert_int_equal(store_get(octets, 4), store_hash(7, octets, 32));
	assert_int_equal(octets[n], 0xee);
	assert_true(store_unpack(&got, octets, sizeof(got), 7));
	assert_memory_equal(&got, &record, sizeof(got));
	assert_false(store_unpack(&got, octets, sizeof(got), 8));
	for (size_t i = 0; i < n * 8; i++) {
		octets[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_false(store_unpack(&got, octets, sizeof(got), 7));
		octets[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_hash_pieces),
		cmocka_unit_test(test_read_write),
		cmocka_unit_test(test_records),
	};

	return cmocka_run_group_tests_name("store", tests, unit_begin,
	    unit_end);
}
