/* SPDX-License-Identifier: ISC */
/*
 * RETR and TOP.
 */
#include "config.h"

#include <stdbool.h>

#include "base/imprint.h"
#include "mail/mbox.h"
#include "maildrop/cache.h"
#include "maildrop/maildrop.h"
#include "maildrop/message.h"
#include "talk/retrieve.h"
#include "talk/wire.h"

/* Is a message that is about to be sent what was scanned? */
enum certainty {
	CHANGED,	/* it is not, or nobody knows */
	BEGUN,		/* it is now: look again behind its last octet */
	HELD		/* it is, and it is in memory from end to end */
};

/* Whether message ${i} is in memory, as it was scanned. */
static bool
is_held(const struct maildrop *drop, size_t i)
{
	return block_is_sure(&drop->block, drop->messages[i].offset,
	    maildrop_end_of(drop, i));
}

/* Whether message ${i} is what was scanned, the mailbox having ${stamp} then.
 * A cached index is not believed to know where a message ends. */
static bool
is_as_scanned(struct maildrop *drop, size_t i, struct stamp *stamp)
{
	/* Read first, then look: what is in the block then stays right. */
	block_hold(&drop->block, drop->messages[i].offset,
	    maildrop_end_of(drop, i));
	*stamp = drop->stamp;
	if (maildrop_is_unchanged(drop)) {
		block_vouch(&drop->block);
		if (!maildrop_is_cached(drop) || message_is_whole(drop, i))
			return true;
		cache_distrust(drop);
		return false;
	}
	block_forget(&drop->block);
	return mailbox_stat(&drop->mailbox, stamp) == 0 &&
	    message_is_proved(drop, i);
}

/* Look at message ${i} before its first octet is sent. */
static enum certainty
look(struct maildrop *drop, size_t i, struct stamp *stamp)
{
	if (maildrop_end_of(drop, i) - drop->messages[i].offset <= LIMITS_BLOCK)
		message_sum_ahead(drop, i);
	/* Looking for its end may read on, over its begin. */
	if (is_held(drop, i) &&
	    (!maildrop_is_cached(drop) || (message_is_whole(drop, i) && is_held(drop, i))))
		return HELD;
	if (!is_as_scanned(drop, i, stamp))
		return CHANGED;
	return is_held(drop, i) ? HELD : BEGUN;
}

/* Whether message ${i}, which had begun at ${stamp}, still is what was scanned,
 * behind its last octet.  The begin of one that fills more than a block was
 * certainly that: if its sum is not known its place, its octets and its end are
 * enough. */
static bool
is_still(struct maildrop *drop, size_t i, struct stamp *stamp)
{
	/* Other stamps may hide a change in the same tick of the clock. */
	if (drop->settled && stamp_equal(stamp, &drop->stamp) &&
	    mailbox_is_still(&drop->mailbox, stamp)) {
		block_vouch(&drop->block);
		return true;
	}
	block_forget(&drop->block);
	return drop->messages[i].sum != 0 ? message_is_proved(drop, i) :
	    message_is_whole(drop, i);
}

/* Send message ${i}, the text of which begins at ${text}: whole, or with ${top}
 * as far as TOP goes.  Its stored octets are fed to ${imprint} if that is not
 * NULL.  Returns how many were sent, or -1 if they could not be read to their
 * end. */
static int64_t
send_text(struct retrieve *retrieve, size_t i, uint64_t text,
    struct mbox_top *top, struct imprint *imprint)
{
	struct maildrop *drop = retrieve->drop;
	const struct maildrop_message *m = &drop->messages[i];
	uint64_t end = maildrop_end_of(drop, i) - m->separator;
	uint64_t at = imprint == NULL ? text : m->offset;
	struct body body = { .octets = 0 };

	if (imprint != NULL)
		imprint_begin(imprint, at, end - at);
	while (at < end && retrieve->wire->end == WIRE_OPEN) {
		const char *p = NULL;
		ssize_t n = block_read(&drop->block, at,
		    at < text ? text : end, &p);
		size_t part;

		if (n <= 0)
			return -1;
		part = top == NULL ? (size_t)n : mbox_top(top, p, (size_t)n);
		if (imprint != NULL)
			imprint_feed(imprint, p, part);
		if (at >= text)
			wire_body(retrieve->wire, &body, p, part);
		if (part < (size_t)n)
			break;
		at += (uint64_t)n;
	}
	wire_body_end(retrieve->wire, &body);
	/* TOP has an empty line behind the header even if the message does
	 * not. */
	if (top != NULL && !top->body)
		wire_put(retrieve->wire, SPAN("\r\n"));
	return (int64_t)body.octets;
}

enum dispatch_text
retrieve_message(struct retrieve *retrieve, size_t i, struct mbox_top *top)
{
	struct maildrop *drop = retrieve->drop;
	const struct maildrop_message *m = &drop->messages[i];
	const struct dispatch_reply reply = {
		.text = top == NULL ? DISPATCH_RETR : DISPATCH_TOP,
		.octets = m->octets,
	};
	uint64_t text;
	struct stamp stamp;
	struct imprint imprint;
	enum certainty certainty = look(drop, i, &stamp);
	bool summing = top == NULL && m->sum == 0;
	int64_t sent;

	if (certainty == CHANGED || maildrop_text_of(drop, i, &text) == -1)
		return DISPATCH_CHANGED;
	dispatch_say(retrieve->wire, &reply);
	sent = send_text(retrieve, i, text, top, summing ? &imprint : NULL);
	retrieve->octets += sent < 0 ? 0 : (uint64_t)sent;
	if (retrieve->wire->end != WIRE_OPEN)
		return DISPATCH_SENT;
	if (sent < 0 || (top == NULL && (uint64_t)sent != m->octets) ||
	    (certainty == BEGUN && !is_still(drop, i, &stamp)))
		return DISPATCH_CLOSED;
	/* DELE wants it, and need not read the message again. */
	if (summing && drop->block.vouched)
		message_sum_is(drop, i, &imprint);
	wire_put(retrieve->wire, SPAN(".\r\n"));
	retrieve->messages += top == NULL;
	return DISPATCH_SENT;
}
