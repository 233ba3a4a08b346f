/* SPDX-License-Identifier: ISC */
/*
 * The aside room: a forged sidecar whose checksums are right costs the mailbox's
 * directory neither time nor blocks, and what a plan names is kept.
 */
#include "unit/unit.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/store.h"
#include "spool/aside.h"
#include "spool/journal.h"

#define GIB INT64_C(1073741824)

static char block[LIMITS_BLOCK];

/* Write a journal with ${window} octets for each slot's data; both slots have
 * that much, all of it a hole but for its first octets. */
static void
forge(const struct mailbox *mailbox, uint64_t window, off_t size)
{
	struct slot_file file = { .sidecar = mailbox->sidecar };
	struct stat st;

	assert_int_equal(fstat(mailbox->fd, &st), 0);
	plan_begin(&file.plan, mailbox->fd, block, (uint64_t)st.st_size);
	assert_int_equal(plan_keep(&file.plan, 20, 40), 0);
	file.plan.head.id[0] = 1;
	file.plan.head.id[1] = 2;
	file.plan.head.inode = st.st_ino + 1;
	file.plan.head.device = st.st_dev;
	file.plan.head.window = window;
	plan_seal(&file.plan);
	assert_int_equal(store_write(mailbox->sidecar, SLOT_PLAN_AT,
	    file.plan.stored, file.plan.n), 0);
	for (uint64_t i = 0; i < 2; i++) {
		assert_int_equal(store_write(mailbox->sidecar,
		    slot_data_at(&file, i), "data", 4), 0);
		assert_int_equal(slot_put(&file, &(struct slot){
		    .phase = SLOT_COPY, .length = window, .has_data = 1 }), 0);
	}
	assert_int_equal(ftruncate(mailbox->sidecar, size), 0);
	plan_free(&file.plan);
}

static void
test_forged(void **state)
{
	static const struct {
		const char *what;
		int64_t window, size, kept;
	} rows[] = {
		{ "40 GiB, a window of 1 GiB", GIB, 40 * GIB,
		    2 * GIB + 12288 },
		{ "what the window needs", GIB, 2 * GIB + 12288,
		    2 * GIB + 12288 },
		{ "cut inside the data", GIB, GIB + 12288, GIB + 12288 },
		{ "a window that is too large", 2 * GIB, 40 * GIB,
		    LIMITS_ASIDE },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct mailbox mailbox;
		struct stat st;
		struct journal journal;
		time_t begin = time(NULL);

		(void)unlink(unit_path(state, ".box.dewey.aside"));
		assert_int_equal(mailbox_open(&mailbox, unit_text(state, "box",
		    "From a\n\nlast\n\nFrom b\n\n0123456789012345678901234567890"
		    "12345678901234567890\n"), false), MAILBOX_FINE);
		mailbox.sidecar = open(unit_text(state, ".box.dewey", ""),
		    O_RDWR);
		assert_int_not_equal(mailbox.sidecar, -1);
		forge(&mailbox, (uint64_t)rows[i].window, rows[i].size);
		if (rows[i].size == 40 * GIB) {
			assert_int_equal(journal_begin(&journal, mailbox.fd,
			    mailbox.sidecar, mailbox.dir, block), 0);
			ROW(rows[i].what, journal_recover(&journal) ==
			    JOURNAL_UNBELIEVED);
			journal_end(&journal);
		}
		ROW(rows[i].what, aside_journal(&mailbox) == 0);
		ROW(rows[i].what, time(NULL) - begin < 5);
		assert_int_equal(stat(unit_path(state, ".box.dewey.aside"),
		    &st), 0);
		ROW(rows[i].what, st.st_size == rows[i].kept);
		ROW(rows[i].what, st.st_blocks <= 128);
		assert_int_equal(fstat(mailbox.sidecar, &st), 0);
		ROW(rows[i].what, st.st_size == 0);
		/* Somebody died before it was cleared: the same again. */
		forge(&mailbox, (uint64_t)rows[i].window, rows[i].size);
		ROW(rows[i].what, aside_journal(&mailbox) == 0);
		ROW(rows[i].what, time(NULL) - begin < 5);
		assert_int_equal(fstat(mailbox.sidecar, &st), 0);
		ROW(rows[i].what, st.st_size == 0);
		/* A second one is not made; none of an empty sidecar. */
		ROW(rows[i].what, aside_journal(&mailbox) == 0);
		assert_int_equal(pwrite(mailbox.sidecar, "x", 1, 0), 1);
		ROW(rows[i].what, aside_journal(&mailbox) == -1);
		mailbox_close(&mailbox);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forged),
	};

	log_open(LOG_TO_NONE, false);
	return cmocka_run_group_tests_name("aside", tests, unit_begin,
	    unit_end);
}
