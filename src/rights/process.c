/* SPDX-License-Identifier: ISC */
/*
 * The life of a process.
 */
#include "config.h"

#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/calls.h"
#include "base/channel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/ucspi.h"
#include "rights/process.h"

#ifndef HAVE__FORK
#define _Fork fork
#endif

/* A signal asks for the end of the session. */
static volatile sig_atomic_t process_stop;

static void
wake(int signal)
{
	(void)signal;
}

bool
process_is_lent(const char *program)
{
	/* AT_SECURE alone can also be a change of an SELinux domain. */
	if (getauxval(AT_SECURE) == 0 ||
	    (getuid() == geteuid() && getgid() == getegid()))
		return false;
	(void)dprintf(STDERR_FILENO, "%s: must not lend rights: take the "
	    "set-user-ID and set-group-ID bits from its file (chmod ug-s)\n",
	    program);
	return true;
}

void
process_begin(bool by_root)
{
	const struct rlimit none = { 0, 0 };
	struct ucspi ucspi;

	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
	/* What a spawner forgot to close is nothing for strangers. */
	if (by_root) {
		(void)ucspi_find(&ucspi);
		ucspi_keep(&ucspi, STDERR_FILENO + 1);
	}
}

static void
stop(int signal)
{
	(void)signal;
	process_stop = 1;
}

const volatile sig_atomic_t *
process_catch_signals(void)
{
	static const int ends[] = { CHANNEL_ENDS };
	struct sigaction action = { .sa_handler = stop };

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		(void)sigaction(ends[i], &action, NULL);
	action.sa_handler = wake;
	(void)sigaction(SIGALRM, &action, NULL);
	action.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &action, NULL);
	(void)sigaction(SIGXFSZ, &action, NULL);
	return &process_stop;
}

const char *
process_lacks(void)
{
	static const struct {
		unsigned bit;
		const char *words;
	} needed[] = {
		{ CAP_SETUID, "CAP_SETUID, the right to setuid(2)" },
		{ CAP_SETGID, "CAP_SETGID, the right to setgroups(2)" },
		{ CAP_SYS_CHROOT, "CAP_SYS_CHROOT, the right to chroot(2)" },
	};
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(__NR_capget, &header, data) == 0)
		for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
			if ((data[0].effective & 1u << needed[i].bit) == 0)
				return needed[i].words;
	return NULL;
}

const char *
process_become(uid_t uid, gid_t gid, gid_t group)
{
	size_t groups = group == PROCESS_NO_GROUP ? 0 : 1;

	/* The calls would take -1 for "as it is". */
	errno = EINVAL;
	if (uid == (uid_t)-1 || gid == (gid_t)-1)
		return "setuid(2)";
	if (setgroups(groups, &group) == -1)
		return "setgroups(2)";
	if (setresgid(gid, gid, gid) == -1)
		return "setgid(2)";
	if (setresuid(uid, uid, uid) == -1)
		return "setuid(2)";
	/* There must be no way back. */
	errno = EPERM;
	if (setresuid(0, 0, 0) == 0)
		return "setuid(2) for good";
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? NULL : "prctl(2)";
}

const char *
process_become_killer(uid_t uid, gid_t gid)
{
	const char *denied;
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { {
		.effective = 1u << CAP_KILL,
		.permitted = 1u << CAP_KILL,
	} };

	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == -1)
		return "prctl(2)";
	denied = process_become(uid, gid, PROCESS_NO_GROUP);
	if (denied != NULL || syscall(__NR_capset, &header, data) == 0)
		return denied;
	memset(data, 0, sizeof(data));
	return syscall(__NR_capset, &header, data) == 0 ? NULL : "capset(2)";
}

/* Make an empty directory that no longer has a name the root directory.
 * Returns as process_become. */
static const char *
hide(void)
{
	const char *denied = "mkdir(2) in /run, /tmp and /var/tmp";
	static const char places[][24] = { "/run/dewey.XXXXXX",
	    "/tmp/dewey.XXXXXX", "/var/tmp/dewey.XXXXXX" };
	char path[sizeof(places[0])];

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		memcpy(path, places[i], sizeof(path));
		if (mkdtemp(path) == NULL)
			continue;
		/* Without a name nothing can ever be put there. */
		denied = "chroot(2)";
		if (chdir(path) == -1 || rmdir(path) == -1) {
			(void)rmdir(path);
			continue;
		}
		return chroot(".") == 0 && chdir("/") == 0 ? NULL : denied;
	}
	return denied;
}

void
process_shed(void)
{
	if (geteuid() == 0)
		(void)process_become(LIMITS_NOBODY, LIMITS_NOBODY,
		    PROCESS_NO_GROUP);
}

int
process_pair(int fds[2])
{
	if (channel_pair(fds) == 0)
		return 0;
	log_error("no channel between processes: %s", strerror(errno));
	return -1;
}

pid_t
process_fork_silent(void)
{
	const struct sigaction usual = { .sa_handler = SIG_DFL };

	/* A spawner that ignores its children passes that on; then there would
	 * be nobody to wait for, and no code. */
	(void)sigaction(SIGCHLD, &usual, NULL);
	/* There is one thread: no locks need to be put right, as fork(3) does,
	 * in pages that are shared until then. */
	return _Fork();
}

pid_t
process_fork(const char *who)
{
	pid_t child = process_fork_silent();

	if (child == -1)
		log_error("no process for the %s: %s", who, strerror(errno));
	return child;
}

void
process_confine(const char *who, uid_t uid, gid_t gid, bool hidden)
{
	const char *denied = hidden ? hide() : NULL;

	if (denied == NULL)
		denied = process_become(uid, gid, PROCESS_NO_GROUP);
	if (denied == NULL)
		return;
	process_complain(who, denied);
	process_end(DIALOGUE_USAGE);
}

pid_t
process_fork_as(const char *who, uid_t uid, gid_t gid, bool hidden)
{
	pid_t child = process_fork(who);

	if (child == 0)
		process_confine(who, uid, gid, hidden);
	return child;
}

void
process_complain(const char *who, const char *denied)
{
	log_error("the %s cannot give up root's rights: %s: %s", who, denied,
	    strerror(errno));
}

enum dialogue_exit
process_reap(pid_t child, const char *who, bool *killed)
{
	return process_reap_group(child, who, INT64_MAX, killed);
}

enum dialogue_exit
process_reap_group(pid_t leader, const char *who, int64_t ms, bool *killed)
{
	int64_t until = ms == INT64_MAX ? ms : clock_ms() + ms;
	/* It comes again, for one may come right before the wait. */
	const struct itimerval wait = { { 1, 0 },
	    { (time_t)(ms / LIMITS_SECOND_MS), 1 } };
	const struct itimerval none = { { 0, 0 }, { 0, 0 } };
	int status = 0;

	*killed = false;
	if (ms != INT64_MAX)
		(void)setitimer(ITIMER_REAL, &wait, NULL);
	while (waitpid(leader, &status, 0) == -1) {
		if (errno != EINTR)
			return DIALOGUE_TROUBLE;
		if (clock_ms() >= until && kill(-leader, SIGKILL) == -1) {
			log_error("the %s does not end, and cannot be ended: "
			    "%s", who, strerror(errno));
			return DIALOGUE_TROUBLE;
		}
	}
	if (ms != INT64_MAX)
		(void)setitimer(ITIMER_REAL, &none, NULL);
	if (WIFEXITED(status))
		return (enum dialogue_exit)WEXITSTATUS(status);
	*killed = true;
	log_error("the %s was killed by signal %d", who, WTERMSIG(status));
	return DIALOGUE_TROUBLE;
}

/* Have /dev/null take the places of the client's descriptors from ${first} on.
 * Where there is none, or none can be had, this process must not go on. */
static void
leave(int first)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	int last = log_stderr_is_ours() ? STDOUT_FILENO : STDERR_FILENO;

	for (int at = first; at <= last; at++)
		if (fd == -1 || dup2(fd, at) == -1) {
			log_error("/dev/null: %s", strerror(errno));
			process_end(DIALOGUE_TROUBLE);
		}
	(void)close(fd);
}

void
process_leave_client(void)
{
	leave(STDIN_FILENO);
}

void
process_leave_output(void)
{
	leave(STDOUT_FILENO);
}

void
process_end(enum dialogue_exit code)
{
	log_let_go(LOG_FOR_ANY);
	_exit((int)code);
}

int
process_fill_descriptors(void)
{
	struct pollfd fds[] = { { .fd = STDIN_FILENO },
	    { .fd = STDOUT_FILENO }, { .fd = STDERR_FILENO } };

	if (poll(fds, 3, 0) == -1)
		return -1;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if ((fds[fd].revents & POLLNVAL) != 0 && open("/dev/null",
		    fd == STDIN_FILENO ? O_WRONLY : O_RDONLY, 0) != fd)
			return -1;
	return 0;
}
