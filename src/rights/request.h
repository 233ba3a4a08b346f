/* SPDX-License-Identifier: ISC */
/*
 * What a session asks of its keeper, which has rights on the mailbox's
 * directory that the session lacks: both sides.  A request is one octet and
 * names no file; the keeper knows the names itself.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <sys/types.h>

#include <signal.h>

#include "maildrop/maildrop.h"

/*
 * request_begin(rights, channel):
 * In the session: have ${rights} be asked for through ${channel}, which leads
 * to a keeper and must outlive them.
 */
void request_begin(struct maildrop_rights *rights, int *channel);

/*
 * request_log(channel):
 * In the session: let go of the log, and have the keeper write lines and the
 * record of the session.  ${channel} must outlive the process's last line.
 */
void request_log(int *channel);

/*
 * request_leave_aside(rights):
 * In the session: do not ask for a journal to be set aside, and go on as if it
 * was: somebody else does that when the session has ended.
 */
void request_leave_aside(struct maildrop_rights *rights);

/*
 * request_report(channel, fault):
 * In the session: tell the keeper that the maildrop was scanned, or why not.
 * Returns 0, or -1, which is logged if it was.
 */
int request_report(int channel, enum mailbox_fault fault);

/* Whom a keeper serves, and what ends that early. */
struct request_watch {
	int above;		/* a channel to the process above, or -1 */
	const volatile sig_atomic_t *stop;	/* set by a signal */
	pid_t session;		/* gets SIGTERM then; or -1 */
	const struct log_session *record;	/* what the keeper knows of the
				 * session's; or NULL */
	bool *recorded;		/* set once that is written */
};

/*
 * request_serve(channel, drop, watch, fault):
 * In the keeper: do what the session at the other end of ${channel} asks, with
 * ${drop}, until it reports ${fault}.  Returns 0; -1 when the session is gone;
 * 1 when it is not understood, which is logged: it may have reported.  Lines of
 * the log are held from then on: the caller lets them go when no lock is held.
 */
int request_serve(int channel, struct maildrop *drop,
    const struct request_watch *watch, enum mailbox_fault *fault);

#endif
