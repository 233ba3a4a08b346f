/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes what the processes of a session hear from each other: messages, each
 * behind its length; the last octet of the input chooses who hears them.  What
 * the less privileged side may say, the other one never believes a length of,
 * and no descriptor stays open.
 */
#include "config.h"

#include <sys/socket.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/channel.h"
#include "rights/front.h"
#include "rights/judge.h"
#include "rights/request.h"
#include "rights/letter.h"
#include "rights/monitor.h"
#include "talk/dialogue.h"
#include "talk/proxy.h"
#include "fuzz.h"

/* The lowest free descriptor. */
static int
next_fd(void)
{
	int fd = dup(STDOUT_FILENO);

	(void)close(fd);
	return fd;
}

/* Send ${octets} as they are, with a descriptor if ${passes}. */
static void
say(int fd, struct span octets, bool passes)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec vector = { (void *)(uintptr_t)octets.p, octets.n };
	struct msghdr header = { .msg_iov = &vector, .msg_iovlen = 1 };
	int passed = STDOUT_FILENO;

	memset(&control, 0, sizeof(control));
	if (passes) {
		header.msg_control = &control;
		header.msg_controllen = sizeof(control);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &passed, sizeof(int));
	}
	FUZZ_CHECK(sendmsg(fd, &header, MSG_NOSIGNAL) == (ssize_t)octets.n);
}

static void
drain(int fd)
{
	char octets[LIMITS_MESSAGE];

	while (recv(fd, octets, sizeof(octets), MSG_DONTWAIT) > 0)
		continue;
}

/* The judge hears a gate. */
static int
hear_gate(int fd, struct session *session)
{
	struct login_question question;

	memset(&question, 'x', sizeof(question));
	if (judge_hear_gate(fd, &session->dialogue, &question) == 0)
		return 0;
	FUZZ_CHECK(question.name_n <= sizeof(question.name));
	FUZZ_CHECK(question.secret_n <= sizeof(question.secret));
	FUZZ_CHECK(question.binding_n == 0 ||
	    question.binding_n == sizeof(question.binding));
	FUZZ_CHECK(question.method < LOGIN_METHODS);
	FUZZ_CHECK(wire_unread(&session->dialogue.wire).n <= LIMITS_INPUT);
	return 1;
}

/* The monitor, which is root, hears of a gate what a front end said. */
static int
hear_front(int fd, struct session *session)
{
	static const volatile sig_atomic_t stop;
	struct dialogue *dialogue = &session->dialogue;
	const struct peer *peer = &dialogue->peer;

	dialogue->wire.stop = &stop;
	dialogue->record.peer = peer->text;
	if (front_hear(dialogue, fd) != PROXY_FINE)
		return 0;
	/* It is in the log, and in names of files. */
	FUZZ_CHECK(strspn(peer->text, "0123456789abcdef.:") ==
	    strlen(peer->text));
	FUZZ_CHECK(strspn(peer->local, "0123456789abcdef.:") ==
	    strlen(peer->local));
	FUZZ_CHECK(strlen(peer->text) < sizeof(peer->text));
	FUZZ_CHECK(strlen(peer->local) < sizeof(peer->local));
	return 1;
}

/* The monitor, which is root, hears a judge. */
static int
hear_judge(int fd, struct session *session)
{
	int heard = monitor_hear_judge(fd, session);

	FUZZ_CHECK(heard >= 0 && heard <= 2);
	/* It wants a connection, and nothing else that it says is looked at. */
	if (heard != 1)
		return heard == 2;
	FUZZ_CHECK(session->verdict.method < LOGIN_METHODS);
	FUZZ_CHECK(session->user.uid != 0);
	FUZZ_CHECK(users_can_be(span_of(session->user.name)));
	FUZZ_CHECK(strlen(session->user.home) < sizeof(session->user.home));
	FUZZ_CHECK(wire_unread(&session->dialogue.wire).n <= LIMITS_INPUT);
	return 1;
}

/* Every kind of letter is what the table says, or is none. */
static int
hear_letter(int fd, unsigned what)
{
	enum letter_kind kind = (enum letter_kind)(what % LETTER_KINDS);
	union {
		struct letter_question question;
		struct letter_answer answer;
		struct letter_user user;
		struct letter_file file;
		struct letter_number number;
	} letter;
	struct channel_message message;
	const struct letter_field *fields;
	size_t n;
	int got = letter_receive(fd, kind, &letter, &message);

	if (got == 1) {
		fields = letter_fields(kind, &n);
		for (size_t i = 0; i < n; i++) {
			const void *at = (const char *)&letter + fields[i].at;

			FUZZ_CHECK((fields[i].type == LETTER_OCTETS ?
			    ((const struct span *)at)->n :
			    *(const uint32_t *)at) <= fields[i].limit);
		}
		if (message.fd != -1)
			(void)close(message.fd);
	}
	return got == 1;
}

/* A session hears its keeper. */
static void
hear_keeper(int fd, unsigned what)
{
	struct maildrop_rights rights;
	int channel = fd, file = -1;
	enum mailbox_fault fault;

	request_begin(&rights, &channel);
	switch (what % 3) {
	case 0:
		FUZZ_CHECK(rights.dot(rights.to, LOCK_DOT_TRY) <= LOCK_FAILED);
		break;
	case 1:
		fault = rights.reopen(rights.to, &file);
		FUZZ_CHECK(fault <= MAILBOX_TROUBLE);
		FUZZ_CHECK(fault != MAILBOX_FINE || file != -1);
		break;
	default:
		(void)rights.set_aside(rights.to);
		break;
	}
	/* The session owns what it was given. */
	if (file != -1)
		(void)close(file);
}

void
fuzz_channel(struct span input)
{
	unsigned mode = fuzz_number(&input, 15);
	int before = next_fd(), fds[2];
	struct session *session = calloc(1, sizeof(*session));
	static const volatile sig_atomic_t stop;
	const struct request_watch watch = { .above = -1, .stop = &stop,
	    .session = -1 };
	/* A maildrop in no directory: each request fails. */
	struct maildrop drop = { .mailbox = { .dir = -1, .fd = -1,
	    .sidecar = -1, .adopted = -1 }, .dot = { .dir = -1, .mailbox = -1,
	    .ours = -1 } };
	enum mailbox_fault fault;
	int more = 1;

	FUZZ_CHECK(mailbox_name(&drop.mailbox, "/absent/mrose") == 0);
	FUZZ_CHECK(session != NULL && channel_pair(fds) == 0);
	while (input.n >= 2 && more == 1) {
		size_t n = (size_t)(unsigned char)input.p[0] << 8 |
		    (unsigned char)input.p[1];
		struct span octets = { input.p + 2, input.n - 2 };

		if (octets.n > n)
			octets.n = n;
		input.p += 2 + octets.n;
		input.n -= 2 + octets.n;
		/* A message of no octets looks like the end. */
		if (octets.n == 0)
			continue;
		say(fds[0], octets, (mode & 4) != 0);
		switch (mode & 3) {
		case 0:
			more = (mode & 8) != 0 ? hear_front(fds[1], session) :
			    hear_gate(fds[1], session);
			break;
		case 1:
			more = (mode & 8) != 0 ? hear_letter(fds[1],
			    (unsigned char)octets.p[0]) :
			    hear_judge(fds[1], session);
			break;
		case 2:
			hear_keeper(fds[1], (unsigned)octets.n);
			drain(fds[0]);
			break;
		default:
			/* It serves until there is nobody to be served. */
			(void)shutdown(fds[0], SHUT_WR);
			if (request_serve(fds[1], &drop, &watch, &fault) == 0)
				FUZZ_CHECK(fault <= MAILBOX_TROUBLE);
			more = 0;
			break;
		}
		/* What a refused message left. */
		drain(fds[1]);
	}
	(void)close(fds[0]);
	(void)close(fds[1]);
	free(session);
	FUZZ_CHECK(next_fd() == before);
}
