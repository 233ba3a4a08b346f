/* SPDX-License-Identifier: ISC */
/*
 * One session: the order of the states.
 */
#include "config.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authorization.h"
#include "dispatch.h"
#include "limits.h"
#include "log.h"
#include "login.h"
#include "maildrop.h"
#include "options.h"
#include "peer.h"
#include "session.h"
#include "transaction.h"
#include "update.h"
#include "users.h"
#include "wire.h"

/* A signal asks for the end of the session. */
static volatile sig_atomic_t session_stop;

struct session {
	const struct options *options;
	bool by_root;
	char host[LIMITS_HOST + 1];
	struct peer peer;
	struct login login;
	struct users_entry user;	/* who is logged in */
	struct maildrop drop;
	bool open;		/* drop is */
	unsigned bad;		/* commands so far */
	struct log_session record;
	struct wire wire;
};

static void
stop(int signal)
{
	(void)signal;
	session_stop = 1;
}

/* The three signals that end a session wait until it waits; the client's
 * hanging up and a file's limit are errors like others. */
static void
catch_signals(void)
{
	struct sigaction action = { .sa_handler = stop };
	sigset_t set;

	(void)sigemptyset(&action.sa_mask);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGHUP, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL);
	action.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &action, NULL);
	(void)sigaction(SIGXFSZ, &action, NULL);
}

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
		if (!span_is_name((struct span){ c, 1 }) || *c == '_' ||
		    *c == '+' || *c == '@')
			*c = '-';
	if (host[0] == '\0')
		memcpy(host, "localhost", sizeof("localhost"));
}

/* The host's first label, for the farewell. */
static struct span
label(const struct session *session)
{
	struct span host = span_of(session->host);

	return span_cut(&host, '.');
}

/* Open the maildrop of ${session}->user. */
static enum mailbox_fault
open_maildrop(struct session *session)
{
	const struct options *options = session->options;
	char path[LIMITS_PATH];
	enum mailbox_fault fault;

	if (mailbox_expand(options->mailbox, session->user.name,
	    session->user.home, path) == -1) {
		log_error("user=%s: --mailbox=%s makes no path for him",
		    session->user.name, options->mailbox);
		return MAILBOX_NO_DIRECTORY;
	}
	fault = maildrop_open(&session->drop, path, options->read_only,
	    options->locks, options->lock_timeout);
	if (fault != MAILBOX_FINE)
		return fault;
	session->drop.window = options->journal_window;
	fault = maildrop_scan(&session->drop);
	if (fault != MAILBOX_FINE) {
		maildrop_close(&session->drop);
		return fault;
	}
	session->open = true;
	session->record.user = session->user.name;
	session->record.messages = session->record.left = session->drop.count;
	session->record.octets = session->drop.octets;
	return MAILBOX_FINE;
}

static const char *
method_name(enum login_method method)
{
	return method == LOGIN_APOP ? "apop" : "pass";
}

/* Refuse a login, after the time that every refusal of this try takes. */
static enum dispatch_text
refuse(struct session *session, const struct login_question *question,
    int64_t asked)
{
	struct login *login = &session->login;
	int64_t due, left;

	login->tries++;
	log_info("refused login peer=%s method=%s try=%u", session->peer.text,
	    method_name(question->method), login->tries);
	due = asked + login_delay(login->tries, session->options->fail_delay,
	    wire_clock() - asked);
	while (session_stop == 0 && (left = due - wire_clock()) > 0) {
		struct timespec wait = { .tv_sec = (time_t)(left / 1000),
		    .tv_nsec = (long)(left % 1000) * 1000000 };

		(void)ppoll(NULL, 0, &wait, &session->wire.waiting);
	}
	return login->tries < LIMITS_TRIES ? DISPATCH_REFUSED :
	    DISPATCH_REFUSED_LAST;
}

/* Answer what AUTHORIZATION asks. */
static enum dispatch_text
answer(void *to, const struct login_question *question)
{
	struct session *session = to;
	int64_t asked = wire_clock();
	enum mailbox_fault fault;

	switch (login_check(&session->login, question, &session->user)) {
	case LOGIN_ACCEPTED:
		break;
	case LOGIN_REFUSED:
		if (question->method == LOGIN_USER)
			return DISPATCH_NO_USER;
		return refuse(session, question, asked);
	case LOGIN_MISCONFIGURED:
		return question->method == LOGIN_APOP ? DISPATCH_NO_APOP :
		    DISPATCH_MISCONFIGURED;
	}
	if (question->method == LOGIN_USER) {
		users_forget(&session->user);
		return DISPATCH_USER;
	}
	fault = open_maildrop(session);
	if (fault != MAILBOX_FINE)
		return dispatch_fault(fault);
	session->record.method = method_name(question->method);
	return DISPATCH_MAILDROP;
}

/* How the log and the exit code call the end of the stream. */
static enum session_exit
judge_wire(struct session *session)
{
	static const char *const names[] = {
		[WIRE_OPEN] = "error",
		[WIRE_EOF] = "eof",
		[WIRE_CUT] = "eof",
		[WIRE_TIMEOUT] = "timeout",
		[WIRE_SIGNAL] = "signal",
		[WIRE_LOST] = "write-error",
	};

	session->record.end = names[session->wire.end];
	return session->wire.end == WIRE_EOF && session->drop.marked == 0 ?
	    SESSION_ORDERLY : SESSION_BROKEN;
}

static enum session_exit
judge_end(struct session *session, enum dispatch_end end)
{
	if (end == DISPATCH_END_BAD)
		session->record.end = "bad-commands";
	return end == DISPATCH_END_BAD ? SESSION_BROKEN : judge_wire(session);
}

/* RFC 1939 s6.  The work is done before QUIT is answered. */
static enum session_exit
run_update(struct session *session)
{
	struct dispatch_reply reply = {
		.text = DISPATCH_BYE_LEFT,
		.name = label(session),
	};
	enum update_result result = update_run(&session->drop,
	    session->options->log_deletes, &session->record.deleted);

	session->record.left -= session->record.deleted;
	reply.n = session->record.left;
	if (reply.n == 0)
		reply.text = DISPATCH_BYE_EMPTY;
	if (result != UPDATE_DONE)
		reply.text = DISPATCH_NOT_REMOVED;
	/* The locks go before the client can know that the session is over:
	 * some come back at once. */
	maildrop_close(&session->drop);
	session->open = false;
	session->record.end = result == UPDATE_DONE ? "quit" : "error";
	dispatch_say(&session->wire, &reply);
	if (wire_flush(&session->wire) == WIRE_LOST)
		session->record.end = "write-error";
	if (result != UPDATE_DONE)
		return SESSION_TROUBLE;
	return session->wire.end == WIRE_LOST ||
	    session->wire.end == WIRE_TIMEOUT ? SESSION_BROKEN :
	    SESSION_ORDERLY;
}

static enum session_exit
run_transaction(struct session *session)
{
	struct transaction transaction = {
		.wire = &session->wire,
		.drop = &session->drop,
		.passwords = session->login.passwords,
		.bad = session->bad,
	};
	struct dispatch_reply reply = {
		.text = DISPATCH_MAILDROP_OF,
		.name = span_of(session->user.name),
		.n = session->drop.count,
		.octets = session->drop.octets,
	};
	enum dispatch_end end;

	session->wire.deadline = 0;
	if (session->record.method[0] == 'a' || !span_is_name(reply.name))
		reply.text = DISPATCH_MAILDROP;
	dispatch_say(&session->wire, &reply);
	end = transaction_run(&transaction);
	session->record.retrieved = transaction.retrieved;
	session->record.retrieved_octets = transaction.retrieved_octets;
	if (end == DISPATCH_END_LEFT)
		return run_update(session);
	if (end == DISPATCH_END_CLOSED && transaction.torn) {
		log_error("%s: changed while a message was sent",
		    session->drop.mailbox.path);
		session->record.end = "changed";
		return SESSION_TROUBLE;
	}
	return judge_end(session, end);
}

static enum session_exit
run_authorization(struct session *session)
{
	const struct options *options = session->options;
	struct login *login = &session->login;
	struct authorization state = {
		.wire = &session->wire,
		.host = label(session),
		.passwords = login->passwords,
		.apop = login->timestamp[0] != '\0',
		.hide_users = options->hide_users,
		.ask = answer,
		.to = session,
	};
	struct dispatch_reply reply = {
		.text = state.apop ? DISPATCH_GREETING_APOP :
		    DISPATCH_GREETING,
		.name = span_of(login->timestamp),
	};
	enum dispatch_end end;

	state.plaintext = options->plaintext == OPTIONS_PLAINTEXT_ALWAYS ||
	    (options->plaintext == OPTIONS_PLAINTEXT_PRIVATE &&
	    (session->peer.closed || options->private_stream));
	session->wire.deadline = wire_clock() +
	    (int64_t)options->login_timeout * 1000;
	dispatch_say(&session->wire, &reply);
	end = authorization_run(&state);
	session->bad = state.bad;
	if (end == DISPATCH_END_LEFT)
		return run_transaction(session);
	session->record.end = state.refused ? "auth-failed" : "quit";
	if (end == DISPATCH_END_CLOSED)
		return state.refused ? SESSION_BROKEN : SESSION_ORDERLY;
	return judge_end(session, end);
}

/* --preauth: the caller is who he is. */
static enum session_exit
run_preauth(struct session *session)
{
	struct dispatch_reply reply = { .text = DISPATCH_TROUBLE };
	enum mailbox_fault fault = MAILBOX_DENIED;

	session->record.method = "preauth";
	if (users_self(&session->user) == -1 || session->user.uid == 0)
		log_error("uid %lu has no account that can have a maildrop",
		    (unsigned long)geteuid());
	else
		fault = open_maildrop(session);
	if (fault == MAILBOX_FINE)
		return run_transaction(session);
	session->record.end = "error";
	reply.text = dispatch_fault(fault);
	dispatch_say(&session->wire, &reply);
	return SESSION_TROUBLE;
}

static void
prepare(struct session *session, const struct options *options)
{
	session->options = options;
	session->by_root = geteuid() == 0;
	catch_signals();
	wire_open(&session->wire, STDIN_FILENO, STDOUT_FILENO, &session_stop);
	session->wire.idle_ms = (int64_t)options->idle_timeout * 1000;
	session->record.begin_ms = wire_clock();
	session->record.end = "error";
	find_host(session->host, options->host);
	peer_find(&session->peer, STDIN_FILENO);
	session->record.peer = session->peer.text;
}

enum session_exit
session_run(const struct options *options)
{
	struct session *session = calloc(1, sizeof(*session));
	enum session_exit code;

	if (session == NULL)
		return SESSION_TROUBLE;
	prepare(session, options);
	if (options->preauth) {
		code = run_preauth(session);
	} else {
		login_open(&session->login, options, session->host,
		    session->by_root);
		code = run_authorization(session);
	}
	if (session->open)
		maildrop_close(&session->drop);
	log_record(&session->record, wire_clock());
	wire_close(&session->wire);
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
