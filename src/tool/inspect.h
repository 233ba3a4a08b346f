/* SPDX-License-Identifier: ISC */
/*
 * dewey --list and --check: looking at a mailbox without touching it.
 */
#ifndef INSPECT_H
#define INSPECT_H

/*
 * inspect_list(path), inspect_check(path):
 * Print the messages of the mailbox ${path}; or what a session would see in it,
 * and what is doubtful about it.  No lock is taken and nothing is written.
 * Returns 0, or -1 if it cannot be read or is not an mbox.
 */
int inspect_list(const char *path);
int inspect_check(const char *path);

#endif
