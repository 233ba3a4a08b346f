/* SPDX-License-Identifier: ISC */
/*
 * --list and --check: looking at a mailbox without touching it.
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

static int
open_drop(struct maildrop *drop, const char *path, bool exact)
{
	enum mailbox_fault fault;

	log_open(LOG_TO_STDERR, false);
	fault = scan_peek(drop, path, exact);
	if (fault == MAILBOX_FINE) {
		(void)sidecar_adopted(&drop->mailbox, false);
		fault = identity_complete(drop);
	}
	if (fault == MAILBOX_FINE)
		return 0;
	if (fault == MAILBOX_CHANGED)
		(void)fprintf(stderr, "dewey: %s: is being written to: try "
		    "again\n", path);
	maildrop_close(drop);
	return -1;
}

/* Print the first octets of the line at ${offset}, escaped but for blanks. */
static void
print_line(struct maildrop *drop, uint64_t offset)
{
	char escaped[LOG_ESCAPED(LIMITS_SHOWN)];
	const char *p = NULL;
	ssize_t n = block_read(&drop->block, offset, offset + LIMITS_SHOWN, &p);
	struct span rest = { p, n < 0 ? 0 : (size_t)n };
	struct span line = span_cut(&rest, '\n');

	while (line.p != NULL) {
		struct span word = span_cut(&line, ' ');

		(void)printf(" %s", log_escape(word.p, word.n, escaped));
	}
	(void)fputc('\n', stdout);
}

int
inspect_list(const char *path, bool exact)
{
	struct maildrop drop = { 0 };
	char text[LIMITS_UID_MAX + 1];

	if (open_drop(&drop, path, exact) == -1)
		return -1;
	for (size_t i = 0; i < drop.count; i++) {
		const struct maildrop_message *m = &drop.messages[i];
		struct span id = identity_print(&drop, i, text);

		(void)printf("%zu %" PRIu64 " %.*s%s", i + 1, m->octets,
		    (int)id.n, id.p, id.p == text ? "" : " (adopted)");
		print_line(&drop, m->offset);
	}
	maildrop_close(&drop);
	return 0;
}

/* A line of a mailbox, and where the next one is: lines are read one by one, as
 * long as they may be, and only their first octets are held. */
struct lines {
	struct maildrop *drop;
	uint64_t at;		/* offset of the line, and of the next one */
	uint64_t next;
	char begin[LIMITS_SHOWN];	/* its first octets */
	size_t n;		/* how many of them there are */
	bool empty;
	enum from_kind kind;
};

static bool
next_line(struct lines *lines)
{
	struct from from;
	bool ended = false;
	uint64_t octets;

	lines->at = lines->next;
	lines->n = 0;
	from_begin(&from);
	while (!ended) {
		const char *p = NULL;
		ssize_t n = block_read(&lines->drop->block, lines->next,
		    UINT64_MAX, &p);
		struct span rest = { p, (size_t)n }, part;

		if (n <= 0)
			break;
		part = span_cut(&rest, '\n');
		ended = rest.p != NULL;
		for (size_t i = 0; i < part.n &&
		    lines->n < sizeof(lines->begin); i++)
			lines->begin[lines->n++] = part.p[i];
		from_feed(&from, part.p, part.n);
		lines->next += part.n + ended;
	}
	octets = lines->next - lines->at - ended;
	lines->empty = ended && (octets == 0 ||
	    (octets == 1 && lines->begin[0] == '\r'));
	lines->kind = from_end(&from, ended);
	return octets > 0 || ended;
}

/* Whether the line begins with the name of a field and a colon, or is a From_
 * line that was delivered twice and quoted. */
static bool
is_header(const struct lines *lines)
{
	struct span rest = { lines->begin, lines->n };
	struct span name = span_cut(&rest, ':');

	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] > '~')
			return name.n > 6 && memcmp(name.p, ">From ", 6) == 0;
	return rest.p != NULL && name.n > 0;
}

/* What is doubtful about the line; NULL: nothing.  ${begins}: a message begins
 * at it; ${after}: so it was of the line before it; ${behind_empty}: that one
 * was empty. */
static const char *
doubt(const struct lines *lines, bool begins, bool after, bool behind_empty)
{
	if (after && !lines->empty && !is_header(lines))
		return "no header field follows the From_ line";
	if (begins || lines->kind == FROM_NONE)
		return NULL;
	if (lines->kind == FROM_DATED && !behind_empty)
		return "a From_ line without an empty line before it is taken "
		    "as text; if a message begins here, put one there";
	if (lines->kind == FROM_DATED)
		return "a From_ line inside of what Content-Length tells of: "
		    "taken as text";
	return behind_empty ? "begins like a From_ line but goes on like none: "
	    "taken as text" : NULL;
}

/* Print the lines that begin like a From_ line and are none, and those that are
 * one where another program may see none. */
static void
check_separators(struct maildrop *drop)
{
	struct lines lines = { .drop = drop, .next = drop->begin };
	bool behind_empty = true, begins = false;
	size_t messages = 0;

	block_forget(&drop->block);
	while (next_line(&lines)) {
		bool after = begins;
		const char *why;

		begins = messages < drop->count &&
		    lines.at == drop->messages[messages].offset;
		messages += begins;
		why = doubt(&lines, begins, after, behind_empty);
		if (why != NULL) {
			(void)printf("offset %" PRIu64 ", in message %zu: %s:",
			    lines.at, messages, why);
			print_line(drop, lines.at);
		}
		behind_empty = lines.empty;
	}
}

/* Count the messages if Content-Length were believed, or were not. */
static void
check_lengths(struct maildrop *drop)
{
	size_t count = drop->count;
	bool exact = !drop->exact;

	maildrop_be_exact(drop, exact);
	if (scan_all(drop) == MAILBOX_FINE && drop->count != count)
		(void)printf("%zu messages with --content-length=%s\n",
		    drop->count, exact ? "exact" : "no");
}

int
inspect_check(const char *path, bool exact)
{
	struct maildrop drop = { 0 };
	char text[LIMITS_UID_MAX + 1];
	size_t copies = 0;

	if (open_drop(&drop, path, exact) == -1)
		return -1;
	(void)printf("%zu message%s, %" PRIu64 " octets\n", drop.count,
	    drop.count == 1 ? "" : "s", drop.octets);
	if (drop.hidden > 0)
		(void)printf("the first message, %" PRIu64 " octets, is the "
		    "state of other programs: kept, never shown\n",
		    drop.hidden);
	else if (drop.count > 0 && drop.begin > 0)
		(void)printf("%" PRIu64 " octets before the first message: "
		    "kept, never shown\n", drop.begin);
	check_separators(&drop);
	for (size_t i = 0; i < drop.count; i++) {
		const struct maildrop_message *m = &drop.messages[i];

		if (m->copy <= 1)
			continue;
		uid_print(m->id, m->copy, text);
		(void)printf("message %zu: a copy, unique-id %s\n", i + 1,
		    text);
		copies++;
	}
	if (sidecar_has_journal(&drop.mailbox))
		(void)printf("an UPDATE was cut short: the next login or dewey "
		    "--recover completes it\n");
	if (copies > 0)
		(void)printf("%zu of them copies of others\n", copies);
	check_lengths(&drop);
	maildrop_close(&drop);
	return 0;
}
