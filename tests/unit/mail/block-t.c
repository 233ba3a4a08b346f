/* SPDX-License-Identifier: ISC */
/*
 * The block room: any octet of a file, across blocks, up to an end; and
 * forgetting.
 */
#include "unit/unit.h"

#include <errno.h>

#include "base/limits.h"
#include "mail/block.h"

#define N (2 * LIMITS_BLOCK + 100)

static char
octet_at(uint64_t offset)
{
	return (char)(offset * 7 + offset / 256);
}

static void
open_block(void **state, struct block *block)
{
	static char text[N];

	for (size_t i = 0; i < N; i++)
		text[i] = octet_at(i);
	memset(block, 0, sizeof(*block));
	block->fd = open(unit_write(state, "file", text, N, 0600), O_RDWR);
	assert_int_not_equal(block->fd, -1);
	assert_int_equal(block_open(block), 0);
}

static void
close_block(struct block *block)
{
	(void)close(block->fd);
	block_close(block);
}

static void
test_read(void **state)
{
	static const struct {
		const char *what;
		uint64_t offset, end;
	} rows[] = {
		{ "the begin", 0, N },
		{ "again", 0, N },
		{ "a part of it", 0, 1 },
		{ "inside of it", 100, 200 },
		{ "the last octet of it", LIMITS_BLOCK - 1, N },
		{ "the first octet of the next one", LIMITS_BLOCK, N },
		{ "back across the border", LIMITS_BLOCK - 10,
		    LIMITS_BLOCK + 10 },
		{ "the last octet", N - 1, N },
		{ "the end that is said is beyond the file's", N - 50,
		    UINT64_MAX },
		{ "far back", 17, 18 },
	};
	struct block block;

	open_block(state, &block);
	for (size_t i = 0; i < COUNT(rows); i++)
		for (uint64_t at = rows[i].offset;;) {
			const char *p = NULL;
			ssize_t n = block_read(&block, at, rows[i].end, &p);

			if (at == rows[i].end || at == N) {
				ROW(rows[i].what, at == rows[i].end || n == 0);
				break;
			}
			ROW(rows[i].what, n > 0);
			ROW(rows[i].what, at + (uint64_t)n <= rows[i].end);
			for (ssize_t k = 0; k < n; k++)
				if (p[k] != octet_at(at + (uint64_t)k))
					fail_msg("%s", rows[i].what);
			at += (uint64_t)n;
			if (at == rows[i].end)
				break;
		}
	close_block(&block);
}

static void
test_forget(void **state)
{
	struct block block;
	const char *p;

	open_block(state, &block);
	assert_true(block_read(&block, 0, N, &p) > 0);
	assert_int_equal(pwrite(block.fd, "#", 1, 5), 1);
	assert_true(block_read(&block, 5, N, &p) > 0);
	assert_int_equal(*p, octet_at(5));
	block_forget(&block);
	assert_true(block_read(&block, 5, N, &p) > 0);
	assert_int_equal(*p, '#');
	/* What was cut off is gone, once it is forgotten. */
	assert_int_equal(ftruncate(block.fd, 3), 0);
	block_forget(&block);
	assert_int_equal(block_read(&block, 5, N, &p), 0);
	assert_int_equal(block_read(&block, 0, N, &p), 3);
	close_block(&block);
}

/* What fits is there at once; what is there stays; what does not fit is left
 * to block_read. */
static void
test_hold(void **state)
{
	struct block block;
	const char *p;

	open_block(state, &block);
	block_hold(&block, 10, 20);
	assert_int_equal(block.at, 10);
	assert_int_equal(block.n, LIMITS_BLOCK);
	block.vouched = true;
	block_hold(&block, 30, 10 + LIMITS_BLOCK);
	assert_int_equal(block.at, 10);
	assert_true(block.vouched);
	block_hold(&block, 0, LIMITS_BLOCK + 1);
	block_hold(&block, 5, 5);
	assert_int_equal(block.at, 10);
	block_hold(&block, 50, 50 + LIMITS_BLOCK);
	assert_int_equal(block.at, 50);
	assert_false(block.vouched);
	assert_int_equal(block_read(&block, 49 + LIMITS_BLOCK, N, &p), 1);
	assert_int_equal(*p, octet_at(49 + LIMITS_BLOCK));
	/* Beyond the end there is nothing to be had. */
	block_hold(&block, N - 10, N + 10);
	assert_int_equal(block_read(&block, N - 1, N, &p), 1);
	assert_int_equal(*p, octet_at(N - 1));
	close_block(&block);
}

/* What somebody vouches for is what is there then, and nothing that is read
 * later. */
static void
test_vouch(void **state)
{
	struct block block;
	const char *p;

	open_block(state, &block);
	assert_int_equal(block_read(&block, 0, N, &p), LIMITS_BLOCK);
	assert_false(block_is_sure(&block, 0, 10));
	block_vouch(&block);
	assert_true(block_is_sure(&block, 0, LIMITS_BLOCK));
	assert_false(block_is_sure(&block, 0, LIMITS_BLOCK + 1));
	assert_int_equal(block_read(&block, 10, N, &p), LIMITS_BLOCK - 10);
	assert_true(block_is_sure(&block, 0, 10));
	assert_int_equal(block_read(&block, LIMITS_BLOCK, N, &p), LIMITS_BLOCK);
	assert_false(block_is_sure(&block, LIMITS_BLOCK, LIMITS_BLOCK + 10));
	assert_int_equal(block_read(&block, 0, N, &p), LIMITS_BLOCK);
	assert_false(block_is_sure(&block, 0, 10));
	close_block(&block);
}

static void
test_failure(void **state)
{
	struct block block = { .fd = -1 };
	const char *p;

	(void)state;
	assert_int_equal(block_open(&block), 0);
	errno = 0;
	assert_int_equal(block_read(&block, 0, N, &p), -1);
	assert_int_equal(errno, EBADF);
	block_close(&block);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_forget),
		cmocka_unit_test(test_hold),
		cmocka_unit_test(test_vouch),
		cmocka_unit_test(test_failure),
	};

	return cmocka_run_group_tests_name("block", tests, unit_begin,
	    unit_end);
}
