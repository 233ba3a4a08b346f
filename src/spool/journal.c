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
	journal->file.window = LIMITS_WINDOW;
	journal->most = UINT64_MAX;
	journal->mailbox = mailbox;
	journal->file.sidecar = sidecar;
	journal->dir = dir;
	journal->inode = st.st_ino;
	journal->device = st.st_dev;
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
step(struct journal *journal, struct plan_cursor cursor, uint64_t *dst)
{
	uint64_t left = plan_new_size(&journal->file.plan) - *dst;
	uint64_t gap = cursor.src - cursor.dst;
	bool wide = gap >= journal->file.window;
	uint64_t length = wide ? gap : journal->file.window, data;

	if (length > left)
		length = left;
	/* Its end is not beyond its first octet's source: it can be done again
	 * from there.  Otherwise its octets go to the journal first. */
	if (!wide && plan_copy(&journal->file.plan, cursor, *dst, length,
	    journal->file.sidecar, slot_data_at(&journal->file, journal->file.seq), &data) == -1)
		return -1;
	if (slot_put(&journal->file, SLOT_COPY, *dst, length, wide ? NULL : &data,
	    NULL) == -1)
		return -1;
	journal->touched = true;
	if (plan_copy(&journal->file.plan, cursor, *dst, length, journal->mailbox,
	    *dst, NULL) == -1)
		return -1;
	*dst += length;
	return fsync(journal->mailbox);
}

/* Move everything from ${*dst} on. */
static int
copy(struct journal *journal, uint64_t *dst)
{
	struct plan_cursor cursor = plan_first(&journal->file.plan);

	while (*dst < plan_new_size(&journal->file.plan)) {
		while (cursor.length > 0 && *dst >= cursor.dst + cursor.length)
			plan_next(&cursor);
		if (cursor.length == 0) {
			errno = EIO;
			return -1;
		}
		if (cursor.src == cursor.dst)
			*dst = cursor.dst + cursor.length;
		else if (step(journal, cursor, dst) == -1)
			return -1;
	}
	return 0;
}

/* Take note of mail that was delivered by who respects no lock of ours.
 * Returns 1 if there is some, 0, or -1 with errno. */
static int
grow(struct journal *journal)
{
	struct stat st;
	uint64_t size;

	if (fstat(journal->mailbox, &st) == -1)
		return -1;
	size = (uint64_t)st.st_size;
	if (size < journal->file.plan.size) {
		errno = EIO;
		return -1;
	}
	if (size == journal->file.plan.size)
		return 0;
	journal->file.plan.size = size;
	return 1;
}

static int
put_nonce(struct journal *journal, uint64_t at, const uint64_t nonce[2])
{
	uint8_t octets[SLOT_NONCE];

	store_set(octets, 0, nonce[0]);
	store_set(octets, 1, nonce[1]);
	journal->touched = true;
	if (store_write(journal->mailbox, at, octets, sizeof(octets)) == -1)
		return -1;
	return fsync(journal->mailbox);
}

/* Cut the mailbox at its new end.  The nonce there tells recovery whether the
 * cut was made, for the size alone does not: mail may arrive at once. */
static int
truncate_mailbox(struct journal *journal, uint64_t end)
{
	const uint64_t high = 0x8080808080808080u;
	uint64_t nonce[2];

	if (getrandom(nonce, sizeof(nonce), 0) != (ssize_t)sizeof(nonce))
		return -1;
	nonce[0] |= high;
	nonce[1] |= high;
	if (slot_put(&journal->file, SLOT_MARK, end, SLOT_NONCE, NULL, nonce) == -1 ||
	    put_nonce(journal, end, nonce) == -1 ||
	    slot_put(&journal->file, SLOT_TRUNC, end, SLOT_NONCE, NULL, nonce) == -1)
		return -1;
	switch (grow(journal)) {
	case 0:
		return ftruncate(journal->mailbox, (off_t)end) == -1 ? -1 :
		    fsync(journal->mailbox);
	case 1:
		return 1;
	default:
		return -1;
	}
}

/* Go on from ${dst} to the end, as often as mail arrives meanwhile. */
static int
go_on(struct journal *journal, uint64_t dst)
{
	int more = 1;

	while (more == 1) {
		if (copy(journal, &dst) == -1)
			return -1;
		more = grow(journal);
		if (more == 0 && dst < journal->file.plan.size)
			more = truncate_mailbox(journal, dst);
	}
	if (more == -1)
		return -1;
	if (ftruncate(journal->file.sidecar, 0) == -1)
		return -1;
	/* All is done and durable: a journal that comes back says only that. */
	(void)fsync(journal->file.sidecar);
	return 0;
}

/* Allocate all of the journal that will be used, with the largest window there
 * is space for. */
static int
allocate(struct journal *journal)
{
	for (;;) {
		int error = posix_fallocate(journal->file.sidecar, 0,
		    (off_t)slot_file_end(&journal->file));

		if (error == 0)
			return 0;
		if (error == EINTR)
			continue;
		errno = error;
		if (error != ENOSPC && error != EDQUOT && error != EFBIG)
			return -1;
		if (ftruncate(journal->file.sidecar, 0) == -1 ||
		    journal->file.window / 2 < LIMITS_WINDOW_LEAST)
			return -1;
		journal->file.window /= 2;
	}
}

static int
start(struct journal *journal)
{
	/* What can never be finished is not begun. */
	if (journal->file.plan.kept + SLOT_NONCE > journal->most) {
		errno = EFBIG;
		return -1;
	}
	/* No message is that short; the nonce needs the room. */
	if (journal->file.plan.begin_size - journal->file.plan.kept <
	    SLOT_NONCE) {
		errno = EINVAL;
		return -1;
	}
	if (getrandom(journal->file.id, sizeof(journal->file.id), 0) !=
	    (ssize_t)sizeof(journal->file.id) || allocate(journal) == -1)
		return -1;
	plan_seal(&journal->file.plan, journal->file.id, journal->inode, journal->device,
	    journal->file.window);
	/* Delivery agents do not sync, and a new sidecar must survive, too. */
	if (fsync(journal->mailbox) == -1 ||
	    store_sync_directory(journal->dir, journal->file.sidecar) == -1)
		return -1;
	return store_write(journal->file.sidecar, SLOT_PLAN_AT, journal->file.plan.stored,
	    journal->file.plan.n);
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

/* Do the step of ${slot} again.  Returns where to go on, or UINT64_MAX. */
static uint64_t
redo(struct journal *journal, const struct slot *slot)
{
	uint64_t dst = slot->field[SLOT_DST], length = slot->field[SLOT_LENGTH];
	struct plan_cursor cursor = plan_first(&journal->file.plan);
	int done;

	journal->touched = true;
	if (slot->field[SLOT_PHASE] != SLOT_COPY)
		return dst;
	if (slot->field[SLOT_HAS_DATA] != 0)
		done = plan_copy_data(&journal->file.plan, journal->file.sidecar,
		    slot_data_at(&journal->file, slot->field[SLOT_SEQ]), length,
		    journal->mailbox, dst, NULL);
	else
		done = plan_copy(&journal->file.plan, cursor, dst, length,
		    journal->mailbox, dst, NULL);
	if (done == -1 || fsync(journal->mailbox) == -1)
		return UINT64_MAX;
	return dst + length;
}

/* Go on from ${slot}, which fits the mailbox of ${size} octets. */
static enum journal_found
resume(struct journal *journal, const struct slot *slot, uint64_t size)
{
	uint64_t dst;
	int marked;

	journal->file.seq = slot->field[SLOT_SEQ] + 1;
	journal->file.plan.size = slot->field[SLOT_SIZE];
	if (slot->field[SLOT_PHASE] == SLOT_TRUNC) {
		marked = slot_is_marked(&journal->file, slot, size);
		if (marked == -1)
			return JOURNAL_FAILED;
		if (marked == 0)
			return journal_clear(journal->file.sidecar) == -1 ?
			    JOURNAL_FAILED : JOURNAL_FINISHED;
	}
	if (slot_renew(&journal->file, slot) == -1)
		return JOURNAL_FAILED;
	dst = redo(journal, slot);
	if (dst == UINT64_MAX)
		return JOURNAL_FAILED;
	journal->file.plan.size = size;
	return go_on(journal, dst) == -1 ? JOURNAL_FAILED : JOURNAL_FINISHED;
}

enum journal_found
journal_recover(struct journal *journal)
{
	struct stat st, box;
	struct slot slot;
	int found;

	if (fstat(journal->file.sidecar, &st) == -1 ||
	    fstat(journal->mailbox, &box) == -1)
		return JOURNAL_FAILED;
	if (st.st_size == 0)
		return JOURNAL_NONE;
	/* No UPDATE made that; reading it could take for ever. */
	if ((uint64_t)st.st_size > slot_file_most((uint64_t)box.st_size))
		return JOURNAL_UNBELIEVED;
	/* First make durable what is about to be believed. */
	if (fsync(journal->mailbox) == -1 || fsync(journal->file.sidecar) == -1)
		return JOURNAL_FAILED;
	found = slot_load(&journal->file, (uint64_t)st.st_size,
	    plan_most((uint64_t)box.st_size));
	if (found == 1)
		found = slot_find(&journal->file, &slot);
	if (found == 0)
		return slot_was_begun(&journal->file) ? JOURNAL_UNBELIEVED :
		    journal_clear(journal->file.sidecar) == -1 ? JOURNAL_FAILED :
		    JOURNAL_NONE;
	if (found != 1)
		return JOURNAL_FAILED;
	if (journal->inode != store_get(journal->file.plan.stored, PLAN_INODE))
		return JOURNAL_UNBELIEVED;
	found = slot_fits(&journal->file, &slot, (uint64_t)box.st_size);
	if (found == -1)
		return JOURNAL_FAILED;
	return found == 0 ? JOURNAL_UNBELIEVED :
	    resume(journal, &slot, (uint64_t)box.st_size);
}
