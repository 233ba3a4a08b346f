/* SPDX-License-Identifier: ISC */
/*
 * The TRANSACTION state.
 */
#include "config.h"

#include "base/log.h"
#include "mail/mbox.h"
#include "mail/uid.h"
#include "maildrop/cache.h"
#include "maildrop/identity.h"
#include "maildrop/maildrop.h"
#include "maildrop/message.h"
#include "talk/transaction.h"
#include "talk/wire.h"

/* Have the messages in memory, and look for the one that ${command} names, if
 * it names one: its number goes to ${reply}.  Returns DISPATCH_OK, or the text
 * that says why it cannot be had. */
static enum dispatch_text
find(const struct transaction *state, const struct dispatch_command *command,
    struct dispatch_reply *reply)
{
	struct maildrop *drop = state->retrieve.drop;
	enum dispatch_text text = dispatch_fault(cache_need(drop));

	if (text != DISPATCH_OK || command->given == 0)
		return text;
	reply->n = command->numbers[0];
	if (reply->n >= 1 && reply->n <= drop->count)
		return drop->messages[reply->n - 1].marked ?
		    DISPATCH_IS_DELETED : DISPATCH_OK;
	reply->n = drop->count;
	return DISPATCH_NO_SUCH;
}

/* Have ${text}; the log learns of the first DISPATCH_CHANGED. */
static enum dispatch_text
note(struct transaction *state, enum dispatch_text text)
{
	if (text == DISPATCH_CHANGED && !state->changed) {
		log_warning("%s: was changed by another program: "
		    "what is not as it was is not sent",
		    state->retrieve.drop->mailbox.path);
		state->changed = true;
	}
	return text;
}

static void
total(const struct transaction *state, struct dispatch_reply *reply)
{
	const struct maildrop *drop = state->retrieve.drop;

	reply->n = drop->count - drop->marked;
	reply->octets = drop->octets - drop->marked_octets;
}

static enum dispatch_text
stat_all(void *to, const struct dispatch_command *command,
    struct dispatch_reply *reply)
{
	(void)command;
	total(to, reply);
	return DISPATCH_STAT;
}

/* What a listing says of a message, written to ${room} if need be. */
typedef struct span printer(const struct maildrop_message *message,
    char room[LIMITS_UID_MAX + 1]);

static struct span
print_octets(const struct maildrop_message *message,
    char room[LIMITS_UID_MAX + 1])
{
	return span_digits(message->octets, room);
}

static struct span
print_uid(const struct maildrop_message *message,
    char room[LIMITS_UID_MAX + 1])
{
	uid_print(message->id, message->copy, room);
	return span_of(room);
}

/* Tell what ${print} says of the message that ${reply} has the number of; or
 * under the heading ${all} of every one that is not marked. */
static enum dispatch_text
tell(const struct transaction *state, struct dispatch_reply *reply,
    enum dispatch_text all, printer *print)
{
	const struct maildrop *drop = state->retrieve.drop;
	struct wire *wire = state->retrieve.wire;
	char room[LIMITS_UID_MAX + 1], digits[SPAN_DIGITS];

	if (reply->n != 0) {
		reply->text = DISPATCH_ITEM;
		reply->name = print(&drop->messages[reply->n - 1], room);
		dispatch_say(wire, reply);
		return DISPATCH_SENT;
	}
	reply->text = all;
	total(state, reply);
	dispatch_say(wire, reply);
	for (size_t i = 0; i < drop->count; i++) {
		if (drop->messages[i].marked)
			continue;
		wire_put(wire, span_digits(i + 1, digits));
		wire_put(wire, SPAN(" "));
		wire_put(wire, print(&drop->messages[i], room));
		wire_put(wire, SPAN("\r\n"));
	}
	wire_put(wire, SPAN(".\r\n"));
	return DISPATCH_SENT;
}

static enum dispatch_text
list(void *to, const struct dispatch_command *command,
    struct dispatch_reply *reply)
{
	enum dispatch_text text = find(to, command, reply);

	return text != DISPATCH_OK ? text :
	    tell(to, reply, DISPATCH_LIST_ALL, print_octets);
}

static enum dispatch_text
uidl(void *to, const struct dispatch_command *command,
    struct dispatch_reply *reply)
{
	struct transaction *state = to;
	enum dispatch_text text = find(state, command, reply);

	if (text == DISPATCH_OK)
		text = note(state, dispatch_fault(
		    identity_complete(state->retrieve.drop)));
	return text != DISPATCH_OK ? text :
	    tell(state, reply, DISPATCH_UIDL_ALL, print_uid);
}

/* Send message number ${n}, whole or cut by ${top}. */
static enum dispatch_text
send_message(struct transaction *state, uint64_t n, struct mbox_top *top)
{
	enum dispatch_text text = note(state,
	    retrieve_message(&state->retrieve, n - 1, top));

	state->torn = text == DISPATCH_CLOSED;
	return text;
}

static enum dispatch_text
retr(void *to, const struct dispatch_command *command,
    struct dispatch_reply *reply)
{
	enum dispatch_text text = find(to, command, reply);

	return text != DISPATCH_OK ? text : send_message(to, reply->n, NULL);
}

static enum dispatch_text
top(void *to, const struct dispatch_command *command,
    struct dispatch_reply *reply)
{
	struct mbox_top top = { .lines = command->numbers[1] };
	enum dispatch_text text = find(to, command, reply);

	if (text == DISPATCH_OK)
		return send_message(to, reply->n, &top);
	return text == DISPATCH_NO_SUCH ? DISPATCH_NO_SUCH_TOP : text;
}

static enum dispatch_text
dele(void *to, const struct dispatch_command *command,
    struct dispatch_reply *reply)
{
	const struct transaction *state = to;
	struct maildrop *drop = state->retrieve.drop;
	enum dispatch_text text;

	if (drop->mailbox.read_only)
		return DISPATCH_READ_ONLY;
	text = find(state, command, reply);
	if (text != DISPATCH_OK)
		return text == DISPATCH_IS_DELETED ?
		    DISPATCH_ALREADY_DELETED : text;
	/* By its sum it is known again if the mailbox changes. */
	message_sum_ahead(drop, reply->n - 1);
	message_sum_from(drop, reply->n - 1, LIMITS_BLOCK);
	maildrop_mark(drop, reply->n - 1);
	return DISPATCH_DELETED;
}

static enum dispatch_text
noop(void *to, const struct dispatch_command *command,
    struct dispatch_reply *reply)
{
	(void)to;
	(void)command;
	(void)reply;
	return DISPATCH_OK;
}

static enum dispatch_text
rset(void *to, const struct dispatch_command *command,
    struct dispatch_reply *reply)
{
	const struct transaction *state = to;

	(void)command;
	maildrop_unmark_all(state->retrieve.drop);
	total(state, reply);
	return DISPATCH_MAILDROP;
}

static enum dispatch_text
capa(void *to, const struct dispatch_command *command,
    struct dispatch_reply *reply)
{
	const struct transaction *state = to;

	(void)command;
	(void)reply;
	dispatch_capabilities(state->retrieve.wire, state->passwords, true);
	return DISPATCH_SENT;
}

static enum dispatch_text
quit(void *to, const struct dispatch_command *command,
    struct dispatch_reply *reply)
{
	(void)to;
	(void)command;
	(void)reply;
	return DISPATCH_LEFT;
}

enum dispatch_end
transaction_run(struct transaction *state, unsigned *bad)
{
	static const struct dispatch_row rows[] = {
		{ "STAT", DISPATCH_NONE, stat_all },
		{ "LIST", DISPATCH_MAYBE_NUMBER, list },
		{ "RETR", DISPATCH_NUMBER, retr },
		{ "DELE", DISPATCH_NUMBER, dele },
		{ "NOOP", DISPATCH_NONE, noop },
		{ "RSET", DISPATCH_NONE, rset },
		{ "TOP", DISPATCH_TWO_NUMBERS, top },
		{ "UIDL", DISPATCH_MAYBE_NUMBER, uidl },
		{ "CAPA", DISPATCH_NONE, capa },
		{ "QUIT", DISPATCH_NONE, quit },
		{ "USER", DISPATCH_NONE, NULL },
		{ "PASS", DISPATCH_NONE, NULL },
		{ "APOP", DISPATCH_NONE, NULL },
		{ NULL, DISPATCH_NONE, NULL }
	};
	const struct dispatch dispatch = { "TRANSACTION", rows, bad };

	return dispatch_run(&dispatch, state->retrieve.wire, state);
}
