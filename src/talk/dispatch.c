/* SPDX-License-Identifier: ISC */
/*
 * From a line to its reply.  The verb chooses a row, the row says which
 * arguments there are, and only whole and sound commands reach a handler.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "spool/mailbox.h"
#include "talk/dispatch.h"

static const char *const texts[] = {
	[DISPATCH_SENT] = "",
	[DISPATCH_GREETING_APOP] = "+OK POP3 server ready %s",
	[DISPATCH_GREETING] = "+OK POP3 server ready",
	[DISPATCH_USER] = "+OK %s is a real hoopy frood",
	[DISPATCH_USER_UNNAMED] = "+OK send PASS",
	[DISPATCH_NO_USER] = "-ERR [AUTH] sorry, no mailbox for %s here",
	[DISPATCH_NO_USER_UNNAMED] = "-ERR [AUTH] sorry, no mailbox here",
	[DISPATCH_MAILDROP_OF] = "+OK %s's maildrop has %m (%o)",
	[DISPATCH_MAILDROP] = "+OK maildrop has %m (%o)",
	[DISPATCH_REFUSED] = "-ERR [AUTH] name or credentials refused",
	[DISPATCH_REFUSED_LAST] =
	    "-ERR [AUTH] name or credentials refused, too many tries",
	[DISPATCH_NO_PLAINTEXT] =
	    "-ERR [AUTH] no passwords in plain text on this connection",
	[DISPATCH_NO_PASSWORDS] =
	    "-ERR [SYS/PERM] no passwords are set up here, use APOP",
	[DISPATCH_NO_APOP] = "-ERR [SYS/PERM] APOP is not available",
	[DISPATCH_NO_NAME] = "-ERR PASS comes after USER",
	[DISPATCH_IN_USE] = "-ERR [IN-USE] maildrop already locked",
	[DISPATCH_LOCKED] =
	    "-ERR [SYS/TEMP] maildrop is busy with another program, try later",
	[DISPATCH_NOT_MBOX] = "-ERR [SYS/PERM] maildrop is not an mbox",
	[DISPATCH_NO_DIRECTORY] =
	    "-ERR [SYS/PERM] maildrop has no directory to be in",
	[DISPATCH_NOT_A_FILE] = "-ERR [SYS/PERM] maildrop is not a regular file",
	[DISPATCH_FOREIGN] =
	    "-ERR [SYS/PERM] maildrop has an unsafe owner or mode",
	[DISPATCH_DENIED] = "-ERR [SYS/PERM] maildrop cannot be opened",
	[DISPATCH_CHANGED] =
	    ("-ERR [SYS/TEMP] mailbox was changed by another program, "
	    "log in again"),
	[DISPATCH_TROUBLE] = "-ERR [SYS/TEMP] maildrop trouble, try later",
	[DISPATCH_STAT] = "+OK %n %c",
	[DISPATCH_LIST_ALL] = "+OK %m (%o)",
	[DISPATCH_LIST_ONE] = "+OK %n %c",
	[DISPATCH_UIDL_ALL] = "+OK",
	[DISPATCH_UIDL_ONE] = "+OK %n %s",
	[DISPATCH_RETR] = "+OK %o",
	[DISPATCH_TOP] = "+OK",
	[DISPATCH_DELETED] = "+OK message %n deleted",
	[DISPATCH_OK] = "+OK",
	[DISPATCH_NO_SUCH] = "-ERR no such message, only %m in maildrop",
	[DISPATCH_NO_SUCH_TOP] = "-ERR no such message",
	[DISPATCH_IS_DELETED] = "-ERR message %n is deleted",
	[DISPATCH_ALREADY_DELETED] = "-ERR message %n already deleted",
	[DISPATCH_READ_ONLY] = "-ERR [SYS/PERM] maildrop is read-only",
	[DISPATCH_CAPA] = "+OK capability list follows",
	[DISPATCH_BYE] = "+OK %s POP3 server signing off",
	[DISPATCH_BYE_EMPTY] = "+OK %s POP3 server signing off (maildrop empty)",
	[DISPATCH_BYE_LEFT] = "+OK %s POP3 server signing off (%m left)",
	[DISPATCH_NOT_REMOVED] =
	    "-ERR [SYS/TEMP] some deleted messages not removed",
	[DISPATCH_UNKNOWN] = "-ERR unknown command",
	[DISPATCH_WRONG_STATE] = "-ERR %s is not valid in the %t state",
	[DISPATCH_BAD_ARGUMENT] = "-ERR %s takes %t",
	[DISPATCH_TOO_LONG] = "-ERR line too long",
	[DISPATCH_MALFORMED] = "-ERR malformed command",
	[DISPATCH_TOO_MANY_BAD] = "-ERR too many bad commands",
	[DISPATCH_MISCONFIGURED] = "-ERR [SYS/PERM] server is misconfigured",
};

void
dispatch_capabilities(struct wire *wire, bool user, bool transaction)
{
	wire_put(wire, SPAN("TOP\r\nUIDL\r\n"));
	if (user)
		wire_put(wire, SPAN("USER\r\n"));
	wire_put(wire, SPAN("RESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n"
	    "EXPIRE NEVER\r\n"));
	if (transaction)
		wire_put(wire, SPAN("IMPLEMENTATION dewey-" PACKAGE_VERSION
		    "\r\n"));
	wire_put(wire, SPAN(".\r\n"));
}

enum dispatch_text
dispatch_fault(unsigned fault)
{
	static const enum dispatch_text of[] = {
		[MAILBOX_FINE] = DISPATCH_OK,
		[MAILBOX_IN_USE] = DISPATCH_IN_USE,
		[MAILBOX_LOCKED] = DISPATCH_LOCKED,
		[MAILBOX_NOT_MBOX] = DISPATCH_NOT_MBOX,
		[MAILBOX_NO_DIRECTORY] = DISPATCH_NO_DIRECTORY,
		[MAILBOX_NOT_A_FILE] = DISPATCH_NOT_A_FILE,
		[MAILBOX_FOREIGN] = DISPATCH_FOREIGN,
		[MAILBOX_DENIED] = DISPATCH_DENIED,
		[MAILBOX_CHANGED] = DISPATCH_CHANGED,
		[MAILBOX_TROUBLE] = DISPATCH_TROUBLE,
	};

	return fault < sizeof(of) / sizeof(of[0]) ? of[fault] :
	    DISPATCH_TROUBLE;
}

/* A reply being written: what does not fit is left out. */
struct line {
	size_t n;
	char octets[LIMITS_REPLY];
};

static void
append(struct line *line, struct span s)
{
	size_t room = LIMITS_REPLY - 2 - line->n;

	if (s.n > room)
		s.n = room;
	if (s.n > 0)
		memcpy(line->octets + line->n, s.p, s.n);
	line->n += s.n;
}

/* Append ${n}, and ${unit} in its singular or plural if there is one. */
static void
append_number(struct line *line, uint64_t n, const char *unit)
{
	char digits[SPAN_DIGITS];

	append(line, span_digits(n, digits));
	if (unit == NULL)
		return;
	append(line, span_of(unit));
	if (n != 1)
		append(line, SPAN("s"));
}

void
dispatch_say(struct wire *wire, const struct dispatch_reply *reply)
{
	struct line line = { .n = 0 };

	if (reply->text == DISPATCH_SENT)
		return;
	for (const char *t = texts[reply->text]; *t != '\0'; t++) {
		if (*t != '%') {
			append(&line, (struct span){ t, 1 });
			continue;
		}
		switch (*++t) {
		case 'n':
			append_number(&line, reply->n, NULL);
			break;
		case 'm':
			append_number(&line, reply->n, " message");
			break;
		case 'o':
			append_number(&line, reply->octets, " octet");
			break;
		case 'c':
			append_number(&line, reply->octets, NULL);
			break;
		case 's':
			append(&line, reply->name);
			break;
		default:
			append(&line, reply->second);
		}
	}
	log_dialogue("S: ", line.octets, line.n);
	memcpy(line.octets + line.n, "\r\n", 2);
	wire_put(wire, (struct span){ line.octets, line.n + 2 });
}

/* Whether ${s} has no octet above 126; controls did not come this far. */
static bool
is_ascii(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x7f)
			return false;
	return true;
}

static bool
parse_numbers(struct dispatch_command *command, unsigned least, unsigned most)
{
	if (command->given < least || command->given > most)
		return false;
	for (unsigned i = 0; i < command->given; i++) {
		struct span word = command->words[i];

		/* A number too large for us is larger than any message's, and
		 * more lines than any message has. */
		if (span_number(word, UINT64_MAX, &command->numbers[i]) == -1) {
			for (size_t k = 0; k < word.n; k++)
				if (word.p[k] < '0' || word.p[k] > '9')
					return false;
			command->numbers[i] = UINT64_MAX;
		}
	}
	return true;
}

/* Cut ${rest} into words at blanks.  Returns how many there are. */
static unsigned
cut_words(struct span rest, struct span words[2])
{
	unsigned n = 0;

	while (rest.p != NULL) {
		struct span word = span_cut(&rest, ' ');

		if (word.n > 0 && n < 2)
			words[n] = word;
		n += word.n > 0;
	}
	return n;
}

/* Read what stands behind the verb.  ${rest}.p is NULL if nothing does. */
static bool
parse(struct dispatch_command *command, enum dispatch_argument argument,
    struct span rest)
{
	command->given = cut_words(rest, command->words);
	switch (argument) {
	case DISPATCH_NONE:
		return command->given == 0;
	case DISPATCH_NUMBER:
		return parse_numbers(command, 1, 1);
	case DISPATCH_MAYBE_NUMBER:
		return parse_numbers(command, 0, 1);
	case DISPATCH_TWO_NUMBERS:
		return parse_numbers(command, 2, 2);
	case DISPATCH_WORD:
		return command->given == 1;
	case DISPATCH_TWO_WORDS:
		return command->given == 2;
	case DISPATCH_OCTETS:
		command->words[0] = rest;
		return rest.p != NULL;
	case DISPATCH_ANYTHING:
		return true;
	}
	return false;
}

static bool
takes_8bit(enum dispatch_argument argument)
{
	return argument == DISPATCH_WORD || argument == DISPATCH_OCTETS;
}

/* Show what the client said, without its secrets. */
static void
show(struct span line, struct span verb)
{
	if (span_equal_nocase(verb, SPAN("PASS")) ||
	    span_equal_nocase(verb, SPAN("APOP"))) {
		log_dialogue("C: ", verb.p, verb.n);
		log_dialogue("C:   (a secret)", "", 0);
	} else {
		log_dialogue("C: ", line.p, line.n);
	}
}

/* The reply to a line that no handler will see. */
static enum dispatch_text
judge_stranger(const struct dispatch *dispatch,
    struct dispatch_command *command)
{
	for (const char *const *v = dispatch->elsewhere; *v != NULL; v++)
		if (span_equal_nocase(command->verb, span_of(*v))) {
			command->verb = span_of(*v);
			return DISPATCH_WRONG_STATE;
		}
	return DISPATCH_UNKNOWN;
}

static enum dispatch_next
run_line(const struct dispatch *dispatch, struct span line, void *state,
    struct dispatch_reply *reply)
{
	struct span rest = line;
	struct dispatch_command command = { .given = 0 };
	const struct dispatch_row *row = dispatch->rows;

	/* Blanks before the verb are tolerated, too. */
	while (rest.n > 0 && rest.p[0] == ' ') {
		rest.p++;
		rest.n--;
	}
	command.verb = span_cut(&rest, ' ');
	show(line, command.verb);
	while (row->verb != NULL &&
	    !span_equal_nocase(command.verb, span_of(row->verb)))
		row++;
	if (!is_ascii(command.verb) || ((row->verb == NULL ||
	    !takes_8bit(row->argument)) && !is_ascii(line))) {
		reply->text = DISPATCH_MALFORMED;
		return DISPATCH_STAY;
	}
	if (row->verb == NULL) {
		reply->text = judge_stranger(dispatch, &command);
		reply->name = command.verb;
		reply->second = span_of(dispatch->name);
		return DISPATCH_STAY;
	}
	command.verb = span_of(row->verb);
	if (!parse(&command, row->argument, rest)) {
		reply->text = DISPATCH_BAD_ARGUMENT;
		reply->name = command.verb;
		reply->second = span_of(row->wants);
		return DISPATCH_STAY;
	}
	return row->handler(state, &command, reply);
}

/* Count the lines that were no commands; too many end the session. */
static bool
is_too_much(const struct dispatch *dispatch, struct dispatch_reply *reply)
{
	switch (reply->text) {
	case DISPATCH_UNKNOWN:
	case DISPATCH_MALFORMED:
	case DISPATCH_TOO_LONG:
		if (++*dispatch->bad < LIMITS_BAD_COMMANDS)
			return false;
		reply->text = DISPATCH_TOO_MANY_BAD;
		return true;
	default:
		return false;
	}
}

enum dispatch_end
dispatch_run(const struct dispatch *dispatch, struct wire *wire, void *state)
{
	for (;;) {
		struct dispatch_reply reply = { .text = DISPATCH_SENT };
		enum dispatch_next next = DISPATCH_STAY;
		struct span line;
		bool enough;

		switch (wire_read_line(wire, &line)) {
		case WIRE_LINE:
			next = run_line(dispatch, line, state, &reply);
			break;
		case WIRE_TOO_LONG:
			reply.text = DISPATCH_TOO_LONG;
			break;
		case WIRE_MALFORMED:
			reply.text = DISPATCH_MALFORMED;
			break;
		case WIRE_NO_LINE:
			return DISPATCH_END_WIRE;
		}
		enough = is_too_much(dispatch, &reply);
		dispatch_say(wire, &reply);
		if (enough)
			return DISPATCH_END_BAD;
		if (next != DISPATCH_STAY)
			return next == DISPATCH_LEAVE ? DISPATCH_END_LEFT :
			    DISPATCH_END_CLOSED;
		if (wire->end == WIRE_LOST || wire->end == WIRE_TIMEOUT)
			return DISPATCH_END_WIRE;
	}
}
