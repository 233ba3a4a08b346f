/* SPDX-License-Identifier: ISC */
/*
 * The mailbox as a file.  Everything is opened through one descriptor of the
 * directory and checked on the open descriptor, so that what was checked is
 * what is used, whoever renames what meanwhile.
 */
#include "config.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "mailbox.h"
#include "span.h"

/* Times the sidecar is opened again because its name led elsewhere. */
#define SIDECAR_TRIES 5

int
mailbox_expand(const char *template, const char *name, const char *home,
    char path[LIMITS_PATH])
{
	struct span host = span_of(name), user = span_cut(&host, '@');
	size_t at = 0;

	for (const char *t = template; *t != '\0'; t++) {
		struct span part = { t, 1 };

		if (*t == '%')
			switch (*++t) {
			case 'u':
				part = span_of(name);
				break;
			case 'n':
				part = user;
				break;
			case 'd':
				part = host;
				break;
			case 'h':
				part = span_of(home);
				break;
			default:
				part.p = t;
			}
		if (part.n >= LIMITS_PATH - at)
			return -1;
		if (part.n > 0)
			memcpy(path + at, part.p, part.n);
		at += part.n;
	}
	path[at] = '\0';
	return path[0] == '/' && at > 1 && path[at - 1] != '/' ? 0 : -1;
}

static enum mailbox_fault
judge_errno(const char *path, const char *what)
{
	int error = errno;

	log_error("%s: cannot %s: %s", path, what, strerror(error));
	switch (error) {
	case EACCES:
	case EPERM:
	case EROFS:
		return MAILBOX_DENIED;
	case ENOENT:
	case ENOTDIR:
		return MAILBOX_NO_DIRECTORY;
	case ELOOP:
	case EISDIR:
	case ENXIO:
		return MAILBOX_NOT_A_FILE;
	default:
		return MAILBOX_TROUBLE;
	}
}

static enum mailbox_fault
judge_file(const char *path, const struct stat *st)
{
	if (!S_ISREG(st->st_mode)) {
		log_error("%s: is not a regular file", path);
		return MAILBOX_NOT_A_FILE;
	}
	if (st->st_uid != geteuid()) {
		log_error("%s: belongs to uid %lu, not to the user (uid %lu)",
		    path, (unsigned long)st->st_uid, (unsigned long)geteuid());
		return MAILBOX_FOREIGN;
	}
	if ((st->st_mode & S_IWOTH) != 0) {
		log_error("%s: can be written by everybody: chmod o-w it",
		    path);
		return MAILBOX_FOREIGN;
	}
	return MAILBOX_FINE;
}

/* Open the mailbox itself.  A device is not opened even to be looked at. */
static enum mailbox_fault
open_file(struct mailbox *mailbox)
{
	int flags = O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW;
	struct stat st;

	if (fstatat(mailbox->dir, mailbox->base, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? MAILBOX_FINE :
		    judge_errno(mailbox->path, "be looked at");
	if (S_ISLNK(st.st_mode)) {
		if (st.st_uid != 0 && st.st_uid != geteuid()) {
			log_error("%s: is a symbolic link of somebody else",
			    mailbox->path);
			return MAILBOX_FOREIGN;
		}
		flags &= ~O_NOFOLLOW;
		if (fstatat(mailbox->dir, mailbox->base, &st, 0) == -1)
			return errno == ENOENT ? MAILBOX_FINE :
			    judge_errno(mailbox->path, "be looked at");
	}
	enum mailbox_fault fault = judge_file(mailbox->path, &st);
	if (fault != MAILBOX_FINE)
		return fault;
	if (!mailbox->read_only)
		mailbox->fd = openat(mailbox->dir, mailbox->base,
		    O_RDWR | flags);
	if (mailbox->fd == -1 && (mailbox->read_only || errno == EACCES ||
	    errno == EROFS || errno == EPERM)) {
		mailbox->read_only = true;
		mailbox->fd = openat(mailbox->dir, mailbox->base,
		    O_RDONLY | flags);
	}
	if (mailbox->fd == -1)
		return judge_errno(mailbox->path, "be opened");
	if (fstat(mailbox->fd, &st) == -1)
		return judge_errno(mailbox->path, "be looked at");
	return judge_file(mailbox->path, &st);
}

/* Whether the locked sidecar is what it must be: the user's alone. */
static bool
is_own(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_uid == geteuid() &&
	    st->st_nlink == 1 && (st->st_mode & 077) == 0;
}

/* Open ${name} in ${dir} and lock it.  It is never removed by us, but an
 * administrator may do so: then the name leads to another file, or none. */
static enum mailbox_fault
lock_sidecar(struct mailbox *mailbox, int dir, const char *name, int flags)
{
	struct stat st, named;

	for (int i = 0; i < SIDECAR_TRIES; i++) {
		int fd = openat(dir, name, flags | O_NOFOLLOW | O_NONBLOCK |
		    O_NOCTTY | O_CLOEXEC, S_IRUSR | S_IWUSR);

		if (fd == -1)
			return errno == ELOOP ? MAILBOX_FOREIGN :
			    MAILBOX_TROUBLE;
		if (fstat(fd, &st) == -1 || !is_own(&st)) {
			(void)close(fd);
			return MAILBOX_FOREIGN;
		}
		if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
			(void)close(fd);
			return MAILBOX_IN_USE;
		}
		if (fstatat(dir, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
		    named.st_dev == st.st_dev && named.st_ino == st.st_ino) {
			mailbox->sidecar = fd;
			return MAILBOX_FINE;
		}
		(void)close(fd);
	}
	errno = EAGAIN;
	return MAILBOX_TROUBLE;
}

/* The session lock without space for a sidecar: a file in the run-time
 * directory, named after the mailbox. */
static enum mailbox_fault
lock_elsewhere(struct mailbox *mailbox, const struct stat *st)
{
	char name[64];
	int dir = open("/run/lock", O_PATH | O_DIRECTORY | O_CLOEXEC);
	enum mailbox_fault fault;

	mailbox->no_journal = true;
	(void)snprintf(name, sizeof(name), "dewey-%llx-%llx",
	    (unsigned long long)st->st_dev, (unsigned long long)st->st_ino);
	fault = dir == -1 ? MAILBOX_TROUBLE :
	    lock_sidecar(mailbox, dir, name, O_RDWR | O_CREAT);
	if (fault == MAILBOX_TROUBLE || fault == MAILBOX_FOREIGN) {
		log_error("/run/lock/%s: cannot be had: %s", name,
		    strerror(errno));
		fault = MAILBOX_TROUBLE;
	}
	if (dir != -1)
		(void)close(dir);
	return fault;
}

static enum mailbox_fault
open_sidecar(struct mailbox *mailbox)
{
	struct stat st = { 0 };
	bool empty = mailbox->fd == -1 ||
	    (fstat(mailbox->fd, &st) == 0 && st.st_size == 0);
	int flags = mailbox->read_only ? O_RDONLY :
	    empty ? O_RDWR : O_RDWR | O_CREAT;
	enum mailbox_fault fault = lock_sidecar(mailbox, mailbox->dir,
	    mailbox->sidecar_name, flags);

	if (fault == MAILBOX_FOREIGN)
		log_error("%s: the file %s beside it must be a regular file "
		    "of the user's, mode 0600, with one link: remove it",
		    mailbox->path, mailbox->sidecar_name);
	if (fault != MAILBOX_TROUBLE)
		return fault;
	switch (errno) {
	case ENOENT:
		return MAILBOX_FINE;
	case ENOSPC:
	case EDQUOT:
		return lock_elsewhere(mailbox, &st);
	case EACCES:
	case EPERM:
	case EROFS:
		mailbox->read_only = true;
		return MAILBOX_FINE;
	default:
		return judge_errno(mailbox->path, "open its sidecar");
	}
}

/* Take ${path} apart and open its directory. */
static enum mailbox_fault
open_directory(struct mailbox *mailbox, const char *path)
{
	char dir[LIMITS_PATH];
	const char *slash = strrchr(path, '/');
	const char *base = slash == NULL ? path : slash + 1;

	memset(mailbox, 0, sizeof(*mailbox));
	mailbox->dir = mailbox->fd = mailbox->sidecar = -1;
	if (span_copy(span_of(path), mailbox->path, LIMITS_PATH) == -1 ||
	    snprintf(mailbox->sidecar_name, LIMITS_PATH, ".%s.dewey", base) >=
	    LIMITS_PATH)
		return MAILBOX_NO_DIRECTORY;
	mailbox->base = mailbox->path + (base - path);
	if (slash == NULL)
		(void)span_copy(SPAN("."), dir, sizeof(dir));
	else
		(void)span_copy((struct span){ path,
		    slash == path ? 1 : (size_t)(slash - path) }, dir,
		    sizeof(dir));
	/* Readable, so that it can be synced; else as good as it gets. */
	mailbox->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mailbox->dir == -1 && errno == EACCES)
		mailbox->dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return mailbox->dir == -1 ? judge_errno(dir, "be opened") :
	    MAILBOX_FINE;
}

enum mailbox_fault
mailbox_open(struct mailbox *mailbox, const char *path, bool read_only)
{
	enum mailbox_fault fault = open_directory(mailbox, path);

	mailbox->read_only = read_only;
	if (fault == MAILBOX_FINE)
		fault = open_file(mailbox);
	if (fault != MAILBOX_FINE)
		mailbox_close(mailbox);
	return fault;
}

bool
mailbox_spool_group(const struct mailbox *mailbox, gid_t *group)
{
	struct stat st;

	if (fstat(mailbox->dir, &st) == -1 || st.st_uid != 0 ||
	    st.st_gid == 0 || (st.st_mode & S_IWGRP) == 0)
		return false;
	*group = st.st_gid;
	return true;
}

enum mailbox_fault
mailbox_enter(struct mailbox *mailbox)
{
	enum mailbox_fault fault = open_sidecar(mailbox);

	if (fault != MAILBOX_FINE)
		mailbox_close(mailbox);
	return fault;
}

enum mailbox_fault
mailbox_reopen(const struct mailbox *mailbox, int *fd)
{
	struct mailbox again = *mailbox;
	enum mailbox_fault fault;

	again.base = again.path + (mailbox->base - mailbox->path);
	again.fd = -1;
	fault = open_file(&again);
	if (fault == MAILBOX_FINE && again.fd == -1)
		fault = MAILBOX_CHANGED;
	if (fault == MAILBOX_FINE && again.read_only && !mailbox->read_only)
		fault = MAILBOX_DENIED;
	if (fault != MAILBOX_FINE && again.fd != -1) {
		(void)close(again.fd);
		again.fd = -1;
	}
	*fd = again.fd;
	return fault;
}

bool
mailbox_was_replaced(const struct mailbox *mailbox)
{
	struct stat open, named;

	return mailbox->fd != -1 && fstat(mailbox->fd, &open) == 0 &&
	    fstatat(mailbox->dir, mailbox->base, &named, 0) == 0 &&
	    (named.st_dev != open.st_dev || named.st_ino != open.st_ino);
}

enum mailbox_fault
mailbox_peek(struct mailbox *mailbox, const char *path)
{
	enum mailbox_fault fault = open_directory(mailbox, path);
	struct stat st;

	mailbox->read_only = true;
	if (fault != MAILBOX_FINE)
		return fault;
	mailbox->fd = openat(mailbox->dir, mailbox->base,
	    O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (mailbox->fd == -1 || fstat(mailbox->fd, &st) == -1) {
		fault = judge_errno(path, "be opened");
	} else if (!S_ISREG(st.st_mode)) {
		log_error("%s: is not a regular file", path);
		fault = MAILBOX_NOT_A_FILE;
	}
	if (fault != MAILBOX_FINE) {
		mailbox_close(mailbox);
		return fault;
	}
	mailbox->sidecar = openat(mailbox->dir, mailbox->sidecar_name,
	    O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	return MAILBOX_FINE;
}

void
mailbox_close(struct mailbox *mailbox)
{
	int *fds[] = { &mailbox->dir, &mailbox->fd, &mailbox->sidecar };

	/* Another process of the session may still have it open. */
	if (mailbox->sidecar != -1)
		(void)flock(mailbox->sidecar, LOCK_UN);

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (*fds[i] != -1)
			(void)close(*fds[i]);
		*fds[i] = -1;
	}
}

bool
mailbox_has_journal(const struct mailbox *mailbox)
{
	struct stat st;

	return mailbox->sidecar != -1 &&
	    fstat(mailbox->sidecar, &st) == 0 && st.st_size > 0;
}

static int
copy_all(int from, int to)
{
	char block[LIMITS_PIPE_WRITE];
	off_t at = 0;
	ssize_t n;

	while ((n = pread(from, block, sizeof(block), at)) > 0) {
		if (pwrite(to, block, (size_t)n, at) != n)
			return -1;
		at += n;
	}
	return n < 0 ? -1 : fsync(to);
}

int
mailbox_set_aside(const struct mailbox *mailbox)
{
	char name[LIMITS_PATH + 64], date[32];
	time_t now = time(NULL);
	struct tm tm;
	int fd = -1, done = -1;

	if (gmtime_r(&now, &tm) == NULL ||
	    strftime(date, sizeof(date), "%Y%m%dT%H%M%SZ", &tm) == 0)
		return -1;
	for (int i = 0; i < SIDECAR_TRIES && fd == -1; i++) {
		(void)snprintf(name, sizeof(name), "%s.%s-%d",
		    mailbox->sidecar_name, date, i);
		fd = openat(mailbox->dir, name,
		    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
		if (fd == -1 && errno != EEXIST)
			break;
	}
	if (fd != -1 && copy_all(mailbox->sidecar, fd) == 0 &&
	    fsync(mailbox->dir) == 0 && ftruncate(mailbox->sidecar, 0) == 0)
		done = fsync(mailbox->sidecar);
	log_error("%s: the journal %s does not fit it: %s%s%s", mailbox->path,
	    mailbox->sidecar_name, done == 0 ? "set aside as " :
	    "cannot be set aside: ", done == 0 ? name : strerror(errno),
	    done == 0 ? "; the mailbox is served as it is" : "");
	if (fd != -1)
		(void)close(fd);
	return done;
}

static void
fill_stamp(struct mailbox_stamp *stamp, const struct stat *st)
{
	stamp->dev = st->st_dev;
	stamp->ino = st->st_ino;
	stamp->size = (uint64_t)st->st_size;
	stamp->mtime = st->st_mtim;
	stamp->ctime = st->st_ctim;
}

static bool
same(const struct mailbox_stamp *a, const struct mailbox_stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	    a->mtime.tv_sec == b->mtime.tv_sec &&
	    a->mtime.tv_nsec == b->mtime.tv_nsec &&
	    a->ctime.tv_sec == b->ctime.tv_sec &&
	    a->ctime.tv_nsec == b->ctime.tv_nsec;
}

int
mailbox_stat(const struct mailbox *mailbox, struct mailbox_stamp *stamp)
{
	struct stat st;

	memset(stamp, 0, sizeof(*stamp));
	if (mailbox->fd == -1)
		return 0;
	if (fstat(mailbox->fd, &st) == -1)
		return -1;
	fill_stamp(stamp, &st);
	return 0;
}

bool
mailbox_is_still(const struct mailbox *mailbox,
    const struct mailbox_stamp *stamp)
{
	struct mailbox_stamp now;

	return mailbox_stat(mailbox, &now) == 0 && same(&now, stamp);
}

bool
mailbox_is(const struct mailbox *mailbox, const struct mailbox_stamp *stamp)
{
	struct stat st;

	if (!mailbox_is_still(mailbox, stamp))
		return false;
	if (fstatat(mailbox->dir, mailbox->base, &st, 0) == -1)
		return mailbox->fd == -1 || errno != ENOENT;
	return mailbox->fd != -1 && st.st_dev == stamp->dev &&
	    st.st_ino == stamp->ino;
}

/* File systems of this host that stamp with the kernel's clock. */
static bool
is_fine_grained(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) == -1)
		return false;
	switch ((unsigned long)fs.f_type) {
	case EXT4_SUPER_MAGIC:
	case TMPFS_MAGIC:
	case BTRFS_SUPER_MAGIC:
	case XFS_SUPER_MAGIC:
	case F2FS_SUPER_MAGIC:
		return true;
	default:
		return false;
	}
}

/* Whether ${stamp} lies more than ${seconds} and ${ns} before ${now}. */
static bool
is_before(struct timespec stamp, struct timespec now, time_t seconds, long ns)
{
	stamp.tv_sec += seconds;
	stamp.tv_nsec += ns;
	if (stamp.tv_nsec >= 1000000000) {
		stamp.tv_nsec -= 1000000000;
		stamp.tv_sec++;
	}
	return stamp.tv_sec < now.tv_sec ||
	    (stamp.tv_sec == now.tv_sec && stamp.tv_nsec < now.tv_nsec);
}

bool
mailbox_is_settled(const struct mailbox *mailbox,
    const struct mailbox_stamp *stamp, struct timespec now)
{
	time_t seconds = LIMITS_SETTLED_S;
	long ns = 0;

	if (mailbox->fd == -1)
		return true;
	/* A file system with inodes of 128 octets keeps whole seconds. */
	if (is_fine_grained(mailbox->fd) &&
	    (stamp->mtime.tv_nsec != 0 || stamp->ctime.tv_nsec != 0)) {
		seconds = 0;
		ns = LIMITS_TICK_NS;
	}
	return is_before(stamp->mtime, now, seconds, ns) &&
	    is_before(stamp->ctime, now, seconds, ns);
}
