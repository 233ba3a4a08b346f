/* SPDX-License-Identifier: ISC */
/*
 * Reaching saslauthd.
 */
#include "config.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/finding.h"
#include "base/limits.h"
#include "base/span.h"
#include "rights/account.h"
#include "rights/letter.h"
#include "rights/process.h"
#include "rights/reach.h"
#include "settings/options.h"
#include "who/saslauthd.h"

int
reach_ask(void *to)
{
	const int *channel = to;
	const struct letter_user letter = { .method = LETTER_REACH };
	struct channel_message message;
	struct letter_number result;

	if (letter_send(*channel, LETTER_USER, &letter, -1) == -1)
		return -1;
	if (letter_receive(*channel, LETTER_RESULT, &result, &message) != 1) {
		errno = EPIPE;
		return -1;
	}
	errno = (int)result.value;
	return message.fd;
}

/* Write to ${dir} the directory where the socket ${path} is. */
static void
directory_of(const char *path, char dir[LIMITS_PATH])
{
	const char *name = strrchr(path, '/');
	size_t n = name == path ? 1 : (size_t)(name - path);

	(void)span_copy((struct span){ path, n }, dir, LIMITS_PATH);
}

/* The group that may enter the directory of the socket ${path}: Debian's, of
 * root and sasl, nobody else may.  Root's own is lent to nobody. */
static gid_t
group_of(const char *path)
{
	char dir[LIMITS_PATH];
	struct stat st;

	directory_of(path, dir);
	return fstatat(AT_FDCWD, dir, &st, 0) == 0 && st.st_gid != 0 ?
	    st.st_gid : PROCESS_NO_GROUP;
}

/* Become the asker, and connect as saslauthd_connect. */
static int
connect_as(const char *path, uid_t uid, gid_t gid)
{
	if (process_become(uid, gid, group_of(path)) == NULL)
		return saslauthd_connect(path);
	errno = EPERM;
	return -1;
}

/* The asker: send what comes of it. */
static void __attribute__((noreturn))
connect_for(const char *path, uid_t uid, gid_t gid, int channel)
{
	int fd = connect_as(path, uid, gid);
	const struct letter_number result = { fd == -1 ? (uint32_t)errno : 0 };

	process_end(letter_send(channel, LETTER_RESULT, &result, fd) == 0 ?
	    DIALOGUE_ORDERLY : DIALOGUE_TROUBLE);
}

void
reach_saslauthd(const char *path, uid_t uid, gid_t gid, int channel)
{
	struct pollfd pfd = { .fd = channel, .events = POLLOUT };
	pid_t asker;
	int status;

	/* A judge that has been taken over and does not hear its answers could
	 * have root wait for room for one. */
	if (poll(&pfd, 1, 0) != 1)
		return;
	asker = path == NULL ? -1 : process_fork_silent();
	if (asker == 0)
		connect_for(path, uid, gid, channel);
	/* Who waits for an answer gets one. */
	if (asker == -1 || waitpid(asker, &status, 0) != asker || status != 0)
		channel_tell(channel, EIO);
}

/* What comes of connecting as a session would: 0, or errno. */
static int
try(const struct options *options, const char *path)
{
	struct account accounts[ACCOUNT_KINDS];
	struct account_ids ids;
	pid_t asker;
	bool killed;
	int fd;

	if (geteuid() != 0) {
		fd = saslauthd_connect(path);
		return fd == -1 ? errno : close(fd);
	}
	if (account_choose(options, accounts) == -1)
		return EPERM;
	ids = accounts[ACCOUNT_JUDGE].ids;
	asker = process_fork("asker");
	if (asker == 0)
		process_end((enum dialogue_exit)(connect_as(path, ids.uid,
		    ids.gid) == -1 ? errno : 0));
	return asker == -1 ? errno :
	    (int)process_reap(asker, "asker", &killed);
}

/* How to mend that connecting to a socket fails with ${error}. */
static const char *
remedy(int error)
{
	switch (error) {
	case ENOENT:
	case ECONNREFUSED:
		return "start saslauthd (Debian 12: START=yes in "
		    "/etc/default/saslauthd), or name its socket: "
		    "passwords = saslauthd:PATH";
	case ENOTSOCK:
		return "name the socket of saslauthd";
	case EACCES:
		return geteuid() == 0 ? "chgrp sasl its directory, chmod 0710 "
		    "it, so that the judge's user gets there" :
		    "get into the group of its directory (adduser NAME sasl), "
		    "and log in anew";
	default:
		return "see saslauthd(8)";
	}
}

void
reach_examine(const struct options *options, unsigned *unsafe)
{
	const char *path = saslauthd_path(options->passwords);
	char dir[LIMITS_PATH];
	struct stat st;
	int error = 0;

	if (path == NULL)
		return;
	if (fstatat(AT_FDCWD, path, &st, 0) == -1)
		error = errno;
	else
		error = S_ISSOCK(st.st_mode) ? try(options, path) : ENOTSOCK;
	/* Others wait there: so it is heard. */
	if (error != 0 && error != EAGAIN)
		finding_unsafe(unsafe, "%s: %s: nobody can log in with a "
		    "password: %s", path, strerror(error), remedy(error));
	directory_of(path, dir);
	if (fstatat(AT_FDCWD, dir, &st, 0) == 0 &&
	    (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		finding_unsafe(unsafe, "%s: others can put a socket of theirs "
		    "there, which would be sent all passwords: chmod go-w it",
		    dir);
}
