/* SPDX-License-Identifier: ISC */
/*
 * Scanning a mailbox: the messages of a maildrop as the file has them.
 */
#ifndef SCAN_H
#define SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "spool/mailbox.h"

struct maildrop;

/*
 * scan_all(drop):
 * Read the whole mailbox and make the list of messages, with their sums, anew.
 * Needs the mailbox locks.  Marks and ids are gone.  After a fault nothing is
 * known of ${drop}.
 */
enum mailbox_fault scan_all(struct maildrop *drop);

/*
 * scan_behind(drop, n):
 * Believe the first ${n} messages of the list, at least 1, and scan what the
 * mailbox has behind them, from the last of them on.  Returns whether there was
 * no trouble, and that one has the octets and the end that it had.
 */
bool scan_behind(struct maildrop *drop, size_t n);

/*
 * scan_peek(drop, path, exact):
 * Open and scan the mailbox ${path}, whoever owns it, without a lock and only
 * for reading, ${exact} as of maildrop_be_exact.  maildrop_close afterwards,
 * whatever this returns.
 */
enum mailbox_fault scan_peek(struct maildrop *drop, const char *path,
    bool exact);

#endif
