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
#include <stdint.h>

#include "base/limits.h"
#include "base/span.h"

/* A file that is opened once, maybe with other rights than later, and read
 * whenever it is asked; all fields are for reading only. */
struct records_file {
	const char *path;	/* not owned; NULL: there is none */
	const char *why;	/* what is wrong with it, or NULL */
	mode_t forbidden;	/* mode bits */
	int fd;
};

/* A file being read; all fields but line are private. */
struct records {
	unsigned line;		/* number of the current line, from 1 */
	int fd;
	uint64_t at;
	size_t start, filled;
	bool ended;
	char block[4 * LIMITS_RECORD];
};

/*
 * records_open(file, path, forbidden):
 * Open the file ${path}: a regular file, no symbolic link, of root or the
 * effective user, with none of the mode bits ${forbidden}.  NULL: none.
 * Returns 0, or -1, and in ${file}->why what is wrong with the file and how to
 * mend it ("has mode 0644: chmod 600 it").
 */
int records_open(struct records_file *file, const char *path,
    mode_t forbidden);

/*
 * records_begin(records, file):
 * Read ${file} from its first line on.  Returns 0, or -1 if it is not open, or
 * not to be believed any more, which is logged.
 */
int records_begin(struct records *records, const struct records_file *file);

/*
 * records_next(records, line):
 * Set ${line} to the next record, without its line end; it stays valid until
 * the next call.  Returns 1, 0 at the end of the file, or -1 with errno
 * EINVAL for a line that is too long or holds NUL (it was skipped; go on), or
 * with the errno of read(2), which ends the file.
 */
int records_next(struct records *records, struct span *line);

/*
 * records_end(records), records_close(file):
 * Wipe what was read; close the file.
 */
void records_end(struct records *records);
void records_close(struct records_file *file);

#endif
