/* SPDX-License-Identifier: ISC */
/*
 * The maildrop of a session: the mailbox, the list of its messages, what is
 * known of them, and whether the mailbox is still what was scanned.
 */
#ifndef MAILDROP_H
#define MAILDROP_H

#include <sys/types.h>

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "mail/adopted.h"
#include "mail/block.h"
#include "mail/index.h"
#include "mail/mbox.h"
#include "mail/table.h"
#include "spool/dotlock.h"
#include "spool/lock.h"
#include "spool/mailbox.h"

/* One message: 48 octets of memory, whatever its size. */
struct maildrop_message {
	uint64_t offset;	/* stored: where its From_ line begins */
	uint64_t octets;	/* as sent */
	uint64_t sum;		/* of the octets stored, and of the id where
				 * that is known */
	uint32_t copy;		/* which of those with this id, from 1; 0: the
				 * id is not known */
	uint8_t id[LIMITS_UID_OCTETS];
	uint8_t separator;	/* stored octets at its end that are not sent */
	bool marked;		/* as deleted */
};

/* What needs rights on the mailbox's directory: functions that ask the process
 * that has them.  Each is called with to. */
struct maildrop_rights {
	enum lock_result (*dot)(void *to, enum lock_request request);
	enum mailbox_fault (*reopen)(void *to, int *fd);
	int (*set_aside)(void *to);
	void *to;
};

/* What is known of the messages of a maildrop. */
enum maildrop_known {
	MAILDROP_NOTHING,	/* nothing: it was not scanned, or in vain */
	MAILDROP_TOTALS,	/* how many they are and how many octets, as
				 * the cached index says; there is no list */
	MAILDROP_CACHED,	/* the list, some of it as the cached index
				 * says: a message is looked at before it is
				 * sent or deleted */
	MAILDROP_CACHED_IDS,	/* that list, and the unique-ids of all */
	MAILDROP_SCANNED,	/* the list, all of it as it was scanned */
	MAILDROP_SCANNED_IDS	/* that list, and the unique-ids of all */
};

/* Who opens a maildrop has the first three fields filled in.  All others are
 * for reading: only the rooms maildrop, hold, message and identity write to
 * them. */
struct maildrop {
	struct mailbox mailbox;
	struct dotlock dot;
	struct maildrop_rights rights;
	struct lock lock;
	unsigned recovered;	/* enum journal_found of hold_recover */
	uint64_t window;	/* of UPDATE's journal, octets */
	uint64_t most;		/* octets this process may make a file */
	struct index index;	/* the cached one */
	struct adopted adopted;	/* ids: found by identity_complete */
	struct block block;	/* of the mailbox */
	struct block second;	/* of it too, while the other one is scanned */
	bool exact;		/* Content-Length is believed where it is */
	/* The moment of the scan. */
	struct stamp stamp;	/* of the mailbox */
	struct timespec clock;	/* the coarse clock before that */
	bool settled;		/* every later change shows in the stamp */
	/* The messages. */
	enum maildrop_known known;
	struct maildrop_message *messages;	/* the list */
	size_t count;		/* of messages */
	size_t room;		/* in the list */
	size_t sure;		/* messages, the first ones, that certainly are
				 * in the file as the list says */
	size_t shown;		/* those that the client knows of: not what
				 * UPDATE found to have come since */
	uint64_t begin;		/* offset of the first message; what is before
				 * it belongs to nobody and stays */
	uint64_t end;		/* offset behind the last message */
	uint64_t octets;	/* of all messages */
	uint64_t hidden;	/* octets of the first one, if that is none */
	size_t marked;		/* messages */
	uint64_t marked_octets;
};

/*
 * maildrop_begin(drop):
 * Make ${drop} one of which nothing is open and nothing is known.
 */
void maildrop_begin(struct maildrop *drop);

/*
 * maildrop_prepare(drop, locks, timeout):
 * ${drop}->mailbox is open: prepare the mailbox locks ${locks}, which stay the
 * caller's, with ${timeout} seconds, and memory; look how large this process
 * may make files.  Returns 0, or -1 with errno.
 */
int maildrop_prepare(struct maildrop *drop, const enum options_lock *locks,
    unsigned timeout);

/*
 * maildrop_allow(drop, window):
 * The journal of UPDATE may hold ${window} octets of the mailbox, not the
 * LIMITS_WINDOW that maildrop_prepare has set.
 */
void maildrop_allow(struct maildrop *drop, uint64_t window);

/*
 * maildrop_be_exact(drop, exact):
 * From the next scan on Content-Length says where a message ends, if that is
 * where another one begins or the file ends; or it does not.
 */
void maildrop_be_exact(struct maildrop *drop, bool exact);

/*
 * maildrop_heed(drop, stop):
 * From now on a wait for the mailbox locks ends when ${stop}, which a signal
 * sets, is not 0; NULL: nothing ends it.
 */
void maildrop_heed(struct maildrop *drop, const volatile sig_atomic_t *stop);

/*
 * maildrop_replace(drop, fd):
 * The mailbox is another file by now, which ${fd} has open: take that over.
 */
void maildrop_replace(struct maildrop *drop, int fd);

/*
 * maildrop_close(drop):
 * Release everything.
 */
void maildrop_close(struct maildrop *drop);

/*
 * maildrop_stamp(drop):
 * Note the mailbox's stamp, to judge later changes by, and the coarse clock
 * before it.  Returns 0, or -1 with errno.
 */
int maildrop_stamp(struct maildrop *drop);

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
 * maildrop_is_listed(drop), maildrop_is_cached(drop), maildrop_has_ids(drop):
 * Say whether there is a list of the messages; whether what is known is, in
 * part, only what the cached index says; whether all unique-ids are known.
 */
bool maildrop_is_listed(const struct maildrop *drop);
bool maildrop_is_cached(const struct maildrop *drop);
bool maildrop_has_ids(const struct maildrop *drop);

/*
 * maildrop_forget(drop):
 * From any state to MAILDROP_NOTHING.
 */
void maildrop_forget(struct maildrop *drop);

/*
 * maildrop_add(drop, message, sum), maildrop_hide(drop),
 * maildrop_scanned(drop):
 * Add ${message} to the end of the list, with ${sum} and an id that is not
 * known; take the first one from the list; all of the mailbox was scanned so:
 * to MAILDROP_SCANNED.  maildrop_add returns 0, or -1 with errno.
 */
int maildrop_add(struct maildrop *drop, const struct mbox_message *message,
    uint64_t sum);
void maildrop_hide(struct maildrop *drop);
void maildrop_scanned(struct maildrop *drop);

/*
 * maildrop_believe(drop, totals):
 * Take over the ${totals} of a cached index: to MAILDROP_TOTALS.
 */
void maildrop_believe(struct maildrop *drop, const struct index_totals *totals);

/*
 * maildrop_take(drop, messages, n):
 * Take over the ${n} ${messages} of a cached index, which maildrop_close
 * releases with free(3): from MAILDROP_TOTALS to MAILDROP_CACHED or
 * MAILDROP_CACHED_IDS.  Returns 0, or -1 if they cannot be those of the
 * mailbox, and nothing is taken.
 */
int maildrop_take(struct maildrop *drop, struct maildrop_message *messages,
    size_t n);

/*
 * maildrop_cut(drop, n), maildrop_restore(drop, i, was):
 * Leave only the first ${n} messages in the list; what message ${i} was before
 * that is known of it again, but for its separator.
 */
void maildrop_cut(struct maildrop *drop, size_t n);
void maildrop_restore(struct maildrop *drop, size_t i,
    const struct maildrop_message *was);

/*
 * maildrop_identified(drop):
 * The unique-ids of all are known: from MAILDROP_CACHED or MAILDROP_SCANNED to
 * the same with ids.
 */
void maildrop_identified(struct maildrop *drop);

/*
 * maildrop_be_sure(drop, n), maildrop_show(drop):
 * Set ${drop}->sure to ${n}; set ${drop}->shown to all there are.
 */
void maildrop_be_sure(struct maildrop *drop, size_t n);
void maildrop_show(struct maildrop *drop);

/*
 * maildrop_ids(drop):
 * Return where the ids of the messages are, all of which are known.
 */
struct table_records maildrop_ids(const struct maildrop *drop);

/*
 * maildrop_end_of(drop, i):
 * Return the offset behind the last stored octet of message ${i}, counted from
 * 0, its separator included.
 */
uint64_t maildrop_end_of(const struct maildrop *drop, size_t i);

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
