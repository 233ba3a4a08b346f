/* SPDX-License-Identifier: ISC */
/*
 * What the unit tests share: cmocka with the headers it wants, a row's sentence
 * in every complaint, and a temporary directory of an ordinary user.
 */
#ifndef UNIT_H
#define UNIT_H

#include "config.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>

#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Says of a table's row what it should have been. */
#define ROW(sentence, condition)					\
	do {								\
		if (!(condition))					\
			fail_msg("%s: not so: %s", (sentence),		\
			    #condition);				\
	} while (0)

/* cmocka's skip() says "not ok", which Automake takes for a failure. */
#define UNIT_SKIP(why)							\
	do {								\
		print_message("# not tested here: %s\n", why);		\
		return;							\
	} while (0)

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* The state of tests that need files: a directory that goes away. */
struct unit {
	char dir[64];
	char path[512];		/* what unit_path made last */
};

static inline const char *
unit_path(void **state, const char *name)
{
	struct unit *unit = *state;

	(void)snprintf(unit->path, sizeof(unit->path), "%s/%s", unit->dir,
	    name);
	return unit->path;
}

/* Write a file of the directory and return its path. */
static inline const char *
unit_write(void **state, const char *name, const void *octets, size_t n,
    mode_t mode)
{
	const char *path = unit_path(state, name);
	int fd;

	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd == -1 || write(fd, octets, n) != (ssize_t)n ||
	    fchmod(fd, mode) == -1 || close(fd) == -1)
		fail_msg("%s cannot be written", path);
	return path;
}

static inline const char *
unit_text(void **state, const char *name, const char *text)
{
	return unit_write(state, name, text, strlen(text), 0600);
}

/* Read a file into ${octets}.  Returns how many. */
static inline size_t
unit_read(const char *path, char *octets, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = fd == -1 ? -1 : read(fd, octets, size);

	if (n < 0 || close(fd) == -1)
		fail_msg("%s cannot be read", path);
	return (size_t)n;
}

/* Group set-up: the directory.  Tests that root starts go on as `nobody',
 * because dewey judges files by their owners. */
static inline int
unit_begin(void **state)
{
	struct unit *unit = calloc(1, sizeof(*unit));
	const char *base = getenv("TMPDIR");
	struct passwd *pw = getpwnam("nobody");
	uid_t uid = pw == NULL ? 65534 : pw->pw_uid;
	gid_t gid = pw == NULL ? 65534 : pw->pw_gid;

	/* Nothing here takes long; a wait that never ends is a failure. */
	(void)alarm(600);
	if (unit == NULL)
		return -1;
	if (base == NULL || strlen(base) > 30 || geteuid() == 0)
		base = "/tmp";
	(void)snprintf(unit->dir, sizeof(unit->dir), "%s/dewey-test-XXXXXX",
	    base);
	if (mkdtemp(unit->dir) == NULL)
		return -1;
	*state = unit;
	if (geteuid() != 0)
		return 0;
	return chown(unit->dir, uid, gid) == -1 || setgroups(0, NULL) == -1 ||
	    setegid(gid) == -1 || seteuid(uid) == -1 ? -1 : 0;
}

static inline int
unit_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* Group tear-down. */
static inline int
unit_end(void **state)
{
	struct unit *unit = *state;
	int result;

	if (getuid() == 0 && (seteuid(0) == -1 || setegid(0) == -1))
		return -1;
	result = nftw(unit->dir, unit_remove, 8, FTW_DEPTH | FTW_PHYS);
	free(unit);
	return result;
}

/* Undo the escapes of a line of tests/data: \n \r \t \0 \\ \xHH.  Returns how
 * many octets it has; the line is changed in place. */
static inline size_t
unit_unescape(char *line)
{
	static const char names[] = "nrt0\\", octets[] = "\n\r\t\0\\";
	size_t n = 0;

	for (char *p = line; *p != '\0'; p++) {
		const char *name;
		unsigned value;

		if (*p != '\\') {
			line[n++] = *p;
			continue;
		}
		p++;
		if (*p == 'x' && sscanf(p + 1, "%2x", &value) == 1) {
			line[n++] = (char)value;
			p += 2;
			continue;
		}
		name = *p == '\0' ? NULL : strchr(names, *p);
		if (name == NULL)
			fail_msg("%s: unknown escape in test data", line);
		else
			line[n++] = octets[name - names];
	}
	line[n] = '\0';
	return n;
}

/* pwrite(2), where its name is another function's.  With longs of 32 bits the
 * offset takes two arguments, on ARM an even and an odd one. */
static inline ssize_t
unit_pwrite(int fd, const void *p, size_t n, off_t offset)
{
#if LONG_MAX > INT32_MAX
	return syscall(SYS_pwrite64, fd, p, n, offset);
#elif defined(__arm__)
	return syscall(SYS_pwrite64, fd, p, n, 0, (long)offset,
	    (long)((int64_t)offset >> 32));
#else
	return syscall(SYS_pwrite64, fd, p, n, (long)offset,
	    (long)((int64_t)offset >> 32));
#endif
}

/* Open a file of tests/data. */
static inline FILE *
unit_data(const char *name)
{
	const char *srcdir = getenv("srcdir");
	char path[4096];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/tests/data/%s",
	    srcdir == NULL ? "." : srcdir, name);
	file = fopen(path, "r");
	if (file == NULL)
		fail_msg("%s cannot be opened", path);
	return file;
}

#endif
