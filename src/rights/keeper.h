/* SPDX-License-Identifier: ISC */
/*
 * The keeper: the process that changes the mailbox's directory for a session
 * that cannot.  It does four things when asked, with names it knows itself; no
 * name crosses the channel.
 */
#ifndef KEEPER_H
#define KEEPER_H

#include <signal.h>

#include "maildrop/maildrop.h"

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
 * In the session: tell that the maildrop was scanned, or why not.  Returns 0, or
 * -1, which is logged.
 */
int keeper_report(int channel, enum mailbox_fault fault);

/*
 * keeper_hear(channel, fault):
 * In the monitor: wait for what the keeper reports.  Returns 0, or -1 if it died
 * before that: its session may speak to the client all the same.
 */
int keeper_hear(int channel, enum mailbox_fault *fault);

/* Whom a keeper serves, and what ends that early. */
struct keeper_watch {
	int above;		/* a channel to the process above, or -1 */
	const volatile sig_atomic_t *stop;	/* set by a signal */
	pid_t session;		/* gets SIGTERM then; or -1 */
};

/*
 * keeper_serve(channel, drop, watch, fault):
 * In the keeper: do what the session asks, with ${drop}, until it reports
 * ${fault}.  Returns 0, or -1 when the session is gone.  Lines of the log are
 * held from then on: the caller lets them go when no lock is held.
 */
int keeper_serve(int channel, struct maildrop *drop,
    const struct keeper_watch *watch, enum mailbox_fault *fault);

#endif
