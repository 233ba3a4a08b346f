/* SPDX-License-Identifier: ISC */
/*
 * The mailbox locks: what keeps delivery agents and mail readers out while the
 * mailbox is scanned or rewritten.  fcntl(2) and flock(2) on the mailbox, and
 * the dot-lock NAME.lock beside it, in the order the administrator chose.
 */
#ifndef LOCK_H
#define LOCK_H

#include <sys/types.h>

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "limits.h"
#include "options.h"

enum lock_result {
	LOCK_HELD,
	LOCK_BUSY,		/* somebody else holds it */
	LOCK_DENIED,		/* no right to make a dot-lock here */
	LOCK_FULL,		/* no space to make a dot-lock */
	LOCK_FAILED		/* errno says why */
};

/* What is asked of the dot-lock, perhaps of another process. */
enum lock_request {
	LOCK_DOT_TRY,		/* make it */
	LOCK_DOT_TRY_LAST,	/* make it; the wait is over: break an old one */
	LOCK_DOT_DROP,		/* remove ours */
	LOCK_DOT_TOUCH		/* we still need it */
};

/* The dot-lock; all fields are private. */
struct lock_dot {
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
 * lock_dot_open(dot, dir, mailbox, base):
 * Prepare the dot-lock of the mailbox ${base} in ${dir}.  What identifies this
 * process (pid, host, boot, start time) is read now.
 */
void lock_dot_open(struct lock_dot *dot, int dir, int mailbox,
    const char *base);

/*
 * lock_dot(dot, request):
 * Do what ${request} says, without waiting.  A dot-lock of a dewey process of
 * this host that is gone is broken at once; one of anybody else only with
 * LOCK_DOT_TRY_LAST, if it is five minutes old by the clock of the file system
 * and did not change during the wait.  Made by link(2), judged by st_nlink,
 * because of NFS.
 */
enum lock_result lock_dot(struct lock_dot *dot, enum lock_request request);

/* The mailbox locks of one session. */
struct lock {
	const enum options_lock *kinds;	/* in order; not owned */
	int mailbox;		/* the mailbox's descriptor, or -1 */
	unsigned timeout;	/* seconds */
	enum lock_result (*dot)(void *to, enum lock_request request);
	void *to;
	/* Set by a signal, it ends a wait; NULL: nothing does. */
	const volatile sig_atomic_t *stop;
	unsigned held;		/* how many of the kinds are held */
	bool dot_held;
	bool dot_denied;	/* LOCK_DENIED: only reading is safe */
	bool dot_full;		/* LOCK_FULL */
	int64_t touched;	/* when the dot-lock was touched last, in ms */
};

/*
 * lock_take(lock):
 * Take all kinds of locks, or none: a refusal releases all, sleeps and tries
 * again until the time-out or ${lock}->stop.  Where a dot-lock cannot be made the other kinds
 * are enough, and ${lock}->dot_denied or dot_full says so.
 * Returns LOCK_HELD, LOCK_BUSY or LOCK_FAILED with errno.
 */
enum lock_result lock_take(struct lock *lock);

/*
 * lock_keep(lock):
 * Called now and then during long work: keeps a dot-lock from growing stale.
 */
void lock_keep(struct lock *lock);

/*
 * lock_release(lock):
 * Release what is held, in reverse order.
 */
void lock_release(struct lock *lock);

#endif
