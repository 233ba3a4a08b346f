/* SPDX-License-Identifier: ISC */
/*
 * One session and its processes.
 *
 * Started by root: the monitor forks the judge, which has the files that decide
 * and no other rights and answers, and then the gate, which speaks
 * AUTHORIZATION with no rights and asks.  For a user whom the judge finds the
 * monitor forks a keeper, which forks the session; both become the user.
 * Started by anybody else, one process judges and speaks, and becomes the
 * keeper.
 *
 * Code that runs as root before a stranger is heard: main, options,
 * configuration, peer, and the opening of users and secrets; after that only
 * monitor, keeper up to where it says, and what they call.
 */
#include "config.h"

#include <unistd.h>

#include "base/log.h"
#include "maildrop/cache.h"
#include "rights/front.h"
#include "rights/keeper.h"
#include "rights/monitor.h"
#include "rights/process.h"
#include "rights/session.h"
#include "rights/starter.h"
#include "settings/options.h"
#include "tool/serve.h"

/* Started by anybody but root: the state asks its own process.  Returns only to
 * speak on. */
static enum reply_text
answer(void *to, struct login_question *question)
{
	struct session *session = to;
	enum reply_text text = verdict_give(&session->verdict, question,
	    &session->user);

	/* The session, which is forked now, must not have it. */
	span_wipe(question->secret, sizeof(question->secret));
	if (text == REPLY_MAILDROP)
		(void)login_keys(&session->verdict.login);
	return text != REPLY_MAILDROP ? text :
	    reply_fault(keeper_admit(session, -1));
}

/* --preauth: whoever calls is the user. */
static enum dialogue_exit
serve_caller(struct session *session)
{
	enum mailbox_fault fault = MAILBOX_DENIED;

	if (users_self(&session->user) == -1 || session->user.uid == 0)
		log_error("uid %lu has no account that can have a maildrop",
		    (unsigned long)geteuid());
	else
		fault = keeper_admit(session, -1);
	return dialogue_refuse(&session->dialogue, reply_fault(fault));
}

/* There can be no TLS, but was to be.  Where the client expects it from the
 * first octet on, it is told nothing. */
static void __attribute__((noreturn))
refuse_tls(struct dialogue *dialogue)
{
	process_shed();
	if (dialogue->options->tls == OPTIONS_TLS_STLS)
		(void)dialogue_refuse(dialogue, REPLY_MISCONFIGURED);
	dialogue_close(dialogue);
	process_end(DIALOGUE_USAGE);
}

void
serve_client(struct options *options, bool by_root)
{
	/* Not from malloc: until a mailbox is opened, nothing is. */
	static struct session session;
	struct dialogue *dialogue = &session.dialogue;
	enum dialogue_exit code;
	bool accepted;

	session.options = options;
	session.by_root = by_root;
	session.stop = process_catch_signals();
	session.group = PROCESS_NO_GROUP;
	cache_find(session.cache, options->cache_dir, by_root);
	dialogue->ask = answer;
	dialogue->to = &session;
	dialogue_open(dialogue, options, &session.verdict.login, session.stop);
	if (starter_open(dialogue) == -1)
		refuse_tls(dialogue);
	if (by_root && !options->preauth)
		monitor_main(&session, options);
	if (front_is_due(dialogue) && front_listen(dialogue) == -1)
		process_end(dialogue->record.end == LOG_END_EOF ?
		    DIALOGUE_ORDERLY : DIALOGUE_BROKEN);
	if (!options->preauth)
		front_open(dialogue, &session.verdict, options, false);
	code = options->preauth ? serve_caller(&session) :
	    dialogue_authorize(dialogue, &accepted);
	dialogue_close(dialogue);
	starter_dismiss(&dialogue->stls);
	starter_wait(dialogue, (int64_t)options->idle_timeout *
	    LIMITS_SECOND_MS);
	process_end(code);
}

void
serve_refusal(void)
{
	const struct reply reply = { .text = REPLY_MISCONFIGURED };
	static struct wire wire;

	wire_open(&wire, STDIN_FILENO, STDOUT_FILENO, process_catch_signals());
	wire.idle_ms = LIMITS_LINGER_MS;
	if (wire.stream.out_socket) {
		reply_say(&wire, &reply);
		wire_close(&wire);
	}
}
