/* SPDX-License-Identifier: ISC */
/*
 * The sandbox: what the kernel lets a process do, and its limits.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include "rights/filter.h"

enum sandbox_wish {
	SANDBOX_AUTO,		/* as far as the kernel can */
	SANDBOX_REQUIRED,	/* all of it, or none runs */
	SANDBOX_NONE
};

/*
 * sandbox_close(role, wish, only):
 * Take from this process everything that ${role} does not need: Landlock for
 * paths (but ${only}, for the keeper; a judge may read) and the network, a
 * system-call filter that kills, limits.  What the kernel cannot do is logged
 * once.  The waiting monitor may kill(2) ${only}.  Returns 0, or -1 if ${wish}
 * is SANDBOX_REQUIRED and not all of it is there.
 */
int sandbox_close(enum filter_role role, enum sandbox_wish wish, int only);

/*
 * sandbox_limit_files(wish):
 * Let this process have only few files open.  For a keeper sandbox_close does
 * not: of descriptors that are on their way between processes, the kernel lets
 * all processes of a user have no more than the sender of the next may have
 * open.  So a keeper calls this when the session has the mailbox.
 */
void sandbox_limit_files(enum sandbox_wish wish);

#endif
