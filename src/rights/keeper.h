/* SPDX-License-Identifier: ISC */
/*
 * The keeper: the process that opens a user's maildrop, with this user's
 * rights, and changes the mailbox's directory for a session that cannot.
 */
#ifndef KEEPER_H
#define KEEPER_H

#include "rights/session.h"

/*
 * keeper_admit(session, above):
 * Let ${session}->user in: fork the session, open the maildrop, hand it to the
 * session, and become its keeper, which ends when the session has.  Started by
 * root, both processes become the user and are closed in.  ${above} is a
 * channel to the process above, which is told when the maildrop was scanned, or
 * -1.  Returns only if the maildrop cannot be had, and then why; nothing is
 * left of the session.
 */
enum mailbox_fault keeper_admit(struct session *session, int above);

/*
 * keeper_main(session, above):
 * The process, forked by the monitor: keeper_admit; a fault is reported through
 * ${above}, too.
 */
void keeper_main(struct session *session, int above)
    __attribute__((noreturn));

#endif
