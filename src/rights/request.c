/* SPDX-License-Identifier: ISC */
/*
 * What a session asks of its keeper.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "rights/letter.h"
#include "rights/request.h"
#include "spool/aside.h"

/* ---- In the session */

/* Ask the keeper for ${request}.  Returns the result, or ${failed}; ${fd}, if
 * it is not NULL, is the descriptor that came along. */
static uint32_t
ask(int channel, uint32_t request, int *fd, uint32_t failed)
{
	struct channel_message message;
	struct letter_number result;
	int got = letter_send_number(channel, LETTER_REQUEST, request) == -1 ?
	    -1 : letter_receive(channel, LETTER_RESULT, &result, &message);

	if (got != 1) {
		/* A keeper that has gone has its reason, and tells it. */
		if (got == -1 && !channel_is_gone(errno))
			log_error("the keeper cannot be asked: %s",
			    strerror(errno));
		errno = EPIPE;
		return failed;
	}
	if (fd != NULL)
		*fd = message.fd;
	errno = EIO;
	return result.value;
}

static enum lock_result
ask_dot(void *to, enum lock_request request)
{
	uint32_t result = ask(*(int *)to, request, NULL, LOCK_FAILED);

	return result > LOCK_FAILED ? LOCK_FAILED : (enum lock_result)result;
}

static enum mailbox_fault
ask_reopen(void *to, int *fd)
{
	uint32_t result = ask(*(int *)to, LETTER_REOPEN, fd, MAILBOX_TROUBLE);

	return result > MAILBOX_TROUBLE ||
	    (result == MAILBOX_FINE && *fd == -1) ? MAILBOX_TROUBLE :
	    (enum mailbox_fault)result;
}

static int
ask_set_aside(void *to)
{
	return ask(*(int *)to, LETTER_SET_ASIDE, NULL, 1) == 0 ? 0 : -1;
}

void
request_begin(struct maildrop_rights *rights, int *channel)
{
	rights->dot = ask_dot;
	rights->reopen = ask_reopen;
	rights->set_aside = ask_set_aside;
	rights->to = channel;
}

static bool
say_line(void *to, enum log_level level, const char *text)
{
	const struct letter_line letter = { LETTER_LOG_LINE, level,
	    span_of(text) };

	return letter_send(*(int *)to, LETTER_LINE, &letter, -1) == 0;
}

static void
say_record(void *to, const struct log_session *session)
{
	struct letter_record letter = { .request = LETTER_LOG_RECORD,
	    .end = session->end };
	const uint64_t figures[LETTER_FIGURES] = { session->messages,
	    session->octets, session->retrieved, session->retrieved_octets,
	    session->deleted, session->left };

	memcpy(letter.halves, figures, sizeof(figures));
	(void)letter_send(*(int *)to, LETTER_RECORD, &letter, -1);
}

void
request_log(int *channel)
{
	const struct log_writer writer = { say_line, say_record, channel };

	log_through(&writer, *channel);
}

static int
leave(void *to)
{
	(void)to;
	return 0;
}

void
request_leave_aside(struct maildrop_rights *rights)
{
	rights->set_aside = leave;
}

int
request_report(int channel, enum mailbox_fault fault)
{
	if (letter_send_number(channel, LETTER_REQUEST,
	    LETTER_REPORT + (uint32_t)fault) == 0)
		return 0;
	/* A keeper that is gone has logged why. */
	if (fault == MAILBOX_FINE)
		log_error("nobody can be told that a maildrop is open: %s",
		    strerror(errno));
	return -1;
}

/* ---- In the keeper */

/* Open the mailbox again for the session, and keep it for breaking locks. */
static enum mailbox_fault
reopen(struct maildrop *drop, int *fd)
{
	enum mailbox_fault fault = mailbox_reopen(&drop->mailbox, fd);

	if (fault == MAILBOX_FINE)
		maildrop_replace(drop, *fd);
	return fault;
}

/* Write a line for the session, which has no locks when it sends one.  It never
 * looks like one of another process.  Returns 1, or -1. */
static int
write_line(struct channel_message *message)
{
	struct letter_line line;

	if (letter_read(LETTER_LINE, &line, message) != 1)
		return -1;
	log_let_go(LOG_FOR_KEEPER);
	log_line(line.level < LOG_LEVEL_ERROR ? LOG_LEVEL_ERROR :
	    (enum log_level)line.level, "session: %.*s", (int)line.text.n,
	    line.text.n == 0 ? "" : line.text.p);
	log_hold(LOG_FOR_KEEPER);
	return 1;
}

/* Write the record of a session, which has one: the figures are its own.
 * Returns 1, or -1. */
static int
write_record(struct channel_message *message,
    const struct request_watch *watch)
{
	struct letter_record letter;
	uint64_t figures[LETTER_FIGURES];
	struct log_session record;

	if (letter_read(LETTER_RECORD, &letter, message) != 1)
		return -1;
	errno = EPROTO;
	if (watch->record == NULL || *watch->recorded)
		return -1;
	record = *watch->record;
	record.end = (enum log_end)letter.end;
	memcpy(figures, letter.halves, sizeof(figures));
	record.messages = figures[0];
	record.octets = figures[1];
	record.retrieved = figures[2];
	record.retrieved_octets = figures[3];
	record.deleted = figures[4];
	record.left = figures[5];
	log_let_go(LOG_FOR_KEEPER);
	log_record(&record, clock_ms());
	log_hold(LOG_FOR_KEEPER);
	*watch->recorded = true;
	return 1;
}

/* Hear what the session has to say.  Returns 1 for a line or the record, which
 * is written; 2 for a ${request}; 0 if the session is gone, -1 if it is not
 * understood. */
static int
hear(int channel, const struct request_watch *watch, uint32_t *request)
{
	struct channel_message message;
	struct letter_number letter = { 0 };
	int got = channel_receive(channel, &message);

	if (got == 1 && channel_first(&message) == LETTER_LOG_LINE)
		got = write_line(&message);
	else if (got == 1 && channel_first(&message) == LETTER_LOG_RECORD)
		got = write_record(&message, watch);
	else if (got == 1 &&
	    letter_read(LETTER_REQUEST, &letter, &message) == 1)
		got = 2;
	else if (got == 1)
		got = -1;
	if (got == -1)
		log_error("a session cannot be heard: %s", strerror(errno));
	*request = letter.value;
	return got;
}

/* Answer one request.  Returns 1; 0 if the session is gone, -1 if it is not
 * understood; 2 if it reported ${fault}. */
static int
answer(int channel, struct maildrop *drop, const struct request_watch *watch,
    enum mailbox_fault *fault)
{
	struct letter_number result = { LOCK_FAILED };
	uint32_t request;
	int fd = -1, got = hear(channel, watch, &request);

	if (got != 2)
		return got;
	if (request >= LETTER_REPORT) {
		*fault = (enum mailbox_fault)(request - LETTER_REPORT);
		return 2;
	}
	if (request == LETTER_REOPEN)
		result.value = reopen(drop, &fd);
	else if (request == LETTER_SET_ASIDE)
		result.value = aside_journal(&drop->mailbox) == 0 ? 0 : 1;
	else if (request <= LOCK_DOT_DROP)
		result.value = dotlock_ask(&drop->dot,
		    (enum lock_request)request);
	if (letter_send(channel, LETTER_RESULT, &result, fd) == 0)
		return 1;
	if (!channel_is_gone(errno))
		log_error("a session cannot be answered: %s", strerror(errno));
	return 0;
}

/* Tell ${session} to end.  A moment after its begin it is not the user's yet,
 * and the keeper may not signal it. */
static void
end_session(pid_t session)
{
	const struct timespec moment = { .tv_nsec = LIMITS_MOMENT_NS };

	for (int tries = 0; tries < LIMITS_GRACE_MS &&
	    kill(session, SIGTERM) == -1 && errno == EPERM; tries++)
		(void)ppoll(NULL, 0, &moment, NULL);
}

int
request_serve(int channel, struct maildrop *drop,
    const struct request_watch *watch, enum mailbox_fault *fault)
{
	struct pollfd fds[2] = {
		{ .fd = channel, .events = POLLIN },
		{ .fd = watch->above, .events = POLLIN },
	};
	/* A lock that nobody touches is taken for one left behind. */
	const struct timespec touch = { .tv_sec = LIMITS_DOTLOCK_TOUCH_S };
	bool told = false;
	sigset_t waiting;
	int got = 1;

	/* The session may have the mailbox locks. */
	log_hold(LOG_FOR_KEEPER);
	channel_signals(&waiting);
	while (got == 1) {
		int ready = ppoll(fds, 2, drop->dot.ours == -1 ? NULL : &touch,
		    &waiting);

		if (ready == 0)
			(void)dotlock_touch(&drop->dot);
		if (!told && (*watch->stop != 0 ||
		    (ready > 0 && fds[1].revents != 0))) {
			if (watch->session != -1)
				end_session(watch->session);
			fds[1].fd = -1;
			told = true;
		} else if (ready > 0 && fds[0].revents != 0) {
			got = answer(channel, drop, watch, fault);
		}
	}
	return got == 2 ? 0 : got == 0 ? -1 : 1;
}
