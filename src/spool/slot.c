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

_Static_assert(sizeof(struct slot) == 14 * sizeof(uint64_t),
    "a stored slot has fourteen numbers");

uint64_t
slot_file_end(const struct slot_file *file)
{
	uint64_t pages = (SLOT_PLAN_AT + file->plan.n + LIMITS_PAGE - 1) /
	    LIMITS_PAGE;

	return pages * LIMITS_PAGE + 2 * file->plan.head.window;
}

uint64_t
slot_file_most(uint64_t size)
{
	return SLOT_PLAN_AT + plan_most(size) + LIMITS_PAGE +
	    2 * (uint64_t)LIMITS_WINDOW_MOST;
}

uint64_t
slot_nonce(const struct plan *plan)
{
	uint64_t goes = plan->head.size - plan->head.kept;

	return goes < SLOT_NONCE ? goes : SLOT_NONCE;
}

uint64_t
slot_data_at(const struct slot_file *file, uint64_t seq)
{
	return slot_file_end(file) - (2 - (seq & 1)) * file->plan.head.window;
}

/* Where the octets end that ${slot} says may be anything: for a cut, which may
 * have come to nothing but NUL, where the page does. */
static uint64_t
end_of(const struct slot *slot)
{
	uint64_t end = slot->dst + slot->length;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return slot->phase != SLOT_SHORT ? end :
	    (end + page - 1) / page * page;
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

static int
write_slot(const struct slot_file *file, const struct slot *slot)
{
	uint8_t stored[STORE_OCTETS(*slot)];

	store_pack(stored, slot, sizeof(*slot), 0);
	if (store_write(file->sidecar, (slot->seq & 1) * LIMITS_PAGE, stored,
	    sizeof(stored)) == -1)
		return -1;
	return fsync(file->sidecar);
}

/* Read the slot ${which}, of whatever update: 1 if it is whole, 0, or -1. */
static int
read_slot(const struct slot_file *file, uint64_t which, struct slot *slot)
{
	uint8_t stored[STORE_OCTETS(*slot)];

	if (store_read(file->sidecar, which * LIMITS_PAGE, stored,
	    sizeof(stored)) == -1)
		return errno == ENODATA ? 0 : -1;
	return store_unpack(slot, stored, sizeof(*slot), 0) &&
	    slot->magic == MAGIC;
}

int
slot_put(struct slot_file *file, struct slot *slot)
{
	const struct plan *plan = &file->plan;

	slot->magic = MAGIC;
	slot->id[0] = plan->head.id[0];
	slot->id[1] = plan->head.id[1];
	slot->seq = file->seq;
	slot->size = plan->size;
	if (probe(file, 0, slot->dst, &slot->hash_dst) == -1 ||
	    probe(file, end_of(slot), plan->head.size,
	    &slot->hash_end) == -1 || write_slot(file, slot) == -1)
		return -1;
	file->seq++;
	return 0;
}

int
slot_load(struct slot_file *file, uint64_t size, uint64_t limit)
{
	uint64_t left = size > SLOT_PLAN_AT ? size - SLOT_PLAN_AT : 0;
	uint64_t window;
	int found = left == 0 ? 0 : plan_load(&file->plan, file->sidecar,
	    SLOT_PLAN_AT, left < limit ? left : limit);

	window = file->plan.head.window;
	return found != 1 ? found :
	    window <= size && window <= LIMITS_WINDOW_MOST;
}

int
slot_read(const struct slot_file *file, uint64_t which, struct slot *slot)
{
	const struct plan_head *head = &file->plan.head;
	int found = read_slot(file, which, slot);

	return found != 1 ? found : (slot->seq & 1) == which &&
	    slot->id[0] == head->id[0] && slot->id[1] == head->id[1] &&
	    slot->has_data <= 2 &&
	    (slot->has_data == 0 || slot->length <= head->window);
}

/* Copy the data of ${slot} to where it is, in ${to}, or only take its hash. */
static int
copy_data(const struct slot_file *file, const struct slot *slot, int to,
    uint64_t *sum)
{
	uint64_t hash;

	*sum = 0;
	for (uint64_t i = 0; i < slot->has_data; i++, *sum += hash) {
		uint64_t at = slot_data_at(file, slot->seq + i);
		const struct plan_part part = {
			.from = file->sidecar,
			.from_at = at,
			.length = slot->length,
			.to = to,
			.to_at = at,
		};

		if (plan_copy(&file->plan, &part, &hash) == -1)
			return -1;
	}
	return 0;
}

/* The same, and its data must be whole, too. */
static int
read_with_data(const struct slot_file *file, uint64_t which,
    struct slot *slot)
{
	int found = slot_read(file, which, slot);
	uint64_t sum;

	if (found != 1)
		return found;
	if (copy_data(file, slot, -1, &sum) == -1)
		return errno == ENODATA ? 0 : -1;
	return slot->has_data == 0 || sum == slot->hash_data;
}

/* Whether the octets that probe() looks at have the hash ${hash}. */
static int
has_hash(const struct slot_file *file, uint64_t behind, uint64_t to,
    uint64_t hash)
{
	uint64_t value;

	return probe(file, behind, to, &value) == -1 ? -1 : value == hash;
}

/* Whether the runs that were not moved before ${slot} begin as they did when
 * they were planned. */
static int
runs_fit(const struct slot_file *file, const struct slot *slot)
{
	struct plan_cursor run = plan_first(&file->plan);
	uint64_t value;

	for (; run.length > 0 && run.src < file->plan.head.size;
	    plan_next(&run)) {
		/* What was moved may have been overwritten since. */
		if (run.src < slot->dst + slot->length || run.dst < slot->dst)
			continue;
		if (plan_hash_line(&file->plan, run.src, run.length, &value) ==
		    -1)
			return -1;
		if (value != run.hash)
			return 0;
	}
	return 1;
}

/* Whether each octet of the mailbox that ${slot} replaces is the old one or the
 * new one. */
static int
is_between(const struct slot_file *file, const struct slot *slot)
{
	char was[LIMITS_PAGE], is[LIMITS_PAGE], becomes[LIMITS_PAGE];
	size_t n;

	for (uint64_t at = 0; at < slot->length; at += n) {
		n = slot->length - at < sizeof(is) ?
		    (size_t)(slot->length - at) : sizeof(is);
		if (store_read(file->sidecar,
		    slot_data_at(file, slot->seq) + at, becomes, n) == -1 ||
		    store_read(file->sidecar,
		    slot_data_at(file, slot->seq + 1) + at, was, n) == -1 ||
		    store_read(file->plan.mailbox, slot->dst + at, is, n) == -1)
			return -1;
		for (size_t i = 0; i < n; i++)
			if (is[i] != was[i] && is[i] != becomes[i])
				return 0;
	}
	return 1;
}

int
slot_fits(const struct slot_file *file, const struct slot *slot,
    uint64_t size)
{
	const struct plan_head *head = &file->plan.head;
	uint64_t behind = slot->dst + slot->length;
	int fits = slot->dst <= size && behind >= slot->dst &&
	    slot->phase <= SLOT_SHORT && slot->size >= head->size &&
	    slot_nonce(&file->plan) >= LIMITS_RUN_LEAST;

	if (fits == 1)
		fits = has_hash(file, 0, slot->dst, slot->hash_dst);
	if (fits != 1 || slot->phase == SLOT_TRUNC)
		return fits;
	if (behind > size)
		return 0;
	if (slot->phase == SLOT_SHORT)
		return slot->has_data == 2 ? is_between(file, slot) : 0;
	if (size < slot->size)
		return 0;
	fits = has_hash(file, behind, head->size, slot->hash_end);
	return fits == 1 ? runs_fit(file, slot) : fits;
}

int
slot_is_marked(const struct slot_file *file, const struct slot *slot,
    uint64_t size)
{
	uint8_t octets[SLOT_NONCE], nonce[SLOT_NONCE];
	bool is_short = slot->phase == SLOT_SHORT;
	uint64_t end = slot->dst + (is_short ? slot->length : 0);
	size_t n = (size_t)slot_nonce(&file->plan);

	/* If it is shorter than it was, it has been cut, though mail may have
	 * been delivered since. */
	if (size < slot->size || size < n || end > size - n)
		return 0;
	if (store_read(file->plan.mailbox, end, octets, n) == -1)
		return -1;
	store_set(nonce, 0, slot->nonce[0]);
	store_set(nonce, 1, slot->nonce[1]);
	for (size_t i = 0; i < n; i++)
		if (octets[i] != nonce[i] && octets[i] != 0)
			return 0;
	/* Mail may begin with NUL, too, if the power went. */
	return is_short ? has_hash(file, end_of(slot), file->plan.head.size,
	    slot->hash_end) : 1;
}

bool
slot_is_telling(const struct slot_file *file, const struct slot *slot)
{
	return end_of(slot) + LIMITS_JOURNAL_PROBE <= file->plan.head.size;
}

int
slot_renew(const struct slot_file *file, const struct slot *slot)
{
	uint64_t sum;

	if (store_write(file->sidecar, SLOT_PLAN_AT, file->plan.stored,
	    file->plan.n) == -1 ||
	    copy_data(file, slot, file->sidecar, &sum) == -1)
		return -1;
	return write_slot(file, slot);
}

int
slot_find(const struct slot_file *file, struct slot *slot)
{
	struct slot both[2];
	int found[2] = { 0, 0 };

	for (unsigned i = 0; i < 2; i++)
		if ((found[i] = read_with_data(file, i, &both[i])) == -1)
			return -1;
	if (found[0] == 0 && found[1] == 0)
		return 0;
	*slot = both[found[0] == 0 ||
	    (found[1] == 1 && both[1].seq > both[0].seq)];
	return 1;
}

bool
slot_was_begun(const struct slot_file *file)
{
	struct slot slot;

	/* The first slot and the plan are synced before the mailbox is
	 * touched; a second slot shows that they were. */
	for (uint64_t i = 0; i < 2; i++)
		if (read_slot(file, i, &slot) == 1 && slot.seq > 0 &&
		    slot.phase != SLOT_SHORT)
			return true;
	return false;
}
