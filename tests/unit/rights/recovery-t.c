/* SPDX-License-Identifier: ISC */
/*
 * The recovery room: what is not done in its time is ended with all of its
 * processes, reported, and keeps its journal; a signal begins nothing new.
 */
#include "unit/unit.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/log.h"
#include "rights/keeper.h"
#include "rights/process.h"
#include "rights/recovery.h"
#include "settings/options.h"
#include "spool/journal.h"

/* ---- The limit is over after a second. */

static struct timespec begun;

int64_t __wrap_clock_ms(void);
int64_t
__wrap_clock_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - begun.tv_sec) * INT64_C(1000) +
	    (now.tv_nsec - begun.tv_nsec) / 1000000 < 1000 ? 0 :
	    LIMITS_RECOVER_S * INT64_C(1000) + 1;
}

/* It may be waited for no longer than that clock needs. */
int __real_sigtimedwait(const sigset_t *set, siginfo_t *info,
    const struct timespec *most);
int __wrap_sigtimedwait(const sigset_t *set, siginfo_t *info,
    const struct timespec *most);
int
__wrap_sigtimedwait(const sigset_t *set, siginfo_t *info,
    const struct timespec *most)
{
	const struct timespec least = { .tv_nsec = 50000000 };

	return __real_sigtimedwait(set, info, most->tv_sec > 0 ? &least :
	    most);
}

/* ---- What stands for a login: the mailbox "slow" never ends, nor does a child
 * of its process; any other is done. */

static int pids[2];		/* the pipe that says who they are */

enum mailbox_fault __wrap_keeper_admit(struct session *session, int above);
enum mailbox_fault
__wrap_keeper_admit(struct session *session, int above)
{
	size_t n = strlen(session->path);
	pid_t pid;

	(void)above;
	if (n < 4 || strcmp(session->path + n - 4, "slow") != 0)
		process_end((enum dialogue_exit)JOURNAL_FINISHED);
	(void)fork();
	pid = getpid();
	(void)!write(pids[1], &pid, sizeof(pid));
	for (;;)
		(void)pause();
}

/* Whether a process is there and no zombie. */
static bool
is_alive(pid_t pid)
{
	char path[64], line[256] = "";
	FILE *stat;
	const char *p;

	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	stat = fopen(path, "r");
	if (stat == NULL)
		return false;
	if (fgets(line, sizeof(line), stat) == NULL)
		line[0] = '\0';
	(void)fclose(stat);
	p = strrchr(line, ')');
	return p != NULL && p[1] == ' ' && p[2] != 'Z' && p[2] != 'X';
}

/* Run --recover of ${paths}; what it prints goes to ${out}. */
static enum dialogue_exit
run(void **state, char **paths, int n, char *out, size_t most)
{
	struct options options;
	int saved = dup(STDOUT_FILENO), fd;
	enum dialogue_exit code;
	ssize_t got;

	options_begin(&options);
	options.operands = paths;
	options.operand_count = n;
	fd = open(unit_path(state, "out"), O_RDWR | O_CREAT | O_TRUNC, 0600);
	(void)fflush(stdout);
	assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
	(void)clock_gettime(CLOCK_MONOTONIC, &begun);
	code = recovery_run(&options);
	assert_int_equal(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
	got = pread(fd, out, most - 1, 0);
	assert_true(got >= 0);
	out[got] = '\0';
	(void)close(fd);
	(void)close(saved);
	return code;
}

static void
test_limit(void **state)
{
	char slow[LIMITS_PATH], quick[LIMITS_PATH], out[4096], want[4096];
	char *paths[] = { slow, quick, quick };
	pid_t pid;

	(void)snprintf(slow, sizeof(slow), "%s", unit_text(state, "slow", "x"));
	(void)snprintf(quick, sizeof(quick), "%s",
	    unit_text(state, "quick", "x"));
	(void)unit_text(state, ".slow.dewey", "journal");
	(void)unit_text(state, ".quick.dewey", "journal");
	assert_int_equal(pipe(pids), 0);
	assert_int_equal(run(state, paths, 3, out, sizeof(out)),
	    DIALOGUE_TROUBLE);
	(void)snprintf(want, sizeof(want), "%s: an UPDATE that was cut short is "
	    "complete\n%s: an UPDATE that was cut short is complete\n%s: FAILED, "
	    "it was not done in time; its journal stays\n", quick, quick, slow);
	assert_string_equal(out, want);
	/* Both of its processes are gone, the orphan perhaps a little later. */
	for (int i = 0; i < 2; i++) {
		int tries = 0;

		assert_int_equal(read(pids[0], &pid, sizeof(pid)), sizeof(pid));
		while (is_alive(pid) && tries++ < 200)
			(void)usleep(10000);
		assert_false(is_alive(pid));
	}
	(void)close(pids[0]);
	(void)close(pids[1]);
}

static void
test_signal(void **state)
{
	char quick[LIMITS_PATH], out[4096], want[LIMITS_PATH + 64];
	char *paths[] = { quick, quick };
	sigset_t waiting;

	(void)snprintf(quick, sizeof(quick), "%s",
	    unit_text(state, "quick", "x"));
	(void)unit_text(state, ".quick.dewey", "journal");
	channel_signals(&waiting);
	assert_int_equal(raise(SIGTERM), 0);
	assert_int_equal(run(state, paths, 2, out, sizeof(out)),
	    DIALOGUE_TROUBLE);
	(void)snprintf(want, sizeof(want), "%s: an UPDATE that was cut short is "
	    "complete\n", quick);
	assert_string_equal(out, want);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_signal),
	};

	log_open(LOG_TO_NONE, false);
	return cmocka_run_group_tests_name("recovery", tests, unit_begin,
	    unit_end);
}
