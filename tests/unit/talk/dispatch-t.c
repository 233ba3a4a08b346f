/* SPDX-License-Identifier: ISC */
/*
 * The rooms reply and dispatch: every text that a client can see is a reply of
 * RFC 1939, 2449 and 3206, those that the tables below have are as there, and
 * only whole and sound commands reach a handler.
 */
#include "unit/unit.h"

#include <sys/socket.h>

#include "base/limits.h"
#include "spool/mailbox.h"
#include "talk/dispatch.h"
#include "talk/reply.h"

static volatile sig_atomic_t stop;

struct site {
	struct wire wire;
	int ours, theirs;
};

static void
open_site(struct site *site)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	memset(site, 0, sizeof(*site));
	site->ours = fds[0];
	site->theirs = fds[1];
	wire_open(&site->wire, fds[0], fds[0], &stop);
	site->wire.idle_ms = 20000;
}

/* Everything that was said, as text. */
static void
close_site(struct site *site, char *said, size_t size)
{
	size_t n = 0;
	ssize_t got;

	(void)wire_flush(&site->wire);
	(void)close(site->ours);
	while (n + 1 < size &&
	    (got = read(site->theirs, said + n, size - 1 - n)) > 0)
		n += (size_t)got;
	said[n] = '\0';
	assert_int_equal(strlen(said), n);
	(void)close(site->theirs);
}

static const char *
say(const struct reply *reply)
{
	static char said[2 * LIMITS_REPLY];
	struct site site;

	open_site(&site);
	reply_say(&site.wire, reply);
	close_site(&site, said, sizeof(said));
	return said;
}

/* Every text of the table, with the longest there can be put in. */
static void
test_every_text(void **state)
{
	static const char *const codes[] = { "[AUTH] ", "[IN-USE] ",
	    "[LOGIN-DELAY] ", "[SYS/TEMP] ", "[SYS/PERM] " };
	static char longest[2 * LIMITS_REPLY];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	for (int text = REPLY_CLOSED + 1; text <= REPLY_MISCONFIGURED;
	    text++) {
		struct reply reply = { (enum reply_text)text,
		    { longest, sizeof(longest) }, { longest, sizeof(longest) },
		    UINT64_MAX, UINT64_MAX };
		const char *line = say(&reply), *rest;
		size_t n = strlen(line);

		/* One line, RFC 1939 section 3 and RFC 2449 section 4. */
		ROW(line, n <= 512);
		ROW(line, n >= 5 && strcmp(line + n - 2, "\r\n") == 0);
		for (size_t i = 0; i + 2 < n; i++)
			ROW(line, line[i] >= ' ' && line[i] <= '~');
		/* "+OK" or "-ERR", in upper case, then nothing or a blank. */
		rest = line + (*line == '+' ? 3 : 4);
		ROW(line, strncmp(line, "+OK", 3) == 0 ||
		    strncmp(line, "-ERR", 4) == 0);
		ROW(line, *rest == '\r' || (rest[0] == ' ' && rest[1] != ' '));
		ROW(line, *line == '+' || *rest == ' ');
		/* A [ there begins a response code that is one of ours. */
		if (*rest == ' ' && rest[1] == '[') {
			size_t known = 0;

			for (size_t i = 0; i < COUNT(codes); i++)
				known += strncmp(rest + 1, codes[i],
				    strlen(codes[i])) == 0;
			ROW(line, *line == '-' && known == 1);
		}
		ROW(line, strchr(line, '%') == NULL);
	}
}

/* The texts, and which response code each has. */
static void
test_texts(void **state)
{
#define NAME(literal) { literal, sizeof(literal) - 1 }
	static const struct {
		struct reply reply;
		const char *line;
	} rows[] = {
		{ { REPLY_GREETING_APOP,
		    NAME("<1896.697170952.x@dbc.mtview.ca.us>"), { 0 }, 0, 0 },
		    "+OK POP3 server ready "
		    "<1896.697170952.x@dbc.mtview.ca.us>" },
		{ { .text = REPLY_GREETING }, "+OK POP3 server ready" },
		{ { REPLY_USER, NAME("mrose"), { 0 }, 0, 0 },
		    "+OK mrose is a real hoopy frood" },
		{ { .text = REPLY_USER_UNNAMED }, "+OK send PASS" },
		{ { REPLY_NO_USER, NAME("frated"), { 0 }, 0, 0 },
		    "-ERR [AUTH] sorry, no mailbox for frated here" },
		{ { REPLY_MAILDROP_OF, NAME("mrose"), { 0 }, 2, 320 },
		    "+OK mrose's maildrop has 2 messages (320 octets)" },
		{ { REPLY_MAILDROP, { 0 }, { 0 }, 1, 369 },
		    "+OK maildrop has 1 message (369 octets)" },
		{ { REPLY_MAILDROP, { 0 }, { 0 }, 2, 320 },
		    "+OK maildrop has 2 messages (320 octets)" },
		{ { REPLY_MAILDROP, { 0 }, { 0 }, 0, 0 },
		    "+OK maildrop has 0 messages (0 octets)" },
		{ { REPLY_MAILDROP, { 0 }, { 0 }, 1, 1 },
		    "+OK maildrop has 1 message (1 octet)" },
		{ { .text = REPLY_IN_USE },
		    "-ERR [IN-USE] maildrop already locked" },
		{ { REPLY_STAT, { 0 }, { 0 }, 2, 320 }, "+OK 2 320" },
		{ { REPLY_LIST_ALL, { 0 }, { 0 }, 2, 320 },
		    "+OK 2 messages (320 octets)" },
		{ { REPLY_LIST_ALL, { 0 }, { 0 }, 0, 0 },
		    "+OK 0 messages (0 octets)" },
		{ { REPLY_ITEM, NAME("200"), { 0 }, 2, 0 }, "+OK 2 200" },
		{ { REPLY_NO_SUCH, { 0 }, { 0 }, 2, 0 },
		    "-ERR no such message, only 2 messages in maildrop" },
		{ { REPLY_NO_SUCH, { 0 }, { 0 }, 1, 0 },
		    "-ERR no such message, only 1 message in maildrop" },
		{ { REPLY_NO_SUCH, { 0 }, { 0 }, 0, 0 },
		    "-ERR no such message, only 0 messages in maildrop" },
		{ { REPLY_RETR, { 0 }, { 0 }, 1, 120 }, "+OK 120 octets" },
		{ { REPLY_RETR, { 0 }, { 0 }, 1, 1 }, "+OK 1 octet" },
		{ { REPLY_DELETED, { 0 }, { 0 }, 1, 0 },
		    "+OK message 1 deleted" },
		{ { REPLY_ALREADY_DELETED, { 0 }, { 0 }, 1, 0 },
		    "-ERR message 1 already deleted" },
		{ { REPLY_IS_DELETED, { 0 }, { 0 }, 1, 0 },
		    "-ERR message 1 is deleted" },
		{ { .text = REPLY_OK }, "+OK" },
		{ { .text = REPLY_TOP }, "+OK" },
		{ { .text = REPLY_NO_SUCH_TOP }, "-ERR no such message" },
		{ { .text = REPLY_UIDL_ALL }, "+OK" },
		{ { REPLY_ITEM, NAME("QhdPYR00WBw1Ph7x7"), { 0 }, 2,
		    0 }, "+OK 2 QhdPYR00WBw1Ph7x7" },
		{ { REPLY_BAD_ARGUMENT, NAME("LIST"),
		    NAME("a message-number"), 0, 0 },
		    "-ERR LIST takes a message-number" },
		{ { .text = REPLY_UNKNOWN }, "-ERR unknown command" },
		{ { REPLY_WRONG_STATE, NAME("STAT"), NAME("AUTHORIZATION"),
		    0, 0 },
		    "-ERR STAT is not valid in the AUTHORIZATION state" },
		{ { .text = REPLY_CAPA }, "+OK capability list follows" },
		{ { REPLY_BYE, NAME("dewey"), { 0 }, 0, 0 },
		    "+OK dewey POP3 server signing off" },
		{ { REPLY_BYE_EMPTY, NAME("dewey"), { 0 }, 0, 0 },
		    "+OK dewey POP3 server signing off (maildrop empty)" },
		{ { REPLY_BYE_LEFT, NAME("dewey"), { 0 }, 1, 0 },
		    "+OK dewey POP3 server signing off (1 message left)" },
		{ { REPLY_BYE_LEFT, NAME("dewey"), { 0 }, 2, 0 },
		    "+OK dewey POP3 server signing off (2 messages left)" },
		{ { .text = REPLY_NOT_REMOVED }, "-ERR [SYS/TEMP] "
		    "some deleted messages not removed" },
		{ { .text = REPLY_TOO_MANY_BAD },
		    "-ERR too many bad commands" },
		{ { .text = REPLY_MISCONFIGURED },
		    "-ERR [SYS/PERM] server is misconfigured" },
		{ { REPLY_STAT, { 0 }, { 0 }, UINT64_MAX, UINT64_MAX },
		    "+OK 18446744073709551615 18446744073709551615" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char expected[LIMITS_REPLY];

		(void)snprintf(expected, sizeof(expected), "%s\r\n",
		    rows[i].line);
		ROW(rows[i].line, strcmp(say(&rows[i].reply), expected) == 0);
	}
	assert_string_equal(say(&(struct reply){ REPLY_SENT,
	    { 0 }, { 0 }, 0, 0 }), "");
}

/* What a text is about decides its code. */
static void
test_codes(void **state)
{
	static const struct {
		enum reply_text text;
		const char *begin;
	} rows[] = {
		{ REPLY_REFUSED, "-ERR [AUTH] " },
		{ REPLY_REFUSED_LAST, "-ERR [AUTH] " },
		{ REPLY_NO_PLAINTEXT, "-ERR [AUTH] " },
		{ REPLY_NO_USER_UNNAMED, "-ERR [AUTH] " },
		{ REPLY_NO_PASSWORDS, "-ERR [SYS/PERM] " },
		{ REPLY_NO_APOP, "-ERR [SYS/PERM] " },
		{ REPLY_LOCKED, "-ERR [SYS/TEMP] " },
		{ REPLY_CHANGED, "-ERR [SYS/TEMP] " },
		{ REPLY_TROUBLE, "-ERR [SYS/TEMP] " },
		{ REPLY_NOT_MBOX, "-ERR [SYS/PERM] " },
		{ REPLY_NO_DIRECTORY, "-ERR [SYS/PERM] " },
		{ REPLY_NOT_A_FILE, "-ERR [SYS/PERM] " },
		{ REPLY_FOREIGN, "-ERR [SYS/PERM] " },
		{ REPLY_DENIED, "-ERR [SYS/PERM] " },
		{ REPLY_READ_ONLY, "-ERR [SYS/PERM] " },
		{ REPLY_NO_NAME, "-ERR " },
		{ REPLY_TOO_LONG, "-ERR " },
		{ REPLY_MALFORMED, "-ERR " },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct reply reply = { .text = rows[i].text };
		const char *line = say(&reply);
		size_t n = strlen(rows[i].begin);

		ROW(line, strncmp(line, rows[i].begin, n) == 0);
		ROW(line, line[n] != '[');
	}
}

static void
test_faults(void **state)
{
	static const struct {
		unsigned fault;
		enum reply_text text;
	} rows[] = {
		{ MAILBOX_IN_USE, REPLY_IN_USE },
		{ MAILBOX_LOCKED, REPLY_LOCKED },
		{ MAILBOX_NOT_MBOX, REPLY_NOT_MBOX },
		{ MAILBOX_NO_DIRECTORY, REPLY_NO_DIRECTORY },
		{ MAILBOX_NOT_A_FILE, REPLY_NOT_A_FILE },
		{ MAILBOX_FOREIGN, REPLY_FOREIGN },
		{ MAILBOX_DENIED, REPLY_DENIED },
		{ MAILBOX_CHANGED, REPLY_CHANGED },
		{ MAILBOX_TROUBLE, REPLY_TROUBLE },
		{ 4711, REPLY_TROUBLE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(reply_fault(rows[i].fault), rows[i].text);
}

/* RFC 2449 section 5, octet for octet. */
static void
test_capabilities(void **state)
{
	static const char common[] = "RESP-CODES\r\nAUTH-RESP-CODE\r\n"
	    "PIPELINING\r\nEXPIRE NEVER\r\nUTF8 USER\r\nLANG\r\n";

	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		static const char *const sasl[] = { "", "SASL PLAIN\r\n",
		    "SASL CRAM-MD5\r\n", "SASL CRAM-MD5 PLAIN\r\n",
		    "SASL SCRAM-SHA-256\r\n",
		    "SASL SCRAM-SHA-256 PLAIN\r\n",
		    "SASL SCRAM-SHA-256 CRAM-MD5\r\n",
		    "SASL SCRAM-SHA-256 CRAM-MD5 PLAIN\r\n" };
		unsigned offers = i & 7;
		bool user = offers & REPLY_OFFER_PASSWORD, transaction = i & 8;
		char expected[512], said[1024];
		struct site site;

		(void)snprintf(expected, sizeof(expected),
		    "+OK capability list follows\r\nTOP\r\nUIDL\r\n"
		    "%s%s%s%s.\r\n", user ? "USER\r\n" : "", sasl[offers],
		    common, transaction ?
		    "IMPLEMENTATION dewey-" PACKAGE_VERSION "\r\n" : "");
		open_site(&site);
		reply_capabilities(&site.wire, offers, 0, transaction);
		close_site(&site, said, sizeof(said));
		assert_string_equal(said, expected);
	}
}

/* ---- From a line to a handler: one for each kind of argument.  It says what
 * it got. */

static enum reply_text
echo(void *state, struct dispatch_command *command)
{
	static char text[LIMITS_REPLY];
	int n = snprintf(text, sizeof(text), "%.*s/%u", (int)command->verb.n,
	    command->verb.p, command->given);

	++*(int *)state;
	for (int i = 0; i < 2; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n,
		    "/%.*s=%llu", (int)command->words[i].n,
		    command->words[i].p == NULL ? "" : command->words[i].p,
		    (unsigned long long)command->numbers[i]);
	command->reply.name = span_of(text);
	return span_equal(command->verb, SPAN("LEAVE")) ? REPLY_LEFT :
	    span_equal(command->verb, SPAN("CLOSE")) ? REPLY_CLOSED :
	    span_equal(command->verb, SPAN("BYE")) ? REPLY_BYE :
	    span_equal(command->verb, SPAN("LAST")) ? REPLY_REFUSED_LAST :
	    REPLY_USER;
}

static const struct dispatch_row table[] = {
	{ "NONE", DISPATCH_NONE, echo },
	{ "NUM", DISPATCH_NUMBER, echo },
	{ "MAYBE", DISPATCH_MAYBE_NUMBER, echo },
	{ "TWO", DISPATCH_TWO_NUMBERS, echo },
	{ "WORD", DISPATCH_NAME, echo },
	{ "WORDS", DISPATCH_NAME_AND_DIGEST, echo },
	{ "OCTETS", DISPATCH_PASSWORD, echo },
	{ "LEAVE", DISPATCH_NONE, echo },
	{ "CLOSE", DISPATCH_NONE, echo },
	{ "BYE", DISPATCH_NONE, echo },
	{ "LAST", DISPATCH_NONE, echo },
	{ "STAT", DISPATCH_NONE, NULL },
	{ NULL, DISPATCH_NONE, NULL }
};

/* Give ${n} octets to the table.  Returns why it ended. */
static enum dispatch_end
run(const char *octets, size_t n, char *said, size_t size, uint64_t most,
    int *handled)
{
	const struct dispatch dispatch = { "TEST", table, most };
	enum dispatch_end end;
	struct site site;

	open_site(&site);
	*handled = 0;
	assert_int_equal(write(site.theirs, octets, n), n);
	(void)shutdown(site.theirs, SHUT_WR);
	end = dispatch_run(&dispatch, &site.wire, handled);
	close_site(&site, said, size);
	return end;
}

#define OCTETS(literal) literal, sizeof(literal) - 1
#define NO_LIMIT UINT64_MAX
#define LINES "a message-number and a number of lines"
#define UNKNOWN "-ERR unknown command\r\n"
#define MALFORMED "-ERR malformed command\r\n"
#define TAKES(verb, what) "-ERR " verb " takes " what "\r\n"
/* What echo says. */
#define ECHO(text) "+OK " text " is a real hoopy frood\r\n"

static void
test_commands(void **state)
{
	static const struct {
		const char *what;
		const char *octets;
		size_t n;
		const char *reply;
	} rows[] = {
		{ "a verb", OCTETS("NONE\r\n"), ECHO("NONE/0/=0/=0") },
		{ "in any case", OCTETS("nOnE\n"), ECHO("NONE/0/=0/=0") },
		{ "blanks before and behind", OCTETS("  NONE  \r\n"),
		    ECHO("NONE/0/=0/=0") },
		{ "an argument too many", OCTETS("NONE x\r\n"),
		    TAKES("NONE", "no argument") },
		{ "a number", OCTETS("NUM 12\r\n"), ECHO("NUM/1/12=12/=0") },
		{ "blanks around it", OCTETS("NUM   12  \r\n"),
		    ECHO("NUM/1/12=12/=0") },
		{ "leading zeros", OCTETS("NUM 0012\r\n"),
		    ECHO("NUM/1/0012=12/=0") },
		{ "no number", OCTETS("NUM\r\n"),
		    TAKES("NUM", "a message-number") },
		{ "only blanks", OCTETS("NUM  \r\n"),
		    TAKES("NUM", "a message-number") },
		{ "letters", OCTETS("NUM abc\r\n"),
		    TAKES("NUM", "a message-number") },
		{ "a number and letters", OCTETS("NUM 1abc\r\n"),
		    TAKES("NUM", "a message-number") },
		{ "a sign", OCTETS("NUM +1\r\n"),
		    TAKES("NUM", "a message-number") },
		{ "less than nothing", OCTETS("NUM -1\r\n"),
		    TAKES("NUM", "a message-number") },
		{ "two numbers", OCTETS("NUM 1 2\r\n"),
		    TAKES("NUM", "a message-number") },
		{ "a number of 64 bits and more is a large one",
		    OCTETS("NUM 99999999999999999999999\r\n"),
		    ECHO("NUM/1/99999999999999999999999="
		    "18446744073709551615/=0") },
		{ "large and malformed", OCTETS("NUM 9999999999999999999999x"
		    "\r\n"), TAKES("NUM", "a message-number") },
		{ "a number or none: none", OCTETS("MAYBE\r\n"),
		    ECHO("MAYBE/0/=0/=0") },
		{ "a number or none: one", OCTETS("MAYBE 3\r\n"),
		    ECHO("MAYBE/1/3=3/=0") },
		{ "a number or none: two", OCTETS("MAYBE 3 4\r\n"),
		    TAKES("MAYBE", "a message-number") },
		{ "two of two", OCTETS("TWO 1 2\r\n"),
		    ECHO("TWO/2/1=1/2=2") },
		{ "one of two", OCTETS("TWO 1\r\n"), TAKES("TWO", LINES) },
		{ "three of two", OCTETS("TWO 1 2 3\r\n"),
		    TAKES("TWO", LINES) },
		{ "a negative second one", OCTETS("TWO 1 -1\r\n"),
		    TAKES("TWO", LINES) },
		{ "a word", OCTETS("WORD mrose\r\n"),
		    ECHO("WORD/1/mrose=0/=0") },
		{ "a word with 8-bit octets", OCTETS("WORD m\xc3\xb6\r\n"),
		    ECHO("WORD/1/m\xc3\xb6=0/=0") },
		{ "two words of one", OCTETS("WORD a b\r\n"),
		    TAKES("WORD", "a name") },
		{ "two words", OCTETS("WORDS a b\r\n"),
		    ECHO("WORDS/2/a=0/b=0") },
		{ "8-bit octets in a number", OCTETS("NUM \xb2\r\n"),
		    MALFORMED },
		{ "8-bit octets in a verb", OCTETS("N\xd6NE\r\n"),
		    MALFORMED },
		{ "octets: all behind one blank", OCTETS("OCTETS  a  b \r\n"),
		    ECHO("OCTETS/0/ a  b =0/=0") },
		{ "octets: none", OCTETS("OCTETS \r\n"),
		    ECHO("OCTETS/0/=0/=0") },
		{ "octets: not even the blank", OCTETS("OCTETS\r\n"),
		    TAKES("OCTETS", "a password") },
		{ "two words: one", OCTETS("WORDS a\r\n"),
		    TAKES("WORDS", "a name and a digest") },
		{ "two words: three", OCTETS("WORDS a b c\r\n"),
		    TAKES("WORDS", "a name and a digest") },
		{ "an unknown verb", OCTETS("LIST\r\n"), UNKNOWN },
		{ "an empty line", OCTETS("\r\n"), UNKNOWN },
		{ "blanks", OCTETS("   \r\n"), UNKNOWN },
		{ "a prefix of a verb", OCTETS("NON\r\n"), UNKNOWN },
		{ "more than a verb", OCTETS("NONES\r\n"), UNKNOWN },
		{ "a verb of another state", OCTETS("stat\r\n"),
		    "-ERR STAT is not valid in the TEST state\r\n" },
		{ "with an argument", OCTETS("STAT x\r\n"),
		    "-ERR STAT is not valid in the TEST state\r\n" },
		{ "NUL", OCTETS("NONE\0\r\n"), MALFORMED },
		{ "a bare CR", OCTETS("NO\rNE\r\n"), MALFORMED },
		{ "a tab instead of a blank", OCTETS("NUM\t1\r\n"),
		    MALFORMED },
		{ "no line end: no command", OCTETS("NONE"), "" },
		{ "two commands", OCTETS("NONE\r\nNUM 1\r\n"),
		    ECHO("NONE/0/=0/=0") ECHO("NUM/1/1=1/=0") },
		{ "nothing behind the state's end", OCTETS("LEAVE\r\nNONE\r\n"),
		    "" },
		{ "nor behind a text that ends the session",
		    OCTETS("BYE\r\nNONE\r\n"),
		    "+OK BYE/0/=0/=0 POP3 server signing off\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char said[4096];
		int handled;

		(void)run(rows[i].octets, rows[i].n, said, sizeof(said),
		    UINT64_MAX, &handled);
		ROW(rows[i].what, strcmp(said, rows[i].reply) == 0);
		ROW(rows[i].what, handled > 0 || said[0] != '+');
	}
}

static void
test_ends(void **state)
{
	char said[4096], long_line[400];
	int handled;

	(void)state;
	assert_int_equal(run(OCTETS("NONE\r\nLEAVE\r\n"), said, sizeof(said),
	    NO_LIMIT, &handled), DISPATCH_END_LEFT);
	assert_int_equal(run(OCTETS("CLOSE\r\n"), said, sizeof(said), NO_LIMIT,
	    &handled), DISPATCH_END_CLOSED);
	assert_int_equal(handled, 1);
	assert_int_equal(run(OCTETS("BYE\r\n"), said, sizeof(said), NO_LIMIT,
	    &handled), DISPATCH_END_CLOSED);
	assert_int_equal(run(OCTETS("LAST\r\n"), said, sizeof(said), NO_LIMIT,
	    &handled), DISPATCH_END_CLOSED);
	assert_string_equal(said,
	    "-ERR [AUTH] name or credentials refused, too many tries\r\n");
	assert_int_equal(run(OCTETS("NONE\r\n"), said, sizeof(said), NO_LIMIT,
	    &handled), DISPATCH_END_WIRE);
	assert_int_equal(run(OCTETS(""), said, sizeof(said), NO_LIMIT, &handled),
	    DISPATCH_END_WIRE);
	memset(long_line, 'N', sizeof(long_line));
	memcpy(long_line + 300, "\r\nNONE\r\n", 8);
	assert_int_equal(run(long_line, 308, said, sizeof(said), NO_LIMIT,
	    &handled), DISPATCH_END_WIRE);
	assert_string_equal(said, "-ERR line too long\r\n"
	    ECHO("NONE/0/=0/=0"));
}

/* Lines of each kind, many times over: which of them end the session, and
 * after how many. */
static void
test_too_many(void **state)
{
	static const struct {
		const char *what, *lines;
		uint64_t most;
		unsigned taken;	/* 0: all of them */
	} rows[] = {
		{ "unknown", "LIST\r\n", NO_LIMIT,
		    LIMITS_BAD_COMMANDS },
		{ "empty", "\r\n", NO_LIMIT,
		    LIMITS_BAD_COMMANDS },
		{ "malformed", "x\ty\r\n", NO_LIMIT,
		    LIMITS_BAD_COMMANDS },
		{ "a good one between them", "x\r\nNONE\r\n", NO_LIMIT, 0 },
		{ "one of another state between them", "x\r\nSTAT\r\n", NO_LIMIT, 0 },
		{ "a wrong argument between them", "x\r\nNUM x\r\n", NO_LIMIT, 0 },
		{ "another state's", "STAT\r\n", NO_LIMIT, 0 },
		{ "a wrong argument", "NUM x\r\n", NO_LIMIT, 0 },
		{ "good", "NONE\r\n", NO_LIMIT, 0 },
		{ "good, of a state that takes so many", "NONE\r\n", 30, 31 },
		{ "another state's, there", "STAT\r\n", 30, 31 },
		{ "all kinds, there", "x\r\nNONE\r\n", 30, 31 },
		{ "as many as it takes, and an end",
		    "NONE\r\nNONE\r\nLEAVE\r\n", 3, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *last = "-ERR too many bad commands\r\n";
		char input[1000] = "", said[8192];
		enum dispatch_end end;
		unsigned answers = 0;
		int handled;
		size_t n;

		while (strlen(input) < 600)
			(void)strcat(input, rows[i].lines);
		end = run(input, strlen(input), said, sizeof(said),
		    rows[i].most, &handled);
		for (const char *p = said; *p != '\0'; p++)
			answers += *p == '\n';
		n = strlen(said);
		ROW(rows[i].what, (end == DISPATCH_END_BAD) ==
		    (rows[i].taken > 0));
		ROW(rows[i].what, (n >= strlen(last) && strcmp(said + n -
		    strlen(last), last) == 0) == (rows[i].taken > 0));
		ROW(rows[i].what, rows[i].taken == 0 ||
		    answers == rows[i].taken);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_text),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests_name("dispatch", tests, NULL, NULL);
}
