/* SPDX-License-Identifier: ISC */
/*
 * The journal room: UPDATE of random mailboxes with windows of every size; a
 * death before and after each call that writes, syncs or cuts, mail delivered
 * then, and recovery, which dies everywhere, too (DESIGN section 8).  A death
 * here loses nothing that was written: tests/crash has the power cuts.
 */
#include "unit/unit.h"

#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <time.h>

#include "base/limits.h"
#include "spool/journal.h"

#define MOST 400		/* octets of a mailbox */
#define GAP 21			/* octets of the shortest From_ line */
#define TINY 7			/* and, where the file begins, message */

/* ---- Calls that are counted, and the one at which the process dies: these
 * stand before the C library's.  Nothing waits for the disk. */

static jmp_buf death;
static long calls;		/* so far */
static long syncs;		/* of them */
static long last = -1;		/* 2 k: die before call k; 2 k + 1: after it */
static int synced = -1;		/* the last of them synced this descriptor */
static int watched = -1;	/* descriptor whose syncs are counted apart */
static long watched_syncs;
static bool watched_fails;	/* they fail */
static int full = -1;		/* descriptor that takes no more than a page */
static long change = -1;	/* the call after which somebody else writes */
static void (*change_by)(void);

static void
maybe_die(long when)
{
	if (last == when)
		longjmp(death, 1);
	if (change * 2 + 1 == when)
		change_by();
}

int
fsync(int fd)
{
	maybe_die(2 * calls);
	if (fd == watched) {
		watched_syncs++;
		if (watched_fails) {
			errno = EIO;
			return -1;
		}
	}
	synced = fd;
	syncs++;
	maybe_die(2 * calls++ + 1);
	return 0;
}

int
ftruncate(int fd, off_t length)
{
	int result;

	maybe_die(2 * calls);
	synced = -1;
	result = (int)syscall(SYS_ftruncate, fd, length);
	maybe_die(2 * calls++ + 1);
	return result;
}

ssize_t
pwrite(int fd, const void *octets, size_t n, off_t offset)
{
	ssize_t result;

	if (fd == full && n > LIMITS_PAGE) {
		errno = ENOSPC;
		return -1;
	}
	maybe_die(2 * calls);
	/* Half of it may be there when the process dies. */
	if (last == 2 * calls + 1)
		n = (n + 1) / 2;
	result = unit_pwrite(fd, octets, n, offset);
	maybe_die(2 * calls++ + 1);
	return result;
}

/* ---- A mailbox and what it shall become. */

struct site {
	int dir, box, sidecar;
	size_t n, new_n, runs;
	struct {
		size_t from, length;
	} run[MOST];
	char octets[MOST], new[2 * MOST];
	char block[LIMITS_BLOCK];
	uint64_t window;
};

static uint64_t most = UINT64_MAX;	/* octets of a file that may be made */
static uint64_t seed = 20240101;

static size_t
pick(size_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (size_t)(seed >> 33) % below;
}

/* Choose a mailbox and its runs.  What is between them is at least a From_
 * line, or at the begin less, and then perhaps all that goes. */
static void
choose(struct site *site)
{
	size_t at = pick(3) == 0 ? 0 :
	    pick(3) == 0 ? TINY + pick(GAP - TINY) : GAP + pick(60);
	bool one = pick(2) == 0;

	memset(site, 0, sizeof(*site));
	site->n = GAP + pick(MOST - GAP);
	for (size_t i = 0; i < site->n; i++)
		site->octets[i] = pick(20) == 0 ? '\n' :
		    (char)('a' + pick(26));
	while (at < site->n) {
		size_t length = 1 + pick(90);

		if (site->n - at - length < GAP || length > site->n - at ||
		    (one && at < GAP))
			length = site->n - at;
		site->run[site->runs].from = at;
		site->run[site->runs++].length = length;
		memcpy(site->new + site->new_n, site->octets + at, length);
		site->new_n += length;
		at += length + GAP + pick(60);
	}
	if (site->new_n == site->n) {
		/* Something must go. */
		choose(site);
		return;
	}
	site->window = 1 + pick(pick(2) == 0 ? 10 : MOST);
}

static void
open_site(void **state, struct site *site)
{
	site->dir = open(((struct unit *)*state)->dir, O_RDONLY | O_DIRECTORY);
	site->box = open(unit_write(state, "box", site->octets, site->n, 0600),
	    O_RDWR);
	site->sidecar = open(unit_text(state, ".box.dewey", ""), O_RDWR);
	assert_true(site->dir != -1 && site->box != -1 && site->sidecar != -1);
}

static void
close_site(struct site *site)
{
	(void)close(site->dir);
	(void)close(site->box);
	(void)close(site->sidecar);
}

/* Mail arrives. */
static void
deliver(const struct site *site, const char *text)
{
	off_t end = lseek(site->box, 0, SEEK_END);

	assert_int_equal(unit_pwrite(site->box, text, strlen(text),
	    end), strlen(text));
}

/* The mailbox must be ${expected} and ${tail}. */
static bool
holds(const struct site *site, const char *expected, size_t n,
    const char *tail)
{
	char got[4 * MOST];
	ssize_t all = pread(site->box, got, sizeof(got), 0);

	return all == (ssize_t)(n + strlen(tail)) &&
	    memcmp(got, expected, n) == 0 &&
	    memcmp(got + n, tail, strlen(tail)) == 0;
}

/* Run UPDATE.  Returns journal_run's result, or 1 after a death. */
static int
update(struct site *site)
{
	static struct journal journal;
	int result;

	assert_int_equal(journal_begin(&journal, site->box, site->sidecar,
	    site->dir, site->block), 0);
	journal.file.plan.head.window = site->window;
	journal.most = most;
	for (size_t i = 0; i < site->runs; i++)
		assert_int_equal(plan_keep(&journal.file.plan,
		    site->run[i].from, site->run[i].length), 0);
	assert_int_equal(plan_keep(&journal.file.plan, site->n, 0), 0);
	calls = syncs = 0;
	result = setjmp(death) == 0 ? journal_run(&journal) : 1;
	last = -1;
	journal_end(&journal);
	change = -1;
	return result;
}

/* Recover.  Returns what was found, or -1 after a death. */
static int
recover(struct site *site)
{
	static struct journal journal;
	int found;

	assert_int_equal(journal_begin(&journal, site->box, site->sidecar,
	    site->dir, site->block), 0);
	journal.most = most;
	calls = 0;
	found = setjmp(death) == 0 ? (int)journal_recover(&journal) : -1;
	last = -1;
	journal_end(&journal);
	return found;
}

static bool
is_cleared(const struct site *site)
{
	struct stat st;

	return fstat(site->sidecar, &st) == 0 && st.st_size == 0;
}

/* Without a death: the mailbox is what was planned, the journal is empty. */
static void
test_update(void **state)
{
	static struct site site;
	int shorter = 0;

	for (int i = 0; i < 300; i++) {
		ino_t before;
		struct stat st;

		choose(&site);
		open_site(state, &site);
		assert_int_equal(fstat(site.box, &st), 0);
		before = st.st_ino;
		assert_int_equal(update(&site), 0);
		assert_true(holds(&site, site.new, site.new_n, ""));
		assert_true(is_cleared(&site));
		/* Or it could come back; so small a mailbox could be taken for
		 * one that is being cut then. */
		assert_int_equal(synced, site.sidecar);
		shorter += syncs <= 5;
		assert_int_equal(stat(unit_path(state, "box"), &st), 0);
		assert_int_equal(st.st_ino, before);
		assert_int_equal(st.st_mode & 0777, 0600);
		assert_int_equal(recover(&site), JOURNAL_NONE);
		close_site(&site);
	}
	/* Windows are small here, and the way is long then. */
	assert_true(shorter >= 60 && shorter <= 250);
}

/* The name of a new sidecar is on the disk before the mailbox is changed, also
 * if that failed once; an old one's is. */
static void
test_name(void **state)
{
	const struct timespec written[2] = { { .tv_sec = 1 }, { .tv_sec = 2 } };
	static struct site site;

	choose(&site);
	assert_true(unlink(unit_path(state, ".box.dewey")) == 0 ||
	    errno == ENOENT);
	open_site(state, &site);
	watched = site.dir;
	watched_syncs = 0;
	watched_fails = true;
	assert_int_equal(update(&site), -1);
	assert_true(holds(&site, site.octets, site.n, ""));
	watched_fails = false;
	assert_int_equal(update(&site), 0);
	assert_int_equal(watched_syncs, 2);
	assert_true(holds(&site, site.new, site.new_n, ""));
	close_site(&site);
	open_site(state, &site);
	assert_int_equal(futimens(site.sidecar, written), 0);
	watched = site.dir;
	assert_int_equal(update(&site), 0);
	assert_int_equal(watched_syncs, 2);
	watched = -1;
	close_site(&site);
}

/* Versions to 0.9.0 cannot read the journal of a short UPDATE.  They take it for
 * one that was never begun, and clear it, unless its slot has a number. */
static void
test_older(void **state)
{
	static struct site site;
	uint8_t slot[14 * sizeof(uint64_t)];

	do
		choose(&site);
	while (site.runs < 3 || site.window < MOST / 2);
	/* It dies when the mailbox was written to. */
	for (long when = 0; when == 0 || holds(&site, site.octets, site.n, "");
	    when += 2) {
		if (when > 0)
			close_site(&site);
		open_site(state, &site);
		last = when;
		assert_int_equal(update(&site), 1);
	}
	assert_false(is_cleared(&site));
	assert_int_equal(store_read(site.sidecar, 0, slot, sizeof(slot)), 0);
	assert_int_equal(store_get(slot, 4), SLOT_SHORT);
	assert_int_not_equal(store_get(slot, 3), 0);
	assert_int_equal(recover(&site), JOURNAL_FINISHED);
	assert_true(holds(&site, site.new, site.new_n, ""));
	close_site(&site);
}

/* The journal of a short UPDATE that is over comes back: if the mailbox is as the
 * UPDATE left it, nothing changes; if somebody else has written to it since,
 * the journal is not believed, and that stays. */
static void
test_rewritten(void **state)
{
	static struct site site;
	uint8_t slot[14 * sizeof(uint64_t)];

	for (int rewritten = 0; rewritten < 2; rewritten++) {
		do
			choose(&site);
		while (site.runs < 3 || site.window < MOST / 2);
		for (long when = 0; when == 0 ||
		    !holds(&site, site.new, site.new_n, ""); when += 2) {
			if (when > 0)
				close_site(&site);
			open_site(state, &site);
			last = when;
			assert_int_equal(update(&site), 1);
		}
		assert_int_equal(store_read(site.sidecar, 0, slot,
		    sizeof(slot)), 0);
		assert_int_equal(store_get(slot, 4), SLOT_SHORT);
		if (rewritten)
			site.new[site.new_n - 1] = '!';
		assert_int_equal(store_write(site.box, 0, site.new,
		    site.new_n), 0);
		assert_int_equal(recover(&site), rewritten ?
		    JOURNAL_UNBELIEVED : JOURNAL_FINISHED);
		assert_true(holds(&site, site.new, site.new_n, ""));
		close_site(&site);
	}
}

/* A journal that was cleared a moment ago is synced before the mailbox is cut,
 * one that was cleared long ago is not. */
static void
test_settle(void **state)
{
	struct timespec times[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };
	int fd = open(unit_text(state, "cleared", ""), O_RDWR);

	watched = fd;
	watched_syncs = 0;
	assert_int_equal(futimens(fd, times), 0);
	assert_int_equal(journal_settle(fd), 0);
	assert_int_equal(watched_syncs, 1);
	watched_fails = true;
	assert_int_equal(journal_settle(fd), -1);
	watched_fails = false;
	times[1] = (struct timespec){ time(NULL) - 2 * LIMITS_WRITTEN_S, 0 };
	assert_int_equal(futimens(fd, times), 0);
	assert_int_equal(journal_settle(fd), 0);
	assert_int_equal(watched_syncs, 2);
	watched = -1;
	(void)close(fd);
}

/* Mail that was delivered between planning and running is kept. */
static void
test_delivered_before(void **state)
{
	static struct site site;
	static struct journal journal;

	for (int i = 0; i < 100; i++) {
		choose(&site);
		open_site(state, &site);
		assert_int_equal(journal_begin(&journal, site.box,
		    site.sidecar, site.dir, site.block), 0);
		journal.file.plan.head.window = site.window;
		for (size_t k = 0; k < site.runs; k++)
			assert_int_equal(plan_keep(&journal.file.plan,
			    site.run[k].from, site.run[k].length), 0);
		assert_int_equal(plan_keep(&journal.file.plan, site.n, 0), 0);
		deliver(&site, "From b\nnew mail\n\n");
		assert_int_equal(journal_run(&journal), 0);
		journal_end(&journal);
		assert_true(holds(&site, site.new, site.new_n,
		    "From b\nnew mail\n\n"));
		assert_true(is_cleared(&site));
		close_site(&site);
	}
}

static const struct site *changing;

static void
arrive(void)
{
	deliver(changing, "From b\nnew mail\n\n");
}

static void
empty(void)
{
	assert_int_equal(syscall(SYS_ftruncate, changing->box, 0), 0);
}

/* Mail of who respects no lock is kept, after whatever call it arrives. */
static void
test_delivered_meanwhile(void **state)
{
	static struct site site;

	changing = &site;
	change_by = arrive;
	for (int i = 0; i < 40; i++) {
		choose(&site);
		calls = 1;
		for (long at = 0; at < calls; at++) {
			open_site(state, &site);
			change = at;
			assert_int_equal(update(&site), 0);
			assert_true(holds(&site, site.new, site.new_n,
			    "From b\nnew mail\n\n"));
			assert_true(is_cleared(&site));
			close_site(&site);
		}
	}
}

/* Mail that came since it was planned makes the new mailbox larger than a file
 * may be: nothing is begun. */
static void
test_limit(void **state)
{
	static struct site site;

	changing = &site;
	change_by = arrive;
	for (int i = 0; i < 100; i++) {
		choose(&site);
		open_site(state, &site);
		change = 0;
		most = site.new_n + SLOT_NONCE;
		assert_int_equal(update(&site), -1);
		assert_int_equal(errno, EFBIG);
		assert_true(holds(&site, site.octets, site.n,
		    "From b\nnew mail\n\n"));
		assert_true(is_cleared(&site));
		most = UINT64_MAX;
		close_site(&site);
	}
}

/* Nor does recovery begin what it may not finish, for the size of the journal or
 * of the mailbox, where more arrived since. */
static void
test_limit_of_recovery(void **state)
{
	static const uint64_t limits[] = { 0, 2 * LIMITS_PAGE, 50000 };
	static char before[60000], after[sizeof(before)];
	static struct site site;
	size_t refused = 0;

	for (int i = 0; i < 100; i++) {
		choose(&site);
		open_site(state, &site);
		last = 10 + (long)pick(20);
		if (update(&site) == 1 && !is_cleared(&site))
			assert_int_equal(unit_pwrite(site.box, "x", 1,
			    sizeof(before) - 1), 1);
		for (size_t k = 0; k < COUNT(limits); k++) {
			assert_int_not_equal(pread(site.box, before,
			    sizeof(before), 0), -1);
			most = limits[k];
			if (recover(&site) != JOURNAL_FAILED)
				break;
			assert_int_equal(errno, EFBIG);
			/* Two syncs, and nothing is written. */
			assert_int_equal(calls, 2);
			assert_int_equal(pread(site.box, after, sizeof(after),
			    0), sizeof(after));
			assert_memory_equal(before, after, sizeof(after));
			refused++;
		}
		most = UINT64_MAX;
		assert_int_not_equal(recover(&site), JOURNAL_FAILED);
		assert_true(is_cleared(&site));
		close_site(&site);
	}
	assert_true(refused > 50);
	assert_int_equal(refused % COUNT(limits), 0);
}

/* A mailbox that somebody empties during UPDATE is not taken for one that was
 * updated: it is noticed before the end. */
static void
test_emptied_meanwhile(void **state)
{
	static struct site site;
	int failed = 0;

	changing = &site;
	change_by = empty;
	for (int i = 0; i < 40; i++) {
		choose(&site);
		calls = 1;
		for (long at = 0; at < calls; at++) {
			open_site(state, &site);
			change = at;
			failed += update(&site) == -1;
			close_site(&site);
		}
	}
	assert_true(failed > 40);
}

/* After a death: recover, once or after a death of recovery at its call
 * ${second}, and compare. */
static void
check_after_death(struct site *site, const char *mail, long second)
{
	bool untouched = holds(site, site->octets, site->n, "");
	int found;

	deliver(site, mail);
	last = second;
	found = recover(site);
	if (found == -1)
		found = recover(site);
	/* It was never begun, or it is complete. */
	if (found == JOURNAL_NONE)
		assert_true(holds(site, site->octets, site->n, mail) ||
		    holds(site, site->new, site->new_n, mail));
	else
		assert_int_equal(found, JOURNAL_FINISHED);
	if (found == JOURNAL_FINISHED || !untouched)
		assert_true(holds(site, site->new, site->new_n, mail));
	assert_true(is_cleared(site));
	assert_int_equal(recover(site), JOURNAL_NONE);
}

static void
test_deaths(void **state)
{
	static const char *const mails[] = { "", "x",
	    "From b\nmore than a nonce was delivered\n\n" };
	static struct site site;
	long states = 0;

	for (int i = 0; i < 40; i++) {
		long all = 1;

		choose(&site);
		for (long when = 0; when < 2 * all; when++) {
			open_site(state, &site);
			last = when;
			if (update(&site) == 0)
				all = calls;
			else
				all = calls + 2;
			check_after_death(&site, mails[pick(3)], -1);
			close_site(&site);
			states++;
		}
	}
	print_message("# %ld deaths of UPDATE\n", states);
}

/* The phase of the slot that counts, or -1. */
static int
phase(const struct site *site)
{
	struct slot_file file = { .sidecar = site->sidecar };
	struct slot slot = { .phase = 0 };
	struct stat st;
	int found;

	plan_begin(&file.plan, site->box, (char *)(uintptr_t)site->block, 0);
	assert_int_equal(fstat(site->sidecar, &st), 0);
	found = slot_load(&file, (uint64_t)st.st_size, LIMITS_PLAN) == 1 &&
	    slot_find(&file, &slot) == 1;
	plan_free(&file.plan);
	return found ? (int)slot.phase : -1;
}

/* The sync of the nonce fails, which no later sync makes good; the next one
 * goes on, reads the nonce, and dies; the power goes, and so does the nonce. */
static void
test_lost_nonce(void **state)
{
	static struct site site;
	size_t lost = 0;

	for (int i = 0; i < 400; i++) {
		struct stat st;

		choose(&site);
		site.window = 40 + pick(100);
		open_site(state, &site);
		last = 2 * (long)(8 + pick(40)) + 1;
		(void)update(&site);
		if (phase(&site) == SLOT_MARK) {
			last = 2 * (long)(2 + pick(8)) + 1;
			(void)recover(&site);
		}
		assert_int_equal(fstat(site.box, &st), 0);
		if (phase(&site) != SLOT_TRUNC && phase(&site) != SLOT_SHORT &&
		    st.st_size == (off_t)site.n) {
			assert_int_equal(unit_pwrite(site.box, site.octets +
			    site.new_n, site.n - site.new_n,
			    (off_t)site.new_n), site.n - site.new_n);
			lost += phase(&site) == SLOT_MARK;
		}
		assert_int_not_equal(recover(&site), JOURNAL_UNBELIEVED);
		assert_true(holds(&site, site.new, site.new_n, "") ||
		    holds(&site, site.octets, site.n, ""));
		close_site(&site);
	}
	assert_true(lost >= 10 && lost <= 400);
}

/* Much mail comes after a death, and there is only the space for what was
 * planned: it is moved in steps of a page. */
static void
test_full(void **state)
{
	static char more[5 * LIMITS_PAGE + 1], got[sizeof(more) + MOST];
	static struct site site;
	size_t finished = 0;

	memset(more, 'y', sizeof(more) - 1);
	memcpy(more, "From b\n\n", 8);
	for (int i = 0; i < 200; i++) {
		enum journal_found found;
		size_t n;

		choose(&site);
		open_site(state, &site);
		site.window = LIMITS_WINDOW;
		last = 6 + (long)pick(30);
		(void)update(&site);
		deliver(&site, more);
		full = site.sidecar;
		found = (enum journal_found)recover(&site);
		full = -1;
		assert_true(found == JOURNAL_FINISHED || found == JOURNAL_NONE);
		n = (size_t)pread(site.box, got, sizeof(got), 0);
		if (n == site.n + sizeof(more) - 1 && found == JOURNAL_NONE)
			assert_memory_equal(got, site.octets, site.n);
		else
			assert_memory_equal(got, site.new, site.new_n);
		assert_memory_equal(got + n - (sizeof(more) - 1), more,
		    sizeof(more) - 1);
		assert_true(n == site.new_n + sizeof(more) - 1 ||
		    found == JOURNAL_NONE);
		finished += found == JOURNAL_FINISHED;
		close_site(&site);
	}
	assert_true(finished >= 20 && finished <= 180);
}

/* Recovery dies at each of its calls, too. */
static void
test_second_deaths(void **state)
{
	static struct site site;
	long states = 0;

	for (int i = 0; i < 10; i++) {
		choose(&site);
		site.window = 40 + pick(100);
		for (long when = 0; when < 100; when += 1 + (long)pick(5))
			for (long second = 0; second < 60; second += 1 +
			    (long)pick(8)) {
				open_site(state, &site);
				last = when;
				(void)update(&site);
				check_after_death(&site, "From b\nc\n", second);
				close_site(&site);
				states++;
			}
	}
	print_message("# %ld deaths of recovery\n", states);
}

/* A journal of another mailbox, or of one that somebody rewrote meanwhile, is
 * not believed, and the mailbox is left alone. */
static void
test_unbelieved(void **state)
{
	static struct site site;
	int unbelieved = 0;

	for (int i = 0; i < 60; i++) {
		static char other[MOST];
		int found;

		choose(&site);
		open_site(state, &site);
		last = 20 + (long)pick(20);
		if (update(&site) == 0) {
			close_site(&site);
			continue;
		}
		memset(other, '#', sizeof(other));
		assert_int_equal(unit_pwrite(site.box, other, MOST,
		    0), MOST);
		assert_int_equal(syscall(SYS_ftruncate, site.box, MOST), 0);
		found = recover(&site);
		assert_int_not_equal(found, JOURNAL_FAILED);
		if (found == JOURNAL_UNBELIEVED) {
			unbelieved++;
			assert_true(holds(&site, other, MOST, ""));
			assert_false(is_cleared(&site));
		}
		close_site(&site);
	}
	assert_true(unbelieved > 20);
}

/* A journal whose plan is torn, though slots show that the mailbox was written
 * to, is kept for who can make something of it. */
static void
test_torn_plan(void **state)
{
	static struct site site;
	int unbelieved = 0;

	for (long when = 0; when < 60; when++) {
		bool untouched;
		int found;

		choose(&site);
		site.window = 30;
		open_site(state, &site);
		last = when;
		if (update(&site) == 0) {
			close_site(&site);
			continue;
		}
		untouched = holds(&site, site.octets, site.n, "");
		assert_int_equal(unit_pwrite(site.sidecar, "torn", 4,
		    SLOT_PLAN_AT), 4);
		found = recover(&site);
		assert_true(found == JOURNAL_UNBELIEVED ||
		    found == JOURNAL_NONE);
		assert_int_equal(is_cleared(&site), found == JOURNAL_NONE);
		unbelieved += found == JOURNAL_UNBELIEVED && !untouched;
		close_site(&site);
	}
	assert_true(unbelieved > 10);
}

/* A copy of the mailbox in another file is not what the journal is of, though
 * every octet is the same. */
static void
test_another_file(void **state)
{
	static struct site site;
	int unbelieved = 0;

	for (int i = 0; i < 60; i++) {
		static char copy[2 * MOST];
		ssize_t n;
		int copied, found;

		choose(&site);
		open_site(state, &site);
		last = 10 + (long)pick(20);
		if (update(&site) == 0) {
			close_site(&site);
			continue;
		}
		n = pread(site.box, copy, sizeof(copy), 0);
		assert_true(n >= 0);
		/* Both are there: the inode is another one. */
		copied = open(unit_write(state, "copy", copy, (size_t)n,
		    0600), O_RDWR);
		assert_int_not_equal(copied, -1);
		assert_int_equal(dup2(copied, site.box), site.box);
		found = recover(&site);
		assert_int_not_equal(found, JOURNAL_FAILED);
		assert_int_not_equal(found, JOURNAL_FINISHED);
		assert_true(holds(&site, copy, (size_t)n, ""));
		unbelieved += found == JOURNAL_UNBELIEVED;
		(void)close(copied);
		close_site(&site);
	}
	assert_true(unbelieved > 20);
}

/* Octets that are no journal are none, and are cleared or set aside. */
static void
test_garbage(void **state)
{
	static struct site site;
	char garbage[20000];

	for (int i = 0; i < 200; i++) {
		int found;

		choose(&site);
		open_site(state, &site);
		for (size_t k = 0; k < sizeof(garbage); k++)
			garbage[k] = (char)pick(i % 2 == 0 ? 256 : 2);
		assert_int_equal(unit_pwrite(site.sidecar, garbage,
		    1 + pick(sizeof(garbage)), 0) > 0, 1);
		found = recover(&site);
		assert_int_equal(found, JOURNAL_NONE);
		assert_true(holds(&site, site.octets, site.n, ""));
		assert_true(is_cleared(&site));
		close_site(&site);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_update),
		cmocka_unit_test(test_delivered_before),
		cmocka_unit_test(test_name),
		cmocka_unit_test(test_older),
		cmocka_unit_test(test_rewritten),
		cmocka_unit_test(test_settle),
		cmocka_unit_test(test_delivered_meanwhile),
		cmocka_unit_test(test_emptied_meanwhile),
		cmocka_unit_test(test_lost_nonce),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_deaths),
		cmocka_unit_test(test_second_deaths),
		cmocka_unit_test(test_unbelieved),
		cmocka_unit_test(test_torn_plan),
		cmocka_unit_test(test_another_file),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_limit_of_recovery),
	};

	return cmocka_run_group_tests_name("journal", tests, unit_begin,
	    unit_end);
}
