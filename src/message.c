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

bool
message_is_bounded(struct maildrop *drop, size_t i)
{
	const struct maildrop_message *m = &drop->messages[i];
	struct mbox_message now;
	struct mbox mbox;
	uint64_t at = m->offset, limit = UINT64_MAX;
	int result = 0;

	/* What comes behind the last one may be half a From_ line: it ended
	 * where the mailbox did. */
	if (i + 1 == drop->count)
		limit = drop->end;
	if (!follows_empty(drop, at))
		return false;
	mbox_begin(&mbox, at, keep, &now);
	while (result == 0 && at < limit) {
		const char *p = NULL;
		ssize_t n = block_read(&drop->block, at, limit, &p);

		if (n < 0)
			return false;
		if (n == 0)
			break;
		result = mbox_feed(&mbox, p, (size_t)n);
		at += (uint64_t)n;
	}
	if (result == 0)
		result = mbox_end(&mbox);
	/* A separator that a delivery agent added since is no change. */
	return result == 1 && now.offset == m->offset &&
	    now.octets == m->octets && now.end - now.separator ==
	    maildrop_end_of(drop, i) - m->separator;
}

bool
message_measure(struct maildrop *drop, size_t i)
{
	const struct maildrop_message *m = &drop->messages[i];
	uint8_t id[LIMITS_UID_OCTETS];

	return message_is_bounded(drop, i) && (m->copy == 0 ||
	    (message_hash(drop, i, id) == 0 &&
	    memcmp(id, m->id, sizeof(id)) == 0));
}

int
message_hash(struct maildrop *drop, size_t i, uint8_t id[LIMITS_UID_OCTETS])
{
	uint64_t at = drop->messages[i].offset;
	uint64_t end = maildrop_end_of(drop, i) - drop->messages[i].separator;
	struct uid uid;

	uid_begin(&uid);
	while (at < end) {
		const char *p = NULL;
		ssize_t n = block_read(&drop->block, at, end, &p);

		if (n <= 0)
			return -1;
		uid_feed(&uid, p, (size_t)n);
		at += (uint64_t)n;
	}
	uid_end(&uid, id);
	return 0;
}
