/* SPDX-License-Identifier: ISC */
/*
 * The sidecar beside a mailbox: session lock and journal.
 */
#ifndef SIDECAR_H
#define SIDECAR_H

#include <stdbool.h>

#include "spool/mailbox.h"

/*
 * sidecar_enter(mailbox, state_dir):
 * Take the session lock: make, open and lock the sidecar.  Where there is no
 * space for it, a file in the run-time directory is locked instead, and there
 * is no journal.  Without the right to make it its second home in ${state_dir}
 * (NULL: there is none) is used, if it has one; else the maildrop is read-only,
 * and the log says why.  An empty mailbox gets none.  Returns MAILBOX_FINE, or
 * the fault, with the mailbox closed and the cause logged; MAILBOX_IN_USE is
 * not.
 */
enum mailbox_fault sidecar_enter(struct mailbox *mailbox,
    const char *state_dir);

/*
 * sidecar_has_journal(mailbox):
 * Say whether the sidecar holds something.
 */
bool sidecar_has_journal(const struct mailbox *mailbox);

/*
 * sidecar_pending(path, state_dir):
 * Say whether the mailbox ${path} has a journal, beside it or in its second
 * home, without opening anything.
 * Returns 1, 0, or -1 with errno.
 */
int sidecar_pending(const char *path, const char *state_dir);

#endif
