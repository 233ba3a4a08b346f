/* SPDX-License-Identifier: ISC */
/*
 * Scanning a mailbox: all of it, or what lies behind messages that are known.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/imprint.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/span.h"
#include "mail/mbox.h"
#include "maildrop/maildrop.h"
#include "maildrop/scan.h"

/* UW imapd and its kin keep their state in a first message that is none. */
#define PSEUDO_SUBJECT "DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA"

enum mailbox_fault
scan_peek(struct maildrop *drop, const char *path, bool exact)
{
	enum mailbox_fault fault;

	maildrop_begin(drop);
	maildrop_be_exact(drop, exact);
	fault = mailbox_peek(&drop->mailbox, path);
	if (fault != MAILBOX_FINE)
		return fault;
	return maildrop_prepare(drop, NULL, 0) == -1 ? MAILBOX_TROUBLE :
	    scan_all(drop);
}

/* Cut the next line from a ${header}, and from it the ${name} of its field and
 * the ${value} behind the colon.  Returns false at the end of the header. */
static bool
next_field(struct span *header, struct span *name, struct span *value)
{
	*value = span_cut(header, '\n');
	if (value->n > 0 && value->p[value->n - 1] == '\r')
		value->n--;
	if (value->n == 0)
		return false;
	*name = span_cut(value, ':');
	return true;
}

/* The first message may be the state of other programs.  It is no message then,
 * and stays: it has the sender in its From_ line that these programs write,
 * both fields and, as far as its header fits a block, no trace of a delivery,
 * or any stranger could send one. */
static int
hide_pseudo(struct maildrop *drop)
{
	bool subject = false, imap = false, delivered = false;
	struct span header, name, value;
	uint64_t at;
	int got;

	if (drop->count == 0)
		return 0;
	at = drop->messages[0].offset;
	got = block_next(&drop->block, &at, maildrop_end_of(drop, 0), &header);
	if (got != 1)
		return got;
	value = span_cut(&header, '\n');
	(void)span_cut(&value, ' ');
	name = span_cut(&value, ' ');
	if (!span_equal(name, SPAN("MAILER-DAEMON")) &&
	    !span_equal(name, SPAN("MAILER_DAEMON")))
		return 0;
	while (header.p != NULL && next_field(&header, &name, &value)) {
		subject |= span_equal_nocase(name, SPAN("Subject")) &&
		    span_equal(span_trim(value), SPAN(PSEUDO_SUBJECT));
		imap |= span_equal_nocase(name, SPAN("X-IMAP")) ||
		    span_equal_nocase(name, SPAN("X-IMAPbase"));
		delivered |= span_equal_nocase(name, SPAN("Received")) ||
		    span_equal_nocase(name, SPAN("Return-Path"));
	}
	if (subject && imap && !delivered)
		maildrop_hide(drop);
	return 0;
}

/* A scan on its way through the mailbox. */
struct pass {
	struct maildrop *drop;
	struct mbox mbox;
	struct imprint imprint;	/* of the open message, for its sum ... */
	uint64_t summed;	/* ... up to this offset */
	const char *octets;	/* those of the mailbox from ... */
	uint64_t at;		/* ... this offset on */
	bool missed;		/* there is a message without its sum */
};

/* Whether a message may end at ${at}: there is the end of the file, or behind a
 * line end an empty line with either that end or a usual From_ line behind. */
static bool
is_end(struct maildrop *drop, uint64_t at)
{
	uint64_t size = drop->stamp.size;
	struct span rest, line;
	const char *p;
	ssize_t n;

	if (at >= size)
		return at == size;
	block_hold(&drop->second, at - 1, at + LIMITS_SAMPLE < size ?
	    at + LIMITS_SAMPLE : size);
	n = block_read(&drop->second, at - 1, size, &p);
	if (n <= 0)
		return false;
	rest = (struct span){ p, (size_t)n };
	if (span_cut(&rest, '\n').n > 0)
		return false;
	line = span_cut(&rest, '\n');
	if (rest.p == NULL || (line.n > 0 && !span_equal(line, SPAN("\r"))))
		return false;
	line = span_cut(&rest, '\n');
	return rest.p == NULL ? line.n == 0 && at - 1 + (uint64_t)n == size :
	    from_is_usual(line.p, line.n);
}

/* Where the message whose header begins at ${text} ends by its one field
 * Content-Length, if a message may end there; else 0. */
static uint64_t
reach(void *to, uint64_t text)
{
	struct maildrop *drop = ((struct pass *)to)->drop;
	uint64_t size = drop->stamp.size, at = text, length = 0;
	uint64_t limit = text + LIMITS_HEADER < size ? text + LIMITS_HEADER :
	    size;
	struct span header, name, value;
	unsigned fields = 0;

	block_hold(&drop->second, text, limit);
	if (block_next(&drop->second, &at, limit, &header) != 1)
		return 0;
	while (header.p != NULL && next_field(&header, &name, &value))
		if (span_equal_nocase(name, SPAN("Content-Length")) &&
		    (fields++ > 0 || span_number(span_trim(value), size,
		    &length) == -1))
			return 0;
	/* The body begins where what was read of it does. */
	at += length - header.n;
	return fields == 1 && header.p != NULL && is_end(drop, at) ? at : 0;
}

/* Take the sum of the message that begins at ${begin} up to ${end}.  Returns
 * whether the octets are in memory. */
static bool
sum_up(struct pass *pass, uint64_t begin, uint64_t end)
{
	if (pass->summed <= begin) {
		mbox_begin_sum(&pass->imprint, begin);
		pass->summed = begin;
	}
	if (pass->summed < pass->at)
		return false;
	imprint_feed(&pass->imprint, pass->octets + (pass->summed - pass->at),
	    (size_t)(end - pass->summed));
	pass->summed = end;
	return true;
}

static int
add(void *to, const struct mbox_message *message)
{
	struct pass *pass = to;
	uint64_t end = message->end - message->separator, sum = 0;

	if (message->offset >= pass->at)
		sum = mbox_sum(message, pass->octets +
		    (message->offset - pass->at));
	else if (sum_up(pass, message->offset, end))
		sum = mbox_end_sum(&pass->imprint, message->octets);
	else
		pass->missed = true;
	return maildrop_add(pass->drop, message, sum);
}

/* Read message ${m}, which ends at ${end}, for its sum. */
static int
sum_again(struct maildrop *drop, struct maildrop_message *m, uint64_t end)
{
	uint64_t at = m->offset;
	struct imprint imprint;
	struct span piece;
	int got;

	mbox_begin_sum(&imprint, at);
	while ((got = block_next(&drop->block, &at, end, &piece)) == 1)
		imprint_feed(&imprint, piece.p, piece.n);
	m->sum = mbox_end_sum(&imprint, m->octets);
	return got;
}

static int
sum_missed(struct maildrop *drop)
{
	for (size_t i = 0; i < drop->count; i++)
		if (drop->messages[i].sum == 0 && sum_again(drop,
		    &drop->messages[i], maildrop_end_of(drop, i) -
		    drop->messages[i].separator) == -1)
			return -1;
	return 0;
}

/* Read what the file has from ${from} on.  Returns as block_read. */
static ssize_t
read_from(struct pass *pass, uint64_t from)
{
	ssize_t n;

	block_forget(&pass->drop->block);
	n = block_read(&pass->drop->block, from, UINT64_MAX, &pass->octets);
	if (n > 0)
		pass->at = from;
	return n;
}

/* Read on, from what is not summed yet to behind ${at}, and scan that.  Returns
 * how many octets it was, 0 at the end of the file, or -1 with errno. */
static ssize_t
read_on(struct pass *pass, uint64_t at)
{
	uint64_t begin, sure = mbox_sure(&pass->mbox, &begin);
	/* To copy whole pages is faster. */
	uint64_t from = sure - sure % LIMITS_PAGE;
	ssize_t n;

	/* What may be a From_ line is longer than the block: */
	if (at - from >= LIMITS_BLOCK)
		from = at;
	n = read_from(pass, from);
	/* Nothing new is not the end: a disk gives what is before a broken
	 * place, and only who asks for that is told. */
	if (n > 0 && n <= (ssize_t)(at - from)) {
		from = at;
		n = read_from(pass, from);
	}
	if (n <= 0)
		return n;
	if (mbox_feed(&pass->mbox, pass->octets + (at - from),
	    (size_t)n - (size_t)(at - from)) == -1)
		return -1;
	sure = mbox_sure(&pass->mbox, &begin);
	if (begin < sure)
		(void)sum_up(pass, begin, sure);
	return n - (ssize_t)(at - from);
}

/* Add the messages from offset ${at}, where one begins, to the end of the file.
 * Returns 0, or -1 with errno; EBADMSG if it is no mbox, which is logged. */
static int
feed(struct maildrop *drop, uint64_t at)
{
	struct pass pass = { .drop = drop };
	ssize_t n = 1;

	mbox_begin(&pass.mbox, at, add, &pass);
	if (drop->exact) {
		if (block_open(&drop->second) == -1)
			return -1;
		mbox_ask(&pass.mbox, reach);
	}
	for (; n > 0 && at < drop->stamp.size; at += (uint64_t)n)
		n = read_on(&pass, at);
	if (n >= 0)
		n = mbox_end(&pass.mbox);
	block_forget(&drop->second);
	block_close(&drop->second);
	if (n == -1 && pass.mbox.state == MBOX_REFUSED) {
		log_error("%s: not an mbox: the line at offset %llu is no "
		    "From_ line", drop->mailbox.path,
		    (unsigned long long)pass.mbox.at);
		errno = EBADMSG;
	}
	return n == 0 && pass.missed ? sum_missed(drop) : (int)n;
}

enum mailbox_fault
scan_all(struct maildrop *drop)
{
	maildrop_forget(drop);
	if (maildrop_stamp(drop) == -1)
		goto trouble;
	if (drop->mailbox.fd != -1 && maildrop_is_locked(drop) &&
	    (feed(drop, 0) == -1 || hide_pseudo(drop) == -1)) {
		if (errno == EBADMSG)
			return MAILBOX_NOT_MBOX;
		goto trouble;
	}
	/* The locks keep out who respects them: look whether all did. */
	if (mailbox_is(&drop->mailbox, &drop->stamp)) {
		maildrop_scanned(drop);
		return MAILBOX_FINE;
	}
	log_warning("%s: is changed by a program that takes none of --locks",
	    drop->mailbox.path);
	return MAILBOX_CHANGED;
trouble:
	log_error("%s: cannot be scanned: %s", drop->mailbox.path,
	    strerror(errno));
	return MAILBOX_TROUBLE;
}

bool
scan_behind(struct maildrop *drop, size_t n)
{
	struct maildrop_message last = drop->messages[n - 1];
	uint64_t end = maildrop_end_of(drop, n - 1) - last.separator;
	bool ids = maildrop_has_ids(drop);

	maildrop_cut(drop, n - 1);
	block_forget(&drop->block);
	if (feed(drop, last.offset) == -1 || drop->count < n ||
	    drop->messages[n - 1].octets != last.octets ||
	    maildrop_end_of(drop, n - 1) - drop->messages[n - 1].separator !=
	    end)
		return false;
	maildrop_restore(drop, n - 1, &last);
	if (ids && drop->count == n)
		maildrop_identified(drop);
	return true;
}
