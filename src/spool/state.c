/* SPDX-License-Identifier: ISC */
/*
 * The state directory.  The name of a file there is the last part of the
 * mailbox's path, for people to read, and a sum of the path of the mailbox's
 * directory with all links resolved.
 */
#include "config.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sum.h"
#include "spool/state.h"

int
state_name(char name[LIMITS_PATH], const char *dir, const char *mailbox)
{
	const char *slash = strrchr(mailbox, '/');
	const char *base = slash == NULL ? mailbox : slash + 1;
	char above[LIMITS_PATH], *real;
	struct sum sum;
	int n = slash == NULL || slash == mailbox ? 1 :
	    (int)(slash - mailbox);

	name[0] = '\0';
	if (dir == NULL || dir[0] != '/' || snprintf(above, sizeof(above),
	    "%.*s", n, slash == NULL ? "." : mailbox) >= (int)sizeof(above) ||
	    (real = realpath(above, NULL)) == NULL)
		return -1;
	sum_begin(&sum, 0, strlen(real));
	sum_feed(&sum, real, strlen(real));
	free(real);
	if (snprintf(name, LIMITS_PATH, "%s/%s-%016llx", dir, base,
	    (unsigned long long)sum_end(&sum)) < LIMITS_PATH)
		return 0;
	name[0] = '\0';
	return -1;
}

void
state_make(const char *name, uid_t uid, gid_t gid)
{
	char dir[LIMITS_PATH];
	struct stat st;
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    S_IRUSR | S_IWUSR), above;

	/* Who made it may have died before it was given. */
	if (fd == -1 && lstat(name, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_uid == 0 && st.st_size == 0)
		fd = open(name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return;
	/* If this fails, the file is not the user's, and sidecar_enter refuses
	 * it. */
	(void)!fchown(fd, uid, gid);
	(void)fsync(fd);
	(void)close(fd);
	/* If a crash took the file's name, a journal in it would be lost. */
	(void)snprintf(dir, sizeof(dir), "%.*s",
	    (int)(strrchr(name, '/') - name), name);
	above = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (above == -1)
		return;
	(void)fsync(above);
	(void)close(above);
}
