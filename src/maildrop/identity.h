/* SPDX-License-Identifier: ISC */
/*
 * Messages known by their unique-ids: computing all of them, telling copies
 * apart, and finding the marked ones again in a mailbox that was rewritten.
 */
#ifndef IDENTITY_H
#define IDENTITY_H

#include <stdbool.h>
#include <stddef.h>

#include "spool/mailbox.h"

struct maildrop;

/*
 * identity_complete(drop):
 * Compute the unique-id of every message of ${drop}, as it was scanned, if that
 * was not done.  Returns MAILBOX_FINE; MAILBOX_CHANGED if a message is not, or
 * not certainly, what was scanned; MAILBOX_TROUBLE.
 */
enum mailbox_fault identity_complete(struct maildrop *drop);

/*
 * identity_renew(drop, lost):
 * The mailbox is not, or not certainly, as it was scanned; the mailbox locks
 * are held.  Scan it again.  If every old message is where it was, with the
 * same octets, and the same id or sum where that is known, the marks stay as
 * they are; otherwise those messages are marked whose ids were.  A mark goes to
 * nobody, and ${lost} is set, if neither id nor sum of its message was known,
 * or if the id is now borne by another number of messages.
 * Returns as scan_all.
 */
enum mailbox_fault identity_renew(struct maildrop *drop, bool *lost);

#endif
