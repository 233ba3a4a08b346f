/* SPDX-License-Identifier: ISC */
/*
 * The sandbox.  Three walls, one behind the other: the ids, with no group but
 * the one needed (process); Landlock, which denies every path; a filter of
 * system calls that kills.  Each wall holds if the ones before it fall.
 */
#include "config.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "rights/sandbox.h"

#if defined(HAVE_LINUX_LANDLOCK_H) && defined(__NR_landlock_create_ruleset)
#include <linux/landlock.h>
#define HAVE_LANDLOCK 1
#endif

#ifdef HAVE_LANDLOCK
static int
allow(int ruleset, int fd, uint64_t access)
{
	struct landlock_path_beneath_attr rule = {
		.allowed_access = access,
		.parent_fd = fd,
	};
	long added = fd == -1 ? 0 : syscall(__NR_landlock_add_rule, ruleset,
	    LANDLOCK_RULE_PATH_BENEATH, &rule, 0);

	return added == -1 ? -1 : 0;
}

/* Let a process read below ${path}. */
static int
allow_reading(int ruleset, const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int result = allow(ruleset, fd, LANDLOCK_ACCESS_FS_READ_FILE);

	if (fd != -1)
		(void)close(fd);
	return result;
}

/* Let the keeper make, read and remove files in the mailbox's directory, and
 * read in /proc whether who made a dot-lock is still there. */
static int
allow_keeper(int ruleset, int dir, long abi)
{
	const uint64_t directory = LANDLOCK_ACCESS_FS_READ_FILE |
	    LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |
	    LANDLOCK_ACCESS_FS_MAKE_REG;
	const uint64_t truncate = abi >= 3 ? 1u << 14 : 0;

	return allow(ruleset, dir, directory | truncate) == -1 ? -1 :
	    allow_reading(ruleset, "/proc");
}

/* What is allowed all the same: the C library looks up accounts for the judge
 * in files of any name. */
static int
allow_role(int ruleset, enum filter_role role, int dir, long abi)
{
	switch (role) {
	case FILTER_KEEPER:
		return allow_keeper(ruleset, dir, abi);
	case FILTER_JUDGE:
	case FILTER_JUDGE_LOCAL:
	case FILTER_JUDGE_NET:
		return allow_reading(ruleset, "/");
	default:
		return 0;
	}
}

/* What is denied from Linux 6.12 on: 1, abstract Unix sockets; 2, signals to
 * outside, but for the keeper, which asks by one whether a process is there,
 * and for the monitor, which may have to end the keeper. */
static uint64_t
scope_of(enum filter_role role)
{
	switch (role) {
	case FILTER_KEEPER:
	case FILTER_WAITING:
		return 1;
	case FILTER_JUDGE_NET:
		return 2;
	default:
		return 3;
	}
}

/* Deny every path and the network, as far as this kernel can. */
static int
close_paths(enum filter_role role, int dir)
{
	/* How many rights on files each version of Landlock knows, from 0 on;
	 * those behind the last one here add none. */
	static const uint8_t rights[] = { 0, 13, 14, 15, 15, 16 };
	struct {
		uint64_t fs, net, scoped;
	} attr = { 0, 0, 0 };
	long abi = syscall(__NR_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION), ruleset, done = -1;

	if (abi < 1)
		return -1;
	attr.fs = (1u << rights[abi < 5 ? abi : 5]) - 1;
	/* Bind and connect. */
	if (abi >= 4 && role != FILTER_JUDGE_NET)
		attr.net = 3;
	if (abi >= 6)
		attr.scoped = scope_of(role);
	ruleset = syscall(__NR_landlock_create_ruleset, &attr,
	    abi >= 6 ? 24 : abi >= 4 ? 16 : 8, 0);
	if (ruleset == -1)
		return -1;
	if (allow_role((int)ruleset, role, dir, abi) == 0)
		done = syscall(__NR_landlock_restrict_self, ruleset, 0);
	(void)close((int)ruleset);
	return (int)done;
}
#else
static int
close_paths(enum filter_role role, int dir)
{
	(void)role;
	(void)dir;
	errno = ENOSYS;
	return -1;
}
#endif

void
sandbox_limit_files(enum sandbox_wish wish)
{
	const struct rlimit files = { LIMITS_FILES, LIMITS_FILES };

	if (wish != SANDBOX_NONE)
		(void)setrlimit(RLIMIT_NOFILE, &files);
}

int
sandbox_close(enum filter_role role, enum sandbox_wish wish, int only)
{
	const struct rlimit none = { 0, 0 };
	bool required = wish == SANDBOX_REQUIRED;

	/* Who serves a client does not outlive who watches over it.  A signal
	 * that can be held back is enough where that one ends it before. */
	if (role != FILTER_KEEPER && role != FILTER_WAITING)
		(void)prctl(PR_SET_PDEATHSIG, role == FILTER_TLS ||
		    role == FILTER_KEY ? SIGKILL : SIGTERM, 0, 0, 0);
	if (wish == SANDBOX_NONE)
		return 0;
	/* The keeper may fork once more, for a recovery. */
	if (role != FILTER_KEEPER) {
		sandbox_limit_files(wish);
		(void)setrlimit(RLIMIT_NPROC, &none);
	}
	/* One process says it for all. */
	if (close_paths(role, only) == -1) {
		if (role == FILTER_SESSION)
			log_warning("no Landlock in this kernel: %s",
			    strerror(errno));
		if (required)
			return -1;
	}
	if (filter_install(role, only) == -1) {
		if (role == FILTER_SESSION)
			log_warning("%s: %s", errno == ENOTSUP ?
			    "dewey has no filter for this processor" :
			    "no system-call filter in this kernel",
			    strerror(errno));
		if (required)
			return -1;
	}
	return 0;
}
