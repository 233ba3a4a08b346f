/* SPDX-License-Identifier: ISC */
/*
 * Setting a journal aside.  The journal is the user's own file and perhaps
 * forged, and the directory where its copy lies may be root's.  So there is one
 * copy at most, no larger than what an UPDATE can write, and the holes of the
 * journal take no space in it.  It gets its name when it is whole and on the
 * disk: who dies meanwhile leaves it without, and the next login begins again.
 */
#include "config.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/store.h"
#include "mail/index.h"
#include "spool/aside.h"
#include "spool/plan.h"
#include "spool/slot.h"
#include "spool/state.h"

/* Return the first octet from ${at} on that is not in a hole, or ${end}. */
static off_t
skip_hole(int fd, off_t at, off_t end)
{
	off_t data = lseek(fd, at, SEEK_DATA);

	/* The file system may not know of holes; an error of the disk shows
	 * again when the octets are read. */
	if (data == -1)
		return errno == ENXIO ? end : at;
	return data < end ? data : end;
}

static bool
is_zero(const char *octets, size_t n)
{
	return octets[0] == '\0' && memcmp(octets, octets + 1, n - 1) == 0;
}

/* Copy octets [${at}, ${end}) to the same place; zeros become holes. */
static int
copy(int from, int to, uint64_t at, uint64_t end)
{
	char block[LIMITS_PIPE_WRITE];

	for (size_t n; at < end; at += n) {
		at = (uint64_t)skip_hole(from, (off_t)at, (off_t)end);
		n = end - at < sizeof(block) ? (size_t)(end - at) :
		    sizeof(block);
		if (n == 0)
			break;
		if (store_read(from, at, block, n) == -1 ||
		    (!is_zero(block, n) &&
		    store_write(to, at, block, n) == -1))
			return -1;
	}
	return 0;
}

/* Copy from ${file}, which has ${size} octets, the slots, the plan, and the
 * data that the slots name. */
static int
copy_named(const struct slot_file *file, uint64_t size, int to)
{
	if (copy(file->sidecar, to, 0, SLOT_PLAN_AT + file->plan.n) == -1)
		return -1;
	for (uint64_t i = 0; i < 2; i++) {
		struct slot slot;
		int found = slot_read(file, i, &slot);

		if (found == -1)
			return -1;
		for (uint64_t j = 0; found == 1 && j < slot.has_data; j++) {
			uint64_t at = slot_data_at(file, i + j);
			uint64_t end = at + slot.length;

			if (copy(file->sidecar, to, at,
			    end < size ? end : size) == -1)
				return -1;
		}
	}
	return 0;
}

/* Copy the journal, of ${size} octets, durably. */
static int
copy_journal(const struct mailbox *mailbox, uint64_t size, int to)
{
	struct slot_file file = { .sidecar = mailbox->sidecar };
	uint64_t end = size, most;
	struct stat box = { .st_size = 0 };
	int found, done = -1;

	if (mailbox->fd != -1 && fstat(mailbox->fd, &box) == -1)
		return -1;
	/* The mailbox may be shorter than it was when it was planned. */
	found = slot_load(&file, size, plan_most((uint64_t)box.st_size) +
	    LIMITS_ASIDE);
	most = found == 1 ? slot_file_end(&file) : LIMITS_ASIDE;
	if (end > most)
		end = most;
	if (found == 1)
		done = copy_named(&file, size, to);
	else if (found == 0)
		done = copy(mailbox->sidecar, to, 0, end);
	plan_free(&file.plan);
	return done == -1 || ftruncate(to, (off_t)end) == -1 ? -1 : fsync(to);
}

/* Whether the files ${a} and ${b} have the same octets. */
static bool
is_same(int a, int b)
{
	char octets[LIMITS_PIPE_WRITE], others[sizeof(octets)];
	struct stat st, other;
	off_t next;

	if (fstat(a, &st) == -1 || fstat(b, &other) == -1 ||
	    st.st_size != other.st_size)
		return false;
	for (off_t at = 0; at < st.st_size; at += (off_t)sizeof(octets)) {
		size_t n = sizeof(octets);

		/* What is a hole in both is the same. */
		next = skip_hole(b, at, st.st_size);
		at = skip_hole(a, at, next);
		if (st.st_size - at < (off_t)n)
			n = (size_t)(st.st_size - at);
		if (n > 0 && (store_read(a, (uint64_t)at, octets, n) == -1 ||
		    store_read(b, (uint64_t)at, others, n) == -1 ||
		    memcmp(octets, others, n) != 0))
			return false;
	}
	return true;
}

/* Whether the copy ${fd} may be called ${name}: nothing is, or only the same
 * copy, by whom somebody died before the journal was cleared. */
static bool
is_free(int dir, const char *name, int fd)
{
	int old = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC);
	bool same = old == -1 ? errno == ENOENT : is_same(old, fd);

	if (old != -1)
		(void)close(old);
	errno = EEXIST;
	return same;
}

/* Log what became of the journal ${journal} of the mailbox ${path}: ${error} is
 * why it cannot be set aside as ${name}, or 0. */
static void
explain(const char *path, const char *journal, const char *name, int error)
{
	if (error == 0)
		log_error("%s: the journal %s does not fit it: set aside as "
		    "%s; the mailbox is served as it is", path, journal, name);
	else if (error == EEXIST)
		log_error("%s: the journal %s does not fit it: cannot be set "
		    "aside: look at and remove %s, which was set aside before",
		    path, journal, name);
	else
		log_error("%s: the journal %s does not fit it: cannot be set "
		    "aside as %s: %s", path, journal, name, strerror(error));
}

/* Make the copy ${name} of the journal, which has ${size} octets, durably.  If
 * that fails there is no copy. */
static int
keep(const struct mailbox *mailbox, const char *name, uint64_t size)
{
	char part[LIMITS_PATH + sizeof(".aside.part")];
	const char *made = part;
	int fd, done, error;

	(void)snprintf(part, sizeof(part), "%s.part", name);
	if (unlinkat(mailbox->dir, part, 0) == -1 && errno != ENOENT)
		return -1;
	fd = openat(mailbox->dir, part, O_RDWR | O_CREAT | O_EXCL |
	    O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
	if (fd == -1)
		return -1;
	done = copy_journal(mailbox, size, fd);
	if (done == 0)
		done = is_free(mailbox->dir, name, fd) ?
		    renameat(mailbox->dir, part, mailbox->dir, name) : -1;
	if (done == 0) {
		made = name;
		done = store_sync_directory(mailbox->dir, fd);
	}
	error = errno;
	if (done == -1)
		(void)unlinkat(mailbox->dir, made, 0);
	(void)close(fd);
	errno = error;
	return done;
}

int
aside_journal(const struct mailbox *mailbox)
{
	char name[LIMITS_PATH + sizeof(".aside")];
	struct stat st;
	int done = fstat(mailbox->sidecar, &st);

	(void)snprintf(name, sizeof(name), "%s.aside", mailbox->sidecar_name);
	if (done == 0 && st.st_size == 0)
		return 0;
	if (done == 0)
		done = keep(mailbox, name, (uint64_t)st.st_size);
	if (done == 0 && (done = ftruncate(mailbox->sidecar, 0)) == -1)
		(void)unlinkat(mailbox->dir, name, 0);
	if (done == 0)
		done = fsync(mailbox->sidecar);
	if (done == -1 && mailbox->elsewhere && store_is_denied(errno))
		log_error("%s: the journal in --state-dir does not fit it: "
		    "root can set it aside: dewey --recover %s", mailbox->path,
		    mailbox->path);
	else
		explain(mailbox->path, mailbox->elsewhere ? "in --state-dir" :
		    mailbox->sidecar_name, name, done == 0 ? 0 : errno);
	return done;
}

int
aside_second_home(const char *path, const char *dir)
{
	char home[LIMITS_PATH], name[sizeof(home) + sizeof(".aside")];
	struct stat st, old;
	int fd = -1, done = -1;

	if (dir == NULL || !index_is_safe(dir, 0) ||
	    state_name(home, dir, path) == -1 || lstat(home, &st) == -1 ||
	    st.st_size == 0)
		return 0;
	(void)snprintf(name, sizeof(name), "%s.aside", home);
	fd = open(home, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	/* A session that came meanwhile keeps what it has. */
	if (fd != -1 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
		errno = EEXIST;
		if (lstat(name, &old) == -1 && errno == ENOENT)
			done = rename(home, name);
	}
	explain(path, home, name, done == 0 ? 0 : errno);
	if (done == 0)
		store_give(home, st.st_uid, st.st_gid);
	if (fd != -1)
		(void)close(fd);
	return done;
}
