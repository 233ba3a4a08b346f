/* SPDX-License-Identifier: ISC */
/*
 * The monitor when it has given up root's rights.
 */
#include "config.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "rights/process.h"
#include "rights/sandbox.h"
#include "rights/starter.h"
#include "rights/watch.h"
#include "settings/options.h"

int64_t
watch_patience(const struct watch *watch)
{
	const struct options *options = watch->session->options;

	return ((int64_t)options->lock_timeout + options->idle_timeout) *
	    LIMITS_SECOND_MS;
}

/* Wait for the keeper's end, a signal, or the client's end; and after that, as
 * long as a keeper may take, for one of the others. */
static void
watch_keeper(const struct watch *watch)
{
	const struct session *session = watch->session;
	struct pollfd fds[] = { { .fd = session->dialogue.wire.stream.in,
	    .events = POLLRDHUP },
	    { .fd = watch->to_keeper, .events = 0 } };
	int ready = 0;

	while (*session->stop == 0 && ready <= 0)
		ready = ppoll(fds, 2, NULL, &session->dialogue.wire.waiting);
	if (*session->stop == 0 && fds[1].revents == 0)
		(void)wire_wait(&session->dialogue.wire, watch->to_keeper,
		    clock_ms() + watch_patience(watch));
}

/* What root did not log: it only lets in. */
static void
log_keepers(const struct watch *watch)
{
	if (watch->no_keeper != 0)
		log_error("no process for the keeper: %s",
		    strerror(watch->no_keeper));
	if (watch->keeper_signal != 0)
		log_error("the keeper was killed by signal %d",
		    watch->keeper_signal);
}

/* Nobody was let in.  The client hears if a process kept root's rights. */
static enum dialogue_exit
end_unserved(const struct watch *watch)
{
	struct dialogue *dialogue = &watch->session->dialogue;
	enum dialogue_exit of_judge, of_gate;
	bool killed;

	of_judge = process_reap(watch->judge, "judge", &killed);
	if (of_judge != DIALOGUE_ORDERLY)
		log_record(&dialogue->record, clock_ms());
	of_gate = process_reap(watch->gate, "gate", &killed);
	if (of_gate == DIALOGUE_TROUBLE && !killed)
		log_error("the gate could not be closed in");
	return of_judge == DIALOGUE_USAGE || of_gate == DIALOGUE_USAGE ?
	    dialogue_refuse(dialogue, REPLY_MISCONFIGURED) : of_gate;
}

/* With no rights any more: wait for the end of all. */
static enum dialogue_exit
wait_for_all(const struct watch *watch)
{
	struct session *session = watch->session;
	struct dialogue *dialogue = &session->dialogue;
	enum dialogue_exit code;
	bool killed;

	(void)process_reap(watch->judge, "judge", &killed);
	(void)process_reap(watch->gate, "gate", &killed);
	if (dialogue->stls.tls == LOG_TLS_NONE)
		process_leave_output();
	else
		process_leave_client();
	if (sandbox_close(FILTER_WAITING,
	    (enum sandbox_wish)session->options->sandbox,
	    -watch->keeper) == 0)
		watch_keeper(watch);
	(void)close(watch->to_keeper);
	code = process_reap_group(watch->keeper, "keeper",
	    watch_patience(watch), &killed);
	dialogue->record.user = session->user.name;
	dialogue->record.method = verdict_method(session->verdict.method);
	if (killed)
		log_record(&dialogue->record, clock_ms());
	return code;
}

enum dialogue_exit
watch_end(const struct watch *watch)
{
	enum dialogue_exit code;

	log_keepers(watch);
	code = watch->keeper == -1 ? end_unserved(watch) : wait_for_all(watch);
	starter_wait(&watch->session->dialogue, watch_patience(watch));
	return code;
}
