/* SPDX-License-Identifier: ISC */
/*
 * The steps of an UPDATE: moving the octets that stay, and the cut at the end.
 * All functions return 0, or -1 with errno; what they did is durable then.
 */
#ifndef STEPS_H
#define STEPS_H

#include <stdbool.h>
#include <stdint.h>

#include "spool/slot.h"

/* An UPDATE in progress.  Behind journal_begin the caller may set most, and
 * before journal_run file.plan.head.window; the other fields are private. */
struct journal {
	struct slot_file file;	/* its plan and the descriptors */
	uint64_t most;		/* octets that this process may make a file */
	bool touched;		/* the mailbox was written to */
	int dir;		/* the sidecar's directory; not owned */
};

/*
 * steps_fit(journal, end):
 * What can never be finished is not begun: fail with EFBIG if this process may
 * not write to a file up to ${end}.
 */
int steps_fit(const struct journal *journal, uint64_t end);

/*
 * steps_run(journal, dst):
 * Move what belongs from ${dst} on, as often as mail arrives meanwhile, cut the
 * mailbox, and clear the journal.  What is before ${dst} is durable.
 */
int steps_run(struct journal *journal, uint64_t dst);

/*
 * steps_behind_short(journal, dst):
 * The same, where the last slot is that of a short UPDATE, up to ${dst}.
 */
int steps_behind_short(struct journal *journal, uint64_t dst);

/*
 * steps_short(journal, slot):
 * Do the same in the one step of ${slot}, of which dst, length and nonce are
 * set.  The journal is cleared without a sync.
 */
int steps_short(struct journal *journal, struct slot *slot);

/*
 * steps_redo(file, slot):
 * Write the octets of ${slot}'s step again.
 */
int steps_redo(const struct slot_file *file, const struct slot *slot);

#endif
