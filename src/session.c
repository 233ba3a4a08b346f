/* SPDX-License-Identifier: ISC */
/*
 * One session and its processes.
 *
 * Started by root: the monitor forks the gate, which speaks AUTHORIZATION with
 * no rights and asks; the monitor judges, and for a user it lets in forks a
 * keeper, which opens his maildrop and forks the session (admission).  Started
 * by anybody else, one process judges and speaks.
 *
 * Code that runs as root: main, options, configuration, records, peer, login,
 * users, secrets, log; admission up to where it says; here all but gate.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admission.h"
#include "channel.h"
#include "dispatch.h"
#include "keeper.h"
#include "limits.h"
#include "log.h"
#include "login.h"
#include "options.h"
#include "sandbox.h"
#include "session.h"

/* A signal asks for the end of the session. */
static volatile sig_atomic_t session_stop;

/* Instead of a method: the gate tells how its state ended. */
#define GATE_ENDED 255

struct session {
	const struct options *options;
	enum login_method method;	/* of the last question */
	struct login login;
	struct admission admission;
	struct dialogue dialogue;
};

static void
stop(int signal)
{
	(void)signal;
	session_stop = 1;
}

/* The three signals that end a session wait until it waits; a client that
 * hangs up and a file's limit are errors like others. */
static void
catch_signals(void)
{
	static const int ends[] = { SIGTERM, SIGHUP, SIGINT };
	struct sigaction action = { .sa_handler = stop };
	sigset_t set;

	(void)sigemptyset(&action.sa_mask);
	(void)sigemptyset(&set);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		(void)sigaddset(&set, ends[i]);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		(void)sigaction(ends[i], &action, NULL);
	action.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &action, NULL);
	(void)sigaction(SIGXFSZ, &action, NULL);
}

static const char *
method_name(enum login_method method)
{
	return method == LOGIN_APOP ? "apop" : "pass";
}

/* Refuse a login, after the time that every refusal of this try takes. */
static enum dispatch_text
refuse(struct session *session, int64_t asked)
{
	struct login *login = &session->login;
	int64_t due, left;

	login->tries++;
	log_info("refused login peer=%s method=%s try=%u",
	    session->dialogue.peer.text, method_name(session->method),
	    login->tries);
	due = asked + login_delay(login->tries, session->options->fail_delay,
	    wire_clock() - asked);
	while (session_stop == 0 && (left = due - wire_clock()) > 0) {
		struct timespec wait = { .tv_sec = (time_t)(left / 1000),
		    .tv_nsec = (long)(left % 1000) * 1000000 };

		(void)ppoll(NULL, 0, &wait, &session->dialogue.wire.waiting);
	}
	return login->tries < LIMITS_TRIES ? DISPATCH_REFUSED :
	    DISPATCH_REFUSED_LAST;
}

/* Judge ${question}: DISPATCH_MAILDROP if the user may be let in. */
static enum dispatch_text
judge(struct session *session, const struct login_question *question)
{
	int64_t asked = wire_clock();

	session->method = question->method;
	switch (login_check(&session->login, question, &session->admission.user)) {
	case LOGIN_ACCEPTED:
		if (question->method != LOGIN_USER)
			return DISPATCH_MAILDROP;
		users_forget(&session->admission.user);
		return DISPATCH_USER;
	case LOGIN_REFUSED:
		return question->method == LOGIN_USER ? DISPATCH_NO_USER :
		    refuse(session, asked);
	case LOGIN_MISCONFIGURED:
		break;
	}
	return question->method == LOGIN_APOP ? DISPATCH_NO_APOP :
	    DISPATCH_MISCONFIGURED;
}

/* Started by anybody but root: the state asks its own process. */
static enum dispatch_text
answer(void *to, const struct login_question *question)
{
	struct session *session = to;
	enum dispatch_text text = judge(session, question);
	enum mailbox_fault fault;

	if (text != DISPATCH_MAILDROP)
		return text;
	(void)wire_flush(&session->dialogue.wire);
	fault = admission_run(&session->admission);
	return fault == MAILBOX_FINE ? text : dispatch_fault(fault);
}

/* In the gate: ask the monitor, and hand over the input that is unread. */
static enum dispatch_text
ask_monitor(void *to, const struct login_question *question)
{
	struct session *session = to;
	struct dialogue *dialogue = &session->dialogue;
	struct channel_message message;
	unsigned text;

	(void)wire_flush(&dialogue->wire);
	channel_begin(&message);
	channel_put_byte(&message, (uint8_t)question->method);
	channel_put_byte(&message, (uint8_t)dialogue->bad);
	channel_put(&message, (struct span){ question->name,
	    question->name_n });
	channel_put(&message, (struct span){ question->secret,
	    question->secret_n });
	channel_put(&message, wire_unread(&dialogue->wire));
	if (channel_send(session->admission.above, &message, -1) == -1 ||
	    channel_receive(session->admission.above, &message) != 1)
		return DISPATCH_TROUBLE;
	text = channel_get_byte(&message);
	return message.whole && text <= DISPATCH_MISCONFIGURED ?
	    (enum dispatch_text)text : DISPATCH_TROUBLE;
}

/* Who the gate is.  Root if there is nobody: then it does not start. */
static void
find_gate(const struct options *options, uid_t *uid, gid_t *gid)
{
	const char *const names[] = { options->gate_user, "dewey-gate",
	    "nobody" };
	struct passwd *pw = NULL;

	for (size_t i = 0; i < 3 && pw == NULL; i++)
		if (names[i] != NULL) {
			pw = getpwnam(names[i]);
			if (i == 0)
				break;
		}
	*uid = pw == NULL ? 0 : pw->pw_uid;
	*gid = pw == NULL ? 0 : pw->pw_gid;
}

/* The gate: AUTHORIZATION without rights, files or names of files. */
static enum dialogue_exit
run_gate(struct session *session, int channel)
{
	struct dialogue *dialogue = &session->dialogue;
	const struct options *options = session->options;
	struct channel_message message;
	enum dialogue_exit code;
	bool accepted;
	uid_t uid;
	gid_t gid;

	session->admission.above = channel;
	find_gate(options, &uid, &gid);
	if (!options->verbose)
		log_close(channel);
	if (sandbox_hide() == -1 || uid == 0 ||
	    sandbox_become(uid, gid, SANDBOX_NO_GROUP) == -1 ||
	    sandbox_close(SANDBOX_GATE, (enum sandbox_wish)options->sandbox,
	    -1) == -1)
		return dialogue_refuse(dialogue, MAILBOX_TROUBLE);
	dialogue->ask = ask_monitor;
	code = dialogue_authorize(dialogue, &accepted);
	if (accepted)
		return code;
	channel_begin(&message);
	channel_put_byte(&message, GATE_ENDED);
	channel_put(&message, span_of(dialogue->record.end));
	(void)channel_send(channel, &message, -1);
	wire_close(&dialogue->wire);
	return code;
}

/* Read what the gate says.  Returns 1 for a question, 0 if it has ended. */
static int
hear_gate(struct session *session, int gate, struct login_question *question)
{
	static const char *const ends[] = { "quit", "eof", "timeout", "signal",
	    "auth-failed", "bad-commands", "write-error" };
	struct dialogue *dialogue = &session->dialogue;
	struct channel_message message;
	struct span name, secret, unread;
	unsigned method;

	if (channel_receive(gate, &message) != 1)
		return 0;
	method = channel_get_byte(&message);
	if (method == GATE_ENDED) {
		name = channel_get(&message);
		for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
			if (span_equal(name, span_of(ends[i])))
				dialogue->record.end = ends[i];
		return 0;
	}
	dialogue->bad = channel_get_byte(&message);
	name = channel_get(&message);
	secret = channel_get(&message);
	unread = channel_get(&message);
	if (!message.whole || method > LOGIN_APOP ||
	    name.n > sizeof(question->name) || unread.n > LIMITS_INPUT ||
	    secret.n > sizeof(question->secret))
		return 0;
	question->method = (enum login_method)method;
	question->name_n = name.n;
	question->secret_n = secret.n;
	if (name.n > 0)
		memcpy(question->name, name.p, name.n);
	if (secret.n > 0)
		memcpy(question->secret, secret.p, secret.n);
	wire_feed(&dialogue->wire, unread);
	span_wipe(&message, sizeof(message));
	return 1;
}

/* Wait until ${fd} has something to say, for at most ${ms}.  Returns 1, or 0
 * if the time is over or a signal asks for the end. */
static int
wait_for(const struct session *session, int fd, int64_t ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int64_t until = wire_clock() + ms;

	while (session_stop == 0) {
		int64_t left = until - wire_clock();
		struct timespec wait = { .tv_sec = (time_t)(left / 1000),
		    .tv_nsec = (long)(left % 1000) * 1000000 };

		if (left <= 0)
			return 0;
		if (ppoll(&pfd, 1, &wait,
		    &session->dialogue.wire.waiting) > 0)
			return 1;
	}
	return 0;
}

/* Fork the keeper.  Returns in the monitor, and in the keeper and the session,
 * whose role is not ADMISSION_ALONE. */
static enum mailbox_fault
fork_keeper(struct session *session, int gate, pid_t *keeper)
{
	struct admission *admission = &session->admission;
	enum mailbox_fault fault = MAILBOX_TROUBLE;
	int fds[2];

	if (channel_pair(fds) == -1)
		return MAILBOX_TROUBLE;
	*keeper = fork();
	if (*keeper == 0) {
		(void)close(gate);
		(void)close(fds[0]);
		admission->above = fds[1];
		fault = admission_run(admission);
		if (admission->role == ADMISSION_ALONE)
			admission->role = ADMISSION_DONE;
		else if (admission->role != ADMISSION_KEEPER)
			return fault;
		keeper_report(fds[1], fault);
		return fault;
	}
	(void)close(fds[1]);
	admission->below = fds[0];
	if (*keeper == -1)
		log_error("a process cannot be made: %s", strerror(errno));
	else if (keeper_await(fds[0], &fault, NULL) == -1)
		fault = MAILBOX_TROUBLE;
	return fault;
}

/* Answer the gate's question.  Returns 1 to go on, 0 when it is over: somebody
 * was let in by ${keeper}, or this is no longer the monitor. */
static int
answer_gate(struct session *session, int gate,
    const struct login_question *question, pid_t *keeper)
{
	enum dispatch_text text = judge(session, question);
	struct channel_message message;
	enum mailbox_fault fault;
	bool killed;

	if (text == DISPATCH_MAILDROP) {
		fault = fork_keeper(session, gate, keeper);
		if (session->admission.role != ADMISSION_ALONE)
			return 0;
		users_forget(&session->admission.user);
		if (fault != MAILBOX_FINE) {
			text = dispatch_fault(fault);
			(void)close(session->admission.below);
			session->admission.below = -1;
			if (*keeper > 0)
				(void)admission_reap(*keeper, "keeper",
				    &killed);
			*keeper = -1;
		}
	}
	channel_begin(&message);
	channel_put_byte(&message, (uint8_t)text);
	return channel_send(gate, &message, -1) == 0 &&
	    text != DISPATCH_MAILDROP;
}

/* A session runs: wait for its end, with no rights.  If a signal asks for the
 * end, the keeper learns of it by the channel's end. */
static enum dialogue_exit
wait_for_keeper(struct session *session, pid_t keeper)
{
	struct admission *admission = &session->admission;
	const struct passwd *nobody = getpwnam("nobody");
	bool killed;

	admission_leave_client();
	if (nobody == NULL || sandbox_become(nobody->pw_uid, nobody->pw_gid,
	    SANDBOX_NO_GROUP) == -1 || sandbox_close(SANDBOX_WAITING,
	    (enum sandbox_wish)session->options->sandbox, -1) == -1)
		log_error("the monitor cannot become nobody");
	else
		(void)wait_for(session, admission->below, INT32_MAX);
	(void)close(admission->below);
	return admission_reap(keeper, "keeper", &killed);
}

/* The monitor: judge what the gate asks, until somebody is let in. */
static enum dialogue_exit
run_monitor(struct session *session, int gate, pid_t child)
{
	struct admission *admission = &session->admission;
	struct login_question question;
	int64_t until = wire_clock() +
	    (int64_t)session->options->login_timeout * 1000 + LIMITS_GRACE_MS;
	pid_t keeper = -1;
	enum dialogue_exit code;
	bool killed;
	int more = 1;

	for (int i = 0; i < LIMITS_QUESTIONS && more == 1; i++) {
		more = wait_for(session, gate, until - wire_clock());
		if (more == 1)
			more = hear_gate(session, gate, &question);
		if (more == 1)
			more = answer_gate(session, gate, &question, &keeper);
		span_wipe(&question, sizeof(question));
	}
	if (admission->role != ADMISSION_ALONE)
		return DIALOGUE_ORDERLY;
	admission->role = ADMISSION_DONE;
	if (keeper == -1 && (more == 1 || session_stop != 0 ||
	    until <= wire_clock()))
		(void)kill(child, session_stop != 0 ? SIGTERM : SIGKILL);
	(void)close(gate);
	code = admission_reap(child, "gate", &killed);
	if (keeper != -1)
		return wait_for_keeper(session, keeper);
	if (session_stop != 0)
		session->dialogue.record.end = "signal";
	log_record(&session->dialogue.record, wire_clock());
	return code;
}

static enum dialogue_exit
run_as_root(struct session *session)
{
	enum dialogue_exit code;
	pid_t child;
	int fds[2];

	if (channel_pair(fds) == -1 || (child = fork()) == -1) {
		log_error("a process cannot be made: %s", strerror(errno));
		return dialogue_refuse(&session->dialogue, MAILBOX_TROUBLE);
	}
	if (child != 0) {
		(void)close(fds[1]);
		return run_monitor(session, fds[0], child);
	}
	(void)close(fds[0]);
	code = run_gate(session, fds[1]);
	session->admission.role = ADMISSION_DONE;
	return code;
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
	enum dialogue_exit code;
	bool accepted;

	if (options->preauth)
		code = run_preauth(session);
	else if (session->admission.by_root)
		code = run_as_root(session);
	else
		code = dialogue_authorize(dialogue, &accepted);
	switch (session->admission.role) {
	case ADMISSION_SESSION:
		code = dialogue_serve(dialogue, options->preauth ? "preauth" :
		    method_name(session->method));
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
session_run(const struct options *options)
{
	struct session *session = calloc(1, sizeof(*session));
	struct admission *admission;
	enum dialogue_exit code;

	if (session == NULL)
		return DIALOGUE_TROUBLE;
	admission = &session->admission;
	session->options = admission->options = options;
	admission->by_root = geteuid() == 0;
	admission->stop = &session_stop;
	admission->dialogue = &session->dialogue;
	admission->above = admission->below = -1;
	session->dialogue.ask = answer;
	session->dialogue.to = session;
	catch_signals();
	sandbox_begin();
	dialogue_open(&session->dialogue, options, &session->login,
	    &session_stop);
	if (!options->preauth)
		login_open(&session->login, options, session->dialogue.host,
		    admission->by_root);
	code = run(session);
	span_wipe(session, sizeof(*session));
	free(session);
	return code;
}

void
session_refuse(void)
{
	const struct dispatch_reply reply = { .text = DISPATCH_MISCONFIGURED };
	struct wire *wire = calloc(1, sizeof(*wire));

	if (wire == NULL)
		return;
	wire_open(wire, STDIN_FILENO, STDOUT_FILENO, &session_stop);
	wire->idle_ms = LIMITS_LINGER_MS;
	if (wire->out_socket) {
		dispatch_say(wire, &reply);
		wire_close(wire);
	}
	free(wire);
}
