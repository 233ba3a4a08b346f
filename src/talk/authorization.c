/* SPDX-License-Identifier: ISC */
/*
 * The AUTHORIZATION state.  Every refusal of credentials, of whatever cause,
 * has one text; when it is given is for whom we ask to decide.
 */
#include "config.h"

#include <string.h>

#include "talk/authorization.h"

static enum dispatch_next
ask(struct authorization *state, enum login_method method,
    struct span secret, struct dispatch_reply *reply)
{
	struct login_question *question = &state->question;

	question->method = method;
	question->secret_n = secret.n;
	if (secret.n > 0)
		memcpy(question->secret, secret.p, secret.n);
	wire_wipe(state->wire, secret);
	reply->text = state->ask(state->to, question);
	span_wipe(question->secret, sizeof(question->secret));
	switch (reply->text) {
	case DISPATCH_MAILDROP:
		reply->text = DISPATCH_SENT;
		return DISPATCH_LEAVE;
	case DISPATCH_REFUSED_LAST:
		state->refused = true;
		return DISPATCH_CLOSE;
	case DISPATCH_SENT:
		/* Nobody answers: somebody may have been let in all the same,
		 * and two must not speak. */
		state->lost = true;
		return DISPATCH_CLOSE;
	default:
		return DISPATCH_STAY;
	}
}

static void
set_name(struct authorization *state, struct span name)
{
	state->question.name_n = name.n;
	memcpy(state->question.name, name.p, name.n);
}

static enum dispatch_next
user(void *to, const struct dispatch_command *command,
    struct dispatch_reply *reply)
{
	struct authorization *state = to;
	bool named = span_is_name(command->words[0]);

	if (!state->plaintext) {
		reply->text = DISPATCH_NO_PLAINTEXT;
		return DISPATCH_STAY;
	}
	set_name(state, command->words[0]);
	reply->name = command->words[0];
	reply->text = DISPATCH_USER;
	if (!state->hide_users &&
	    ask(state, LOGIN_USER, SPAN(""), reply) == DISPATCH_CLOSE)
		return DISPATCH_CLOSE;
	if (reply->text == DISPATCH_NO_USER)
		state->question.name_n = 0;
	if (!named && reply->text == DISPATCH_USER)
		reply->text = DISPATCH_USER_UNNAMED;
	if (!named && reply->text == DISPATCH_NO_USER)
		reply->text = DISPATCH_NO_USER_UNNAMED;
	return DISPATCH_STAY;
}

static enum dispatch_next
pass(void *to, const struct dispatch_command *command,
    struct dispatch_reply *reply)
{
	struct authorization *state = to;
	enum dispatch_next next = DISPATCH_STAY;

	if (!state->plaintext)
		reply->text = DISPATCH_NO_PLAINTEXT;
	else if (state->question.name_n == 0)
		reply->text = DISPATCH_NO_NAME;
	else if (!state->passwords)
		reply->text = DISPATCH_NO_PASSWORDS;
	else
		next = ask(state, LOGIN_PASS, command->words[0], reply);
	state->question.name_n = 0;
	return next;
}

static enum dispatch_next
apop(void *to, const struct dispatch_command *command,
    struct dispatch_reply *reply)
{
	struct authorization *state = to;
	enum dispatch_next next;

	if (!state->apop) {
		reply->text = DISPATCH_NO_APOP;
		return DISPATCH_STAY;
	}
	set_name(state, command->words[0]);
	next = ask(state, LOGIN_APOP, command->words[1], reply);
	state->question.name_n = 0;
	return next;
}

static enum dispatch_next
capa(void *to, const struct dispatch_command *command,
    struct dispatch_reply *reply)
{
	struct authorization *state = to;

	(void)command;
	reply->text = DISPATCH_CAPA;
	dispatch_say(state->wire, reply);
	reply->text = DISPATCH_SENT;
	dispatch_capabilities(state->wire,
	    state->plaintext && state->passwords, false);
	return DISPATCH_STAY;
}

static enum dispatch_next
quit(void *to, const struct dispatch_command *command,
    struct dispatch_reply *reply)
{
	struct authorization *state = to;

	(void)command;
	reply->text = DISPATCH_BYE;
	reply->name = state->host;
	return DISPATCH_CLOSE;
}

enum dispatch_end
authorization_run(struct authorization *state, unsigned *bad)
{
	static const struct dispatch_row rows[] = {
		{ "USER", DISPATCH_WORD, user, "a name" },
		{ "PASS", DISPATCH_OCTETS, pass, "a password" },
		{ "APOP", DISPATCH_TWO_WORDS, apop, "a name and a digest" },
		{ "CAPA", DISPATCH_NONE, capa, "no argument" },
		{ "QUIT", DISPATCH_NONE, quit, "no argument" },
		{ NULL, DISPATCH_NONE, NULL, NULL }
	};
	static const char *const elsewhere[] = {
		"STAT", "LIST", "RETR", "DELE", "NOOP", "RSET", "TOP", "UIDL",
		NULL
	};
	const struct dispatch dispatch = {
		.name = "AUTHORIZATION",
		.rows = rows,
		.elsewhere = elsewhere,
		.bad = bad,
	};

	return dispatch_run(&dispatch, state->wire, state);
}
