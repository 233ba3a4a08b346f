/* SPDX-License-Identifier: ISC */
/*
 * The TRANSACTION state.
 */
#include "config.h"

#include "base/log.h"
#include "mail/mbox.h"
#include "maildrop/cache.h"
#include "maildrop/identity.h"
#include "maildrop/maildrop.h"
#include "maildrop/message.h"
#include "talk/transaction.h"
#include "talk/wire.h"

/* Have the messages in memory, and look for the one that ${command} names, if
 * it names one: its number goes to ${reply}.  Returns REPLY_OK, or the text
 * that says why it cannot be had. */
static enum reply_text
find(const struct transaction *state, struct dispatch_command *command)
{
	struct maildrop *drop = state->retrieve.drop;
	enum reply_text text = reply_fault(cache_need(drop));

	if (text != REPLY_OK || command->given == 0)
		return text;
	command->reply.n = command->numbers[0];
	if (command->reply.n >= 1 && command->reply.n <= drop->count)
		return drop->messages[command->reply.n - 1].marked ?
		    REPLY_IS_DELETED : REPLY_OK;
	command->reply.n = drop->count;
	return REPLY_NO_SUCH;
}

/* Have ${text}; the log learns of the first REPLY_CHANGED. */
static enum reply_text
note(struct transaction *state, enum reply_text text)
{
	if (text == REPLY_CHANGED && !state->changed) {
		log_warning("%s: was changed by another program: "
		    "what is not as it was is not sent",
		    state->retrieve.drop->mailbox.path);
		state->changed = true;
	}
	return text;
}

static void
total(const struct transaction *state, struct reply *reply)
{
	const struct maildrop *drop = state->retrieve.drop;

	reply->n = drop->count - drop->marked;
	reply->octets = drop->octets - drop->marked_octets;
}

static enum reply_text
stat_all(void *to, struct dispatch_command *command)
{
	(void)command;
	total(to, &command->reply);
	return REPLY_STAT;
}

/* What a listing says of a message, written to ${room} if need be. */
typedef struct span printer(const struct maildrop *drop, size_t i,
    char room[LIMITS_UID_MAX + 1]);

static struct span
print_octets(const struct maildrop *drop, size_t i,
    char room[LIMITS_UID_MAX + 1])
{
	return span_digits(drop->messages[i].octets, room);
}

/* Tell what ${print} says of the message that ${reply} has the number of; or
 * under the heading ${all} of every one that is not marked. */
static enum reply_text
tell(const struct transaction *state, struct reply *reply,
    enum reply_text all, printer *print)
{
	const struct maildrop *drop = state->retrieve.drop;
	struct wire *wire = state->retrieve.wire;
	char room[LIMITS_UID_MAX + 1], digits[SPAN_DIGITS];

	if (reply->n != 0) {
		reply->text = REPLY_ITEM;
		reply->name = print(drop, (size_t)reply->n - 1, room);
		reply_say(wire, reply);
		return REPLY_SENT;
	}
	reply->text = all;
	total(state, reply);
	reply_say(wire, reply);
	for (size_t i = 0; i < drop->count; i++) {
		if (drop->messages[i].marked)
			continue;
		wire_put(wire, span_digits(i + 1, digits));
		wire_put(wire, SPAN(" "));
		wire_put(wire, print(drop, i, room));
		wire_put(wire, SPAN("\r\n"));
	}
	wire_put(wire, SPAN(".\r\n"));
	return REPLY_SENT;
}

static enum reply_text
list(void *to, struct dispatch_command *command)
{
	enum reply_text text = find(to, command);

	return text != REPLY_OK ? text :
	    tell(to, &command->reply, REPLY_LIST_ALL, print_octets);
}

static enum reply_text
uidl(void *to, struct dispatch_command *command)
{
	struct transaction *state = to;
	enum reply_text text = find(state, command);

	if (text == REPLY_OK)
		text = note(state, reply_fault(
		    identity_complete(state->retrieve.drop)));
	return text != REPLY_OK ? text :
	    tell(state, &command->reply, REPLY_UIDL_ALL, identity_print);
}

/* Send message number ${n}, whole or cut by ${top}. */
static enum reply_text
send_message(struct transaction *state, uint64_t n, struct mbox_top *top)
{
	enum reply_text text = note(state,
	    retrieve_message(&state->retrieve, (size_t)n - 1, top));

	state->torn = text == REPLY_CLOSED;
	return text;
}

static enum reply_text
retr(void *to, struct dispatch_command *command)
{
	enum reply_text text = find(to, command);

	return text != REPLY_OK ? text :
	    send_message(to, command->reply.n, NULL);
}

static enum reply_text
top(void *to, struct dispatch_command *command)
{
	struct mbox_top top = { .lines = command->numbers[1] };
	enum reply_text text = find(to, command);

	if (text == REPLY_OK)
		return send_message(to, command->reply.n, &top);
	return text == REPLY_NO_SUCH ? REPLY_NO_SUCH_TOP : text;
}

static enum reply_text
dele(void *to, struct dispatch_command *command)
{
	const struct transaction *state = to;
	struct maildrop *drop = state->retrieve.drop;
	enum reply_text text;

	if (drop->mailbox.read_only)
		return REPLY_READ_ONLY;
	text = find(state, command);
	if (text != REPLY_OK)
		return text == REPLY_IS_DELETED ?
		    REPLY_ALREADY_DELETED : text;
	maildrop_mark(drop, (size_t)command->reply.n - 1);
	return REPLY_DELETED;
}

static enum reply_text
noop(void *to, struct dispatch_command *command)
{
	(void)to;
	(void)command;
	return REPLY_OK;
}

static enum reply_text
rset(void *to, struct dispatch_command *command)
{
	const struct transaction *state = to;

	(void)command;
	maildrop_unmark_all(state->retrieve.drop);
	total(state, &command->reply);
	return REPLY_MAILDROP;
}

static enum reply_text
capa(void *to, struct dispatch_command *command)
{
	const struct transaction *state = to;

	(void)command;
	reply_capabilities(state->retrieve.wire, state->offers, state->delay,
	    true);
	return REPLY_SENT;
}

static enum reply_text
lang(void *to, struct dispatch_command *command)
{
	const struct transaction *state = to;

	return reply_language(state->retrieve.wire, command->words[0],
	    &command->reply);
}

static enum reply_text
quit(void *to, struct dispatch_command *command)
{
	(void)to;
	(void)command;
	return REPLY_LEFT;
}

enum dispatch_end
transaction_run(struct transaction *state)
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
		{ "LANG", DISPATCH_LANGUAGE, lang },
		{ "QUIT", DISPATCH_NONE, quit },
		/* Of the AUTHORIZATION state. */
		{ .verb = "USER" }, { .verb = "PASS" }, { .verb = "APOP" },
		{ .verb = "AUTH" }, { .verb = "STLS" }, { .verb = "UTF8" },
		/* Of older protocols; clients try them without end. */
		{ .verb = "LAST" }, { .verb = "RPOP" }, { .verb = "XTND" },
		{ .verb = "XSENDER" }, { .verb = "GURL" },
		{ .verb = NULL }
	};
	const struct dispatch dispatch = { "TRANSACTION", rows, UINT64_MAX };

	return dispatch_run(&dispatch, state->retrieve.wire, state);
}
