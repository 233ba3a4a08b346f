/* SPDX-License-Identifier: ISC */
/*
 * The gate.
 */
#include "config.h"

#include <string.h>

#include "base/log.h"
#include "rights/front.h"
#include "rights/gate.h"
#include "rights/letter.h"
#include "rights/process.h"
#include "rights/sandbox.h"
#include "settings/options.h"

struct gate {
	struct dialogue *dialogue;
	int channel;
};

/* Ask the judge, and hand over the input that is unread. */
static enum reply_text
ask_judge(void *to, struct login_question *question)
{
	struct gate *gate = to;
	struct dialogue *dialogue = gate->dialogue;
	const struct letter_question letter = {
		.method = question->method,
		.fault = question->fault,
		.name = { question->name, question->name_n },
		.secret = { question->secret, question->secret_n },
		.unread = wire_unread(&dialogue->wire),
		.tls = dialogue->stls.tls,
		.binding = { question->binding, question->binding_n },
	};
	struct channel_message message;
	struct letter_answer answer;

	/* Without an answer nothing is said: somebody may have been let in, and
	 * another process speaks. */
	if (wire_flush(&dialogue->wire) == WIRE_LOST ||
	    letter_send(gate->channel, LETTER_QUESTION, &letter, -1) == -1 ||
	    letter_receive(gate->channel, LETTER_ANSWER, &answer, &message) !=
	    1)
		return REPLY_SENT;
	question->challenge_n = answer.challenge.n;
	if (answer.challenge.n > 0)
		memcpy(question->challenge, answer.challenge.p,
		    answer.challenge.n);
	return (enum reply_text)answer.text;
}

void
gate_main(struct session *session, int channel, bool behind_front)
{
	const struct options *options = session->options;
	struct dialogue *dialogue = &session->dialogue;
	struct letter_question ended = { .method = LETTER_ENDED };
	struct gate gate = { dialogue, channel };
	enum dialogue_exit code;
	bool accepted;

	/* The judge logs for it; what the kernel lacks the session tells. */
	if (!options->verbose)
		log_close(channel);
	if (sandbox_close(FILTER_GATE, (enum sandbox_wish)options->sandbox,
	    -1) == -1)
		process_end(dialogue_refuse(dialogue, REPLY_TROUBLE));
	if (behind_front && front_pass_on(dialogue,
	    &session->verdict.login, channel) == -1)
		process_end(DIALOGUE_BROKEN);
	dialogue->ask = ask_judge;
	dialogue->to = &gate;
	code = dialogue_authorize(dialogue, &accepted);
	if (accepted)
		process_end(code);
	ended.end = dialogue->record.end;
	ended.tls = dialogue->stls.tls;
	(void)letter_send(channel, LETTER_QUESTION, &ended, -1);
	wire_close(&dialogue->wire);
	process_end(code);
}
