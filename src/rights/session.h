/* SPDX-License-Identifier: ISC */
/*
 * The session: the process that serves a maildrop, with its user's rights and
 * only what was opened for it.  And what all processes of a session begin with.
 */
#ifndef SESSION_H
#define SESSION_H

#include <sys/types.h>

#include <signal.h>
#include <stdbool.h>

#include "base/limits.h"
#include "maildrop/maildrop.h"
#include "spool/mailbox.h"
#include "talk/dialogue.h"
#include "talk/verdict.h"
#include "who/users.h"

struct options;

struct session {
	const struct options *options;
	bool by_root;		/* root started it */
	const volatile sig_atomic_t *stop;	/* not 0: a signal arrived */
	struct verdict verdict;
	struct users_entry user;	/* who is let in */
	gid_t group;		/* the spool's, which the user's keeper finds,
				 * or PROCESS_NO_GROUP */
	char cache[LIMITS_PATH];	/* where indexes are, or empty */
	const char *path;	/* the mailbox to recover; NULL: a client is
				 * served, whose mailbox the options name */
	int (*task)(struct session *session);	/* what is done then, instead
				 * of that: returns an exit code; or NULL */
	const void *order;	/* what the task needs to know */
	bool make;		/* the task needs a file of adopted ids */
	struct maildrop drop;
	struct dialogue dialogue;	/* at the end are its large buffers, in
				 * pages that few processes touch */
};

/*
 * session_path(session, path):
 * Write the path of the maildrop of ${session}->user to ${path}.
 */
enum mailbox_fault session_path(const struct session *session,
    char path[LIMITS_PATH]);

/*
 * session_make_state(session, path):
 * As root: make the file in --state-dir that is the sidecar's second home of
 * the mailbox ${path}, and give it to the user.
 */
void session_make_state(const struct session *session, const char *path);

/*
 * session_main(session, channel):
 * The process: take the mailbox from the keeper at the other end of ${channel},
 * close the sandbox, scan, report; then serve the client to its end.  With a
 * path: end after the scan, which recovers; the exit code is an enum
 * journal_found, or that of the task.
 */
void session_main(struct session *session, int channel)
    __attribute__((noreturn));

#endif
