/* SPDX-License-Identifier: ISC */
/*
 * The state directory.  The name of a file there is the last part of the
 * mailbox's path, for people to read, and a sum of the path of the mailbox's
 * directory with all links resolved.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
