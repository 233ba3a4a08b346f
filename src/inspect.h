/* SPDX-License-Identifier: ISC */
/*
 * Looking without touching: dewey --list, --check, --check-config.
 */
#ifndef INSPECT_H
#define INSPECT_H

struct options;

/*
 * inspect_list(path), inspect_check(path):
 * Print the messages of the mailbox ${path}; or what a session would see in
 * it, and what is doubtful.  No lock is taken and nothing is written.
 * Returns 0, or -1 if it cannot be read or is not an mbox.
 */
int inspect_list(const char *path);
int inspect_check(const char *path);

/*
 * inspect_config(options):
 * Read everything a session would read; print what is unsafe or unwise and how
 * to mend it.  Returns 0, or -1 if something is unsafe or cannot work.
 */
int inspect_config(const struct options *options);

#endif
