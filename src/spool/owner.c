/* SPDX-License-Identifier: ISC */
/*
 * Who made a dot-lock: the line "dewey PID START HOST BOOT PID-NAMESPACE".
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "spool/owner.h"

/* Read a small file of /proc; ${text} is empty if that fails. */
static void
read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? -1 : read(fd, text, size - 1);
	char *lf;

	text[n < 0 ? 0 : n] = '\0';
	lf = strchr(text, '\n');
	if (lf != NULL)
		*lf = '\0';
	if (fd != -1)
		(void)close(fd);
}

/* When the process ${pid} started, in ticks since boot; 0 if it is gone. */
static uint64_t
start_time(long pid)
{
	char path[64], text[1024];
	struct span rest;
	uint64_t ticks = 0;

	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	read_text(path, text, sizeof(text));
	/* proc(5): the name in parentheses may hold anything; the start time
	 * is field 22, the 20th behind it. */
	rest = span_of(strrchr(text, ')'));
	for (int field = 2; field < 22 && rest.p != NULL; field++)
		(void)span_cut(&rest, ' ');
	if (rest.p != NULL)
		(void)span_number(span_cut(&rest, ' '), UINT64_MAX, &ticks);
	return ticks;
}

void
owner_write(char owner[LIMITS_DOTLOCK_TEXT])
{
	char host[LIMITS_HOST + 1] = "", boot[64], space[64] = "";
	ssize_t n = readlink("/proc/self/ns/pid", space, sizeof(space) - 1);

	space[n < 0 ? 0 : n] = '\0';
	(void)gethostname(host, sizeof(host) - 1);
	read_text("/proc/sys/kernel/random/boot_id", boot, sizeof(boot));
	(void)snprintf(owner, LIMITS_DOTLOCK_TEXT,
	    "dewey %ld %llu %s %s %s\n", (long)getpid(),
	    (unsigned long long)start_time((long)getpid()), host, boot, space);
}

bool
owner_is_gone(const char *own, struct span text)
{
	struct span mine = span_of(own), theirs = text;
	struct span my[6], their[6];
	uint64_t pid, started, now;

	for (int i = 0; i < 6; i++) {
		my[i] = span_cut(&mine, i < 5 ? ' ' : '\n');
		their[i] = span_cut(&theirs, i < 5 ? ' ' : '\n');
		if (my[i].n == 0 || their[i].n == 0)
			return false;
	}
	if (!span_equal(my[0], their[0]) || !span_equal(my[3], their[3]) ||
	    span_number(their[1], INT32_MAX, &pid) == -1 ||
	    span_number(their[2], UINT64_MAX, &started) == -1)
		return false;
	if (!span_equal(my[4], their[4]))
		return true;
	if (!span_equal(my[5], their[5]))
		return false;
	if (kill((pid_t)pid, 0) == -1 && errno == ESRCH)
		return true;
	/* Of another user's process /proc may be silent: then it lives. */
	now = start_time((long)pid);
	return now != 0 && now != started;
}
