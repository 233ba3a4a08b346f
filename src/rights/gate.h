/* SPDX-License-Identifier: ISC */
/*
 * The gate: the process that speaks AUTHORIZATION, without rights, files or
 * names of files.
 */
#ifndef GATE_H
#define GATE_H

#include "rights/session.h"

/*
 * gate_main(session, channel, behind_front):
 * The process: give up all rights that are left, then speak; the judge, at the
 * other end of ${channel}, is asked who may come in.
 * ${behind_front}: a front end's header comes first, which at the other end is
 * told to the monitor.
 */
void gate_main(struct session *session, int channel, bool behind_front)
    __attribute__((noreturn));

#endif
