/* SPDX-License-Identifier: ISC */
/*
 * Holding the mailbox: its locks, and completing what an UPDATE left undone.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "maildrop/hold.h"
#include "maildrop/maildrop.h"
#include "spool/journal.h"
#include "spool/sidecar.h"

enum mailbox_fault
hold_recover(struct maildrop *drop)
{
	struct mailbox *mailbox = &drop->mailbox;
	enum journal_found found = JOURNAL_FAILED;
	struct journal journal;

	/* A mailbox that is away for a while may come back, half moved. */
	if (!sidecar_has_journal(mailbox) || mailbox->fd == -1)
		return MAILBOX_FINE;
	if (mailbox->read_only) {
		log_error("%s: an UPDATE was cut short: log in once without "
		    "--read-only", mailbox->path);
		return MAILBOX_TROUBLE;
	}
	if (journal_begin(&journal, mailbox->fd, mailbox->sidecar,
	    mailbox->dir, drop->block.octets) == 0) {
		journal.most = drop->most;
		found = journal_recover(&journal);
		journal_end(&journal);
	}
	drop->recovered = found;
	switch (found) {
	case JOURNAL_NONE:
		return MAILBOX_FINE;
	case JOURNAL_FINISHED:
		log_info("%s: an UPDATE that was cut short is complete now",
		    mailbox->path);
		return MAILBOX_FINE;
	case JOURNAL_UNBELIEVED:
		return drop->rights.set_aside(drop->rights.to) == 0 ?
		    MAILBOX_FINE : MAILBOX_TROUBLE;
	case JOURNAL_FAILED:
		break;
	}
	log_error("%s: an UPDATE that was cut short cannot be completed: %s",
	    mailbox->path, strerror(errno));
	return MAILBOX_TROUBLE;
}

/* The mailbox locks were taken as ${got} says.  If no dot-lock was, the mailbox
 * may only be read, with three exceptions: nobody with the user's rights could
 * ever make one there; there is no space for one, and deleting is the way out
 * of that; there was no mail, so that nothing can be deleted. */
static void
judge_lock(struct maildrop *drop, enum lock_result got)
{
	struct mailbox *mailbox = &drop->mailbox;
	bool enough = got == LOCK_FULL || mailbox->elsewhere;

	if (got == LOCK_HELD || mailbox->read_only || mailbox->sidecar == -1 ||
	    (enough && lock_has_others(&drop->lock)))
		return;
	mailbox->read_only = true;
	log_warning("%s: read-only: no dot-lock can be made beside it: %s",
	    mailbox->path, got == LOCK_FULL ? "no space, and --locks has no "
	    "other kind" : "its directory may not be written");
}

static enum mailbox_fault
log_refusal(const struct maildrop *drop, enum lock_result got)
{
	/* A wait that a signal ends is no failure. */
	if (drop->lock.stop == NULL || *drop->lock.stop == 0)
		log_error("%s: %s", drop->mailbox.path, got == LOCK_BUSY ?
		    "another program kept it locked for the whole "
		    "--lock-timeout" : strerror(errno));
	return got == LOCK_BUSY ? MAILBOX_LOCKED : MAILBOX_TROUBLE;
}

enum mailbox_fault
hold_take(struct maildrop *drop)
{
	for (int i = 0; i < LIMITS_LOCK_TRIES; i++) {
		enum lock_result got = lock_take(&drop->lock);
		enum mailbox_fault fault;
		int fd;

		if (got == LOCK_BUSY || got == LOCK_FAILED)
			return log_refusal(drop, got);
		judge_lock(drop, got);
		if (!mailbox_was_replaced(&drop->mailbox))
			return MAILBOX_FINE;
		/* The program that had the lock put another file there. */
		lock_release(&drop->lock);
		fault = drop->rights.reopen(drop->rights.to, &fd);
		if (fault != MAILBOX_FINE)
			return fault;
		maildrop_replace(drop, fd);
	}
	log_error("%s: is replaced again and again", drop->mailbox.path);
	return MAILBOX_LOCKED;
}
