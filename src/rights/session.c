/* SPDX-License-Identifier: ISC */
/*
 * The session.  The octets of a mailbox are strangers', like those of a client:
 * the sandbox is closed before the first one is read.
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/store.h"
#include "maildrop/cache.h"
#include "rights/letter.h"
#include "rights/process.h"
#include "rights/request.h"
#include "rights/sandbox.h"
#include "rights/session.h"
#include "settings/options.h"
#include "spool/state.h"

enum mailbox_fault
session_path(const struct session *session, char path[LIMITS_PATH])
{
	const struct users_entry *user = &session->user;

	if (session->path != NULL) {
		(void)span_copy(span_of(session->path), path, LIMITS_PATH);
	} else if (mailbox_expand(session->options->mailbox, user->name,
	    user->home, path) == -1) {
		log_error("--mailbox=%s makes no path for a user",
		    session->options->mailbox);
		return MAILBOX_NO_DIRECTORY;
	}
	return MAILBOX_FINE;
}

void
session_make_state(const struct session *session, const char *path)
{
	char dir[LIMITS_PATH], name[LIMITS_PATH];
	struct stat st;

	/* A judge that was taken over could name one user and another's uid,
	 * and so keep the first one from having it. */
	if (stat(path, &st) == -1 || st.st_uid != session->user.uid)
		return;
	if (span_copy(span_of(session->options->state_dir), dir,
	    sizeof(dir)) == 0 && cache_directory(dir) &&
	    state_name(name, dir, path) == 0)
		store_give(name, session->user.uid, session->user.gid);
}

/* Take what the keeper has opened: a descriptor in each letter, three or, with
 * adopted ids, four. */
static int
take_mailbox(const struct session *session, int channel,
    struct mailbox *mailbox)
{
	int *const fds[] = { &mailbox->dir, &mailbox->fd, &mailbox->sidecar,
	    &mailbox->adopted };
	struct channel_message message;
	struct letter_file file = { .adopted = 0 };
	char path[LIMITS_PATH];

	if (session_path(session, path) != MAILBOX_FINE ||
	    mailbox_name(mailbox, path) == -1)
		return -1;
	for (size_t i = 0; i < 3 + file.adopted; i++) {
		int got = letter_receive(channel, LETTER_FILE, &file, &message);

		if (got == -1)
			log_error("%s: cannot be had from the keeper: %s", path,
			    strerror(errno));
		if (got != 1)
			return -1;
		*fds[i] = message.fd;
	}
	mailbox->read_only = file.read_only != 0;
	mailbox->no_journal = file.no_journal != 0;
	mailbox->elsewhere = file.elsewhere != 0;
	return 0;
}

/* Close the sandbox and look at the mailbox. */
static enum mailbox_fault
scan(struct session *session, int *channel)
{
	const struct options *options = session->options;
	struct maildrop *drop = &session->drop;
	enum mailbox_fault fault = MAILBOX_TROUBLE;

	if (maildrop_prepare(drop, options->locks, options->lock_timeout) == -1)
		return MAILBOX_TROUBLE;
	wire_be_patient(&session->dialogue.wire);
	maildrop_allow(drop, options->journal_window);
	maildrop_be_exact(drop, options->exact);
	maildrop_heed(drop, session->stop);
	request_begin(&drop->rights, channel);
	/* The keeper can make no copy there; the recovery is root. */
	if (session->path != NULL && session->by_root &&
	    drop->mailbox.elsewhere)
		request_leave_aside(&drop->rights);
	cache_open(drop, session->cache, &session->user, !session->by_root);
	if (sandbox_close(FILTER_SESSION, (enum sandbox_wish)options->sandbox,
	    -1) == 0)
		fault = cache_scan(drop);
	/* In UPDATE nothing ends a wait. */
	maildrop_heed(drop, NULL);
	if (fault != MAILBOX_FINE)
		maildrop_close(drop);
	return fault;
}

static void __attribute__((noreturn))
serve(struct session *session)
{
	struct dialogue *dialogue = &session->dialogue;
	enum dialogue_exit code;

	dialogue->drop = &session->drop;
	memcpy(dialogue->user, session->user.name, sizeof(dialogue->user));
	code = dialogue_serve(dialogue, session->options->preauth ?
	    LOG_METHOD_PREAUTH : verdict_method(session->verdict.method));
	if (dialogue->drop != NULL)
		maildrop_close(dialogue->drop);
	dialogue_close(dialogue);
	process_end(code);
}

void
session_main(struct session *session, int channel)
{
	enum mailbox_fault fault = MAILBOX_TROUBLE;

	/* Who may come in is no business of this process. */
	login_close(&session->verdict.login);
	request_log(&channel);
	if (take_mailbox(session, channel, &session->drop.mailbox) == 0)
		fault = scan(session, &channel);
	if (request_report(channel, fault) == -1 || fault != MAILBOX_FINE)
		process_end(DIALOGUE_ORDERLY);
	if (session->task != NULL)
		process_end((enum dialogue_exit)session->task(session));
	if (session->path != NULL)
		process_end((enum dialogue_exit)session->drop.recovered);
	serve(session);
}
