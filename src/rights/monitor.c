/* SPDX-License-Identifier: ISC */
/*
 * The monitor: root, until a user's keeper reports that his maildrop is open.
 * It hears neither the client nor the gate, but the judge: who is to be let in.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "rights/admission.h"
#include "rights/gate.h"
#include "rights/judge.h"
#include "rights/keeper.h"
#include "rights/monitor.h"
#include "rights/sandbox.h"
#include "settings/options.h"
#include "talk/verdict.h"

/* Fork the keeper.  Returns in the monitor, and in the keeper and the session,
 * whose role is not ADMISSION_ALONE. */
static enum mailbox_fault
fork_keeper(struct monitor *monitor)
{
	struct admission *admission = monitor->admission;
	const struct options *options = monitor->dialogue->options;
	const struct wire *wire = &monitor->dialogue->wire;
	enum mailbox_fault fault = MAILBOX_TROUBLE;
	int64_t most = options->lock_timeout + options->idle_timeout;
	int fds[2];

	if (channel_pair(fds) == -1)
		return MAILBOX_TROUBLE;
	monitor->keeper = sandbox_fork_same("keeper");
	if (monitor->keeper == 0) {
		(void)close(monitor->channel);
		(void)close(fds[0]);
		admission->above = fds[1];
		fault = admission_run(admission);
		if (admission->role == ADMISSION_ALONE)
			admission->role = ADMISSION_DONE;
		else if (admission->role != ADMISSION_KEEPER)
			return fault;
		(void)keeper_report(fds[1], fault);
		return fault;
	}
	(void)close(fds[1]);
	admission->below = fds[0];
	if (monitor->keeper == -1)
		return fault;
	/* It ends what it does and reports that, or that somebody is in. */
	if (wire_wait(wire, fds[0], clock_ms() + most * 1000) != 1)
		(void)shutdown(fds[0], SHUT_WR);
	monitor->unheard = keeper_hear(fds[0], &fault) == -1;
	return fault;
}

/* Let ${monitor}->admission->user in.  Returns whether that is not the end:
 * his maildrop cannot be had. */
static bool
let_in(struct monitor *monitor)
{
	struct admission *admission = monitor->admission;
	enum mailbox_fault fault = fork_keeper(monitor);
	bool killed;

	if (admission->role != ADMISSION_ALONE)
		return false;
	if (fault != MAILBOX_FINE) {
		(void)close(admission->below);
		if (monitor->keeper > 0)
			(void)admission_reap(monitor->keeper, "keeper",
			    &killed);
		monitor->keeper = -1;
		wire_feed(&monitor->dialogue->wire, SPAN(""));
	}
	/* A signal is the end; the judge hears of that and logs it.  So is a
	 * keeper that died: who it let in may be in. */
	if (fault != MAILBOX_FINE && (monitor->unheard ||
	    *monitor->dialogue->wire.stop != 0))
		return false;
	judge_tell(monitor->channel, fault);
	return fault != MAILBOX_FINE;
}

/* AUTHORIZATION is over: see to it that the judge and the gate end.  The judge
 * does when the gate has. */
static void
end_login(const struct monitor *monitor)
{
	struct pollfd pfd = { .fd = monitor->channel, .events = 0 };

	if (monitor->keeper == -1 && poll(&pfd, 1, 0) == 0) {
		(void)kill(monitor->gate, SIGTERM);
		(void)kill(monitor->judge, SIGTERM);
	}
	/* A judge that waits for an answer gets none. */
	(void)shutdown(monitor->channel, SHUT_WR);
	(void)poll(&pfd, 1, LIMITS_GRACE_MS);
	(void)close(monitor->channel);
	(void)kill(monitor->gate, SIGKILL);
	(void)kill(monitor->judge, SIGKILL);
}

/* With no rights any more: wait for the end of all.  If a signal asks for that,
 * the keeper learns of it by the channel's end. */
static enum dialogue_exit
wait_for_all(struct monitor *monitor)
{
	struct dialogue *dialogue = monitor->dialogue;
	int below = monitor->admission->below;
	enum dialogue_exit code;
	bool killed;

	/* Else the judge has logged it, or the session will. */
	if (admission_reap(monitor->judge, "judge", &killed) !=
	    DIALOGUE_ORDERLY && monitor->keeper == -1)
		log_record(&dialogue->record, clock_ms());
	code = admission_reap(monitor->gate, "gate", &killed);
	if (code == DIALOGUE_TROUBLE && !killed)
		log_error("the gate could not be closed in");
	if (monitor->keeper == -1)
		return code;
	admission_leave_client();
	if (sandbox_close(FILTER_WAITING,
	    (enum sandbox_wish)dialogue->options->sandbox, -1) == 0)
		(void)wire_wait(&dialogue->wire, below, INT64_MAX);
	(void)close(below);
	return admission_reap(monitor->keeper, "keeper", &killed);
}

/* The monitor: let in whom the judge finds, until one is in. */
static enum dialogue_exit
run_monitor(struct monitor *monitor)
{
	struct admission *admission = monitor->admission;
	struct dialogue *dialogue = monitor->dialogue;
	int64_t until = clock_ms() + LIMITS_GRACE_MS +
	    (int64_t)dialogue->options->login_timeout * 1000;

	for (int i = 0; i < LIMITS_QUESTIONS; i++)
		if (wire_wait(&dialogue->wire, monitor->channel, until) != 1 ||
		    judge_hear(monitor->channel, dialogue,
		    &monitor->verdict->method, &admission->user,
		    &admission->group) != 1 ||
		    !let_in(monitor))
			break;
	if (admission->role != ADMISSION_ALONE)
		return DIALOGUE_ORDERLY;
	admission->role = ADMISSION_DONE;
	end_login(monitor);
	if (sandbox_become(monitor->uid, monitor->gid,
	    SANDBOX_NO_GROUP) == -1)
		_exit(DIALOGUE_TROUBLE);
	return wait_for_all(monitor);
}

/* Whose ids ${name} has, or else ${other}; root's if there is neither. */
static void
find_ids(const char *name, const char *other, uid_t *uid, gid_t *gid)
{
	const struct passwd *pw = getpwnam(name);

	if (pw == NULL && other != NULL)
		pw = getpwnam(other);
	*uid = pw == NULL ? 0 : pw->pw_uid;
	*gid = pw == NULL ? 0 : pw->pw_gid;
}

/* In a process that is to be the gate, and is nobody in any case. */
static enum dialogue_exit
be_gate(struct monitor *monitor, int channel, bool known)
{
	monitor->admission->role = ADMISSION_DONE;
	return known ? gate_run(monitor->dialogue, channel) :
	    dialogue_refuse(monitor->dialogue, MAILBOX_TROUBLE);
}

/* In a process that is to be the judge. */
static enum dialogue_exit
be_judge(struct monitor *monitor, int gate, int channel)
{
	const struct judge judge = { monitor->dialogue, monitor->verdict,
	    &monitor->admission->user, gate, channel };

	monitor->admission->role = ADMISSION_DONE;
	return judge_run(&judge);
}

/* Fork who hears strangers, and serve him.  Uid 0 is that of no --gate-user. */
static enum dialogue_exit
fork_gate(struct monitor *monitor, int channel, uid_t uid, gid_t gid)
{
	/* A gate in its empty root finds no syslogd. */
	if (uid == 0)
		log_error("--gate-user: no such account, or root's");
	monitor->gate = sandbox_fork("gate", uid == 0 ? LIMITS_NOBODY : uid,
	    uid == 0 ? LIMITS_NOBODY : gid, true);
	if (monitor->gate == 0) {
		(void)close(monitor->channel);
		return be_gate(monitor, channel, uid != 0);
	}
	(void)close(channel);
	return monitor->gate == -1 ? DIALOGUE_TROUBLE : run_monitor(monitor);
}

enum dialogue_exit
monitor_run(struct monitor *monitor)
{
	const char *user = monitor->dialogue->options->gate_user;
	int ask[2], tell[2];
	uid_t uid;
	gid_t gid;

	find_ids("nobody", NULL, &monitor->uid, &monitor->gid);
	find_ids(user != NULL ? user : "dewey-gate", user != NULL ? NULL :
	    "nobody", &uid, &gid);
	if (monitor->uid == 0)
		monitor->uid = monitor->gid = LIMITS_NOBODY;
	if (channel_pair(ask) == -1 || channel_pair(tell) == -1)
		return DIALOGUE_TROUBLE;
	monitor->channel = tell[0];
	monitor->judge = sandbox_fork("judge", monitor->uid, monitor->gid,
	    false);
	if (monitor->judge == 0) {
		(void)close(ask[1]);
		(void)close(tell[0]);
		return be_judge(monitor, ask[0], tell[1]);
	}
	(void)close(ask[0]);
	(void)close(tell[1]);
	login_close(&monitor->verdict->login);
	return monitor->judge == -1 ? DIALOGUE_TROUBLE :
	    fork_gate(monitor, ask[1], uid, gid);
}
