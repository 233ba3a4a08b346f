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
 * space for a sidecar, a file in the run-time directory is locked instead, and
 * there is no journal.  Where the right to make one is missing, the file that
 * root made for it in ${state_dir} is used, if there is one (NULL: there is no
 * such directory); otherwise the mailbox can only be read, and the log says
 * why.  No sidecar is made for an empty mailbox.  Returns MAILBOX_FINE, or the
 * fault, with the mailbox closed; the cause is logged, but not that another
 * session has it (MAILBOX_IN_USE).
 */
enum mailbox_fault sidecar_enter(struct mailbox *mailbox,
    const char *state_dir);

/*
 * sidecar_note_login(mailbox):
 * Somebody was let in: note the time.  It is the time of last access of the
 * sidecar, which nothing else needs.
 */
void sidecar_note_login(const struct mailbox *mailbox);

/*
 * sidecar_is_early(mailbox, delay):
 * Say whether sidecar_note_login was called less than ${delay} seconds ago.  To
 * be asked before the sidecar is read.
 */
bool sidecar_is_early(const struct mailbox *mailbox, unsigned delay);

/*
 * sidecar_has_journal(mailbox):
 * Say whether the sidecar holds something.
 */
bool sidecar_has_journal(const struct mailbox *mailbox);

/*
 * sidecar_has_name(mailbox):
 * Say whether the sidecar still has its name: nobody finds a journal without.
 */
bool sidecar_has_name(const struct mailbox *mailbox);

/*
 * sidecar_adopted(mailbox, make), sidecar_tidy(mailbox):
 * Open the file of adopted unique-ids beside a mailbox that has mail, if there
 * is one;  ${make} it otherwise.  It must be the mailbox owner's: or else the
 * mailbox is refused, and the log says why.  Remove it, before the mailbox is
 * closed, if it became empty; where the right to do so is missing it stays,
 * empty.
 */
enum mailbox_fault sidecar_adopted(struct mailbox *mailbox, bool make);
void sidecar_tidy(const struct mailbox *mailbox);

/*
 * sidecar_pending(path, state_dir):
 * Say whether the mailbox ${path} has a journal, beside it or in ${state_dir},
 * without opening anything.  Returns 1, 0, or -1 with errno.
 */
int sidecar_pending(const char *path, const char *state_dir);

#endif
