/* SPDX-License-Identifier: ISC */
/*
 * The monitor: the process of root, which has the gate ask and the judge judge,
 * and lets users in.
 */
#ifndef MONITOR_H
#define MONITOR_H

#include "rights/session.h"

/*
 * monitor_main(session, options):
 * The process, with the ${options} of ${session}: fork the gate and the judge,
 * let in whom the judge finds, until one is in or the session is over; then
 * give up root's rights and wait for the end of all.
 */
void monitor_main(struct session *session, struct options *options)
    __attribute__((noreturn));

/*
 * monitor_hear_judge(channel, session):
 * Wait for whom the judge finds.  Returns 1 for a user, who is not root; user,
 * method and unread input are ${session}'s then.  2 if it wants a connection to
 * saslauthd.  0 if the judge has ended, or does not speak as it must.
 */
int monitor_hear_judge(int channel, struct session *session);

#endif
