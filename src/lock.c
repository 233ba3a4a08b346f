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

#include "clock.h"
#include "lock.h"
#include "log.h"
#include "span.h"

/* Read a small file of /proc; ${text} is empty if that fails. */
static void
read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? -1 : read(fd, text, size - 1);

	text[n < 0 ? 0 : n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (fd != -1)
		(void)close(fd);
}

/* When the process ${pid} started, in ticks since boot; 0 if it is gone. */
static uint64_t
start_time(long pid)
{
	char path[64], text[1024];
	struct span rest;
	uint64_t ticks = 0;

	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	read_text(path, text, sizeof(text));
	/* proc(5): the name in parentheses may hold anything; the start time
	 * is field 22, the 20th behind it. */
	rest = span_of(strrchr(text, ')'));
	for (int field = 2; field < 22 && rest.p != NULL; field++)
		(void)span_cut(&rest, ' ');
	if (rest.p != NULL)
		(void)span_number(span_cut(&rest, ' '), UINT64_MAX, &ticks);
	return ticks;
}

/* The owner line: dewey PID START HOST BOOT PID-NAMESPACE */
static void
write_owner(char owner[LIMITS_DOTLOCK_TEXT])
{
	char host[LIMITS_HOST + 1] = "", boot[64], space[64] = "";
	ssize_t n = readlink("/proc/self/ns/pid", space, sizeof(space) - 1);

	space[n < 0 ? 0 : n] = '\0';
	(void)gethostname(host, sizeof(host) - 1);
	read_text("/proc/sys/kernel/random/boot_id", boot, sizeof(boot));
	(void)snprintf(owner, LIMITS_DOTLOCK_TEXT,
	    "dewey %ld %llu %s %s %s\n", (long)getpid(),
	    (unsigned long long)start_time((long)getpid()), host, boot, space);
}

void
lock_dot_open(struct lock_dot *dot, int dir, int mailbox, const char *base)
{
	memset(dot, 0, sizeof(*dot));
	dot->dir = dir;
	dot->mailbox = mailbox;
	(void)snprintf(dot->name, sizeof(dot->name), "%s.lock", base);
	write_owner(dot->owner);
}

/* Whether the dot-lock holding ${text} was made by a process that is gone.
 * Only a dewey of this host, seen from the same pid namespace, can be judged;
 * after a boot every process of before is gone. */
static bool
owner_is_gone(const struct lock_dot *dot, struct span text)
{
	struct span mine = span_of(dot->owner), theirs = text;
	struct span my[6], their[6];
	uint64_t pid, started, now;

	for (int i = 0; i < 6; i++) {
		my[i] = span_cut(&mine, i < 5 ? ' ' : '\n');
		their[i] = span_cut(&theirs, i < 5 ? ' ' : '\n');
		if (my[i].n == 0 || their[i].n == 0)
			return false;
	}
	if (!span_equal(my[0], their[0]) || !span_equal(my[3], their[3]) ||
	    span_number(their[1], INT32_MAX, &pid) == -1 ||
	    span_number(their[2], UINT64_MAX, &started) == -1)
		return false;
	if (!span_equal(my[4], their[4]))
		return true;
	if (!span_equal(my[5], their[5]))
		return false;
	if (kill((pid_t)pid, 0) == -1 && errno == ESRCH)
		return true;
	/* Of another user's process /proc may be silent: then it lives. */
	now = start_time((long)pid);
	return now != 0 && now != started;
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
	*gone = n > 0 && owner_is_gone(dot, (struct span){ text, (size_t)n });
	return n >= 0;
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
	struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char away[LIMITS_PATH];
	struct stat st;

	/* Two that break at once could remove a lock made in between. */
	if (dot->mailbox != -1 &&
	    fcntl(dot->mailbox, F_OFD_SETLK, &range) == -1)
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
			dot->ours = st.st_ino;
			result = LOCK_HELD;
		} else if (result == LOCK_BUSY &&
		    !break_if_stale(dot, &st, last)) {
			break;
		}
	}
	(void)close(fd);
	(void)unlinkat(dot->dir, unique, 0);
	return result;
}

enum lock_result
lock_dot(struct lock_dot *dot, enum lock_request request)
{
	enum lock_result result;
	struct stat st;
	bool ours = dot->ours != 0 && fstatat(dot->dir, dot->name, &st,
	    AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == dot->ours;

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
		dot->ours = 0;
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
	struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int got = 0;

	switch (kind) {
	case OPTIONS_LOCK_FCNTL:
		/* A descriptor that cannot be written takes read locks only. */
		if ((fcntl(lock->mailbox, F_GETFL) & O_ACCMODE) == O_RDONLY)
			range.l_type = F_RDLCK;
		got = fcntl(lock->mailbox, F_OFD_SETLK, &range);
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
	long pause = LIMITS_LOCK_FIRST_MS;
	enum lock_result got;
	bool last = false;

	if (lock->mailbox == -1)
		return LOCK_HELD;
	for (;;) {
		struct timespec nap = { .tv_nsec = pause * 1000000 };

		got = take_all(lock, last ? LOCK_DOT_TRY_LAST : LOCK_DOT_TRY);
		if (got == LOCK_HELD || got == LOCK_FAILED || last)
			break;
		lock_release(lock);
		(void)nanosleep(&nap, NULL);
		if (pause < LIMITS_LOCK_PAUSE_MS)
			pause *= 2;
		last = clock_ms() >= until;
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
	    now - lock->touched < LIMITS_DOTLOCK_TOUCH_S * 1000)
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
