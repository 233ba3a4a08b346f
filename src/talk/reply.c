/* SPDX-License-Identifier: ISC */
/*
 * What the client is told.
 */
#include "config.h"

#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "spool/mailbox.h"
#include "talk/reply.h"

/* NULL: nothing is said.  fetchmail comes back if a refusal has "lock" or
 * "wait" in it, and takes any other one for a wrong password: those that pass
 * by themselves have such a word, and no other has one. */
static const char *const texts[] = {
	[REPLY_GREETING_APOP] = "+OK POP3 server ready %s",
	[REPLY_GREETING] = "+OK POP3 server ready",
	[REPLY_USER] = "+OK %s is a real hoopy frood",
	[REPLY_USER_UNNAMED] = "+OK send PASS",
	[REPLY_NO_USER] = "-ERR [AUTH] sorry, no mailbox for %s here",
	[REPLY_NO_USER_UNNAMED] = "-ERR [AUTH] sorry, no mailbox here",
	[REPLY_MAILDROP_OF] =
	    "+OK %s's maildrop has %n message%N (%o octet%O)",
	[REPLY_MAILDROP] = "+OK maildrop has %n message%N (%o octet%O)",
	[REPLY_REFUSED] = "-ERR [AUTH] name or credentials refused",
	[REPLY_REFUSED_LAST] =
	    "-ERR [AUTH] name or credentials refused, too many tries",
	[REPLY_NO_PLAINTEXT] =
	    "-ERR [AUTH] no passwords in plain text on this connection",
	[REPLY_NO_PASSWORDS] =
	    "-ERR [SYS/PERM] no passwords are set up here, use APOP",
	[REPLY_NO_APOP] = "-ERR [SYS/PERM] APOP is not available",
	[REPLY_NO_NAME] = "-ERR PASS comes after USER",
	[REPLY_NO_MECHANISM] = "-ERR no such mechanism, AUTH alone lists them",
	[REPLY_BAD_EXCHANGE] = "-ERR malformed authentication exchange",
	[REPLY_CANCELLED] = "-ERR authentication cancelled",
	[REPLY_NOT_ONESELF] = "-ERR [AUTH] nobody may log in for another user",
	[REPLY_MECHANISMS] = "+OK list of mechanisms follows",
	[REPLY_UTF8] = "+OK names and passwords are UTF-8",
	[REPLY_LANGUAGES] = "+OK list of languages follows",
	[REPLY_LANGUAGE] = "+OK %s English",
	[REPLY_NO_LANGUAGE] = "-ERR no such language, LANG alone lists them",
	[REPLY_STLS] = "+OK begin TLS",
	[REPLY_HAS_TLS] = "-ERR this connection has TLS already",
	[REPLY_IN_USE] = "-ERR [IN-USE] maildrop already locked",
	[REPLY_EARLY] =
	    "-ERR [LOGIN-DELAY] wait, the last login was a short time ago",
	[REPLY_LOCKED] =
	    ("-ERR [SYS/TEMP] maildrop is locked by another program, "
	    "wait and try again"),
	[REPLY_NOT_MBOX] = "-ERR [SYS/PERM] maildrop is not an mbox",
	[REPLY_NO_DIRECTORY] =
	    "-ERR [SYS/PERM] maildrop has no directory to be in",
	[REPLY_NOT_A_FILE] =
	    "-ERR [SYS/PERM] maildrop is not a regular file",
	[REPLY_FOREIGN] =
	    "-ERR [SYS/PERM] maildrop has an unsafe owner or mode",
	[REPLY_DENIED] = "-ERR [SYS/PERM] maildrop cannot be opened",
	[REPLY_CHANGED] =
	    ("-ERR [SYS/TEMP] mailbox was changed by another program, "
	    "wait and log in again"),
	[REPLY_TROUBLE] =
	    "-ERR [SYS/TEMP] maildrop trouble, wait and try again",
	[REPLY_STAT] = "+OK %n %o",
	[REPLY_LIST_ALL] = "+OK %n message%N (%o octet%O)",
	[REPLY_ITEM] = "+OK %n %s",
	[REPLY_UIDL_ALL] = "+OK",
	[REPLY_RETR] = "+OK %o octet%O",
	[REPLY_TOP] = "+OK",
	[REPLY_DELETED] = "+OK message %n deleted",
	[REPLY_OK] = "+OK",
	[REPLY_NO_SUCH] =
	    "-ERR no such message, only %n message%N in maildrop",
	[REPLY_NO_SUCH_TOP] = "-ERR no such message",
	[REPLY_IS_DELETED] = "-ERR message %n is deleted",
	[REPLY_ALREADY_DELETED] = "-ERR message %n already deleted",
	[REPLY_READ_ONLY] = "-ERR [SYS/PERM] maildrop is read-only",
	[REPLY_CAPA] = "+OK capability list follows",
	[REPLY_BYE] = "+OK %s POP3 server signing off",
	[REPLY_BYE_EMPTY] =
	    "+OK %s POP3 server signing off (maildrop empty)",
	[REPLY_BYE_LEFT] =
	    "+OK %s POP3 server signing off (%n message%N left)",
	[REPLY_NOT_REMOVED] =
	    "-ERR [SYS/TEMP] some deleted messages not removed",
	[REPLY_UNKNOWN] = "-ERR unknown command",
	[REPLY_WRONG_STATE] = "-ERR %s is not valid in the %t state",
	[REPLY_BAD_ARGUMENT] = "-ERR %s takes %t",
	[REPLY_TOO_LONG] = "-ERR line too long",
	[REPLY_MALFORMED] = "-ERR malformed command",
	[REPLY_TOO_MANY_BAD] = "-ERR too many bad commands",
	[REPLY_UNJUDGED] = ("-ERR [SYS/TEMP] passwords cannot be checked now, "
	    "wait and try again"),
	[REPLY_MISCONFIGURED] = "-ERR [SYS/PERM] server is misconfigured",
};

/* Put the SASL mechanisms among ${offers}, the strongest first, each between
 * ${before} and ${behind}. */
static void
put_mechanisms(struct wire *wire, unsigned offers, struct span before,
    struct span behind)
{
	static const struct {
		enum reply_offer offer;
		const char *name;
	} rows[] = {
		{ REPLY_OFFER_SCRAM_PLUS, "SCRAM-SHA-256-PLUS" },
		{ REPLY_OFFER_SCRAM, "SCRAM-SHA-256" },
		{ REPLY_OFFER_CRAM, "CRAM-MD5" },
		{ REPLY_OFFER_PASSWORD, "PLAIN" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if ((offers & rows[i].offer) == 0)
			continue;
		wire_put(wire, before);
		wire_put(wire, span_of(rows[i].name));
		wire_put(wire, behind);
	}
}

void
reply_mechanisms(struct wire *wire, unsigned offers)
{
	const struct reply reply = { .text = REPLY_MECHANISMS };

	reply_say(wire, &reply);
	put_mechanisms(wire, offers, SPAN(""), SPAN("\r\n"));
	wire_put(wire, SPAN(".\r\n"));
}

void
reply_capabilities(struct wire *wire, unsigned offers, unsigned delay,
    bool transaction)
{
	const struct reply reply = { .text = REPLY_CAPA };
	char digits[SPAN_DIGITS];

	reply_say(wire, &reply);
	wire_put(wire, SPAN("TOP\r\nUIDL\r\n"));
	if ((offers & REPLY_OFFER_PASSWORD) != 0)
		wire_put(wire, SPAN("USER\r\n"));
	if ((offers & ~(unsigned)REPLY_OFFER_STLS) != 0) {
		wire_put(wire, SPAN("SASL"));
		put_mechanisms(wire, offers, SPAN(" "), SPAN(""));
		wire_put(wire, SPAN("\r\n"));
	}
	if ((offers & REPLY_OFFER_STLS) != 0)
		wire_put(wire, SPAN("STLS\r\n"));
	wire_put(wire, SPAN("RESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n"
	    "EXPIRE NEVER\r\nUTF8 USER\r\nLANG\r\n"));
	if (delay > 0) {
		wire_put(wire, SPAN("LOGIN-DELAY "));
		wire_put(wire, span_digits(delay, digits));
		wire_put(wire, SPAN("\r\n"));
	}
	if (transaction)
		wire_put(wire, SPAN("IMPLEMENTATION dewey-" PACKAGE_VERSION
		    "\r\n"));
	wire_put(wire, SPAN(".\r\n"));
}

enum reply_text
reply_language(struct wire *wire, struct span range, struct reply *reply)
{
	const struct reply list = { .text = REPLY_LANGUAGES };
	struct span rest = range, first = span_cut(&rest, '-');

	if (range.n == 0) {
		reply_say(wire, &list);
		wire_put(wire, SPAN("en English\r\ni-default English\r\n"
		    ".\r\n"));
		return REPLY_SENT;
	}
	reply->name = SPAN("i-default");
	if (span_equal_nocase(range, reply->name))
		return REPLY_LANGUAGE;
	/* Of en-GB English is left (RFC 4647 s3.4). */
	reply->name = SPAN("en");
	return span_equal(range, SPAN("*")) ||
	    span_equal_nocase(first, reply->name) ? REPLY_LANGUAGE :
	    REPLY_NO_LANGUAGE;
}

enum reply_text
reply_fault(unsigned fault)
{
	static const enum reply_text of[] = {
		[MAILBOX_FINE] = REPLY_OK,
		[MAILBOX_IN_USE] = REPLY_IN_USE,
		[MAILBOX_EARLY] = REPLY_EARLY,
		[MAILBOX_LOCKED] = REPLY_LOCKED,
		[MAILBOX_NOT_MBOX] = REPLY_NOT_MBOX,
		[MAILBOX_NO_DIRECTORY] = REPLY_NO_DIRECTORY,
		[MAILBOX_NOT_A_FILE] = REPLY_NOT_A_FILE,
		[MAILBOX_FOREIGN] = REPLY_FOREIGN,
		[MAILBOX_DENIED] = REPLY_DENIED,
		[MAILBOX_CHANGED] = REPLY_CHANGED,
		[MAILBOX_TROUBLE] = REPLY_TROUBLE,
	};

	return fault < sizeof(of) / sizeof(of[0]) ? of[fault] : REPLY_TROUBLE;
}

/* A reply while it is written; what does not fit is left out. */
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
	if (s.n == 0 || s.p == NULL)
		return;
	memcpy(line->octets + line->n, s.p, s.n);
	line->n += s.n;
}

/* What ${reply} puts in the place %${place} of its text. */
static struct span
fill_in(const struct reply *reply, char place, char digits[SPAN_DIGITS])
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
reply_say(struct wire *wire, const struct reply *reply)
{
	const char *text = texts[reply->text];
	struct line line = { .n = 0 };
	char digits[SPAN_DIGITS];

	if (text == NULL)
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
