/* SPDX-License-Identifier: ISC */
/*
 * RETR and TOP.  A message is looked at before and after it is sent, as far as
 * somebody else may have changed the mailbox since it was scanned.
 */
#include "config.h"

#include <stdbool.h>

#include "base/imprint.h"
#include "mail/edge.h"
#include "mail/mbox.h"
#include "maildrop/cache.h"
#include "maildrop/maildrop.h"
#include "maildrop/message.h"
#include "talk/retrieve.h"
#include "talk/wire.h"

/* Is a message that is about to be sent what was scanned? */
enum certainty {
	CHANGED,	/* it is not */
	BEGUN,		/* it is now: look again behind its last octet */
	SUMMED,		/* the sum of what is sent will tell */
	HELD		/* it is, and it is in memory from end to end */
};

/* Whether message ${i} is in memory, as it was scanned. */
static bool
is_held(const struct maildrop *drop, size_t i)
{
	return block_is_sure(&drop->block, drop->messages[i].offset,
	    maildrop_end_of(drop, i));
}

/* Whether message ${i} is whole, which a cached index is not believed to know.
 * If it ${streams}, its sum will tell, and it only begins where it should. */
static bool
is_bounded(struct maildrop *drop, size_t i, bool streams)
{
	return !maildrop_is_cached(drop) || (streams ? edge_is_behind_empty(
	    &drop->block, drop->messages[i].offset) :
	    message_is_whole(drop, i));
}

/* Whether message ${i} is what was scanned; if it ${streams}, whether it begins
 * so. */
static bool
is_as_scanned(struct maildrop *drop, size_t i, bool streams)
{
	bool bounded = is_bounded(drop, i, streams);
	uint64_t at = drop->messages[i].offset, end = maildrop_end_of(drop, i);

	/* Read first, then look: what is in the block then stays right. */
	if (!streams)
		block_hold(&drop->block, at,
		    end - at < LIMITS_BLOCK ? end : at + LIMITS_BLOCK);
	if (!maildrop_is_unchanged(drop)) {
		block_forget(&drop->block);
		return message_is_whole(drop, i);
	}
	block_vouch(&drop->block);
	return bounded;
}

/* Look at message ${i} before its first octet is sent: ${whole}, or what TOP
 * sends of it. */
static enum certainty
look(struct maildrop *drop, size_t i, bool whole)
{
	bool fits = maildrop_end_of(drop, i) - drop->messages[i].offset <=
	    LIMITS_BLOCK;
	bool streams = whole && !fits;

	/* Looking for its end may read on, over its begin. */
	if (is_held(drop, i) && is_bounded(drop, i, false) && is_held(drop, i))
		return HELD;
	if (!is_as_scanned(drop, i, streams))
		return CHANGED;
	/* What does not fit into memory is read while it is sent, and there may
	 * be a change meanwhile: its sum tells. */
	return streams ? SUMMED : is_held(drop, i) ? HELD : BEGUN;
}

/* Whether message ${i}, of which TOP was sent, still is what was scanned. */
static bool
is_still(struct maildrop *drop, size_t i)
{
	/* Other stamps may hide a change in the same tick of the clock. */
	if (drop->settled && mailbox_is_still(&drop->mailbox, &drop->stamp)) {
		block_vouch(&drop->block);
		return true;
	}
	block_forget(&drop->block);
	return message_is_whole(drop, i);
}

/* A message on its way to the client. */
struct sending {
	size_t i;		/* which one, counted from 0 */
	uint64_t text;		/* where it begins, behind its From_ line */
	struct mbox_top *top;	/* how far TOP goes; NULL: RETR */
	enum certainty certainty;
	struct imprint imprint;	/* SUMMED: of what was read */
};

/* Send a message as far as it goes.  Returns how many octets were sent, or -1
 * if they could not be read to their end. */
static int64_t
send_text(struct retrieve *retrieve, struct sending *sending)
{
	struct maildrop *drop = retrieve->drop;
	const struct maildrop_message *m = &drop->messages[sending->i];
	bool summed = sending->certainty == SUMMED;
	uint64_t end = maildrop_end_of(drop, sending->i) - m->separator;
	uint64_t at = summed ? m->offset : sending->text;
	struct mbox_top *top = sending->top;
	struct body body = { .octets = 0 };
	struct span piece;
	size_t part;

	while (at < end && retrieve->wire->end == WIRE_OPEN) {
		if (block_next(&drop->block, &at, end, &piece) != 1)
			return -1;
		if (summed)
			imprint_feed(&sending->imprint, piece.p, piece.n);
		/* Of the From_ line there is only the sum. */
		if (at <= sending->text)
			continue;
		if (at - piece.n < sending->text) {
			piece.p += piece.n - (at - sending->text);
			piece.n = (size_t)(at - sending->text);
		}
		part = top == NULL ? piece.n : mbox_top(top, piece.p, piece.n);
		wire_body(retrieve->wire, &body, piece.p, part);
		if (part < piece.n)
			break;
	}
	wire_body_end(retrieve->wire, &body);
	/* TOP has an empty line behind the header even if the message does
	 * not. */
	if (top != NULL && !top->body)
		wire_put(retrieve->wire, SPAN("\r\n"));
	return (int64_t)body.octets;
}

/* Whether the client may have the final dot, after ${sent} octets. */
static bool
was_right(struct maildrop *drop, struct sending *sending, int64_t sent)
{
	const struct maildrop_message *m = &drop->messages[sending->i];

	if (sent < 0 || (sending->top == NULL && (uint64_t)sent != m->octets))
		return false;
	if (sending->certainty == BEGUN)
		return is_still(drop, sending->i);
	return sending->certainty == HELD ||
	    message_was_whole(drop, sending->i, &sending->imprint);
}

/* retrieve_message, without what follows from a message that is not what was
 * scanned. */
static enum reply_text
send_message(struct retrieve *retrieve, size_t i, struct mbox_top *top)
{
	struct maildrop *drop = retrieve->drop;
	const struct reply reply = {
		.text = top == NULL ? REPLY_RETR : REPLY_TOP,
		.octets = drop->messages[i].octets,
	};
	struct sending sending = { .i = i, .top = top };
	int64_t sent;

	sending.certainty = look(drop, i, top == NULL);
	if (sending.certainty == CHANGED ||
	    maildrop_text_of(drop, i, &sending.text) == -1)
		return REPLY_CHANGED;
	reply_say(retrieve->wire, &reply);
	if (sending.certainty == SUMMED)
		mbox_begin_sum(&sending.imprint,
		    drop->messages[i].offset);
	sent = send_text(retrieve, &sending);
	retrieve->octets += sent < 0 ? 0 : (uint64_t)sent;
	if (retrieve->wire->end != WIRE_OPEN)
		return REPLY_SENT;
	if (!was_right(drop, &sending, sent))
		return REPLY_CLOSED;
	wire_put(retrieve->wire, SPAN(".\r\n"));
	retrieve->messages += top == NULL;
	return REPLY_SENT;
}

enum reply_text
retrieve_message(struct retrieve *retrieve, size_t i, struct mbox_top *top)
{
	struct maildrop *drop = retrieve->drop;
	enum reply_text text = send_message(retrieve, i, top);

	/* The mailbox is as it was and the message is not: the index lies. */
	if (text != REPLY_SENT && maildrop_is_unchanged(drop))
		cache_distrust(drop);
	return text;
}
