/* SPDX-License-Identifier: ISC */
/*
 * The saslauthd room: what is asked, octet for octet, and what is an answer.
 */
#include "unit/unit.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>

#include "who/saslauthd.h"

#define OCTETS(literal) { (literal), sizeof(literal) - 1 }

static void
test_path(void **state)
{
	static const struct {
		const char *what, *passwords, *path;
	} rows[] = {
		{ "nothing", NULL, NULL },
		{ "another source", "shadow", NULL },
		{ "a third", "users", NULL },
		{ "Debian's place", "saslauthd", "/run/saslauthd/mux" },
		{ "another place", "saslauthd:/a/b:c", "/a/b:c" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *path = saslauthd_path(rows[i].passwords);

		ROW(rows[i].what, (path == NULL) == (rows[i].path == NULL));
		ROW(rows[i].what, path == NULL ||
		    strcmp(path, rows[i].path) == 0);
	}
}

static void
test_question(void **state)
{
	static char most[LIMITS_SASLAUTHD + 1], room[SASLAUTHD_QUESTION];
	static const struct {
		const char *what;
		struct span name, password, question;
	} rows[] = {
		{ "as saslauthd's own client asks", OCTETS("ford"),
		    OCTETS("towel"),
		    OCTETS("\0\4ford\0\5towel\0\3pop\0\0") },
		{ "octets are octets", OCTETS("\xff"), OCTETS("\n \x80"),
		    OCTETS("\0\1\xff\0\3\n \x80\0\3pop\0\0") },
		{ "an empty password", OCTETS("a"), OCTETS(""),
		    OCTETS("\0\1a\0\0\0\3pop\0\0") },
		{ "NUL in the name", OCTETS("a\0"), OCTETS("b"), { NULL, 0 } },
		{ "NUL in the password", OCTETS("a"), OCTETS("\0b"),
		    { NULL, 0 } },
		{ "a password too long", OCTETS("a"), { most, sizeof(most) },
		    { NULL, 0 } },
		{ "a name too long", { most, sizeof(most) }, OCTETS("a"),
		    { NULL, 0 } },
	};
	const struct span longest = { most, LIMITS_SASLAUTHD };
	size_t n;

	(void)state;
	memset(most, 'x', sizeof(most));
	for (size_t i = 0; i < COUNT(rows); i++) {
		n = saslauthd_question(rows[i].name, rows[i].password, room);
		ROW(rows[i].what, span_equal((struct span){ room, n },
		    rows[i].question));
	}
	n = saslauthd_question(longest, longest, room);
	assert_int_equal(n, 2 * (2 + LIMITS_SASLAUTHD) + 5 + 2);
	assert_memory_equal(room, "\1\0x", 3);
}

static void
test_read(void **state)
{
	static const struct {
		const char *what;
		struct span octets;
		int got;
		enum saslauthd_answer answer;
		struct span reason;
	} rows[] = {
#define OK SASLAUTHD_OK
#define NO SASLAUTHD_NO
#define NONE NO, OCTETS("")
		{ "OK", OCTETS("\0\2OK"), 1, OK, OCTETS("") },
		{ "NO", OCTETS("\0\2NO"), 1, NO, OCTETS("") },
		{ "OK and words", OCTETS("\0\7OK a b "), 1, OK,
		    OCTETS("a b ") },
		{ "NO and words", OCTETS("\0\6NO\0a b"), -1, NONE },
		{ "NO and a reason", OCTETS("\0\6NO no "), 1, NO,
		    OCTETS("no ") },
		{ "NO, a blank, NUL", OCTETS("\0\4NO \0"), 1, NO,
		    OCTETS("\0") },
		{ "nothing yet", OCTETS(""), 0, NONE },
		{ "half a count", OCTETS("\0"), 0, NONE },
		{ "a count", OCTETS("\0\2"), 0, NONE },
		{ "half an answer", OCTETS("\0\2O"), 0, NONE },
		{ "half a reason", OCTETS("\0\6OK no"), 0, NONE },
		{ "no answer at all", OCTETS("\0\0"), -1, NONE },
		{ "an answer of one octet", OCTETS("\0\1O"), -1, NONE },
		{ "more than was counted", OCTETS("\0\2OK\n"), -1, NONE },
		{ "another order of octets", OCTETS("\2\0OK"), 0, NONE },
		{ "more than there can be", OCTETS("\4\1"), -1, NONE },
		{ "the most there can be", OCTETS("\4\0"), 0, NONE },
		{ "another word", OCTETS("\0\3OKE"), -1, NONE },
		{ "another word for no", OCTETS("\0\3NOT"), -1, NONE },
		{ "small letters", OCTETS("\0\2ok"), -1, NONE },
		{ "a blank in front", OCTETS("\0\3 OK"), -1, NONE },
		{ "something else", OCTETS("\0\3YES"), -1, NONE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		enum saslauthd_answer answer = SASLAUTHD_TROUBLE;
		struct span reason = { NULL, 0 };
		int got = saslauthd_read(rows[i].octets, &answer, &reason);

		ROW(rows[i].what, got == rows[i].got);
		ROW(rows[i].what, got != 1 || answer == rows[i].answer);
		ROW(rows[i].what, got != 1 ||
		    span_equal(reason, rows[i].reason));
	}
}

/* One who waits fills this queue. */
static void
test_connect(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM, 0), fds[2];
	const char *path = unit_path(state, "mux");
	char text[sizeof(address.sun_path) + 1];

	assert_int_equal(saslauthd_connect(path), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(span_copy(span_of(path), address.sun_path,
	    sizeof(address.sun_path)), 0);
	assert_int_equal(bind(s, (const struct sockaddr *)&address,
	    sizeof(address)), 0);
	assert_int_equal(saslauthd_connect(path), -1);
	assert_int_equal(errno, ECONNREFUSED);
	assert_int_equal(listen(s, 0), 0);
	fds[0] = saslauthd_connect(path);
	assert_true(fds[0] >= 0);
	assert_int_equal(fcntl(fds[0], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	assert_int_equal(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
	assert_int_equal(saslauthd_connect(path), -1);
	assert_int_equal(errno, EAGAIN);
	(void)close(fds[0]);
	(void)close(s);
	memset(text, '/', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(saslauthd_connect(text), -1);
	assert_int_equal(errno, ENAMETOOLONG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_question),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_connect),
	};

	return cmocka_run_group_tests_name("saslauthd", tests, unit_begin,
	    unit_end);
}
