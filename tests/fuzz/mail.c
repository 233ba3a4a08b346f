/* SPDX-License-Identifier: ISC */
/*
 * A maildrop in memory, and a client that speaks to it.
 */
#include "config.h"

#include <string.h>

#include "fuzz.h"
#include "mail.h"
#include "mail/edge.h"
#include "talk/transaction.h"

void
mail_open(struct maildrop *drop, int box, int sidecar, int index)
{
	static const enum options_lock none[] = { OPTIONS_LOCK_END };
	static const char path[] = "/var/mail/mrose";

	memset(drop, 0, sizeof(*drop));
	memcpy(drop->mailbox.path, path, sizeof(path));
	drop->mailbox.base = drop->mailbox.path + strlen("/var/mail/");
	/* No directory: the name of a file in memory cannot be looked up. */
	drop->mailbox.dir = drop->mailbox.adopted = -1;
	drop->mailbox.fd = box;
	drop->mailbox.sidecar = sidecar;
	drop->mailbox.elsewhere = true;
	FUZZ_CHECK(maildrop_prepare(drop, none, 0) == 0);
	index_open(&drop->index, index, false);
}

enum dispatch_end
mail_speak(struct maildrop *drop, struct span commands, size_t chunk,
    void (*hook)(void *to), void *to, struct span *got, bool *torn)
{
	struct wire *wire = malloc(sizeof(*wire));
	struct transaction transaction = {
		.retrieve = { .wire = wire, .drop = drop },
	};
	enum dispatch_end end;

	FUZZ_CHECK(wire != NULL);
	fuzz_client(wire, commands, chunk, hook, to);
	end = transaction_run(&transaction);
	*torn = transaction.torn;
	*got = fuzz_client_end(wire);
	free(wire);
	return end;
}

/* Whether an empty line stands right before octet ${at}. */
static bool
is_behind_empty(const char *octets, size_t at)
{
	return edge_follows_empty(octets + (at < 3 ? 0 : at - 3),
	    at < 3 ? at : 3);
}

/* The octets of the empty line at the end of the ${n} octets that are left, if
 * ${all}, which ended with a message that is marked, ended with a line, and that
 * with no empty one. */
static size_t
extra(const struct maildrop *drop, const char *left, size_t n, struct span all)
{
	size_t i = drop->count;

	if (i == 0 || !drop->messages[i - 1].marked ||
	    drop->messages[i - 1].separator != 0 ||
	    is_behind_empty(all.p, (size_t)drop->end) ||
	    all.p[drop->end - 1] != '\n')
		return 0;
	while (i > 0 && drop->messages[i - 1].marked)
		i--;
	if (i == 0)
		return 0;
	return is_behind_empty(left, n - drop->messages[i - 1].separator) ? 0 :
	    drop->messages[i - 1].separator;
}

struct span
mail_left(const struct maildrop *drop, struct span octets)
{
	char *left = malloc(octets.n + 1);
	size_t n = 0, from = 0;

	FUZZ_CHECK(left != NULL);
	for (size_t i = 0; i < drop->count; i++) {
		size_t begin = (size_t)drop->messages[i].offset;

		if (!drop->messages[i].marked)
			continue;
		memcpy(left + n, octets.p + from, begin - from);
		n += begin - from;
		from = (size_t)maildrop_end_of(drop, i);
	}
	memcpy(left + n, octets.p + from, octets.n - from);
	n += octets.n - from;
	return (struct span){ left, n - extra(drop, left, n, octets) };
}
