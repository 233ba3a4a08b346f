/* SPDX-License-Identifier: ISC */
/*
 * The mailbox locks.  fcntl locks are those of the open file description
 * (F_OFD_SETLK): the classic ones fall when any descriptor of the file is
 * closed.  Nothing blocks while another lock is held, so no order of kinds,
 * ours or anybody's, can deadlock.
 */
#include "config.h"

#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "channel.h"
#include "clock.h"
#include "lock.h"
#include "log.h"
#include "owner.h"
#include "span.h"

void
lock_dot_open(struct lock_dot *dot, int dir, int mailbox, const char *base)
{
	memset(dot, 0, sizeof(*dot));
	dot->ours = -1;
	dot->dir = dir;
	dot->mailbox = mailbox;
	(void)snprintf(dot->name, sizeof(dot->name), "%s.lock", base);
	owner_write(dot->owner);
}

/* A lock of all of the mailbox.  A descriptor that cannot be written takes read
 * locks only. */
static int
lock_whole(int mailbox)
{
	struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if ((fcntl(mailbox, F_GETFL) & O_ACCMODE) == O_RDONLY)
		range.l_type = F_RDLCK;
	return fcntl(mailbox, F_OFD_SETLK, &range);
}

/* What stands in the way. */
static bool
look(struct lock_dot *dot, struct stat *st, bool *gone)
{
	char text[LIMITS_DOTLOCK_TEXT];
	int fd = openat(dot->dir, dot->name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = -1;

	*gone = false;
	if (fd == -1)
		return fstatat(dot->dir, dot->name, st,
		    AT_SYMLINK_NOFOLLOW) == 0;
	if (fstat(fd, st) == 0 && S_ISREG(st->st_mode))
		n = read(fd, text, sizeof(text));
	(void)close(fd);
	*gone = n > 0 && owner_is_gone(dot->owner,
	    (struct span){ text, (size_t)n });
	/* A mailbox may be called so: it is no lock. */
	return n >= 0 && st->st_size <= (off_t)sizeof(text) &&
	    (n < 5 || memcmp(text, "From ", 5) != 0);
}

/* A name that no other host or process comes upon.  Returns -1 with errno. */
static int
name_temporary(const struct lock_dot *dot, char name[LIMITS_PATH])
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -1;
	if (snprintf(name, LIMITS_PATH, ".%s.%016llx", dot->name,
	    (unsigned long long)random) < LIMITS_PATH)
		return 0;
	errno = ENAMETOOLONG;
	return -1;
}

/* Rename the dot-lock away and remove it, if it is still the one with the
 * inode ${ino}; otherwise link it back. */
static void
break_lock(struct lock_dot *dot, ino_t ino)
{
	char away[LIMITS_PATH];
	struct stat st;

	/* Two that break at once could remove a lock made in between. */
	if (dot->mailbox != -1 && lock_whole(dot->mailbox) == -1)
		return;
	if (name_temporary(dot, away) == -1 ||
	    renameat(dot->dir, dot->name, dot->dir, away) == -1)
		return;
	if (fstatat(dot->dir, away, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_ino != ino) {
		if (linkat(dot->dir, away, dot->dir, dot->name, 0) == -1)
			log_error("%s: cannot be linked back: %s", dot->name,
			    strerror(errno));
	} else {
		log_warning("%s: a stale lock was broken", dot->name);
	}
	(void)unlinkat(dot->dir, away, 0);
}

/* The dot-lock is taken: take note of it, and break it if it is stale against
 * the clock of the file system, which made ${mine} just now. */
static bool
break_if_stale(struct lock_dot *dot, const struct stat *mine, bool last)
{
	struct stat st;
	bool gone;

	if (!look(dot, &st, &gone))
		return false;
	if (dot->seen == 0) {
		dot->seen = st.st_ino;
		dot->seen_mtime = st.st_mtim;
		dot->same = true;
	}
	if (st.st_ino != dot->seen ||
	    st.st_mtim.tv_sec != dot->seen_mtime.tv_sec ||
	    st.st_mtim.tv_nsec != dot->seen_mtime.tv_nsec)
		dot->same = false;
	if (!gone && !(last && dot->same && S_ISREG(st.st_mode) &&
	    mine->st_mtim.tv_sec - st.st_mtim.tv_sec > LIMITS_DOTLOCK_STALE_S))
		return false;
	break_lock(dot, st.st_ino);
	return true;
}

static enum lock_result
judge_errno(void)
{
	switch (errno) {
	case EACCES:
	case EPERM:
	case EROFS:
		return LOCK_DENIED;
	case ENOSPC:
	case EDQUOT:
		return LOCK_FULL;
	default:
		return LOCK_FAILED;
	}
}

static enum lock_result
make(struct lock_dot *dot, bool last)
{
	char unique[LIMITS_PATH];
	size_t n = strlen(dot->owner);
	enum lock_result result = LOCK_BUSY;
	struct stat st;
	int fd;

	if (name_temporary(dot, unique) == -1)
		return LOCK_FAILED;
	fd = openat(dot->dir, unique, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    S_IRUSR | S_IRGRP | S_IROTH);
	if (fd == -1)
		return judge_errno();
	errno = ENOSPC;
	if (write(fd, dot->owner, n) != (ssize_t)n)
		result = judge_errno();
	/* NFS may carry out link(2) and lose the answer: count the links. */
	for (int i = 0; i < 2 && result == LOCK_BUSY; i++) {
		if (linkat(dot->dir, unique, dot->dir, dot->name, 0) == -1 &&
		    errno != EEXIST)
			result = judge_errno();
		if (fstat(fd, &st) == 0 && st.st_nlink == 2) {
			dot->ours = fd;
			result = LOCK_HELD;
		} else if (result == LOCK_BUSY &&
		    !break_if_stale(dot, &st, last)) {
			break;
		}
	}
	if (result != LOCK_HELD)
		(void)close(fd);
	(void)unlinkat(dot->dir, unique, 0);
	return result;
}

/* Whether the dot-lock is still the one we made. */
static bool
is_ours(const struct lock_dot *dot)
{
	struct stat st, named;

	return dot->ours != -1 && fstat(dot->ours, &st) == 0 &&
	    fstatat(dot->dir, dot->name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	    named.st_dev == st.st_dev && named.st_ino == st.st_ino;
}

enum lock_result
lock_dot(struct lock_dot *dot, enum lock_request request)
{
	enum lock_result result;
	bool ours = is_ours(dot);

	switch (request) {
	case LOCK_DOT_TRY:
	case LOCK_DOT_TRY_LAST:
		result = ours ? LOCK_HELD :
		    make(dot, request == LOCK_DOT_TRY_LAST);
		if (result != LOCK_BUSY || request == LOCK_DOT_TRY_LAST)
			dot->seen = 0;
		return result;
	case LOCK_DOT_DROP:
		if (ours)
			(void)unlinkat(dot->dir, dot->name, 0);
		if (dot->ours != -1)
			(void)close(dot->ours);
		dot->ours = -1;
		return LOCK_HELD;
	case LOCK_DOT_TOUCH:
		if (ours)
			(void)utimensat(dot->dir, dot->name, NULL,
			    AT_SYMLINK_NOFOLLOW);
		return ours ? LOCK_HELD : LOCK_BUSY;
	}
	return LOCK_FAILED;
}

static enum lock_result
take_one(struct lock *lock, enum options_lock kind, enum lock_request request)
{
	int got = 0;

	switch (kind) {
	case OPTIONS_LOCK_FCNTL:
		got = lock_whole(lock->mailbox);
		break;
	case OPTIONS_LOCK_FLOCK:
		got = flock(lock->mailbox, LOCK_EX | LOCK_NB);
		break;
	case OPTIONS_LOCK_DOTLOCK:
		return lock->dot(lock->to, request);
	case OPTIONS_LOCK_END:
		break;
	}
	if (got == 0)
		return LOCK_HELD;
	return errno == EACCES || errno == EAGAIN || errno == EINTR ?
	    LOCK_BUSY : LOCK_FAILED;
}

static enum lock_result
take_all(struct lock *lock, enum lock_request request)
{
	enum lock_result got = LOCK_HELD;

	lock->dot_denied = lock->dot_full = false;
	while (got == LOCK_HELD && lock->kinds[lock->held] != OPTIONS_LOCK_END) {
		enum options_lock kind = lock->kinds[lock->held];

		got = take_one(lock, kind, request);
		if (kind == OPTIONS_LOCK_DOTLOCK) {
			lock->dot_held = got == LOCK_HELD;
			lock->dot_denied = got == LOCK_DENIED;
			lock->dot_full = got == LOCK_FULL;
			if (lock->dot_denied || lock->dot_full)
				got = LOCK_HELD;
		}
		lock->held += got == LOCK_HELD;
	}
	return got;
}

enum lock_result
lock_take(struct lock *lock)
{
	int64_t until = clock_ms() + (int64_t)lock->timeout * 1000;
	int64_t pause = LIMITS_LOCK_FIRST_MS;
	static const volatile sig_atomic_t never;
	const volatile sig_atomic_t *stop = lock->stop != NULL ? lock->stop :
	    &never;
	enum lock_result got;
	sigset_t waiting;
	bool last = false;

	if (lock->mailbox == -1)
		return LOCK_HELD;
	channel_signals(&waiting);
	for (;;) {
		got = take_all(lock, last ? LOCK_DOT_TRY_LAST : LOCK_DOT_TRY);
		if (got == LOCK_HELD || got == LOCK_FAILED || last)
			break;
		lock_release(lock);
		(void)channel_wait(-1, 0, clock_ms() + pause, &waiting,
		    stop);
		if (pause < LIMITS_LOCK_PAUSE_MS)
			pause *= 2;
		last = *stop != 0 || clock_ms() >= until;
	}
	if (got != LOCK_HELD) {
		int error = errno;

		lock_release(lock);
		errno = error;
	}
	lock->touched = clock_ms();
	return got;
}

void
lock_keep(struct lock *lock)
{
	int64_t now = clock_ms();

	if (!lock->dot_held ||
	    now - lock->touched < (int64_t)LIMITS_DOTLOCK_TOUCH_S * 1000)
		return;
	lock->touched = now;
	(void)lock->dot(lock->to, LOCK_DOT_TOUCH);
}

void
lock_release(struct lock *lock)
{
	struct flock range = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	while (lock->held > 0)
		switch (lock->kinds[--lock->held]) {
		case OPTIONS_LOCK_FLOCK:
			(void)flock(lock->mailbox, LOCK_UN);
			break;
		case OPTIONS_LOCK_DOTLOCK:
			if (lock->dot_held)
				(void)lock->dot(lock->to, LOCK_DOT_DROP);
			lock->dot_held = false;
			break;
		case OPTIONS_LOCK_FCNTL:
		case OPTIONS_LOCK_END:
			break;
		}
	/* Breaking a dot-lock takes this one whatever the kinds are. */
	if (lock->mailbox != -1)
		(void)fcntl(lock->mailbox, F_OFD_SETLK, &range);
}
