/* SPDX-License-Identifier: ISC */
/*
 * The redo journal of UPDATE.  Kept runs of the mailbox move towards its begin,
 * in place; the octets that a step overwrites were moved before or are in the
 * journal.  A process may die at any moment: from the journal that it leaves
 * the next one goes on, always forward.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spool/steps.h"

enum journal_found {
	JOURNAL_NONE,		/* there is none, or it was never begun */
	JOURNAL_FINISHED,	/* an update was completed */
	JOURNAL_UNBELIEVED,	/* it does not fit the mailbox: set it aside */
	JOURNAL_FAILED		/* errno says why; it stays as it is */
};

/*
 * journal_begin(journal, mailbox, sidecar, dir, block):
 * Prepare ${journal} for ${mailbox} as it is now; ${dir} is the sidecar's
 * directory, ${block} LIMITS_BLOCK octets of scratch.  Descriptors and block
 * stay the caller's.  Returns 0, or -1 with errno; journal_end releases
 * what it holds.
 */
int journal_begin(struct journal *journal, int mailbox, int sidecar, int dir,
    char *block);
void journal_end(struct journal *journal);

/*
 * journal_run(journal):
 * Make the mailbox consist of the runs that were added to ${journal}->file.plan
 * and of what was delivered behind them, durably.  The caller holds the mailbox
 * locks.  Returns 0, or -1 with errno: if ${journal}->touched is false then,
 * the mailbox is as it was; otherwise the journal stays, for journal_recover.
 */
int journal_run(struct journal *journal);

/*
 * journal_recover(journal):
 * Complete the update that the sidecar tells of, if it fits the mailbox.  The
 * caller holds the mailbox locks.  If ${journal}->most is too little for that,
 * nothing is written, and errno is EFBIG.
 */
enum journal_found journal_recover(struct journal *journal);

/*
 * journal_clear(sidecar):
 * Empty the journal, durably.  Returns 0, or -1 with errno.
 */
int journal_clear(int sidecar);

/*
 * journal_settle(sidecar):
 * Make durable that the journal is empty, unless it has been for long.  The
 * mailbox must not be cut before: a journal that comes back when the power has
 * gone, and is all done, would be taken for one of the mailbox as it is then.
 * Returns 0, or -1 with errno.
 */
int journal_settle(int sidecar);

#endif
