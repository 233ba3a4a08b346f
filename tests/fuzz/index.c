/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the cached index: the input is what the client sends, a NUL, a mailbox
 * behind a long first message, and, from its end, what happens to the index
 * that a session left.  A damaged one is ignored: the client gets what he would
 * get without it.  One whose checksums were made to fit can lie, but does no
 * harm to the process.
 */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "base/store.h"
#include "maildrop/cache.h"
#include "maildrop/update.h"
#include "fuzz.h"
#include "mail.h"

/* The index' file: see index.c. */
#define HEAD_FIELDS 17
#define COUNT_FIELD 10
#define HASH_FIELD 16
#define RECORDS_AT 4096

static char *
make_box(struct span text, size_t *n)
{
	static const char begin[] = "From a Mon Jan  1 00:00:00 2024\n\n";
	char *box = malloc(LIMITS_CACHED_LEAST + text.n);

	FUZZ_CHECK(box != NULL);
	memset(box, 'x', LIMITS_CACHED_LEAST);
	memcpy(box, begin, sizeof(begin) - 1);
	memcpy(box + LIMITS_CACHED_LEAST - 2, "\n\n", 2);
	if (text.n > 0)
		memcpy(box + LIMITS_CACHED_LEAST, text.p, text.n);
	*n = LIMITS_CACHED_LEAST + text.n;
	return box;
}

/* A session over ${box} with the index ${index}, or -1.  Returns what the
 * client gets. */
static struct span
session(int box, int index, struct span commands)
{
	struct maildrop *drop = malloc(sizeof(*drop));
	int sidecar = fuzz_file((struct span){ NULL, 0 });
	struct span got = { NULL, 0 };
	uint64_t deleted;
	bool torn;

	FUZZ_CHECK(drop != NULL);
	mail_open(drop, dup(box), sidecar, index == -1 ? -1 : dup(index));
	drop->window = LIMITS_WINDOW_LEAST;
	if (cache_scan(drop) == MAILBOX_FINE &&
	    mail_speak(drop, commands, 0, NULL, NULL, &got, &torn) ==
	    DISPATCH_END_LEFT)
		(void)update_run(drop, false, &deleted);
	maildrop_close(drop);
	free(drop);
	return got;
}

/* Change some octets of the index.  Returns whether its checksums fit then,
 * though they should not. */
static bool
damage(int index, struct span *input)
{
	struct span content = fuzz_content(index);
	uint8_t *octets = (uint8_t *)(uintptr_t)content.p;
	unsigned times = fuzz_number(input, 4), lies = fuzz_number(input, 1);
	uint64_t records;

	for (unsigned i = 0; i < times; i++) {
		size_t at = fuzz_number(input, 255);

		if (fuzz_number(input, 1) == 1)
			at += RECORDS_AT;
		if (at < content.n)
			octets[at] = (uint8_t)fuzz_number(input, 255);
	}
	if (fuzz_number(input, 15) == 15)
		content.n = fuzz_number(input, 255) * content.n / 256;
	if (times > 0 && lies == 1 && content.n >= RECORDS_AT) {
		records = store_get(octets, COUNT_FIELD);
		if (records <= (content.n - RECORDS_AT) /
		    sizeof(struct maildrop_message))
			store_set(octets, HASH_FIELD, store_hash(0,
			    octets + RECORDS_AT, (size_t)records *
			    sizeof(struct maildrop_message)));
		store_set(octets, HEAD_FIELDS, store_hash(0, octets,
		    HEAD_FIELDS * sizeof(uint64_t)));
	}
	fuzz_replace(index, content);
	free(octets);
	return lies == 1;
}

void
fuzz_index(struct span input)
{
	static const char first[] = "UIDL\r\n";
	struct fuzz_calls *calls = fuzz_calls();
	bool knows = fuzz_number(&input, 1) == 1, lies;
	size_t grown = fuzz_number(&input, 255), n;
	struct span box = input, commands = span_cut(&box, '\0'), got, wanted;
	char *octets;
	int cached, fresh, index = fuzz_file((struct span){ NULL, 0 });

	octets = make_box(box, &n);
	if (grown > box.n)
		grown = box.n;
	cached = fuzz_file((struct span){ octets, n - grown });
	calls->ahead = true;
	got = session(cached, index, knows ? SPAN(first) : SPAN(""));
	free((char *)(uintptr_t)got.p);
	if (grown > 0)
		fuzz_replace(cached, (struct span){ octets, n });
	lies = damage(index, &box);
	got = session(cached, index, commands);
	if (!lies) {
		fresh = fuzz_file((struct span){ octets, n });
		wanted = session(fresh, -1, commands);
		FUZZ_CHECK(span_equal(got, wanted));
		free((char *)(uintptr_t)wanted.p);
		wanted = fuzz_content(fresh);
		free((char *)(uintptr_t)got.p);
		got = fuzz_content(cached);
		FUZZ_CHECK(span_equal(got, wanted));
		free((char *)(uintptr_t)wanted.p);
		(void)close(fresh);
	}
	free((char *)(uintptr_t)got.p);
	free(octets);
	(void)close(cached);
	(void)close(index);
}
