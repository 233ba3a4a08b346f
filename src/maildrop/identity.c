/* SPDX-License-Identifier: ISC */
/*
 * Messages known by their unique-ids.  Equal ids mean equal messages, so it
 * does not matter which of two copies a mark belongs to, only how many go.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "mail/table.h"
#include "mail/uid.h"
#include "maildrop/cache.h"
#include "maildrop/identity.h"
#include "maildrop/maildrop.h"
#include "maildrop/message.h"
#include "maildrop/scan.h"

/* Number the messages that have the same id; fill ${table}, which leads to the
 * last one of each. */
static int
count_copies(struct table *table, struct maildrop *drop)
{
	if (table_open(table, maildrop_ids(drop)) == -1)
		return -1;
	for (size_t i = 0; i < drop->count; i++) {
		struct maildrop_message *m = &drop->messages[i];
		uint32_t *slot = table_find(table, m->id);

		m->copy = *slot == 0 ? 1 : drop->messages[*slot - 1].copy + 1;
		*slot = (uint32_t)i + 1;
	}
	return 0;
}

/* Compute the ids that are not known, but none of octets that are not those
 * that were scanned. */
static enum mailbox_fault
hash_all(struct maildrop *drop)
{
	if (!maildrop_is_unchanged(drop))
		block_forget(&drop->block);
	for (size_t i = 0; i < drop->count; i++)
		if (drop->messages[i].copy == 0 &&
		    message_identify(drop, i) == -1)
			return errno == ESTALE ? MAILBOX_CHANGED :
			    MAILBOX_TROUBLE;
	return MAILBOX_FINE;
}

/* The own ids of all messages are known: find the adopted ones. */
static enum mailbox_fault
adopt(struct maildrop *drop)
{
	bool broken;

	if (drop->mailbox.adopted == -1 || drop->adopted.of != NULL ||
	    adopted_match(&drop->adopted, drop->mailbox.adopted,
	    maildrop_ids(drop)) == 0)
		return MAILBOX_FINE;
	broken = errno == EBADMSG;
	log_error("%s: its adopted unique-ids %s: %s", drop->mailbox.path,
	    broken ? "are not believed" : "cannot be read", strerror(errno));
	return broken ? MAILBOX_FINE : MAILBOX_TROUBLE;
}

enum mailbox_fault
identity_complete(struct maildrop *drop)
{
	struct table table = { 0 };
	enum mailbox_fault fault;

	if (maildrop_has_ids(drop))
		return adopt(drop);
	fault = hash_all(drop);
	if (fault != MAILBOX_FINE)
		return fault;
	if (count_copies(&table, drop) == 0) {
		maildrop_identified(drop);
		cache_save(drop);
	}
	table_close(&table);
	return maildrop_has_ids(drop) ? adopt(drop) : MAILBOX_TROUBLE;
}

struct span
identity_print(const struct maildrop *drop, size_t i,
    char text[LIMITS_UID_MAX + 1])
{
	struct span id = adopted_find(&drop->adopted, i);

	if (id.n > 0)
		return id;
	uid_print(drop->messages[i].id, drop->messages[i].copy, text);
	return span_of(text);
}

/* Whether every message of ${old} is in ${drop} what and where it was. */
static bool
only_grew(const struct maildrop *old, struct maildrop *drop)
{
	if (drop->count < old->count)
		return false;
	for (size_t i = 0; i < old->count; i++)
		if (!message_is_same(drop, i, old))
			return false;
	return true;
}

/* Mark in ${drop} as many of each id as were marked in ${old}.  Returns how
 * many marks went to nobody, or -1 if memory is short. */
static int64_t
mark_by_id(const struct maildrop *before, const struct table *old,
    const struct table *now, struct maildrop *drop)
{
	const struct maildrop_message *was = before->messages;
	uint32_t *marks = calloc(before->count + 1, sizeof(*marks));
	int64_t lost = (int64_t)before->marked;

	if (marks == NULL)
		return -1;
	for (size_t i = 0; i < before->count; i++)
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

/* Find the marked messages by their ids.  Returns whether a mark is lost. */
static bool
renew_by_id(struct maildrop *old, struct maildrop *drop)
{
	struct table before = { 0 }, now = { 0 };
	int64_t lost = -1;

	if (maildrop_has_ids(old) && identity_complete(drop) == MAILBOX_FINE &&
	    count_copies(&before, old) == 0 && count_copies(&now, drop) == 0)
		lost = mark_by_id(old, &before, &now, drop);
	table_close(&before);
	table_close(&now);
	return lost != 0;
}

/* Mark the messages that were marked in ${old}, which are where they were. */
static void
mark_by_place(const struct maildrop *old, struct maildrop *drop)
{
	for (size_t i = 0; i < old->count; i++)
		if (old->messages[i].marked)
			maildrop_mark(drop, i);
}

enum mailbox_fault
identity_renew(struct maildrop *drop, bool *lost)
{
	struct maildrop old = *drop;
	enum mailbox_fault fault;

	*lost = false;
	drop->messages = NULL;
	drop->room = 0;
	fault = scan_all(drop);
	if (fault == MAILBOX_FINE && only_grew(&old, drop)) {
		mark_by_place(&old, drop);
	} else if (fault == MAILBOX_FINE) {
		log_warning("%s: was rewritten during the session; the marked "
		    "messages are looked for by their unique-ids",
		    drop->mailbox.path);
		*lost = renew_by_id(&old, drop);
		maildrop_show(drop);
	}
	free(old.messages);
	return fault;
}
