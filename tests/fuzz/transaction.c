/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes a whole session after login: the input is what the client sends, a
 * NUL, the mailbox, and settings: how the input is cut, whether the mailbox is
 * changed meanwhile, at which call UPDATE fails.  What is sent is what is
 * stored; what is left is the messages that were not marked, also after a
 * failure and the recovery from it.
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "maildrop/cache.h"
#include "maildrop/update.h"
#include "fuzz.h"
#include "mail.h"

/* What happens to the mailbox while the client speaks. */
struct change {
	int fd;
	unsigned kind;		/* 0: nothing */
	unsigned when;		/* before which piece */
	size_t at;
	struct span mail;	/* what is delivered */
};

static void
change(void *to)
{
	struct change *change = to;
	struct span before, after;
	char *octets;

	if (change->kind == 0 || change->when-- != 0)
		return;
	before = fuzz_content(change->fd);
	octets = malloc(before.n + change->mail.n + 1);
	FUZZ_CHECK(octets != NULL);
	memcpy(octets, before.p, before.n);
	after = (struct span){ octets, before.n };
	if (change->kind == 1 && change->mail.n > 0) {
		memcpy(octets + before.n, change->mail.p, change->mail.n);
		after.n += change->mail.n;
	} else if (change->kind == 2 && before.n > 0) {
		octets[change->at % before.n] ^= 1;
	} else if (change->kind == 3 && before.n > 0) {
		after.n = change->at % before.n;
	}
	fuzz_replace(change->fd, after);
	free(octets);
	free((char *)(uintptr_t)before.p);
}

/* The whole content of ${fd} is ${wanted}. */
static bool
holds(int fd, struct span wanted)
{
	struct span content = fuzz_content(fd);
	bool same = span_equal(content, wanted);

	free((char *)(uintptr_t)content.p);
	return same;
}

/* Log in again: the next session after one that failed. */
static void
recover(int box, int sidecar)
{
	struct maildrop *again = malloc(sizeof(*again));

	FUZZ_CHECK(again != NULL);
	mail_open(again, dup(box), dup(sidecar), -1);
	(void)cache_scan(again);
	maildrop_close(again);
	free(again);
}

/* UPDATE, some call of which may fail. */
static void
update(struct maildrop *drop, struct fuzz_calls *calls, long die_at,
    bool changed)
{
	int box = drop->mailbox.fd, sidecar = drop->mailbox.sidecar;
	struct span before = fuzz_content(box), after = { NULL, 0 }, now;
	enum update_result result;
	uint64_t deleted;

	if (!changed)
		after = mail_left(drop, before);
	calls->made = 0;
	calls->die_at = die_at;
	calls->files[0] = box;
	calls->files[1] = sidecar;
	result = update_run(drop, false, &deleted);
	calls->die_at = calls->files[0] = -1;
	if (result != UPDATE_DONE)
		recover(box, sidecar);
	now = fuzz_content(box);
	if (!changed) {
		FUZZ_CHECK(result == UPDATE_DONE || die_at != -1);
		/* PARTLY: the end alone was cut. */
		if (result == UPDATE_PARTLY)
			FUZZ_CHECK(now.n < before.n &&
			    memcmp(now.p, before.p, now.n) == 0);
		else
			FUZZ_CHECK(span_equal(now, after) ||
			    (result == UPDATE_FAILED &&
			    span_equal(now, before)));
	}
	free((char *)(uintptr_t)before.p);
	free((char *)(uintptr_t)after.p);
	free((char *)(uintptr_t)now.p);
}

void
fuzz_transaction(struct span input)
{
	struct fuzz_calls *calls = fuzz_calls();
	size_t chunk = fuzz_number(&input, 63);
	unsigned die_at = fuzz_number(&input, 63);
	struct change to = { .kind = fuzz_number(&input, 15) };
	unsigned window = fuzz_number(&input, 7);
	struct span box, commands, got;
	struct maildrop *drop = calloc(1, sizeof(*drop));
	bool torn, changed;

	to.kind = to.kind > 3 ? 0 : to.kind;
	to.when = to.kind == 0 ? 0 : fuzz_number(&input, 15);
	to.at = to.kind == 0 ? 0 : fuzz_number(&input, 255);
	box = input;
	commands = span_cut(&box, '\0');
	if (to.kind == 1) {
		to.mail.n = to.at < box.n ? to.at : box.n;
		to.mail.p = box.p;
	}
	FUZZ_CHECK(drop != NULL);
	calls->ahead = to.kind == 0 && (window & 1) == 0;
	calls->error = (die_at & 1) != 0 ? ENOSPC : EIO;
	calls->recovers = (die_at & 2) != 0;
	mail_open(drop, fuzz_file(box), fuzz_file((struct span){ NULL, 0 }),
	    -1);
	/* Steps of a few octets. */
	drop->window = LIMITS_WINDOW_LEAST >> window;
	to.fd = drop->mailbox.fd;
	if (cache_scan(drop) == MAILBOX_FINE) {
		enum dispatch_end end = mail_speak(drop, commands, chunk,
		    change, &to, &got, &torn);

		changed = to.kind != 0;
		FUZZ_CHECK(changed || !torn);
		if (end == DISPATCH_END_LEFT)
			update(drop, calls, die_at == 0 ? -1 :
			    (long)die_at - 1, changed);
		else if (!changed)
			FUZZ_CHECK(holds(drop->mailbox.fd, box));
		free((char *)(uintptr_t)got.p);
	} else {
		FUZZ_CHECK(holds(drop->mailbox.fd, box));
	}
	maildrop_close(drop);
	free(drop);
}
