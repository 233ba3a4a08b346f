/* SPDX-License-Identifier: ISC */
/*
 * The dot-lock.
 */
#include "config.h"

#include <sys/random.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/span.h"
#include "base/stamp.h"
#include "base/store.h"
#include "spool/dotlock.h"
#include "spool/owner.h"

void
dotlock_open(struct dotlock *dot, int dir, int mailbox, const char *base)
{
	memset(dot, 0, sizeof(*dot));
	dot->ours = -1;
	dot->dir = dir;
	dot->mailbox = mailbox;
	(void)snprintf(dot->name, sizeof(dot->name), "%s.lock", base);
	owner_write(dot->owner);
}

/* Look at the dot-lock that is there: store what it is in ${st}, and in ${gone}
 * whether the process that made it is.  Returns whether it can be a lock. */
static bool
look(struct dotlock *dot, struct stat *st, bool *gone)
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
	/* A mailbox that has such a name is no lock. */
	return n >= 0 && st->st_size <= (off_t)sizeof(text) &&
	    (n < 5 || memcmp(text, "From ", 5) != 0);
}

/* Make a name that no other host or process chooses.  Returns 0, or -1 with
 * errno. */
static int
name_temporary(const struct dotlock *dot, char name[LIMITS_PATH])
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

/* Rename the dot-lock and remove it.  If that was by now another one than that
 * with the inode ${ino}, it gets its name back instead. */
static void
break_lock(struct dotlock *dot, ino_t ino)
{
	char away[LIMITS_PATH];
	struct stat st;

	/* If two processes broke the same lock, the second could remove the
	 * new lock of the first. */
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

/* Whether the dot-lock is old at the time ${now}, and did not change during the
 * wait.  One of another user is left alone: it may be that user's mailbox. */
static bool
is_stale(const struct dotlock *dot, const struct stat *st, time_t now)
{
	if (!dot->same || !S_ISREG(st->st_mode) ||
	    now - st->st_mtim.tv_sec <= LIMITS_DOTLOCK_STALE_S)
		return false;
	if (st->st_uid == 0 || st->st_uid == geteuid())
		return true;
	log_warning("%s: is old, and belongs to uid %lu: remove it if it is a "
	    "lock that was left behind", dot->name, (unsigned long)st->st_uid);
	return false;
}

/* Somebody has the dot-lock: take note of it, and break it if its process is
 * gone or, when the ${last} try is made, if it is stale at the time ${now} of
 * the file system's clock.  Returns whether another try is worth while. */
static bool
break_if_stale(struct dotlock *dot, time_t now, bool last)
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
	if (!gone && !(last && is_stale(dot, &st, now)))
		return false;
	break_lock(dot, st.st_ino);
	return true;
}

static enum lock_result
judge_errno(void)
{
	return store_is_denied(errno) ? LOCK_DENIED :
	    store_is_full(errno) ? LOCK_FULL : LOCK_FAILED;
}

static bool
is_there(const struct dotlock *dot)
{
	struct stat st;

	return fstatat(dot->dir, dot->name, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
	    errno != ENOENT;
}

/* No file can be made, because of ${why}, but a dot-lock of somebody may be
 * there all the same.  How old it is shows only on file systems that use the
 * clock of this host: on others a new file would show the time, and there is
 * none. */
static enum lock_result
look_only(struct dotlock *dot, enum lock_result why, bool last)
{
	struct timespec now = { 0 };
	int error = errno;

	if (why != LOCK_FAILED && is_there(dot)) {
		if (stamp_is_known(dot->dir))
			(void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
		if (!break_if_stale(dot, now.tv_sec, last) || is_there(dot))
			why = LOCK_BUSY;
	}
	errno = error;
	return why;
}

/* Link ${unique}, the open ${fd}, to the dot-lock's name. */
static enum lock_result
link_to_name(struct dotlock *dot, const char *unique, int fd, bool last)
{
	struct stat st = { 0 };

	for (int i = 0; i < 2; i++) {
		bool linked = linkat(dot->dir, unique, dot->dir, dot->name,
		    0) == 0;
		enum lock_result why = linked || errno == EEXIST ? LOCK_BUSY :
		    judge_errno();

		/* NFS may make the link and lose the answer: the number of
		 * links tells. */
		if (linked || (fstat(fd, &st) == 0 && st.st_nlink == 2)) {
			dot->ours = fd;
			return LOCK_HELD;
		}
		if (why != LOCK_BUSY)
			return look_only(dot, why, last);
		if (!break_if_stale(dot, st.st_mtim.tv_sec, last))
			break;
	}
	return LOCK_BUSY;
}

static enum lock_result
make(struct dotlock *dot, bool last)
{
	char unique[LIMITS_PATH];
	size_t n = strlen(dot->owner);
	enum lock_result result;
	int fd;

	if (name_temporary(dot, unique) == -1)
		return LOCK_FAILED;
	fd = openat(dot->dir, unique, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    S_IRUSR | S_IRGRP | S_IROTH);
	if (fd == -1)
		return look_only(dot, judge_errno(), last);
	errno = ENOSPC;
	if (write(fd, dot->owner, n) == (ssize_t)n)
		result = link_to_name(dot, unique, fd, last);
	else
		result = look_only(dot, judge_errno(), last);
	if (result != LOCK_HELD)
		(void)close(fd);
	(void)unlinkat(dot->dir, unique, 0);
	return result;
}

/* Whether the dot-lock is still the one we made: 1, 0, or -1 with errno. */
static int
is_ours(const struct dotlock *dot)
{
	struct stat st, named;

	if (dot->ours == -1)
		return 0;
	if (fstat(dot->ours, &st) == -1)
		return -1;
	if (fstatat(dot->dir, dot->name, &named, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : -1;
	return named.st_dev == st.st_dev && named.st_ino == st.st_ino;
}

/* Remove the dot-lock if it is ${ours}, which is_ours found.  If it cannot be
 * removed, or is_ours failed, it stays ours: the keeper tries again later. */
static enum lock_result
drop(struct dotlock *dot, int ours)
{
	if (ours == -1 || (ours == 1 &&
	    unlinkat(dot->dir, dot->name, 0) == -1 && errno != ENOENT)) {
		log_error("%s: cannot be removed: %s", dot->name,
		    strerror(errno));
		return LOCK_FAILED;
	}
	if (dot->ours != -1)
		(void)close(dot->ours);
	dot->ours = -1;
	return LOCK_HELD;
}

enum lock_result
dotlock_ask(struct dotlock *dot, enum lock_request request)
{
	bool last = request == LOCK_DOT_TRY_LAST;
	enum lock_result result;
	int ours = is_ours(dot);

	if (request == LOCK_DOT_DROP)
		return drop(dot, ours);
	if (ours == -1)
		return LOCK_FAILED;
	result = ours == 1 ? LOCK_HELD : make(dot, last);
	if (result != LOCK_BUSY || last)
		dot->seen = 0;
	return result;
}

bool
dotlock_touch(const struct dotlock *dot)
{
	return is_ours(dot) == 1 && utimensat(dot->dir, dot->name, NULL,
	    AT_SYMLINK_NOFOLLOW) == 0;
}
