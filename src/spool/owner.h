/* SPDX-License-Identifier: ISC */
/*
 * Which process made a dot-lock, and does it still live?
 */
#ifndef OWNER_H
#define OWNER_H

#include <stdbool.h>

#include "base/limits.h"
#include "base/span.h"

/*
 * owner_write(owner):
 * Write to ${owner} the line that tells this process from all others.
 */
void owner_write(char owner[LIMITS_DOTLOCK_TEXT]);

/*
 * owner_is_gone(own, text):
 * Say whether the process that wrote the line ${text} is certainly gone; ${own}
 * is the line of this process.  Of processes on other hosts or in other pid
 * namespaces that cannot be known, and another boot may be another host: where
 * containers share a spool, so may they a host name.
 */
bool owner_is_gone(const char *own, struct span text);

#endif
