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

/* Have the messages in memory; if that fails, the reply. */
static bool
is_loaded(const struct transaction *state, struct dispatch_reply *reply)
{
	enum mailbox_fault fault = cache_need(state->retrieve.drop);

	reply->text = dispatch_fault(fault);
	return fault == MAILBOX_FINE;
}

/* Whether ${number} is a message that is not marked; if not, the reply. */
static bool
is_there(const struct transaction *state, uint64_t number,
    struct dispatch_reply *reply)
{
	const struct maildrop *drop = state->retrieve.drop;

	if (!is_loaded(state, reply))
		return false;
	reply->n = number;
	if (number >= 1 && number <= drop->count) {
		reply->text = DISPATCH_IS_DELETED;
		return !drop->messages[number - 1].marked;
	}
	reply->text = DISPATCH_NO_SUCH;
	reply->n = drop->count;
	return false;
}

static void
total(const struct maildrop *drop, struct dispatch_reply *reply)
{
	reply->n = drop->count - drop->marked;
	reply->octets = drop->octets - drop->marked_octets;
}

static enum dispatch_next
stat_all(void *to, const struct dispatch_command *command,
    struct dispatch_reply *reply)
{
	struct transaction *state = to;

	(void)command;
	reply->text = DISPATCH_STAT;
	total(state->retrieve.drop, reply);
	return DISPATCH_STAY;
}

/* One line of a listing. */
static void
put_item(struct wire *wire, uint64_t number, struct span what)
{
	char digits[SPAN_DIGITS];

	wire_put(wire, span_digits(number, digits));
	wire_put(wire, SPAN(" "));
	wire_put(wire, what);
	wire_put(wire, SPAN("\r\n"));
}

static enum dispatch_next
list(void *to, const struct dispatch_command *command,
    struct dispatch_reply *reply)
{
	struct transaction *state = to;
	const struct maildrop *drop = state->retrieve.drop;

	if (command->given == 1) {
		if (is_there(state, command->numbers[0], reply)) {
			reply->text = DISPATCH_LIST_ONE;
			reply->octets = drop->messages[reply->n - 1].octets;
		}
		return DISPATCH_STAY;
	}
	if (!is_loaded(state, reply))
		return DISPATCH_STAY;
	reply->text = DISPATCH_LIST_ALL;
	total(drop, reply);
	dispatch_say(state->retrieve.wire, reply);
	reply->text = DISPATCH_SENT;
	for (size_t i = 0; i < drop->count; i++) {
		char digits[SPAN_DIGITS];

		if (!drop->messages[i].marked)
			put_item(state->retrieve.wire, i + 1,
			    span_digits(drop->messages[i].octets, digits));
	}
	wire_put(state->retrieve.wire, SPAN(".\r\n"));
	return DISPATCH_STAY;
}

/* What was asked for is not what was scanned. */
static enum dispatch_next
refuse_changed(struct transaction *state, struct dispatch_reply *reply)
{
	if (!state->changed)
		log_warning("%s: was changed by another program: what is not as "
		    "it was is not sent", state->retrieve.drop->mailbox.path);
	state->changed = true;
	reply->text = DISPATCH_CHANGED;
	return DISPATCH_STAY;
}

static enum dispatch_next
uidl(void *to, const struct dispatch_command *command,
    struct dispatch_reply *reply)
{
	struct transaction *state = to;
	const struct maildrop *drop = state->retrieve.drop;
	char text[LIMITS_UID_MAX + 1];
	enum mailbox_fault fault;

	if (command->given == 1 ? !is_there(state, command->numbers[0],
	    reply) : !is_loaded(state, reply))
		return DISPATCH_STAY;
	fault = identity_complete(state->retrieve.drop);
	if (fault == MAILBOX_CHANGED)
		return refuse_changed(state, reply);
	reply->text = dispatch_fault(fault);
	if (fault != MAILBOX_FINE)
		return DISPATCH_STAY;
	reply->text = DISPATCH_UIDL_ALL;
	if (command->given == 1) {
		const struct maildrop_message *m =
		    &drop->messages[reply->n - 1];

		uid_print(m->id, m->copy, text);
		reply->name = span_of(text);
		reply->text = DISPATCH_UIDL_ONE;
	}
	dispatch_say(state->retrieve.wire, reply);
	reply->text = DISPATCH_SENT;
	if (command->given == 1)
		return DISPATCH_STAY;
	for (size_t i = 0; i < drop->count; i++)
		if (!drop->messages[i].marked) {
			uid_print(drop->messages[i].id,
			    drop->messages[i].copy, text);
			put_item(state->retrieve.wire, i + 1, span_of(text));
		}
	wire_put(state->retrieve.wire, SPAN(".\r\n"));
	return DISPATCH_STAY;
}

/* Send message ${i} whole or cut by ${top}, its first line being ${reply}. */
static enum dispatch_next
send_message(struct transaction *state, size_t i, struct mbox_top *top,
    struct dispatch_reply *reply)
{
	enum retrieve_end end = retrieve_message(&state->retrieve, i, top,
	    reply);

	if (end == RETRIEVE_CHANGED)
		return refuse_changed(state, reply);
	reply->text = DISPATCH_SENT;
	state->torn = end == RETRIEVE_TORN;
	return state->torn ? DISPATCH_CLOSE : DISPATCH_STAY;
}

static enum dispatch_next
retr(void *to, const struct dispatch_command *command,
    struct dispatch_reply *reply)
{
	struct transaction *state = to;

	if (!is_there(state, command->numbers[0], reply))
		return DISPATCH_STAY;
	reply->text = DISPATCH_RETR;
	return send_message(state, reply->n - 1, NULL, reply);
}

static enum dispatch_next
top(void *to, const struct dispatch_command *command,
    struct dispatch_reply *reply)
{
	struct transaction *state = to;
	struct mbox_top top = { .lines = command->numbers[1] };

	if (!is_there(state, command->numbers[0], reply)) {
		if (reply->text == DISPATCH_NO_SUCH)
			reply->text = DISPATCH_NO_SUCH_TOP;
		return DISPATCH_STAY;
	}
	reply->text = DISPATCH_TOP;
	return send_message(state, reply->n - 1, &top, reply);
}

static enum dispatch_next
dele(void *to, const struct dispatch_command *command,
    struct dispatch_reply *reply)
{
	struct transaction *state = to;

	if (state->retrieve.drop->mailbox.read_only) {
		reply->text = DISPATCH_READ_ONLY;
	} else if (is_there(state, command->numbers[0], reply)) {
		/* By its sum it is known again if the mailbox changes. */
		message_sum_ahead(state->retrieve.drop, reply->n - 1);
		message_sum_from(state->retrieve.drop, reply->n - 1, LIMITS_BLOCK);
		maildrop_mark(state->retrieve.drop, reply->n - 1);
		reply->text = DISPATCH_DELETED;
	} else if (reply->text == DISPATCH_IS_DELETED) {
		reply->text = DISPATCH_ALREADY_DELETED;
	}
	return DISPATCH_STAY;
}

static enum dispatch_next
noop(void *to, const struct dispatch_command *command,
    struct dispatch_reply *reply)
{
	(void)to;
	(void)command;
	reply->text = DISPATCH_OK;
	return DISPATCH_STAY;
}

static enum dispatch_next
rset(void *to, const struct dispatch_command *command,
    struct dispatch_reply *reply)
{
	struct transaction *state = to;

	(void)command;
	maildrop_unmark_all(state->retrieve.drop);
	reply->text = DISPATCH_MAILDROP;
	total(state->retrieve.drop, reply);
	return DISPATCH_STAY;
}

static enum dispatch_next
capa(void *to, const struct dispatch_command *command,
    struct dispatch_reply *reply)
{
	struct transaction *state = to;

	(void)command;
	reply->text = DISPATCH_CAPA;
	dispatch_say(state->retrieve.wire, reply);
	reply->text = DISPATCH_SENT;
	dispatch_capabilities(state->retrieve.wire, state->passwords, true);
	return DISPATCH_STAY;
}

static enum dispatch_next
quit(void *to, const struct dispatch_command *command,
    struct dispatch_reply *reply)
{
	(void)to;
	(void)command;
	(void)reply;
	return DISPATCH_LEAVE;
}

enum dispatch_end
transaction_run(struct transaction *state, unsigned *bad)
{
	static const char number[] = "a message-number";
	static const char nothing[] = "no argument";
	static const struct dispatch_row rows[] = {
		{ "STAT", DISPATCH_NONE, stat_all, nothing },
		{ "LIST", DISPATCH_MAYBE_NUMBER, list, number },
		{ "RETR", DISPATCH_NUMBER, retr, number },
		{ "DELE", DISPATCH_NUMBER, dele, number },
		{ "NOOP", DISPATCH_NONE, noop, nothing },
		{ "RSET", DISPATCH_NONE, rset, nothing },
		{ "TOP", DISPATCH_TWO_NUMBERS, top,
		    "a message-number and a number of lines" },
		{ "UIDL", DISPATCH_MAYBE_NUMBER, uidl, number },
		{ "CAPA", DISPATCH_NONE, capa, nothing },
		{ "QUIT", DISPATCH_NONE, quit, nothing },
		{ NULL, DISPATCH_NONE, NULL, NULL }
	};
	static const char *const elsewhere[] = { "USER", "PASS", "APOP", NULL };
	const struct dispatch dispatch = {
		.name = "TRANSACTION",
		.rows = rows,
		.elsewhere = elsewhere,
		.bad = bad,
	};

	return dispatch_run(&dispatch, state->retrieve.wire, state);
}
