/* SPDX-License-Identifier: ISC */
/*
 * The monitor: root, until a user's keeper reports that the maildrop is open.
 * It hears neither the client nor the gate, but the judge: who is to be let in.
 * What there is to say and to wait for afterwards is the room watch's.
 */
#include "config.h"

#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/socket.h"
#include "rights/account.h"
#include "rights/front.h"
#include "rights/gate.h"
#include "rights/judge.h"
#include "rights/keeper.h"
#include "rights/letter.h"
#include "rights/monitor.h"
#include "rights/process.h"
#include "rights/reach.h"
#include "rights/starter.h"
#include "rights/watch.h"
#include "settings/options.h"
#include "talk/proxy.h"

int
monitor_hear_judge(int channel, struct session *session)
{
	struct users_entry *user = &session->user;
	struct channel_message message;
	struct letter_user letter;

	if (letter_receive(channel, LETTER_USER, &letter, &message) != 1)
		return 0;
	if (letter.method == LETTER_REACH)
		return 2;
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

/* Wait for ${events} of the keeper's channel, whatever signals come; if there
 * are none, end the keeper and all below it. */
static void
outwait(const struct watch *monitor, short events)
{
	const volatile sig_atomic_t never = 0;

	if (channel_wait(monitor->to_keeper, events, clock_ms() +
	    watch_patience(monitor), &monitor->session->dialogue.wire.waiting,
	    &never) != 1)
		(void)kill(-monitor->keeper, SIGKILL);
}

/* Fork the keeper, and wait for its report. */
static enum mailbox_fault
fork_keeper(struct watch *monitor)
{
	const struct wire *wire = &monitor->session->dialogue.wire;
	uint32_t fault = MAILBOX_TROUBLE;
	int fds[2];

	if (channel_pair(fds) == -1) {
		monitor->no_keeper = errno;
		return MAILBOX_TROUBLE;
	}
	monitor->keeper = process_fork_silent();
	monitor->no_keeper = monitor->keeper == -1 ? errno : 0;
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
	if (wire_wait(wire, fds[0], clock_ms() +
	    watch_patience(monitor)) != 1) {
		(void)socket_end(fds[0]);
		outwait(monitor, POLLIN);
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

/* The keeper lets nobody in: wait for its end, which closes the channel, or
 * bring it about, also if it has only closed that. */
static void
end_keeper(struct watch *monitor)
{
	int status = 0;

	if (monitor->keeper > 0) {
		outwait(monitor, 0);
		(void)kill(-monitor->keeper, SIGKILL);
		(void)waitpid(monitor->keeper, &status, 0);
	}
	if (WIFSIGNALED(status))
		monitor->keeper_signal = WTERMSIG(status);
	(void)close(monitor->to_keeper);
	monitor->to_keeper = monitor->keeper = -1;
}

/* Let in whom the judge found.  Returns whether the maildrop cannot be had. */
static bool
let_in(struct watch *monitor)
{
	enum mailbox_fault fault = fork_keeper(monitor);

	if (fault != MAILBOX_FINE) {
		end_keeper(monitor);
		wire_feed(&monitor->session->dialogue.wire, SPAN(""));
		/* A signal is the end; the judge hears of that and logs it.  So
		 * is a keeper that died: whom it let in may be in. */
		if (monitor->unheard || *monitor->session->stop != 0)
			return false;
	}
	channel_tell(monitor->to_judge, (uint8_t)fault);
	return fault != MAILBOX_FINE;
}

/* Hear the judge until somebody is in, or the session is over. */
static void
serve_judge(struct watch *monitor, struct account_ids ids)
{
	struct session *session = monitor->session;
	int64_t until = clock_ms() + LIMITS_GRACE_MS +
	    (int64_t)session->options->login_timeout * LIMITS_SECOND_MS;
	int found = 0, reached = 0, heard;

	while (found < LIMITS_FOUND && reached < LIMITS_QUESTIONS) {
		if (wire_wait(&session->dialogue.wire, monitor->to_judge,
		    until) != 1)
			return;
		heard = monitor_hear_judge(monitor->to_judge, session);
		found += heard == 1;
		reached += heard == 2;
		if (heard == 2)
			reach_saslauthd(session->verdict.login.saslauthd.path,
			    ids.uid, ids.gid, monitor->to_judge);
		else if (heard == 0 || !enter_tls(&session->dialogue) ||
		    !let_in(monitor))
			return;
	}
}

/* AUTHORIZATION is over: see to it that the judge and the gate end.  The judge
 * does when the gate has. */
static void
end_login(const struct watch *monitor)
{
	struct pollfd pfd = { .fd = monitor->to_judge, .events = 0 };

	if (monitor->keeper == -1 && poll(&pfd, 1, 0) == 0) {
		(void)kill(monitor->gate, SIGTERM);
		(void)kill(monitor->judge, SIGTERM);
	}
	starter_dismiss(&monitor->session->dialogue.stls);
	/* A judge that waits for an answer gets none. */
	(void)socket_end(monitor->to_judge);
	(void)poll(&pfd, 1, LIMITS_GRACE_MS);
	(void)close(monitor->to_judge);
	(void)kill(monitor->gate, SIGKILL);
	(void)kill(monitor->judge, SIGKILL);
}

/* Fork the judge, which the gate asks by ${ask}.  Returns 0, or -1. */
static int
fork_judge(struct watch *monitor, struct account_ids ids, int ask)
{
	struct session *session = monitor->session;
	int tell[2];

	if (process_pair(tell) == -1)
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
fork_gate(struct watch *monitor, struct account_ids ids, int ask)
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
fork_behind_front(struct watch *monitor, struct options *options,
    const struct account *accounts, int ask)
{
	struct session *session = monitor->session;
	int fault;

	if (fork_gate(monitor, accounts[ACCOUNT_GATE].ids, ask) == -1)
		return -1;
	fault = front_hear(&session->dialogue, ask);
	if (fault != PROXY_FINE)
		front_end(&session->dialogue, monitor->gate, fault);
	front_open(&session->dialogue, &session->verdict, options, true);
	return front_answer(&session->verdict.login, ask) == -1 ? -1 :
	    fork_judge(monitor, accounts[ACCOUNT_JUDGE].ids, ask);
}

/* Fork the judge and the gate.  Returns 0, or -1. */
static int
fork_both(struct watch *monitor, struct options *options,
    const struct account *accounts)
{
	struct session *session = monitor->session;
	int ask[2];

	if (process_pair(ask) == -1)
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
	struct watch monitor = { .session = session,
	    .to_judge = -1, .to_keeper = -1, .keeper = -1 };
	struct account accounts[ACCOUNT_KINDS];
	const char *denied;
	enum dialogue_exit code;

	if (account_choose(options, accounts) == -1) {
		process_shed();
		code = dialogue_refuse(&session->dialogue, REPLY_MISCONFIGURED);
		dialogue_close(&session->dialogue);
		process_end(code);
	}
	if (fork_both(&monitor, options, accounts) == -1)
		process_end(DIALOGUE_TROUBLE);
	serve_judge(&monitor, accounts[ACCOUNT_JUDGE].ids);
	end_login(&monitor);
	denied = process_become_killer(accounts[ACCOUNT_WAITING].ids.uid,
	    accounts[ACCOUNT_WAITING].ids.gid);
	if (denied != NULL && monitor.keeper != -1) {
		process_complain("monitor", denied);
		process_end(DIALOGUE_TROUBLE);
	}
	process_end(watch_end(&monitor));
}
