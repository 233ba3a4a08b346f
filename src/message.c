/* SPDX-License-Identifier: ISC */
/*
 * One message of a maildrop as it is stored now.
 */
#include "config.h"

#include <string.h>

#include "block.h"
#include "maildrop.h"
#include "mbox.h"
#include "message.h"
#include "plan.h"
#include "sum.h"
#include "uid.h"

static int
keep(void *to, const struct mbox_message *message)
{
	struct mbox_message *kept = to;

	*kept = *message;
	return 1;
}

bool
message_follows_empty(const char *before, size_t n)
{
	/* Before the begin of the file everything is empty. */
	char last[3] = { '\n', '\n', '\n' };

	if (n > sizeof(last))
		n = sizeof(last);
	memcpy(last + sizeof(last) - n, before, n);
	return last[2] == '\n' && (last[1] == '\n' ||
	    (last[1] == '\r' && last[0] == '\n'));
}

/* Whether an empty line stands before ${offset}. */
static bool
follows_empty(struct maildrop *drop, uint64_t offset)
{
	uint64_t from = offset < 3 ? 0 : offset - 3;
	char before[3];

	for (uint64_t at = from; at < offset; at++) {
		const char *p = NULL;

		if (block_read(&drop->block, at, offset, &p) <= 0)
			return false;
		before[at - from] = *p;
	}
	return message_follows_empty(before, (size_t)(offset - from));
}

/* The sum of octets that have this id: an id is vouched for with them. */
static uint64_t
sum_of(struct sum *sum, const uint8_t id[LIMITS_UID_OCTETS])
{
	return plan_hash(sum_end(sum), id, LIMITS_UID_OCTETS);
}

/* Whether message ${i} is where it was, and, ${summed}, has the same sum. */
static bool
is_bounded(struct maildrop *drop, size_t i, bool summed)
{
	const struct maildrop_message *m = &drop->messages[i];
	uint64_t at = m->offset, end = maildrop_end_of(drop, i), limit = end;
	uint64_t stored = end - m->separator;
	struct mbox_message now;
	struct mbox mbox;
	struct sum sum;
	int result = 0;

	/* What comes behind the last one may be half a From_ line: it ended
	 * where the mailbox did.  What fits into a block is read into it at
	 * once, with what is looked at around it, and sent from there. */
	if (i + 1 < drop->count) {
		limit = UINT64_MAX;
		end += LIMITS_SAMPLE;
	}
	block_hold(&drop->block, at < 3 ? 0 : at - 3,
	    end < drop->end ? end : drop->end);
	if (!follows_empty(drop, at))
		return false;
	mbox_begin(&mbox, at, keep, &now);
	sum_begin(&sum, at, stored - at);
	while (result == 0 && at < limit) {
		const char *p = NULL;
		ssize_t n = block_read(&drop->block, at, limit, &p);

		if (n < 0)
			return false;
		if (n == 0)
			break;
		result = mbox_feed(&mbox, p, (size_t)n);
		if (summed && at < stored)
			sum_feed(&sum, p, (uint64_t)n < stored - at ?
			    (size_t)n : (size_t)(stored - at));
		at += (uint64_t)n;
	}
	if (result == 0)
		result = mbox_end(&mbox);
	/* A separator that a delivery agent added since is no change. */
	return result == 1 && now.offset == m->offset &&
	    now.octets == m->octets && now.end - now.separator == stored &&
	    (!summed || sum_of(&sum, m->id) == m->sum);
}

bool
message_is_whole(struct maildrop *drop, size_t i)
{
	return is_bounded(drop, i, drop->messages[i].copy != 0);
}

bool
message_measure(struct maildrop *drop, size_t i)
{
	const struct maildrop_message *m = &drop->messages[i];
	uint8_t id[LIMITS_UID_OCTETS];
	uint64_t sum;

	return is_bounded(drop, i, false) && (m->copy == 0 ||
	    (message_hash(drop, i, id, &sum) == 0 &&
	    memcmp(id, m->id, sizeof(id)) == 0));
}

int
message_hash(struct maildrop *drop, size_t i, uint8_t id[LIMITS_UID_OCTETS],
    uint64_t *sum)
{
	uint64_t at = drop->messages[i].offset;
	uint64_t end = maildrop_end_of(drop, i) - drop->messages[i].separator;
	struct sum hash;
	struct uid uid;

	uid_begin(&uid);
	sum_begin(&hash, at, end - at);
	while (at < end) {
		const char *p = NULL;
		ssize_t n = block_read(&drop->block, at, end, &p);

		if (n <= 0)
			return -1;
		uid_feed(&uid, p, (size_t)n);
		sum_feed(&hash, p, (size_t)n);
		at += (uint64_t)n;
	}
	uid_end(&uid, id);
	*sum = sum_of(&hash, id);
	return 0;
}
