/* SPDX-License-Identifier: ISC */
/*
 * The judge, between the gate and the monitor.  A user is a method, the number
 * of bad commands, a name, uid, gid and the spool's, a home, and the input that is unread;
 * the answer is an enum mailbox_fault.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "rights/admission.h"
#include "rights/gate.h"
#include "rights/judge.h"
#include "rights/sandbox.h"
#include "settings/options.h"
#include "spool/mailbox.h"
#include "talk/dispatch.h"
#include "talk/verdict.h"

/* The group of the spool that ${user}'s mailbox is in, if that is one. */
static gid_t
find_group(const struct options *options, const struct users_entry *user)
{
	gid_t group = SANDBOX_NO_GROUP;
	char path[LIMITS_PATH];

	if (strstr(options->mailbox, "%h") == NULL &&
	    mailbox_expand(options->mailbox, user->name, user->home, path) == 0)
		(void)mailbox_spool_group(path, &group);
	return group;
}

/* Let the monitor open the maildrop of ${judge}->user. */
static enum dispatch_text
ask_monitor(const struct judge *judge, enum login_method method)
{
	const struct users_entry *user = judge->user;
	const uint32_t ids[3] = { user->uid, user->gid,
	    find_group(judge->dialogue->options, user) };
	struct channel_message message;
	unsigned fault;

	channel_begin(&message);
	channel_put_byte(&message, (uint8_t)method);
	channel_put_byte(&message, (uint8_t)judge->dialogue->bad);
	channel_put(&message, span_of(user->name));
	channel_put(&message, (struct span){ (const char *)ids, sizeof(ids) });
	channel_put(&message, span_of(user->home));
	channel_put(&message, wire_unread(&judge->dialogue->wire));
	/* A monitor that gives no answer ends the session. */
	if (channel_send(judge->monitor, &message, -1) == -1 ||
	    channel_receive(judge->monitor, &message) != 1)
		return DISPATCH_SENT;
	fault = channel_get_byte(&message);
	return fault == MAILBOX_FINE && message.whole ? DISPATCH_MAILDROP :
	    dispatch_fault(fault);
}

/* Answer one question of the gate.  Returns the answer. */
static enum dispatch_text
answer(const struct judge *judge, struct login_question *question)
{
	enum dispatch_text text = verdict_give(judge->verdict, question,
	    judge->user);
	struct channel_message message;

	span_wipe(question->secret, sizeof(question->secret));
	if (text == DISPATCH_MAILDROP)
		text = ask_monitor(judge, question->method);
	users_forget(judge->user);
	if (text == DISPATCH_SENT) {
		/* Its signal says why. */
		(void)wire_wait(&judge->dialogue->wire, judge->gate,
		    clock_ms() + LIMITS_PATIENCE_MS);
		return DISPATCH_REFUSED_LAST;
	}
	if (text == DISPATCH_REFUSED_LAST)
		judge->dialogue->record.end = LOG_END_AUTH_FAILED;
	channel_begin(&message);
	channel_put_byte(&message, (uint8_t)text);
	/* Who was let in has a session, whether his gate hears it or not. */
	return channel_send(judge->gate, &message, -1) == 0 ||
	    text == DISPATCH_MAILDROP ? text : DISPATCH_REFUSED_LAST;
}

/* Answer the gate.  Returns the last answer. */
static enum dispatch_text
serve(const struct judge *judge)
{
	const struct wire *wire = &judge->dialogue->wire;
	enum dispatch_text text = DISPATCH_USER;
	struct login_question question;

	for (int i = 0; i < LIMITS_QUESTIONS && text != DISPATCH_MAILDROP &&
	    text != DISPATCH_REFUSED_LAST; i++) {
		if (wire_wait(wire, judge->gate, INT64_MAX) != 1 ||
		    gate_hear(judge->gate, judge->dialogue, &question) != 1)
			break;
		text = answer(judge, &question);
		span_wipe(&question, sizeof(question));
	}
	return text;
}

enum dialogue_exit
judge_run(const struct judge *judge)
{
	struct pollfd pfd = { .fd = judge->gate, .events = 0 };
	struct dialogue *dialogue = judge->dialogue;

	admission_leave_client();
	if (sandbox_close(FILTER_JUDGE,
	    (enum sandbox_wish)dialogue->options->sandbox, -1) == -1 ||
	    serve(judge) != DISPATCH_MAILDROP) {
		if (*dialogue->wire.stop != 0)
			dialogue->record.end = LOG_END_SIGNAL;
		log_record(&dialogue->record, clock_ms());
	}
	/* Who waits for an answer gets none; the gate's end hangs up. */
	(void)shutdown(judge->gate, SHUT_WR);
	(void)poll(&pfd, 1, LIMITS_GRACE_MS);
	return DIALOGUE_ORDERLY;
}

int
judge_hear(int channel, struct dialogue *dialogue, enum login_method *method,
    struct users_entry *user, gid_t *group)
{
	struct channel_message message;
	struct span name, ids, home, unread;
	uint32_t id[3];
	unsigned how;

	if (channel_receive(channel, &message) != 1)
		return 0;
	how = channel_get_byte(&message);
	dialogue->bad = channel_get_byte(&message);
	name = channel_get(&message);
	ids = channel_get(&message);
	home = channel_get(&message);
	unread = channel_get(&message);
	memset(user, 0, sizeof(*user));
	if (!message.whole || message.fd != -1 || how > LOGIN_APOP ||
	    !users_can_be(name) || ids.n != sizeof(id) ||
	    unread.n > LIMITS_INPUT ||
	    span_copy(name, user->name, sizeof(user->name)) == -1 ||
	    span_copy(home, user->home, sizeof(user->home)) == -1)
		return 0;
	memcpy(id, ids.p, sizeof(id));
	user->uid = id[0];
	user->gid = id[1];
	*group = id[2];
	*method = (enum login_method)how;
	wire_feed(&dialogue->wire, unread);
	span_wipe(&message, sizeof(message));
	return user->uid != 0 && *group != 0;
}

void
judge_tell(int channel, enum mailbox_fault fault)
{
	struct channel_message message;

	channel_begin(&message);
	channel_put_byte(&message, (uint8_t)fault);
	(void)channel_send(channel, &message, -1);
}
