/* SPDX-License-Identifier: ISC */
/*
 * Who made a dot-lock, and is he still there?
 */
#ifndef OWNER_H
#define OWNER_H

#include <stdbool.h>

#include "base/limits.h"
#include "base/span.h"

/*
 * owner_write(owner):
 * Write to ${owner} the line that tells this process from any other: pid, start
 * time, host, boot and pid namespace.
 */
void owner_write(char owner[LIMITS_DOTLOCK_TEXT]);

/*
 * owner_is_gone(own, text):
 * Say whether the process of the line ${text}, ${own} being this one's, is
 * certainly gone.  Only a dewey of this host, seen from the same pid namespace,
 * can be judged; after a boot every process of before is gone.
 */
bool owner_is_gone(const char *own, struct span text);

#endif
