/* SPDX-License-Identifier: ISC */
/*
 * The dot-lock: the file NAME.lock beside a mailbox, which many programs respect
 * and for which a right to make files there is needed.
 */
#ifndef DOTLOCK_H
#define DOTLOCK_H

#include <sys/types.h>

#include <stdbool.h>
#include <time.h>

#include "base/limits.h"
#include "spool/lock.h"

/* The dot-lock; all fields are private. */
struct dotlock {
	int dir;		/* the mailbox's directory; not owned */
	int mailbox;		/* locked by fcntl while a lock is broken */
	char name[LIMITS_PATH];	/* NAME.lock */
	char owner[LIMITS_DOTLOCK_TEXT];	/* what ours holds: see owner */
	int ours;		/* ours, open: its inode is not used again; or -1 */
	ino_t seen;		/* the lock met first during this wait */
	struct timespec seen_mtime;
	bool same;		/* it did not change since */
};

/*
 * dotlock_open(dot, dir, mailbox, base):
 * Prepare the dot-lock of the mailbox ${base} in ${dir}.  What identifies this
 * process (pid, host, boot, start time) is read now.
 */
void dotlock_open(struct dotlock *dot, int dir, int mailbox,
    const char *base);

/*
 * dotlock_ask(dot, request):
 * Do what ${request} says, without waiting.  A dot-lock of a dewey process of
 * this host that is gone is broken at once; one of the user's or of root's, only
 * with LOCK_DOT_TRY_LAST, if it is five minutes old by the clock of the file
 * system and did not change during the wait.  Made by link(2), judged by
 * st_nlink, because of NFS.
 */
enum lock_result dotlock_ask(struct dotlock *dot, enum lock_request request);

/*
 * dotlock_touch(dot):
 * Say, now and then during long work, that the dot-lock is needed still.
 * Returns whether it is ours.
 */
bool dotlock_touch(const struct dotlock *dot);

#endif
