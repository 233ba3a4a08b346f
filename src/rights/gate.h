/* SPDX-License-Identifier: ISC */
/*
 * The gate: the process that speaks AUTHORIZATION, without rights, files or
 * names of files.
 */
#ifndef GATE_H
#define GATE_H

#include "rights/session.h"

/*
 * gate_main(session, channel):
 * The process: give up all rights that are left, then speak; the judge, at the
 * other end of ${channel}, is asked who may come in.
 */
void gate_main(struct session *session, int channel)
    __attribute__((noreturn));

#endif
