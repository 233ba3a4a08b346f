/* SPDX-License-Identifier: ISC */
/*
 * The mailbox locks: what keeps delivery agents and mail readers out while the
 * mailbox is scanned or rewritten.  fcntl(2) and flock(2) on the mailbox, and
 * the dot-lock NAME.lock beside it, in the order the administrator chose.
 */
#ifndef LOCK_H
#define LOCK_H

#include <signal.h>
#include <stdbool.h>

#include "settings/options.h"

enum lock_result {
	LOCK_HELD,
	LOCK_BUSY,		/* somebody else holds it */
	LOCK_DENIED,		/* nobody has a dot-lock, and there is no right
				 * to make one */
	LOCK_FULL,		/* nobody has one, and there is no space */
	LOCK_FAILED		/* errno says why */
};

/* What is asked of the dot-lock, perhaps of another process. */
enum lock_request {
	LOCK_DOT_TRY,		/* make it */
	LOCK_DOT_TRY_LAST,	/* make it, the wait being over: break an old
				 * one */
	LOCK_DOT_DROP		/* remove ours */
};

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
};

/*
 * lock_whole(mailbox):
 * Try for an fcntl lock of all of the ${mailbox}, a descriptor: a read lock if
 * it cannot be written.  Returns 0, or -1 with errno.
 */
int lock_whole(int mailbox);

/*
 * lock_take(lock):
 * Take all kinds of locks, or none.  If somebody holds one, those that were
 * taken are released, and after a pause all are tried again, until the time-out
 * or ${lock}->stop.  Returns LOCK_HELD; LOCK_DENIED or LOCK_FULL if no dot-lock
 * can be made and nobody has one: the other kinds are held then; LOCK_BUSY; or
 * LOCK_FAILED with errno.
 */
enum lock_result lock_take(struct lock *lock);

/*
 * lock_has_others(lock):
 * Say whether other kinds than the dot-lock are wanted.
 */
bool lock_has_others(const struct lock *lock);

/*
 * lock_release(lock):
 * Release what is held, in reverse order.
 */
void lock_release(struct lock *lock);

#endif
