/* SPDX-License-Identifier: ISC */
/*
 * The keeper.
 *
 * Code that runs as root: keeper_admit and what it calls, up to process_become.
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/clock.h"
#include "base/log.h"
#include "maildrop/cache.h"
#include "maildrop/hold.h"
#include "rights/keeper.h"
#include "rights/letter.h"
#include "rights/process.h"
#include "rights/request.h"
#include "rights/sandbox.h"
#include "rights/starter.h"
#include "settings/options.h"
#include "spool/sidecar.h"

struct keeper {
	struct session *session;
	struct request_watch watch;
	int below;		/* channel to the session */
	bool unheard;		/* the session may serve the client */
	struct log_session record;	/* what is known of the session here */
	bool recorded;		/* it told the rest, which was written */
};

/* ---- Opening, as the user */

/* Take the session lock of the open mailbox, and the files beside it. */
static enum mailbox_fault
enter(struct session *session)
{
	const struct options *options = session->options;
	struct mailbox *mailbox = &session->drop.mailbox;
	enum mailbox_fault fault = sidecar_enter(mailbox, options->state_dir);
	bool serves = session->path == NULL;

	if (fault == MAILBOX_FINE && serves && options->login_delay > 0 &&
	    sidecar_is_early(mailbox, options->login_delay))
		fault = MAILBOX_EARLY;
	if (fault == MAILBOX_FINE && (serves || session->task != NULL))
		fault = sidecar_adopted(mailbox, session->make);
	return fault;
}

/* Open the maildrop.  The spool's group, which only makes files, must be that
 * of the directory still. */
static enum mailbox_fault
open_maildrop(struct session *session)
{
	const struct options *options = session->options;
	struct maildrop *drop = &session->drop;
	char path[LIMITS_PATH];
	enum mailbox_fault fault = session_path(session, path);
	struct stat st;

	if (fault == MAILBOX_FINE)
		fault = mailbox_open(&drop->mailbox, path, options->read_only);
	if (fault == MAILBOX_FINE && session->group != PROCESS_NO_GROUP &&
	    (fstat(drop->mailbox.dir, &st) == -1 || st.st_uid != 0 ||
	    st.st_gid != session->group)) {
		log_error("%s: its directory was replaced", path);
		return MAILBOX_CHANGED;
	}
	if (fault == MAILBOX_FINE)
		fault = enter(session);
	if (fault != MAILBOX_FINE)
		return fault;
	dotlock_open(&drop->dot, drop->mailbox.dir, drop->mailbox.fd,
	    drop->mailbox.base);
	return maildrop_prepare(drop, options->locks, options->lock_timeout) ==
	    0 ? MAILBOX_FINE : MAILBOX_TROUBLE;
}

/* The session is over, or never began, or died while it held the locks. */
static void
close_maildrop(struct maildrop *drop)
{
	(void)dotlock_ask(&drop->dot, LOCK_DOT_DROP);
	sidecar_tidy(&drop->mailbox);
	maildrop_close(drop);
}

/* Hand the open mailbox to the session: a letter for each descriptor. */
static int
give_mailbox(int channel, const struct mailbox *mailbox)
{
	const int fds[] = { mailbox->dir, mailbox->fd, mailbox->sidecar,
	    mailbox->adopted };
	const struct letter_file file = { mailbox->read_only,
	    mailbox->no_journal, mailbox->elsewhere,
	    mailbox->adopted != -1 };

	for (size_t i = 0; i < 3 + file.adopted; i++)
		if (letter_send(channel, LETTER_FILE, &file, fds[i]) == -1) {
			log_error("%s: cannot be handed to the session: %s",
			    mailbox->path, strerror(errno));
			return -1;
		}
	return 0;
}

static int
close_sandbox(const struct session *session)
{
	return sandbox_close(FILTER_KEEPER,
	    (enum sandbox_wish)session->options->sandbox,
	    session->drop.mailbox.dir);
}

/* Open the maildrop, hand it to the session, and serve until it was scanned. */
static enum mailbox_fault
begin(struct keeper *keeper)
{
	struct session *session = keeper->session;
	enum mailbox_fault fault;
	int served;

	if (session->by_root) {
		process_leave_client();
		stls_close(&session->dialogue.stls);
	}
	fault = open_maildrop(session);
	if (fault != MAILBOX_FINE)
		return fault;
	if ((session->by_root && close_sandbox(session) == -1) ||
	    give_mailbox(keeper->below, &session->drop.mailbox) == -1)
		return MAILBOX_TROUBLE;
	if (session->by_root)
		sandbox_limit_files(session->options->sandbox);
	served = request_serve(keeper->below, &session->drop, &keeper->watch,
	    &fault);
	keeper->unheard = served == 1;
	log_let_go(LOG_FOR_KEEPER);
	return served == 0 ? fault : MAILBOX_TROUBLE;
}

/* Find the group by which files are made beside the mailbox, for a judge could
 * name any; where the user can have none there, give it a second home. */
static void
look_at_spool(struct session *session)
{
	const struct options *options = session->options;
	char path[LIMITS_PATH];

	if (session->path == NULL &&
	    strstr(options->mailbox, "%h") == NULL &&
	    session_path(session, path) == MAILBOX_FINE &&
	    !mailbox_spool_group(path, &session->group) &&
	    mailbox_is_shut(path))
		session_make_state(session, path);
}

/* Whoever is root here goes no further. */
static void __attribute__((noreturn))
give_up(int above)
{
	if (above != -1)
		channel_tell(above, MAILBOX_TROUBLE);
	process_end(DIALOGUE_TROUBLE);
}

/* Fork the session.  Both processes have only the user's rights then, but for
 * the spool's group in this one. */
static pid_t
fork_session(struct session *session, int above)
{
	const struct users_entry *user = &session->user;
	const char *denied;
	pid_t child;

	if (!session->by_root)
		return process_fork("session");
	cache_make(session->cache, user);
	look_at_spool(session);
	child = process_fork_as("session", user->uid, user->gid, false);
	denied = child == 0 ? NULL : process_become(user->uid, user->gid,
	    session->group);
	if (denied != NULL) {
		process_complain("keeper", denied);
		give_up(above);
	}
	return child;
}

/* It died and left a journal: complete its UPDATE in a new process, which ends
 * when ${keeper}->below is closed.  The locks may have fallen before it died:
 * they are taken anew, and the mailbox is looked at as at any login. */
static pid_t
recover(struct keeper *keeper)
{
	struct session *session = keeper->session;
	struct maildrop *drop = &session->drop;
	const struct request_watch watch = { .above = -1,
	    .stop = session->stop, .session = -1 };
	struct channel_message none;
	enum mailbox_fault fault;
	int fds[2];
	pid_t child;

	if (process_pair(fds) == -1)
		return -1;
	/* More than fork(2) the keeper's filter would not let pass. */
	child = fork();
	if (child == 0) {
		(void)close(fds[0]);
		request_begin(&drop->rights, &fds[1]);
		request_log(&fds[1]);
		maildrop_heed(drop, session->stop);
		if (sandbox_close(FILTER_SESSION,
		    (enum sandbox_wish)session->options->sandbox, -1) == 0) {
			fault = hold_take(drop);
			if (fault == MAILBOX_FINE)
				fault = hold_recover(drop);
			lock_release(&drop->lock);
			(void)request_report(fds[1], fault);
			(void)channel_receive(fds[1], &none);
		}
		process_end(DIALOGUE_ORDERLY);
	}
	(void)close(fds[1]);
	keeper->below = fds[0];
	if (child > 0)
		(void)request_serve(fds[0], drop, &watch, &fault);
	return child;
}

/* Somebody is in: keep the session company to its end, and clean up. */
static void __attribute__((noreturn))
keep(struct keeper *keeper)
{
	struct session *session = keeper->session;
	enum mailbox_fault fault;
	enum dialogue_exit code;
	pid_t recovery = -1;
	bool killed;

	if (session->options->login_delay > 0)
		sidecar_note_login(&session->drop.mailbox);
	/* Before this, a refusal by the session led back to AUTHORIZATION. */
	if (!session->by_root) {
		login_close(&session->verdict.login);
		process_leave_client();
		starter_dismiss(&session->dialogue.stls);
		if (close_sandbox(session) == -1)
			process_end(DIALOGUE_TROUBLE);
		sandbox_limit_files(session->options->sandbox);
	}
	/* The session ends when it can; it has nothing more to report. */
	while (request_serve(keeper->below, &session->drop, &keeper->watch,
	    &fault) == 0)
		continue;
	/* If it waits for an answer, it gets none any more. */
	(void)close(keeper->below);
	keeper->below = -1;
	code = process_reap(keeper->watch.session, "session", &killed);
	if (!keeper->recorded && session->path == NULL)
		log_record(&keeper->record, clock_ms());
	if (killed && sidecar_has_journal(&session->drop.mailbox))
		recovery = recover(keeper);
	close_maildrop(&session->drop);
	log_let_go(LOG_FOR_ANY);
	if (keeper->below != -1)
		(void)close(keeper->below);
	if (recovery > 0)
		(void)process_reap(recovery, "recovery", &killed);
	if (!session->by_root)
		starter_wait(&session->dialogue, LIMITS_SECOND_MS *
		    (int64_t)session->options->idle_timeout);
	process_end(code);
}

/* The session is forked, or was not: be its keeper, or undo everything. */
static enum mailbox_fault
be_keeper(struct keeper *keeper)
{
	struct session *session = keeper->session;
	int above = keeper->watch.above;
	enum mailbox_fault fault = MAILBOX_TROUBLE;
	bool killed;

	if (keeper->watch.session > 0)
		fault = begin(keeper);
	if (fault == MAILBOX_FINE) {
		if (above != -1)
			channel_tell(above, MAILBOX_FINE);
		keep(keeper);
	}
	close_maildrop(&session->drop);
	(void)close(keeper->below);
	if (keeper->watch.session > 0)
		(void)process_reap(keeper->watch.session, "session", &killed);
	/* The session may have spoken: nobody else does then. */
	if (keeper->unheard)
		process_end(DIALOGUE_TROUBLE);
	return fault;
}

enum mailbox_fault
keeper_admit(struct session *session, int above)
{
	struct keeper keeper = { .session = session,
	    .record = session->dialogue.record };
	int fds[2];

	keeper.record.user = session->user.name;
	keeper.record.tls = session->dialogue.stls.tls;
	keeper.record.method = session->options->preauth ? LOG_METHOD_PREAUTH :
	    verdict_method(session->verdict.method);
	keeper.watch = (struct request_watch){ above, session->stop, -1,
	    &keeper.record, &keeper.recorded };
	maildrop_begin(&session->drop);
	if (process_pair(fds) == -1) {
		if (session->by_root)
			give_up(above);
		return MAILBOX_TROUBLE;
	}
	keeper.watch.session = fork_session(session, above);
	if (keeper.watch.session == 0) {
		(void)close(fds[0]);
		if (above != -1)
			(void)close(above);
		session_main(session, fds[1]);
	}
	(void)close(fds[1]);
	keeper.below = fds[0];
	return be_keeper(&keeper);
}

void
keeper_main(struct session *session, int above)
{
	/* Who must end it ends all below it, too.  A terminal stays open to
	 * them: none controls this new session of processes. */
	(void)setsid();
	channel_tell(above, (uint8_t)keeper_admit(session, above));
	process_end(DIALOGUE_ORDERLY);
}
