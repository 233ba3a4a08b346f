/* SPDX-License-Identifier: ISC */
/*
 * --adopt-ids and --forget-ids: the unique-ids that another server gave to the
 * messages of a mailbox.
 */
#ifndef ADOPT_H
#define ADOPT_H

#include <stdbool.h>

struct options;

/* Words of the command line that are no options of a session. */
struct adopt_flags {
	bool all;		/* --all: of every user with a mailbox */
	bool dry_run;		/* --dry-run: only say what would be done */
};

/*
 * adopt_run(options, flags):
 * Do it for the mailboxes of the users that ${options} name as operands, or
 * whose paths they are: each in a process of its owner's, with all locks, one
 * after the other.  The first operand of --adopt-ids is a server or a file of
 * its answers.  What was done is printed.  Returns the exit code; where
 * anything could not be done that mailbox is as it was.
 */
int adopt_run(struct options *options, const struct adopt_flags *flags);

#endif
