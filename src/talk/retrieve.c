/* SPDX-License-Identifier: ISC */
/*
 * RETR and TOP.  A message is looked at before and after it is sent, as far as
 * somebody else may have changed the mailbox since it was scanned.
 */
#include "config.h"

#include <stdbool.h>

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

/* Whether message ${i} ends where the index has it: a cached one is not
 * believed to know that. */
static bool
is_bounded(struct maildrop *drop, size_t i)
{
	return !maildrop_is_cached(drop) || message_is_whole(drop, i);
}

/* Whether message ${i} is what was scanned, and the mailbox's ${stamp} when
 * that was looked at. */
static bool
is_as_scanned(struct maildrop *drop, size_t i, struct stamp *stamp)
{
	bool bounded = is_bounded(drop, i);
	uint64_t at = drop->messages[i].offset, end = maildrop_end_of(drop, i);

	/* Read first, then look: what is in the block then stays right. */
	block_hold(&drop->block, at,
	    end - at < LIMITS_BLOCK ? end : at + LIMITS_BLOCK);
	*stamp = drop->stamp;
	if (maildrop_is_unchanged(drop)) {
		block_vouch(&drop->block);
		if (!bounded)
			cache_distrust(drop);
		return bounded;
	}
	block_forget(&drop->block);
	return mailbox_stat(&drop->mailbox, stamp) == 0 &&
	    message_is_proved(drop, i);
}

/* Look at message ${i} before its first octet is sent: ${whole}, or what TOP
 * sends of it. */
static enum certainty
look(struct maildrop *drop, size_t i, bool whole, struct stamp *stamp)
{
	bool fits = maildrop_end_of(drop, i) - drop->messages[i].offset <=
	    LIMITS_BLOCK;

	/* What does not fit into memory is read while it is sent, and there may
	 * be a change meanwhile: its sum tells. */
	if (whole || fits)
		message_sum_ahead(drop);
	if (whole && !fits)
		message_sum_from(drop, i, 0);
	/* Looking for its end may read on, over its begin. */
	if (is_held(drop, i) && is_bounded(drop, i) && is_held(drop, i))
		return HELD;
	if (!is_as_scanned(drop, i, stamp))
		return CHANGED;
	return is_held(drop, i) ? HELD : BEGUN;
}

/* Whether message ${i}, which had begun at ${stamp}, still is what was scanned,
 * now that ${n} of its stored octets were sent: the first block of them was
 * certainly that, the others are if the whole has the sum that is known of
 * it. */
static bool
is_still(struct maildrop *drop, size_t i, struct stamp *stamp, uint64_t n)
{
	/* Other stamps may hide a change in the same tick of the clock. */
	if (drop->settled && stamp_equal(stamp, &drop->stamp) &&
	    mailbox_is_still(&drop->mailbox, stamp)) {
		block_vouch(&drop->block);
		return true;
	}
	block_forget(&drop->block);
	return drop->messages[i].sum != 0 ? message_is_proved(drop, i) :
	    n <= LIMITS_BLOCK;
}

/* Send message ${i}, the text of which begins at ${at}: whole, or with ${top}
 * as far as TOP goes.  Returns how many octets were sent, or -1 if they could
 * not be read to their end. */
static int64_t
send_text(struct retrieve *retrieve, size_t i, uint64_t at,
    struct mbox_top *top)
{
	struct maildrop *drop = retrieve->drop;
	uint64_t end = maildrop_end_of(drop, i) - drop->messages[i].separator;
	struct body body = { .octets = 0 };

	while (at < end && retrieve->wire->end == WIRE_OPEN) {
		const char *p = NULL;
		ssize_t n = block_read(&drop->block, at, end, &p);
		size_t part;

		if (n <= 0)
			return -1;
		part = top == NULL ? (size_t)n : mbox_top(top, p, (size_t)n);
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

enum reply_text
retrieve_message(struct retrieve *retrieve, size_t i, struct mbox_top *top)
{
	struct maildrop *drop = retrieve->drop;
	const struct maildrop_message *m = &drop->messages[i];
	const struct reply reply = {
		.text = top == NULL ? REPLY_RETR : REPLY_TOP,
		.octets = m->octets,
	};
	uint64_t text;
	struct stamp stamp;
	enum certainty certainty = look(drop, i, top == NULL, &stamp);
	int64_t sent;

	if (certainty == CHANGED || maildrop_text_of(drop, i, &text) == -1)
		return REPLY_CHANGED;
	reply_say(retrieve->wire, &reply);
	/* DELE will want the sum, and need not read the message again. */
	if (certainty == HELD && top == NULL)
		message_sum_from(drop, i, 0);
	sent = send_text(retrieve, i, text, top);
	retrieve->octets += sent < 0 ? 0 : (uint64_t)sent;
	if (retrieve->wire->end != WIRE_OPEN)
		return REPLY_SENT;
	if (sent < 0 || (top == NULL && (uint64_t)sent != m->octets) ||
	    (certainty == BEGUN && !is_still(drop, i, &stamp,
	    text - m->offset + (uint64_t)sent)))
		return REPLY_CLOSED;
	wire_put(retrieve->wire, SPAN(".\r\n"));
	retrieve->messages += top == NULL;
	return REPLY_SENT;
}
