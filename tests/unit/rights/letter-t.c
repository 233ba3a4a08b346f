/* SPDX-License-Identifier: ISC */
/*
 * The letter room: a letter is what its table says, to the octet, and nothing
 * is behind it; a number or a length over its limit is believed by nobody, and
 * no descriptor stays that was not asked for.  The monitor lets no root in.
 */
#include "unit/unit.h"

#include <sys/socket.h>

#include <errno.h>

#include "base/channel.h"
#include "base/log.h"
#include "rights/judge.h"
#include "rights/letter.h"
#include "rights/monitor.h"
#include "rights/process.h"
#include "who/login.h"

#define NO_FIELD ((size_t)-1)

static int fds[2];		/* the channel */

/* The lowest free descriptor. */
static int
next_fd(void)
{
	int fd = dup(STDIN_FILENO);

	(void)close(fd);
	return fd;
}

/* Make a letter of ${kind} in which every field is 0 or empty, but ${which} has
 * the value or the length ${n}. */
static void
write_letter(enum letter_kind kind, struct channel_message *message,
    size_t which, uint32_t n)
{
	static const char octets[LIMITS_MESSAGE];
	size_t count;
	const struct letter_field *fields = letter_fields(kind, &count);

	channel_begin(message);
	for (size_t i = 0; i < count; i++) {
		uint32_t value = i == which ? n : 0;

		if (fields[i].type == LETTER_OCTETS)
			channel_put(message, (struct span){ octets, value });
		else
			channel_put_number(message, value,
			    fields[i].type == LETTER_BYTE ? 1 : 4);
	}
	assert_true(message->whole);
}

/* Send ${message}, with a descriptor if ${passes}, and receive it. */
static int
receive(enum letter_kind kind, struct channel_message *message, bool passes)
{
	union {
		struct letter_question question;
		struct letter_answer answer;
		struct letter_user user;
		struct letter_file file;
		struct letter_number number;
		struct letter_line line;
		struct letter_record record;
	} letter;

	assert_int_equal(channel_send(fds[0], message, passes ? STDIN_FILENO :
	    -1), 0);
	return letter_receive(fds[1], kind, &letter, message);
}

static bool
is_refused(enum letter_kind kind, struct channel_message *message)
{
	errno = 0;
	return receive(kind, message, false) == -1 && errno == EPROTO;
}

/* What ${field} may be is received, and the next number or length is not. */
static void
try_limit(enum letter_kind kind, const struct letter_field *field, size_t i)
{
	struct channel_message message;
	uint32_t most = field->type == LETTER_BYTE ? UINT8_MAX : UINT32_MAX;

	write_letter(kind, &message, i, field->limit);
	assert_int_equal(receive(kind, &message, false), 1);
	if (field->type != LETTER_OCTETS && field->limit == most)
		return;
	write_letter(kind, &message, i, field->limit + 1);
	if (!is_refused(kind, &message))
		fail_msg("kind %d, field %zu: over its limit", kind, i);
}

static void
test_limits(void **state)
{
	struct channel_message message;
	size_t count;

	(void)state;
	for (int kind = 0; kind < LETTER_KINDS; kind++) {
		const struct letter_field *fields = letter_fields(
		    (enum letter_kind)kind, &count);

		for (size_t i = 0; i < count; i++)
			try_limit((enum letter_kind)kind, &fields[i], i);
		write_letter((enum letter_kind)kind, &message, NO_FIELD, 0);
		channel_put_number(&message, 0, 1);
		if (!is_refused((enum letter_kind)kind, &message))
			fail_msg("kind %d: an octet more", kind);
		write_letter((enum letter_kind)kind, &message, NO_FIELD, 0);
		/* No octet at all is the end of the channel. */
		if (--message.n > 0 &&
		    !is_refused((enum letter_kind)kind, &message))
			fail_msg("kind %d: an octet less", kind);
	}
}

/* Two kinds come with a descriptor; of the others none stays, nor of one that
 * is refused. */
static void
test_descriptors(void **state)
{
	struct channel_message message;

	(void)state;
	for (int kind = 0; kind < LETTER_KINDS; kind++) {
		bool passes = kind == LETTER_FILE || kind == LETTER_RESULT;
		int before = next_fd();

		write_letter((enum letter_kind)kind, &message, NO_FIELD, 0);
		assert_int_equal(receive((enum letter_kind)kind, &message,
		    true), 1);
		assert_int_equal(message.fd != -1, passes);
		if (message.fd != -1)
			(void)close(message.fd);
		write_letter((enum letter_kind)kind, &message, NO_FIELD, 0);
		channel_put_number(&message, 0, 1);
		assert_int_equal(receive((enum letter_kind)kind, &message,
		    true), -1);
		assert_int_equal(next_fd(), before);
	}
}

/* Who keeps the octets of a letter has room for as many as may come. */
static void
test_room(void **state)
{
	const struct login_question *question = NULL;
	const struct users_entry *entry = NULL;
	static const struct {
		enum letter_kind kind;
		size_t at, room;
	} rows[] = {
		{ LETTER_QUESTION, offsetof(struct letter_question, name),
		    sizeof(question->name) },
		{ LETTER_QUESTION, offsetof(struct letter_question, secret),
		    sizeof(question->secret) },
		{ LETTER_QUESTION, offsetof(struct letter_question, unread),
		    LIMITS_INPUT },
		{ LETTER_QUESTION, offsetof(struct letter_question, binding),
		    sizeof(question->binding) },
		{ LETTER_ANSWER, offsetof(struct letter_answer, challenge),
		    sizeof(question->challenge) },
		{ LETTER_USER, offsetof(struct letter_user, name),
		    sizeof(entry->name) - 1 },
		{ LETTER_USER, offsetof(struct letter_user, home),
		    sizeof(entry->home) - 1 },
		{ LETTER_USER, offsetof(struct letter_user, unread),
		    LIMITS_INPUT },
	};

	(void)state;
	for (size_t i = 0, n; i < COUNT(rows); i++) {
		const struct letter_field *fields = letter_fields(rows[i].kind,
		    &n);
		size_t found = 0;

		for (size_t j = 0; j < n; j++)
			found += fields[j].at == rows[i].at &&
			    fields[j].type == LETTER_OCTETS &&
			    fields[j].limit == rows[i].room;
		assert_int_equal(found, 1);
	}
}

static void
test_user(void **state)
{
	static const struct {
		const char *what, *name;
		uint32_t uid, gid;
		int let_in;
	} rows[] = {
		{ "somebody", "mrose", 1000, 1000, 1 },
		{ "root", "root", 0, 0, 0 },
		{ "root by another name", "mrose", 0, 1000, 0 },
		{ "no name", "", 1000, 1000, 0 },
		{ "a name that is a path", "../root", 1000, 1000, 0 },
	};
	struct session *session = calloc(1, sizeof(*session));

	(void)state;
	assert_non_null(session);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct letter_user letter = { .uid = rows[i].uid,
		    .gid = rows[i].gid, .name = span_of(rows[i].name),
		    .home = SPAN("/home") };

		assert_int_equal(letter_send(fds[0], LETTER_USER, &letter, -1),
		    0);
		ROW(rows[i].what, monitor_hear_judge(fds[1], session) ==
		    rows[i].let_in);
		if (rows[i].let_in == 0)
			continue;
		ROW(rows[i].what, session->user.uid == rows[i].uid &&
		    session->user.gid == rows[i].gid &&
		    strcmp(session->user.name, rows[i].name) == 0);
	}
	free(session);
}

static int
begin(void **state)
{
	(void)state;
	(void)alarm(60);
	log_open(LOG_TO_NONE, false);
	return channel_pair(fds);
}

static int
end(void **state)
{
	(void)state;
	(void)close(fds[0]);
	return close(fds[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_user),
	};

	return cmocka_run_group_tests_name("letter", tests, begin, end);
}
