/* SPDX-License-Identifier: ISC */
/*
 * The gate, and how the judge hears it.  A question is a method, the number
 * of bad commands, a name, a secret, and the input that is unread; an answer is
 * an enum dispatch_text.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/limits.h"
#include "base/log.h"
#include "rights/gate.h"
#include "rights/sandbox.h"
#include "settings/options.h"
#include "spool/mailbox.h"
#include "talk/dialogue.h"

/* Instead of a method: how the state ended. */
#define GATE_ENDED 255

struct gate {
	struct dialogue *dialogue;
	int channel;
};

/* In the gate: ask the judge, and hand over the input that is unread. */
static enum dispatch_text
ask_judge(void *to, struct login_question *question)
{
	struct gate *gate = to;
	struct dialogue *dialogue = gate->dialogue;
	struct channel_message message;
	unsigned text;

	if (wire_flush(&dialogue->wire) == WIRE_LOST)
		return DISPATCH_SENT;
	channel_begin(&message);
	channel_put_byte(&message, (uint8_t)question->method);
	channel_put_byte(&message, (uint8_t)dialogue->bad);
	channel_put(&message, (struct span){ question->name,
	    question->name_n });
	channel_put(&message, (struct span){ question->secret,
	    question->secret_n });
	channel_put(&message, wire_unread(&dialogue->wire));
	if (channel_send(gate->channel, &message, -1) == -1 ||
	    channel_receive(gate->channel, &message) != 1)
		return DISPATCH_SENT;
	text = channel_get_byte(&message);
	return message.whole && text <= DISPATCH_MISCONFIGURED ?
	    (enum dispatch_text)text : DISPATCH_TROUBLE;
}

enum dialogue_exit
gate_run(struct dialogue *dialogue, int channel)
{
	const struct options *options = dialogue->options;
	struct gate gate = { dialogue, channel };
	struct channel_message message;
	enum dialogue_exit code;
	bool accepted;

	/* The judge logs for it; what the kernel lacks the session tells. */
	if (!options->verbose)
		log_close(channel);
	if (sandbox_close(FILTER_GATE, (enum sandbox_wish)options->sandbox,
	    -1) == -1)
		return dialogue_refuse(dialogue, MAILBOX_TROUBLE);
	dialogue->ask = ask_judge;
	dialogue->to = &gate;
	code = dialogue_authorize(dialogue, &accepted);
	if (accepted)
		return code;
	channel_begin(&message);
	channel_put_byte(&message, GATE_ENDED);
	channel_put_byte(&message, (uint8_t)dialogue->record.end);
	(void)channel_send(channel, &message, -1);
	wire_close(&dialogue->wire);
	return code;
}

int
gate_hear(int channel, struct dialogue *dialogue,
    struct login_question *question)
{
	struct channel_message message;
	struct span name, secret, unread;
	unsigned method, end;

	if (channel_receive(channel, &message) != 1)
		return 0;
	if (message.fd != -1)
		(void)close(message.fd);
	method = channel_get_byte(&message);
	if (method == GATE_ENDED) {
		end = channel_get_byte(&message);
		if (message.whole && end <= LOG_END_WRITE_ERROR)
			dialogue->record.end = (enum log_end)end;
		return 0;
	}
	dialogue->bad = channel_get_byte(&message);
	name = channel_get(&message);
	secret = channel_get(&message);
	unread = channel_get(&message);
	if (!message.whole || method > LOGIN_APOP ||
	    name.n > sizeof(question->name) || unread.n > LIMITS_INPUT ||
	    secret.n > sizeof(question->secret))
		return 0;
	question->method = (enum login_method)method;
	question->name_n = name.n;
	question->secret_n = secret.n;
	if (name.n > 0)
		memcpy(question->name, name.p, name.n);
	if (secret.n > 0)
		memcpy(question->secret, secret.p, secret.n);
	wire_feed(&dialogue->wire, unread);
	span_wipe(&message, sizeof(message));
	return 1;
}
