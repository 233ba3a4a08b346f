/* SPDX-License-Identifier: ISC */
/*
 * The gate: the process that speaks AUTHORIZATION, without rights, files or
 * names of files.
 */
#ifndef GATE_H
#define GATE_H

#include "talk/dialogue.h"
#include "who/login.h"

/*
 * gate_run(dialogue, channel):
 * In the gate: give up all rights that are left, then speak; the judge, at the
 * other end of ${channel}, is asked who may come in.  Returns the exit code.
 */
enum dialogue_exit gate_run(struct dialogue *dialogue, int channel);

/*
 * gate_hear(channel, dialogue, question):
 * In the judge: wait for what the gate says.  Returns 1 for a ${question},
 * its unread input and its count of bad commands being ${dialogue}'s then; 0 if
 * the gate has ended, or does not speak as it must.
 */
int gate_hear(int channel, struct dialogue *dialogue,
    struct login_question *question);

#endif
