/* SPDX-License-Identifier: ISC */
/*
 * Holding the mailbox of a maildrop: its locks, and completing what an UPDATE
 * left undone.
 */
#ifndef HOLD_H
#define HOLD_H

#include "spool/mailbox.h"

struct maildrop;

/*
 * hold_take(drop):
 * Take the mailbox locks, of the file that the mailbox's name leads to by then;
 * lock_release(&drop->lock) undoes it.  Where they are not enough to delete
 * mail, the mailbox is read-only from then on.  The cause of that, and of a
 * fault, is logged.
 */
enum mailbox_fault hold_take(struct maildrop *drop);

/*
 * hold_recover(drop):
 * Complete an UPDATE that was cut short, if there is one; ${drop}->recovered
 * says what was found.  Needs the mailbox locks.
 */
enum mailbox_fault hold_recover(struct maildrop *drop);

#endif
