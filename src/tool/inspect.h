/* SPDX-License-Identifier: ISC */
/*
 * dewey --list and --check: looking at a mailbox without touching it.
 */
#ifndef INSPECT_H
#define INSPECT_H

#include <stdbool.h>

/*
 * inspect_list(path, exact), inspect_check(path, exact):
 * Print the messages of the mailbox ${path}; or what a session would see in it,
 * and what is doubtful about it; ${exact} as of maildrop_be_exact.  No lock is
 * taken and nothing is written.
 * Returns 0, or -1 if it cannot be read or is not an mbox.
 */
int inspect_list(const char *path, bool exact);
int inspect_check(const char *path, bool exact);

#endif
