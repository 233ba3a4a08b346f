/* SPDX-License-Identifier: ISC */
/*
 * The steps of an UPDATE.  Before each of them a slot says which octets of the
 * mailbox may be anything from then on.  What a crash leaves at each point is
 * at the head of update.c.
 */
#include "config.h"

#include <sys/random.h>
#include <sys/stat.h>

#include <errno.h>
#include <unistd.h>

#include "base/store.h"
#include "spool/steps.h"

/* Have the octets of ${slot}, those of ${part}, in the journal.  Of its space
 * only what was planned is taken.  Mail that came since may be more; for a page
 * of it there is space. */
static int
save(const struct plan *plan, struct plan_part *part, struct slot *slot)
{
	int result = plan_copy(plan, part, &slot->hash_data);

	if (result == -1 && slot->phase == SLOT_COPY &&
	    store_is_full(errno) && part->length > LIMITS_PAGE) {
		part->length = slot->length = LIMITS_PAGE;
		result = plan_copy(plan, part, &slot->hash_data);
	}
	return result;
}

/* Begin ${slot}: its octets, which are in the run of ${cursor} or behind it, go
 * to the mailbox, and before that to the journal if it has data. */
static int
begin(struct journal *journal, const struct plan_cursor *cursor,
    struct slot *slot)
{
	struct slot_file *file = &journal->file;
	const struct plan *plan = &file->plan;
	struct plan_part part = {
		.run = cursor,
		.from = plan->mailbox,
		.from_at = slot->dst,
		.length = slot->length,
		.to = file->sidecar,
		.to_at = slot_data_at(file, file->seq),
	};
	uint64_t old = 0;

	if (slot->has_data > 0 && save(plan, &part, slot) == -1)
		return -1;
	if (slot->has_data > 1) {
		part.run = NULL;
		part.to_at = slot_data_at(file, file->seq + 1);
		if (plan_copy(plan, &part, &old) == -1)
			return -1;
		slot->hash_data += old;
	}
	if (slot_put(file, slot) == -1)
		return -1;
	journal->touched = true;
	part.run = cursor;
	part.to = plan->mailbox;
	part.to_at = slot->dst;
	return plan_copy(plan, &part, NULL);
}

/* Move one step: the octets of the new mailbox from ${*dst} on, which are in
 * the run of ${cursor}. */
static int
step(struct journal *journal, const struct plan_cursor *cursor, uint64_t *dst)
{
	const struct plan *plan = &journal->file.plan;
	uint64_t gap = cursor->src - cursor->dst, window = plan->head.window;
	uint64_t left = plan_new_size(plan) - *dst;
	uint64_t most = gap > window ? gap : window;
	struct slot slot = {
		.phase = SLOT_COPY,
		.dst = *dst,
		.length = most < left ? most : left,
	};

	/* If its end is not beyond its first octet's source, it can be done
	 * again from there.  Otherwise its octets go to the journal first. */
	slot.has_data = gap < slot.length;
	if (begin(journal, cursor, &slot) == -1)
		return -1;
	*dst += slot.length;
	return fsync(plan->mailbox);
}

/* Move everything from ${*dst} on. */
static int
copy(struct journal *journal, uint64_t *dst)
{
	struct plan *plan = &journal->file.plan;
	struct plan_cursor cursor = plan_first(plan);

	while (*dst < plan_new_size(plan)) {
		while (cursor.length > 0 && *dst >= cursor.dst + cursor.length)
			plan_next(&cursor);
		if (cursor.length == 0) {
			errno = EIO;
			return -1;
		}
		if (cursor.src == cursor.dst)
			*dst = cursor.dst + cursor.length;
		else if (step(journal, &cursor, dst) == -1)
			return -1;
	}
	return 0;
}

/* Take note of mail from a program that respects none of our locks.  Returns 1
 * if there is some, 0, or -1 with errno. */
static int
grow(struct plan *plan)
{
	struct stat st;
	bool more;

	if (fstat(plan->mailbox, &st) == -1)
		return -1;
	if ((uint64_t)st.st_size < plan->size) {
		errno = EIO;
		return -1;
	}
	more = (uint64_t)st.st_size > plan->size;
	plan->size = (uint64_t)st.st_size;
	return more;
}

/* Cut the mailbox at its new end.  The nonce there tells recovery whether the
 * cut was made, for the size alone does not: mail may arrive at once.  Returns
 * 1 if some arrived before, which is not cut off then, 0, or -1 with errno. */
static int
truncate_mailbox(struct journal *journal, uint64_t end)
{
	const uint64_t high = 0x8080808080808080u;
	struct slot slot = {
		.phase = SLOT_MARK,
		.dst = end,
		.length = slot_nonce(&journal->file.plan),
	};
	int mailbox = journal->file.plan.mailbox, more;
	uint8_t octets[SLOT_NONCE];

	if (getrandom(slot.nonce, SLOT_NONCE, 0) != SLOT_NONCE)
		return -1;
	for (size_t i = 0; i < 2; i++) {
		slot.nonce[i] |= high;
		store_set(octets, i, slot.nonce[i]);
	}
	if (slot_put(&journal->file, &slot) == -1)
		return -1;
	journal->touched = true;
	if (store_write(mailbox, end, octets, (size_t)slot.length) == -1 ||
	    fsync(mailbox) == -1)
		return -1;
	slot.phase = SLOT_TRUNC;
	if (slot_put(&journal->file, &slot) == -1)
		return -1;
	more = grow(&journal->file.plan);
	if (more != 0)
		return more;
	return ftruncate(mailbox, (off_t)end) == -1 ? -1 : fsync(mailbox);
}

int
steps_fit(const struct journal *journal, uint64_t end)
{
	errno = EFBIG;
	return end <= journal->most ? 0 : -1;
}

int
steps_run(struct journal *journal, uint64_t dst)
{
	struct plan *plan = &journal->file.plan;
	int more;

	do {
		if (grow(plan) == -1 || steps_fit(journal, slot_nonce(plan) +
		    plan_new_size(plan)) == -1 || copy(journal, &dst) == -1)
			return -1;
		more = grow(plan);
		if (more == 0 && dst < plan->size)
			more = truncate_mailbox(journal, dst);
	} while (more == 1);
	if (more == -1 || ftruncate(journal->file.sidecar, 0) == -1)
		return -1;
	/* All is done and durable: a journal that comes back says only that. */
	(void)fsync(journal->file.sidecar);
	return 0;
}

int
steps_behind_short(struct journal *journal, uint64_t dst)
{
	struct slot done = { .phase = SLOT_COPY, .dst = dst };

	/* Its data has both places; the next step needs one of them. */
	return slot_put(&journal->file, &done) == -1 ? -1 :
	    steps_run(journal, dst);
}

int
steps_redo(const struct slot_file *file, const struct slot *slot)
{
	const struct plan *plan = &file->plan;
	struct plan_cursor first = plan_first(plan);
	struct plan_part part = {
		.run = &first,
		.from_at = slot->dst,
		.length = slot->length,
		.to = plan->mailbox,
		.to_at = slot->dst,
	};

	if (slot->has_data != 0) {
		part.run = NULL;
		part.from = file->sidecar;
		part.from_at = slot_data_at(file, slot->seq);
	}
	if (plan_copy(plan, &part, NULL) == -1)
		return -1;
	return fsync(plan->mailbox);
}

int
steps_short(struct journal *journal, struct slot *slot)
{
	struct plan *plan = &journal->file.plan;
	const struct plan_cursor first = plan_first(plan);
	uint64_t end = slot->dst + slot->length;
	int more = grow(plan);

	if (more == 1)
		return steps_run(journal, 0);
	/* Who cannot read it shall not take it for one that was not begun. */
	journal->file.seq = 2;
	if (more == -1 || steps_fit(journal, end + slot_nonce(plan)) == -1 ||
	    begin(journal, &first, slot) == -1 ||
	    (more = grow(plan)) == -1 ||
	    (more == 0 && ftruncate(plan->mailbox, (off_t)end) == -1) ||
	    fsync(plan->mailbox) == -1)
		return -1;
	if (more == 1)
		return steps_behind_short(journal, end);
	if (ftruncate(journal->file.sidecar, 0) == -1)
		return -1;
	/* What comes back of the journal changes nothing, if it can be told
	 * from that of a cut that came to nothing. */
	if (!slot_is_telling(&journal->file, slot))
		(void)fsync(journal->file.sidecar);
	return 0;
}
