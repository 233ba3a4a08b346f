/* SPDX-License-Identifier: ISC */
/*
 * The monitor: root, until a user's keeper reports that the maildrop is open.
 * It hears neither the client nor the gate, but the judge: who is to be let in.
 */
#include "config.h"

#include <sys/socket.h>

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "rights/account.h"
#include "rights/front.h"
#include "rights/gate.h"
#include "rights/judge.h"
#include "rights/keeper.h"
#include "rights/letter.h"
#include "rights/monitor.h"
#include "rights/process.h"
#include "rights/sandbox.h"
#include "rights/starter.h"
#include "settings/options.h"

struct monitor {
	struct session *session;
	int to_judge, to_keeper;	/* channels */
	int to_gate;		/* the end that the gate will have, or -1 */
	pid_t gate, judge, keeper;	/* -1: there is none */
	bool unheard;		/* the keeper died before it reported */
};

int
monitor_hear_judge(int channel, struct session *session)
{
	struct users_entry *user = &session->user;
	struct channel_message message;
	struct letter_user letter;

	if (letter_receive(channel, LETTER_USER, &letter, &message) != 1)
		return 0;
	memset(user, 0, sizeof(*user));
	if (!users_can_be(letter.name) ||
	    span_copy(letter.name, user->name, sizeof(user->name)) == -1 ||
	    span_copy(letter.home, user->home, sizeof(user->home)) == -1)
		return 0;
	user->uid = letter.uid;
	user->gid = letter.gid;
	session->verdict.method = (enum login_method)letter.method;
	session->dialogue.record.tls = (enum log_tls)letter.tls;
	session->verdict.login.keys = letter.keys != 0;
	session->dialogue.stls.bound = letter.bound != 0;
	wire_feed(&session->dialogue.wire, letter.unread);
	span_wipe(&message, sizeof(message));
	return user->uid != 0;
}

/* Milliseconds that a keeper may take for its report, and for its end when that
 * is asked for. */
static int64_t
patience(const struct monitor *monitor)
{
	const struct options *options = monitor->session->options;

	return ((int64_t)options->lock_timeout + options->idle_timeout) *
	    LIMITS_SECOND_MS;
}

/* Fork the keeper, and wait for its report. */
static enum mailbox_fault
fork_keeper(struct monitor *monitor)
{
	const volatile sig_atomic_t never = 0;
	const struct wire *wire = &monitor->session->dialogue.wire;
	uint32_t fault = MAILBOX_TROUBLE;
	int fds[2];

	if (channel_pair(fds) == -1)
		return MAILBOX_TROUBLE;
	monitor->keeper = process_fork("keeper");
	if (monitor->keeper == 0) {
		(void)close(monitor->to_judge);
		(void)close(fds[0]);
		keeper_main(monitor->session, fds[1]);
	}
	(void)close(fds[1]);
	monitor->to_keeper = fds[0];
	if (monitor->keeper == -1)
		return MAILBOX_TROUBLE;
	/* It ends what it does and reports that, or that somebody is in. */
	if (wire_wait(wire, fds[0], clock_ms() + patience(monitor)) != 1) {
		(void)shutdown(fds[0], SHUT_WR);
		if (channel_wait(fds[0], POLLIN, clock_ms() +
		    patience(monitor), &wire->waiting, &never) != 1)
			(void)kill(-monitor->keeper, SIGKILL);
	}
	monitor->unheard = letter_receive_number(fds[0], LETTER_FAULT,
	    &fault) != 1;
	return monitor->unheard ? MAILBOX_TROUBLE : (enum mailbox_fault)fault;
}

/* The client speaks TLS, the judge says: what is said inside it is elsewhere.
 * Without that no user is let in whom TLS was said of. */
static bool
enter_tls(struct dialogue *dialogue)
{
	struct stls *stls = &dialogue->stls;

	if (dialogue->record.tls == LOG_TLS_NONE || stls->tls != LOG_TLS_NONE)
		return true;
	if (stls->ucspi.control == -1)
		return false;
	stls->tls = dialogue->record.tls;
	dialogue->wire.stream = stls->stream;
	return true;
}

/* Let in whom the judge found.  Returns whether the maildrop cannot be had. */
static bool
let_in(struct monitor *monitor)
{
	enum mailbox_fault fault = fork_keeper(monitor);
	bool killed;

	if (fault != MAILBOX_FINE) {
		(void)close(monitor->to_keeper);
		monitor->to_keeper = -1;
		if (monitor->keeper > 0)
			(void)process_reap_group(monitor->keeper, "keeper",
			    patience(monitor), &killed);
		monitor->keeper = -1;
		wire_feed(&monitor->session->dialogue.wire, SPAN(""));
		/* A signal is the end; the judge hears of that and logs it.  So
		 * is a keeper that died: whom it let in may be in. */
		if (monitor->unheard || *monitor->session->stop != 0)
			return false;
	}
	(void)letter_send_number(monitor->to_judge, LETTER_FAULT, fault);
	return fault != MAILBOX_FINE;
}

/* AUTHORIZATION is over: see to it that the judge and the gate end.  The judge
 * does when the gate has. */
static void
end_login(const struct monitor *monitor)
{
	struct pollfd pfd = { .fd = monitor->to_judge, .events = 0 };

	if (monitor->keeper == -1 && poll(&pfd, 1, 0) == 0) {
		(void)kill(monitor->gate, SIGTERM);
		(void)kill(monitor->judge, SIGTERM);
	}
	starter_dismiss(&monitor->session->dialogue.stls);
	/* A judge that waits for an answer gets none. */
	(void)shutdown(monitor->to_judge, SHUT_WR);
	(void)poll(&pfd, 1, LIMITS_GRACE_MS);
	(void)close(monitor->to_judge);
	(void)kill(monitor->gate, SIGKILL);
	(void)kill(monitor->judge, SIGKILL);
}

/* Wait for the keeper's end, a signal, or the client's end; and after that, as
 * long as a keeper may take, for one of the others. */
static void
watch(const struct monitor *monitor)
{
	const struct session *session = monitor->session;
	struct pollfd fds[] = { { .fd = session->dialogue.wire.stream.in,
	    .events = POLLRDHUP },
	    { .fd = monitor->to_keeper, .events = 0 } };
	int ready = 0;

	while (*session->stop == 0 && ready <= 0)
		ready = ppoll(fds, 2, NULL, &session->dialogue.wire.waiting);
	if (*session->stop == 0 && fds[1].revents == 0)
		(void)wire_wait(&session->dialogue.wire, monitor->to_keeper,
		    clock_ms() + patience(monitor));
}

/* Nobody was let in.  The client hears if a process kept root's rights. */
static enum dialogue_exit
end_unserved(const struct monitor *monitor)
{
	struct dialogue *dialogue = &monitor->session->dialogue;
	enum dialogue_exit of_judge, of_gate;
	bool killed;

	of_judge = process_reap(monitor->judge, "judge", &killed);
	if (of_judge != DIALOGUE_ORDERLY)
		log_record(&dialogue->record, clock_ms());
	of_gate = process_reap(monitor->gate, "gate", &killed);
	if (of_gate == DIALOGUE_TROUBLE && !killed)
		log_error("the gate could not be closed in");
	return of_judge == DIALOGUE_USAGE || of_gate == DIALOGUE_USAGE ?
	    dialogue_refuse(dialogue, REPLY_MISCONFIGURED) : of_gate;
}

/* With no rights any more: wait for the end of all. */
static enum dialogue_exit
wait_for_all(const struct monitor *monitor)
{
	struct session *session = monitor->session;
	struct dialogue *dialogue = &session->dialogue;
	enum dialogue_exit code;
	bool killed;

	(void)process_reap(monitor->judge, "judge", &killed);
	(void)process_reap(monitor->gate, "gate", &killed);
	if (dialogue->stls.tls == LOG_TLS_NONE)
		process_leave_output();
	else
		process_leave_client();
	if (sandbox_close(FILTER_WAITING,
	    (enum sandbox_wish)session->options->sandbox,
	    -monitor->keeper) == 0)
		watch(monitor);
	(void)close(monitor->to_keeper);
	code = process_reap_group(monitor->keeper, "keeper", patience(monitor),
	    &killed);
	dialogue->record.user = session->user.name;
	dialogue->record.method = verdict_method(session->verdict.method);
	if (killed)
		log_record(&dialogue->record, clock_ms());
	return code;
}

/* Fork the judge, which the gate asks by ${ask}.  Returns 0, or -1. */
static int
fork_judge(struct monitor *monitor, struct account_ids ids, int ask)
{
	struct session *session = monitor->session;
	int tell[2];

	if (channel_pair(tell) == -1)
		return -1;
	monitor->to_judge = tell[0];
	monitor->judge = process_fork_as("judge", ids.uid, ids.gid, false);
	if (monitor->judge == 0) {
		(void)close(monitor->to_gate);
		(void)close(tell[0]);
		judge_main(session, (struct judge_channels){ ask, tell[1] });
	}
	(void)close(ask);
	(void)close(tell[1]);
	login_close(&session->verdict.login);
	return monitor->judge == -1 ? -1 : 0;
}

/* Fork the gate, which asks by ${monitor}->to_gate; the other end of that is
 * ${ask}, or closed.  Returns 0, or -1. */
static int
fork_gate(struct monitor *monitor, struct account_ids ids, int ask)
{
	int channel = monitor->to_gate;

	monitor->gate = process_fork_as("gate", ids.uid, ids.gid, true);
	if (monitor->gate == 0) {
		if (monitor->to_judge != -1)
			(void)close(monitor->to_judge);
		if (ask != -1)
			(void)close(ask);
		gate_main(monitor->session, channel, ask != -1);
	}
	(void)close(channel);
	monitor->to_gate = -1;
	return monitor->gate == -1 ? -1 : 0;
}

/* A front end's header tells the address, on which the files of the judge may
 * depend: the gate, which reads it, comes first. */
static int
fork_behind_front(struct monitor *monitor, struct options *options,
    const struct account *accounts, int ask)
{
	struct session *session = monitor->session;

	if (fork_gate(monitor, accounts[ACCOUNT_GATE].ids, ask) == -1)
		return -1;
	if (front_hear(&session->dialogue, ask) == -1)
		front_end(&session->dialogue, monitor->gate);
	front_open(&session->dialogue, &session->verdict, options, true);
	return front_answer(&session->verdict.login, ask) == -1 ? -1 :
	    fork_judge(monitor, accounts[ACCOUNT_JUDGE].ids, ask);
}

/* Fork the judge and the gate.  Returns 0, or -1. */
static int
fork_both(struct monitor *monitor, struct options *options,
    const struct account *accounts)
{
	struct session *session = monitor->session;
	int ask[2];

	if (channel_pair(ask) == -1)
		return -1;
	monitor->to_gate = ask[1];
	if (front_is_due(&session->dialogue))
		return fork_behind_front(monitor, options, accounts, ask[0]);
	front_open(&session->dialogue, &session->verdict, options, true);
	return fork_judge(monitor, accounts[ACCOUNT_JUDGE].ids,
	    ask[0]) == -1 ? -1 :
	    fork_gate(monitor, accounts[ACCOUNT_GATE].ids, -1);
}

void
monitor_main(struct session *session, struct options *options)
{
	struct monitor monitor = { .session = session,
	    .to_judge = -1, .to_keeper = -1, .keeper = -1 };
	struct account accounts[ACCOUNT_KINDS];
	const char *denied;
	enum dialogue_exit code;
	int64_t until;

	if (account_choose(options, accounts) == -1) {
		code = dialogue_refuse(&session->dialogue, REPLY_MISCONFIGURED);
		dialogue_close(&session->dialogue);
		process_end(code);
	}
	if (fork_both(&monitor, options, accounts) == -1)
		process_end(DIALOGUE_TROUBLE);
	until = clock_ms() + LIMITS_GRACE_MS +
	    (int64_t)session->options->login_timeout * 1000;
	for (int i = 0; i < LIMITS_FOUND; i++)
		if (wire_wait(&session->dialogue.wire, monitor.to_judge,
		    until) != 1 ||
		    monitor_hear_judge(monitor.to_judge, session) != 1 ||
		    !enter_tls(&session->dialogue) ||
		    !let_in(&monitor))
			break;
	end_login(&monitor);
	denied = process_become_killer(accounts[ACCOUNT_WAITING].ids.uid,
	    accounts[ACCOUNT_WAITING].ids.gid);
	if (denied != NULL && monitor.keeper != -1) {
		process_complain("monitor", denied);
		process_end(DIALOGUE_TROUBLE);
	}
	code = (monitor.keeper == -1 ? end_unserved : wait_for_all)(&monitor);
	starter_wait(&session->dialogue, patience(&monitor));
	process_end(code);
}
