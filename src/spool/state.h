/* SPDX-License-Identifier: ISC */
/*
 * The state directory: a second home for the sidecar of a mailbox whose own
 * directory nobody but root can write.
 */
#ifndef STATE_H
#define STATE_H

#include <sys/types.h>

#include "base/limits.h"

/*
 * state_name(name, dir, mailbox):
 * Write to ${name} the path of the second home of the mailbox ${mailbox} in
 * the directory ${dir}.  However the mailbox's directory is called, it is the
 * same.  Returns 0, or -1 if there is none: ${dir} is "none", or a name is too
 * long.
 */
int state_name(char name[LIMITS_PATH], const char *dir, const char *mailbox);

/*
 * state_make(name, uid, gid):
 * As root, in a directory where nobody else can make names: make the empty file
 * ${name}, if it is missing, durably, and give it to that user; or one that was
 * made before and not given.
 */
void state_make(const char *name, uid_t uid, gid_t gid);

#endif
