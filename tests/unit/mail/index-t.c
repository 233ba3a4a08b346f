/* SPDX-License-Identifier: ISC */
/*
 * The index room: the octets it stores, and what a changed head is worth.
 */
#include "unit/unit.h"

#include "base/store.h"
#include "mail/index.h"

#define RECORDS_AT 4096		/* octets before the records */
#define FIELDS 18		/* numbers of the head, its checksum the last */

static const uint64_t records[] = { 10, 11, 20, 21, 30, 31 };
static const struct stamp stamp = { 1, 2, 3000, { 4, 5 }, { 6, 7 } };
static const struct index_totals totals = { .count = 3, .sure = 2,
    .octets = 111, .begin = 12, .end = 2999, .settled = true };

/* An index of three records of two numbers. */
static int
open_saved(void **state, struct index *index)
{
	int fd = open(unit_text(state, "index", ""), O_RDWR);

	index_open(index, fd, false);
	index_save(index, &stamp, &totals,
	    &(struct index_records){ records, 2 * sizeof(records[0]), 0 });
	return fd;
}

/* The stored octets.  Those of another version are read as if they were of
 * this one if the first number is the same. */
static void
test_stored(void **state)
{
	static const uint64_t head[FIELDS - 2] = {
		0x3530786449776544u,	/* DewIdx05 */
		1, 2, 3000, 4, 5, 6, 7,	/* the mailbox' stamp */
		0, 0,		/* of this boot */
		3, 2, 111, 12, 2999, 1,	/* totals */
	};
	uint8_t octets[RECORDS_AT];
	struct index index;
	int fd = open_saved(state, &index);
	char got[sizeof(records)];

	assert_int_equal(store_read(fd, 0, octets, sizeof(octets)), 0);
	for (size_t i = 0; i < COUNT(head); i++)
		assert_int_equal(store_get(octets, i),
		    i == 8 || i == 9 ? index.boot[i - 8] : head[i]);
	assert_int_equal(store_get(octets, FIELDS - 2),
	    store_hash(0, records, sizeof(records)));
	assert_int_equal(store_get(octets, FIELDS - 1),
	    store_hash(0, octets, 8 * (FIELDS - 1)));
	assert_int_equal(store_read(fd, RECORDS_AT, got, sizeof(got)), 0);
	assert_memory_equal(got, records, sizeof(got));
	assert_int_equal(lseek(fd, 0, SEEK_END), RECORDS_AT + sizeof(records));
	index_close(&index);
}

/* Any other octet in the head makes it none. */
static void
test_torn(void **state)
{
	struct index index;
	int fd = open_saved(state, &index);
	int mailbox = open(unit_text(state, "box", ""), O_RDWR);
	const struct timespec now = { 100, 0 };

	if (!stamp_is_known(mailbox))
		UNIT_SKIP("a file system whose time stamps are known");
	assert_int_equal(index_judge(&index, &stamp, mailbox, now), INDEX_ALL);
	for (size_t i = 0; i < 8 * FIELDS; i++) {
		uint8_t octet, torn;

		assert_int_equal(store_read(fd, i, &octet, 1), 0);
		torn = octet ^ 0x40;
		assert_int_equal(store_write(fd, i, &torn, 1), 0);
		assert_int_equal(index_judge(&index, &stamp, mailbox, now),
		    INDEX_NOTHING);
		assert_int_equal(store_write(fd, i, &octet, 1), 0);
	}
	assert_int_equal(index_judge(&index, &stamp, mailbox, now), INDEX_ALL);
	assert_int_equal(index_stored(&index), 3);
	index_forget(&index);
	assert_int_equal(index_judge(&index, &stamp, mailbox, now),
	    INDEX_NOTHING);
	index_close(&index);
	(void)close(mailbox);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stored),
		cmocka_unit_test(test_torn),
	};

	return cmocka_run_group_tests_name("index", tests, unit_begin,
	    unit_end);
}
