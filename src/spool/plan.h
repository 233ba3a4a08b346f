/* SPDX-License-Identifier: ISC */
/*
 * The plan of an UPDATE: which runs of octets of the mailbox stay, and where
 * they go.  Held as it is stored in the journal: a head, and for each run two
 * varints (the octets left out before it, its length) and a hash.
 */
#ifndef PLAN_H
#define PLAN_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/store.h"

/* The head of a plan: see store_pack. */
struct plan_head {
	uint64_t magic;
	uint64_t id[2];		/* of the update, chosen at random */
	uint64_t inode, device;	/* of the mailbox */
	uint64_t size;		/* of the mailbox when it was planned */
	uint64_t window;	/* octets of data that a slot can have */
	uint64_t kept;		/* octets of all runs */
	uint64_t runs;
	uint64_t octets;	/* of the plan as stored */
};
#define PLAN_HEAD STORE_OCTETS(struct plan_head)

struct plan {
	struct plan_head head;
	int mailbox;		/* descriptor; not owned */
	char *block;		/* LIMITS_BLOCK octets of scratch; not owned */
	uint64_t size;		/* worked up to: more if mail came since */
	uint64_t end;		/* of the last run added */
	uint8_t *stored;	/* head and runs */
	size_t n, room;		/* octets of it; allocated */
};

/* Where a run comes from and goes to; fields for reading. */
struct plan_cursor {
	const struct plan *plan;
	const uint8_t *p;	/* the next run */
	uint64_t left;		/* runs behind it; the tail not counted */
	bool tail_left;
	uint64_t src, dst, length;	/* the current run; length 0: the end */
	uint64_t hash;		/* of its first line */
};

/* Octets to copy, from a file or as they shall be in the new mailbox. */
struct plan_part {
	/* A run at or before the octet ${from_at} of the new mailbox; NULL:
	 * they are in the file ${from}. */
	const struct plan_cursor *run;
	int from;		/* descriptor */
	uint64_t from_at;
	uint64_t length;
	int to;			/* descriptor; -1: they are only hashed */
	uint64_t to_at;
};

/*
 * plan_begin(plan, mailbox, block, size):
 * Prepare an empty plan for ${mailbox}, which has ${size} octets.
 */
void plan_begin(struct plan *plan, int mailbox, char *block, uint64_t size);
void plan_free(struct plan *plan);

/*
 * plan_keep(plan, offset, length):
 * Add a run behind the last one; the caller merges those that touch.  With a
 * ${length} of 0 none is added: a plan needs one such call if it has no runs.
 * Returns 0, or -1 with errno.
 */
int plan_keep(struct plan *plan, uint64_t offset, uint64_t length);

/*
 * plan_seal(plan):
 * Complete the stored head; id, inode, device and window are set by the caller.
 */
void plan_seal(struct plan *plan);

/*
 * plan_most(size):
 * Return how many octets the plan can have at most that is found beside a
 * mailbox of ${size} octets; the mailbox may have been cut already.
 */
uint64_t plan_most(uint64_t size);

/*
 * plan_load(plan, fd, at, limit):
 * Read into the empty ${plan} what is stored in ${fd} at ${at}, at most
 * ${limit} octets.  Returns 1, 0 if there is no whole plan, -1 with errno.
 */
int plan_load(struct plan *plan, int fd, uint64_t at, uint64_t limit);

/*
 * plan_first(plan), plan_next(cursor):
 * Return the first run; go to the next one.  Mail that was delivered behind the
 * planned size is the last run.
 */
struct plan_cursor plan_first(const struct plan *plan);
void plan_next(struct plan_cursor *cursor);

/*
 * plan_new_size(plan):
 * Return the octets of the new mailbox.
 */
uint64_t plan_new_size(const struct plan *plan);

/*
 * plan_hash_line(plan, offset, length, value):
 * Hash the first line of the run at ${offset}: its From_ line.  Returns 0, or
 * -1 with errno.
 */
int plan_hash_line(const struct plan *plan, uint64_t offset, uint64_t length,
    uint64_t *value);

/*
 * plan_copy(plan, part, hash):
 * Copy the octets of ${part}, those of the new mailbox from where they are in
 * the old one.  Store their hash in ${hash}, which is NULL if it is not wanted.
 * Returns 0, or -1 with errno.
 */
int plan_copy(const struct plan *plan, const struct plan_part *part,
    uint64_t *hash);

#endif
