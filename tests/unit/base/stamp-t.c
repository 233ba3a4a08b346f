/* SPDX-License-Identifier: ISC */
/*
 * The stamp room: what makes two states of a file different, and when a stamp is
 * old enough to be trusted.
 */
#include "unit/unit.h"

#include "base/limits.h"
#include "base/stamp.h"

static void
test_equal(void **state)
{
	const struct stamp stamp = { 1, 2, 3, { 4, 5 }, { 6, 7 } };
	struct stamp other[] = { stamp, stamp, stamp, stamp, stamp, stamp,
	    stamp };

	(void)state;
	other[0].dev++;
	other[1].ino++;
	other[2].size++;
	other[3].mtime.s++;
	other[4].mtime.ns++;
	other[5].ctime.s++;
	other[6].ctime.ns++;
	assert_true(stamp_equal(&stamp, &stamp));
	for (size_t i = 0; i < COUNT(other); i++) {
		assert_false(stamp_equal(&stamp, &other[i]));
		assert_false(stamp_equal(&other[i], &stamp));
	}
}

static void
test_fill(void **state)
{
	struct stamp stamp;
	struct stat st;

	assert_int_equal(stat(unit_text(state, "file", "abc"), &st), 0);
	stamp_fill(&stamp, &st);
	assert_int_equal(stamp.size, 3);
	assert_int_equal(stamp.ino, st.st_ino);
	assert_int_equal(stamp.dev, st.st_dev);
	assert_int_equal(stamp.mtime.ns, st.st_mtim.tv_nsec);
	assert_int_equal(stamp.ctime.s, st.st_ctim.tv_sec);
}

#define S 1000000000L		/* nanoseconds */
#define TICK LIMITS_TICK_NS

/* When a change could still leave the same stamp.  A file system that is not
 * known, as /proc's, is not trusted with less than 2 s. */
static void
test_settled(void **state)
{
	static const struct {
		const char *what;
		struct stamp_time mtime, ctime;
		struct timespec now;
		bool known, unknown;
	} rows[] = {
		{ "a day ago", { 1, 5 }, { 1, 5 }, { 86400, 0 }, true, true },
		{ "now", { 9, 5 }, { 9, 5 }, { 9, 5 }, false, false },
		{ "in the future", { 10, 5 }, { 10, 5 }, { 9, 5 }, false,
		    false },
		{ "changed in the future, made before", { 1, 5 }, { 10, 5 },
		    { 9, 5 }, false, false },
		{ "made in the future, changed before", { 10, 5 }, { 1, 5 },
		    { 9, 5 }, false, false },
		{ "a tick ago", { 9, 5 }, { 9, 5 }, { 9, 5 + TICK }, false,
		    false },
		{ "more than a tick ago", { 9, 5 }, { 9, 5 },
		    { 9, 6 + TICK }, true, false },
		{ "more than a tick ago, the change less", { 9, 5 },
		    { 9, 100 }, { 9, 6 + TICK }, false, false },
		{ "across a second", { 9, S - 1 }, { 9, S - 1 },
		    { 10, TICK }, true, false },
		{ "across a second, but too little", { 9, S - 1 },
		    { 9, S - 1 }, { 10, TICK - 1 }, false, false },
		{ "two seconds ago", { 9, 5 }, { 9, 5 }, { 11, 5 }, true,
		    false },
		{ "more than two seconds ago", { 9, 5 }, { 9, 5 }, { 11, 6 },
		    true, true },
		{ "whole seconds only: a second ago", { 9, 0 }, { 9, 0 },
		    { 10, 0 }, false, false },
		{ "whole seconds only: more than two", { 9, 0 }, { 9, 0 },
		    { 11, 1 }, true, true },
		{ "a time that was set to a whole second", { 9, 0 }, { 9, 5 },
		    { 9, 6 + TICK }, true, false },
	};
	int file = open(unit_text(state, "file", ""), O_RDONLY);
	int proc = open("/proc/self/status", O_RDONLY);

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct stamp stamp = { .mtime = rows[i].mtime,
		    .ctime = rows[i].ctime };

		if (stamp_is_known(file))
			ROW(rows[i].what, stamp_is_settled(&stamp, file,
			    rows[i].now) == rows[i].known);
		ROW(rows[i].what, stamp_is_settled(&stamp, proc,
		    rows[i].now) == rows[i].unknown);
	}
	assert_false(stamp_is_known(proc));
	assert_false(stamp_is_known(-1));
	(void)close(file);
	(void)close(proc);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_fill),
		cmocka_unit_test(test_settled),
	};

	return cmocka_run_group_tests_name("stamp", tests, unit_begin,
	    unit_end);
}
