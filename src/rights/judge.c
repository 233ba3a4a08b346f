/* SPDX-License-Identifier: ISC */
/*
 * The judge.
 */
#include "config.h"

#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/socket.h"
#include "rights/judge.h"
#include "rights/letter.h"
#include "rights/process.h"
#include "rights/reach.h"
#include "rights/sandbox.h"
#include "settings/options.h"
#include "who/sources.h"

int
judge_hear_gate(int channel, struct dialogue *dialogue,
    struct login_question *question)
{
	struct channel_message message;
	struct letter_question letter;

	if (letter_receive(channel, LETTER_QUESTION, &letter, &message) != 1)
		return 0;
	/* It is whole, and of TLS, or there is none. */
	if (letter.binding.n != 0 && (letter.binding.n != LIMITS_BINDING ||
	    letter.tls == LOG_TLS_NONE))
		return 0;
	dialogue->stls.bound = letter.binding.n != 0;
	dialogue->record.tls = (enum log_tls)letter.tls;
	if (letter.method == LETTER_ENDED) {
		dialogue->record.end = (enum log_end)letter.end;
		return 0;
	}
	question->method = (enum login_method)letter.method;
	question->fault = (enum login_fault)letter.fault;
	question->name_n = letter.name.n;
	question->secret_n = letter.secret.n;
	if (letter.name.n > 0)
		memcpy(question->name, letter.name.p, letter.name.n);
	if (letter.secret.n > 0)
		memcpy(question->secret, letter.secret.p, letter.secret.n);
	question->binding_n = letter.binding.n;
	if (letter.binding.n > 0)
		memcpy(question->binding, letter.binding.p, letter.binding.n);
	wire_feed(&dialogue->wire, letter.unread);
	span_wipe(&message, sizeof(message));
	return 1;
}

/* Let the monitor open the maildrop of the user who was found. */
static enum reply_text
ask_monitor(struct session *session, int channel)
{
	const struct users_entry *user = &session->user;
	const struct letter_user letter = {
		.method = session->verdict.method,
		.keys = login_keys(&session->verdict.login),
		.uid = user->uid,
		.gid = user->gid,
		.name = span_of(user->name),
		.home = span_of(user->home),
		.unread = wire_unread(&session->dialogue.wire),
		.tls = session->dialogue.record.tls,
		.bound = session->dialogue.stls.bound,
	};
	uint32_t fault;

	/* A monitor that gives no answer ends the session. */
	if (letter_send(channel, LETTER_USER, &letter, -1) == -1 ||
	    letter_receive_number(channel, LETTER_FAULT, &fault) != 1)
		return REPLY_SENT;
	return fault == MAILBOX_FINE ? REPLY_MAILDROP :
	    reply_fault(fault);
}

/* Answer one question of the gate.  Returns the answer. */
static enum reply_text
answer(struct session *session, struct judge_channels channels,
    struct login_question *question)
{
	enum reply_text text = verdict_give(&session->verdict, question,
	    &session->user);
	struct letter_answer letter = {
		.challenge = { question->challenge, question->challenge_n },
	};

	span_wipe(question->secret, sizeof(question->secret));
	if (text == REPLY_MAILDROP)
		text = ask_monitor(session, channels.monitor);
	users_forget(&session->user);
	if (text == REPLY_SENT) {
		/* Its signal says why. */
		(void)wire_wait(&session->dialogue.wire, channels.gate,
		    clock_ms() + LIMITS_PATIENCE_MS);
		return REPLY_REFUSED_LAST;
	}
	if (text == REPLY_REFUSED_LAST)
		session->dialogue.record.end = LOG_END_AUTH_FAILED;
	/* Who was let in has a session, whether its gate hears it or not. */
	letter.text = text;
	return letter_send(channels.gate, LETTER_ANSWER, &letter, -1) == 0 ||
	    text == REPLY_MAILDROP ? text : REPLY_REFUSED_LAST;
}

/* Answer the gate.  Returns the last answer. */
static enum reply_text
serve(struct session *session, struct judge_channels channels)
{
	struct dialogue *dialogue = &session->dialogue;
	enum reply_text text = REPLY_USER;
	struct login_question question;

	for (int i = 0; i < LIMITS_QUESTIONS && text != REPLY_MAILDROP &&
	    text != REPLY_REFUSED_LAST; i++) {
		if (wire_wait(&dialogue->wire, channels.gate, INT64_MAX) != 1 ||
		    judge_hear_gate(channels.gate, dialogue, &question) != 1)
			break;
		text = answer(session, channels, &question);
		span_wipe(&question, sizeof(question));
	}
	return text;
}

/* What it takes to look up the users there may be. */
static enum filter_role
find_role(const struct options *options)
{
	static const enum filter_role roles[] = {
		[SOURCES_FILES] = FILTER_JUDGE,
		[SOURCES_LOCAL] = FILTER_JUDGE_LOCAL,
		[SOURCES_UNKNOWN] = FILTER_JUDGE_NET,
	};

	return options->sandbox == SANDBOX_NONE ? FILTER_JUDGE :
	    roles[sources_find(options)];
}

void
judge_main(struct session *session, struct judge_channels channels)
{
	struct pollfd pfd = { .fd = channels.gate, .events = 0 };
	struct dialogue *dialogue = &session->dialogue;

	session->verdict.login.saslauthd.reach = reach_ask;
	session->verdict.login.saslauthd.to = &channels.monitor;
	process_leave_client();
	stls_close(&dialogue->stls);
	if (sandbox_close(find_role(session->options),
	    (enum sandbox_wish)session->options->sandbox, -1) == -1 ||
	    serve(session, channels) != REPLY_MAILDROP) {
		if (*session->stop != 0)
			dialogue->record.end = LOG_END_SIGNAL;
		log_record(&dialogue->record, clock_ms());
	}
	/* Who waits for an answer gets none; the gate's end hangs up. */
	(void)socket_end(channels.gate);
	(void)poll(&pfd, 1, LIMITS_GRACE_MS);
	process_end(DIALOGUE_ORDERLY);
}
