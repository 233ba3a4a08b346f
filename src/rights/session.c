/* SPDX-License-Identifier: ISC */
/*
 * One session and its processes.
 *
 * Started by root: the monitor forks the judge, which has the files that decide
 * and no other rights and answers, and then the gate, which speaks AUTHORIZATION
 * with no rights and asks.  For a user whom the judge finds the monitor forks a
 * keeper, which forks the session; both become the user (admission).  Started by
 * anybody else, one process judges and speaks.
 *
 * Code that runs as root before a stranger is heard: main, options,
 * configuration, peer, and the opening of users and secrets; after that only
 * monitor, admission up to where it says, and what they call.
 */
#include "config.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/limits.h"
#include "base/log.h"
#include "maildrop/cache.h"
#include "rights/admission.h"
#include "rights/monitor.h"
#include "rights/recovery.h"
#include "rights/sandbox.h"
#include "rights/session.h"
#include "settings/options.h"
#include "talk/dispatch.h"
#include "talk/verdict.h"

/* A signal asks for the end of the session. */
static volatile sig_atomic_t session_stop;

struct session {
	const struct options *options;
	struct verdict verdict;
	struct admission admission;
	struct dialogue dialogue;
};

static void
stop(int signal)
{
	(void)signal;
	session_stop = 1;
}

/* A client that hangs up and a file's limit are errors like others. */
static void
catch_signals(void)
{
	static const int ends[] = { CHANNEL_ENDS };
	struct sigaction action = { .sa_handler = stop };

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		(void)sigaction(ends[i], &action, NULL);
	action.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &action, NULL);
	(void)sigaction(SIGXFSZ, &action, NULL);
}

/* Started by anybody but root: the state asks its own process. */
static enum dispatch_text
answer(void *to, struct login_question *question)
{
	struct session *session = to;
	enum dispatch_text text = verdict_give(&session->verdict, question,
	    &session->admission.user);
	enum mailbox_fault fault;

	/* The session, which is forked now, must not have it. */
	span_wipe(question->secret, sizeof(question->secret));
	if (text != DISPATCH_MAILDROP)
		return text;
	fault = admission_run(&session->admission);
	return fault == MAILBOX_FINE ? text : dispatch_fault(fault);
}

/* --preauth: the caller is who he is. */
static enum dialogue_exit
run_preauth(struct session *session)
{
	struct admission *admission = &session->admission;
	enum mailbox_fault fault = MAILBOX_DENIED;

	if (users_self(&admission->user) == -1 || admission->user.uid == 0)
		log_error("uid %lu has no account that can have a maildrop",
		    (unsigned long)geteuid());
	else
		fault = admission_run(admission);
	return fault == MAILBOX_FINE ? DIALOGUE_ORDERLY :
	    dialogue_refuse(&session->dialogue, fault);
}

/* Speak until somebody is let in or the session is over, in the processes that
 * it takes; then each does its part. */
static enum dialogue_exit
run(struct session *session)
{
	struct dialogue *dialogue = &session->dialogue;
	const struct options *options = session->options;
	struct monitor monitor = { .dialogue = dialogue,
	    .verdict = &session->verdict, .admission = &session->admission,
	    .keeper = -1 };
	enum dialogue_exit code;
	bool accepted;

	if (options->preauth)
		code = run_preauth(session);
	else if (session->admission.by_root)
		code = monitor_run(&monitor);
	else
		code = dialogue_authorize(dialogue, &accepted);
	switch (session->admission.role) {
	case ADMISSION_SESSION:
		code = dialogue_serve(dialogue, options->preauth ?
		    LOG_METHOD_PREAUTH :
		    verdict_method(session->verdict.method));
		if (dialogue->drop != NULL)
			maildrop_close(dialogue->drop);
		dialogue_close(dialogue);
		break;
	case ADMISSION_KEEPER:
		code = admission_keep(&session->admission);
		break;
	case ADMISSION_ALONE:
		dialogue_close(dialogue);
		break;
	case ADMISSION_DONE:
		break;
	}
	return code;
}

enum dialogue_exit
session_run(const struct options *options, bool by_root)
{
	/* Not from malloc: until a mailbox is opened, nothing is. */
	static struct session session;
	struct admission *admission = &session.admission;
	enum dialogue_exit code;

	session.options = admission->options = options;
	admission->by_root = by_root;
	admission->stop = &session_stop;
	admission->dialogue = &session.dialogue;
	admission->login = &session.verdict.login;
	admission->above = admission->below = -1;
	admission->group = SANDBOX_NO_GROUP;
	cache_find(admission->cache, options->cache_dir, by_root);
	session.dialogue.ask = answer;
	session.dialogue.to = &session;
	catch_signals();
	dialogue_open(&session.dialogue, options, &session.verdict.login,
	    &session_stop);
	if (!options->preauth)
		login_open(&session.verdict.login, options, session.dialogue.host,
		    admission->by_root);
	session.verdict.peer = session.dialogue.peer.text;
	session.verdict.waiting = &session.dialogue.wire.waiting;
	session.verdict.stop = &session_stop;
	code = run(&session);
	span_wipe(&session, sizeof(session));
	return code;
}

enum dialogue_exit
session_recover(const struct options *options)
{
	sigset_t waiting;

	log_open(LOG_TO_STDERR, false);
	channel_signals(&waiting);
	catch_signals();
	return recovery_run(options, &session_stop);
}

void
session_refuse(void)
{
	const struct dispatch_reply reply = { .text = DISPATCH_MISCONFIGURED };
	static struct wire wire;

	wire_open(&wire, STDIN_FILENO, STDOUT_FILENO, &session_stop);
	wire.idle_ms = LIMITS_LINGER_MS;
	if (wire.out_socket) {
		dispatch_say(&wire, &reply);
		wire_close(&wire);
	}
}
