/* SPDX-License-Identifier: ISC */
/*
 * The plan of an UPDATE: which runs of octets of the mailbox stay, and where
 * they go.  Held as it is stored in the journal: numbers of 8 octets, lowest
 * first, and two varints and a hash for each run.
 */
#ifndef PLAN_H
#define PLAN_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The fields of its head, of 8 octets each. */
enum plan_field { PLAN_MAGIC, PLAN_ID0, PLAN_ID1, PLAN_INODE, PLAN_DEVICE,
    PLAN_SIZE, PLAN_WINDOW, PLAN_KEPT, PLAN_RUNS, PLAN_OCTETS, PLAN_CHECKSUM,
    PLAN_FIELDS };
#define PLAN_HEAD (PLAN_FIELDS * sizeof(uint64_t))

struct plan {
	int mailbox;		/* descriptor; not owned */
	char *block;		/* LIMITS_BLOCK octets of scratch; not owned */
	uint64_t begin_size;	/* of the mailbox when it was planned */
	uint64_t size;		/* worked up to: more if mail came since */
	uint64_t kept;		/* octets of all runs */
	uint64_t runs;
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

/*
 * plan_begin(plan, mailbox, block, size):
 * Prepare an empty plan for ${mailbox}, which has ${size} octets.
 */
void plan_begin(struct plan *plan, int mailbox, char *block, uint64_t size);
void plan_free(struct plan *plan);

/*
 * plan_keep(plan, offset, length):
 * Add a run behind the last one; neighbours are merged by the caller.
 * Returns 0, or -1 with errno.
 */
int plan_keep(struct plan *plan, uint64_t offset, uint64_t length);

/*
 * plan_seal(plan, id, inode, device, window):
 * Complete the stored head; ${window} is how many octets of data a slot has.
 */
void plan_seal(struct plan *plan, const uint64_t id[2], uint64_t inode,
    uint64_t device, uint64_t window);

/*
 * plan_most(size):
 * Return the octets that a plan of a mailbox that has ${size} octets can have at
 * most; the mailbox may have been cut already.
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
 * Return the first run; go to the one behind it.  Octets behind the planned
 * size are the last run.
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
 * plan_copy(plan, cursor, dst, length, fd, at, value):
 * Write octets [${dst}, ${dst} + ${length}) of the new mailbox, taken from
 * where they are in the old one, ${cursor} being at or before them, to ${fd}
 * at ${at}.  ${value} is their hash, NULL if it is not wanted.  Returns 0, or -1 with errno.
 */
int plan_copy(const struct plan *plan, struct plan_cursor cursor,
    uint64_t dst, uint64_t length, int fd, uint64_t at, uint64_t *value);

/*
 * plan_copy_data(plan, from, from_at, length, to, to_at, value):
 * Copy ${length} octets from one descriptor to another, or to nowhere if
 * ${to} is -1.  ${value} is as plan_copy gives it.
 */
int plan_copy_data(const struct plan *plan, int from, uint64_t from_at,
    uint64_t length, int to, uint64_t to_at, uint64_t *value);

#endif
