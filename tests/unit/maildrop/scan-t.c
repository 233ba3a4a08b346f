/* SPDX-License-Identifier: ISC */
/*
 * The scan room, when the file system gives less than is there: what cannot be
 * read is no end of the file.  (Linked with --wrap for pread.)
 */
#include "unit/drop.h"

#include <errno.h>

/* Octets that one read gives at most, and the offset from which on the disk is
 * broken. */
static size_t most;
static off_t broken;

ssize_t __wrap_pread(int fd, void *octets, size_t n, off_t offset);
ssize_t __wrap_pread64(int fd, void *octets, size_t n, off_t offset);

ssize_t
__wrap_pread(int fd, void *octets, size_t n, off_t offset)
{
	if (offset >= broken) {
		errno = EIO;
		return -1;
	}
	if (n > most)
		n = most;
	if (broken - offset < (off_t)n)
		n = (size_t)(broken - offset);
	if (lseek(fd, offset, SEEK_SET) != offset)
		return -1;
	return read(fd, octets, n);
}

/* That of a machine with other calls for large files. */
ssize_t
__wrap_pread64(int fd, void *octets, size_t n, off_t offset)
{
	return __wrap_pread(fd, octets, n, offset);
}

static void
restore(void)
{
	most = SIZE_MAX;
	broken = INT32_MAX;
}

/* Mails of many lengths, LIMITS_BLOCK and more in all, in ${text}. */
static size_t
fill(char *text)
{
	size_t n = 0;

	for (size_t i = 0; n < LIMITS_BLOCK + 20000; i++) {
		memcpy(text + n, FROM "\n", FROM_N + 1);
		n += FROM_N + 1;
		memset(text + n, 'x', i * 37 % 3000);
		n += i * 37 % 3000;
		memcpy(text + n, "\n\n", 2);
		n += 2;
	}
	return n;
}

/* A page that cannot be read is trouble, wherever it is: what stands there must
 * not seem to be gone, or UPDATE might cut it off. */
static void
test_broken(void **state)
{
	static char text[LIMITS_BLOCK + 30000];
	struct maildrop drop;

	drop_write(state, text, fill(text));
	for (size_t at = 0; at <= LIMITS_BLOCK + LIMITS_PAGE;
	    at += LIMITS_PAGE) {
		broken = (off_t)at;
		assert_int_equal(drop_open(state, &drop), MAILBOX_TROUBLE);
		assert_int_equal(drop.known, MAILDROP_NOTHING);
		maildrop_close(&drop);
	}
	restore();
}

/* Reads that give less than they could change nothing. */
static void
test_short(void **state)
{
	static const size_t lengths[] = { 1, 2, 3, 100, 2047, LIMITS_PAGE - 1,
	    LIMITS_PAGE, LIMITS_PAGE + 1, 5000, LIMITS_BLOCK - 1 };
	static char text[LIMITS_BLOCK + 30000];
	size_t n = fill(text), count;
	struct maildrop drop;

	drop_write(state, text, n);
	assert_int_equal(drop_open(state, &drop), MAILBOX_FINE);
	count = drop.count;
	maildrop_close(&drop);
	for (size_t i = 0; i < COUNT(lengths); i++) {
		most = lengths[i];
		assert_int_equal(drop_open(state, &drop), MAILBOX_FINE);
		restore();
		assert_int_equal(drop.end, n);
		assert_int_equal(drop.count, count);
		for (size_t m = 0; m < drop.count; m++)
			assert_true(message_is_whole(&drop, m));
		maildrop_close(&drop);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_short),
	};

	restore();
	return cmocka_run_group_tests_name("scan", tests, unit_begin,
	    unit_end);
}
