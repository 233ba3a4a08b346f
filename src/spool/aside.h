/* SPDX-License-Identifier: ISC */
/*
 * The journal set aside: one that does not fit its mailbox is kept beside it,
 * once, for the administrator.
 */
#ifndef ASIDE_H
#define ASIDE_H

#include "spool/mailbox.h"

/*
 * aside_journal(mailbox):
 * Copy the journal in the sidecar, which does not fit the mailbox, to the new
 * file .NAME.dewey.aside beside the mailbox, log both names, and empty the
 * sidecar.  Only what the journal's plan and slots name is copied; if the plan
 * is not whole, LIMITS_ASIDE octets at most.  Returns 0, or -1 with the cause
 * logged and the journal as it was, also if that file exists already.
 */
int aside_journal(const struct mailbox *mailbox);

/*
 * aside_second_home(path, dir):
 * As root, after somebody with the user's rights found that a journal does not
 * fit the mailbox ${path}: if it is in the state directory ${dir}, rename it to
 * NAME.aside there, log both names, and give the user an empty file instead.
 * Returns 0, also if there is none, or -1 with the cause logged.
 */
int aside_second_home(const char *path, const char *dir);

#endif
