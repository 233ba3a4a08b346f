/* SPDX-License-Identifier: ISC */
/*
 * Text files of one record a line: users, secrets, lists of names, the
 * configuration.  Opening them safely, reading their lines, and finding the
 * record of a name.  `#' begins a comment at the start of a line; empty lines
 * are skipped.
 */
#ifndef RECORDS_H
#define RECORDS_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/span.h"

/* Mode bits that a file must not have: of one that others may read, and of one
 * that they may not. */
#define RECORDS_PUBLIC 022
#define RECORDS_SECRET 077

/* A file that is opened once, perhaps with more rights than the process has
 * later, and then read as often as is needed; all fields are for reading
 * only. */
struct records_file {
	const char *path;	/* not owned; NULL: there is none */
	const char *why;	/* what is wrong with it, or NULL */
	mode_t forbidden;	/* mode bits */
	int fd;
};

/* A file being read; all fields but line and why are private. */
struct records {
	unsigned line;		/* number of the current line, from 1 */
	const char *why;	/* what is wrong with it, and how to mend it */
	int fd;
	uint64_t at;		/* of the block in the file */
	size_t start, filled;	/* of the block's octets: not yet taken */
	bool ended;		/* there is nothing behind the block */
	char block[LIMITS_RECORDS];
};

/* How a record names whom it is about, and what it must be. */
struct records_form {
	char separator;		/* behind the name; or RECORDS_NAMES */
	/* Whether a record is well formed: its name, and what is behind the
	 * separator (its pointer is NULL without one).  NULL: any is. */
	bool (*fits)(struct span name, struct span rest);
	const char *expected;	/* the form, for who reads the log */
	/* Whether what is behind a name can stand for what another name would
	 * have.  NULL: none can. */
	bool (*stands_in)(struct span rest);
};

/* Instead of a separator: the line is the name, blanks around it aside. */
#define RECORDS_NAMES '\0'

/*
 * records_open(file, path, forbidden):
 * Open the file ${path}, which must be a regular file and no symbolic link,
 * belong to root or the effective user, and have none of the mode bits
 * ${forbidden}.  If ${path} is NULL there is no file, and nothing is wrong.
 * Returns 0, or -1, and in ${file}->why what is wrong with the file and how to
 * mend it ("can be written by others: chmod go-w it").
 */
int records_open(struct records_file *file, const char *path,
    mode_t forbidden);

/*
 * records_begin(records, file):
 * Read ${file} from its first line on.  Returns 0, or -1 if it is not open, or
 * not to be trusted any more, which is logged.
 */
int records_begin(struct records *records, const struct records_file *file);

/*
 * records_next(records, line):
 * Set ${line} to the next record, without its line end; it stays valid until
 * the next call.  Returns 1, 0 at the end of the file, or -1 with errno
 * EINVAL for a line that is too long, holds NUL or begins with a byte order
 * mark (it was skipped; go on), or with the errno of read(2), which ends the
 * file; ${records}->why says what is wrong.
 */
int records_next(struct records *records, struct span *line);

/*
 * records_find(file, form, name, record, other):
 * Look ${name} up in ${file}, octet for octet, and copy what is behind it to
 * ${record} (LIMITS_RECORD octets, to be wiped by the caller, or NULL) with a
 * NUL behind.  If ${other} is not NULL it gets, found or not, what is behind
 * one of the names that ${form} lets stand in, always the same one for ${name}
 * as long as that is there, or nothing if there is none.  Which one it is,
 * nobody can tell who cannot read the file.
 * The first record counts; the file is always read to its end, so that the time
 * does not tell where a name stands.  A line that does not fit ${form} is
 * logged and skipped.
 * Returns 1, 0 if there is no such name, or -1 with errno if the file cannot
 * be read or not be trusted, which is logged.
 */
int records_find(const struct records_file *file,
    const struct records_form *form, struct span name, char *record,
    char *other);

/*
 * records_first(file, behind, is_one):
 * Return the number of the first line of ${file} behind the line ${behind}, 0
 * for its begin, in whose record ${is_one} is true of what is behind the name
 * and a colon; 0 if there is none.  What is wrong with a line is not logged:
 * that is for who looks a name up.
 */
unsigned records_first(const struct records_file *file, unsigned behind,
    bool (*is_one)(struct span rest));

/*
 * records_end(records), records_close(file):
 * Wipe what was read; close the file.
 */
void records_end(struct records *records);
void records_close(struct records_file *file);

#endif
