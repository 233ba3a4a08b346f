/* SPDX-License-Identifier: ISC */
/*
 * The sidecar room: the name of the file that was opened leads elsewhere when
 * it is locked (DESIGN section 7).
 */
#include "unit/unit.h"

#include <sys/file.h>
#include <sys/syscall.h>

#include <errno.h>

#include "base/log.h"
#include "spool/sidecar.h"

/* ---- Before that many locks are taken, the file is removed; then another may
 * be there.  This stands before the C library's function. */

static const char *path;
static int removals;
static bool another;
static int failure;		/* errno of every lock, or 0 */

int
flock(int fd, int operation)
{
	if ((operation & LOCK_EX) != 0 && removals > 0) {
		removals--;
		assert_int_equal(unlink(path), 0);
		if (another)
			(void)close(open(path, O_WRONLY | O_CREAT | O_EXCL,
			    0600));
	}
	if ((operation & LOCK_EX) != 0 && failure != 0) {
		errno = failure;
		return -1;
	}
	return (int)syscall(SYS_flock, fd, operation);
}

static void
test_name_leads_elsewhere(void **state)
{
	static const struct {
		const char *what;
		int removals;
		bool another;
		enum mailbox_fault fault;
	} rows[] = {
		{ "it is still there", 0, false, MAILBOX_FINE },
		{ "it was removed", 1, false, MAILBOX_FINE },
		{ "another is there", 1, true, MAILBOX_FINE },
		{ "and again another", 4, true, MAILBOX_FINE },
		{ "each time", 1000, true, MAILBOX_TROUBLE },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char sidecar[LIMITS_PATH];
		struct mailbox mailbox;
		struct stat open, named;

		(void)unit_text(state, "box", "From a\n\n");
		(void)snprintf(sidecar, sizeof(sidecar), "%s",
		    unit_path(state, ".box.dewey"));
		(void)unlink(sidecar);
		path = sidecar;
		another = rows[i].another;
		removals = rows[i].removals;
		assert_int_equal(mailbox_open(&mailbox,
		    unit_path(state, "box"), false), MAILBOX_FINE);
		ROW(rows[i].what, sidecar_enter(&mailbox, NULL) == rows[i].fault);
		removals = 0;
		if (rows[i].fault != MAILBOX_FINE)
			continue;
		/* What is locked is what the next one opens. */
		assert_int_equal(fstat(mailbox.sidecar, &open), 0);
		ROW(rows[i].what, stat(sidecar, &named) == 0 &&
		    named.st_ino == open.st_ino);
		mailbox_close(&mailbox);
	}
}

/* Only a lock that another holds means that the maildrop is in use. */
static void
test_lock_fails(void **state)
{
	static const struct {
		const char *what;
		int error;
		enum mailbox_fault fault;
	} rows[] = {
		{ "somebody holds it", EWOULDBLOCK, MAILBOX_IN_USE },
		{ "no lock is free", ENOLCK, MAILBOX_TROUBLE },
		{ "no memory", ENOMEM, MAILBOX_TROUBLE },
		{ "an error of the disk", EIO, MAILBOX_TROUBLE },
		{ "a file that cannot be locked", EINVAL, MAILBOX_TROUBLE },
		{ "a descriptor that is none", EBADF, MAILBOX_TROUBLE },
	};

	(void)unit_text(state, "box", "From a\n\n");
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct mailbox mailbox;

		assert_int_equal(mailbox_open(&mailbox,
		    unit_path(state, "box"), false), MAILBOX_FINE);
		failure = rows[i].error;
		ROW(rows[i].what, sidecar_enter(&mailbox, NULL) ==
		    rows[i].fault);
		failure = 0;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name_leads_elsewhere),
		cmocka_unit_test(test_lock_fails),
	};

	log_open(LOG_TO_NONE, false);
	return cmocka_run_group_tests_name("sidecar", tests, unit_begin,
	    unit_end);
}
