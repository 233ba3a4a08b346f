/* SPDX-License-Identifier: ISC */
/*
 * The mailbox locks.  fcntl locks are those of the open file description
 * (F_OFD_SETLK): the classic ones are lost when any descriptor of the file is
 * closed.  Nobody waits for a lock while holding another, so there is no
 * deadlock with programs that take them in another order.
 */
#include "config.h"

#include <sys/file.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/clock.h"
#include "base/log.h"
#include "spool/lock.h"

int
lock_whole(int mailbox)
{
	struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if ((fcntl(mailbox, F_GETFL) & O_ACCMODE) == O_RDONLY)
		range.l_type = F_RDLCK;
	return fcntl(mailbox, F_OFD_SETLK, &range);
}

static enum lock_result
take_one(struct lock *lock, enum options_lock kind, enum lock_request request)
{
	int got;

	if (kind == OPTIONS_LOCK_DOTLOCK)
		return lock->dot(lock->to, request);
	got = kind == OPTIONS_LOCK_FCNTL ? lock_whole(lock->mailbox) :
	    flock(lock->mailbox, LOCK_EX | LOCK_NB);
	if (got == 0)
		return LOCK_HELD;
	return errno == EACCES || errno == EAGAIN || errno == EINTR ?
	    LOCK_BUSY : LOCK_FAILED;
}

/* Whether ${got} says that no dot-lock can be made and nobody has one. */
static bool
is_without(enum lock_result got)
{
	return got == LOCK_DENIED || got == LOCK_FULL;
}

static enum lock_result
take_all(struct lock *lock, enum lock_request request)
{
	enum lock_result all = LOCK_HELD;

	while (lock->kinds[lock->held] != OPTIONS_LOCK_END) {
		enum options_lock kind = lock->kinds[lock->held];
		enum lock_result got = take_one(lock, kind, request);

		if (kind == OPTIONS_LOCK_DOTLOCK)
			lock->dot_held = got == LOCK_HELD;
		if (kind == OPTIONS_LOCK_DOTLOCK && is_without(got))
			all = got;
		else if (got != LOCK_HELD)
			return got;
		lock->held++;
	}
	return all;
}

enum lock_result
lock_take(struct lock *lock)
{
	int64_t until = clock_ms() + (int64_t)lock->timeout * 1000;
	int64_t pause = LIMITS_LOCK_FIRST_MS;
	const volatile sig_atomic_t never = 0;
	const volatile sig_atomic_t *stop = lock->stop != NULL ? lock->stop :
	    &never;
	enum lock_result got;
	sigset_t waiting;
	bool last = false;
	int error;

	if (lock->mailbox == -1)
		return LOCK_HELD;
	channel_signals(&waiting);
	while ((got = take_all(lock, last ? LOCK_DOT_TRY_LAST :
	    LOCK_DOT_TRY)) == LOCK_BUSY && !last) {
		lock_release(lock);
		(void)channel_wait(-1, 0, clock_ms() + pause, &waiting,
		    stop);
		if (pause < LIMITS_LOCK_PAUSE_MS)
			pause *= 2;
		last = *stop != 0 || clock_ms() >= until;
	}
	if (got != LOCK_HELD && !is_without(got)) {
		error = errno;
		lock_release(lock);
		errno = error;
	} else {
		log_hold(LOG_FOR_LOCK);
	}
	return got;
}

bool
lock_has_others(const struct lock *lock)
{
	const enum options_lock *kinds = lock->kinds;

	return kinds[0] != OPTIONS_LOCK_END &&
	    (kinds[0] != OPTIONS_LOCK_DOTLOCK ||
	    kinds[1] != OPTIONS_LOCK_END);
}

void
lock_release(struct lock *lock)
{
	struct flock range = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	while (lock->held > 0) {
		enum options_lock kind = lock->kinds[--lock->held];

		if (kind == OPTIONS_LOCK_FLOCK)
			(void)flock(lock->mailbox, LOCK_UN);
		if (kind == OPTIONS_LOCK_DOTLOCK && lock->dot_held)
			(void)lock->dot(lock->to, LOCK_DOT_DROP);
	}
	lock->dot_held = false;
	/* To break a dot-lock takes this lock, whatever the kinds are. */
	if (lock->mailbox != -1)
		(void)fcntl(lock->mailbox, F_OFD_SETLK, &range);
	log_let_go(LOG_FOR_LOCK);
}
