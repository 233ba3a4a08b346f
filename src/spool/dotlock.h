/* SPDX-License-Identifier: ISC */
/*
 * The dot-lock: the file NAME.lock beside a mailbox.  Many programs respect it;
 * to make it takes the right to make files there.
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
	char owner[LIMITS_DOTLOCK_TEXT];	/* its text: see owner.h */
	int ours;		/* the one we made, or -1: while it is open no
				 * other file gets its inode */
	ino_t seen;		/* the lock met first during this wait */
	struct timespec seen_mtime;
	bool same;		/* it did not change since */
};

/*
 * dotlock_open(dot, dir, mailbox, base):
 * Prepare the dot-lock of the open ${mailbox}, or -1, whose name in ${dir} is
 * ${base}.  What identifies this process (pid, host, boot, start time) is read
 * now.
 */
void dotlock_open(struct dotlock *dot, int dir, int mailbox,
    const char *base);

/*
 * dotlock_ask(dot, request):
 * Do what ${request} says, without waiting.  A dot-lock that a dewey process of
 * this host left behind is broken at once.  Any other one of the user or of
 * root is broken only with LOCK_DOT_TRY_LAST, if it is five minutes old by the
 * clock of the file system and did not change during the wait.  It is made by
 * link(2), and st_nlink tells whether that worked, because of NFS.
 */
enum lock_result dotlock_ask(struct dotlock *dot, enum lock_request request);

/*
 * dotlock_touch(dot):
 * Renew the time stamp of the dot-lock, so that nobody takes it for stale
 * during long work.  Returns whether it is ours.
 */
bool dotlock_touch(const struct dotlock *dot);

#endif
