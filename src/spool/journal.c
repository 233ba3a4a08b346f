/* SPDX-License-Identifier: ISC */
/*
 * The redo journal.  In the sidecar: two slots, written in turn; the plan; and
 * for each slot the data of its step.  The valid slot with the highest number
 * counts: all of the new mailbox below its destination is durable, the step
 * itself may be anything.  What a crash leaves at each point is at the head of
 * update.c.
 */
#include "config.h"

#include <sys/random.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/store.h"
#include "spool/journal.h"

int
journal_begin(struct journal *journal, int mailbox, int sidecar, int dir,
    char *block)
{
	struct stat st;

	memset(journal, 0, sizeof(*journal));
	if (fstat(mailbox, &st) == -1)
		return -1;
	plan_begin(&journal->file.plan, mailbox, block, (uint64_t)st.st_size);
	journal->file.plan.head.inode = st.st_ino;
	journal->file.plan.head.device = st.st_dev;
	journal->file.plan.head.window = LIMITS_WINDOW;
	journal->file.sidecar = sidecar;
	journal->most = UINT64_MAX;
	journal->dir = dir;
	return 0;
}

void
journal_end(struct journal *journal)
{
	plan_free(&journal->file.plan);
}

int
journal_clear(int sidecar)
{
	return ftruncate(sidecar, 0) == -1 ? -1 : fsync(sidecar);
}

/* Move one step: the octets of the new mailbox from ${*dst} on, which are in
 * the run of ${cursor}. */
static int
step(struct journal *journal, const struct plan_cursor *cursor, uint64_t *dst)
{
	struct plan *plan = &journal->file.plan;
	uint64_t gap = cursor->src - cursor->dst, window = plan->head.window;
	uint64_t left = plan_new_size(plan) - *dst;
	uint64_t most = gap > window ? gap : window;
	struct slot slot = {
		.phase = SLOT_COPY,
		.dst = *dst,
		.length = most < left ? most : left,
		.has_data = gap < window,
	};
	struct plan_part part = {
		.run = cursor,
		.from_at = *dst,
		.length = slot.length,
		.to = journal->file.sidecar,
		.to_at = slot_data_at(&journal->file, journal->file.seq),
	};

	/* If its end is not beyond its first octet's source, it can be done
	 * again from there.  Otherwise its octets go to the journal first. */
	if (slot.has_data && plan_copy(plan, &part, &slot.hash_data) == -1)
		return -1;
	if (slot_put(&journal->file, &slot) == -1)
		return -1;
	journal->touched = true;
	part.to = plan->mailbox;
	part.to_at = *dst;
	if (plan_copy(plan, &part, NULL) == -1)
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
	uint64_t before = plan->size;

	if (fstat(plan->mailbox, &st) == -1)
		return -1;
	if ((uint64_t)st.st_size < before) {
		errno = EIO;
		return -1;
	}
	plan->size = (uint64_t)st.st_size;
	return plan->size > before;
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
		.length = SLOT_NONCE,
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
	if (store_write(mailbox, end, octets, sizeof(octets)) == -1 ||
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

/* What can never be finished is not begun: may this process write to a file up
 * to ${end}? */
static int
check_limit(const struct journal *journal, uint64_t end)
{
	errno = EFBIG;
	return end <= journal->most ? 0 : -1;
}

/* Go on from ${dst} to the end, as often as mail arrives meanwhile. */
static int
go_on(struct journal *journal, uint64_t dst)
{
	struct plan *plan = &journal->file.plan;
	int more;

	do {
		if (grow(plan) == -1 || check_limit(journal, SLOT_NONCE +
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

/* Allocate all of the journal that will be used, with the largest window there
 * is space for. */
static int
allocate(struct slot_file *file)
{
	int error;

	while ((error = posix_fallocate(file->sidecar, 0,
	    (off_t)slot_file_end(file))) != 0) {
		if (error == EINTR)
			continue;
		errno = error;
		if (!store_is_full(error) && error != EFBIG)
			return -1;
		if (ftruncate(file->sidecar, 0) == -1 ||
		    file->plan.head.window / 2 < LIMITS_WINDOW_LEAST)
			return -1;
		file->plan.head.window /= 2;
	}
	return 0;
}

static int
start(struct journal *journal)
{
	struct slot_file *file = &journal->file;
	struct plan *plan = &file->plan;

	/* The nonce takes the place of what goes, and every message is
	 * longer than a nonce. */
	if (plan->head.size - plan->head.kept < SLOT_NONCE) {
		errno = EINVAL;
		return -1;
	}
	if (getrandom(plan->head.id, sizeof(plan->head.id), 0) !=
	    (ssize_t)sizeof(plan->head.id) || allocate(file) == -1)
		return -1;
	plan_seal(plan);
	/* Delivery agents do not sync the mailbox; nor is the name of a new
	 * sidecar on the disk yet. */
	if (fsync(plan->mailbox) == -1 ||
	    store_sync_directory(journal->dir, file->sidecar) == -1)
		return -1;
	return store_write(file->sidecar, SLOT_PLAN_AT, plan->stored, plan->n);
}

int
journal_run(struct journal *journal)
{
	int result = start(journal), error;

	if (result == 0)
		result = go_on(journal, 0);
	if (result == -1 && !journal->touched) {
		error = errno;
		(void)journal_clear(journal->file.sidecar);
		errno = error;
	}
	return result;
}

/* Do the step of ${slot} again, durably. */
static int
redo(const struct slot_file *file, const struct slot *slot)
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

/* Go on from ${slot}, which fits the mailbox of ${size} octets. */
static int
resume(struct journal *journal, const struct slot *slot, uint64_t size)
{
	struct slot_file *file = &journal->file;
	uint64_t dst = slot->dst;
	int marked;

	file->seq = slot->seq + 1;
	file->plan.size = slot->size;
	if (slot->phase == SLOT_TRUNC) {
		marked = slot_is_marked(file, slot, size);
		if (marked != 1)
			return marked == -1 ? -1 : journal_clear(file->sidecar);
	}
	if (check_limit(journal, slot_file_end(file)) == -1 ||
	    check_limit(journal, plan_new_size(&file->plan) + size -
	    slot->size + SLOT_NONCE) == -1 || slot_renew(file, slot) == -1)
		return -1;
	journal->touched = true;
	if (slot->phase == SLOT_COPY) {
		if (redo(file, slot) == -1)
			return -1;
		dst += slot->length;
	}
	file->plan.size = size;
	return go_on(journal, dst);
}

enum journal_found
journal_recover(struct journal *journal)
{
	struct slot_file *file = &journal->file;
	struct stat st, box;
	struct slot slot = { .dst = 0 };
	int found;

	if (fstat(file->sidecar, &st) == -1 ||
	    fstat(file->plan.mailbox, &box) == -1)
		return JOURNAL_FAILED;
	if (st.st_size == 0)
		return JOURNAL_NONE;
	/* No UPDATE makes so large a file; to read it could take for ever. */
	if ((uint64_t)st.st_size > slot_file_most((uint64_t)box.st_size))
		return JOURNAL_UNBELIEVED;
	/* Both files must be on the disk as they are believed to be. */
	if (fsync(file->plan.mailbox) == -1 || fsync(file->sidecar) == -1)
		return JOURNAL_FAILED;
	found = slot_load(file, (uint64_t)st.st_size,
	    plan_most((uint64_t)box.st_size));
	if (found == 1)
		found = slot_find(file, &slot);
	if (found == 0)
		return slot_was_begun(file) ? JOURNAL_UNBELIEVED :
		    journal_clear(file->sidecar) == -1 ? JOURNAL_FAILED :
		    JOURNAL_NONE;
	if (found == -1)
		return JOURNAL_FAILED;
	if (file->plan.head.inode != box.st_ino)
		return JOURNAL_UNBELIEVED;
	found = slot_fits(file, &slot, (uint64_t)box.st_size);
	if (found == 0)
		return JOURNAL_UNBELIEVED;
	return found == -1 ||
	    resume(journal, &slot, (uint64_t)box.st_size) == -1 ?
	    JOURNAL_FAILED : JOURNAL_FINISHED;
}
