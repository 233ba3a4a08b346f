/* SPDX-License-Identifier: ISC */
/*
 * Adopting unique-ids.  All or nothing: if the answers of the old server do not
 * fit the mailbox in every point, no id is adopted.
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <nettle/sha2.h>

#include "base/store.h"
#include "mail/table.h"
#include "maildrop/hold.h"
#include "maildrop/identity.h"
#include "rights/session.h"
#include "tool/adoption.h"
#include "tool/source.h"

/* The work on one mailbox. */
struct work {
	struct source source;
	bool dry_run;
	size_t repeated, ours;	/* ids that others have; that look like ours */
};

/* Whether the id looks like one of ours.  Somebody who may choose an id, in an
 * X-UIDL field perhaps, could choose the one that his next message has. */
static bool
is_ours(const char *id)
{
	size_t n = strnlen(id, LIMITS_UID_MAX), at = 0;

	while (at < n && ((id[at] >= '0' && id[at] <= '9') ||
	    (id[at] >= 'A' && id[at] <= 'Z') ||
	    (id[at] >= 'a' && id[at] <= 'z') || id[at] == '-' ||
	    id[at] == '_'))
		at++;
	return at == n && (n == LIMITS_UID_TEXT ||
	    (n > LIMITS_UID_TEXT && id[LIMITS_UID_TEXT] == '-'));
}

/* Whether a record before record ${i} has its id, by the table of digests. */
static bool
is_repeated(struct table *table, uint8_t (*digests)[LIMITS_UID_OCTETS],
    const struct adopted_record *records, size_t i)
{
	struct sha256_ctx sha;
	uint32_t *slot;

	sha256_init(&sha);
	sha256_update(&sha, LIMITS_UID_MAX, (const uint8_t *)records[i].id);
	sha256_digest(&sha, LIMITS_UID_OCTETS, digests[i]);
	slot = table_find(table, digests[i]);
	if (*slot != 0)
		return true;
	*slot = (uint32_t)i + 1;
	return false;
}

/* Take away the ids that others have had before, and those that cannot be
 * adopted. */
static int
sift(struct work *work)
{
	struct adopted_record *records = work->source.records;
	size_t n = work->source.drop->count;
	uint8_t (*digests)[LIMITS_UID_OCTETS] = calloc(n + 1,
	    sizeof(*digests));
	struct table table = { .slot = NULL };
	int result = table_open(&table, (struct table_records){ digests,
	    sizeof(*digests), n });

	for (size_t i = 0; digests != NULL && result == 0 && i < n; i++) {
		bool found = records[i].id[0] != '\0', again = found &&
		    is_repeated(&table, digests, records, i), ours = found &&
		    !again && is_ours(records[i].id);

		memcpy(records[i].own, work->source.drop->messages[i].id,
		    LIMITS_UID_OCTETS);
		work->repeated += again;
		work->ours += ours;
		if (again || ours)
			memset(records[i].id, 0, LIMITS_UID_MAX);
	}
	table_close(&table);
	result = digests == NULL ? -1 : result;
	free(digests);
	return result;
}

/* Leave only the records that have an id.  Returns how many. */
static size_t
pack(struct work *work)
{
	size_t n = 0;

	for (size_t i = 0; i < work->source.drop->count; i++)
		if (work->source.records[i].id[0] != '\0') {
			if (work->dry_run)
				(void)printf("%s: %zu %.*s\n",
				    work->source.name, i + 1, LIMITS_UID_MAX,
				    work->source.records[i].id);
			work->source.records[n++] = work->source.records[i];
		}
	return n;
}

static int
store(struct work *work)
{
	const struct maildrop *drop = work->source.drop;
	size_t n = pack(work);
	int result = 0;

	if (!mailbox_is(&drop->mailbox, &drop->stamp))
		return source_say(&work->source, "is being written to: try "
		    "again");
	if (n > 0 && !work->dry_run)
		result = adopted_write(drop->mailbox.adopted,
		    work->source.records, n, drop->most);
	if (result == 0 && n > 0 && !work->dry_run)
		result = store_sync_directory(drop->mailbox.dir,
		    drop->mailbox.adopted);
	if (result == -1) {
		(void)!ftruncate(drop->mailbox.adopted, 0);
		return source_say(&work->source, strerror(errno));
	}
	(void)printf("%s: %zu of %zu messages %s the ids of the other server",
	    work->source.name, n, drop->count,
	    work->dry_run ? "would keep" : "keep");
	if (work->repeated > 0)
		(void)printf("; %zu not, as others have the same",
		    work->repeated);
	if (work->ours > 0)
		(void)printf("; %zu not, as they look like dewey's",
		    work->ours);
	(void)printf("\n");
	return 0;
}

/* Under the locks. */
static int
adopt(struct work *work)
{
	struct source *source = &work->source;
	int result = -1;

	source->records = calloc(source->drop->count + 1,
	    sizeof(*source->records));
	if (source->records == NULL)
		(void)source_say(source, strerror(errno));
	else if (source_take(source) == 0)
		result = sift(work) == 0 ? store(work) :
		    source_say(source, strerror(errno));
	free(source->records);
	return result;
}

/* Whether there are adopted ids already. */
static bool
has_some(const struct maildrop *drop)
{
	struct stat st;

	return drop->mailbox.adopted != -1 &&
	    fstat(drop->mailbox.adopted, &st) == 0 && st.st_size > 0;
}

static int
forget(const struct work *work)
{
	const struct maildrop *drop = work->source.drop;
	const char *done = !has_some(drop) ? "has no adopted ids" :
	    work->dry_run ? "adopted ids would be forgotten" :
	    "adopted ids are forgotten";

	if (has_some(drop) && !work->dry_run &&
	    (ftruncate(drop->mailbox.adopted, 0) == -1 ||
	    fsync(drop->mailbox.adopted) == -1))
		return source_say(&work->source, strerror(errno));
	(void)source_say(&work->source, done);
	return 0;
}

/* Adopt ids if there are none. */
static int
begin(struct work *work)
{
	struct maildrop *drop = work->source.drop;
	int result = 0;

	if (hold_take(drop) != MAILBOX_FINE)
		return -1;
	if (identity_complete(drop) != MAILBOX_FINE)
		result = source_say(&work->source, "cannot be read, or is "
		    "being written to: try again");
	else if (drop->adopted.n > 0)
		(void)source_say(&work->source, "has adopted ids already: "
		    "nothing is changed");
	else
		result = adopt(work);
	lock_release(&drop->lock);
	return result;
}

int
adoption_run(struct session *session)
{
	const struct adoption *order = session->order;
	struct work work = { .dry_run = order->dry_run,
	    .source = { order->name, order->server, order->file,
	    &session->drop, NULL, 0 } };
	int result = order->forget ? forget(&work) : begin(&work);

	return fflush(stdout) == 0 && result == 0 ? DIALOGUE_ORDERLY :
	    DIALOGUE_TROUBLE;
}
