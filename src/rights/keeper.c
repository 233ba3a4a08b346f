/* SPDX-License-Identifier: ISC */
/*
 * The keeper and the session's side of it.  A request is one octet, an answer
 * one octet and perhaps a descriptor.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/log.h"
#include "rights/keeper.h"
#include "spool/aside.h"
#include "spool/dotlock.h"
#include "spool/lock.h"
#include "spool/mailbox.h"

/* What is asked; below REQUEST_REOPEN it is an enum lock_request. */
enum request {
	REQUEST_REOPEN = 16,
	REQUEST_SET_ASIDE,
	REQUEST_REPORT		/* a second octet is the fault */
};

/* Ask for ${request}.  Returns the answer's octet, or ${failed}. */
static unsigned
ask(const int *channel, unsigned request, int *fd, unsigned failed)
{
	struct channel_message message;
	unsigned octet;

	channel_begin(&message);
	channel_put_byte(&message, (uint8_t)request);
	if (channel_send(*channel, &message, -1) == -1 ||
	    channel_receive(*channel, &message) != 1) {
		errno = EPIPE;
		return failed;
	}
	octet = channel_get_byte(&message);
	*fd = message.fd;
	errno = EIO;
	return message.whole ? octet : failed;
}

static enum lock_result
ask_dot(void *to, enum lock_request request)
{
	int none;
	unsigned octet = ask(to, request, &none, LOCK_FAILED);

	return octet > LOCK_FAILED ? LOCK_FAILED : (enum lock_result)octet;
}

static enum mailbox_fault
ask_reopen(void *to, int *fd)
{
	unsigned octet = ask(to, REQUEST_REOPEN, fd, MAILBOX_TROUBLE);

	if (octet == MAILBOX_FINE && *fd == -1)
		return MAILBOX_TROUBLE;
	return octet > MAILBOX_TROUBLE ? MAILBOX_TROUBLE :
	    (enum mailbox_fault)octet;
}

static int
ask_set_aside(void *to)
{
	int none;

	return ask(to, REQUEST_SET_ASIDE, &none, 1) == 0 ? 0 : -1;
}

/* The three descriptors, each with what else is to be known. */
int
keeper_give(int channel, const struct mailbox *mailbox)
{
	const int fds[] = { mailbox->dir, mailbox->fd, mailbox->sidecar };
	struct channel_message message;

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		channel_begin(&message);
		channel_put_byte(&message, mailbox->read_only);
		channel_put_byte(&message, mailbox->no_journal);
		channel_put_byte(&message, mailbox->elsewhere);
		if (channel_send(channel, &message, fds[i]) == -1)
			return -1;
	}
	return 0;
}

int
keeper_take(int channel, const char *path, struct mailbox *mailbox)
{
	int *const fds[] = { &mailbox->dir, &mailbox->fd, &mailbox->sidecar };
	struct channel_message message;

	if (mailbox_name(mailbox, path) == -1)
		return -1;
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (channel_receive(channel, &message) != 1)
			return -1;
		*fds[i] = message.fd;
		mailbox->read_only = channel_get_byte(&message) != 0;
		mailbox->no_journal = channel_get_byte(&message) != 0;
		mailbox->elsewhere = channel_get_byte(&message) != 0;
	}
	return 0;
}

void
keeper_ask(struct maildrop_rights *rights, int *channel)
{
	rights->dot = ask_dot;
	rights->reopen = ask_reopen;
	rights->set_aside = ask_set_aside;
	rights->to = channel;
}

int
keeper_report(int channel, enum mailbox_fault fault)
{
	struct channel_message message;

	channel_begin(&message);
	channel_put_byte(&message, REQUEST_REPORT);
	channel_put_byte(&message, (uint8_t)fault);
	if (channel_send(channel, &message, -1) == 0)
		return 0;
	log_error("nobody can be told that a maildrop is open: %s",
	    strerror(errno));
	return -1;
}

int
keeper_hear(int channel, enum mailbox_fault *fault)
{
	struct channel_message message;
	unsigned told;

	*fault = MAILBOX_TROUBLE;
	if (channel_receive(channel, &message) != 1 ||
	    channel_get_byte(&message) != REQUEST_REPORT)
		return -1;
	told = channel_get_byte(&message);
	if (message.whole && told <= MAILBOX_TROUBLE)
		*fault = (enum mailbox_fault)told;
	return 0;
}

/* Open the mailbox again for the session, and keep it for breaking locks. */
static unsigned
reopen(struct maildrop *drop, int *fd)
{
	enum mailbox_fault fault = mailbox_reopen(&drop->mailbox, fd);

	if (fault == MAILBOX_FINE) {
		(void)close(drop->mailbox.fd);
		drop->mailbox.fd = drop->dot.mailbox = *fd;
	}
	return fault;
}

/* Answer one request.  Returns 1; 0 if the session is gone; 2 if it reported
 * ${fault}. */
static int
answer(int channel, struct maildrop *drop, enum mailbox_fault *fault)
{
	struct channel_message message;
	unsigned request, result;
	int fd = -1;

	if (channel_receive(channel, &message) != 1)
		return 0;
	request = channel_get_byte(&message);
	if (message.fd != -1)
		(void)close(message.fd);
	if (request == REQUEST_REPORT) {
		result = channel_get_byte(&message);
		*fault = !message.whole || result > MAILBOX_TROUBLE ?
		    MAILBOX_TROUBLE : (enum mailbox_fault)result;
		return 2;
	}
	if (request == REQUEST_REOPEN)
		result = reopen(drop, &fd);
	else if (request == REQUEST_SET_ASIDE)
		result = aside_journal(&drop->mailbox) == 0 ? 0 : 1;
	else if (request <= LOCK_DOT_DROP)
		result = dotlock_ask(&drop->dot, (enum lock_request)request);
	else
		result = LOCK_FAILED;
	channel_begin(&message);
	channel_put_byte(&message, (uint8_t)result);
	return channel_send(channel, &message, fd) == 0;
}

int
keeper_serve(int channel, struct maildrop *drop,
    const struct keeper_watch *watch, enum mailbox_fault *fault)
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
				(void)kill(watch->session, SIGTERM);
			fds[1].fd = -1;
			told = true;
		} else if (ready > 0 && fds[0].revents != 0) {
			got = answer(channel, drop, fault);
		}
	}
	return got == 2 ? 0 : -1;
}
