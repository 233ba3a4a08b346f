/* SPDX-License-Identifier: ISC */
/*
 * From a line to its reply.  The verb chooses a row, the row says what argument
 * it takes, and only whole and sound commands reach a handler.
 */
#include "config.h"

#include <errno.h>

#include "base/limits.h"
#include "base/log.h"
#include "talk/dispatch.h"

/* Whether ${s} has no octet above 126; controls did not come this far. */
static bool
is_ascii(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x7f)
			return false;
	return true;
}

static const struct {
	unsigned char least, most;	/* words there are */
	bool numbers;		/* and all of them are decimal numbers */
	bool bytes;		/* octets above 126 are taken */
	const char *name;
} arguments[] = {
	[DISPATCH_NONE] = { 0, 0, false, false, "no argument" },
	[DISPATCH_NUMBER] = { 1, 1, true, false, "a message-number" },
	[DISPATCH_MAYBE_NUMBER] = { 0, 1, true, false, "a message-number" },
	[DISPATCH_TWO_NUMBERS] = { 2, 2, true, false,
	    "a message-number and a number of lines" },
	[DISPATCH_NAME] = { 1, 1, false, true, "a name" },
	[DISPATCH_NAME_AND_DIGEST] = { 2, 2, false, true,
	    "a name and a digest" },
	[DISPATCH_LANGUAGE] = { 0, 1, false, false, "a language" },
	[DISPATCH_MECHANISM] = { 0, 2, false, false,
	    "a mechanism and perhaps an initial response" },
	/* As it is, blanks included: it is not cut into words. */
	[DISPATCH_PASSWORD] = { 0, 0, false, true, "a password" },
};

/* Read what stands behind the verb.  ${rest}.p is NULL if nothing does. */
static bool
parse(struct dispatch_command *command, enum dispatch_argument argument,
    struct span rest)
{
	unsigned n = 0;

	if (argument == DISPATCH_PASSWORD) {
		command->words[0] = rest;
		return rest.p != NULL;
	}
	while (rest.p != NULL) {
		struct span word = span_cut(&rest, ' ');

		if (word.n == 0)
			continue;
		if (n == arguments[argument].most)
			return false;
		command->words[n] = word;
		/* A number too large for us is larger than any message's, and
		 * more lines than any message has. */
		if (arguments[argument].numbers && span_number(word, UINT64_MAX,
		    &command->numbers[n]) == -1) {
			if (errno != ERANGE)
				return false;
			command->numbers[n] = UINT64_MAX;
		}
		n++;
	}
	command->given = n;
	return n >= arguments[argument].least;
}

/* Show what the client said, without its secrets. */
static void
show(struct span line, struct span verb)
{
	if (span_equal_nocase(verb, SPAN("PASS")) ||
	    span_equal_nocase(verb, SPAN("APOP")) ||
	    span_equal_nocase(verb, SPAN("AUTH"))) {
		log_dialogue("C: ", verb.p, verb.n);
		log_dialogue("C:   (a secret)", "", 0);
	} else {
		log_dialogue("C: ", line.p, line.n);
	}
}

static enum reply_text
run_line(const struct dispatch *dispatch, struct span line, void *state,
    struct dispatch_command *command)
{
	const struct dispatch_row *row = dispatch->rows;
	struct span rest = line, verb;

	/* Blanks before the verb are tolerated, too. */
	do
		verb = span_cut(&rest, ' ');
	while (verb.n == 0 && rest.p != NULL);
	show(line, verb);
	while (row->verb != NULL &&
	    !span_equal_nocase(verb, span_of(row->verb)))
		row++;
	if ((row->verb == NULL || !arguments[row->argument].bytes) &&
	    !is_ascii(line))
		return REPLY_MALFORMED;
	if (row->verb == NULL)
		return REPLY_UNKNOWN;
	command->verb = command->reply.name = span_of(row->verb);
	if (row->handler == NULL) {
		command->reply.second = span_of(dispatch->name);
		return REPLY_WRONG_STATE;
	}
	if (!parse(command, row->argument, rest)) {
		command->reply.second = span_of(arguments[row->argument].name);
		return REPLY_BAD_ARGUMENT;
	}
	return row->handler(state, command);
}

static bool
is_bad(enum reply_text text)
{
	return text == REPLY_UNKNOWN || text == REPLY_MALFORMED ||
	    text == REPLY_TOO_LONG;
}

/* Whether the state ends with this reply, and how. */
static enum dispatch_end
end_with(enum reply_text text)
{
	switch (text) {
	case REPLY_LEFT:
		return DISPATCH_END_LEFT;
	case REPLY_CLOSED:
	case REPLY_BYE:
	case REPLY_REFUSED_LAST:
		return DISPATCH_END_CLOSED;
	case REPLY_TOO_MANY_BAD:
		return DISPATCH_END_BAD;
	default:
		return DISPATCH_END_NOT;
	}
}

enum dispatch_end
dispatch_run(const struct dispatch *dispatch, struct wire *wire, void *state)
{
	unsigned bad = 0;	/* in a row */
	uint64_t lines = 0;
	enum dispatch_end end;

	do {
		struct dispatch_command command = { .given = 0 };
		enum reply_text text = REPLY_TOO_LONG;
		struct span line;

		switch (wire_read_line(wire, &line)) {
		case WIRE_LINE:
			text = lines++ == dispatch->most ? REPLY_TOO_MANY_BAD :
			    run_line(dispatch, line, state, &command);
			break;
		case WIRE_TOO_LONG:
			break;
		case WIRE_MALFORMED:
			text = REPLY_MALFORMED;
			break;
		case WIRE_NO_LINE:
			return DISPATCH_END_WIRE;
		}
		bad = is_bad(text) ? bad + 1 : 0;
		if (bad == LIMITS_BAD_COMMANDS)
			text = REPLY_TOO_MANY_BAD;
		command.reply.text = text;
		reply_say(wire, &command.reply);
		end = end_with(text);
	} while (end == DISPATCH_END_NOT);
	return end;
}
