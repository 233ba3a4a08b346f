/* SPDX-License-Identifier: ISC */
/*
 * The ids of another server.  Its answers are believed only if they fit the
 * mailbox in every point.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "mail/foreign.h"
#include "maildrop/maildrop.h"
#include "tool/answers.h"
#include "tool/source.h"

int
source_say(const struct source *source, const char *why)
{
	(void)printf("%s: %s\n", source->name, why);
	return -1;
}

/* ---- By a rule */

/* Give ${feed} the stored octets of the message at hand. */
static int
read_message(void *from, void (*feed)(void *to, struct span piece), void *to)
{
	struct source *source = from;
	struct maildrop *drop = source->drop;
	uint64_t at = drop->messages[source->i].offset;
	uint64_t end = maildrop_end_of(drop, source->i) -
	    drop->messages[source->i].separator;
	struct span piece;
	int got;

	while ((got = block_next(&drop->block, &at, end, &piece)) == 1)
		feed(to, piece);
	return got;
}

/* Set ${begin} to the octets from ${at} on, up to ${end} or a block of them. */
static int
look(struct maildrop *drop, uint64_t at, uint64_t end, struct span *begin)
{
	ssize_t n;

	if (end - at > LIMITS_BLOCK)
		end = at + LIMITS_BLOCK;
	block_hold(&drop->block, at, end);
	n = block_read(&drop->block, at, end, &begin->p);
	begin->n = n < 0 ? 0 : (size_t)n;
	return n < 0 ? -1 : 0;
}

static int
compute(struct source *source)
{
	struct maildrop *drop = source->drop;
	struct foreign_message message = { .read = read_message,
	    .from = source };
	struct foreign foreign;
	struct span first;
	int n;

	/* A pseudo message is before the first one. */
	if (look(drop, 0, drop->end, &first) == -1)
		return -1;
	while (first.n > 0 && (*first.p == '\n' || *first.p == '\r')) {
		first.p++;
		first.n--;
	}
	foreign_begin(&foreign, (enum foreign_server)source->server,
	    first);
	for (source->i = 0; source->i < drop->count; source->i++) {
		const struct maildrop_message *m = &drop->messages[source->i];
		char id[LIMITS_UID_MAX + 1];

		message.octets = maildrop_end_of(drop, source->i) - m->offset -
		    m->separator;
		if (look(drop, m->offset, m->offset + message.octets,
		    &message.begin) == -1)
			return -1;
		n = foreign_id(&foreign, &message, id);
		if (n == -1)
			return -1;
		memcpy(source->records[source->i].id, id, (size_t)n);
	}
	return 0;
}

/* ---- By a server's answers */

/* What the octets of a message are, counted as servers do. */
enum rule {
	AS_SENT,		/* each line end two octets, as we do */
	WITH_EMPTY,		/* and the empty line behind the message */
	AS_STORED,		/* each line end as it is in the file */
	STORED_WITH_EMPTY,
	WITHOUT_STATE,		/* as sent, but not what mail readers add */
	RULES
};

/* The fields in which mail readers and servers keep the state of a message, and
 * which some servers do not send. */
#define STATE "status|x-status|x-keywords|x-uid|x-imap|x-imapbase|" \
    "content-length"

/* Whether a header line is of one of the fields ${names}. */
static bool
is_among(struct span line, const char *names)
{
	struct span name = span_cut(&line, ':');
	char lower[LIMITS_FIELD + 1];

	if (line.p == NULL || span_copy(name, lower, sizeof(lower)) == -1)
		return false;
	for (char *c = lower; *c != '\0'; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 'a' - 'A' : *c);
	return span_choice(names, span_of(lower)) != -1;
}

/* Return the octets, as they would be sent, of the fields ${names} in a
 * ${header}. */
static uint64_t
count_fields(struct span header, const char *names)
{
	uint64_t octets = 0;
	bool state = false;

	while (header.p != NULL) {
		struct span line = span_cut(&header, '\n');

		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (line.n == 0)
			break;
		if (*line.p != ' ' && *line.p != '\t')
			state = is_among(line, names);
		octets += state ? line.n + 2 : 0;
	}
	return octets;
}

/* Write the octets of message ${i} by each rule.  Returns 1; 0 if a server may
 * change its octets at any time, for it has the state of the mailbox; or -1
 * with errno. */
static int
measure(struct source *source, size_t i, uint64_t octets[RULES])
{
	struct maildrop *drop = source->drop;
	const struct maildrop_message *m = &drop->messages[i];
	uint64_t at, end = maildrop_end_of(drop, i) - m->separator;
	struct span header;

	if (maildrop_text_of(drop, i, &at) == -1 ||
	    look(drop, at, end, &header) == -1)
		return -1;
	octets[AS_SENT] = m->octets;
	octets[WITH_EMPTY] = m->octets + (m->separator > 0 ? 2 : 0);
	octets[AS_STORED] = end - at;
	octets[STORED_WITH_EMPTY] = end - at + m->separator;
	octets[WITHOUT_STATE] = m->octets - count_fields(header, STATE);
	return count_fields(header, "x-imapbase|x-imap") == 0;
}

/* Say that the octets of message ${i} fit no rule that those before fit. */
static int
say_octets(const struct source *source, const struct answers_line *line)
{
	(void)printf("%s: message %" PRIu64 ": the other server says %" PRIu64
	    " octets, dewey %" PRIu64 "\n", source->name, line->number,
	    line->octets, source->drop->messages[line->number - 1].octets);
	return -1;
}

/* Whether the octets of all messages in the answers are those in the mailbox,
 * by the same rule. */
static int
check_octets(struct source *source, const struct answers *answers)
{
	bool holds[RULES] = { true, true, true, true, true }, any = true;
	uint64_t octets[RULES];

	for (size_t i = 0; any && i < answers->n; i++) {
		const struct answers_line *line = &answers->lines[i];
		int got = measure(source, (size_t)line->number - 1, octets);

		if (got == -1)
			return source_say(source, strerror(errno));
		any = got == 0;
		for (int rule = 0; rule < RULES; rule++) {
			holds[rule] = holds[rule] && (got == 0 ||
			    octets[rule] == line->octets);
			any = any || holds[rule];
		}
		if (!any)
			return say_octets(source, line);
	}
	return 0;
}

/* Whether the answers are of this mailbox, as far as can be told. */
static int
check_answers(struct source *source, const struct answers *answers)
{
	const struct maildrop *drop = source->drop;

	if (answers->n == 0)
		return source_say(source, "there is no answer to UIDL in the "
		    "file");
	if (answers->lines[answers->n - 1].number > drop->count)
		return source_say(source, "the other server has more messages");
	if (answers->sizes)
		return check_octets(source, answers);
	/* Without sizes nothing else could tell that numbers have shifted. */
	if (answers->n != drop->count)
		return source_say(source, "the other server has fewer "
		    "messages: to be sure which, its answer to LIST is "
		    "needed, too");
	return 0;
}

static int
take_answers(struct source *source)
{
	struct answers answers;
	int result = answers_read(&answers, source->file);

	if (result == -1)
		(void)source_say(source, answers.why);
	else
		result = check_answers(source, &answers);
	for (size_t i = 0; result == 0 && i < answers.n; i++) {
		const struct answers_line *line = &answers.lines[i];

		memcpy(source->records[line->number - 1].id, line->id.p,
		    line->id.n);
	}
	answers_free(&answers);
	return result;
}

int
source_take(struct source *source)
{
	if (source->server == -1)
		return take_answers(source);
	return compute(source) == 0 ? 0 : source_say(source, strerror(errno));
}
