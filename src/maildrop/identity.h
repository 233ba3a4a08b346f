/* SPDX-License-Identifier: ISC */
/*
 * Messages known by their unique-ids: computing all of them, telling copies
 * apart, and finding the marked ones again in a mailbox that was rewritten.
 */
#ifndef IDENTITY_H
#define IDENTITY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/limits.h"
#include "base/span.h"
#include "spool/mailbox.h"

struct maildrop;

/*
 * identity_complete(drop):
 * Compute the unique-id of every message of ${drop}, as it was scanned, and
 * find the adopted ones, if that was not done.  Returns MAILBOX_FINE;
 * MAILBOX_CHANGED if a message is not what was scanned; MAILBOX_TROUBLE.
 */
enum mailbox_fault identity_complete(struct maildrop *drop);

/*
 * identity_print(drop, i, text):
 * Return the unique-id of message ${i}, counted from 0, whose ids are complete:
 * the adopted one, or ours, which is written to ${text}.
 */
struct span identity_print(const struct maildrop *drop, size_t i,
    char text[LIMITS_UID_MAX + 1]);

/*
 * identity_renew(drop, lost):
 * The mailbox is not, or not certainly, as it was scanned; the mailbox locks
 * are held.  Scan it again.  If every old message is where it was, with the
 * same octets, as its sum or id tells, the marks stay as they are; otherwise
 * those messages are marked whose ids were.  A mark goes to nobody, and ${lost}
 * is set, if the id of its message was not known, or is now borne by another
 * number of messages.
 * Returns as scan_all.
 */
enum mailbox_fault identity_renew(struct maildrop *drop, bool *lost);

#endif
