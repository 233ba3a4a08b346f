/* SPDX-License-Identifier: ISC */
/*
 * The keeper: the process that changes the mailbox's directory for a session
 * that cannot.  It does four things when asked, with names it knows itself; no
 * name crosses the channel.
 */
#ifndef KEEPER_H
#define KEEPER_H

#include <signal.h>

#include "maildrop.h"

/*
 * keeper_give(channel, mailbox), keeper_take(channel, path, mailbox):
 * In the keeper, hand the open ${mailbox} to the session; in the session, take
 * it: ${path} is its name.  Returns 0, or -1.
 */
int keeper_give(int channel, const struct mailbox *mailbox);
int keeper_take(int channel, const char *path, struct mailbox *mailbox);

/*
 * keeper_ask(rights, channel):
 * In the session: fill ${rights} so that they are asked for through
 * ${channel}, which must outlive them.
 */
void keeper_ask(struct maildrop_rights *rights, int *channel);

/*
 * keeper_report(channel, fault):
 * In the session: tell that the maildrop was scanned, or why not.
 */
void keeper_report(int channel, enum mailbox_fault fault);

/*
 * keeper_hear(channel):
 * In the monitor: wait for what the keeper reports.
 */
enum mailbox_fault keeper_hear(int channel);

/*
 * keeper_await(channel, fault, drop):
 * In the keeper: do what the session asks, with ${drop}, until it reports
 * ${fault}.  Returns 0, or -1 if it died before that.
 */
int keeper_await(int channel, enum mailbox_fault *fault,
    struct maildrop *drop);

/*
 * keeper_serve(channel, drop, above, stop, session):
 * Do what the session asks until it ends.  If the process above, at the other
 * end of ${above} (-1: none), ends before it, or ${stop} is set by a signal, the
 * process ${session} gets SIGTERM.
 */
void keeper_serve(int channel, struct maildrop *drop, int above,
    const volatile sig_atomic_t *stop, pid_t session);

#endif
