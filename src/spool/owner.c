/* SPDX-License-Identifier: ISC */
/*
 * Which process made a dot-lock: the line
 * "dewey PID START HOST BOOT PID-NAMESPACE".
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "spool/owner.h"

/* The words of the line. */
enum { DEWEY, PID, START, HOST, BOOT, SPACE, WORDS };

/* Read the first line of a file in /proc; if that fails ${text} is empty. */
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
	char path[LIMITS_PROC_NAME], text[LIMITS_PROC_TEXT];
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
	char host[LIMITS_HOST + 1] = "", boot[LIMITS_PROC_NAME];
	char space[LIMITS_PROC_NAME] = "";
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
	struct span my[WORDS], their[WORDS];
	uint64_t pid, started, now;

	for (int i = 0; i < WORDS; i++) {
		char end = i < WORDS - 1 ? ' ' : '\n';

		my[i] = span_cut(&mine, end);
		their[i] = span_cut(&theirs, end);
		if (my[i].n == 0 || their[i].n == 0)
			return false;
	}
	if (!span_equal(my[DEWEY], their[DEWEY]) ||
	    !span_equal(my[HOST], their[HOST]) ||
	    !span_equal(my[BOOT], their[BOOT]) ||
	    !span_equal(my[SPACE], their[SPACE]) ||
	    span_number(their[PID], INT32_MAX, &pid) == -1 ||
	    span_number(their[START], UINT64_MAX, &started) == -1)
		return false;
	if (kill((pid_t)pid, 0) == -1 && errno == ESRCH)
		return true;
	/* If /proc hides processes of other users, this one lives. */
	now = start_time((long)pid);
	return now != 0 && now != started;
}
