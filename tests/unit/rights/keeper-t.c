/* SPDX-License-Identifier: ISC */
/*
 * The keeper and the gate: two processes never speak to one client.  A keeper
 * that does not understand its session ends, because that may speak already;
 * one whose session is gone says so.  A gate that gets no answer, or none that
 * it understands, says nothing: somebody may be in.  (Linked with --wrap
 * for session_main and sandbox_close: what a session does is the row's, and
 * nobody is closed in.)
 */
#include "unit/unit.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include "base/channel.h"
#include "base/log.h"
#include "rights/gate.h"
#include "rights/keeper.h"
#include "rights/letter.h"
#include "rights/process.h"
#include "rights/sandbox.h"
#include "settings/options.h"
#include "talk/reply.h"

/* The exit code of a process in which keeper_admit returned is this and the
 * fault. */
#define RETURNED 200

static volatile sig_atomic_t stop;
static struct options options;

int __wrap_sandbox_close(enum filter_role role, enum sandbox_wish wish,
    int dir);
int
__wrap_sandbox_close(enum filter_role role, enum sandbox_wish wish, int dir)
{
	(void)role;
	(void)wish;
	(void)dir;
	return 0;
}

/* ---- The keeper */

static const struct admission {
	const char *what;
	int report;		/* what the session sends: an octet, or -1 */
	int more;		/* octets behind it */
	int code;
	bool spool;		/* the mailbox was in a spool when it was looked
				 * for */
} *admission;

void __wrap_session_main(struct session *session, int channel)
    __attribute__((noreturn));
void
__wrap_session_main(struct session *session, int channel)
{
	struct channel_message message;

	(void)session;
	/* It was handed the mailbox, of which it needs nothing. */
	for (int i = 0; i < 3; i++)
		if (channel_receive(channel, &message) != 1)
			_exit(1);
	channel_begin(&message);
	channel_put_number(&message, (uint32_t)admission->report, 1);
	for (int i = 0; i < admission->more; i++)
		channel_put_number(&message, 0, 1);
	if (admission->report != -1)
		(void)channel_send(channel, &message, -1);
	_exit(7);
}

static struct session *
make_session(void **state)
{
	struct session *session = calloc(1, sizeof(*session));

	if (session == NULL)
		_exit(1);
	options.mailbox = unit_path(state, "box");
	options.state_dir = "none";
	session->options = &options;
	session->stop = &stop;
	session->group = PROCESS_NO_GROUP;
	(void)snprintf(session->user.name, sizeof(session->user.name),
	    "mrose");
	return session;
}

/* Run the keeper of a session as ${row} has it.  Returns its exit code. */
static int
admit(void **state, const struct admission *row)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		struct session *session = make_session(state);

		(void)alarm(10);
		admission = row;
		if (row->spool)
			session->group = getegid();
		_exit(RETURNED + (int)keeper_admit(session, -1));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
test_keeper(void **state)
{
	static const struct admission rows[] = {
		{ "somebody is in", LETTER_REPORT + MAILBOX_FINE, 0, 7, false },
		{ "a mailbox that is locked", LETTER_REPORT + MAILBOX_LOCKED,
		    0, RETURNED + MAILBOX_LOCKED, false },
		{ "a session that is gone", -1, 0, RETURNED + MAILBOX_TROUBLE,
		    false },
		{ "a report with more behind it", LETTER_REPORT + MAILBOX_FINE,
		    1, DIALOGUE_TROUBLE, false },
		{ "a report of what there is not", 0xff, 0, DIALOGUE_TROUBLE,
		    false },
		{ "nothing but octets", 'x', 20, DIALOGUE_TROUBLE, false },
		{ "a directory that is no spool now", LETTER_REPORT +
		    MAILBOX_FINE, 0, RETURNED + MAILBOX_CHANGED, true },
	};

	(void)unit_text(state, "box", "From a\n\nb\n");
	for (size_t i = 0; i < COUNT(rows); i++)
		ROW(rows[i].what, admit(state, &rows[i]) == rows[i].code);
}

/* ---- The gate */

/* Be the gate of a client, at the other end of ${client}. */
static void __attribute__((noreturn))
be_gate(void **state, int client, int channel)
{
	struct session *session = make_session(state);

	(void)alarm(10);
	options.plaintext = OPTIONS_PLAINTEXT_ALWAYS;
	options.hide_users = true;
	(void)dup2(client, STDIN_FILENO);
	(void)dup2(client, STDOUT_FILENO);
	(void)close(client);
	session->verdict.login.passwords = true;
	dialogue_open(&session->dialogue, &options, &session->verdict.login,
	    &stop);
	gate_main(session, channel, false);
}

static void
test_gate(void **state)
{
	static const char in[] = "USER mrose\r\nPASS x\r\nQUIT\r\n";
	static const struct {
		const char *what;
		uint8_t answer[4];	/* text, length of a challenge */
		size_t n;	/* octets of the answer */
		int lines;	/* that the client gets */
		int code;
	} rows[] = {
		{ "refused", { REPLY_REFUSED, 0, 0 }, 3, 4,
		    DIALOGUE_ORDERLY },
		{ "let in", { REPLY_MAILDROP, 0, 0 }, 3, 2,
		    DIALOGUE_ORDERLY },
		{ "no answer", { 0 }, 0, 2, DIALOGUE_BROKEN },
		{ "an answer with more behind it",
		    { REPLY_REFUSED, 0, 0, 0 }, 4, 2, DIALOGUE_BROKEN },
		{ "an answer that there is not", { 0xff, 0, 0 }, 3, 2,
		    DIALOGUE_BROKEN },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		int client[2], fds[2], lines = 0, status;
		struct channel_message message;
		char octet;
		pid_t child;

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, client),
		    0);
		assert_int_equal(channel_pair(fds), 0);
		assert_int_equal(write(client[0], in, sizeof(in) - 1),
		    sizeof(in) - 1);
		assert_int_equal(shutdown(client[0], SHUT_WR), 0);
		child = fork();
		if (child == 0) {
			(void)close(client[0]);
			(void)close(fds[0]);
			be_gate(state, client[1], fds[1]);
		}
		(void)close(client[1]);
		(void)close(fds[1]);
		assert_int_equal(channel_receive(fds[0], &message), 1);
		if (rows[i].n > 0)
			assert_int_equal(send(fds[0], rows[i].answer, rows[i].n,
			    0), rows[i].n);
		(void)shutdown(fds[0], SHUT_WR);
		while (read(client[0], &octet, 1) == 1)
			lines += octet == '\n';
		assert_int_equal(waitpid(child, &status, 0), child);
		ROW(rows[i].what, lines == rows[i].lines);
		ROW(rows[i].what, WIFEXITED(status) &&
		    WEXITSTATUS(status) == rows[i].code);
		(void)close(client[0]);
		(void)close(fds[0]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keeper),
		cmocka_unit_test(test_gate),
	};

	options_begin(&options);
	log_open(LOG_TO_NONE, false);
	return cmocka_run_group_tests_name("keeper", tests, unit_begin,
	    unit_end);
}
