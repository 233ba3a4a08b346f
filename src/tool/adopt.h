/* SPDX-License-Identifier: ISC */
/*
 * --adopt-ids and --forget-ids: the unique-ids that another server gave to the
 * messages of a mailbox.
 */
#ifndef ADOPT_H
#define ADOPT_H

struct options;

/*
 * adopt_run(options):
 * Do it for the mailboxes of the users that ${options} name as operands, or
 * whose paths they are: each in a process of its owner's, with all locks, one
 * after the other.  The first operand of --adopt-ids is a server or a file of
 * its answers.  What was done is printed.  Returns the exit code; where
 * anything could not be done that mailbox is as it was.
 */
int adopt_run(const struct options *options);

#endif
