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
#include <time.h>
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

int
journal_settle(int sidecar)
{
	struct stat st;

	return fstat(sidecar, &st) == -1 ? -1 :
	    st.st_mtime < time(NULL) - LIMITS_WRITTEN_S ? 0 : fsync(sidecar);
}

/* The name of a sidecar that was never written to since it was made need not be
 * on the disk yet. */
static int
sync_name(const struct journal *journal)
{
	struct stat st;

	if (fstat(journal->file.sidecar, &st) == -1)
		return -1;
	return st.st_mtim.tv_sec > st.st_atim.tv_sec ||
	    (st.st_mtim.tv_sec == st.st_atim.tv_sec &&
	    st.st_mtim.tv_nsec > st.st_atim.tv_nsec) ? 0 :
	    store_sync_directory(journal->dir, journal->file.sidecar);
}

/* Allocate the journal but for what is behind the first ${needed} octets of
 * each window.  Returns 0, or an error number. */
static int
reserve(const struct slot_file *file, uint64_t needed)
{
	uint64_t window = file->plan.head.window;
	uint64_t first = slot_data_at(file, 0);
	int error;

	if (needed >= window)
		return posix_fallocate(file->sidecar, 0,
		    (off_t)slot_file_end(file));
	error = posix_fallocate(file->sidecar, 0, (off_t)(first + needed));
	return error != 0 ? error : posix_fallocate(file->sidecar,
	    (off_t)(first + window), (off_t)needed);
}

/* Allocate all of the journal that will be used to move ${left} octets, with
 * the largest window there is space for.  What is behind them in a window is
 * for mail that comes before a recovery, to be moved in few steps. */
static int
allocate(struct slot_file *file, uint64_t left)
{
	uint64_t pages = (left + LIMITS_PAGE - 1) / LIMITS_PAGE;
	uint64_t needed = (pages > 0 ? pages : 1) * LIMITS_PAGE;
	uint64_t *window = &file->plan.head.window;
	int error;

	while ((error = reserve(file, needed)) != 0) {
		if (error == EINTR)
			continue;
		errno = error;
		if (!store_is_full(error) ||
		    ftruncate(file->sidecar, 0) == -1)
			return -1;
		if (*window <= needed && *window / 2 < LIMITS_WINDOW_LEAST)
			return -1;
		*window = *window > needed ? needed : *window / 2;
	}
	return 0;
}

/* Whether mail that a cut at ${end} lets begin there, with From_, perhaps
 * behind empty lines, cannot be taken for the octets that are there now, which
 * go to ${nonce}.  Returns 1, 0, or -1 with errno. */
static int
is_telling(const struct plan *plan, uint64_t end, uint64_t nonce[2])
{
	char octets[SLOT_NONCE + 1] = "";
	const char *line;

	if (slot_nonce(plan) < SLOT_NONCE)
		return 0;
	if (store_read(plan->mailbox, end, octets, SLOT_NONCE) == -1)
		return -1;
	for (size_t i = 0; i < 2; i++)
		nonce[i] = store_get((const uint8_t *)octets, i);
	line = octets + strspn(octets, "\r\n");
	return strncmp(line, "From ", strnlen(line, 5)) != 0;
}

/* Make everything ready but for the first slot.  If ${slot} is to be all there
 * is, it is filled in; otherwise its length is 0. */
static int
start(struct journal *journal, struct slot *slot)
{
	struct slot_file *file = &journal->file;
	struct plan *plan = &file->plan;
	struct plan_cursor run = plan_first(plan);
	uint64_t end = plan_new_size(plan), left;
	int telling;

	/* No message is shorter. */
	if (slot_nonce(plan) < LIMITS_RUN_LEAST) {
		errno = EINVAL;
		return -1;
	}
	while (run.length > 0 && run.src == run.dst)
		plan_next(&run);
	left = end - run.dst;
	telling = is_telling(plan, end, slot->nonce);
	if (telling == -1 || getrandom(plan->head.id, sizeof(plan->head.id),
	    0) != (ssize_t)sizeof(plan->head.id) || allocate(file, left) == -1)
		return -1;
	if (telling == 1 && left <= LIMITS_SHORT && left <= plan->head.window) {
		slot->dst = run.dst;
		slot->length = left;
	}
	plan_seal(plan);
	/* Delivery agents do not sync the mailbox. */
	if (fsync(plan->mailbox) == -1)
		return -1;
	return store_write(file->sidecar, SLOT_PLAN_AT, plan->stored, plan->n);
}

int
journal_run(struct journal *journal)
{
	struct slot slot = { .phase = SLOT_SHORT, .has_data = 2 };
	int result, error;

	/* Before the first change of the sidecar, to empty it among them. */
	if (sync_name(journal) == -1)
		return -1;
	result = start(journal, &slot);
	if (result == 0)
		result = slot.length > 0 ? steps_short(journal, &slot) :
		    steps_run(journal, 0);
	if (result == -1 && !journal->touched) {
		error = errno;
		(void)journal_clear(journal->file.sidecar);
		errno = error;
	}
	return result;
}

/* Go on from ${slot}, which fits the mailbox of ${size} octets. */
static int
resume(struct journal *journal, const struct slot *slot, uint64_t size)
{
	struct slot_file *file = &journal->file;
	uint64_t dst = slot->dst;
	bool is_short = slot->phase == SLOT_SHORT;
	int marked = 1;

	file->seq = slot->seq + 1;
	file->plan.size = slot->size;
	if (is_short || slot->phase == SLOT_TRUNC)
		marked = slot_is_marked(file, slot, size);
	if (marked == -1)
		return -1;
	if (marked == 0 && !is_short)
		return journal_clear(file->sidecar);
	if (steps_fit(journal, slot_file_end(file)) == -1 || (marked == 1 &&
	    steps_fit(journal, plan_new_size(&file->plan) + size - slot->size +
	    slot_nonce(&file->plan)) == -1) || slot_renew(file, slot) == -1)
		return -1;
	journal->touched = true;
	if (is_short || slot->phase == SLOT_COPY) {
		if (steps_redo(file, slot) == -1)
			return -1;
		dst += slot->length;
	}
	/* The cut reached the disk, perhaps before the octets did. */
	if (marked == 0)
		return journal_clear(file->sidecar);
	file->plan.size = size;
	return (is_short ? steps_behind_short : steps_run)(journal, dst);
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
