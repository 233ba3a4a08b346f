/* SPDX-License-Identifier: ISC */
/*
 * The update room: it writes under the lock; mail of who respects none may
 * arrive just before any look that is taken at the mailbox (DESIGN section 8).
 */
#include "unit/drop.h"

#include <sys/syscall.h>

#include "base/log.h"
#include "maildrop/update.h"

#define MESSAGES 4
#define ROOM 4096		/* octets of a mailbox, at most */
#define NEW FROM "Subject: new\n\nmail\n\n"

/* ---- Before look ${arrives} at the file, counted from 0, mail arrives: this
 * stands before the C library's. */

static void **where;
static ino_t box;
static long arrives = -1, looks;

int
fstat(int fd, struct stat *st)
{
	int result = fstatat(fd, "", st, AT_EMPTY_PATH);

	if (result == 0 && st->st_ino == box && looks++ == arrives) {
		drop_append(where, NEW);
		result = fstatat(fd, "", st, AT_EMPTY_PATH);
	}
	return result;
}

/* Nobody who asks for the lock gets it while the mailbox is written to. */
static bool
is_locked(void)
{
	struct flock range = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	int fd = open(unit_path(where, "box"), O_RDONLY);
	bool locked = fcntl(fd, F_OFD_SETLK, &range) == -1;

	(void)close(fd);
	return locked;
}

static bool
is_box(int fd)
{
	struct stat st;

	return fstatat(fd, "", &st, AT_EMPTY_PATH) == 0 && st.st_ino == box;
}

int
ftruncate(int fd, off_t length)
{
	assert_true(!is_box(fd) || is_locked());
	return (int)syscall(SYS_ftruncate, fd, length);
}

ssize_t
pwrite(int fd, const void *octets, size_t n, off_t offset)
{
	assert_true(!is_box(fd) || is_locked());
	return unit_pwrite(fd, octets, n, offset);
}

/* The messages whose bits are in ${which}; where they end. */
static size_t
put_messages(char *text, unsigned which)
{
	size_t n = 0;

	for (int i = 0; i < MESSAGES; i++)
		if ((which & 1u << i) != 0)
			n += (size_t)snprintf(text + n, ROOM - n, FROM
			    "Subject: %d\n\nbody of %d\n\n", i, i);
	return n;
}

/* Whether the mailbox is the messages of ${which} and the new one. */
static bool
holds(void **state, unsigned which)
{
	char text[ROOM], got[ROOM];
	size_t n = put_messages(text, which);
	int fd = open(unit_path(state, "box"), O_RDONLY);
	ssize_t m = read(fd, got, sizeof(got));

	(void)close(fd);
	memcpy(text + n, NEW, sizeof(NEW) - 1);
	n += sizeof(NEW) - 1;
	return m == (ssize_t)n && memcmp(text, got, n) == 0;
}

/* Delete ${marked} while mail arrives before look ${at}.  Returns whether
 * there were that many looks. */
static bool
try_update(void **state, unsigned marked, long at, unsigned *done)
{
	static const enum options_lock kinds[] = { OPTIONS_LOCK_FCNTL,
	    OPTIONS_LOCK_END };
	const unsigned all = (1u << MESSAGES) - 1;
	char text[ROOM];
	enum update_result result;
	struct maildrop drop;
	uint64_t deleted;

	drop_write(state, text, put_messages(text, all));
	assert_int_equal(drop_open(state, &drop), MAILBOX_FINE);
	drop.lock.kinds = kinds;
	for (size_t i = 0; i < MESSAGES; i++)
		if ((marked & 1u << i) != 0)
			maildrop_mark(&drop, i);
	where = state;
	box = drop.stamp.ino;
	looks = 0;
	arrives = at;
	/* The ids are asked for between the first look and what is done. */
	result = update_run(&drop, true, &deleted);
	arrives = -1;
	maildrop_close(&drop);
	if (looks <= at)
		return false;
	/* Who is not sure writes nothing. */
	assert_true(result == UPDATE_DONE || result == UPDATE_FAILED);
	assert_true(holds(state, result == UPDATE_DONE ? all & ~marked : all));
	*done += result == UPDATE_DONE;
	return true;
}

static void
test_mail_arrives(void **state)
{
	log_open(LOG_TO_NONE, false);
	for (unsigned marked = 1; marked < 1u << MESSAGES; marked++) {
		unsigned done = 0;
		long at = 0;

		while (try_update(state, marked, at, &done))
			at++;
		assert_true(at > 2 && done > 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mail_arrives),
	};

	return cmocka_run_group_tests_name("update", tests, unit_begin,
	    unit_end);
}
