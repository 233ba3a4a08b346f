/* SPDX-License-Identifier: ISC */
/*
 * The slot room: which slot counts, torn ones, and which mailbox a slot fits.
 */
#include "unit/unit.h"

#include "base/limits.h"
#include "base/store.h"
#include "spool/slot.h"

#define BOX 3000		/* octets of the mailbox */
#define WINDOW 4096

/* A mailbox, a sidecar, and a plan: [0, 1000) and [2000, 3000) stay. */
struct site {
	int box, sidecar;
	char octets[BOX];
	char block[LIMITS_BLOCK];
	struct slot_file file;
};

static void
open_site(void **state, struct site *site)
{
	memset(site, 0, sizeof(*site));
	for (size_t i = 0; i < BOX; i++)
		site->octets[i] = i % 50 == 49 ? '\n' : (char)('a' + i % 23);
	site->box = open(unit_write(state, "box", site->octets, BOX, 0600),
	    O_RDWR);
	site->sidecar = open(unit_text(state, "sidecar", ""), O_RDWR);
	assert_true(site->box != -1 && site->sidecar != -1);
	plan_begin(&site->file.plan, site->box, site->block, BOX);
	assert_int_equal(plan_keep(&site->file.plan, 0, 1000), 0);
	assert_int_equal(plan_keep(&site->file.plan, 2000, 1000), 0);
	site->file.sidecar = site->sidecar;
	site->file.plan.head.window = WINDOW;
	site->file.plan.head.id[0] = 0x1111;
	site->file.plan.head.id[1] = 0x2222;
	plan_seal(&site->file.plan);
	assert_int_equal(ftruncate(site->sidecar,
	    (off_t)slot_file_end(&site->file)), 0);
	assert_int_equal(store_write(site->sidecar, SLOT_PLAN_AT,
	    site->file.plan.stored, site->file.plan.n), 0);
}

static void
close_site(struct site *site)
{
	plan_free(&site->file.plan);
	(void)close(site->box);
	(void)close(site->sidecar);
}

static void
put(struct site *site, enum slot_phase phase, uint64_t dst, uint64_t length)
{
	struct slot slot = { .phase = phase, .dst = dst, .length = length,
	    .nonce = { 0x8080808080808081u, 0xffffffffffffffffu } };

	assert_int_equal(slot_put(&site->file, &slot), 0);
}

static void
put_data(struct site *site, uint64_t dst, uint64_t length, uint64_t hash)
{
	struct slot slot = { .phase = SLOT_COPY, .dst = dst, .length = length,
	    .has_data = 1, .hash_data = hash };

	assert_int_equal(slot_put(&site->file, &slot), 0);
}

/* Write the data of the next slot; its hash. */
static uint64_t
write_data(struct site *site, const char *data, size_t n)
{
	struct plan_part part = { .from = site->sidecar,
	    .from_at = slot_data_at(&site->file, site->file.seq), .length = n,
	    .to = -1 };
	uint64_t hash;

	assert_int_equal(store_write(site->sidecar,
	    slot_data_at(&site->file, site->file.seq), data, n), 0);
	assert_int_equal(plan_copy(&site->file.plan, &part, &hash), 0);
	return hash;
}

static void
test_places(void **state)
{
	static struct site site;
	uint64_t even, odd, end;

	open_site(state, &site);
	even = slot_data_at(&site.file, 0);
	odd = slot_data_at(&site.file, 1);
	end = slot_file_end(&site.file);
	assert_true(even >= SLOT_PLAN_AT + site.file.plan.n);
	assert_true(odd >= even + WINDOW);
	assert_true(end >= odd + WINDOW);
	assert_int_equal(slot_data_at(&site.file, 2), even);
	assert_int_equal(slot_data_at(&site.file, 4711), odd);
	close_site(&site);
}

/* The highest number counts; slots are written in turn. */
static void
test_turns(void **state)
{
	static struct site site;
	struct slot slot;

	open_site(state, &site);
	assert_int_equal(slot_find(&site.file, &slot), 0);
	for (uint64_t i = 0; i < 7; i++) {
		put(&site, SLOT_COPY, 1000 + i, 10 * i);
		assert_int_equal(site.file.seq, i + 1);
		assert_int_equal(slot_find(&site.file, &slot), 1);
		assert_int_equal(slot.seq, i);
		assert_int_equal(slot.dst, 1000 + i);
		assert_int_equal(slot.length, 10 * i);
		assert_int_equal(slot.phase, SLOT_COPY);
		assert_int_equal(slot.size, BOX);
		assert_int_equal(slot.has_data, 0);
	}
	close_site(&site);
}

/* The stored octets, which a journal of an older dewey has, too. */
static void
test_stored(void **state)
{
	static const uint64_t rows[][15] = { {
		0x31306c5377656444u, 0x1111, 0x2222,	/* DdewSl01, the id */
		0, 1, 1000, 16, BOX,	/* seq, MARK, dst, length, size */
		0x1e60764a43d26ac3u, 0x4c2dc8867ff60f9du, /* the mailbox */
		0, 0,		/* no data */
		0x8080808080808081u, 0xffffffffffffffffu,	/* nonce */
		0xf41c3cebbdd6da65u,	/* checksum */
	}, {
		0x31306c5377656444u, 0x1111, 0x2222,
		1, 0, 1500, 20, BOX,
		0x42ec9b0508c5271bu, 0x4c2dc8867ff60f9du,
		1, 0x0123456789abcdefu,
		0, 0,
		0x33efde54480d6b35u,
	} };
	static struct site site;
	uint8_t octets[sizeof(rows[0])];

	open_site(state, &site);
	put(&site, SLOT_MARK, 1000, SLOT_NONCE);
	put_data(&site, 1500, 20, 0x0123456789abcdefu);
	for (uint64_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(store_read(site.sidecar, 4096 * i, octets,
		    sizeof(octets)), 0);
		for (size_t field = 0; field < COUNT(rows[i]); field++)
			assert_int_equal(store_get(octets, field),
			    rows[i][field]);
	}
	close_site(&site);
}

/* A torn slot does not count: the one before it does. */
static void
test_torn(void **state)
{
	static struct site site;
	const size_t octets = STORE_OCTETS(struct slot);
	struct slot slot;

	open_site(state, &site);
	put(&site, SLOT_COPY, 1000, 100);
	put(&site, SLOT_COPY, 1100, 100);
	for (size_t i = 0; i < octets; i++) {
		uint8_t octet, torn;

		assert_int_equal(pread(site.sidecar, &octet, 1,
		    (off_t)(4096 + i)), 1);
		torn = octet ^ 0x40;
		assert_int_equal(store_write(site.sidecar, 4096 + i, &torn, 1),
		    0);
		assert_int_equal(slot_find(&site.file, &slot), 1);
		assert_int_equal(slot.seq, 0);
		assert_int_equal(store_write(site.sidecar, 4096 + i, &octet, 1),
		    0);
	}
	assert_int_equal(slot_find(&site.file, &slot), 1);
	assert_int_equal(slot.seq, 1);
	/* Neither counts for another update. */
	site.file.plan.head.id[1]++;
	assert_int_equal(slot_find(&site.file, &slot), 0);
	close_site(&site);
}

/* A slot whose data are torn does not count, either. */
static void
test_data(void **state)
{
	static struct site site;
	struct slot slot;
	uint64_t hash;

	open_site(state, &site);
	hash = write_data(&site, site.octets, 500);
	put_data(&site, 1000, 500, hash);
	hash = write_data(&site, site.octets + 500, WINDOW - 2000);
	put_data(&site, 1500, WINDOW - 2000, hash);
	assert_int_equal(slot_find(&site.file, &slot), 1);
	assert_int_equal(slot.seq, 1);
	assert_int_equal(slot.has_data, 1);
	assert_int_equal(store_write(site.sidecar,
	    slot_data_at(&site.file, 1) + 700, "#", 1), 0);
	assert_int_equal(slot_find(&site.file, &slot), 1);
	assert_int_equal(slot.seq, 0);
	assert_int_equal(store_write(site.sidecar,
	    slot_data_at(&site.file, 0), "#", 1), 0);
	assert_int_equal(slot_find(&site.file, &slot), 0);
	close_site(&site);
}

/* Whether the mailbox may have been written to: not before a second slot. */
static void
test_was_begun(void **state)
{
	static struct site site;

	open_site(state, &site);
	assert_false(slot_was_begun(&site.file));
	put(&site, SLOT_COPY, 1000, 100);
	assert_false(slot_was_begun(&site.file));
	put(&site, SLOT_COPY, 1100, 100);
	assert_true(slot_was_begun(&site.file));
	assert_int_equal(store_write(site.sidecar, 0, "torn", 4), 0);
	assert_true(slot_was_begun(&site.file));
	assert_int_equal(store_write(site.sidecar, 4096, "torn", 4), 0);
	assert_false(slot_was_begun(&site.file));
	close_site(&site);
}

/* What a slot of a step [1000, 1500) says of a mailbox that has one octet
 * changed, or another size. */
static void
test_fits(void **state)
{
	static const struct {
		const char *what;
		int change;		/* -1: none */
		off_t size;
		int fits;
	} rows[] = {
		{ "as it was", -1, BOX, 1 },
		{ "an octet of the step", 1000, BOX, 1 },
		{ "the last octet of the step", 1499, BOX, 1 },
		{ "the octet before the step", 999, BOX, 0 },
		{ "512 octets before the step", 488, BOX, 0 },
		{ "far before the step", 400, BOX, 1 },
		{ "behind the step, in what goes", 1600, BOX, 1 },
		{ "the first line of a run that stays", 2000, BOX, 0 },
		{ "the end of that line", 2049, BOX, 0 },
		{ "the text of that run", 2100, BOX, 1 },
		{ "the last octet", 2999, BOX, 0 },
		{ "512 octets before the end", 2488, BOX, 0 },
		{ "mail was delivered", -1, BOX + 100, 1 },
		{ "it is shorter", -1, BOX - 1, 0 },
		{ "it is empty", -1, 0, 0 },
		{ "it ends inside the step", -1, 1400, 0 },
	};
	static struct site site;

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct slot slot;

		open_site(state, &site);
		put(&site, SLOT_COPY, 1000, 500);
		assert_int_equal(slot_find(&site.file, &slot), 1);
		if (rows[i].change >= 0)
			assert_int_equal(store_write(site.box,
			    (uint64_t)rows[i].change, "#", 1), 0);
		assert_int_equal(ftruncate(site.box, rows[i].size), 0);
		ROW(rows[i].what, slot_fits(&site.file, &slot,
		    (uint64_t)rows[i].size) == rows[i].fits);
		close_site(&site);
	}
}

/* TRUNC: the end may be cut already, what is before it counts. */
static void
test_fits_cut(void **state)
{
	static struct site site;
	struct slot slot;

	open_site(state, &site);
	put(&site, SLOT_TRUNC, 2000, SLOT_NONCE);
	assert_int_equal(slot_find(&site.file, &slot), 1);
	assert_int_equal(slot_fits(&site.file, &slot, BOX), 1);
	assert_int_equal(ftruncate(site.box, 2000), 0);
	assert_int_equal(slot_fits(&site.file, &slot, 2000), 1);
	assert_int_equal(ftruncate(site.box, 1999), 0);
	assert_int_equal(slot_fits(&site.file, &slot, 1999), 0);
	assert_int_equal(ftruncate(site.box, 2000), 0);
	assert_int_equal(store_write(site.box, 1999, "#", 1), 0);
	assert_int_equal(slot_fits(&site.file, &slot, 2000), 0);
	close_site(&site);
}

/* The nonce at the new end: each octet, or NUL, and nothing else. */
static void
test_marked(void **state)
{
	static const uint8_t nonce[SLOT_NONCE] = { 0x81, 0x80, 0x80, 0x80,
	    0x80, 0x80, 0x80, 0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	    0xff }, nothing[SLOT_NONCE];
	static struct site site;
	struct slot slot;

	open_site(state, &site);
	put(&site, SLOT_TRUNC, 2000, SLOT_NONCE);
	assert_int_equal(slot_find(&site.file, &slot), 1);
	assert_int_equal(slot_is_marked(&site.file, &slot, BOX), 0);
	assert_int_equal(store_write(site.box, 2000, nothing, 16), 0);
	assert_int_equal(slot_is_marked(&site.file, &slot, BOX), 1);
	assert_int_equal(store_write(site.box, 2000, nonce, 9), 0);
	assert_int_equal(slot_is_marked(&site.file, &slot, BOX), 1);
	assert_int_equal(store_write(site.box, 2000, nonce, 16), 0);
	assert_int_equal(slot_is_marked(&site.file, &slot, BOX), 1);
	for (size_t i = 0; i < SLOT_NONCE; i++) {
		assert_int_equal(store_write(site.box, 2000 + i, "x", 1), 0);
		assert_int_equal(slot_is_marked(&site.file, &slot, BOX), 0);
		assert_int_equal(store_write(site.box, 2000 + i, nonce + i, 1),
		    0);
	}
	/* It was cut, and perhaps less than a nonce was delivered. */
	assert_int_equal(slot_is_marked(&site.file, &slot, BOX + 100), 1);
	assert_int_equal(slot_is_marked(&site.file, &slot, BOX - 1), 0);
	assert_int_equal(slot_is_marked(&site.file, &slot, 2015), 0);
	assert_int_equal(slot_is_marked(&site.file, &slot, 2000), 0);
	assert_int_equal(slot_is_marked(&site.file, &slot, 0), 0);
	close_site(&site);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_stored),
		cmocka_unit_test(test_torn),
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_was_begun),
		cmocka_unit_test(test_fits),
		cmocka_unit_test(test_fits_cut),
		cmocka_unit_test(test_marked),
	};

	return cmocka_run_group_tests_name("slot", tests, unit_begin,
	    unit_end);
}
