/* SPDX-License-Identifier: ISC */
/*
 * The maildrop: the mailbox and its index.  Messages stay in the file; a block
 * of it is in memory.  The index is believed only while the file is as it was
 * scanned; otherwise a message is measured before it is sent.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/span.h"
#include "maildrop/maildrop.h"
#include "spool/journal.h"
#include "spool/sidecar.h"

/* UW imapd and its kin keep their state in a first message that is none. */
#define PSEUDO_SUBJECT "DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA"

/* Times the mailbox may be replaced while its locks are waited for. */
#define LOCK_TRIES 10

static enum lock_result
ask_dot(void *to, enum lock_request request)
{
	struct maildrop *drop = to;

	return drop->rights.dot(drop->rights.to, request);
}

int
maildrop_prepare(struct maildrop *drop, const enum options_lock *locks,
    unsigned timeout)
{
	drop->block.fd = drop->mailbox.fd;
	if (block_open(&drop->block) == -1)
		return -1;
	drop->window = LIMITS_WINDOW;
	drop->most = UINT64_MAX;
	drop->lock.kinds = locks;
	drop->lock.mailbox = drop->mailbox.fd;
	drop->lock.timeout = timeout;
	drop->lock.dot = ask_dot;
	drop->lock.to = drop;
	return 0;
}

enum mailbox_fault
maildrop_peek(struct maildrop *drop, const char *path)
{
	enum mailbox_fault fault;

	memset(drop, 0, sizeof(*drop));
	drop->lock.mailbox = drop->index.fd = -1;
	fault = mailbox_peek(&drop->mailbox, path);
	if (fault != MAILBOX_FINE)
		return fault;
	drop->block.fd = drop->mailbox.fd;
	return block_open(&drop->block) == -1 ? MAILBOX_TROUBLE :
	    maildrop_rescan(drop);
}

void
maildrop_close(struct maildrop *drop)
{
	lock_release(&drop->lock);
	mailbox_close(&drop->mailbox);
	index_close(&drop->index);
	free(drop->messages);
	block_close(&drop->block);
	memset(drop, 0, sizeof(*drop));
}

static int
add(void *to, const struct mbox_message *message)
{
	struct maildrop *drop = to;
	struct maildrop_message *m;

	if (drop->count == drop->room) {
		size_t room = drop->room == 0 ? 64 : drop->room * 2;
		void *grown = reallocarray(drop->messages, room,
		    sizeof(*drop->messages));

		if (grown == NULL)
			return -1;
		drop->messages = grown;
		drop->room = room;
	}
	m = &drop->messages[drop->count++];
	memset(m, 0, sizeof(*m));
	m->offset = message->offset;
	m->octets = message->octets;
	m->separator = (uint8_t)message->separator;
	drop->end = message->end;
	drop->octets += message->octets;
	return 0;
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
	const char *p, *lf;
	ssize_t n;

	*offset = drop->messages[i].offset;
	while (*offset < end) {
		n = block_read(&drop->block, *offset, end, &p);
		if (n <= 0)
			return -1;
		lf = memchr(p, '\n', (size_t)n);
		*offset += lf == NULL ? (uint64_t)n : (uint64_t)(lf - p) + 1;
		if (lf != NULL)
			break;
	}
	return 0;
}

/* Whether the line ${line} of a header is that field, with ${value} or any. */
static bool
is_field(struct span line, struct span name, struct span value)
{
	struct span rest = line;

	return span_equal_nocase(span_cut(&rest, ':'), name) &&
	    rest.p != NULL &&
	    (value.n == 0 || span_equal(span_trim(rest), value));
}

/* The first message may be the state of other programs: if its header, as far
 * as it fits a block, has both fields.  It is no message then, and stays. */
static int
hide_pseudo(struct maildrop *drop)
{
	bool subject = false, imap = false;
	struct span header, line;
	uint64_t at, end;
	const char *p;
	ssize_t n;

	if (drop->count == 0)
		return 0;
	end = maildrop_end_of(drop, 0);
	if (maildrop_text_of(drop, 0, &at) == -1)
		return -1;
	n = at == end ? 0 : block_read(&drop->block, at, end, &p);
	if (n <= 0)
		return n < 0 ? -1 : 0;
	header = (struct span){ p, (size_t)n };
	do {
		line = span_cut(&header, '\n');
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		subject |= is_field(line, SPAN("Subject"),
		    SPAN(PSEUDO_SUBJECT));
		imap |= is_field(line, SPAN("X-IMAP"), SPAN("")) ||
		    is_field(line, SPAN("X-IMAPbase"), SPAN(""));
	} while (line.n > 0 && header.p != NULL);
	if (subject && imap) {
		drop->octets -= drop->messages[0].octets;
		drop->count--;
		memmove(drop->messages, drop->messages + 1,
		    drop->count * sizeof(*drop->messages));
	}
	return 0;
}

int
maildrop_feed(struct maildrop *drop, uint64_t at)
{
	struct mbox mbox;
	int result = 0;

	mbox_begin(&mbox, at, add, drop);
	while (result == 0 && at < drop->stamp.size) {
		const char *p = NULL;
		ssize_t n = block_read(&drop->block, at, UINT64_MAX, &p);

		if (n < 0)
			return -1;
		if (n == 0)
			break;
		result = mbox_feed(&mbox, p, (size_t)n);
		at += (uint64_t)n;
	}
	if (result == 0)
		result = mbox_end(&mbox);
	if (result == -1 && mbox.state == MBOX_REFUSED) {
		log_error("%s: not an mbox: the line at offset %llu is no "
		    "From_ line", drop->mailbox.path,
		    (unsigned long long)mbox.at);
		errno = EBADMSG;
	}
	return result;
}

/* If the last change was in this very tick of the clock, wait for the next
 * one: it is a few milliseconds. */
int
maildrop_stamp(struct maildrop *drop)
{
	const struct timespec tick = { .tv_nsec = LIMITS_TICK_NS };

	for (int i = 0; i < 2; i++) {
		(void)clock_gettime(CLOCK_REALTIME_COARSE, &drop->clock);
		if (mailbox_stat(&drop->mailbox, &drop->stamp) == -1)
			return -1;
		drop->settled = drop->mailbox.fd == -1 ||
		    stamp_is_settled(&drop->stamp, drop->mailbox.fd,
		    drop->clock);
		if (drop->settled)
			break;
		if (i == 0)
			(void)nanosleep(&tick, NULL);
	}
	return 0;
}

enum mailbox_fault
maildrop_rescan(struct maildrop *drop)
{
	drop->count = 0;
	drop->octets = drop->marked_octets = 0;
	drop->marked = 0;
	drop->identified = false;
	drop->cached = false;
	drop->loaded = true;
	drop->end = 0;
	block_forget(&drop->block);
	if (maildrop_stamp(drop) == -1)
		goto trouble;
	if (drop->mailbox.fd != -1 && maildrop_is_locked(drop) &&
	    (maildrop_feed(drop, 0) == -1 || hide_pseudo(drop) == -1)) {
		if (errno == EBADMSG)
			return MAILBOX_NOT_MBOX;
		goto trouble;
	}
	drop->begin = drop->count > 0 ? drop->messages[0].offset : drop->end;
	/* The locks keep out who respects them: look whether all did. */
	if (mailbox_is(&drop->mailbox, &drop->stamp))
		return MAILBOX_FINE;
	log_warning("%s: is changed by a program that takes none of --locks",
	    drop->mailbox.path);
	return MAILBOX_CHANGED;
trouble:
	log_error("%s: cannot be scanned: %s", drop->mailbox.path,
	    strerror(errno));
	return MAILBOX_TROUBLE;
}

enum mailbox_fault
maildrop_recover(struct maildrop *drop)
{
	struct mailbox *mailbox = &drop->mailbox;
	enum journal_found found = JOURNAL_UNBELIEVED;
	struct journal journal;

	if (!sidecar_has_journal(mailbox))
		return MAILBOX_FINE;
	if (mailbox->read_only) {
		log_error("%s: an UPDATE was cut short: log in once without "
		    "--read-only", mailbox->path);
		return MAILBOX_TROUBLE;
	}
	if (mailbox->fd != -1 && journal_begin(&journal, mailbox->fd,
	    mailbox->sidecar, mailbox->dir, drop->block.octets) == 0) {
		found = journal_recover(&journal);
		journal_end(&journal);
	}
	drop->recovered = found;
	switch (found) {
	case JOURNAL_NONE:
		return MAILBOX_FINE;
	case JOURNAL_FINISHED:
		log_info("%s: an UPDATE that was cut short is complete now",
		    mailbox->path);
		return MAILBOX_FINE;
	case JOURNAL_UNBELIEVED:
		return drop->rights.set_aside(drop->rights.to) == 0 ?
		    MAILBOX_FINE : MAILBOX_TROUBLE;
	case JOURNAL_FAILED:
		break;
	}
	log_error("%s: an UPDATE that was cut short cannot be completed: %s",
	    mailbox->path, strerror(errno));
	return MAILBOX_TROUBLE;
}

/* The mailbox locks were taken as ${got} says.  Without a dot-lock only reading
 * is safe, but where nobody with the user's rights could ever make one, or where
 * there is no space: deleting is the way out of that.  Of a maildrop that is not
 * locked, as it is empty, nothing is deleted. */
static void
judge_lock(struct maildrop *drop, enum lock_result got)
{
	struct mailbox *mailbox = &drop->mailbox;
	bool enough = got == LOCK_FULL || mailbox->elsewhere;

	if (got == LOCK_HELD || mailbox->read_only || mailbox->sidecar == -1 ||
	    (enough && lock_has_others(&drop->lock)))
		return;
	mailbox->read_only = true;
	log_warning("%s: read-only: no dot-lock can be made beside it: %s",
	    mailbox->path, got == LOCK_FULL ? "no space, and --locks has no "
	    "other kind" : "its directory may not be written");
}

static enum mailbox_fault
log_refusal(const struct maildrop *drop, enum lock_result got)
{
	/* A wait that a signal ends is no failure. */
	if (drop->lock.stop == NULL || *drop->lock.stop == 0)
		log_error("%s: %s", drop->mailbox.path, got == LOCK_BUSY ?
		    "another program kept it locked for the whole "
		    "--lock-timeout" : strerror(errno));
	return MAILBOX_LOCKED;
}

enum mailbox_fault
maildrop_lock(struct maildrop *drop)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		enum lock_result got = lock_take(&drop->lock);
		enum mailbox_fault fault;
		int fd;

		if (got == LOCK_BUSY || got == LOCK_FAILED)
			return log_refusal(drop, got);
		judge_lock(drop, got);
		if (!mailbox_was_replaced(&drop->mailbox))
			return MAILBOX_FINE;
		/* Who waited for the same lock put another file there. */
		lock_release(&drop->lock);
		fault = drop->rights.reopen(drop->rights.to, &fd);
		if (fault != MAILBOX_FINE)
			return fault;
		(void)close(drop->mailbox.fd);
		drop->mailbox.fd = drop->lock.mailbox = drop->dot.mailbox =
		    drop->block.fd = fd;
		block_forget(&drop->block);
	}
	log_error("%s: is replaced again and again", drop->mailbox.path);
	return MAILBOX_LOCKED;
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
