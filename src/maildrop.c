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

#include "journal.h"
#include "log.h"
#include "maildrop.h"
#include "span.h"
#include "uid.h"

/* UW imapd and its kin keep their state in a first message that is none. */
#define PSEUDO_SUBJECT "DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA"

/* Times the mailbox may be replaced while its locks are waited for. */
#define LOCK_TRIES 10

static enum lock_result
direct_dot(void *to, enum lock_request request)
{
	struct maildrop *drop = to;

	return lock_dot(&drop->dot, request);
}

static enum mailbox_fault
direct_reopen(void *to, int *fd)
{
	struct maildrop *drop = to;

	return mailbox_reopen(&drop->mailbox, fd);
}

static int
direct_set_aside(void *to)
{
	struct maildrop *drop = to;

	return mailbox_set_aside(&drop->mailbox);
}

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
	drop->block = malloc(LIMITS_BLOCK);
	if (drop->block == NULL)
		return -1;
	lock_dot_open(&drop->dot, drop->mailbox.dir, drop->mailbox.fd,
	    drop->mailbox.base);
	drop->window = LIMITS_WINDOW;
	drop->rights = (struct maildrop_rights){ direct_dot, direct_reopen,
	    direct_set_aside, drop };
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
	fault = mailbox_peek(&drop->mailbox, path);
	if (fault != MAILBOX_FINE)
		return fault;
	drop->lock.mailbox = -1;
	drop->block = malloc(LIMITS_BLOCK);
	if (drop->block != NULL)
		return maildrop_rescan(drop);
	mailbox_close(&drop->mailbox);
	return MAILBOX_TROUBLE;
}

void
maildrop_close(struct maildrop *drop)
{
	lock_release(&drop->lock);
	mailbox_close(&drop->mailbox);
	free(drop->messages);
	free(drop->block);
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
	lock_keep(&drop->lock);
	return 0;
}

void
maildrop_forget_block(struct maildrop *drop)
{
	drop->block_n = 0;
}

ssize_t
maildrop_read(struct maildrop *drop, uint64_t offset, uint64_t end,
    const char **p)
{
	size_t n;

	if (offset < drop->block_at ||
	    offset >= drop->block_at + drop->block_n) {
		ssize_t got;

		do
			got = pread(drop->mailbox.fd, drop->block,
			    LIMITS_BLOCK, (off_t)offset);
		while (got == -1 && errno == EINTR);
		drop->block_at = offset;
		drop->block_n = got < 0 ? 0 : (size_t)got;
		if (got <= 0)
			return got;
	}
	*p = drop->block + (offset - drop->block_at);
	n = drop->block_n - (size_t)(offset - drop->block_at);
	if (end - offset < n)
		n = (size_t)(end - offset);
	return (ssize_t)n;
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
		n = maildrop_read(drop, *offset, end, &p);
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
	maildrop_forget_block(drop);
	n = at == end ? 0 : maildrop_read(drop, at, end, &p);
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

/* Feed the whole file, from its begin to where it ends now. */
static int
feed_all(struct maildrop *drop)
{
	struct mbox mbox;
	uint64_t at = 0;
	int result = 0;

	mbox_begin(&mbox, 0, add, drop);
	while (result == 0) {
		const char *p = NULL;
		ssize_t n = maildrop_read(drop, at, UINT64_MAX, &p);

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

/* The stamp to judge later changes by.  If the last change was in this very
 * tick of the clock, wait for the next one: it is a few milliseconds. */
static int
take_stamp(struct maildrop *drop)
{
	const struct timespec tick = { .tv_nsec = LIMITS_TICK_NS };
	struct timespec now;

	for (int i = 0; i < 2; i++) {
		(void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
		if (mailbox_stat(&drop->mailbox, &drop->stamp) == -1)
			return -1;
		drop->settled = mailbox_is_settled(&drop->mailbox,
		    &drop->stamp, now);
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
	drop->end = 0;
	maildrop_forget_block(drop);
	if (take_stamp(drop) == -1)
		goto trouble;
	if (drop->mailbox.fd != -1 &&
	    (feed_all(drop) == -1 || hide_pseudo(drop) == -1)) {
		if (errno == EBADMSG)
			return MAILBOX_NOT_MBOX;
		goto trouble;
	}
	drop->begin = drop->count > 0 ? drop->messages[0].offset : drop->end;
	/* The locks keep out who respects them: look whether all did. */
	if (!mailbox_is(&drop->mailbox, &drop->stamp))
		return MAILBOX_CHANGED;
	return MAILBOX_FINE;
trouble:
	log_error("%s: cannot be scanned: %s", drop->mailbox.path,
	    strerror(errno));
	return MAILBOX_TROUBLE;
}

static void
alive(void *to)
{
	lock_keep(to);
}

enum mailbox_fault
maildrop_recover(struct maildrop *drop)
{
	struct mailbox *mailbox = &drop->mailbox;
	enum journal_found found = JOURNAL_UNBELIEVED;
	struct journal journal;

	if (!mailbox_has_journal(mailbox))
		return MAILBOX_FINE;
	if (mailbox->read_only) {
		log_error("%s: an UPDATE was cut short, and the maildrop is "
		    "read-only: log in without --read-only once", mailbox->path);
		return MAILBOX_TROUBLE;
	}
	if (mailbox->fd != -1 && journal_begin(&journal, mailbox->fd,
	    mailbox->sidecar, mailbox->dir, drop->block) == 0) {
		journal.alive = alive;
		journal.to = &drop->lock;
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

enum mailbox_fault
maildrop_lock(struct maildrop *drop)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		enum lock_result got = lock_take(&drop->lock);
		enum mailbox_fault fault;
		int fd;

		if (got != LOCK_HELD) {
			log_error("%s: %s", drop->mailbox.path,
			    got == LOCK_BUSY ? "another program kept it locked "
			    "for the whole --lock-timeout" : strerror(errno));
			return MAILBOX_LOCKED;
		}
		if (!mailbox_was_replaced(&drop->mailbox))
			return MAILBOX_FINE;
		/* Who waited for the same lock put another file there. */
		lock_release(&drop->lock);
		fault = drop->rights.reopen(drop->rights.to, &fd);
		if (fault != MAILBOX_FINE)
			return fault;
		(void)close(drop->mailbox.fd);
		drop->mailbox.fd = drop->lock.mailbox = drop->dot.mailbox = fd;
		maildrop_forget_block(drop);
	}
	log_error("%s: is replaced again and again", drop->mailbox.path);
	return MAILBOX_LOCKED;
}

enum mailbox_fault
maildrop_scan(struct maildrop *drop)
{
	enum mailbox_fault fault = maildrop_lock(drop);

	if (fault != MAILBOX_FINE)
		return fault;
	if (drop->lock.dot_denied)
		drop->mailbox.read_only = true;
	fault = maildrop_recover(drop);
	if (fault == MAILBOX_FINE)
		fault = maildrop_rescan(drop);
	lock_release(&drop->lock);
	return fault;
}

bool
maildrop_is_unchanged(const struct maildrop *drop)
{
	return drop->settled && mailbox_is(&drop->mailbox, &drop->stamp);
}

static int
keep(void *to, const struct mbox_message *message)
{
	struct mbox_message *kept = to;

	*kept = *message;
	return 1;
}

bool
maildrop_measure(struct maildrop *drop, size_t i)
{
	const struct maildrop_message *m = &drop->messages[i];
	struct mbox_message now;
	struct mbox mbox;
	uint64_t at = m->offset;
	uint8_t id[LIMITS_UID_OCTETS];
	int result = 0;

	maildrop_forget_block(drop);
	mbox_begin(&mbox, at, keep, &now);
	while (result == 0) {
		const char *p = NULL;
		ssize_t n = maildrop_read(drop, at, UINT64_MAX, &p);

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
	if (result != 1 || now.offset != m->offset ||
	    now.octets != m->octets || now.end - now.separator !=
	    maildrop_end_of(drop, i) - m->separator)
		return false;
	if (!drop->identified)
		return true;
	return maildrop_hash(drop, i, id) == 0 &&
	    memcmp(id, m->id, sizeof(id)) == 0;
}

int
maildrop_hash(struct maildrop *drop, size_t i, uint8_t id[LIMITS_UID_OCTETS])
{
	uint64_t at = drop->messages[i].offset;
	uint64_t end = maildrop_end_of(drop, i) - drop->messages[i].separator;
	struct uid uid;

	uid_begin(&uid);
	while (at < end) {
		const char *p = NULL;
		ssize_t n = maildrop_read(drop, at, end, &p);

		if (n <= 0)
			return -1;
		uid_feed(&uid, p, (size_t)n);
		at += (uint64_t)n;
	}
	uid_end(&uid, id);
	return 0;
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
	for (size_t i = 0; i < drop->count; i++)
		drop->messages[i].marked = false;
	drop->marked = 0;
	drop->marked_octets = 0;
}
