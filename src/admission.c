/* SPDX-License-Identifier: ISC */
/*
 * Letting a user in: his files are opened with his rights, then his session is
 * forked and closed in, and the process that opened them stays as its keeper.
 *
 * Code that runs as root: open_files and what calls it, up to sandbox_become.
 */
#include "config.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admission.h"
#include "cache.h"
#include "channel.h"
#include "journal.h"
#include "keeper.h"
#include "log.h"
#include "options.h"
#include "sandbox.h"
#include "sidecar.h"

static void
close_channel(int *fd)
{
	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
}

enum dialogue_exit
admission_reap(pid_t child, const char *who, bool *killed)
{
	int status = 0;

	*killed = false;
	while (waitpid(child, &status, 0) == -1)
		if (errno != EINTR)
			return DIALOGUE_TROUBLE;
	if (WIFEXITED(status))
		return (enum dialogue_exit)WEXITSTATUS(status);
	*killed = true;
	log_error("the %s was killed by signal %d", who, WTERMSIG(status));
	return DIALOGUE_TROUBLE;
}

void
admission_leave_client(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd == -1)
		return;
	(void)dup2(fd, STDIN_FILENO);
	(void)dup2(fd, STDOUT_FILENO);
	if (!log_stderr_is_ours())
		(void)dup2(fd, STDERR_FILENO);
	(void)close(fd);
}

/* Open the maildrop of ${admission}->user with his rights; the spool's group
 * only makes the sidecar. */
static enum mailbox_fault
open_files(struct admission *admission, const char *path, gid_t *group)
{
	const struct options *options = admission->options;
	struct mailbox *mailbox = &admission->drop.mailbox;
	const struct users_entry *user = &admission->user;
	enum mailbox_fault fault;

	*group = SANDBOX_NO_GROUP;
	if (admission->by_root &&
	    sandbox_lend(user->uid, user->gid, SANDBOX_NO_GROUP) == -1)
		return MAILBOX_TROUBLE;
	fault = mailbox_open(mailbox, path, options->read_only);
	if (fault == MAILBOX_FINE && admission->path == NULL)
		cache_open(&admission->drop, options->cache_dir, user, false);
	if (fault == MAILBOX_FINE && admission->by_root &&
	    (admission->path != NULL ||
	    strstr(options->mailbox, "%h") == NULL) &&
	    mailbox_spool_group(mailbox, group) && (sandbox_return() == -1 ||
	    sandbox_lend(user->uid, user->gid, *group) == -1)) {
		mailbox_close(mailbox);
		fault = MAILBOX_TROUBLE;
	}
	if (fault == MAILBOX_FINE)
		fault = sidecar_enter(mailbox);
	if (admission->by_root && sandbox_return() == -1)
		return MAILBOX_TROUBLE;
	if (fault == MAILBOX_FINE && admission->path == NULL)
		cache_open(&admission->drop, options->cache_dir, user, true);
	return fault;
}

/* Open the maildrop, and prepare what the keeper does. */
static enum mailbox_fault
open_maildrop(struct admission *admission, gid_t *group)
{
	const struct options *options = admission->options;
	char path[LIMITS_PATH];
	enum mailbox_fault fault;

	memset(&admission->drop, 0, sizeof(admission->drop));
	if (admission->path != NULL) {
		(void)span_copy(span_of(admission->path), path, sizeof(path));
	} else if (mailbox_expand(options->mailbox, admission->user.name,
	    admission->user.home, path) == -1) {
		log_error("--mailbox=%s makes no path for a user",
		    options->mailbox);
		return MAILBOX_NO_DIRECTORY;
	}
	fault = open_files(admission, path, group);
	if (fault != MAILBOX_FINE)
		return fault;
	if (maildrop_prepare(&admission->drop, options->locks,
	    options->lock_timeout) == 0) {
		admission->drop.window = options->journal_window;
		return MAILBOX_FINE;
	}
	maildrop_close(&admission->drop);
	return MAILBOX_TROUBLE;
}

/* In the session: close the sandbox, then look at the mailbox, whose octets
 * are strangers', too. */
static enum mailbox_fault
enter(struct admission *admission)
{
	enum mailbox_fault fault = MAILBOX_TROUBLE;

	if (sandbox_close(FILTER_SESSION,
	    (enum sandbox_wish)admission->options->sandbox, -1) == 0)
		fault = cache_scan(&admission->drop);
	if (fault == MAILBOX_FINE) {
		admission->role = ADMISSION_SESSION;
		admission->dialogue->drop = &admission->drop;
		memcpy(admission->dialogue->user, admission->user.name,
		    sizeof(admission->dialogue->user));
	} else {
		maildrop_close(&admission->drop);
	}
	return fault;
}

/* In the new process: become the session. */
static void
begin_session(struct admission *admission, int channel)
{
	const struct users_entry *user = &admission->user;
	enum mailbox_fault fault = MAILBOX_TROUBLE;

	close_channel(&admission->above);
	admission->below = -1;
	admission->above = channel;
	admission->child = -1;
	admission->role = ADMISSION_DONE;
	/* Who dies with the keeper holds no lock that nobody removes. */
	keeper_ask(&admission->drop.rights, &admission->above);
	if (!admission->by_root || sandbox_become(user->uid, user->gid,
	    SANDBOX_NO_GROUP) == 0)
		fault = enter(admission);
	keeper_report(admission->above, fault);
}

/* In the keeper: keep what it needs, and wait for the session's report. */
static enum mailbox_fault
begin_keeper(struct admission *admission, int channel, gid_t group)
{
	const struct users_entry *user = &admission->user;
	enum mailbox_fault fault = MAILBOX_TROUBLE;

	admission->below = channel;
	admission->role = ADMISSION_KEEPER;
	if (admission->by_root)
		admission_leave_client();
	if (admission->by_root &&
	    (sandbox_become(user->uid, user->gid, group) == -1 ||
	    sandbox_close(FILTER_KEEPER,
	    (enum sandbox_wish)admission->options->sandbox,
	    admission->drop.mailbox.dir) == -1))
		return MAILBOX_TROUBLE;
	if (keeper_await(channel, &fault, &admission->drop) == -1)
		fault = MAILBOX_TROUBLE;
	return fault;
}

enum mailbox_fault
admission_run(struct admission *admission)
{
	gid_t group;
	int fds[2];
	bool killed;
	enum mailbox_fault fault = open_maildrop(admission, &group);

	if (fault != MAILBOX_FINE)
		return fault;
	if (channel_pair(fds) == -1 || (admission->child = fork()) == -1) {
		log_error("a process cannot be made: %s", strerror(errno));
		maildrop_close(&admission->drop);
		return MAILBOX_TROUBLE;
	}
	if (admission->child == 0) {
		(void)close(fds[0]);
		begin_session(admission, fds[1]);
		return MAILBOX_FINE;
	}
	(void)close(fds[1]);
	fault = begin_keeper(admission, fds[0], group);
	if (fault != MAILBOX_FINE) {
		close_channel(&admission->below);
		(void)admission_reap(admission->child, "session", &killed);
		maildrop_close(&admission->drop);
		admission->role = ADMISSION_ALONE;
	}
	return fault;
}

/* The session died inside UPDATE: complete it in a new process, before the
 * locks fall. */
static void
recover(struct admission *admission)
{
	bool killed;

	admission->child = fork();
	if (admission->child == 0) {
		if (sandbox_close(FILTER_SESSION,
		    (enum sandbox_wish)admission->options->sandbox, -1) == 0)
			(void)maildrop_recover(&admission->drop);
		_exit(0);
	}
	if (admission->child > 0)
		(void)admission_reap(admission->child, "recovery",
		    &killed);
}

enum dialogue_exit
admission_keep(struct admission *admission)
{
	enum dialogue_exit code;
	bool killed;

	/* Before this, a refusal by the session led back to AUTHORIZATION. */
	if (!admission->by_root)
		admission_leave_client();
	if (!admission->by_root && sandbox_close(FILTER_KEEPER,
	    (enum sandbox_wish)admission->options->sandbox,
	    admission->drop.mailbox.dir) == -1)
		return DIALOGUE_TROUBLE;
	keeper_serve(admission->below, &admission->drop, admission->above,
	    admission->stop, admission->child);
	code = admission_reap(admission->child, "session", &killed);
	if (killed && sidecar_has_journal(&admission->drop.mailbox))
		recover(admission);
	(void)lock_dot(&admission->drop.dot, LOCK_DOT_DROP);
	maildrop_close(&admission->drop);
	return code;
}

/* In a process of its own: become the owner's session, which scans and so
 * recovers, and end.  Returns the exit code: an enum journal_found. */
static int
recover_path(const struct options *options, const char *path,
    const struct stat *st, const volatile sig_atomic_t *stop)
{
	struct admission *admission = calloc(1, sizeof(*admission));
	struct dialogue *dialogue = calloc(1, sizeof(*dialogue));
	int code = JOURNAL_FAILED;

	if (admission != NULL && dialogue != NULL) {
		*admission = (struct admission){ .options = options,
		    .by_root = geteuid() == 0, .stop = stop, .path = path,
		    .dialogue = dialogue, .above = -1, .below = -1,
		    .user = { .uid = st->st_uid, .gid = st->st_gid } };
		if (admission_run(admission) == MAILBOX_FINE)
			code = admission->role == ADMISSION_KEEPER ?
			    (int)admission_keep(admission) :
			    (int)admission->drop.recovered;
	}
	free(admission);
	free(dialogue);
	return code;
}

int
admission_recover(const struct options *options, const char *path,
    const volatile sig_atomic_t *stop)
{
	static const char *const done[] = {
		[JOURNAL_NONE] = "nothing to do",
		[JOURNAL_FINISHED] = "an UPDATE that was cut short is complete",
		[JOURNAL_UNBELIEVED] = ("a journal that does not fit was set "
		    "aside, the mailbox is as it was"),
		[JOURNAL_FAILED] = "FAILED, see the log",
	};
	enum dialogue_exit code = DIALOGUE_ORDERLY;
	struct stat st;
	bool killed;
	int pending;
	pid_t child;

	if (stat(path, &st) == -1 && (errno == ENOENT || errno == ENOTDIR)) {
		(void)printf("%s: there is no mailbox\n", path);
		return 0;
	}
	errno = EINVAL;
	pending = stat(path, &st) == -1 || !S_ISREG(st.st_mode) ? -1 :
	    sidecar_pending(path);
	if (pending == -1) {
		(void)printf("%s: cannot be looked at: %s\n", path,
		    strerror(errno));
		return -1;
	}
	if (pending == 1) {
		(void)fflush(stdout);
		child = fork();
		if (child == 0)
			_exit(recover_path(options, path, &st, stop));
		code = child == -1 ? DIALOGUE_TROUBLE :
		    admission_reap(child, "recovery", &killed);
	}
	if ((unsigned)code > JOURNAL_FAILED)
		code = (enum dialogue_exit)JOURNAL_FAILED;
	(void)printf("%s: %s\n", path, done[code]);
	return (unsigned)code == JOURNAL_FAILED ? -1 : 0;
}
