/* SPDX-License-Identifier: ISC */
/*
 * What comes between a program and the calls that change a mailbox: see shim.c.
 */
#ifndef SHIM_H
#define SHIM_H

#include <stdbool.h>
#include <stdint.h>

/* What kind of call it was; one letter each, so that a set is a string. */
#define SHIM_WRITE 'w'
#define SHIM_SYNC 's'
#define SHIM_TRUNCATE 't'
#define SHIM_ALLOCATE 'a'
#define SHIM_CREATE 'c'		/* open with O_CREAT */
#define SHIM_OPEN 'o'		/* any other open */
#define SHIM_LINK 'l'
#define SHIM_UNLINK 'u'
#define SHIM_RENAME 'r'
#define SHIM_READ 'p'		/* pread(2) */
#define SHIM_CHANGES "wstaclur"	/* those that can leave something behind */

/* Which file it was about. */
#define SHIM_MAILBOX 'm'
#define SHIM_SIDECAR 's'
#define SHIM_DIRECTORY 'd'	/* that both are in */
#define SHIM_OTHER '-'		/* a dot-lock, a journal set aside */

/* One call in the record, followed by the octets of a write. */
struct shim_call {
	char kind, file;
	uint16_t failed;	/* 1, or 0 */
	uint32_t pid;
	uint64_t offset;	/* of a write; truncate, allocate: the new end */
	uint64_t length;	/* of the octets that follow */
};

/* What is told about the mailbox's time stamps, the coarse clock, and the file
 * system it is on.  In a file that is shared with the test; 0: what is true. */
struct shim_stamps {
	int64_t sec, nsec;	/* st_mtim and st_ctim */
	int64_t clock_sec, clock_nsec;
	int64_t type;		/* f_type of statfs(2) */
};

/*
 * shim_works(void):
 * Say whether there is another library behind this: not in a static program.
 */
bool shim_works(void);

/*
 * shim_record(fd, kinds):
 * Count the calls of ${kinds} from 0 again and write them to ${fd}; -1: nowhere.
 */
void shim_record(int fd, const char *kinds);

/*
 * shim_fail(at, error):
 * Let call ${at}, counted from 1, fail with ${error}; 0: none.
 */
void shim_fail(long at, int error);

#endif
