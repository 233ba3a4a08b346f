/* SPDX-License-Identifier: ISC */
/*
 * The UPDATE state.  The mailbox locks are held throughout.  What each step
 * leaves behind if everything stops right after it; N is the new size, S the
 * old one, "next" is the next login or --recover, which goes on from there:
 *
 *   step                                        a crash right after it leaves
 *   ------------------------------------------  ------------------------------
 *   a mark is wanted only behind what stays:
 *     ftruncate(mailbox, N)                     before-state or after-state
 *     fsync(mailbox)                            after-state
 *   otherwise:
 *   0 fsync(mailbox)                            before-state
 *   1 journal: allocate, plan                   before-state; next clears it
 *     slot 0 (a step), fsync(journal)           next does the step, goes on
 *   2 mailbox: the step, fsync(mailbox)         next does it again, goes on
 *     journal: slot 1, 2, ..., fsync            next does that step, goes on
 *     (data of a step before its slot: torn     (the slot before counts: its
 *     data makes the slot invalid)              step is done again)
 *   3 journal: slot MARK, fsync                 next writes the nonce
 *     mailbox: the nonce at N, fsync            next writes it again
 *   4 journal: slot TRUNC, fsync                nonce there: next cuts at N
 *     mailbox: ftruncate(N), fsync              no nonce: next clears
 *     journal: cleared, fsync                   after-state
 *   or, if what moves is little, and mail at N could not be taken for what is
 *   there (DESIGN section 8):
 *   0 fsync(mailbox)                            before-state
 *   1 journal: plan, slot 0 (SHORT), fsync      next does all of step 2
 *   2 mailbox: the step, ftruncate(N), fsync    next does the step again, cuts
 *     journal: cleared; DESIGN says if synced   after-state
 *
 * Mail delivered between a crash and the next login lies behind S and is one
 * more run to be moved, or, once the mailbox was cut, behind N, where it
 * belongs.  There is no way back after slot 0, only forward.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/store.h"
#include "mail/adopted.h"
#include "mail/edge.h"
#include "maildrop/cache.h"
#include "maildrop/hold.h"
#include "maildrop/identity.h"
#include "maildrop/maildrop.h"
#include "maildrop/message.h"
#include "maildrop/update.h"
#include "spool/journal.h"
#include "spool/sidecar.h"

/* The messages from first on, all marked, go, and the file is cut at end. */
struct tail {
	size_t first;
	uint64_t end;
};

/* Some delivery agents write an empty line behind each message, others before
 * the next one, so that the file ends without it.  It ends so afterwards, too:
 * the separator of the last message that stays goes with what was behind it.
 * But if an empty line of that message's own is before the separator, that
 * stays, or the message's own would be taken for it.  The file itself is asked
 * how it ends: a last message that is nothing but a header has no separator,
 * and yet ends with an empty line.  One whose last line has no end was torn
 * while it was delivered, and tells nothing about empty lines: without one
 * between, the next mail would be joined to the message that stays. */
static struct tail
find_tail(struct maildrop *drop)
{
	const struct maildrop_message *m = drop->messages;
	struct tail tail = { drop->count, drop->end };
	uint64_t end;

	while (tail.first > 0 && m[tail.first - 1].marked)
		tail.first--;
	if (tail.first == drop->count)
		return tail;
	tail.end = m[tail.first].offset;
	if (tail.first == 0 || m[drop->count - 1].separator != 0 ||
	    edge_is_behind_empty(&drop->block, drop->end) ||
	    !edge_is_empty_line(&drop->block, drop->end - 1, drop->end))
		return tail;
	end = tail.end - m[tail.first - 1].separator;
	if (!edge_is_behind_empty(&drop->block, end))
		tail.end = end;
	return tail;
}

/* Cut the mailbox where ${tail} begins. */
static enum update_result
cut(const struct maildrop *drop, const struct tail *tail)
{
	int fd = drop->mailbox.fd;

	if (journal_settle(drop->mailbox.sidecar) == 0 &&
	    ftruncate(fd, (off_t)tail->end) == 0 && fsync(fd) == 0)
		return UPDATE_DONE;
	log_error("%s: cannot be shortened: %s", drop->mailbox.path,
	    strerror(errno));
	return UPDATE_FAILED;
}

/* Add what stays to the plan: what is before the first message, and the
 * messages that are not marked, neighbours as one run. */
static int
plan_runs(const struct maildrop *drop, const struct tail *tail,
    struct plan *plan)
{
	uint64_t from = 0, to;
	bool open = true;

	for (size_t i = 0; i < drop->count; i++) {
		const struct maildrop_message *m = &drop->messages[i];

		to = i == tail->first ? tail->end : m->offset;
		if (m->marked && open && plan_keep(plan, from, to - from) == -1)
			return -1;
		if (!m->marked && !open)
			from = m->offset;
		open = !m->marked;
	}
	return open ? plan_keep(plan, from, drop->end - from) : 0;
}

/* Log why nothing is moved. */
static void
log_unmoved(const struct maildrop *drop, int error)
{
	if (error == EFBIG)
		log_error("%s: this process may not make files of that size "
		    "(ulimit -f, LimitFSIZE=): nothing is moved",
		    drop->mailbox.path);
	else if (error == ESTALE)
		log_error("%s: the file %s beside it was removed or renamed "
		    "during the session: nothing is moved", drop->mailbox.path,
		    drop->mailbox.sidecar_name);
	else
		log_error("%s: no journal can be written: %s; nothing is moved",
		    drop->mailbox.path, strerror(error));
}

static enum update_result
compact(struct maildrop *drop, const struct tail *tail)
{
	struct journal journal = { .touched = false };
	int result = -1;
	int error = drop->mailbox.no_journal ? ENOSPC : ESTALE;

	/* An administrator may have removed the sidecar since. */
	if (!drop->mailbox.no_journal && sidecar_has_name(&drop->mailbox)) {
		result = journal_begin(&journal, drop->mailbox.fd,
		    drop->mailbox.sidecar, drop->mailbox.dir,
		    drop->block.octets);
		journal.file.plan.head.window = drop->window;
		/* What was appended since is not of the plan. */
		journal.file.plan.head.size = drop->stamp.size;
		journal.file.plan.size = drop->stamp.size;
		journal.most = drop->most;
		block_forget(&drop->block);
		if (result == 0)
			result = plan_runs(drop, tail, &journal.file.plan);
		if (result == 0)
			result = journal_run(&journal);
		error = errno;
		journal_end(&journal);
	}
	if (result == 0)
		return UPDATE_DONE;
	if (journal.touched) {
		log_error("%s: UPDATE stopped half way: %s; the next login or "
		    "dewey --recover completes it", drop->mailbox.path,
		    strerror(error));
		return UPDATE_FAILED;
	}
	log_unmoved(drop, error);
	/* Deleting is the way out of a full disk: do what needs no space, if
	 * nothing was delivered by who respects no lock. */
	if (store_is_full(error) && tail->first < drop->count &&
	    mailbox_is(&drop->mailbox, &drop->stamp) &&
	    cut(drop, tail) == UPDATE_DONE)
		return UPDATE_PARTLY;
	return UPDATE_FAILED;
}

/* Log the ids of those of the first ${count} messages that are marked.  They
 * are in memory as before UPDATE, which forgets only how many there are. */
static void
log_marked(const struct maildrop *drop, size_t count)
{
	char text[LIMITS_UID_MAX + 1];
	struct span id;

	for (size_t i = 0; i < count; i++)
		if (drop->messages[i].marked) {
			id = identity_print(drop, i, text);
			log_info("mailbox=%s deleting=%.*s",
			    drop->mailbox.path, (int)id.n, id.p);
		}
}

/* UPDATE is done, durably: drop the adopted ids of those of the ${count}
 * messages of before that are gone.  Where that fails nothing is lost. */
static void
drop_adopted(struct maildrop *drop, size_t count)
{
	if (drop->adopted.of == NULL || count == 0)
		return;
	for (size_t i = 0; i < count; i++)
		if (!drop->messages[i].marked)
			adopted_stay(&drop->adopted, i);
	if (adopted_drop(&drop->adopted, drop->mailbox.adopted) == -1)
		log_warning("%s: adopted unique-ids of deleted messages "
		    "cannot be dropped: %s", drop->mailbox.path,
		    strerror(errno));
}

/* Remove the marked messages, whichever they are by now; the locks are held. */
static enum update_result
remove_marked(struct maildrop *drop, uint64_t *deleted)
{
	struct tail tail = find_tail(drop);
	enum update_result result;
	size_t unmoved = 0;

	if (drop->marked == 0)
		return UPDATE_DONE;
	*deleted = drop->marked;
	/* Nothing cached holds any more once the mailbox is written to. */
	index_forget(&drop->index);
	while (!drop->messages[unmoved].marked)
		unmoved++;
	/* Mail from who respects no lock is moved up by the journal. */
	if (drop->count - tail.first == drop->marked &&
	    mailbox_is(&drop->mailbox, &drop->stamp))
		result = cut(drop, &tail);
	else
		result = compact(drop, &tail);
	if (result == UPDATE_PARTLY)
		*deleted = drop->count - tail.first;
	if (result == UPDATE_FAILED)
		*deleted = 0;
	if (result == UPDATE_DONE)
		cache_after_update(drop, unmoved);
	return result;
}

enum update_result
update_run(struct maildrop *drop, bool log_ids, uint64_t *deleted)
{
	enum update_result result = UPDATE_FAILED;
	size_t known = 0;
	bool lost = false;

	*deleted = 0;
	if (drop->marked == 0)
		return UPDATE_DONE;
	if (hold_take(drop) != MAILBOX_FINE)
		return UPDATE_FAILED;
	if (!drop->mailbox.read_only && ((maildrop_is_unchanged(drop) &&
	    cache_vouches(drop)) ||
	    identity_renew(drop, &lost) == MAILBOX_FINE)) {
		if ((log_ids || drop->mailbox.adopted != -1) &&
		    drop->marked > 0 &&
		    identity_complete(drop) == MAILBOX_FINE)
			known = drop->count;
		result = remove_marked(drop, deleted);
	}
	lock_release(&drop->lock);
	if (log_ids && result != UPDATE_FAILED)
		log_marked(drop, known);
	if (result == UPDATE_DONE)
		drop_adopted(drop, known);
	return result == UPDATE_DONE && lost ? UPDATE_PARTLY : result;
}
