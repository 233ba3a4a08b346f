/* SPDX-License-Identifier: ISC */
/*
 * The slots of the journal: what they say, writing and finding them, and
 * whether the mailbox is the one they tell of.
 */
#ifndef SLOT_H
#define SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "spool/plan.h"

enum slot_phase {
	SLOT_COPY,		/* a step */
	SLOT_MARK,		/* the nonce is being written at the new end */
	SLOT_TRUNC,		/* it is there, or the end was cut */
	SLOT_SHORT		/* a step is the whole UPDATE, with the cut */
};

/* What a slot says: see store_pack. */
struct slot {
	uint64_t magic;
	uint64_t id[2];		/* of the update, as in the plan */
	uint64_t seq;		/* the highest one counts */
	uint64_t phase;		/* enum slot_phase */
	uint64_t dst;		/* all of the new mailbox below is durable */
	uint64_t length;	/* octets from there on may be anything */
	uint64_t size;		/* of the mailbox, worked up to */
	uint64_t hash_dst;	/* of the octets before dst */
	uint64_t hash_end;	/* of those before the planned end */
	uint64_t has_data;	/* 1: the journal has the step's octets;
				 * 2: and those which they replace */
	uint64_t hash_data;	/* of them: the sum of the two */
	uint64_t nonce[2];	/* at the new end until that is cut: random,
				 * or, SLOT_SHORT, the old octets */
};

/* Octets of the nonce at most, which no text has. */
#define SLOT_NONCE 16

/* The journal's file; set by the journal. */
struct slot_file {
	struct plan plan;
	int sidecar;		/* descriptor; not owned */
	uint64_t seq;		/* of the next slot */
};

/* Where in the file the plan is: behind the two slots. */
#define SLOT_PLAN_AT (2 * LIMITS_PAGE)

/*
 * slot_data_at(file, seq), slot_file_end(file):
 * Return where the data of the slot ${seq} is, and where the file ends.
 */
uint64_t slot_data_at(const struct slot_file *file, uint64_t seq);
uint64_t slot_file_end(const struct slot_file *file);

/*
 * slot_nonce(plan):
 * Return how many octets the nonce has: it takes the place of what goes, which
 * may be less than SLOT_NONCE.
 */
uint64_t slot_nonce(const struct plan *plan);

/*
 * slot_put(file, slot):
 * Write the next slot, durably.  The caller sets phase, dst and length of
 * ${slot}; has_data and hash_data, if the step's octets are in the journal; and
 * the nonce.  The other members, which it sets, are those of the file now.
 * Returns 0, or -1 with errno.
 */
int slot_put(struct slot_file *file, struct slot *slot);

/*
 * slot_file_most(size):
 * Return the octets that a journal can have at most beside a mailbox of
 * ${size} octets.
 */
uint64_t slot_file_most(uint64_t size);

/*
 * slot_load(file, size, limit):
 * Load the plan, of at most ${limit} octets, from the file, which has ${size}
 * octets.  Returns 1, 0 if there is no whole plan, or -1 with errno.
 */
int slot_load(struct slot_file *file, uint64_t size, uint64_t limit);

/*
 * slot_read(file, which, slot):
 * Read slot 0 or 1, without its data.  Returns 1 if it is whole and of the
 * plan, 0 if not, or -1 with errno.
 */
int slot_read(const struct slot_file *file, uint64_t which,
    struct slot *slot);

/*
 * slot_find(file, slot):
 * Find the slot that counts.  Returns 1, 0 if there is none, -1 with errno.
 */
int slot_find(const struct slot_file *file, struct slot *slot);

/*
 * slot_is_telling(file, slot):
 * Say whether slot_is_marked can tell NULs of a cut that did not reach the disk
 * from those of mail that was delivered later, and did not reach it.
 */
bool slot_is_telling(const struct slot_file *file, const struct slot *slot);

/*
 * slot_renew(file, slot):
 * Write the plan, the data of ${slot}, which was found, and ${slot} again,
 * durably.  If an fsync of the process before failed, they may be in memory
 * only, and the next fsync would not say so.  Returns 0, or -1 with errno.
 */
int slot_renew(const struct slot_file *file, const struct slot *slot);

/*
 * slot_was_begun(file):
 * Say of a journal that has no plan, or no slot that counts, whether the
 * mailbox may have been written to: then the journal is damaged, not just
 * unfinished.
 */
bool slot_was_begun(const struct slot_file *file);

/*
 * slot_fits(file, slot, size):
 * Say whether the mailbox, of ${size} octets, is the one ${slot} tells of.
 * Returns 1, 0, or -1 with errno.
 */
int slot_fits(const struct slot_file *file, const struct slot *slot,
    uint64_t size);

/*
 * slot_is_marked(file, slot, size):
 * Say whether the mailbox has the nonce at the new end, that is, was not cut.
 * Octets of it may be NUL: they did not reach the disk then, or the cut did not
 * in whole.  Returns 1, 0, or -1 with errno.
 */
int slot_is_marked(const struct slot_file *file, const struct slot *slot,
    uint64_t size);

#endif
