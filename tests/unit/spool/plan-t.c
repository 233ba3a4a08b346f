/* SPDX-License-Identifier: ISC */
/*
 * The plan room: runs and where they go, the stored octets, loading them, and
 * copying the octets of the new mailbox.
 */
#include "unit/unit.h"

#include "base/limits.h"
#include "base/store.h"
#include "spool/plan.h"

#define RUNS 20

/* A mailbox of random octets and a plan of some of its runs. */
struct site {
	int box;
	size_t n;		/* octets of the mailbox */
	char octets[6000];
	size_t new_n;		/* octets of what it shall become */
	char new[6000];
	struct plan plan;
	char block[LIMITS_BLOCK];
};

static uint64_t seed = 4711;

static size_t
pick(size_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (size_t)(seed >> 33) % below;
}

/* Lines of letters, so that a run's first line is something. */
static void
make_mailbox(void **state, struct site *site)
{
	for (size_t i = 0; i < sizeof(site->octets); i++)
		site->octets[i] = pick(40) == 0 ? '\n' :
		    (char)('a' + pick(26));
	site->n = 3000 + pick(2000);
	site->box = open(unit_write(state, "box", site->octets, site->n, 0600),
	    O_RDWR);
	assert_int_not_equal(site->box, -1);
}

/* Plan ${runs} random runs, neighbours merged or not. */
static void
make_plan(struct site *site, size_t runs)
{
	size_t at = 0;

	site->new_n = 0;
	plan_begin(&site->plan, site->box, site->block, site->n);
	for (size_t i = 0; i < runs; i++) {
		size_t from = at + pick(100), length = 1 + pick(150);

		if (from + length > site->n)
			break;
		assert_int_equal(plan_keep(&site->plan, from, length), 0);
		memcpy(site->new + site->new_n, site->octets + from, length);
		site->new_n += length;
		at = from + length;
	}
}

static void
free_site(struct site *site)
{
	plan_free(&site->plan);
	(void)close(site->box);
}

/* The cursor goes through the runs as they were added. */
static void
check_runs(const struct site *site, const struct plan *plan)
{
	struct plan_cursor cursor = plan_first(plan);
	size_t dst = 0;

	while (cursor.length > 0 && cursor.src < site->n) {
		uint64_t hash;

		assert_int_equal(cursor.dst, dst);
		assert_memory_equal(site->new + dst,
		    site->octets + cursor.src, (size_t)cursor.length);
		assert_int_equal(plan_hash_line(&site->plan, cursor.src,
		    cursor.length, &hash), 0);
		assert_int_equal(hash, cursor.hash);
		dst += (size_t)cursor.length;
		plan_next(&cursor);
	}
	assert_int_equal(dst, site->new_n);
	assert_int_equal(cursor.dst, dst);
	plan_next(&cursor);
	assert_int_equal(cursor.length, 0);
}

static void
test_runs(void **state)
{
	static struct site site;

	for (size_t runs = 0; runs < RUNS; runs++) {
		make_mailbox(state, &site);
		make_plan(&site, runs);
		/* An empty plan is stored, too. */
		assert_int_equal(plan_keep(&site.plan, site.n, 0), 0);
		assert_int_equal(plan_new_size(&site.plan), site.new_n);
		check_runs(&site, &site.plan);
		free_site(&site);
	}
}

/* Mail delivered since is one more run, the last one. */
static void
test_tail(void **state)
{
	static struct site site;
	struct plan_cursor cursor;

	make_mailbox(state, &site);
	make_plan(&site, 3);
	site.plan.size = site.n + 777;
	assert_int_equal(plan_new_size(&site.plan), site.new_n + 777);
	cursor = plan_first(&site.plan);
	for (int i = 0; i < 3; i++)
		plan_next(&cursor);
	assert_int_equal(cursor.src, site.n);
	assert_int_equal(cursor.dst, site.new_n);
	assert_int_equal(cursor.length, 777);
	plan_next(&cursor);
	assert_int_equal(cursor.length, 0);
	free_site(&site);
}

/* Runs of sizes and offsets that need every length of a varint. */
static void
test_far(void **state)
{
	struct plan plan;
	char block[LIMITS_BLOCK];
	int box = open(unit_text(state, "sparse", "From a\n"), O_RDWR);
	uint64_t at = 0;
	struct plan_cursor cursor;

	assert_int_equal(ftruncate(box, (off_t)1 << 42), 0);
	plan_begin(&plan, box, block, (uint64_t)1 << 42);
	for (unsigned i = 0; i < 40; i++) {
		at = ((uint64_t)1 << i) + 100;
		assert_int_equal(plan_keep(&plan, at + i, (at >> 1) - 100), 0);
		at += 1;
	}
	cursor = plan_first(&plan);
	for (unsigned i = 0; i < 40; i++, plan_next(&cursor)) {
		at = ((uint64_t)1 << i) + 100;
		if ((at >> 1) == 100)
			continue;
		assert_int_equal(cursor.src, at + i);
		assert_int_equal(cursor.length, (at >> 1) - 100);
	}
	plan_free(&plan);
	(void)close(box);
}

/* Store the plan behind ${at} octets of something else. */
static int
store(void **state, struct site *site, size_t at)
{
	struct plan_head *head = &site->plan.head;
	int fd = open(unit_text(state, "sidecar", ""), O_RDWR);

	assert_int_equal(plan_keep(&site->plan, site->n, 0), 0);
	head->id[0] = 1;
	head->id[1] = 2;
	head->inode = 3;
	head->device = 4;
	head->window = 5;
	plan_seal(&site->plan);
	assert_int_equal(store_write(fd, at, site->plan.stored, site->plan.n),
	    0);
	return fd;
}

static int
load(struct site *site, int fd, size_t at, uint64_t limit, struct plan *plan)
{
	plan_begin(plan, site->box, site->block, 0);
	return plan_load(plan, fd, at, limit);
}

static void
test_load(void **state)
{
	static struct site site;

	for (size_t runs = 0; runs < RUNS; runs++) {
		struct plan plan;
		int fd;

		make_mailbox(state, &site);
		make_plan(&site, runs);
		fd = store(state, &site, 17);
		assert_int_equal(load(&site, fd, 17, site.plan.n, &plan), 1);
		assert_int_equal(plan.head.size, site.n);
		assert_int_equal(plan.size, site.n);
		assert_int_equal(plan_new_size(&plan), site.new_n);
		assert_int_equal(plan.head.id[0], 1);
		assert_int_equal(plan.head.id[1], 2);
		assert_int_equal(plan.head.inode, 3);
		assert_int_equal(plan.head.device, 4);
		assert_int_equal(plan.head.window, 5);
		check_runs(&site, &plan);
		plan_free(&plan);
		(void)close(fd);
		free_site(&site);
	}
}

/* The stored octets, which a journal of an older dewey has, too. */
static void
test_stored(void **state)
{
	static const uint64_t head[] = {
		0x31306e6c50776544u, 1, 2,	/* DewPln01, the id */
		3, 4, 300, 5,	/* inode, device, size, window */
		180, 2, 109,	/* octets kept, runs, octets of the plan */
		0x578efe8e2129c1eeu,	/* checksum */
	};
	/* Two runs: what is left out, what is kept, a hash. */
	static const uint8_t runs[] = {
		10, 0x96, 0x01, 0xd5, 0x9d, 0x77, 0x9e, 0x2f, 0x57, 0xf3, 0xa7,
		110, 30, 0xb9, 0xdc, 0xd8, 0x72, 0xd1, 0x03, 0x2d, 0xb7,
	};
	static struct site site;

	memset(site.octets, 'x', sizeof(site.octets));
	memcpy(site.octets + 10, "From a\n", 7);
	site.n = 300;
	site.new_n = 0;
	site.box = open(unit_write(state, "box", site.octets, site.n, 0600),
	    O_RDWR);
	plan_begin(&site.plan, site.box, site.block, site.n);
	assert_int_equal(plan_keep(&site.plan, 10, 150), 0);
	assert_int_equal(plan_keep(&site.plan, 300 - 30, 30), 0);
	(void)close(store(state, &site, 0));
	for (size_t i = 0; i < COUNT(head); i++)
		assert_int_equal(store_get(site.plan.stored, i), head[i]);
	assert_int_equal(site.plan.n, sizeof(head) + sizeof(runs));
	assert_memory_equal(site.plan.stored + sizeof(head), runs,
	    sizeof(runs));
	free_site(&site);
}

/* A plan that is cut, or has one octet changed, is none. */
static void
test_torn(void **state)
{
	static struct site site;
	struct plan plan;
	size_t n;
	int fd;

	make_mailbox(state, &site);
	make_plan(&site, 10);
	fd = store(state, &site, 0);
	n = site.plan.n;
	for (size_t i = 0; i < n; i++) {
		for (int bit = 0; bit < 8; bit++) {
			uint8_t octet = site.plan.stored[i] ^
			    (uint8_t)(1 << bit);

			assert_int_equal(store_write(fd, i, &octet, 1), 0);
			assert_int_equal(load(&site, fd, 0, n, &plan), 0);
			plan_free(&plan);
		}
		assert_int_equal(store_write(fd, i, site.plan.stored + i, 1),
		    0);
	}
	assert_int_equal(load(&site, fd, 0, n, &plan), 1);
	plan_free(&plan);
	assert_int_equal(load(&site, fd, 0, n - 1, &plan), 0);
	plan_free(&plan);
	for (size_t i = n - 1; i > 0; i--) {
		assert_int_equal(ftruncate(fd, (off_t)i), 0);
		assert_int_equal(load(&site, fd, 0, i, &plan), 0);
		plan_free(&plan);
	}
	(void)close(fd);
	free_site(&site);
}

/* Any stretch of the new mailbox, from any cursor before it. */
static void
test_copy(void **state)
{
	static struct site site;
	static char got[6000];

	for (int round = 0; round < 50; round++) {
		struct plan_cursor cursor;
		struct plan_part part, again;
		uint64_t copied, data, from;
		size_t length;
		int fd;

		make_mailbox(state, &site);
		make_plan(&site, 1 + pick(RUNS));
		fd = open(unit_text(state, "copy", ""), O_RDWR);
		from = pick(site.new_n);
		length = (size_t)pick((size_t)(site.new_n - from) + 1);
		cursor = plan_first(&site.plan);
		while (pick(2) == 0 && cursor.dst + cursor.length <= from)
			plan_next(&cursor);
		part = (struct plan_part){ .run = &cursor, .from_at = from,
		    .length = length, .to = fd, .to_at = 100 };
		assert_int_equal(plan_copy(&site.plan, &part, &copied), 0);
		assert_int_equal(store_read(fd, 100, got, length), 0);
		assert_memory_equal(got, site.new + from, length);
		/* The same hash when it is read again, or copied on. */
		again = (struct plan_part){ .from = fd, .from_at = 100,
		    .length = length, .to = -1 };
		assert_int_equal(plan_copy(&site.plan, &again, &data), 0);
		assert_int_equal(data, copied);
		again.to = fd;
		again.to_at = 20000;
		assert_int_equal(plan_copy(&site.plan, &again, &data), 0);
		assert_int_equal(data, copied);
		assert_int_equal(store_read(fd, 20000, got, length), 0);
		assert_memory_equal(got, site.new + from, length);
		/* There is nothing behind the last run. */
		part.length = site.new_n - from + 1;
		assert_int_equal(plan_copy(&site.plan, &part, &copied), -1);
		(void)close(fd);
		free_site(&site);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_tail),
		cmocka_unit_test(test_far),
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_stored),
		cmocka_unit_test(test_torn),
		cmocka_unit_test(test_copy),
	};

	return cmocka_run_group_tests_name("plan", tests, unit_begin,
	    unit_end);
}
