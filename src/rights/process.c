/* SPDX-License-Identifier: ISC */
/*
 * The life of a process.
 */
#include "config.h"

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
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/ucspi.h"
#include "rights/process.h"
#include "settings/records.h"

#ifndef HAVE__FORK
#define _Fork fork
#endif
#ifndef HAVE_CLOSE_RANGE
#define close_range(first, last, flags) \
	syscall(SYS_close_range, first, last, flags)
#endif

/* A signal asks for the end of the session. */
static volatile sig_atomic_t process_stop;

static void
wake(int signal)
{
	(void)signal;
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

int
process_become(uid_t uid, gid_t gid, gid_t group)
{
	size_t groups = group == PROCESS_NO_GROUP ? 0 : 1;

	/* The calls would take -1 for "as it is". */
	errno = EINVAL;
	if (uid == (uid_t)-1 || gid == (gid_t)-1 ||
	    setgroups(groups, &group) == -1 ||
	    setresgid(gid, gid, gid) == -1 || setresuid(uid, uid, uid) == -1)
		return -1;
	/* There must be no way back. */
	if (setresuid(0, 0, 0) == 0) {
		errno = EPERM;
		return -1;
	}
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

int
process_become_killer(uid_t uid, gid_t gid)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { {
		.effective = 1u << CAP_KILL,
		.permitted = 1u << CAP_KILL,
	} };

	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == -1 ||
	    process_become(uid, gid, PROCESS_NO_GROUP) == -1)
		return -1;
	if (syscall(__NR_capset, &header, data) == 0)
		return 0;
	memset(data, 0, sizeof(data));
	return (int)syscall(__NR_capset, &header, data);
}

/* Make an empty directory that no longer has a name the root directory. */
static int
hide(void)
{
	static const char places[][24] = { "/run/dewey.XXXXXX",
	    "/tmp/dewey.XXXXXX", "/var/tmp/dewey.XXXXXX" };
	char path[sizeof(places[0])];

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		memcpy(path, places[i], sizeof(path));
		if (mkdtemp(path) == NULL)
			continue;
		/* Without a name nothing can ever be put there. */
		if (chdir(path) == 0 && rmdir(path) == 0 && chroot(".") == 0 &&
		    chdir("/") == 0)
			return 0;
		(void)rmdir(path);
	}
	return -1;
}

struct process_ids
process_ids(const char *name, bool local)
{
	static const struct records_form form = { .separator = ':' };
	char record[LIMITS_RECORD] = "";
	struct span rest = { record, 0 };
	struct records_file file;
	const struct passwd *pw;
	uint64_t uid = 0, gid = 0;

	if (!local ||
	    records_open(&file, "/etc/passwd", RECORDS_PUBLIC) == -1) {
		pw = getpwnam(name);
		return pw == NULL ? (struct process_ids){ 0, 0 } :
		    (struct process_ids){ pw->pw_uid, pw->pw_gid };
	}
	if (records_find(&file, &form, span_of(name), record, NULL) == 1)
		rest = span_of(record);
	records_close(&file);
	(void)span_cut(&rest, ':');
	if (span_number(span_cut(&rest, ':'), UINT32_MAX - 1, &uid) == -1 ||
	    span_number(span_cut(&rest, ':'), UINT32_MAX - 1, &gid) == -1)
		return (struct process_ids){ 0, 0 };
	return (struct process_ids){ (uid_t)uid, (gid_t)gid };
}

void
process_ids_of_session(const char *gate_user, struct process_ids *waiting,
    struct process_ids *gate)
{
	*waiting = process_ids("nobody", true);
	if (waiting->uid == 0)
		*waiting = (struct process_ids){ LIMITS_NOBODY, LIMITS_NOBODY };
	*gate = process_ids(gate_user == NULL ? "dewey-gate" : gate_user,
	    gate_user == NULL);
	if (gate_user == NULL && gate->uid == 0)
		*gate = *waiting;
}

pid_t
process_fork(const char *who)
{
	const struct sigaction usual = { .sa_handler = SIG_DFL };
	pid_t child;

	/* A spawner that ignores its children passes that on; then there would
	 * be nobody to wait for, and no code. */
	(void)sigaction(SIGCHLD, &usual, NULL);
	/* There is one thread: no locks need to be put right, as fork(3) does,
	 * in pages that are shared until then. */
	child = _Fork();
	if (child == -1)
		log_error("no process for the %s: %s", who, strerror(errno));
	return child;
}

void
process_confine(const char *who, uid_t uid, gid_t gid, bool hidden)
{
	if ((!hidden || hide() == 0) &&
	    process_become(uid, gid, PROCESS_NO_GROUP) == 0)
		return;
	log_error("the %s cannot give up its rights: %s", who, strerror(errno));
	_exit(1);
}

pid_t
process_fork_as(const char *who, uid_t uid, gid_t gid, bool hidden)
{
	pid_t child = process_fork(who);

	if (child == 0)
		process_confine(who, uid, gid, hidden);
	return child;
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
