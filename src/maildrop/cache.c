/* SPDX-License-Identifier: ISC */
/*
 * The maildrop and its cached index.  Equal stamps that have settled make a
 * scan superfluous; a mailbox that grew is scanned from its last old message
 * on, after a look at some others; anything else is scanned whole.
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "mail/block.h"
#include "mail/from.h"
#include "maildrop/cache.h"
#include "maildrop/maildrop.h"
#include "maildrop/message.h"
#include "settings/configuration.h"
#include "spool/lock.h"
#include "who/users.h"

/* Make the directory and the one it is in. */
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
	int fd = -1;

	if (dir[0] != '\0' && snprintf(path, sizeof(path), "%s/%s", dir,
	    user->name) < (int)sizeof(path))
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		    S_IRUSR | S_IWUSR);
	if (fd == -1)
		return;
	/* One that could not be given is not believed later. */
	(void)!fchown(fd, user->uid, user->gid);
	(void)close(fd);
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
	    make));
}

/* Octets of one record. */
#define RECORD sizeof(struct maildrop_message)

/* Store the index; the messages before ${from} are stored already, those before
 * ${sure} are certain. */
static void
store(struct maildrop *drop, size_t sure, size_t from)
{
	struct index_totals totals = {
		.count = drop->count,
		.octets = drop->octets,
		.begin = drop->begin,
		.end = drop->end,
		.settled = index_is_settled(&drop->stamp, drop->mailbox.fd,
		    drop->clock),
	};

	totals.sure = totals.settled ? drop->count : sure;
	drop->sure = (size_t)totals.sure;
	if (drop->stamp.size < LIMITS_CACHED_LEAST || drop->count == 0) {
		index_forget(&drop->index);
		return;
	}
	index_save(&drop->index, &drop->stamp, &totals, drop->messages, RECORD,
	    from);
}

/* Read the records of the cached index.  They must be in order. */
static int
load(struct maildrop *drop)
{
	size_t n = (size_t)index_stored(&drop->index);
	struct maildrop_message *messages = NULL;
	uint64_t at = 0;

	/* Nobody's index makes us take more memory than his mailbox could. */
	if (n <= drop->stamp.size / LIMITS_FROM_LEAST)
		messages = reallocarray(NULL, n + 1, RECORD);
	if (messages == NULL || index_load(&drop->index, messages, RECORD) ==
	    -1) {
		free(messages);
		return -1;
	}
	drop->identified = true;
	for (size_t i = 0; i < n; i++) {
		messages[i].marked = false;
		if (messages[i].offset < at || messages[i].separator > 2 ||
		    messages[i].offset >= drop->stamp.size) {
			free(messages);
			return -1;
		}
		at = messages[i].offset + 1;
		drop->identified &= messages[i].copy != 0;
	}
	free(drop->messages);
	drop->messages = messages;
	drop->room = n + 1;
	drop->loaded = true;
	return 0;
}

enum mailbox_fault
cache_need(struct maildrop *drop)
{
	size_t count = drop->count;
	uint64_t octets = drop->octets;
	enum mailbox_fault fault;

	if (drop->loaded || (index_stored(&drop->index) == count &&
	    load(drop) == 0))
		return MAILBOX_FINE;
	/* The head was whole and the records are not: read the mailbox, if it
	 * is still the one that the client was told of. */
	if (!maildrop_is_unchanged(drop))
		return MAILBOX_CHANGED;
	fault = maildrop_rescan(drop);
	if (fault == MAILBOX_FINE &&
	    (drop->count != count || drop->octets != octets))
		fault = MAILBOX_CHANGED;
	return fault;
}

/* Whether a From_ line, not too long a one, is where message ${i} begins. */
static bool
begins(const struct maildrop *drop, size_t i)
{
	uint64_t at = drop->messages[i].offset;
	size_t before = at < 3 ? (size_t)at : 3;
	char octets[LIMITS_SAMPLE], *line = octets + before;
	ssize_t n = pread(drop->mailbox.fd, octets, sizeof(octets),
	    (off_t)(at - before));
	const char *lf;
	struct from from;

	if (n <= (ssize_t)before || *line != 'F' ||
	    !message_follows_empty(octets, before))
		return false;
	lf = memchr(line, '\n', (size_t)n - before);
	if (lf == NULL)
		return false;
	from_begin(&from);
	from_feed(&from, line, (size_t)(lf - line));
	return from_end(&from, true);
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

/* Take over the first ${n} messages of the cached index and scan the rest,
 * from the last of them on.  Returns whether that went well. */
static bool
scan_tail(struct maildrop *drop, size_t n)
{
	struct maildrop_message last;
	uint64_t end;

	if (load(drop) == -1 || n > index_stored(&drop->index) ||
	    !looks_right(drop, n))
		return false;
	last = drop->messages[n - 1];
	end = n < index_stored(&drop->index) ? drop->messages[n].offset :
	    drop->index.totals.end;
	drop->count = n - 1;
	drop->octets = 0;
	for (size_t i = 0; i < drop->count; i++)
		drop->octets += drop->messages[i].octets;
	block_forget(&drop->block);
	if (maildrop_feed(drop, last.offset) == -1 || drop->count < n)
		return false;
	if (drop->messages[n - 1].octets != last.octets ||
	    maildrop_end_of(drop, n - 1) - drop->messages[n - 1].separator !=
	    end - last.separator)
		return false;
	last.separator = drop->messages[n - 1].separator;
	drop->messages[n - 1] = last;
	drop->begin = drop->messages[0].offset;
	drop->identified = drop->identified && drop->count == n;
	return message_measure(drop, 0) &&
	    message_measure(drop, n - 1) &&
	    mailbox_is(&drop->mailbox, &drop->stamp);
}

/* Use the cached index as far as it holds.  Returns whether that was enough. */
static bool
use(struct maildrop *drop)
{
	const struct index_totals *totals = &drop->index.totals;

	switch (index_judge(&drop->index, &drop->stamp, drop->mailbox.fd,
	    drop->clock)) {
	case INDEX_ALL:
		drop->count = (size_t)totals->count;
		drop->octets = totals->octets;
		drop->begin = totals->begin;
		drop->end = totals->end;
		drop->sure = drop->count;
		drop->cached = true;
		return drop->end == drop->stamp.size;
	case INDEX_PREFIX:
		if (!scan_tail(drop, (size_t)totals->count))
			return false;
		drop->cached = true;
		store(drop, (size_t)totals->count,
		    (size_t)totals->count - 1);
		/* Behind that: the records before are stored as they were. */
		message_sum_scanned(drop);
		return true;
	case INDEX_NOTHING:
		break;
	}
	return false;
}

enum mailbox_fault
cache_scan(struct maildrop *drop)
{
	enum mailbox_fault fault = maildrop_lock(drop);

	if (fault != MAILBOX_FINE)
		return fault;
	fault = maildrop_recover(drop);
	if (fault == MAILBOX_FINE && (!index_is_open(&drop->index) ||
	    drop->mailbox.fd == -1 || !maildrop_is_locked(drop) || maildrop_stamp(drop) == -1 ||
	    !use(drop))) {
		drop->cached = false;
		fault = maildrop_rescan(drop);
		if (fault == MAILBOX_FINE)
			message_sum_scanned(drop);
		if (fault == MAILBOX_FINE && drop->mailbox.fd != -1)
			store(drop, 0, 0);
	}
	drop->shown = drop->count;
	lock_release(&drop->lock);
	return fault;
}

void
cache_save(struct maildrop *drop)
{
	uint8_t *marks;

	if (!drop->loaded || !index_is_open(&drop->index) ||
	    !maildrop_is_unchanged(drop))
		return;
	/* Marks are of this session only. */
	marks = calloc(drop->count + 1, 1);
	if (marks == NULL)
		return;
	for (size_t i = 0; i < drop->count; i++) {
		marks[i] = drop->messages[i].marked;
		drop->messages[i].marked = false;
	}
	store(drop, drop->sure, 0);
	for (size_t i = 0; i < drop->count; i++)
		drop->messages[i].marked = marks[i] != 0;
	free(marks);
}

void
cache_forget(struct maildrop *drop)
{
	index_forget(&drop->index);
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
	if (!drop->cached)
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
	if (first > drop->sure)
		first = drop->sure;
	drop->end = maildrop_end_of(drop, first == 0 ? 0 : first - 1);
	drop->count = first;
	drop->octets = 0;
	for (size_t i = 0; i < first; i++) {
		drop->messages[i].marked = false;
		drop->octets += drop->messages[i].octets;
	}
	if (maildrop_stamp(drop) == 0)
		store(drop, first, 0);
}
