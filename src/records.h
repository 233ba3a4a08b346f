/* SPDX-License-Identifier: ISC */
/*
 * Text files of one record a line: users, secrets, names, configuration.
 * Opening them safely and reading their lines.  `#' begins a comment at the
 * start of a line; empty lines are skipped.
 */
#ifndef RECORDS_H
#define RECORDS_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "limits.h"
#include "span.h"

/* An open file; all fields but line are private. */
struct records {
	unsigned line;		/* number of the current line, from 1 */
	int fd;
	size_t start, filled;
	bool ended;
	char block[4 * LIMITS_RECORD];
};

/*
 * records_open(records, path, forbidden, why):
 * Open the file ${path}: a regular file, no symbolic link, of root or the
 * effective user, with none of the mode bits ${forbidden}.
 * Returns 0, or -1 with errno, and in ${why} what is wrong with the file and
 * how to mend it ("has mode 0644: chmod 600 it").
 */
int records_open(struct records *records, const char *path, mode_t forbidden,
    const char **why);

/*
 * records_next(records, line):
 * Set ${line} to the next record, without its line end; it stays valid until
 * the next call.  Returns 1, 0 at the end of the file, or -1 with errno
 * EINVAL for a line that is too long or holds NUL (it was skipped; go on), or
 * with the errno of read(2), which ends the file.
 */
int records_next(struct records *records, struct span *line);

/*
 * records_close(records):
 * Close the file and wipe what was read of it.
 */
void records_close(struct records *records);

#endif
