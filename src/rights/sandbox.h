/* SPDX-License-Identifier: ISC */
/*
 * Identity and the sandbox: the only room that changes ids, limits and what the
 * kernel lets a process do.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <sys/types.h>

#include <stdbool.h>

#include "rights/filter.h"

enum sandbox_wish {
	SANDBOX_AUTO,		/* as far as the kernel can */
	SANDBOX_REQUIRED,	/* all of it, or none runs */
	SANDBOX_NONE
};

/* No supplementary group. */
#define SANDBOX_NO_GROUP ((gid_t)-1)

/*
 * sandbox_begin(bool by_root):
 * For every process of dewey, at the start: no new privileges by exec, no core
 * dump, no ptrace by others.
 */
void sandbox_begin(bool by_root);

/*
 * sandbox_become(uid, gid, group):
 * Started by root: become that user for good.  Returns 0, or -1 with errno.
 */
int sandbox_become(uid_t uid, gid_t gid, gid_t group);

/*
 * sandbox_fork_same(who):
 * fork(2), whose child can be waited for whatever was inherited; a failure is
 * logged, with ${who} as the name of the child.
 */
pid_t sandbox_fork_same(const char *who);

/*
 * sandbox_fork(who, uid, gid, hidden):
 * Started by root: fork a process that is ${uid} and ${gid}, without another
 * group, from its first line on; if ${hidden}, its root directory is an empty
 * one that has no name any more.  A child that cannot give up root's rights
 * ends; the log calls it ${who}.  Returns as fork(2).
 */
pid_t sandbox_fork(const char *who, uid_t uid, gid_t gid, bool hidden);

/*
 * sandbox_close(role, wish, dir):
 * Take from this process everything that ${role} does not need: Landlock for
 * all paths (but ${dir}, for the keeper; the judge may read) and the network, a
 * system-call filter that kills, limits.  What the kernel cannot do is logged once.
 * Returns 0, or -1 if ${wish} is SANDBOX_REQUIRED and not all of it is there.
 */
int sandbox_close(enum filter_role role, enum sandbox_wish wish, int dir);

#endif
