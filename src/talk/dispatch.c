/* SPDX-License-Identifier: ISC */
/*
 * From a line to its reply.  The verb chooses a row, the row says what argument
 * it takes, and only whole and sound commands reach a handler.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "spool/mailbox.h"
#include "talk/dispatch.h"

static const char *const texts[] = {
	[DISPATCH_SENT] = "",
	[DISPATCH_LEFT] = "",
	[DISPATCH_CLOSED] = "",
	[DISPATCH_GREETING_APOP] = "+OK POP3 server ready %s",
	[DISPATCH_GREETING] = "+OK POP3 server ready",
	[DISPATCH_USER] = "+OK %s is a real hoopy frood",
	[DISPATCH_USER_UNNAMED] = "+OK send PASS",
	[DISPATCH_NO_USER] = "-ERR [AUTH] sorry, no mailbox for %s here",
	[DISPATCH_NO_USER_UNNAMED] = "-ERR [AUTH] sorry, no mailbox here",
	[DISPATCH_MAILDROP_OF] =
	    "+OK %s's maildrop has %n message%N (%o octet%O)",
	[DISPATCH_MAILDROP] = "+OK maildrop has %n message%N (%o octet%O)",
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
	[DISPATCH_NOT_A_FILE] =
	    "-ERR [SYS/PERM] maildrop is not a regular file",
	[DISPATCH_FOREIGN] =
	    "-ERR [SYS/PERM] maildrop has an unsafe owner or mode",
	[DISPATCH_DENIED] = "-ERR [SYS/PERM] maildrop cannot be opened",
	[DISPATCH_CHANGED] =
	    ("-ERR [SYS/TEMP] mailbox was changed by another program, "
	    "log in again"),
	[DISPATCH_TROUBLE] = "-ERR [SYS/TEMP] maildrop trouble, try later",
	[DISPATCH_STAT] = "+OK %n %o",
	[DISPATCH_LIST_ALL] = "+OK %n message%N (%o octet%O)",
	[DISPATCH_ITEM] = "+OK %n %s",
	[DISPATCH_UIDL_ALL] = "+OK",
	[DISPATCH_RETR] = "+OK %o octet%O",
	[DISPATCH_TOP] = "+OK",
	[DISPATCH_DELETED] = "+OK message %n deleted",
	[DISPATCH_OK] = "+OK",
	[DISPATCH_NO_SUCH] =
	    "-ERR no such message, only %n message%N in maildrop",
	[DISPATCH_NO_SUCH_TOP] = "-ERR no such message",
	[DISPATCH_IS_DELETED] = "-ERR message %n is deleted",
	[DISPATCH_ALREADY_DELETED] = "-ERR message %n already deleted",
	[DISPATCH_READ_ONLY] = "-ERR [SYS/PERM] maildrop is read-only",
	[DISPATCH_CAPA] = "+OK capability list follows",
	[DISPATCH_BYE] = "+OK %s POP3 server signing off",
	[DISPATCH_BYE_EMPTY] =
	    "+OK %s POP3 server signing off (maildrop empty)",
	[DISPATCH_BYE_LEFT] =
	    "+OK %s POP3 server signing off (%n message%N left)",
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
	const struct dispatch_reply reply = { .text = DISPATCH_CAPA };

	dispatch_say(wire, &reply);
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

/* What ${reply} puts in the place %${place} of its text. */
static struct span
fill_in(const struct dispatch_reply *reply, char place,
    char digits[SPAN_DIGITS])
{
	switch (place) {
	case 'n':
		return span_digits(reply->n, digits);
	case 'o':
		return span_digits(reply->octets, digits);
	case 'N':
		return span_of(reply->n == 1 ? NULL : "s");
	case 'O':
		return span_of(reply->octets == 1 ? NULL : "s");
	case 's':
		return reply->name;
	default:
		return reply->second;
	}
}

void
dispatch_say(struct wire *wire, const struct dispatch_reply *reply)
{
	const char *text = texts[reply->text];
	struct line line = { .n = 0 };
	char digits[SPAN_DIGITS];

	if (*text == '\0')
		return;
	for (; *text != '\0'; text++)
		if (*text == '%')
			append(&line, fill_in(reply, *++text, digits));
		else
			append(&line, (struct span){ text, 1 });
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
	[DISPATCH_NAME_AND_DIGEST] = { 2, 2, false, false,
	    "a name and a digest" },
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
	    span_equal_nocase(verb, SPAN("APOP"))) {
		log_dialogue("C: ", verb.p, verb.n);
		log_dialogue("C:   (a secret)", "", 0);
	} else {
		log_dialogue("C: ", line.p, line.n);
	}
}

static enum dispatch_text
run_line(const struct dispatch *dispatch, struct span line, void *state,
    struct dispatch_reply *reply)
{
	const struct dispatch_row *row = dispatch->rows;
	struct dispatch_command command = { .given = 0 };
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
		return DISPATCH_MALFORMED;
	if (row->verb == NULL)
		return DISPATCH_UNKNOWN;
	command.verb = reply->name = span_of(row->verb);
	if (row->handler == NULL) {
		reply->second = span_of(dispatch->name);
		return DISPATCH_WRONG_STATE;
	}
	if (!parse(&command, row->argument, rest)) {
		reply->second = span_of(arguments[row->argument].name);
		return DISPATCH_BAD_ARGUMENT;
	}
	return row->handler(state, &command, reply);
}

static bool
is_bad(enum dispatch_text text)
{
	return text == DISPATCH_UNKNOWN || text == DISPATCH_MALFORMED ||
	    text == DISPATCH_TOO_LONG;
}

/* Whether the state ends with this reply, and how. */
static enum dispatch_end
end_with(enum dispatch_text text)
{
	switch (text) {
	case DISPATCH_LEFT:
		return DISPATCH_END_LEFT;
	case DISPATCH_CLOSED:
	case DISPATCH_BYE:
	case DISPATCH_REFUSED_LAST:
		return DISPATCH_END_CLOSED;
	case DISPATCH_TOO_MANY_BAD:
		return DISPATCH_END_BAD;
	default:
		return DISPATCH_END_NOT;
	}
}

enum dispatch_end
dispatch_run(const struct dispatch *dispatch, struct wire *wire, void *state)
{
	enum dispatch_end end;

	do {
		struct dispatch_reply reply = { .text = DISPATCH_TOO_LONG };
		struct span line;

		switch (wire_read_line(wire, &line)) {
		case WIRE_LINE:
			reply.text = run_line(dispatch, line, state, &reply);
			break;
		case WIRE_TOO_LONG:
			break;
		case WIRE_MALFORMED:
			reply.text = DISPATCH_MALFORMED;
			break;
		case WIRE_NO_LINE:
			return DISPATCH_END_WIRE;
		}
		if (is_bad(reply.text) &&
		    ++*dispatch->bad >= LIMITS_BAD_COMMANDS)
			reply.text = DISPATCH_TOO_MANY_BAD;
		dispatch_say(wire, &reply);
		end = end_with(reply.text);
	} while (end == DISPATCH_END_NOT);
	return end;
}
