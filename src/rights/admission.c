/* SPDX-License-Identifier: ISC */
/*
 * Letting a user in: two processes with his rights, and never more.  The keeper
 * opens his files and hands them to the session; then both are closed in.
 *
 * Code that runs as root: admission_run and what it calls, up to
 * sandbox_become.
 */
#include "config.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/clock.h"
#include "base/log.h"
#include "maildrop/cache.h"
#include "rights/admission.h"
#include "rights/keeper.h"
#include "rights/sandbox.h"
#include "settings/options.h"
#include "spool/sidecar.h"
#include "spool/state.h"

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

/* In the keeper: the session is over, or never began; perhaps it died while it
 * held the locks. */
static void
close_maildrop(struct admission *admission)
{
	(void)dotlock_ask(&admission->drop.dot, LOCK_DOT_DROP);
	maildrop_close(&admission->drop);
}

/* Write the path of the maildrop to ${path}. */
static enum mailbox_fault
find_path(const struct admission *admission, char path[LIMITS_PATH])
{
	const struct users_entry *user = &admission->user;

	if (admission->path != NULL) {
		(void)span_copy(span_of(admission->path), path, LIMITS_PATH);
	} else if (mailbox_expand(admission->options->mailbox, user->name,
	    user->home, path) == -1) {
		log_error("--mailbox=%s makes no path for a user",
		    admission->options->mailbox);
		return MAILBOX_NO_DIRECTORY;
	}
	return MAILBOX_FINE;
}

/* In the keeper, as the user: open the maildrop.  The spool's group, which only
 * makes files, must be that of the directory still. */
static enum mailbox_fault
open_maildrop(struct admission *admission, const char *path)
{
	const struct options *options = admission->options;
	struct maildrop *drop = &admission->drop;
	enum mailbox_fault fault = mailbox_open(&drop->mailbox, path,
	    options->read_only);
	struct stat st;

	if (fault == MAILBOX_FINE && admission->group != SANDBOX_NO_GROUP &&
	    (fstat(drop->mailbox.dir, &st) == -1 || st.st_uid != 0 ||
	    st.st_gid != admission->group)) {
		log_error("%s: its directory was replaced", path);
		return MAILBOX_CHANGED;
	}
	if (fault == MAILBOX_FINE)
		fault = sidecar_enter(&drop->mailbox, options->state_dir);
	if (fault != MAILBOX_FINE)
		return fault;
	dotlock_open(&drop->dot, drop->mailbox.dir, drop->mailbox.fd,
	    drop->mailbox.base);
	return maildrop_prepare(drop, options->locks, options->lock_timeout) ==
	    0 ? MAILBOX_FINE : MAILBOX_TROUBLE;
}

/* In the session: close the sandbox, then look at the mailbox, whose octets
 * are strangers', too. */
static enum mailbox_fault
enter(struct admission *admission)
{
	const struct options *options = admission->options;
	struct maildrop *drop = &admission->drop;
	enum mailbox_fault fault = MAILBOX_TROUBLE;
	struct rlimit most;

	if (maildrop_prepare(drop, options->locks, options->lock_timeout) == -1)
		return MAILBOX_TROUBLE;
	wire_be_patient(&admission->dialogue->wire);
	drop->window = options->journal_window;
	if (getrlimit(RLIMIT_FSIZE, &most) == 0 && most.rlim_cur != RLIM_INFINITY)
		drop->most = most.rlim_cur;
	drop->lock.stop = admission->stop;
	keeper_ask(&drop->rights, &admission->above);
	cache_open(drop, admission->cache, &admission->user,
	    !admission->by_root);
	if (sandbox_close(FILTER_SESSION,
	    (enum sandbox_wish)options->sandbox, -1) == 0)
		fault = cache_scan(drop);
	/* In UPDATE nothing ends a wait. */
	drop->lock.stop = NULL;
	if (fault == MAILBOX_FINE) {
		admission->role = ADMISSION_SESSION;
		admission->dialogue->drop = drop;
		memcpy(admission->dialogue->user, admission->user.name,
		    sizeof(admission->dialogue->user));
	} else {
		maildrop_close(drop);
	}
	return fault;
}

/* In the new process, the session. */
static void
begin_session(struct admission *admission, int channel)
{
	enum mailbox_fault fault = MAILBOX_TROUBLE;
	char path[LIMITS_PATH];

	close_channel(&admission->above);
	admission->below = -1;
	admission->above = channel;
	admission->child = -1;
	admission->role = ADMISSION_DONE;
	login_close(admission->login);
	if (find_path(admission, path) == MAILBOX_FINE &&
	    keeper_take(channel, path, &admission->drop.mailbox) == 0)
		fault = enter(admission);
	if (keeper_report(admission->above, fault) == -1)
		admission->role = ADMISSION_DONE;
}

static int
give(const struct admission *admission)
{
	int given = keeper_give(admission->below, &admission->drop.mailbox);

	if (given == -1)
		log_error("%s: cannot be handed to the session: %s",
		    admission->drop.mailbox.path, strerror(errno));
	return given;
}

/* In the keeper, with the user's rights and the spool's group: open his
 * maildrop, hand it to the session, and wait for its report. */
static enum mailbox_fault
begin_keeper(struct admission *admission)
{
	struct maildrop *drop = &admission->drop;
	const struct keeper_watch watch = { admission->above, admission->stop,
	    admission->child };
	enum mailbox_fault fault;
	char path[LIMITS_PATH];

	admission->role = ADMISSION_KEEPER;
	if (admission->by_root)
		admission_leave_client();
	fault = find_path(admission, path);
	if (fault == MAILBOX_FINE)
		fault = open_maildrop(admission, path);
	if (fault != MAILBOX_FINE)
		return fault;
	if ((admission->by_root && sandbox_close(FILTER_KEEPER,
	    (enum sandbox_wish)admission->options->sandbox,
	    drop->mailbox.dir) == -1) ||
	    give(admission) == -1 ||
	    keeper_serve(admission->below, drop, &watch, &fault) == -1)
		fault = MAILBOX_TROUBLE;
	log_let_go(LOG_FOR_KEEPER);
	return fault;
}

/* As root: give the sidecar a second home where the user can have it nowhere
 * else. */
static void
make_state(const struct admission *admission)
{
	const struct options *options = admission->options;
	char path[LIMITS_PATH], dir[LIMITS_PATH], name[LIMITS_PATH];

	if (admission->path != NULL || admission->group != SANDBOX_NO_GROUP ||
	    strstr(options->mailbox, "%h") != NULL ||
	    find_path(admission, path) != MAILBOX_FINE ||
	    !mailbox_is_shut(path) || span_copy(span_of(options->state_dir),
	    dir, sizeof(dir)) == -1 || !cache_directory(dir) ||
	    state_name(name, dir, path) == -1)
		return;
	state_make(name, admission->user.uid, admission->user.gid);
}

/* Who is root here goes no further. */
static void __attribute__((noreturn))
give_up(const struct admission *admission)
{
	if (admission->above != -1)
		(void)keeper_report(admission->above, MAILBOX_TROUBLE);
	_exit(DIALOGUE_TROUBLE);
}

/* Fork the session.  Both processes have the user's rights and no others then,
 * but for the spool's group in this one, the keeper. */
static pid_t
fork_session(const struct admission *admission)
{
	const struct users_entry *user = &admission->user;
	pid_t child;

	if (!admission->by_root)
		return sandbox_fork_same("session");
	cache_make(admission->cache, user);
	make_state(admission);
	child = sandbox_fork("session", user->uid, user->gid, false);
	if (child != 0 && sandbox_become(user->uid, user->gid,
	    admission->group) == -1) {
		log_error("the keeper cannot become the user: %s",
		    strerror(errno));
		give_up(admission);
	}
	return child;
}

enum mailbox_fault
admission_run(struct admission *admission)
{
	struct mailbox *mailbox = &admission->drop.mailbox;
	enum mailbox_fault fault = MAILBOX_TROUBLE;
	int fds[2];
	bool killed;

	memset(&admission->drop, 0, sizeof(admission->drop));
	mailbox->dir = mailbox->fd = mailbox->sidecar = -1;
	admission->drop.dot.ours = -1;
	if (channel_pair(fds) == -1) {
		if (admission->by_root)
			give_up(admission);
		return MAILBOX_TROUBLE;
	}
	admission->child = fork_session(admission);
	if (admission->child == 0) {
		(void)close(fds[0]);
		begin_session(admission, fds[1]);
		return MAILBOX_FINE;
	}
	(void)close(fds[1]);
	admission->below = fds[0];
	if (admission->child > 0)
		fault = begin_keeper(admission);
	if (fault != MAILBOX_FINE) {
		close_maildrop(admission);
		close_channel(&admission->below);
		if (admission->child > 0)
			(void)admission_reap(admission->child, "session",
			    &killed);
		admission->role = ADMISSION_ALONE;
	}
	return fault;
}

/* The session died inside UPDATE: complete it in a new process, which says what
 * it did when the locks have fallen: the mailbox and then ->below are closed. */
static pid_t
recover(struct admission *admission)
{
	struct maildrop *drop = &admission->drop;
	const struct keeper_watch watch = { -1, admission->stop, -1 };
	struct channel_message none;
	enum mailbox_fault fault;
	int fds[2];
	pid_t child;

	if (channel_pair(fds) == -1)
		return -1;
	/* More than fork(2) the keeper's filter would not let pass. */
	child = fork();
	if (child == 0) {
		(void)close(fds[0]);
		keeper_ask(&drop->rights, &fds[1]);
		if (sandbox_close(FILTER_SESSION,
		    (enum sandbox_wish)admission->options->sandbox, -1) == 0) {
			fault = maildrop_recover(drop);
			(void)close(drop->mailbox.fd);
			(void)keeper_report(fds[1], fault);
			(void)channel_receive(fds[1], &none);
		}
		log_let_go(LOG_FOR_ANY);
		_exit(0);
	}
	(void)close(fds[1]);
	admission->below = fds[0];
	if (child > 0)
		(void)keeper_serve(fds[0], drop, &watch, &fault);
	return child;
}

enum dialogue_exit
admission_keep(struct admission *admission)
{
	const struct keeper_watch watch = { admission->above, admission->stop,
	    admission->child };
	enum mailbox_fault fault;
	enum dialogue_exit code;
	pid_t recovery = -1;
	bool killed;
	int served;

	/* Before this, a refusal by the session led back to AUTHORIZATION. */
	if (!admission->by_root) {
		login_close(admission->login);
		admission_leave_client();
	}
	if (!admission->by_root && sandbox_close(FILTER_KEEPER,
	    (enum sandbox_wish)admission->options->sandbox,
	    admission->drop.mailbox.dir) == -1)
		return DIALOGUE_TROUBLE;
	/* The session ends when it can; it has nothing more to report.  If it
	 * got no answer, it gets none any more. */
	do
		served = keeper_serve(admission->below, &admission->drop,
		    &watch, &fault);
	while (served == 0);
	close_channel(&admission->below);
	code = admission_reap(admission->child, "session", &killed);
	if (killed && admission->path == NULL) {
		admission->dialogue->record.user = admission->user.name;
		log_record(&admission->dialogue->record, clock_ms());
	}
	if (killed && sidecar_has_journal(&admission->drop.mailbox))
		recovery = recover(admission);
	close_maildrop(admission);
	log_let_go(LOG_FOR_ANY);
	close_channel(&admission->below);
	if (recovery > 0)
		(void)admission_reap(recovery, "recovery", &killed);
	return code;
}
