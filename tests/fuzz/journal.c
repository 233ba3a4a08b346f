/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes recovery: the input is a mailbox and, from its end, which runs of it
 * an UPDATE keeps, at which call that UPDATE dies, and what then happens to the
 * journal and the mailbox, with checksums that fit or not.  Recovery writes to
 * these two files only; what it does not believe it leaves alone; without
 * damage it completes what was begun.
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "base/store.h"
#include "spool/journal.h"

#define PAGE 4096
#define SLOT_OCTETS STORE_OCTETS(struct slot)
#define PLAN_CHECKSUM (sizeof(struct plan_head) / sizeof(uint64_t))

/* An UPDATE. */
struct site {
	int box, sidecar;
	struct span before;	/* the mailbox; owned by nobody */
	char *after;		/* what it shall become */
	size_t after_n;
	char *block;
};

/* Choose runs of the mailbox to keep. */
static int
keep_runs(struct site *site, struct plan *plan, struct span *input)
{
	size_t at = 0;

	for (unsigned i = 0; i < 8 && at < site->before.n; i++) {
		size_t skip = fuzz_number(input, 255);
		size_t length = 1 + fuzz_number(input, 255);

		/* Neighbours are one run. */
		if (i > 0 && skip == 0)
			skip = 1;
		if (skip >= site->before.n - at)
			break;
		at += skip;
		if (length > site->before.n - at)
			length = site->before.n - at;
		if (plan_keep(plan, at, length) == -1)
			return -1;
		memcpy(site->after + site->after_n, site->before.p + at,
		    length);
		site->after_n += length;
		at += length;
	}
	/* A plan without runs is stored, too. */
	return plan_keep(plan, at, 0);
}

/* UPDATE, which dies at some call.  Returns whether it did not. */
static bool
run(struct site *site, struct fuzz_calls *calls, struct span *input)
{
	struct journal journal;
	unsigned window = fuzz_number(input, 255), die_at;
	int result;

	FUZZ_CHECK(journal_begin(&journal, site->box, site->sidecar, -1,
	    site->block) == 0);
	journal.file.plan.head.window = 1 + window;
	result = keep_runs(site, &journal.file.plan, input);
	die_at = fuzz_number(input, 127);
	calls->die_at = calls->made + (long)die_at;
	/* At least a From_ line goes. */
	if (result == 0 && site->before.n - site->after_n < LIMITS_RUN_LEAST)
		result = -1;
	if (result == 0)
		result = journal_run(&journal);
	calls->die_at = -1;
	journal_end(&journal);
	return result == 0;
}

/* Make the checksums of the slots and of the plan right. */
static void
repair(int sidecar)
{
	struct span content = fuzz_content(sidecar);
	uint8_t *octets = (uint8_t *)(uintptr_t)content.p;
	uint8_t *plan = octets + SLOT_PLAN_AT;
	uint64_t n;

	for (size_t i = 0; i < 2; i++)
		if (content.n >= i * PAGE + SLOT_OCTETS)
			store_set(octets + i * PAGE,
			    sizeof(struct slot) / sizeof(uint64_t),
			    store_hash(0, octets + i * PAGE,
			    sizeof(struct slot)));
	n = content.n < SLOT_PLAN_AT + PLAN_HEAD ? 0 :
	    store_get(plan, PLAN_CHECKSUM - 1);
	if (n >= PLAN_HEAD && n <= content.n - SLOT_PLAN_AT) {
		uint64_t runs = store_hash(0, plan + PLAN_HEAD,
		    (size_t)n - PLAN_HEAD);

		store_set(plan, PLAN_CHECKSUM, store_hash(runs, plan,
		    sizeof(struct plan_head)));
	}
	fuzz_replace(sidecar, content);
	free(octets);
}

/* Change an octet of a field, an octet anywhere, or the size. */
static void
damage(int fd, struct span *input)
{
	static const unsigned begins[] = { 0, PAGE, SLOT_PLAN_AT,
	    SLOT_PLAN_AT + PLAN_HEAD };
	struct span content = fuzz_content(fd);
	char *octets = (char *)(uintptr_t)content.p;
	unsigned kind = fuzz_number(input, 7);
	size_t at = fuzz_number(input, 255);
	unsigned value = fuzz_number(input, 255);

	if (kind < 4) {
		at += begins[kind];
		if (at < content.n)
			octets[at] = (char)value;
	} else if (kind < 6) {
		at = at << 8 | value;
		if (at < content.n)
			octets[at] ^= (char)(1u << (kind & 7));
	} else if (content.n > 0) {
		content.n = (at << 8 | value) % content.n;
	}
	fuzz_replace(fd, content);
	free(octets);
}

/* Returns whether something was changed; ${box}: of the mailbox; ${lies}: the
 * checksums fit nevertheless. */
static bool
damage_all(struct site *site, struct span *input, bool *box, bool *lies)
{
	unsigned times = fuzz_number(input, 3);

	*lies = fuzz_number(input, 1) == 1 && times > 0;
	*box = false;
	for (unsigned i = 0; i < times; i++) {
		bool other = fuzz_number(input, 7) == 7;

		*box |= other;
		damage(other ? site->box : site->sidecar, input);
	}
	if (*lies)
		repair(site->sidecar);
	return times > 0;
}

/* Recover, as often as it is interrupted. */
static enum journal_found
recover(struct site *site, struct fuzz_calls *calls, struct span *input)
{
	unsigned dies = fuzz_number(input, 3), at = fuzz_number(input, 31);
	enum journal_found found = JOURNAL_NONE;
	struct journal journal;

	for (unsigned i = 0; i <= dies; i++) {
		calls->die_at = i == dies ? -1 : calls->made + (long)at;
		FUZZ_CHECK(journal_begin(&journal, site->box, site->sidecar,
		    -1, site->block) == 0);
		found = journal_recover(&journal);
		journal_end(&journal);
		/* It is set aside then. */
		if (found == JOURNAL_UNBELIEVED)
			break;
	}
	calls->die_at = -1;
	return found;
}

void
fuzz_journal(struct span input)
{
	struct fuzz_calls *calls = fuzz_calls();
	struct site site = { .before = input };
	bool finished, damaged, box, lies;
	struct span before, after, whole;
	enum journal_found found;

	site.box = fuzz_file(input);
	site.sidecar = fuzz_file((struct span){ NULL, 0 });
	site.after = malloc(input.n + 1);
	site.block = malloc(LIMITS_BLOCK);
	FUZZ_CHECK(site.after != NULL && site.block != NULL);
	calls->files[0] = site.box;
	calls->files[1] = site.sidecar;
	finished = run(&site, calls, &input);
	whole = (struct span){ site.after, site.after_n };
	damaged = damage_all(&site, &input, &box, &lies);
	before = fuzz_content(site.box);
	found = recover(&site, calls, &input);
	after = fuzz_content(site.box);
	if (finished && !box)
		FUZZ_CHECK(span_equal(after, whole));
	if (!damaged) {
		FUZZ_CHECK(found == JOURNAL_NONE || found == JOURNAL_FINISHED);
		FUZZ_CHECK(span_equal(after, whole) ||
		    span_equal(after, site.before));
	}
	/* The mailbox never grows, but for a mark in one that a journal lies
	 * about. */
	FUZZ_CHECK(after.n <= before.n + (lies ? SLOT_NONCE : 0));
	free((char *)(uintptr_t)before.p);
	free((char *)(uintptr_t)after.p);
	free(site.after);
	free(site.block);
	(void)close(site.box);
	(void)close(site.sidecar);
}
