/* SPDX-License-Identifier: ISC */
/*
 * The AUTHORIZATION state.  A refusal of credentials has the same text whatever
 * its cause; the time at which it is given is decided by whoever answers the
 * question.
 */
#include "config.h"

#include <string.h>

#include "talk/authorization.h"
#include "talk/sasl.h"

/* Ask the question that is put. */
static enum reply_text
ask(void *to)
{
	struct authorization *state = to;
	struct login_question *question = &state->question;
	enum reply_text text;

	question->binding_n = state->stls->bound ? LIMITS_BINDING : 0;
	memcpy(question->binding, state->stls->binding, question->binding_n);
	text = state->ask(state->to, question);
	span_wipe(question->secret, sizeof(question->secret));
	if (text == REPLY_MAILDROP)
		return REPLY_LEFT;
	state->refused = text == REPLY_REFUSED_LAST;
	/* Without an answer somebody may have been let in all the same, and
	 * two processes must not speak to one client. */
	state->lost = text == REPLY_SENT;
	return state->lost ? REPLY_CLOSED : text;
}

static enum reply_text
ask_with(struct authorization *state, enum login_method method,
    struct span secret)
{
	struct login_question *question = &state->question;

	question->method = method;
	question->secret_n = secret.n;
	if (secret.n > 0)
		memcpy(question->secret, secret.p, secret.n);
	wire_wipe(state->wire, secret);
	return ask(state);
}

static void
set_name(struct authorization *state, struct span name)
{
	state->question.name_n = name.n;
	memcpy(state->question.name, name.p, name.n);
}

/* After UTF8 nothing else is taken for a name or a password. */
static bool
is_taken(const struct authorization *state, struct span word)
{
	return !state->utf8 || span_is_utf8(word);
}

static enum reply_text
user(void *to, struct dispatch_command *command)
{
	struct authorization *state = to;
	enum reply_text text = REPLY_USER;

	if (!state->plaintext)
		return REPLY_NO_PLAINTEXT;
	if (!is_taken(state, command->words[0]))
		return REPLY_MALFORMED;
	set_name(state, command->words[0]);
	command->reply.name = command->words[0];
	if (!state->hide_users)
		text = ask_with(state, LOGIN_USER, SPAN(""));
	if (text == REPLY_NO_USER)
		state->question.name_n = 0;
	if (!state->plain && span_is_name(command->reply.name))
		return text;
	return text == REPLY_USER ? REPLY_USER_UNNAMED :
	    text == REPLY_NO_USER ? REPLY_NO_USER_UNNAMED : text;
}

static enum reply_text
pass(void *to, struct dispatch_command *command)
{
	struct authorization *state = to;
	enum reply_text text = REPLY_NO_PASSWORDS;

	if (!state->plaintext)
		return REPLY_NO_PLAINTEXT;
	if (state->question.name_n == 0)
		return REPLY_NO_NAME;
	if (!is_taken(state, command->words[0]))
		return REPLY_MALFORMED;
	if (state->passwords)
		text = ask_with(state, LOGIN_PASS, command->words[0]);
	state->question.name_n = 0;
	return text;
}

static enum reply_text
apop(void *to, struct dispatch_command *command)
{
	struct authorization *state = to;
	enum reply_text text;

	if (!state->apop)
		return REPLY_NO_APOP;
	if (!is_taken(state, command->words[0]))
		return REPLY_MALFORMED;
	set_name(state, command->words[0]);
	text = ask_with(state, LOGIN_APOP, command->words[1]);
	state->question.name_n = 0;
	return text;
}

/* What can succeed here for somebody.  Whether anybody has a stored key is
 * asked when it is needed, and again each time: the users file may change. */
static unsigned
offers(struct authorization *state)
{
	if (!state->passwords)
		return state->offers;
	if (ask_with(state, LOGIN_KEYS, SPAN("")) != REPLY_OK)
		return state->offers;
	return state->offers | REPLY_OFFER_SCRAM |
	    (state->stls->bound ? REPLY_OFFER_SCRAM_PLUS : 0);
}

static enum reply_text
auth(void *to, struct dispatch_command *command)
{
	struct authorization *state = to;
	struct sasl sasl = {
		.wire = state->wire,
		.offers = offers(state),
		.plaintext = state->plaintext,
		.utf8 = state->utf8,
		.question = &state->question,
		.ask = ask,
		.to = state,
	};
	enum reply_text text;

	if (state->lost)
		return REPLY_CLOSED;
	if (command->given == 0) {
		reply_mechanisms(state->wire, sasl.offers);
		return REPLY_SENT;
	}
	text = sasl_run(&sasl, command->words[0], command->words[1]);
	state->question.name_n = 0;
	return text;
}

/* RFC 2595 s4.  What was said before could be anybody's: the name, and the
 * timestamp that a digest would be made of. */
static enum reply_text
stls(void *to, struct dispatch_command *command)
{
	struct authorization *state = to;
	const struct reply reply = { .text = REPLY_STLS };

	(void)command;
	if (state->stls->tls != LOG_TLS_NONE)
		return REPLY_HAS_TLS;
	reply_say(state->wire, &reply);
	state->secured = stls_secure(state->stls, state->wire);
	if (state->secured != UCSPI_DONE)
		return REPLY_CLOSED;
	span_wipe(&state->question, sizeof(state->question));
	state->apop = state->utf8 = false;
	state->plaintext = state->plaintext_in_tls;
	state->offers = state->offers_in_tls;
	return REPLY_SENT;
}

static bool
can_begin_tls(const struct stls *stls)
{
	return stls->ucspi.control != -1 && stls->tls == LOG_TLS_NONE;
}

static enum reply_text
capa(void *to, struct dispatch_command *command)
{
	struct authorization *state = to;
	unsigned offered = offers(state);

	(void)command;
	if (state->lost)
		return REPLY_CLOSED;
	reply_capabilities(state->wire, offered |
	    (can_begin_tls(state->stls) ? REPLY_OFFER_STLS : 0),
	    state->delay, false);
	return REPLY_SENT;
}

static enum reply_text
utf8(void *to, struct dispatch_command *command)
{
	struct authorization *state = to;

	(void)command;
	state->utf8 = true;
	return REPLY_UTF8;
}

static enum reply_text
lang(void *to, struct dispatch_command *command)
{
	const struct authorization *state = to;

	return reply_language(state->wire, command->words[0],
	    &command->reply);
}

static enum reply_text
quit(void *to, struct dispatch_command *command)
{
	const struct authorization *state = to;

	(void)command;
	command->reply.name = state->host;
	return REPLY_BYE;
}

enum dispatch_end
authorization_run(struct authorization *state)
{
	static const struct dispatch_row rows[] = {
		/* Where there can be no TLS, it is unknown. */
		{ "STLS", DISPATCH_NONE, stls },
		{ "USER", DISPATCH_NAME, user },
		{ "PASS", DISPATCH_PASSWORD, pass },
		{ "APOP", DISPATCH_NAME_AND_DIGEST, apop },
		{ "AUTH", DISPATCH_MECHANISM, auth },
		{ "CAPA", DISPATCH_NONE, capa },
		{ "UTF8", DISPATCH_NONE, utf8 },
		{ "LANG", DISPATCH_LANGUAGE, lang },
		{ "QUIT", DISPATCH_NONE, quit },
		/* Of the TRANSACTION state. */
		{ .verb = "STAT" }, { .verb = "LIST" }, { .verb = "RETR" },
		{ .verb = "DELE" }, { .verb = "NOOP" }, { .verb = "RSET" },
		{ .verb = "TOP" }, { .verb = "UIDL" },
		{ .verb = NULL }
	};
	const struct dispatch dispatch = { "AUTHORIZATION",
	    rows + (state->stls->ucspi.control == -1), LIMITS_LOGIN_LINES };

	return dispatch_run(&dispatch, state->wire, state);
}
