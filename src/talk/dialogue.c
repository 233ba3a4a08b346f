/* SPDX-License-Identifier: ISC */
/*
 * The client's side of a session: greeting, the states in their order, and the
 * farewell.  Who may come in, and the maildrop, are given by the session.
 */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "maildrop/maildrop.h"
#include "maildrop/update.h"
#include "settings/options.h"
#include "talk/authorization.h"
#include "talk/dialogue.h"
#include "talk/dispatch.h"
#include "talk/transaction.h"
#include "talk/wire.h"
#include "who/login.h"

/* The name in the greeting: what cannot stand in it becomes a hyphen. */
static void
find_host(char host[LIMITS_HOST + 1], const char *given)
{
	host[0] = '\0';
	if (given != NULL)
		(void)span_copy(span_of(given), host, LIMITS_HOST + 1);
	else
		(void)gethostname(host, LIMITS_HOST);
	host[LIMITS_HOST] = '\0';
	for (char *c = host; *c != '\0'; c++)
		if (!span_is_host((struct span){ c, 1 }))
			*c = '-';
	if (host[0] == '\0')
		memcpy(host, "localhost", sizeof("localhost"));
}

/* The host's first label, for the farewell. */
static struct span
label(const struct dialogue *dialogue)
{
	struct span host = span_of(dialogue->host);

	return span_cut(&host, '.');
}

/* How the log and the exit code call the end of the stream. */
static enum dialogue_exit
judge_wire(struct dialogue *dialogue)
{
	static const enum log_end ends[] = {
		[WIRE_OPEN] = LOG_END_ERROR,
		[WIRE_EOF] = LOG_END_EOF,
		[WIRE_CUT] = LOG_END_EOF,
		[WIRE_TIMEOUT] = LOG_END_TIMEOUT,
		[WIRE_SIGNAL] = LOG_END_SIGNAL,
		[WIRE_LOST] = LOG_END_WRITE_ERROR,
	};

	dialogue->record.end = ends[dialogue->wire.end];
	return dialogue->wire.end == WIRE_EOF &&
	    (dialogue->drop == NULL || dialogue->drop->marked == 0) ?
	    DIALOGUE_ORDERLY : DIALOGUE_BROKEN;
}

static enum dialogue_exit
judge_end(struct dialogue *dialogue, enum dispatch_end end)
{
	if (end == DISPATCH_END_BAD)
		dialogue->record.end = LOG_END_BAD_COMMANDS;
	return end == DISPATCH_END_BAD ? DIALOGUE_BROKEN : judge_wire(dialogue);
}

/* Whether passwords may cross this stream, if it is inside TLS or is not. */
static bool
takes_plaintext(const struct dialogue *dialogue, bool tls)
{
	const struct options *options = dialogue->options;

	if (options->plaintext != OPTIONS_PLAINTEXT_PRIVATE)
		return options->plaintext == OPTIONS_PLAINTEXT_ALWAYS;
	return dialogue->peer.closed || options->private_stream || tls;
}

/* The ways to log in that can succeed for somebody, inside TLS or not. */
static unsigned
offers(const struct dialogue *dialogue, bool tls)
{
	const struct login *login = dialogue->login;

	return (login->passwords && takes_plaintext(dialogue, tls) ?
	    REPLY_OFFER_PASSWORD : 0) |
	    (login->timestamp[0] != '\0' ? REPLY_OFFER_CRAM : 0) |
	    (login->keys ? REPLY_OFFER_SCRAM : 0) |
	    (login->keys && tls && dialogue->stls.bound ?
	    REPLY_OFFER_SCRAM_PLUS : 0);
}

/* RFC 1939 s6.  The work is done before QUIT is answered. */
static enum dialogue_exit
run_update(struct dialogue *dialogue)
{
	struct reply reply = {
		.text = REPLY_BYE_LEFT,
		.name = label(dialogue),
	};
	enum update_result result = update_run(dialogue->drop,
	    dialogue->options->log_deletes, &dialogue->record.deleted);

	dialogue->record.left = dialogue->drop->shown -
	    dialogue->record.deleted;
	reply.n = dialogue->record.left;
	if (reply.n == 0)
		reply.text = REPLY_BYE_EMPTY;
	if (result != UPDATE_DONE)
		reply.text = REPLY_NOT_REMOVED;
	/* The locks go before the client can know that the session is over:
	 * some come back at once. */
	maildrop_close(dialogue->drop);
	dialogue->drop = NULL;
	dialogue->record.end = result == UPDATE_DONE ? LOG_END_QUIT :
	    LOG_END_ERROR;
	reply_say(&dialogue->wire, &reply);
	if (wire_flush(&dialogue->wire) == WIRE_LOST)
		dialogue->record.end = LOG_END_WRITE_ERROR;
	if (result != UPDATE_DONE)
		return DIALOGUE_TROUBLE;
	return dialogue->wire.end == WIRE_LOST ||
	    dialogue->wire.end == WIRE_TIMEOUT ? DIALOGUE_BROKEN :
	    DIALOGUE_ORDERLY;
}

enum dialogue_exit
dialogue_serve(struct dialogue *dialogue, enum log_method method)
{
	struct transaction transaction = {
		.retrieve.wire = &dialogue->wire,
		.retrieve.drop = dialogue->drop,
		.delay = dialogue->options->login_delay,
		.offers = offers(dialogue,
		    dialogue->stls.tls != LOG_TLS_NONE),
	};
	struct reply reply = {
		.text = REPLY_MAILDROP_OF,
		.name = span_of(dialogue->user),
		.n = dialogue->drop->count,
		.octets = dialogue->drop->octets,
	};
	enum dispatch_end end;

	dialogue->wire.deadline = 0;
	dialogue->record.user = dialogue->user;
	dialogue->record.method = method;
	dialogue->record.tls = dialogue->stls.tls;
	dialogue->record.messages = dialogue->record.left = reply.n;
	dialogue->record.octets = reply.octets;
	if (method == LOG_METHOD_APOP || !span_is_name(reply.name))
		reply.text = REPLY_MAILDROP;
	reply_say(&dialogue->wire, &reply);
	end = transaction_run(&transaction);
	dialogue->record.retrieved = transaction.retrieve.messages;
	dialogue->record.retrieved_octets = transaction.retrieve.octets;
	if (end == DISPATCH_END_LEFT)
		return run_update(dialogue);
	if (end == DISPATCH_END_CLOSED && transaction.torn) {
		log_error("%s: changed while a message was sent",
		    dialogue->drop->mailbox.path);
		dialogue->record.end = LOG_END_CHANGED;
		wire_cut(&dialogue->wire);
		return DIALOGUE_TROUBLE;
	}
	return judge_end(dialogue, end);
}

/* The handshake ended the session: say how. */
static enum dialogue_exit
judge_handshake(struct dialogue *dialogue, enum ucspi_end end)
{
	dialogue->record.end = end == UCSPI_LATE ? LOG_END_TIMEOUT :
	    end == UCSPI_SIGNAL ? LOG_END_SIGNAL : LOG_END_TLS_FAILED;
	return DIALOGUE_BROKEN;
}

/* How AUTHORIZATION ended, if nobody was let in. */
static enum dialogue_exit
judge_authorization(struct dialogue *dialogue,
    const struct authorization *state, enum dispatch_end end)
{
	if (state->lost) {
		if (*dialogue->wire.stop != 0)
			dialogue->record.end = LOG_END_SIGNAL;
		return DIALOGUE_BROKEN;
	}
	if (state->secured != UCSPI_DONE)
		return judge_handshake(dialogue, state->secured);
	dialogue->record.end = state->refused ? LOG_END_AUTH_FAILED :
	    LOG_END_QUIT;
	if (end == DISPATCH_END_CLOSED)
		return state->refused ? DIALOGUE_BROKEN : DIALOGUE_ORDERLY;
	return judge_end(dialogue, end);
}

enum dialogue_exit
dialogue_authorize(struct dialogue *dialogue, bool *accepted)
{
	const struct options *options = dialogue->options;
	struct authorization state = {
		.wire = &dialogue->wire,
		.host = label(dialogue),
		.stls = &dialogue->stls,
		.plaintext_in_tls = takes_plaintext(dialogue, true),
		.passwords = dialogue->login->passwords,
		.apop = dialogue->login->timestamp[0] != '\0',
		.offers_in_tls = offers(dialogue, true),
		.delay = options->login_delay,
		.hide_users = options->hide_users,
		.plain = options->plain,
		.ask = dialogue->ask,
		.to = dialogue->to,
	};
	struct reply reply = {
		.text = state.apop ? REPLY_GREETING_APOP :
		    REPLY_GREETING,
		.name = span_of(dialogue->login->timestamp),
	};
	enum dispatch_end end;

	dialogue->wire.deadline = clock_ms() +
	    (int64_t)options->login_timeout * 1000;
	*accepted = false;
	if (options->tls == OPTIONS_TLS_IMPLICIT)
		state.secured = stls_secure(&dialogue->stls, &dialogue->wire);
	if (state.secured != UCSPI_DONE)
		return judge_handshake(dialogue, state.secured);
	state.plaintext = takes_plaintext(dialogue,
	    dialogue->stls.tls != LOG_TLS_NONE);
	state.offers = offers(dialogue, dialogue->stls.tls != LOG_TLS_NONE);
	reply_say(&dialogue->wire, &reply);
	end = authorization_run(&state);
	*accepted = end == DISPATCH_END_LEFT;
	dialogue->record.tls = dialogue->stls.tls;
	return *accepted ? DIALOGUE_ORDERLY :
	    judge_authorization(dialogue, &state, end);
}

enum dialogue_exit
dialogue_refuse(struct dialogue *dialogue, enum reply_text text)
{
	const struct reply reply = { .text = text };

	reply_say(&dialogue->wire, &reply);
	(void)wire_flush(&dialogue->wire);
	return text == REPLY_MISCONFIGURED ? DIALOGUE_USAGE : DIALOGUE_TROUBLE;
}

void
dialogue_open(struct dialogue *dialogue, const struct options *options,
    const struct login *login, const volatile sig_atomic_t *stop)
{
	dialogue->options = options;
	dialogue->login = login;
	wire_open(&dialogue->wire, STDIN_FILENO, STDOUT_FILENO, stop);
	dialogue->wire.idle_ms = (int64_t)options->idle_timeout * 1000;
	stls_none(&dialogue->stls);
	find_host(dialogue->host, options->host);
	peer_find(&dialogue->peer, STDIN_FILENO);
	dialogue->record.begin_ms = clock_ms();
	dialogue->record.peer = dialogue->peer.text;
	dialogue->record.end = LOG_END_ERROR;
}

void
dialogue_close(struct dialogue *dialogue)
{
	log_record(&dialogue->record, clock_ms());
	wire_close(&dialogue->wire);
}
