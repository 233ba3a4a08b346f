/* SPDX-License-Identifier: ISC */
/*
 * The sidecar .NAME.dewey beside a mailbox: the session lock while it is
 * locked, the journal while it is not empty.  It is never removed: that would
 * race.
 */
#include "config.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/store.h"
#include "mail/index.h"
#include "spool/sidecar.h"
#include "spool/state.h"
#include "who/users.h"

/* Open ${name} in ${dir} and lock it.  dewey never removes a sidecar, but an
 * administrator may: then the name leads to another file, or to none. */
static enum mailbox_fault
lock_sidecar(struct mailbox *mailbox, int dir, const char *name, int flags)
{
	struct stat st, named;

	for (int i = 0; i < LIMITS_SIDECAR_TRIES; i++) {
		int fd = openat(dir, name, flags | O_NOFOLLOW | O_NONBLOCK |
		    O_NOCTTY | O_CLOEXEC, S_IRUSR | S_IWUSR);

		if (fd == -1)
			return errno == ELOOP ? MAILBOX_FOREIGN :
			    MAILBOX_TROUBLE;
		if (fstat(fd, &st) == -1 || !index_is_own(&st, geteuid())) {
			(void)close(fd);
			return MAILBOX_FOREIGN;
		}
		if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
			int error = errno;

			(void)close(fd);
			errno = error;
			return error == EWOULDBLOCK ? MAILBOX_IN_USE :
			    MAILBOX_TROUBLE;
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

/* Whether the file ${name} has octets: 1, 0, or -1 with errno. */
static int
has_octets(int dir, const char *name)
{
	struct stat st;

	if (name[0] == '\0')
		return 0;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : -1;
	return st.st_size > 0;
}

/* Where there is no space for a sidecar, a file in the run-time directory is
 * the session lock, named after the mailbox's device and inode. */
static enum mailbox_fault
lock_elsewhere(struct mailbox *mailbox, const struct stat *st)
{
	char name[LIMITS_PROC_NAME];
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

/* Log that the mailbox can only be read, for the sidecar cannot be opened: the
 * errno was ${error}. */
static void
explain(const struct mailbox *mailbox, int error)
{
	const char *path = mailbox->path, *name = mailbox->sidecar_name;
	char owner[LIMITS_NAME + 1];
	struct stat st;

	if (fstatat(mailbox->dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		log_warning("%s: read-only: the file %s cannot be made beside "
		    "it: %s; see --state-dir", path, name, strerror(error));
	else if (st.st_uid != geteuid())
		log_warning("%s: read-only: the file %s beside it belongs to "
		    "%s, not to the user: remove it", path, name,
		    users_name(st.st_uid, true, owner));
	else
		log_warning("%s: read-only: the file %s beside it has mode "
		    "%04o: chmod 0600 it", path, name,
		    (unsigned)st.st_mode & 07777);
}

/* Use the second home ${state} of the sidecar, if there is one. */
static enum mailbox_fault
lock_state(struct mailbox *mailbox, const char *state)
{
	enum mailbox_fault fault = lock_sidecar(mailbox, AT_FDCWD, state,
	    mailbox->read_only ? O_RDONLY : O_RDWR);

	mailbox->elsewhere = fault == MAILBOX_FINE;
	if (fault == MAILBOX_FOREIGN)
		log_error("%s: the file %s must be a regular file of the "
		    "user's, mode 0600, with one link", mailbox->path, state);
	return fault;
}

/* The right to open the sidecar is missing: use its second home ${state}, or
 * none, and let the mailbox be read only, if there is no journal in it. */
static enum mailbox_fault
open_without_right(struct mailbox *mailbox, const char *state)
{
	int error = errno;
	struct stat st;
	bool missing = fstatat(mailbox->dir, mailbox->sidecar_name, &st,
	    AT_SYMLINK_NOFOLLOW) == -1;
	enum mailbox_fault fault = missing && state[0] != '\0' ?
	    lock_state(mailbox, state) : MAILBOX_TROUBLE;

	if (fault != MAILBOX_TROUBLE)
		return fault;
	if (!missing && st.st_size > 0) {
		log_error("%s: may be half moved: an UPDATE was cut short, and "
		    "the file %s beside it, which completes it, cannot be "
		    "opened: %s", mailbox->path, mailbox->sidecar_name,
		    strerror(error));
		return MAILBOX_TROUBLE;
	}
	if (!mailbox->read_only)
		explain(mailbox, error);
	mailbox->read_only = true;
	return MAILBOX_FINE;
}

/* What to do about a sidecar that is none: without the journal that is in it, a
 * half moved mailbox would be served.  Another user's file is no journal to
 * believe. */
static const char *
advise(const struct mailbox *mailbox)
{
	struct stat st;

	return fstatat(mailbox->dir, mailbox->sidecar_name, &st,
	    AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size > 0 && st.st_uid == geteuid() ? "make it one and keep "
	    "it: an UPDATE was cut short, which it completes" : "remove it";
}

static enum mailbox_fault
open_any(struct mailbox *mailbox, const char *state)
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
		    "of the user's, mode 0600, with one link: %s",
		    mailbox->path, mailbox->sidecar_name, advise(mailbox));
	if (fault != MAILBOX_TROUBLE)
		return fault;
	/* An empty mailbox, and one that is only read, needs no sidecar. */
	if (errno == ENOENT && (empty || mailbox->read_only))
		return MAILBOX_FINE;
	if (store_is_full(errno))
		return lock_elsewhere(mailbox, &st);
	if (store_is_denied(errno))
		return open_without_right(mailbox, state);
	return mailbox_judge(mailbox->path, "have its sidecar opened");
}

/* Write to ${state} the path of the second home, in ${dir}, of the sidecar of
 * ${mailbox}; an empty string if there cannot be one. */
static void
find_state(char state[LIMITS_PATH], const char *dir, const char *mailbox)
{
	state[0] = '\0';
	if (dir != NULL && index_is_safe(dir, 0))
		(void)state_name(state, dir, mailbox);
}

enum mailbox_fault
sidecar_enter(struct mailbox *mailbox, const char *dir)
{
	char state[LIMITS_PATH];
	enum mailbox_fault fault;
	int begun;

	find_state(state, dir, mailbox->path);
	begun = has_octets(AT_FDCWD, state);
	/* An UPDATE that was begun with a journal in the second home is
	 * completed from there, even if a sidecar could be made beside the
	 * mailbox by now.  Where no journal can be kept there, nobody needs a
	 * right to look. */
	if (begun == 0 || (begun == -1 && errno == EACCES &&
	    !mailbox_is_shut(mailbox->path)))
		fault = open_any(mailbox, state);
	else if (begun == -1 ||
	    (fault = lock_state(mailbox, state)) == MAILBOX_TROUBLE)
		fault = mailbox_judge(state, "be opened");
	if (fault != MAILBOX_FINE)
		mailbox_close(mailbox);
	return fault;
}

/* Write the name of the file of adopted ids to ${name}. */
static void
name_adopted(const struct mailbox *mailbox,
    char name[LIMITS_PATH + sizeof(".ids")])
{
	(void)snprintf(name, LIMITS_PATH + sizeof(".ids"), "%s.ids",
	    mailbox->sidecar_name);
}

enum mailbox_fault
sidecar_adopted(struct mailbox *mailbox, bool make)
{
	char name[LIMITS_PATH + sizeof(".ids")];
	struct stat st, box;

	if (mailbox->fd == -1)
		return MAILBOX_FINE;
	name_adopted(mailbox, name);
	mailbox->adopted = openat(mailbox->dir, name, (mailbox->read_only ?
	    O_RDONLY : O_RDWR) | (make ? O_CREAT : 0) | O_NOFOLLOW |
	    O_NONBLOCK | O_NOCTTY | O_CLOEXEC, S_IRUSR | S_IWUSR);
	if (mailbox->adopted == -1 ? errno == ENOENT :
	    fstat(mailbox->adopted, &st) == 0 &&
	    fstat(mailbox->fd, &box) == 0 && index_is_own(&st, box.st_uid))
		return MAILBOX_FINE;
	log_error("%s: the file %s beside it must be a regular file of the "
	    "user's, mode 0600, with one link", mailbox->path, name);
	return MAILBOX_FOREIGN;
}

void
sidecar_tidy(const struct mailbox *mailbox)
{
	char name[LIMITS_PATH + sizeof(".ids")];
	struct stat st;

	if (mailbox->adopted == -1 || fstat(mailbox->adopted, &st) == -1 ||
	    st.st_size > 0)
		return;
	name_adopted(mailbox, name);
	(void)unlinkat(mailbox->dir, name, 0);
}

void
sidecar_note_login(const struct mailbox *mailbox)
{
	const struct timespec times[] = { { .tv_nsec = UTIME_NOW },
	    { .tv_nsec = UTIME_OMIT } };

	if (mailbox->sidecar != -1 &&
	    futimens(mailbox->sidecar, times) == -1)
		log_warning("%s: the time of this login cannot be noted: %s",
		    mailbox->path, strerror(errno));
}

bool
sidecar_is_early(const struct mailbox *mailbox, unsigned delay)
{
	struct timespec now;
	struct stat st;

	/* A new file has the same time twice: nobody was let in yet. */
	if (fstat(mailbox->sidecar, &st) == -1 ||
	    clock_gettime(CLOCK_REALTIME, &now) == -1 ||
	    (st.st_atim.tv_sec == st.st_mtim.tv_sec &&
	    st.st_atim.tv_nsec == st.st_mtim.tv_nsec))
		return false;
	/* Where the clock was set back, no time is known. */
	return st.st_atim.tv_sec <= now.tv_sec &&
	    now.tv_sec - st.st_atim.tv_sec < (time_t)delay;
}

bool
sidecar_has_journal(const struct mailbox *mailbox)
{
	struct stat st;

	return mailbox->sidecar != -1 &&
	    fstat(mailbox->sidecar, &st) == 0 && st.st_size > 0;
}

bool
sidecar_has_name(const struct mailbox *mailbox)
{
	struct stat st, named;

	if (mailbox->sidecar == -1 || fstat(mailbox->sidecar, &st) == -1 ||
	    st.st_nlink == 0)
		return false;
	return mailbox->elsewhere || (fstatat(mailbox->dir,
	    mailbox->sidecar_name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	    named.st_dev == st.st_dev && named.st_ino == st.st_ino);
}

int
sidecar_pending(const char *path, const char *state_dir)
{
	char name[LIMITS_PATH];
	const char *slash = strrchr(path, '/');
	int dir = slash == NULL ? 0 : (int)(slash + 1 - path), found;

	errno = ENAMETOOLONG;
	if (snprintf(name, sizeof(name), "%.*s.%s.dewey", dir, path,
	    path + dir) >= (int)sizeof(name))
		return -1;
	found = has_octets(AT_FDCWD, name);
	if (found != 0)
		return found;
	find_state(name, state_dir, path);
	return has_octets(AT_FDCWD, name);
}
