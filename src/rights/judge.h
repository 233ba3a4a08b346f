/* SPDX-License-Identifier: ISC */
/*
 * The judge: the process that knows whom a name and a password belong to.  It
 * has the files that decide, opened by root, and no other right; whom it finds
 * it tells the monitor.
 */
#ifndef JUDGE_H
#define JUDGE_H

#include "rights/session.h"

/* Channels to the two processes between which the judge stands. */
struct judge_channels {
	int gate, monitor;
};

/*
 * judge_main(session, channels):
 * The process: answer the gate until somebody is let in or the session is over,
 * which is logged.
 */
void judge_main(struct session *session, struct judge_channels channels)
    __attribute__((noreturn));

/*
 * judge_hear_gate(channel, dialogue, question):
 * Wait for what the gate says.  Returns 1 for a ${question}, its unread input
 * being ${dialogue}'s then; 0 if the gate has ended, or does not speak as it
 * must.
 */
int judge_hear_gate(int channel, struct dialogue *dialogue,
    struct login_question *question);

#endif
