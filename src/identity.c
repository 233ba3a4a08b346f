/* SPDX-License-Identifier: ISC */
/*
 * Messages known by their unique-ids.  Equal ids mean equal messages, so it
 * does not matter which of two copies a mark belongs to, only how many go.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "identity.h"
#include "log.h"
#include "maildrop.h"
#include "message.h"

/* Times all ids are computed anew because the mailbox changed meanwhile. */
#define TRIES 3

/* Where the last message with each id is: open addressing, slots of 4 octets,
 * half as many again as there are messages; 0 is a free slot. */
struct table {
	const struct maildrop *drop;
	uint32_t *slot;		/* number of a message, from 1 */
	size_t slots;
};

static int
table_open(struct table *table, const struct maildrop *drop)
{
	table->drop = drop;
	table->slots = drop->count + drop->count / 2 + 1;
	table->slot = calloc(table->slots, sizeof(*table->slot));
	return table->slot == NULL || drop->count >= UINT32_MAX ? -1 : 0;
}

/* The slot of ${id}: the one that has it, or the free one where it belongs. */
static uint32_t *
table_find(const struct table *table, const uint8_t *id)
{
	const struct maildrop_message *messages = table->drop->messages;
	uint64_t key;
	size_t at;

	memcpy(&key, id, sizeof(key));
	for (at = key % table->slots; table->slot[at] != 0;
	    at = at + 1 == table->slots ? 0 : at + 1)
		if (memcmp(messages[table->slot[at] - 1].id, id,
		    LIMITS_UID_OCTETS) == 0)
			break;
	return &table->slot[at];
}

/* Number the messages that have the same id; fill ${table}. */
static int
count_copies(struct table *table, struct maildrop *drop)
{
	if (table_open(table, drop) == -1)
		return -1;
	for (size_t i = 0; i < drop->count; i++) {
		struct maildrop_message *m = &drop->messages[i];
		uint32_t *slot = table_find(table, m->id);

		m->copy = *slot == 0 ? 1 : drop->messages[*slot - 1].copy + 1;
		*slot = (uint32_t)i + 1;
	}
	return 0;
}

/* Compute all ids once; whether that was of one state of the mailbox is for
 * the caller to see. */
static enum mailbox_fault
hash_all(struct maildrop *drop)
{
	bool unchanged = maildrop_is_unchanged(drop);

	drop->identified = false;
	if (!unchanged)
		block_forget(&drop->block);
	for (size_t i = 0; i < drop->count; i++) {
		struct maildrop_message *m = &drop->messages[i];

		if (!unchanged && !message_measure(drop, i))
			return MAILBOX_CHANGED;
		if (m->copy == 0 && message_hash(drop, i, m->id,
		    &m->sum) == -1)
			return MAILBOX_TROUBLE;
		lock_keep(&drop->lock);
	}
	return MAILBOX_FINE;
}

enum mailbox_fault
identity_complete(struct maildrop *drop)
{
	enum mailbox_fault fault = MAILBOX_CHANGED;
	struct stamp stamp;
	struct table table = { 0 };

	if (drop->identified)
		return MAILBOX_FINE;
	for (int i = 0; i < TRIES && fault == MAILBOX_CHANGED; i++) {
		if (mailbox_stat(&drop->mailbox, &stamp) == -1)
			return MAILBOX_TROUBLE;
		fault = hash_all(drop);
		if (fault == MAILBOX_FINE && drop->count > 0 &&
		    !mailbox_is(&drop->mailbox, &stamp))
			fault = MAILBOX_CHANGED;
	}
	if (fault != MAILBOX_FINE)
		return fault;
	drop->identified = count_copies(&table, drop) == 0;
	free(table.slot);
	if (drop->identified)
		cache_save(drop);
	return drop->identified ? MAILBOX_FINE : MAILBOX_TROUBLE;
}

/* Whether every message of ${old} is in ${drop} what and where it was. */
static bool
only_grew(const struct maildrop *old, struct maildrop *drop)
{
	uint8_t id[LIMITS_UID_OCTETS];
	uint64_t sum;
	bool replaced = drop->stamp.dev != old->stamp.dev ||
	    drop->stamp.ino != old->stamp.ino;

	/* In another file, equal places mean nothing without equal ids. */
	if (drop->count < old->count || (replaced && !old->identified))
		return false;
	for (size_t i = 0; i < old->count; i++) {
		const struct maildrop_message *was = &old->messages[i];

		if (drop->messages[i].offset != was->offset ||
		    drop->messages[i].octets != was->octets)
			return false;
		if (was->copy == 0)
			continue;
		if (message_hash(drop, i, id, &sum) == -1 ||
		    memcmp(id, was->id, sizeof(id)) != 0)
			return false;
		lock_keep(&drop->lock);
	}
	return true;
}

/* Mark in ${drop} as many of each id as were marked in ${old}.  Returns how
 * many marks went to nobody, or -1 if memory is short. */
static int64_t
mark_by_id(const struct table *old, const struct table *now,
    struct maildrop *drop)
{
	const struct maildrop_message *was = old->drop->messages;
	uint32_t *marks = calloc(old->drop->count + 1, sizeof(*marks));
	int64_t lost = (int64_t)old->drop->marked;

	if (marks == NULL)
		return -1;
	for (size_t i = 0; i < old->drop->count; i++)
		if (was[i].marked)
			marks[*table_find(old, was[i].id)]++;
	for (size_t i = 0; i < drop->count; i++) {
		uint32_t then = *table_find(old, drop->messages[i].id);
		uint32_t last = *table_find(now, drop->messages[i].id);

		if (marks[then] > 0 &&
		    was[then - 1].copy == drop->messages[last - 1].copy) {
			maildrop_mark(drop, i);
			marks[then]--;
			lost--;
		}
	}
	free(marks);
	return lost;
}

static bool
renew_by_id(struct maildrop *old, struct maildrop *drop)
{
	struct table before = { 0 }, now = { 0 };
	int64_t lost = -1;

	if (old->identified && identity_complete(drop) == MAILBOX_FINE &&
	    count_copies(&before, old) == 0 && count_copies(&now, drop) == 0)
		lost = mark_by_id(&before, &now, drop);
	free(before.slot);
	free(now.slot);
	return lost != 0;
}

enum mailbox_fault
identity_renew(struct maildrop *drop, bool *lost)
{
	struct maildrop old = *drop;
	enum mailbox_fault fault;

	*lost = false;
	drop->messages = NULL;
	drop->room = 0;
	fault = maildrop_rescan(drop);
	if (fault == MAILBOX_FINE && only_grew(&old, drop)) {
		for (size_t i = 0; i < old.count; i++)
			if (old.messages[i].marked)
				maildrop_mark(drop, i);
	} else if (fault == MAILBOX_FINE) {
		log_warning("%s: was rewritten during the session; the marked "
		    "messages are looked for by their unique-ids",
		    drop->mailbox.path);
		*lost = renew_by_id(&old, drop);
		drop->shown = drop->count;
	}
	free(old.messages);
	return fault;
}
