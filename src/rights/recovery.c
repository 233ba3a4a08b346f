/* SPDX-License-Identifier: ISC */
/*
 * Recovering mailboxes side by side, so that none keeps the others waiting.
 * Each has a process group of its own, which is killed when its time is over:
 * a journal is made for that.
 */
#include "config.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/clock.h"
#include "base/log.h"
#include "rights/keeper.h"
#include "rights/process.h"
#include "rights/recovery.h"
#include "settings/options.h"
#include "spool/aside.h"
#include "spool/journal.h"
#include "spool/sidecar.h"

#define FAILED "FAILED, see the log"

/* One mailbox that is being recovered. */
struct task {
	const char *path;
	dev_t device;		/* of the mailbox */
	ino_t inode;
	pid_t child;		/* leads the group of its processes */
	int64_t until;		/* clock_ms() when they are killed; after that,
				 * when nobody waits for them any more */
	bool killed;
};

struct recovery {
	const struct options *options;
	const volatile sig_atomic_t *stop;	/* for the children */
	sigset_t heard;		/* CHANNEL_ENDS and SIGCHLD */
	bool stopped;		/* no more are begun */
	bool trouble;
	struct task tasks[LIMITS_RECOVER_AT_ONCE];
	size_t n;		/* of them run */
};

/* In a process of its own: let the owner in, whose session recovers when it
 * scans, and end with its exit code, an enum journal_found. */
static void __attribute__((noreturn))
recover_path(const struct recovery *recovery, const char *path,
    const struct stat *st)
{
	struct session *session = calloc(1, sizeof(*session));

	if (session != NULL) {
		session->options = recovery->options;
		session->by_root = geteuid() == 0;
		session->stop = recovery->stop;
		session->path = path;
		session->group = PROCESS_NO_GROUP;
		session->user.uid = st->st_uid;
		session->user.gid = st->st_gid;
		if (session->by_root)
			(void)mailbox_spool_group(path, &session->group);
		(void)keeper_admit(session, -1);
	}
	process_end((enum dialogue_exit)JOURNAL_FAILED);
}

/* Print the line of the mailbox ${path}: what was done, ${found}, or why that
 * is JOURNAL_FAILED. */
static void
tell(struct recovery *recovery, const char *path, int found, const char *why)
{
	static const char *const done[] = {
		[JOURNAL_NONE] = "nothing to do",
		[JOURNAL_FINISHED] = "an UPDATE that was cut short is complete",
		[JOURNAL_UNBELIEVED] = ("a journal that does not fit was set "
		    "aside, the mailbox is as it was"),
	};
	bool failed = found < 0 || found >= JOURNAL_FAILED;

	(void)printf("%s: %s\n", path, failed ? why : done[found]);
	(void)fflush(stdout);
	recovery->trouble = recovery->trouble || failed;
}

/* Say what became of a task that is over: waitpid(2) gave ${status}, or -1. */
static void
finish(struct recovery *recovery, const struct task *task, int status)
{
	bool exited = status != -1 && WIFEXITED(status);
	int found = exited ? WEXITSTATUS(status) : JOURNAL_FAILED;

	if (!exited && task->killed)
		log_error("%s: its recovery was killed, it was not done within "
		    "%d seconds; the journal stays", task->path,
		    LIMITS_RECOVER_S);
	else if (!exited)
		log_error("%s: its recovery was killed by signal %d",
		    task->path, WTERMSIG(status));
	if (found == JOURNAL_UNBELIEVED && geteuid() == 0 &&
	    aside_second_home(task->path, recovery->options->state_dir) == -1)
		found = JOURNAL_FAILED;
	tell(recovery, task->path, found, !exited && task->killed ?
	    "FAILED, it was not done in time; its journal stays" : FAILED);
}

/* Take out the tasks that are over, kill those whose time is.  Returns whether
 * there were some of the first kind; ${*until} is when to look again. */
static bool
collect(struct recovery *recovery, int64_t *until)
{
	int64_t now = clock_ms();
	bool some = false;

	*until = INT64_MAX;
	for (size_t i = recovery->n; i > 0; i--) {
		struct task *task = &recovery->tasks[i - 1];
		int status = -1;
		pid_t got = waitpid(task->child, &status, WNOHANG);
		bool late = got != task->child && now >= task->until;

		if (late && !task->killed) {
			(void)kill(-task->child, SIGKILL);
			task->killed = true;
			task->until = now + LIMITS_GRACE_MS;
		} else if (late || got == task->child) {
			/* Not even that ends who waits for a dead disk. */
			finish(recovery, task, status);
			*task = recovery->tasks[--recovery->n];
			some = true;
			continue;
		}
		if (task->until < *until)
			*until = task->until;
	}
	return some;
}

/* Wait for a signal, ${ms} milliseconds at most.  One that asks for the end is
 * passed on: it ends no step, but the waits for a lock. */
static void
hear(struct recovery *recovery, int64_t ms)
{
	const struct timespec wait = { .tv_sec = (time_t)(ms / 1000),
	    .tv_nsec = (long)(ms % 1000) * 1000000 };
	int got = sigtimedwait(&recovery->heard, NULL, &wait);

	if (got == -1 || got == SIGCHLD)
		return;
	recovery->stopped = true;
	for (size_t i = 0; i < recovery->n; i++)
		(void)kill(-recovery->tasks[i].child, got);
}

/* Wait until a task is over, or a signal asks for the end. */
static void
wait_for_one(struct recovery *recovery)
{
	bool stopped = recovery->stopped;
	int64_t until;

	/* Making a process may have thrown away what another one's end sent:
	 * look first. */
	while (!collect(recovery, &until) && recovery->stopped == stopped) {
		int64_t now = clock_ms();

		hear(recovery, until > now ? until - now : 0);
	}
}

/* Whether the mailbox has been named before and is being recovered. */
static bool
is_under_way(const struct recovery *recovery, const struct stat *st)
{
	for (size_t i = 0; i < recovery->n; i++)
		if (recovery->tasks[i].device == st->st_dev &&
		    recovery->tasks[i].inode == st->st_ino)
			return true;
	return false;
}

/* Begin to recover the mailbox ${path}, which has a journal. */
static void
begin(struct recovery *recovery, const char *path, const struct stat *st)
{
	struct task *task = &recovery->tasks[recovery->n];

	(void)fflush(stdout);
	*task = (struct task){ .path = path, .device = st->st_dev,
	    .inode = st->st_ino,
	    .until = clock_ms() + LIMITS_RECOVER_S * INT64_C(1000) };
	task->child = process_fork("recovery");
	if (task->child == 0) {
		(void)setpgid(0, 0);
		recover_path(recovery, path, st);
	}
	if (task->child == -1) {
		tell(recovery, path, JOURNAL_FAILED, FAILED);
		return;
	}
	/* Whoever of both comes first. */
	(void)setpgid(task->child, task->child);
	recovery->n++;
}

/* Answer for the mailbox ${path}, at once if it has no journal. */
static void
take(struct recovery *recovery, const char *path)
{
	struct stat st;
	int pending;

	if (fstatat(AT_FDCWD, path, &st, 0) == -1 &&
	    (errno == ENOENT || errno == ENOTDIR)) {
		(void)printf("%s: there is no mailbox\n", path);
		return;
	}
	errno = EINVAL;
	pending = fstatat(AT_FDCWD, path, &st, 0) == -1 ||
	    !S_ISREG(st.st_mode) ? -1 :
	    sidecar_pending(path, recovery->options->state_dir);
	if (pending == -1) {
		tell(recovery, path, JOURNAL_FAILED, errno == EINVAL ?
		    "is not a regular file" : strerror(errno));
		return;
	}
	if (pending == 0) {
		tell(recovery, path, JOURNAL_NONE, NULL);
		return;
	}
	while (!recovery->stopped && (is_under_way(recovery, &st) ||
	    recovery->n == LIMITS_RECOVER_AT_ONCE))
		wait_for_one(recovery);
	if (!recovery->stopped)
		begin(recovery, path, &st);
}

enum dialogue_exit
recovery_run(const struct options *options)
{
	const int ends[] = { CHANNEL_ENDS };
	struct recovery recovery = { .options = options };
	sigset_t waiting;

	channel_signals(&waiting);
	recovery.stop = process_catch_signals();
	(void)sigemptyset(&recovery.heard);
	(void)sigaddset(&recovery.heard, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &recovery.heard, NULL);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		(void)sigaddset(&recovery.heard, ends[i]);
	for (int i = 0; i < options->operand_count && !recovery.stopped; i++) {
		take(&recovery, options->operands[i]);
		hear(&recovery, 0);
	}
	while (recovery.n > 0)
		wait_for_one(&recovery);
	(void)fflush(stdout);
	return recovery.trouble || recovery.stopped ? DIALOGUE_TROUBLE :
	    DIALOGUE_ORDERLY;
}
