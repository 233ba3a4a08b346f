/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the mbox grammar: the input is a mailbox, its last two octets choose
 * where it is cut.  Fed whole and fed in pieces it has the same messages, and
 * they are those that a plain reading of the grammar, line by line, finds.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "mail/mbox.h"

#define MOST 64

struct scan {
	int result;
	uint64_t at;
	size_t n;
	struct mbox_message message[MOST];
};

static int
collect(void *to, const struct mbox_message *message)
{
	struct scan *scan = to;

	if (scan->n < MOST)
		scan->message[scan->n] = *message;
	scan->n++;
	return 0;
}

/* Feed pieces of ${chunk} octets, each in memory of its own. */
static void
feed(struct scan *scan, struct span input, size_t chunk)
{
	struct mbox mbox;

	memset(scan, 0, sizeof(*scan));
	mbox_begin(&mbox, 0, collect, scan);
	for (size_t at = 0, n; at < input.n && scan->result == 0; at += n) {
		char *piece;

		n = input.n - at < chunk ? input.n - at : chunk;
		piece = malloc(n);
		FUZZ_CHECK(piece != NULL);
		memcpy(piece, input.p + at, n);
		scan->result = mbox_feed(&mbox, piece, n);
		free(piece);
	}
	if (scan->result == 0)
		scan->result = mbox_end(&mbox);
	FUZZ_CHECK(scan->result == 0 ||
	    (scan->result == -1 && errno == EBADMSG));
	scan->at = mbox.at;
}

static bool
is_from(struct span line, bool ended, uint64_t at)
{
	struct from from;

	if (line.n == 0 || line.p[0] != 'F')
		return false;
	from_begin(&from);
	for (size_t i = 0; i < line.n; i++)
		from_feed(&from, line.p + i, 1);
	return from_begins(from_end(&from, ended), at);
}

/* The message ${m} ends at ${end}.  ${blanks}: its empty lines; ${separator}:
 * octets of the last one if that is right before the end. */
static void
end_message(struct scan *scan, struct mbox_message *m, uint64_t end,
    uint64_t blanks, unsigned separator)
{
	m->end = end;
	m->separator = blanks >= 2 ? separator : 0;
	m->octets -= m->separator > 0 ? 2 : 0;
	(void)collect(scan, m);
}

/* The same, line by line. */
static void
read_plainly(struct scan *scan, struct span input)
{
	struct span rest = input;
	struct mbox_message m = { 0 };
	bool inside = false, after_blank = true;
	uint64_t blanks = 0;
	unsigned separator = 0;

	memset(scan, 0, sizeof(*scan));
	while (rest.n > 0) {
		struct span line = span_cut(&rest, '\n');
		uint64_t at = (uint64_t)(line.p - input.p);
		bool ended = rest.p != NULL;
		uint64_t next = at + line.n + ended;
		bool cr = ended && line.n > 0 && line.p[line.n - 1] == '\r';
		bool blank = ended && line.n == (size_t)cr;

		if (after_blank && is_from(line, ended, at)) {
			if (inside)
				end_message(scan, &m, at, blanks, separator);
			m = (struct mbox_message){ .offset = at, .text = next };
			inside = true;
			blanks = 0;
		} else if (inside) {
			m.octets += line.n - cr + 2;
			blanks += blank;
		} else if (!blank) {
			scan->result = -1;
			scan->at = at;
			return;
		}
		after_blank = blank;
		separator = blank ? 1 + cr : 0;
	}
	if (inside)
		end_message(scan, &m, input.n, blanks, separator);
	scan->at = input.n;
}

static bool
same(const struct scan *a, const struct scan *b)
{
	if (a->result != b->result || a->n != b->n || a->at != b->at)
		return false;
	for (size_t i = 0; i < a->n && i < MOST; i++) {
		const struct mbox_message *x = &a->message[i];
		const struct mbox_message *y = &b->message[i];

		if (x->offset != y->offset || x->text != y->text ||
		    x->end != y->end || x->octets != y->octets ||
		    x->separator != y->separator)
			return false;
	}
	return true;
}

/* How far TOP goes, octet by octet and whole. */
static void
check_top(struct span text, uint64_t lines, size_t chunk)
{
	struct mbox_top whole = { .lines = lines }, cut = { .lines = lines };
	size_t n = mbox_top(&whole, text.p, text.n), at = 0;

	FUZZ_CHECK(n <= text.n);
	while (at < text.n) {
		size_t part = text.n - at < chunk ? text.n - at : chunk;
		size_t took = mbox_top(&cut, text.p + at, part);

		FUZZ_CHECK(took <= part);
		at += took;
		if (took < part)
			break;
	}
	FUZZ_CHECK(at == n);
	FUZZ_CHECK(whole.body == cut.body && whole.lines == cut.lines);
}

void
fuzz_mbox(struct span input)
{
	size_t chunk = 1 + fuzz_number(&input, 255);
	unsigned lines = fuzz_number(&input, 7);
	struct scan *scans = malloc(3 * sizeof(*scans));

	FUZZ_CHECK(scans != NULL);
	feed(&scans[0], input, input.n);
	feed(&scans[1], input, chunk);
	read_plainly(&scans[2], input);
	FUZZ_CHECK(same(&scans[0], &scans[1]));
	FUZZ_CHECK(same(&scans[0], &scans[2]));
	if (scans[0].n > 0)
		check_top((struct span){ input.p + scans[0].message[0].text,
		    (size_t)(scans[0].message[0].end -
		    scans[0].message[0].text) }, lines, chunk);
	free(scans);
}
