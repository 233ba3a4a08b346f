/* SPDX-License-Identifier: ISC */
/*
 * One message of a maildrop as it is stored now.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/imprint.h"
#include "base/store.h"
#include "mail/block.h"
#include "mail/edge.h"
#include "mail/mbox.h"
#include "mail/uid.h"
#include "maildrop/maildrop.h"
#include "maildrop/message.h"

static int
keep(void *to, const struct mbox_message *message)
{
	struct mbox_message *kept = to;

	*kept = *message;
	return 1;
}

/* What is kept as the sum of octets whose id is known: it shows, too, that the
 * id is theirs. */
static uint64_t
with_id(uint64_t sum, const uint8_t id[LIMITS_UID_OCTETS])
{
	return store_hash(sum, id, LIMITS_UID_OCTETS);
}

/* Whether ${sum} is that of the octets that message ${m} had. */
static bool
has_sum(const struct maildrop_message *m, uint64_t sum)
{
	return m->sum == (m->copy == 0 ? sum : with_id(sum, m->id));
}

/* The offset behind what RETR sends of message ${i}. */
static uint64_t
stored_end(const struct maildrop *drop, size_t i)
{
	return maildrop_end_of(drop, i) - drop->messages[i].separator;
}

/* Read what fits into a block at once: message ${i} with what is looked at
 * around it.  It is sent from there. */
static void
hold(struct maildrop *drop, size_t i)
{
	uint64_t at = drop->messages[i].offset, end = maildrop_end_of(drop, i);

	if (i + 1 < drop->count)
		end += LIMITS_SAMPLE;
	block_hold(&drop->block, at < MBOX_LAST ? 0 : at - MBOX_LAST,
	    end < drop->end ? end : drop->end);
}

/* Whether message ${i} begins and ends where it did, as a scan of it says. */
static bool
is_bounded(struct maildrop *drop, size_t i)
{
	const struct maildrop_message *m = &drop->messages[i];
	uint64_t at = m->offset, limit = UINT64_MAX;
	uint64_t stored = stored_end(drop, i);
	struct mbox_message now;
	struct span piece;
	struct mbox mbox;
	int result = 0, got = 0;

	/* What comes behind the last one may be half a From_ line: it ended
	 * where the mailbox did. */
	if (i + 1 == drop->count)
		limit = drop->end;
	hold(drop, i);
	if (!edge_is_behind_empty(&drop->block, at))
		return false;
	mbox_begin(&mbox, at, keep, &now);
	if (drop->exact)
		mbox_skip(&mbox, maildrop_end_of(drop, i));
	while (result == 0 &&
	    (got = block_next(&drop->block, &at, limit, &piece)) == 1)
		result = mbox_feed(&mbox, piece.p, piece.n);
	if (got == -1)
		return false;
	if (result == 0)
		result = mbox_end(&mbox);
	/* A separator that a delivery agent added since is no change. */
	return result == 1 && now.offset == m->offset &&
	    now.octets == m->octets && now.end - now.separator == stored;
}

/* Sum what is stored of message ${m}, up to ${end}, and compute its id where
 * ${id} is not NULL.  Returns 0, or -1 with errno; ESTALE if there is less. */
static int
read_stored(struct maildrop *drop, const struct maildrop_message *m,
    uint64_t end, uint8_t id[LIMITS_UID_OCTETS], uint64_t *sum)
{
	uint64_t at = m->offset;
	struct imprint imprint;
	struct span piece;
	struct uid uid;
	int got;

	if (id != NULL)
		uid_begin(&uid);
	mbox_begin_sum(&imprint, at);
	while (at < end) {
		got = block_next(&drop->block, &at, end, &piece);
		if (got == 0)
			errno = ESTALE;
		if (got != 1)
			return -1;
		if (id != NULL)
			uid_feed(&uid, piece.p, piece.n);
		imprint_feed(&imprint, piece.p, piece.n);
	}
	if (id != NULL)
		uid_end(&uid, id);
	*sum = mbox_end_sum(&imprint, m->octets);
	return 0;
}

/* Whether message ${i}, which has the octets that it had, ends where it did:
 * behind at most one empty line the mailbox ends, or the next one begins.  A
 * look is enough: the octets tell that the message itself is what it was. */
static bool
is_ended(struct maildrop *drop, size_t i)
{
	uint64_t end = maildrop_end_of(drop, i);

	return edge_is_empty_line(&drop->block, stored_end(drop, i), end) &&
	    (i + 1 == drop->count || edge_is_from(&drop->block, end));
}

bool
message_is_whole(struct maildrop *drop, size_t i)
{
	const struct maildrop_message *m = &drop->messages[i];
	uint64_t sum;

	hold(drop, i);
	return edge_is_behind_empty(&drop->block, m->offset) &&
	    read_stored(drop, m, stored_end(drop, i), NULL,
	    &sum) == 0 && has_sum(m, sum) && is_ended(drop, i);
}

bool
message_was_whole(struct maildrop *drop, size_t i, struct imprint *imprint)
{
	const struct maildrop_message *m = &drop->messages[i];

	return has_sum(m, mbox_end_sum(imprint, m->octets)) &&
	    (!maildrop_is_cached(drop) || is_ended(drop, i));
}

/* Whether the stored octets up to ${end} of what was message ${m} have its
 * id. */
static bool
has_id(struct maildrop *drop, const struct maildrop_message *m, uint64_t end)
{
	uint8_t id[LIMITS_UID_OCTETS];
	uint64_t sum;

	return read_stored(drop, m, end, id, &sum) == 0 &&
	    memcmp(id, m->id, sizeof(id)) == 0;
}

bool
message_measure(struct maildrop *drop, size_t i)
{
	const struct maildrop_message *m = &drop->messages[i];

	return m->copy == 0 ? message_is_whole(drop, i) :
	    is_bounded(drop, i) && has_id(drop, m, stored_end(drop, i));
}

bool
message_is_same(struct maildrop *drop, size_t i, const struct maildrop *old)
{
	const struct maildrop_message *was = &old->messages[i];
	const struct maildrop_message *now = &drop->messages[i];
	uint64_t end = stored_end(old, i), sum = now->sum;

	/* Behind the last one a delivery agent may have put an empty line. */
	if (now->offset != was->offset || (now->octets != was->octets &&
	    (i + 1 < old->count ||
	    !edge_is_empty_line(&drop->block, end, stored_end(drop, i)))))
		return false;
	if (was->marked && was->copy != 0)
		return has_id(drop, was, end);
	if (stored_end(drop, i) != end &&
	    read_stored(drop, was, end, NULL, &sum) == -1)
		return false;
	/* A mail reader may have edited what the id does not tell of. */
	return has_sum(was, sum) || (was->copy != 0 && has_id(drop, was, end));
}

int
message_identify(struct maildrop *drop, size_t i)
{
	struct maildrop_message *m = &drop->messages[i];
	uint8_t id[LIMITS_UID_OCTETS];
	uint64_t sum;

	if (read_stored(drop, m, stored_end(drop, i), id, &sum) == -1)
		return -1;
	if (m->sum != sum) {
		errno = ESTALE;
		return -1;
	}
	memcpy(m->id, id, sizeof(id));
	m->sum = with_id(sum, id);
	m->copy = 1;
	return 0;
}
