/* SPDX-License-Identifier: ISC */
/*
 * The maildrop and its cached index.  Equal stamps that have settled make a
 * scan superfluous; a mailbox that grew is scanned from its last old message
 * on, after a look at some others; anything else is scanned whole.
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/store.h"
#include "mail/block.h"
#include "mail/edge.h"
#include "mail/from.h"
#include "maildrop/cache.h"
#include "maildrop/hold.h"
#include "maildrop/maildrop.h"
#include "maildrop/message.h"
#include "maildrop/scan.h"
#include "settings/configuration.h"
#include "spool/lock.h"
#include "who/users.h"

/* Make the directory ${path}, and the one that it is in if that is missing. */
static void
make_directory(char path[LIMITS_PATH], mode_t mode)
{
	char *slash = strrchr(path, '/');

	if (mkdir(path, mode) == 0 || errno != ENOENT || slash == NULL)
		return;
	*slash = '\0';
	(void)mkdir(path, mode);
	*slash = '/';
	(void)mkdir(path, mode);
}

bool
cache_directory(char path[LIMITS_PATH])
{
	if (index_is_safe(path, 0))
		return true;
	make_directory(path, 0755);
	return index_is_safe(path, 0);
}

void
cache_find(char path[LIMITS_PATH], const char *dir, bool by_root)
{
	static const struct configuration_place place = {
		.of_root = LOCALSTATEDIR "/cache/dewey",
		.variable = "XDG_CACHE_HOME", .below_home = "/.cache",
		.name = ""
	};

	configuration_place(path, &place, dir, by_root);
	if (by_root && path[0] != '\0' && !cache_directory(path))
		path[0] = '\0';
}

void
cache_make(const char *dir, const struct users_entry *user)
{
	char path[LIMITS_PATH];

	if (dir[0] != '\0' && snprintf(path, sizeof(path), "%s/%s", dir,
	    user->name) < (int)sizeof(path))
		store_give(path, user->uid, user->gid);
}

void
cache_open(struct maildrop *drop, const char *dir,
    const struct users_entry *user, bool make)
{
	char path[LIMITS_PATH];
	struct stat st;

	if (dir[0] == '\0' || drop->mailbox.fd == -1 ||
	    fstat(drop->mailbox.fd, &st) == -1 ||
	    st.st_size < LIMITS_CACHED_LEAST ||
	    span_copy(span_of(dir), path, sizeof(path)) == -1)
		return;
	if (make)
		make_directory(path, S_IRWXU);
	index_open(&drop->index, index_open_file(path, user->name, user->uid,
	    make), drop->exact);
}

/* Octets of one record. */
#define RECORD sizeof(struct maildrop_message)

/* Store the index.  The messages before ${from} are stored already; those
 * before ${sure} are certainly in the mailbox as the list says. */
static void
store(struct maildrop *drop, size_t sure, size_t from)
{
	struct index_totals totals = {
		.count = drop->count,
		.octets = drop->octets,
		.begin = drop->begin,
		.end = drop->end,
		/* After UPDATE the list ends elsewhere: scan from there. */
		.settled = drop->end == drop->stamp.size &&
		    index_is_settled(&drop->stamp, drop->mailbox.fd,
		    drop->clock),
	};
	struct stamp stamp = drop->stamp;

	/* A change that comes next may leave the same stamp.  What is stored is
	 * one that no mailbox has: it cannot seem to be as it was. */
	if (!drop->settled)
		stamp.ctime = (struct stamp_time){ 0, 0 };
	totals.sure = totals.settled ? drop->count : sure;
	maildrop_be_sure(drop, (size_t)totals.sure);
	if (drop->stamp.size < LIMITS_CACHED_LEAST || drop->count == 0) {
		index_forget(&drop->index);
		return;
	}
	index_save(&drop->index, &stamp, &totals,
	    &(struct index_records){ drop->messages, RECORD, from });
}

/* Read the records of the cached index. */
static int
load(struct maildrop *drop)
{
	size_t n = (size_t)index_stored(&drop->index);
	struct maildrop_message *messages = NULL;

	/* An index makes us take no more memory than its mailbox could. */
	if (n <= drop->stamp.size / LIMITS_FROM_LEAST)
		messages = calloc(n + 1, RECORD);
	if (messages != NULL &&
	    index_load(&drop->index, messages, RECORD) == 0 &&
	    maildrop_take(drop, messages, n) == 0)
		return 0;
	free(messages);
	return -1;
}

enum mailbox_fault
cache_need(struct maildrop *drop)
{
	const struct index_totals told = drop->index.totals;
	enum mailbox_fault fault;

	if (maildrop_is_listed(drop) ||
	    (index_stored(&drop->index) == drop->count && load(drop) == 0))
		return MAILBOX_FINE;
	/* The head was whole and the records are not: read the mailbox, if it
	 * is still the one that the client was told of. */
	if (!maildrop_is_unchanged(drop))
		return MAILBOX_CHANGED;
	fault = scan_all(drop);
	if (fault == MAILBOX_FINE && drop->count == told.count &&
	    drop->octets == told.octets)
		return MAILBOX_FINE;
	/* The client was told of the other list: the next command shall not
	 * find this one. */
	maildrop_believe(drop, &told);
	return fault == MAILBOX_FINE ? MAILBOX_CHANGED : fault;
}

/* Whether a From_ line, not too long a one, is where message ${i} begins. */
static bool
begins(const struct maildrop *drop, size_t i)
{
	uint64_t at = drop->messages[i].offset;
	size_t before = at < MBOX_LAST ? (size_t)at : MBOX_LAST;
	char octets[LIMITS_SAMPLE], *line = octets + before;
	ssize_t n = pread(drop->mailbox.fd, octets, sizeof(octets),
	    (off_t)(at - before));
	const char *lf;
	struct from from;

	if (n <= (ssize_t)before || *line != 'F' ||
	    !edge_follows_empty(octets, before))
		return false;
	lf = memchr(line, '\n', (size_t)n - before);
	if (lf == NULL)
		return false;
	from_begin(&from);
	from_feed(&from, line, (size_t)(lf - line));
	return from_begins(from_end(&from, true), at);
}

/* Whether some of the first ${n} messages begin where they began: the first,
 * the last, and some between. */
static bool
looks_right(struct maildrop *drop, size_t n)
{
	size_t step = n / LIMITS_SAMPLES + 1;

	for (size_t i = 0; i < n; i += step)
		if (!begins(drop, i))
			return false;
	return begins(drop, n - 1);
}

/* Use the cached index as far as it holds.  Returns whether that was enough. */
static bool
use(struct maildrop *drop)
{
	enum index_use use = index_judge(&drop->index, &drop->stamp,
	    drop->mailbox.fd, drop->clock);
	size_t n = (size_t)drop->index.totals.count;

	if (use == INDEX_NOTHING)
		return false;
	maildrop_believe(drop, &drop->index.totals);
	if (use == INDEX_ALL)
		return drop->end == drop->stamp.size;
	/* Where a message ends may depend on what has come behind it. */
	if (drop->exact)
		return false;
	if (load(drop) == -1 || n > drop->count || !looks_right(drop, n) ||
	    !scan_behind(drop, n) || !message_measure(drop, 0) ||
	    !message_measure(drop, n - 1) ||
	    !mailbox_is(&drop->mailbox, &drop->stamp))
		return false;
	store(drop, n, n - 1);
	return true;
}

enum mailbox_fault
cache_scan(struct maildrop *drop)
{
	enum mailbox_fault fault = hold_take(drop);

	if (fault != MAILBOX_FINE)
		return fault;
	fault = hold_recover(drop);
	if (fault == MAILBOX_FINE && (!index_is_open(&drop->index) ||
	    drop->mailbox.fd == -1 || !maildrop_is_locked(drop) ||
	    maildrop_stamp(drop) == -1 || !use(drop))) {
		fault = scan_all(drop);
		if (fault == MAILBOX_FINE && drop->mailbox.fd != -1)
			store(drop, 0, 0);
	}
	maildrop_show(drop);
	lock_release(&drop->lock);
	return fault;
}

void
cache_save(struct maildrop *drop)
{
	/* Marks are of this session only: they must not get into the file. */
	if (drop->marked == 0 && maildrop_is_listed(drop) &&
	    index_is_open(&drop->index) && maildrop_is_unchanged(drop))
		store(drop, drop->sure, 0);
}

void
cache_distrust(struct maildrop *drop)
{
	index_forget(&drop->index);
	index_close(&drop->index);
}

bool
cache_vouches(struct maildrop *drop)
{
	if (!maildrop_is_cached(drop))
		return true;
	block_forget(&drop->block);
	for (size_t i = 0; i < drop->count; i++) {
		if (drop->messages[i].marked && !message_measure(drop, i))
			return false;
	}
	return true;
}

void
cache_after_update(struct maildrop *drop, size_t first)
{
	maildrop_cut(drop, first < drop->sure ? first : drop->sure);
	if (maildrop_stamp(drop) == 0)
		store(drop, drop->count, 0);
}
