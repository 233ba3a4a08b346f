/* SPDX-License-Identifier: ISC */
/*
 * Looking without touching.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/span.h"
#include "mail/from.h"
#include "mail/uid.h"
#include "maildrop/identity.h"
#include "maildrop/maildrop.h"
#include "maildrop/message.h"
#include "maildrop/scan.h"
#include "spool/sidecar.h"
#include "tool/inspect.h"

/* Octets of a From_ line that are shown. */
#define SHOWN 200

static int
open_drop(struct maildrop *drop, const char *path)
{
	enum mailbox_fault fault;

	log_open(LOG_TO_STDERR, false);
	fault = scan_peek(drop, path);
	if (fault == MAILBOX_FINE) {
		message_sum_scanned(drop);
		fault = identity_complete(drop);
	}
	if (fault == MAILBOX_FINE)
		return 0;
	if (fault == MAILBOX_CHANGED)
		(void)fprintf(stderr, "dewey: %s: is being written to, try "
		    "again\n", path);
	maildrop_close(drop);
	return -1;
}

/* Print the begin of the line at ${offset}, escaped but for its blanks. */
static void
print_line(struct maildrop *drop, uint64_t offset)
{
	char escaped[LOG_ESCAPED(SHOWN)];
	const char *p = NULL;
	ssize_t n = block_read(&drop->block, offset, offset + SHOWN, &p);
	struct span rest = { p, n < 0 ? 0 : (size_t)n };
	struct span line = span_cut(&rest, '\n');

	while (line.p != NULL) {
		struct span word = span_cut(&line, ' ');

		(void)printf(" %s", log_escape(word.p, word.n, escaped));
	}
	(void)fputc('\n', stdout);
}

int
inspect_list(const char *path)
{
	struct maildrop drop = { 0 };
	char text[LIMITS_UID_MAX + 1];

	if (open_drop(&drop, path) == -1)
		return -1;
	for (size_t i = 0; i < drop.count; i++) {
		const struct maildrop_message *m = &drop.messages[i];

		uid_print(m->id, m->copy, text);
		(void)printf("%zu %" PRIu64 " %s", i + 1, m->octets, text);
		print_line(&drop, m->offset);
	}
	maildrop_close(&drop);
	return 0;
}

/* The lines of a mailbox, one by one; only what is asked of them is held. */
struct lines {
	struct maildrop *drop;
	uint64_t at;		/* of the current line */
	uint64_t next;		/* of the one behind it */
	char begin[6];		/* of it, "From " at most */
	size_t n;
	bool empty;
	bool dated;		/* it would be a From_ line */
};

static bool
next_line(struct lines *lines)
{
	struct from from;
	bool ended = false, cr = false;
	uint64_t octets = 0;

	lines->at = lines->next;
	lines->n = 0;
	from_begin(&from);
	while (!ended) {
		const char *p = NULL, *lf;
		ssize_t n = block_read(&lines->drop->block, lines->next,
		    UINT64_MAX, &p);
		size_t part;

		if (n <= 0)
			break;
		lf = memchr(p, '\n', (size_t)n);
		part = lf == NULL ? (size_t)n : (size_t)(lf - p);
		for (size_t i = 0; i < part && lines->n < 5; i++)
			lines->begin[lines->n++] = p[i];
		if (lines->begin[0] == 'F')
			from_feed(&from, p, part);
		cr = part == 1 && octets == 0 && p[0] == '\r';
		octets += part;
		ended = lf != NULL;
		lines->next += part + (ended ? 1 : 0);
	}
	lines->empty = ended && (octets == 0 || (octets == 1 && cr));
	lines->dated = lines->n > 0 && lines->begin[0] == 'F' &&
	    from_end(&from, ended);
	return octets > 0 || ended;
}

/* Lines that begin like a From_ line and are none, or that are one in a place
 * where another program may see none. */
static void
check_separators(struct maildrop *drop)
{
	struct lines lines = { .drop = drop };
	bool after_empty = true, taken = false;

	block_forget(&drop->block);
	while (next_line(&lines)) {
		bool like = lines.n == 5 && memcmp(lines.begin, "From ", 5) == 0;
		const char *why = NULL;

		if (taken && !lines.empty && memchr(lines.begin, ' ',
		    lines.n) != NULL && lines.begin[0] != ' ')
			why = "no header field follows the From_ line";
		taken = like && lines.dated && after_empty;
		if (like && lines.dated && !after_empty)
			why = "a From_ line without an empty line before it: "
			    "taken as text";
		else if (like && !lines.dated && after_empty)
			why = "begins like a From_ line but has no date: taken "
			    "as text";
		if (why != NULL) {
			(void)printf("offset %" PRIu64 ": %s:", lines.at, why);
			print_line(drop, lines.at);
		}
		after_empty = lines.empty;
	}
}

int
inspect_check(const char *path)
{
	struct maildrop drop = { 0 };
	char text[LIMITS_UID_MAX + 1];
	size_t copies = 0;

	if (open_drop(&drop, path) == -1)
		return -1;
	(void)printf("%zu message%s, %" PRIu64 " octets\n", drop.count,
	    drop.count == 1 ? "" : "s", drop.octets);
	if (drop.count > 0 && drop.begin > 0)
		(void)printf("%" PRIu64 " octets before the first message: "
		    "kept, never shown\n", drop.begin);
	check_separators(&drop);
	for (size_t i = 0; i < drop.count; i++)
		if (drop.messages[i].copy > 1) {
			uid_print(drop.messages[i].id, drop.messages[i].copy,
			    text);
			(void)printf("message %zu: a copy, unique-id %s\n",
			    i + 1, text);
			copies++;
		}
	if (sidecar_has_journal(&drop.mailbox))
		(void)printf("an UPDATE was cut short: the next login or dewey "
		    "--recover completes it\n");
	if (copies > 0)
		(void)printf("%zu of them copies of others\n", copies);
	maildrop_close(&drop);
	return 0;
}
