/* SPDX-License-Identifier: ISC */
/*
 * The cached index: what a scan found, kept in a file between sessions.  It may
 * be deleted at any time; a torn, foreign or hostile one is ignored.
 */
#ifndef INDEX_H
#define INDEX_H

#include <sys/stat.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/stamp.h"

/* What a scan found, the records apart; stored as it is. */
struct index_totals {
	uint64_t count;		/* records */
	uint64_t sure;		/* of them certainly as the file was then */
	uint64_t octets;	/* as sent, of all messages */
	uint64_t begin, end;	/* offsets of the first message, of its end */
	uint64_t settled;	/* a later change shows in the stamp: 1, or 0 */
};

/* What is stored before the records: see store_pack. */
struct index_head {
	uint64_t magic;
	struct stamp stamp;	/* of the mailbox then */
	uint64_t boot[2];	/* of the host: which one it was */
	struct index_totals totals;
	uint64_t hash;		/* of the records */
};

/* Records to store. */
struct index_records {
	const void *p;
	size_t size;		/* octets of one */
	size_t from;		/* the first one that is not stored already */
};

/* An open index; fd and totals are for others. */
struct index {
	int fd;			/* -1 or 0: there is none */
	struct index_totals totals;	/* as far as they hold */
	uint64_t magic;		/* of an index that may be believed */
	uint64_t boot[2];	/* of the host: which one this is */
	struct index_head head;	/* as it was read */
};

enum index_use {
	INDEX_NOTHING,
	INDEX_PREFIX,		/* totals.count messages are as they were */
	INDEX_ALL		/* the mailbox is as it was */
};

/*
 * index_is_safe(dir, uid):
 * Say whether ${dir} is a directory in which only ${uid} and root can make
 * names.
 */
bool index_is_safe(const char *dir, uid_t uid);

/*
 * index_is_own(st, uid):
 * Say whether a file, of which stat(2) says ${st}, is a regular one of ${uid}'s
 * that nobody else may read or write, and has one name.
 */
bool index_is_own(const struct stat *st, uid_t uid);

/*
 * index_open_file(dir, name, uid, make):
 * Open the index ${name} in the directory ${dir}, which must be safe; if
 * ${make} is true, it is made if it is missing.  It must be the own file of
 * ${uid}, who is the effective user.  Returns a descriptor, or -1.
 */
int index_open_file(const char *dir, const char *name, uid_t uid, bool make);

/*
 * index_open(index, fd, exact):
 * Take over the descriptor ${fd} and note which boot of the host this is.  With
 * a ${fd} of -1 there is no index, and nothing is cached.  An index that was
 * stored with another ${exact} is not believed: it has other borders.
 */
void index_open(struct index *index, int fd, bool exact);
void index_close(struct index *index);
bool index_is_open(const struct index *index);

/*
 * index_judge(index, stamp, mailbox, now):
 * Read the index, and say how far it holds for the open ${mailbox}, which has
 * ${stamp}; ${now} is what the coarse clock said before that stamp was taken.
 * With INDEX_PREFIX it holds for the first ${index}->totals.count messages.
 */
enum index_use index_judge(struct index *index, const struct stamp *stamp,
    int mailbox, struct timespec now);

/*
 * index_load(index, records, size):
 * Read the records, of ${size} octets each, to ${records}: as many as were
 * stored, at least totals.count.  Returns 0, or -1 if they are not whole.
 */
int index_load(const struct index *index, void *records, size_t size);

/*
 * index_stored(index):
 * Return how many records are stored.
 */
uint64_t index_stored(const struct index *index);

/*
 * index_save(index, stamp, totals, records):
 * Store ${totals} and as many ${records} for the mailbox with ${stamp}.  A
 * failure leaves no index.
 */
void index_save(struct index *index, const struct stamp *stamp,
    const struct index_totals *totals, const struct index_records *records);

/*
 * index_forget(index):
 * Overwrite the begin of the file, so that nobody takes it for an index.
 */
void index_forget(struct index *index);

/*
 * index_is_settled(stamp, mailbox, now):
 * Say whether the time stamps are so old at the time ${now} that every later
 * change of the ${mailbox} shows in them: 2 s on a local file system of a known
 * kind, never on others.
 */
bool index_is_settled(const struct stamp *stamp, int mailbox,
    struct timespec now);

#endif
