/* SPDX-License-Identifier: ISC */
/*
 * A dewey that is taken over: takeover.t links this into a test build, whose
 * gate, judge and session do what the client says.
 *
 *   X-TAKEOVER call NAME ARGUMENT...	make that system call, raw; a number,
 *					:loopback (an address), :notify (a path), or a string
 *   X-TAKEOVER judge NAME ARGUMENT...	... in the judge, which the gate
 *					asks to; the answer has only the reply
 *   X-TAKEOVER judge let CHANNEL UID GID NAME HOME
 *					... have the monitor let this user in
 *   X-TAKEOVER ask COUNT METHOD NAME SECRET
 *					ask the monitor and wait, COUNT times
 *   X-TAKEOVER flood COUNT METHOD NAME SECRET
 *					... without waiting
 *   X-TAKEOVER pass COUNT METHOD NAME SECRET
 *					ask, with a descriptor each
 *   X-TAKEOVER send HEX		send these octets to the process above
 *   X-TAKEOVER long COUNT		send COUNT octets
 *
 * The answer is +OK or -ERR with what came of it: if the process still lives.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/span.h"
#include "rights/filter.h"
#include "rights/letter.h"
#include "talk/reply.h"
#include "talk/wire.h"
#include "who/login.h"

#include "takeover/calls.h"

/* How long answers are waited for: to a question, to anything else. */
#define PATIENCE_MS 3500
#define SOON_MS 300

enum wire_line __real_wire_read_line(struct wire *wire, struct span *line);
enum wire_line __wrap_wire_read_line(struct wire *wire, struct span *line);
int __real_filter_install(enum filter_role role, int victim);
int __wrap_filter_install(enum filter_role role, int victim);
enum login_verdict __real_login_check(const struct login *login,
    const struct login_question *question, struct users_entry *entry);
enum login_verdict __wrap_login_check(const struct login *login,
    const struct login_question *question, struct users_entry *entry);
void __real_channel_tell(int fd, uint8_t octet);
void __wrap_channel_tell(int fd, uint8_t octet);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

static void
call(struct wire *wire, char **words, size_t n)
{
	char answer[ANSWER];

	make_call(words, n, answer);
	wire_put(wire, span_of(answer));
}

/* The channel to the process above: the gate has it as descriptor 2, the
 * session has no other socket behind 2. */
static int
channel(void)
{
	struct stat st;

	if (fstat(STDERR_FILENO, &st) == 0 && S_ISSOCK(st.st_mode))
		return STDERR_FILENO;
	for (int fd = 3; fd < 64; fd++)
		if (fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode))
			return fd;
	return -1;
}

/* A question as the gate's own. */
static int
question(char **words, int passed)
{
	const struct letter_question letter = {
		.method = (uint32_t)atoi(words[0]),
		.name = span_of(words[1]),
		.secret = span_of(words[2]),
	};

	return letter_send(channel(), LETTER_QUESTION, &letter, passed);
}

/* What the process above answers within ${ms}, and after how long. */
static bool
answered(struct wire *wire, int ms)
{
	struct channel_message message;
	struct pollfd pfd = { .fd = channel(), .events = POLLIN };
	int64_t since = clock_ms();
	char text[80];
	int got = -2;

	if (poll(&pfd, 1, ms) > 0)
		got = channel_receive(channel(), &message);
	(void)snprintf(text, sizeof(text), " %d:%lld",
	    got == 1 ? (int)channel_get_number(&message, 1) : got - 1000,
	    (long long)(clock_ms() - since));
	wire_put(wire, span_of(text));
	return got == 1;
}

static void
ask(struct wire *wire, char **words, bool wait, int passed)
{
	int count = atoi(words[0]), sent = 0;
	char text[40];

	wire_put(wire, span_of("+OK"));
	for (int i = 0; i < count; i++) {
		if (question(words + 1, passed) == -1)
			break;
		sent++;
		if (wait && !answered(wire, PATIENCE_MS))
			break;
	}
	for (int i = 0; i < sent && !wait; i++)
		if (!answered(wire, PATIENCE_MS))
			break;
	(void)snprintf(text, sizeof(text), " sent %d\r\n", sent);
	wire_put(wire, span_of(text));
}

/* Have the judge make a call: the question's secret says that it is one. */
static void
ask_judge(struct wire *wire, char **words, size_t n)
{
	char name[LIMITS_COMMAND] = "";
	struct letter_question letter = { .method = LOGIN_USER,
	    .secret = SPAN("X-TAKEOVER") };
	struct channel_message message;
	struct letter_answer got;
	uint32_t text = REPLY_SENT;

	for (size_t i = 0; i < n; i++) {
		(void)strncat(name, words[i], sizeof(name) - strlen(name) - 2);
		(void)strcat(name, " ");
	}
	letter.name = span_of(name);
	if (letter_send(channel(), LETTER_QUESTION, &letter, -1) == 0 &&
	    letter_receive(channel(), LETTER_ANSWER, &got, &message) == 1)
		text = got.text;
	wire_put(wire, span_of(text == REPLY_USER ? "+OK did\r\n" :
	    text == REPLY_NO_USER ? "-ERR failed\r\n" :
	    text == REPLY_MISCONFIGURED ? "-ERR there is no such call\r\n" :
	    "-ERR killed\r\n"));
}

/* Say on ${words}[0] that a user is to be let in. */
static void
let_in(char **words, size_t n, char answer[ANSWER])
{
	const struct letter_user letter = {
		.method = LOGIN_PASS,
		.uid = n > 1 ? (uint32_t)strtoul(words[1], NULL, 10) : 0,
		.gid = n > 2 ? (uint32_t)strtoul(words[2], NULL, 10) : 0,
		.name = n > 3 ? span_of(words[3]) : SPAN(""),
		.home = n > 4 ? span_of(words[4]) : SPAN(""),
	};
	int fd = n > 0 ? atoi(words[0]) : -1;
	uint32_t fault = 0;

	if (letter_send(fd, LETTER_USER, &letter, -1) == 0 &&
	    letter_receive_number(fd, LETTER_FAULT, &fault) == 1)
		(void)snprintf(answer, ANSWER, "%s %u\r\n",
		    fault == 0 ? "+OK" : "-ERR", fault);
	else
		(void)snprintf(answer, ANSWER, "-ERR the monitor is gone\r\n");
}

/* The judge: what it was asked to do it did, or could not. */
enum login_verdict
__wrap_login_check(const struct login *login,
    const struct login_question *question, struct users_entry *entry)
{
	char text[LIMITS_COMMAND + 1], *words[WORDS];
	size_t n = question->name_n;
	char answer[ANSWER];

	if (question->secret_n != 10 ||
	    memcmp(question->secret, "X-TAKEOVER", 10) != 0)
		return __real_login_check(login, question, entry);
	memset(entry, 0, sizeof(*entry));
	memcpy(text, question->name, n);
	text[n] = '\0';
	n = split(text, words);
	if (n > 0 && strcmp(words[0], "let") == 0)
		let_in(words + 1, n - 1, answer);
	else
		make_call(words, n, answer);
	log_info("takeover: %.*s", (int)strcspn(answer, "\r"), answer);
	return answer[0] == '+' ? LOGIN_ACCEPTED :
	    strncmp(answer + 5, "there", 5) == 0 ?
	    LOGIN_MISCONFIGURED : LOGIN_REFUSED;
}

static void
send_hex(struct wire *wire, const char *hex)
{
	unsigned char octets[128];
	unsigned octet;
	size_t n = 0;

	while (n < sizeof(octets) && sscanf(hex + 2 * n, "%2x", &octet) == 1)
		octets[n++] = (unsigned char)octet;
	wire_put(wire, span_of("+OK"));
	if (write(channel(), octets, n) == (ssize_t)n)
		(void)answered(wire, SOON_MS);
	wire_put(wire, span_of("\r\n"));
}

static void
send_long(struct wire *wire, size_t n)
{
	char *octets = calloc(1, n + 1);

	wire_put(wire, span_of("+OK"));
	if (octets != NULL && write(channel(), octets, n) == (ssize_t)n)
		(void)answered(wire, SOON_MS);
	free(octets);
	wire_put(wire, span_of("\r\n"));
}

static void
obey(struct wire *wire, char *text)
{
	char *words[WORDS];
	size_t n = split(text, words);

	if (n > 2 && strcmp(words[1], "call") == 0)
		call(wire, words + 2, n - 2);
	else if (n > 2 && strcmp(words[1], "judge") == 0)
		ask_judge(wire, words + 2, n - 2);
	else if (n == 6 && strcmp(words[1], "ask") == 0)
		ask(wire, words + 2, true, -1);
	else if (n == 6 && strcmp(words[1], "flood") == 0)
		ask(wire, words + 2, false, -1);
	else if (n == 6 && strcmp(words[1], "pass") == 0)
		ask(wire, words + 2, true, STDIN_FILENO);
	else if (n == 3 && strcmp(words[1], "send") == 0)
		send_hex(wire, words[2]);
	else if (n == 3 && strcmp(words[1], "long") == 0)
		send_long(wire, strtoul(words[2], NULL, 10));
	else
		wire_put(wire, span_of("-ERR what?\r\n"));
}

enum wire_line
__wrap_wire_read_line(struct wire *wire, struct span *line)
{
	char text[LIMITS_COMMAND + 1];
	enum wire_line got;

	for (;;) {
		got = __real_wire_read_line(wire, line);
		if (got != WIRE_LINE || line->n < 10 ||
		    memcmp(line->p, "X-TAKEOVER", 10) != 0)
			return got;
		(void)span_copy(*line, text, sizeof(text));
		obey(wire, text);
	}
}

/* With TAKEOVER_NO_FILTER the second wall stands alone. */
int
__wrap_filter_install(enum filter_role role, int victim)
{
	return getenv("TAKEOVER_NO_FILTER") != NULL ? 0 :
	    __real_filter_install(role, victim);
}

/* With TAKEOVER_LINGER a keeper that lets nobody in says so, closes the channel
 * to the monitor, and stays. */
void
__wrap_channel_tell(int fd, uint8_t octet)
{
	__real_channel_tell(fd, octet);
	if (octet == 0 || geteuid() == 0 || getenv("TAKEOVER_LINGER") == NULL)
		return;
	(void)close(fd);
	for (;;)
		(void)ppoll(NULL, 0, NULL, NULL);
}

/* With TAKEOVER_ABI the kernel knows no later version of Landlock. */
long
__wrap_syscall(long number, ...)
{
	const char *abi = getenv("TAKEOVER_ABI");
	va_list arguments;
	long a[6];

	va_start(arguments, number);
	for (size_t i = 0; i < 6; i++)
		a[i] = va_arg(arguments, long);
	va_end(arguments);
#ifdef __NR_landlock_create_ruleset
	if (abi != NULL && number == __NR_landlock_create_ruleset &&
	    a[0] == 0)
		return strtol(abi, NULL, 10);
#endif
	return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
