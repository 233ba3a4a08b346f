/* SPDX-License-Identifier: ISC */
/*
 * The slots of the journal.  Two, written in turn, so that one is whole at any
 * time; each has room for the data of its step.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/store.h"
#include "spool/slot.h"

#define MAGIC 0x31306c5377656444u	/* DdewSl01 */
#define PAGE 4096
#define SLOT_OCTETS (SLOT_FIELDS * sizeof(uint64_t))
#define CHECKED (SLOT_CHECKSUM * sizeof(uint64_t))

uint64_t
slot_file_end(const struct slot_file *file)
{
	uint64_t first = (SLOT_PLAN_AT + file->plan.n + PAGE - 1) / PAGE * PAGE;

	return first + 2 * file->window;
}

uint64_t
slot_file_most(uint64_t size)
{
	return SLOT_PLAN_AT + plan_most(size) + PAGE +
	    2 * (uint64_t)LIMITS_WINDOW_MOST;
}

uint64_t
slot_data_at(const struct slot_file *file, uint64_t seq)
{
	return slot_file_end(file) - (2 - (seq & 1)) * file->window;
}

/* The hash of the mailbox's octets between ${behind} and ${to}, the last
 * LIMITS_JOURNAL_PROBE at most. */
static int
probe(const struct slot_file *file, uint64_t behind, uint64_t to,
    uint64_t *value)
{
	char octets[LIMITS_JOURNAL_PROBE];
	uint64_t from = to < sizeof(octets) ? 0 : to - sizeof(octets);
	size_t n;

	if (from < behind)
		from = behind < to ? behind : to;
	n = (size_t)(to - from);
	if (store_read(file->plan.mailbox, from, octets, n) == -1)
		return -1;
	*value = store_hash(from, octets, n);
	return 0;
}

int
slot_put(struct slot_file *file, enum slot_phase phase, uint64_t dst,
    uint64_t length, const uint64_t *data, const uint64_t nonce[2])
{
	uint8_t stored[SLOT_OCTETS];
	struct slot slot = { .field = {
		[SLOT_MAGIC] = MAGIC,
		[SLOT_ID0] = file->id[0],
		[SLOT_ID1] = file->id[1],
		[SLOT_SEQ] = file->seq,
		[SLOT_PHASE] = phase,
		[SLOT_DST] = dst,
		[SLOT_LENGTH] = length,
		[SLOT_SIZE] = file->plan.size,
		[SLOT_HAS_DATA] = data != NULL,
		[SLOT_HASH_DATA] = data == NULL ? 0 : *data,
		[SLOT_NONCE0] = nonce == NULL ? 0 : nonce[0],
		[SLOT_NONCE1] = nonce == NULL ? 0 : nonce[1],
	} };

	if (probe(file, 0, dst, &slot.field[SLOT_HASH_DST]) == -1 ||
	    probe(file, dst + length, file->plan.begin_size,
	    &slot.field[SLOT_HASH_END]) == -1)
		return -1;
	for (size_t i = 0; i < SLOT_CHECKSUM; i++)
		store_set(stored, i, slot.field[i]);
	store_set(stored, SLOT_CHECKSUM, store_hash(0, stored, CHECKED));
	if (store_write(file->sidecar, (file->seq & 1) * PAGE, stored,
	    sizeof(stored)) == -1 || fsync(file->sidecar) == -1)
		return -1;
	file->seq++;
	return 0;
}

int
slot_load(struct slot_file *file, uint64_t size, uint64_t limit)
{
	uint64_t left = size > SLOT_PLAN_AT ? size - SLOT_PLAN_AT : 0;
	int found = left == 0 ? 0 : plan_load(&file->plan, file->sidecar,
	    SLOT_PLAN_AT, left < limit ? left : limit);

	if (found != 1)
		return found;
	file->id[0] = store_get(file->plan.stored, PLAN_ID0);
	file->id[1] = store_get(file->plan.stored, PLAN_ID1);
	file->window = store_get(file->plan.stored, PLAN_WINDOW);
	return file->window <= size && file->window <= LIMITS_WINDOW_MOST;
}

int
slot_read(const struct slot_file *file, uint64_t which, struct slot *slot)
{
	uint8_t stored[SLOT_OCTETS];

	if (store_read(file->sidecar, which * PAGE, stored,
	    sizeof(stored)) == -1)
		return errno == ENODATA ? 0 : -1;
	for (size_t i = 0; i < SLOT_FIELDS; i++)
		slot->field[i] = store_get(stored, i);
	if (slot->field[SLOT_MAGIC] != MAGIC ||
	    slot->field[SLOT_CHECKSUM] != store_hash(0, stored, CHECKED) ||
	    (slot->field[SLOT_SEQ] & 1) != which ||
	    slot->field[SLOT_ID0] != file->id[0] ||
	    slot->field[SLOT_ID1] != file->id[1])
		return 0;
	return slot->field[SLOT_HAS_DATA] == 0 ||
	    slot->field[SLOT_LENGTH] <= file->window;
}

/* The same, and its data must be whole, too. */
static int
get_slot(const struct slot_file *file, uint64_t which, struct slot *slot)
{
	uint64_t hash;
	int found = slot_read(file, which, slot);

	if (found != 1 || slot->field[SLOT_HAS_DATA] == 0)
		return found;
	if (plan_copy_data(&file->plan, file->sidecar,
	    slot_data_at(file, which), slot->field[SLOT_LENGTH], -1, 0, &hash) == -1)
		return errno == ENODATA ? 0 : -1;
	return hash == slot->field[SLOT_HASH_DATA];
}

int
slot_fits(const struct slot_file *file, const struct slot *slot,
    uint64_t size)
{
	uint64_t dst = slot->field[SLOT_DST], behind = dst + slot->field[SLOT_LENGTH];
	uint64_t value;

	if (dst > size || behind < dst || slot->field[SLOT_PHASE] > SLOT_TRUNC ||
	    slot->field[SLOT_SIZE] < file->plan.begin_size ||
	    file->plan.begin_size - file->plan.kept < SLOT_NONCE)
		return 0;
	if (probe(file, 0, dst, &value) == -1)
		return -1;
	if (value != slot->field[SLOT_HASH_DST])
		return 0;
	if (slot->field[SLOT_PHASE] == SLOT_TRUNC)
		return 1;
	if (size < slot->field[SLOT_SIZE] || behind > size)
		return 0;
	if (probe(file, behind, file->plan.begin_size, &value) == -1)
		return -1;
	if (value != slot->field[SLOT_HASH_END])
		return 0;
	for (struct plan_cursor cursor = plan_first(&file->plan);
	    cursor.length > 0 && cursor.src < file->plan.begin_size;
	    plan_next(&cursor)) {
		/* Those that were moved may have been overwritten since. */
		if (cursor.src < behind || cursor.dst < dst)
			continue;
		if (plan_hash_line(&file->plan, cursor.src, cursor.length,
		    &value) == -1)
			return -1;
		if (value != cursor.hash)
			return 0;
	}
	return 1;
}

int
slot_is_marked(const struct slot_file *file, const struct slot *slot, uint64_t size)
{
	uint8_t octets[SLOT_NONCE], nonce[SLOT_NONCE];
	uint64_t at = slot->field[SLOT_DST];

	/* Shorter than it was: it has been cut, whatever came since. */
	if (size < slot->field[SLOT_SIZE] || size < SLOT_NONCE ||
	    at > size - SLOT_NONCE)
		return 0;
	if (store_read(file->plan.mailbox, at, octets, sizeof(octets)) == -1)
		return -1;
	store_set(nonce, 0, slot->field[SLOT_NONCE0]);
	store_set(nonce, 1, slot->field[SLOT_NONCE1]);
	for (size_t i = 0; i < SLOT_NONCE; i++)
		if (octets[i] != nonce[i] && octets[i] != 0)
			return 0;
	return 1;
}

int
slot_renew(const struct slot_file *file, const struct slot *slot)
{
	uint8_t stored[SLOT_OCTETS];
	uint64_t seq = slot->field[SLOT_SEQ];
	uint64_t data = slot_data_at(file, seq);

	for (size_t i = 0; i < SLOT_FIELDS; i++)
		store_set(stored, i, slot->field[i]);
	if (store_write(file->sidecar, SLOT_PLAN_AT, file->plan.stored,
	    file->plan.n) == -1 || (slot->field[SLOT_HAS_DATA] != 0 &&
	    plan_copy_data(&file->plan, file->sidecar, data,
	    slot->field[SLOT_LENGTH], file->sidecar, data, NULL) == -1) ||
	    store_write(file->sidecar, (seq & 1) * PAGE, stored,
	    sizeof(stored)) == -1)
		return -1;
	return fsync(file->sidecar);
}

int
slot_find(const struct slot_file *file, struct slot *slot)
{
	struct slot both[2];
	int found[2];

	for (unsigned i = 0; i < 2; i++)
		if ((found[i] = get_slot(file, i, &both[i])) == -1)
			return -1;
	if (found[0] == 0 && found[1] == 0)
		return 0;
	*slot = found[0] == 0 || (found[1] == 1 &&
	    both[1].field[SLOT_SEQ] > both[0].field[SLOT_SEQ]) ? both[1] : both[0];
	return 1;
}

bool
slot_was_begun(const struct slot_file *file)
{
	uint8_t stored[SLOT_OCTETS];

	/* The first slot and the plan are synced before the mailbox is
	 * touched; a second slot shows that they were. */
	for (uint64_t i = 0; i < 2; i++)
		if (store_read(file->sidecar, i * PAGE, stored,
		    sizeof(stored)) == 0 &&
		    store_get(stored, SLOT_MAGIC) == MAGIC &&
		    store_get(stored, SLOT_CHECKSUM) ==
		    store_hash(0, stored, CHECKED) &&
		    store_get(stored, SLOT_SEQ) > 0)
			return true;
	return false;
}
