/* SPDX-License-Identifier: ISC */
/*
 * The state directory: a second place for the sidecar of a mailbox in
 * whose own directory only root can make files.
 */
#ifndef STATE_H
#define STATE_H

#include "base/limits.h"

/*
 * state_name(name, dir, mailbox):
 * Write to ${name} the path in the directory ${dir} of the second sidecar of
 * the mailbox ${mailbox}.  It is the same path by whatever links the mailbox's
 * directory is reached.  Returns 0, or -1 if there is none: ${dir} is no
 * absolute path ("none", or NULL), the mailbox's directory is missing, or a
 * name is too long.
 */
int state_name(char name[LIMITS_PATH], const char *dir, const char *mailbox);

#endif
