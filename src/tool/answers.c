/* SPDX-License-Identifier: ISC */
/*
 * UIDL and LIST of another server.  Nothing is guessed: what does not look like
 * an answer makes the whole file worthless.
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/store.h"
#include "tool/answers.h"

/* One of the two listings: its lines, and whether all are numbers. */
struct listing {
	size_t from, n;
	bool numbers;
};

static int
complain(struct answers *answers, size_t line, const char *why)
{
	(void)snprintf(answers->why, sizeof(answers->why), "line %zu: %s",
	    line, why);
	return -1;
}

static bool
is_id(struct span id)
{
	if (id.n == 0 || id.n > LIMITS_UID_MAX)
		return false;
	for (size_t i = 0; i < id.n; i++)
		if (id.p[i] <= ' ' || id.p[i] > '~')
			return false;
	return true;
}

/* Read the line ${rest}, the ${at}-th, into the last of the two ${listings}. */
static int
read_line(struct answers *answers, struct listing listings[2], struct span rest,
    size_t at)
{
	struct answers_line *line = &answers->lines[answers->n];
	struct listing *last = listings[1].n > 0 ? &listings[1] : listings;
	bool begins;

	if (span_number(span_cut(&rest, ' '), UINT32_MAX, &line->number) ==
	    -1 || line->number == 0)
		return complain(answers, at, "no message number");
	line->id = span_trim(rest);
	if (!is_id(line->id))
		return complain(answers, at, "no unique-id of 1 to 70 "
		    "characters from 0x21 to 0x7e, and no octets");
	begins = last->n == 0 || line->number <= line[-1].number;
	if (begins && last->n > 0) {
		if (last == &listings[1] || line->number >
		    answers->lines[0].number)
			return complain(answers, at, "the numbers do not rise");
		last++;
		last->from = answers->n;
	}
	if (span_number(line->id, UINT64_MAX, &line->octets) == -1)
		last->numbers = false;
	last->n++;
	answers->n++;
	return 0;
}

/* Bring both listings together. */
static int
join(struct answers *answers, const struct listing listings[2])
{
	const struct listing *uidl = listings, *list = NULL;

	if (listings[1].n > 0) {
		uidl = listings[1].numbers ? listings : listings + 1;
		list = listings[1].numbers ? listings + 1 : listings;
	}
	answers->sizes = list != NULL;
	if (list != NULL && (!list->numbers || list->n != uidl->n))
		return complain(answers, uidl->n + 1, "LIST does not tell the "
		    "octets of the messages that UIDL names");
	for (size_t i = 0; list != NULL && i < uidl->n; i++) {
		const struct answers_line *size =
		    &answers->lines[list->from + i];

		if (size->number != answers->lines[uidl->from + i].number)
			return complain(answers, i + 1, "LIST names other "
			    "messages than UIDL");
		answers->lines[uidl->from + i].octets = size->octets;
	}
	memmove(answers->lines, answers->lines + uidl->from,
	    uidl->n * sizeof(*answers->lines));
	answers->n = uidl->n;
	return 0;
}

/* Whether the line holds nothing to be read. */
static bool
is_frame(struct span line)
{
	return line.n == 0 || span_equal(line, SPAN(".")) ||
	    (line.n >= 3 && memcmp(line.p, "+OK", 3) == 0) ||
	    span_equal_nocase(line, SPAN("UIDL")) ||
	    span_equal_nocase(line, SPAN("LIST"));
}

static int
read_text(struct answers *answers, size_t n)
{
	struct listing listings[2] = { { .numbers = true },
	    { .numbers = true } };
	struct span rest = { answers->text, n };

	for (size_t at = 1; rest.p != NULL; at++) {
		struct span line = span_cut(&rest, '\n');

		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (!is_frame(line) &&
		    read_line(answers, listings, line, at) == -1)
			return -1;
	}
	return join(answers, listings);
}

int
answers_read(struct answers *answers, int fd)
{
	size_t lines = 1;
	struct stat st;

	memset(answers, 0, sizeof(*answers));
	if (fstat(fd, &st) == -1 || st.st_size > LIMITS_ADOPTED_OCTETS ||
	    (answers->text = malloc((size_t)st.st_size + 1)) == NULL ||
	    store_read(fd, 0, answers->text, (size_t)st.st_size) == -1) {
		(void)snprintf(answers->why, sizeof(answers->why),
		    "cannot be read");
		return -1;
	}
	for (off_t i = 0; i < st.st_size; i++)
		lines += answers->text[i] == '\n';
	answers->lines = calloc(lines + 1, sizeof(*answers->lines));
	if (answers->lines == NULL)
		return complain(answers, lines, "memory is short");
	return read_text(answers, (size_t)st.st_size);
}

void
answers_free(struct answers *answers)
{
	free(answers->text);
	free(answers->lines);
}
