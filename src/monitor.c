/* SPDX-License-Identifier: ISC */
/*
 * The monitor: root, until a user's keeper reports that his maildrop is open.
 * It parses no POP3 and no mbox; what it gets is octets with lengths.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "admission.h"
#include "channel.h"
#include "clock.h"
#include "dispatch.h"
#include "gate.h"
#include "keeper.h"
#include "limits.h"
#include "log.h"
#include "monitor.h"
#include "options.h"
#include "sandbox.h"
#include "verdict.h"

/* Wait until ${fd} has something to say, for at most ${ms}.  Returns 1, or 0
 * if the time is over or a signal asks for the end. */
static int
wait_for(const struct monitor *monitor, int fd, int64_t ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int64_t until = clock_ms() + ms;

	while (*monitor->stop == 0) {
		int64_t left = until - clock_ms();
		struct timespec wait = { .tv_sec = (time_t)(left / 1000),
		    .tv_nsec = (long)(left % 1000) * 1000000 };

		if (left <= 0)
			return 0;
		if (ppoll(&pfd, 1, &wait,
		    &monitor->dialogue->wire.waiting) > 0)
			return 1;
	}
	return 0;
}

/* Fork the keeper.  Returns in the monitor, and in the keeper and the session,
 * whose role is not ADMISSION_ALONE. */
static enum mailbox_fault
fork_keeper(struct monitor *monitor, int gate, pid_t *keeper)
{
	struct admission *admission = monitor->admission;
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
answer_gate(struct monitor *monitor, int gate,
    struct login_question *question, pid_t *keeper)
{
	enum dispatch_text text = verdict_give(monitor->verdict, question,
	    &monitor->admission->user);
	struct channel_message message;
	enum mailbox_fault fault;
	bool killed;

	/* The keeper and the session, which are forked now, must not have it. */
	span_wipe(question->secret, sizeof(question->secret));
	if (text == DISPATCH_MAILDROP) {
		fault = fork_keeper(monitor, gate, keeper);
		if (monitor->admission->role != ADMISSION_ALONE)
			return 0;
		users_forget(&monitor->admission->user);
		if (fault != MAILBOX_FINE) {
			text = dispatch_fault(fault);
			(void)close(monitor->admission->below);
			monitor->admission->below = -1;
			if (*keeper > 0)
				(void)admission_reap(*keeper, "keeper",
				    &killed);
			*keeper = -1;
		}
	}
	channel_begin(&message);
	channel_put_byte(&message, (uint8_t)text);
	if (text == DISPATCH_REFUSED_LAST)
		monitor->dialogue->record.end = "auth-failed";
	return channel_send(gate, &message, -1) == 0 &&
	    text != DISPATCH_MAILDROP && text != DISPATCH_REFUSED_LAST;
}

/* A session runs: wait for its end, with no rights.  If a signal asks for the
 * end, the keeper learns of it by the channel's end. */
static enum dialogue_exit
wait_for_keeper(struct monitor *monitor, pid_t keeper)
{
	struct admission *admission = monitor->admission;
	const struct passwd *nobody = getpwnam("nobody");
	bool killed;

	admission_leave_client();
	if (nobody == NULL || sandbox_become(nobody->pw_uid, nobody->pw_gid,
	    SANDBOX_NO_GROUP) == -1 || sandbox_close(FILTER_WAITING,
	    (enum sandbox_wish)monitor->dialogue->options->sandbox, -1) == -1)
		log_error("the monitor cannot become nobody");
	else
		(void)wait_for(monitor, admission->below, INT32_MAX);
	(void)close(admission->below);
	return admission_reap(keeper, "keeper", &killed);
}

/* The gate has nothing to ask any more: see to it that it ends. */
static void
end_gate(const struct monitor *monitor, int gate, pid_t child)
{
	struct pollfd pfd = { .fd = gate, .events = 0 };

	if (*monitor->stop != 0)
		(void)kill(child, SIGTERM);
	/* Who waits for an answer gets none; the gate's end hangs up. */
	(void)shutdown(gate, SHUT_WR);
	if (poll(&pfd, 1, LIMITS_GRACE_MS) <= 0)
		(void)kill(child, SIGKILL);
}

/* The monitor: judge what the gate asks, until somebody is let in. */
static enum dialogue_exit
run_monitor(struct monitor *monitor, int gate, pid_t child)
{
	struct admission *admission = monitor->admission;
	struct login_question question;
	int64_t until = clock_ms() +
	    (int64_t)monitor->dialogue->options->login_timeout * 1000 + LIMITS_GRACE_MS;
	pid_t keeper = -1;
	enum dialogue_exit code;
	bool killed;
	int more = 1;

	for (int i = 0; i < LIMITS_QUESTIONS && more == 1; i++) {
		more = wait_for(monitor, gate, until - clock_ms());
		if (more == 1)
			more = gate_hear(gate, monitor->dialogue, &question);
		if (more == 1)
			more = answer_gate(monitor, gate, &question, &keeper);
		span_wipe(&question, sizeof(question));
	}
	if (admission->role != ADMISSION_ALONE)
		return DIALOGUE_ORDERLY;
	admission->role = ADMISSION_DONE;
	if (keeper == -1)
		end_gate(monitor, gate, child);
	(void)close(gate);
	code = admission_reap(child, "gate", &killed);
	if (keeper != -1)
		return wait_for_keeper(monitor, keeper);
	if (*monitor->stop != 0)
		monitor->dialogue->record.end = "signal";
	if (code == DIALOGUE_TROUBLE && !killed)
		log_error("the gate could not be closed in");
	log_record(&monitor->dialogue->record, clock_ms());
	return code;
}

enum dialogue_exit
monitor_run(struct monitor *monitor)
{
	enum dialogue_exit code;
	pid_t child;
	int fds[2];

	if (channel_pair(fds) == -1 || (child = fork()) == -1) {
		log_error("a process cannot be made: %s", strerror(errno));
		return dialogue_refuse(monitor->dialogue, MAILBOX_TROUBLE);
	}
	if (child != 0) {
		(void)close(fds[1]);
		return run_monitor(monitor, fds[0], child);
	}
	(void)close(fds[0]);
	code = gate_run(monitor->dialogue, fds[1]);
	monitor->admission->role = ADMISSION_DONE;
	return code;
}
