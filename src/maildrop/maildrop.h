/* SPDX-License-Identifier: ISC */
/*
 * The maildrop of a session: the mailbox and the index of its messages in
 * memory.  Scanning, reading, marking, unique-ids, and whether the mailbox is
 * still what was scanned.
 */
#ifndef MAILDROP_H
#define MAILDROP_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "mail/block.h"
#include "mail/index.h"
#include "mail/mbox.h"
#include "spool/dotlock.h"
#include "spool/lock.h"
#include "spool/mailbox.h"

/* One message: 48 octets of memory, whatever its size. */
struct maildrop_message {
	uint64_t offset;	/* stored: where its From_ line begins */
	uint64_t octets;	/* as sent */
	uint64_t sum;		/* of the octets stored, and of the id where
				 * that is known; 0: not known */
	uint32_t copy;		/* which of those with this id, from 1; 0: the
				 * id is not known */
	uint8_t id[LIMITS_UID_OCTETS];
	uint8_t separator;	/* stored octets at its end that are not sent */
	bool marked;		/* as deleted */
};

/* What needs rights on the directory: asked of the process that has them. */
struct maildrop_rights {
	enum lock_result (*dot)(void *to, enum lock_request request);
	enum mailbox_fault (*reopen)(void *to, int *fd);
	int (*set_aside)(void *to);
	void *to;
};

/* All fields are for reading only, outside of this room and update. */
struct maildrop {
	struct mailbox mailbox;
	struct lock lock;
	struct dotlock dot;
	struct maildrop_rights rights;
	struct stamp stamp;	/* as it was scanned */
	unsigned recovered;	/* enum journal_found of maildrop_recover */
	uint64_t window;	/* of UPDATE's journal; may be set */
	uint64_t most;		/* octets this process may make a file; may be
				 * set */
	bool settled;		/* a later change shows in the stamp */
	struct timespec clock;	/* the coarse clock before that */
	struct index index;	/* the cached one */
	bool cached;		/* something of it is believed */
	bool loaded;		/* messages are in memory, not only counted */
	size_t sure;		/* messages certainly as the stamp says */
	bool identified;	/* every id and copy is known */
	bool ahead;		/* sums were looked for ahead of the client */
	struct maildrop_message *messages;
	size_t count;
	size_t room;
	size_t shown;		/* of them the client knows of: not those that
				 * UPDATE found to have come since */
	uint64_t begin;		/* offset of the first message; what is before
				 * it belongs to nobody and stays */
	uint64_t end;		/* offset behind the last message */
	uint64_t octets;	/* of all messages */
	size_t marked;		/* messages */
	uint64_t marked_octets;
	struct block block;	/* of the mailbox */
};

/*
 * maildrop_prepare(drop, locks, timeout):
 * ${drop}->mailbox is open, the rest is empty: prepare the mailbox locks
 * ${locks}, with ${timeout} seconds, and memory.  ${drop}->dot is whoever's who
 * makes the dot-lock.  Returns 0, or -1 with errno.
 */
int maildrop_prepare(struct maildrop *drop, const enum options_lock *locks,
    unsigned timeout);

/*
 * maildrop_recover(drop):
 * Complete an UPDATE that was cut short.  Needs the mailbox locks.
 */
enum mailbox_fault maildrop_recover(struct maildrop *drop);

/*
 * maildrop_lock(drop):
 * Take the mailbox locks, of the file that the mailbox's name leads to by
 * then.  lock_release(&drop->lock) undoes it.  Where they are not enough to
 * delete the mailbox is read-only from then on.  The cause of that, and of a
 * fault, is logged.
 */
enum mailbox_fault maildrop_lock(struct maildrop *drop);

/*
 * maildrop_peek(drop, path):
 * Open and scan the mailbox ${path}, whoever owns it, without a lock and only
 * for reading.  maildrop_close afterwards, whatever this returns.
 */
enum mailbox_fault maildrop_peek(struct maildrop *drop, const char *path);

/*
 * maildrop_stamp(drop):
 * Note the mailbox's stamp, to judge later changes by, and the coarse clock
 * before it.  Returns 0, or -1 with errno.
 */
int maildrop_stamp(struct maildrop *drop);

/*
 * maildrop_feed(drop, at):
 * Add the messages from offset ${at}, where one begins, to the end of the file.
 * Returns 0, or -1 with errno; EBADMSG if it is no mbox, which is logged.
 */
int maildrop_feed(struct maildrop *drop, uint64_t at);

/*
 * maildrop_rescan(drop):
 * Read the whole mailbox and build the index anew.  Needs the mailbox locks.
 * Marks and ids are gone.
 */
enum mailbox_fault maildrop_rescan(struct maildrop *drop);

/*
 * maildrop_close(drop):
 * Release everything.
 */
void maildrop_close(struct maildrop *drop);

/*
 * maildrop_end_of(drop, i):
 * Return the offset behind the last stored octet of message ${i}, counted from
 * 0, its separator included.
 */
uint64_t maildrop_end_of(const struct maildrop *drop, size_t i);

/*
 * maildrop_is_locked(drop):
 * Say whether this is the only session that can change the mailbox.  It is not
 * if there was no mail when it began: what came since waits for the next one.
 */
bool maildrop_is_locked(const struct maildrop *drop);

/*
 * maildrop_is_unchanged(drop):
 * Say whether the mailbox is certainly as it was scanned.
 */
bool maildrop_is_unchanged(const struct maildrop *drop);

/*
 * maildrop_text_of(drop, i, offset):
 * Set ${offset} to where the header of message ${i} begins, behind its From_
 * line.  Returns 0, or -1 with errno.
 */
int maildrop_text_of(struct maildrop *drop, size_t i, uint64_t *offset);

/*
 * maildrop_mark(drop, i), maildrop_unmark_all(drop):
 * Mark message ${i}, which is not marked, as deleted; take back all marks.
 */
void maildrop_mark(struct maildrop *drop, size_t i);
void maildrop_unmark_all(struct maildrop *drop);

#endif
