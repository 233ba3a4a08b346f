/* SPDX-License-Identifier: ISC */
/*
 * The mailbox as a file.  Everything is opened through one descriptor of the
 * directory and checked on the open descriptor, so that what was checked is
 * what is used, whoever renames what meanwhile.
 */
#include "config.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/lease.h"
#include "base/log.h"
#include "base/span.h"
#include "base/store.h"
#include "spool/mailbox.h"
#include "who/users.h"

int
mailbox_expand(const char *template, const char *name, const char *home,
    char path[LIMITS_PATH])
{
	static const char letters[] = { 'u', 'n', 'd', 'h' };
	struct span host = span_of(name), user = span_cut(&host, '@');
	const struct span parts[] = { span_of(name), user, host,
	    span_of(home) };
	size_t at = 0;

	for (const char *t = template; *t != '\0'; t++) {
		struct span part = { t, 1 };
		const char *letter = NULL;

		if (*t == '%') {
			part.p = ++t;
			letter = memchr(letters, *t, sizeof(letters));
		}
		if (letter != NULL) {
			part = parts[letter - letters];
			/* No part of a name is a step up or a hidden file. */
			if ((part.n > 0 && part.p[0] == '.') ||
			    (*letter == 'h' && home[0] != '/'))
				return -1;
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

enum mailbox_fault
mailbox_judge(const char *path, const char *what)
{
	int error = errno;

	log_error("%s: cannot %s: %s", path, what, strerror(error));
	return store_is_denied(error) ? MAILBOX_DENIED :
	    error == ENOENT || error == ENOTDIR ? MAILBOX_NO_DIRECTORY :
	    error == ELOOP || error == EISDIR || error == ENXIO ?
	    MAILBOX_NOT_A_FILE : MAILBOX_TROUBLE;
}

/* ${named}: the process can still look up what users are called. */
static enum mailbox_fault
judge_file(const char *path, const struct stat *st, bool named)
{
	char owner[LIMITS_NAME + 1], user[LIMITS_NAME + 1];

	if (!S_ISREG(st->st_mode))
		log_error("%s: is not a regular file", path);
	else if (st->st_uid != geteuid())
		log_error("%s: belongs to %s, not to the user: chown %s %s",
		    path, users_name(st->st_uid, named, owner),
		    users_name(geteuid(), named, user), path);
	else if ((st->st_mode & S_IWOTH) != 0)
		log_error("%s: can be written by all: chmod o-w it", path);
	else
		return MAILBOX_FINE;
	return S_ISREG(st->st_mode) ? MAILBOX_FOREIGN : MAILBOX_NOT_A_FILE;
}

/* Open the file with ${flags}: for reading only, if it may not be written. */
static void
open_descriptor(struct mailbox *mailbox, int flags)
{
	if (!mailbox->read_only) {
		mailbox->fd = lease_open(mailbox->dir, mailbox->base,
		    O_RDWR | flags);
		if (mailbox->fd != -1 || !store_is_denied(errno))
			return;
		log_warning("%s: read-only: cannot be opened for writing: %s",
		    mailbox->path, strerror(errno));
		mailbox->read_only = true;
	}
	mailbox->fd = lease_open(mailbox->dir, mailbox->base, O_RDONLY | flags);
}

/* Open the mailbox, if it is a file: to open a device may do something. */
static enum mailbox_fault
open_file(struct mailbox *mailbox, bool named)
{
	int flags = O_NOFOLLOW, looked;
	enum mailbox_fault fault;
	struct stat st;

	looked = fstatat(mailbox->dir, mailbox->base, &st,
	    AT_SYMLINK_NOFOLLOW);
	if (looked == 0 && S_ISLNK(st.st_mode)) {
		if (st.st_uid != 0 && st.st_uid != geteuid()) {
			log_error("%s: is a symbolic link of somebody else",
			    mailbox->path);
			return MAILBOX_FOREIGN;
		}
		flags = 0;
		looked = fstatat(mailbox->dir, mailbox->base, &st, 0);
	}
	if (looked == -1 && errno == ENOENT)
		return MAILBOX_FINE;
	if (looked == -1)
		return mailbox_judge(mailbox->path, "be looked at");
	fault = judge_file(mailbox->path, &st, named);
	if (fault != MAILBOX_FINE)
		return fault;
	open_descriptor(mailbox, flags);
	if (mailbox->fd == -1)
		return mailbox_judge(mailbox->path, "be opened");
	if (fstat(mailbox->fd, &st) == -1)
		return mailbox_judge(mailbox->path, "be looked at");
	return judge_file(mailbox->path, &st, named);
}

/* Write the directory of ${path} to ${dir}. */
static void
name_directory(const char *path, char dir[LIMITS_PATH])
{
	const char *slash = strrchr(path, '/');
	struct span name = slash == NULL ? SPAN(".") : (struct span){ path,
	    slash == path ? 1 : (size_t)(slash - path) };

	(void)span_copy(name, dir, LIMITS_PATH);
}

int
mailbox_name(struct mailbox *mailbox, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash == NULL ? path : slash + 1;
	char *name = mailbox->sidecar_name;
	size_t n = strlen(base);

	*mailbox = (struct mailbox){ .dir = -1, .fd = -1, .sidecar = -1,
	    .adopted = -1 };
	if (span_copy(span_of(path), mailbox->path, LIMITS_PATH) == -1 ||
	    n + sizeof("..dewey") > LIMITS_PATH)
		return -1;
	/* A session needs printf(3) for nothing else. */
	*name++ = '.';
	memcpy(name, base, n);
	memcpy(name + n, ".dewey", sizeof(".dewey"));
	mailbox->base = mailbox->path + (base - path);
	return 0;
}

/* Take ${path} apart and open its directory. */
static enum mailbox_fault
open_directory(struct mailbox *mailbox, const char *path)
{
	char dir[LIMITS_PATH];

	if (mailbox_name(mailbox, path) == -1)
		return MAILBOX_NO_DIRECTORY;
	name_directory(path, dir);
	/* Only a directory that is open for reading can be synced; without the
	 * right to read it, it is opened for looking up names. */
	mailbox->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mailbox->dir == -1 && errno == EACCES)
		mailbox->dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return mailbox->dir == -1 ? mailbox_judge(dir, "be opened") :
	    MAILBOX_FINE;
}

enum mailbox_fault
mailbox_open(struct mailbox *mailbox, const char *path, bool read_only)
{
	enum mailbox_fault fault = open_directory(mailbox, path);
	const char *end = strrchr(path, '.');

	mailbox->read_only = read_only;
	/* A mailbox of that name would be the dot-lock of another one. */
	if (fault == MAILBOX_FINE && end != NULL && strcmp(end, ".lock") == 0) {
		log_error("%s: is no name of a mailbox: a file of that name is "
		    "the lock of another", path);
		fault = MAILBOX_NOT_A_FILE;
	}
	if (fault == MAILBOX_FINE)
		fault = open_file(mailbox, true);
	if (fault != MAILBOX_FINE)
		mailbox_close(mailbox);
	return fault;
}

/* Look at the directory of the mailbox ${path}: whether it is root's. */
static bool
is_roots(const char *path, struct stat *st)
{
	char dir[LIMITS_PATH];

	name_directory(path, dir);
	return stat(dir, st) == 0 && st->st_uid == 0;
}

/* Whether the group of a directory that is root's may write there. */
static bool
has_group(const struct stat *st)
{
	return st->st_gid != 0 && (st->st_mode & S_IWGRP) != 0;
}

bool
mailbox_spool_group(const char *path, gid_t *group)
{
	struct stat st;

	if (!is_roots(path, &st) || !has_group(&st))
		return false;
	*group = st.st_gid;
	return true;
}

bool
mailbox_is_shut(const char *path)
{
	struct stat st;

	return is_roots(path, &st) && !has_group(&st) &&
	    (st.st_mode & S_IWOTH) == 0;
}

enum mailbox_fault
mailbox_reopen(const struct mailbox *mailbox, int *fd)
{
	struct mailbox again = *mailbox;
	enum mailbox_fault fault;

	again.fd = -1;
	fault = open_file(&again, false);
	if (fault == MAILBOX_FINE && again.fd == -1)
		fault = MAILBOX_CHANGED;
	if (fault == MAILBOX_FINE && again.read_only && !mailbox->read_only)
		fault = MAILBOX_DENIED;
	if (fault != MAILBOX_FINE && again.fd != -1)
		(void)close(again.fd);
	*fd = fault == MAILBOX_FINE ? again.fd : -1;
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
	mailbox->fd = lease_open(mailbox->dir, mailbox->base, O_RDONLY);
	if (mailbox->fd == -1 || fstat(mailbox->fd, &st) == -1) {
		fault = mailbox_judge(path, "be opened");
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
	int *fds[] = { &mailbox->dir, &mailbox->fd, &mailbox->sidecar,
	    &mailbox->adopted };

	/* Another process may still have the sidecar open, and its lock. */
	if (mailbox->sidecar != -1)
		(void)flock(mailbox->sidecar, LOCK_UN);
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (*fds[i] != -1)
			(void)close(*fds[i]);
		*fds[i] = -1;
	}
}

int
mailbox_stat(const struct mailbox *mailbox, struct stamp *stamp)
{
	struct stat st;

	memset(stamp, 0, sizeof(*stamp));
	if (mailbox->fd == -1)
		return 0;
	if (fstat(mailbox->fd, &st) == -1)
		return -1;
	stamp_fill(stamp, &st);
	return 0;
}

bool
mailbox_is_still(const struct mailbox *mailbox, const struct stamp *stamp)
{
	struct stamp now;

	return mailbox_stat(mailbox, &now) == 0 && stamp_equal(&now, stamp);
}

bool
mailbox_is(const struct mailbox *mailbox, const struct stamp *stamp)
{
	struct stat st;

	if (!mailbox_is_still(mailbox, stamp))
		return false;
	if (fstatat(mailbox->dir, mailbox->base, &st, 0) == -1)
		return mailbox->fd == -1 || errno != ENOENT;
	return mailbox->fd != -1 && st.st_dev == stamp->dev &&
	    st.st_ino == stamp->ino;
}
