/* SPDX-License-Identifier: ISC */
/*
 * The maildrop: the mailbox and the list of its messages.  They stay in the
 * file; a block of it is in memory.
 */
#include "config.h"

#include <sys/resource.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/span.h"
#include "maildrop/maildrop.h"

static enum lock_result
ask_dot(void *to, enum lock_request request)
{
	struct maildrop *drop = to;

	return drop->rights.dot(drop->rights.to, request);
}

void
maildrop_begin(struct maildrop *drop)
{
	memset(drop, 0, sizeof(*drop));
	drop->mailbox.dir = drop->mailbox.fd = drop->mailbox.sidecar =
	    drop->mailbox.adopted = -1;
	drop->dot.ours = drop->lock.mailbox = drop->index.fd = -1;
}

int
maildrop_prepare(struct maildrop *drop, const enum options_lock *locks,
    unsigned timeout)
{
	struct rlimit files;

	drop->block.fd = drop->second.fd = drop->mailbox.fd;
	if (block_open(&drop->block) == -1) {
		log_error("%s: no memory to read it: %s", drop->mailbox.path,
		    strerror(errno));
		return -1;
	}
	drop->window = LIMITS_WINDOW;
	drop->most = getrlimit(RLIMIT_FSIZE, &files) == 0 &&
	    files.rlim_cur != RLIM_INFINITY ? files.rlim_cur : UINT64_MAX;
	drop->lock.kinds = locks;
	drop->lock.mailbox = drop->mailbox.fd;
	drop->lock.timeout = timeout;
	drop->lock.dot = ask_dot;
	drop->lock.to = drop;
	return 0;
}

void
maildrop_allow(struct maildrop *drop, uint64_t window)
{
	drop->window = window;
}

void
maildrop_be_exact(struct maildrop *drop, bool exact)
{
	drop->exact = exact;
}

void
maildrop_heed(struct maildrop *drop, const volatile sig_atomic_t *stop)
{
	drop->lock.stop = stop;
}

void
maildrop_replace(struct maildrop *drop, int fd)
{
	(void)close(drop->mailbox.fd);
	drop->mailbox.fd = drop->lock.mailbox = drop->dot.mailbox =
	    drop->block.fd = drop->second.fd = fd;
	block_forget(&drop->block);
}

void
maildrop_close(struct maildrop *drop)
{
	lock_release(&drop->lock);
	mailbox_close(&drop->mailbox);
	index_close(&drop->index);
	adopted_forget(&drop->adopted);
	free(drop->messages);
	block_close(&drop->block);
	memset(drop, 0, sizeof(*drop));
}

int
maildrop_stamp(struct maildrop *drop)
{
	(void)clock_gettime(CLOCK_REALTIME_COARSE, &drop->clock);
	if (mailbox_stat(&drop->mailbox, &drop->stamp) == -1)
		return -1;
	drop->settled = drop->mailbox.fd == -1 ||
	    stamp_is_settled(&drop->stamp, drop->mailbox.fd, drop->clock);
	return 0;
}

bool
maildrop_is_locked(const struct maildrop *drop)
{
	return drop->mailbox.sidecar != -1 || drop->mailbox.read_only;
}

bool
maildrop_is_unchanged(const struct maildrop *drop)
{
	return drop->settled && mailbox_is(&drop->mailbox, &drop->stamp);
}

/* ---- What is known of the messages. */

bool
maildrop_is_listed(const struct maildrop *drop)
{
	return drop->known > MAILDROP_TOTALS;
}

bool
maildrop_is_cached(const struct maildrop *drop)
{
	return drop->known > MAILDROP_NOTHING && drop->known < MAILDROP_SCANNED;
}

bool
maildrop_has_ids(const struct maildrop *drop)
{
	return drop->known == MAILDROP_CACHED_IDS ||
	    drop->known == MAILDROP_SCANNED_IDS;
}

void
maildrop_forget(struct maildrop *drop)
{
	drop->known = MAILDROP_NOTHING;
	drop->count = drop->marked = 0;
	drop->octets = drop->marked_octets = drop->hidden = 0;
	drop->begin = drop->end = 0;
	adopted_forget(&drop->adopted);
	block_forget(&drop->block);
}

int
maildrop_add(struct maildrop *drop, const struct mbox_message *message,
    uint64_t sum)
{
	if (drop->count == drop->room) {
		size_t room = drop->room == 0 ? LIMITS_LIST : drop->room * 2;
		void *grown = NULL;

		/* reallocarray(3) would look realloc(3) up first, anew in
		 * each process. */
		errno = ENOMEM;
		if (room <= SIZE_MAX / sizeof(*drop->messages))
			grown = realloc(drop->messages,
			    room * sizeof(*drop->messages));
		if (grown == NULL)
			return -1;
		drop->messages = grown;
		drop->room = room;
	}
	drop->messages[drop->count++] = (struct maildrop_message){
		.offset = message->offset,
		.octets = message->octets,
		.sum = sum,
		.separator = (uint8_t)message->separator,
	};
	drop->end = message->end;
	drop->octets += message->octets;
	if (drop->known == MAILDROP_CACHED_IDS)
		drop->known = MAILDROP_CACHED;
	return 0;
}

void
maildrop_hide(struct maildrop *drop)
{
	drop->hidden = drop->messages[0].octets;
	drop->octets -= drop->hidden;
	drop->count--;
	memmove(drop->messages, drop->messages + 1,
	    drop->count * sizeof(*drop->messages));
}

void
maildrop_scanned(struct maildrop *drop)
{
	drop->begin = drop->count > 0 ? drop->messages[0].offset : drop->end;
	drop->known = MAILDROP_SCANNED;
}

void
maildrop_believe(struct maildrop *drop, const struct index_totals *totals)
{
	drop->count = drop->sure = (size_t)totals->count;
	drop->octets = totals->octets;
	drop->begin = totals->begin;
	drop->end = totals->end;
	drop->known = MAILDROP_TOTALS;
}

int
maildrop_take(struct maildrop *drop, struct maildrop_message *messages,
    size_t n)
{
	bool ids = true;
	uint64_t at = 0;

	for (size_t i = 0; i < n; i++) {
		messages[i].marked = false;
		if (messages[i].offset < at || messages[i].separator > 2 ||
		    messages[i].offset >= drop->stamp.size)
			return -1;
		at = messages[i].offset + 1;
		ids &= messages[i].copy != 0;
	}
	free(drop->messages);
	drop->messages = messages;
	drop->count = drop->room = n;
	drop->begin = n > 0 ? messages[0].offset : drop->begin;
	drop->known = ids ? MAILDROP_CACHED_IDS : MAILDROP_CACHED;
	return 0;
}

void
maildrop_cut(struct maildrop *drop, size_t n)
{
	if (n > 0)
		drop->end = maildrop_end_of(drop, n - 1);
	drop->count = n;
	drop->octets = 0;
	for (size_t i = 0; i < n; i++)
		drop->octets += drop->messages[i].octets;
}

void
maildrop_restore(struct maildrop *drop, size_t i,
    const struct maildrop_message *was)
{
	uint8_t separator = drop->messages[i].separator;

	drop->messages[i] = *was;
	drop->messages[i].separator = separator;
}

void
maildrop_identified(struct maildrop *drop)
{
	drop->known = maildrop_is_cached(drop) ? MAILDROP_CACHED_IDS :
	    MAILDROP_SCANNED_IDS;
}

void
maildrop_be_sure(struct maildrop *drop, size_t n)
{
	drop->sure = n;
}

void
maildrop_show(struct maildrop *drop)
{
	drop->shown = drop->count;
}

struct table_records
maildrop_ids(const struct maildrop *drop)
{
	return (struct table_records){ drop->messages == NULL ? NULL :
	    drop->messages->id, sizeof(*drop->messages), drop->count };
}

uint64_t
maildrop_end_of(const struct maildrop *drop, size_t i)
{
	return i + 1 < drop->count ? drop->messages[i + 1].offset : drop->end;
}

int
maildrop_text_of(struct maildrop *drop, size_t i, uint64_t *offset)
{
	uint64_t end = maildrop_end_of(drop, i);
	const char *lf = NULL;
	struct span piece;

	*offset = drop->messages[i].offset;
	while (lf == NULL && *offset < end) {
		if (block_next(&drop->block, offset, end, &piece) != 1)
			return -1;
		lf = memchr(piece.p, '\n', piece.n);
		if (lf != NULL)
			*offset -= (uint64_t)(piece.p + piece.n - (lf + 1));
	}
	return 0;
}

/* ---- Marks. */

void
maildrop_mark(struct maildrop *drop, size_t i)
{
	drop->messages[i].marked = true;
	drop->marked++;
	drop->marked_octets += drop->messages[i].octets;
}

void
maildrop_unmark_all(struct maildrop *drop)
{
	for (size_t i = 0; drop->marked > 0 && i < drop->count; i++)
		drop->messages[i].marked = false;
	drop->marked = 0;
	drop->marked_octets = 0;
}
