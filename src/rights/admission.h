/* SPDX-License-Identifier: ISC */
/*
 * Letting a user in: from a verdict to an open maildrop with a process that
 * serves it and one that keeps it.
 */
#ifndef ADMISSION_H
#define ADMISSION_H

#include <sys/types.h>

#include <signal.h>
#include <stdbool.h>

#include "maildrop/maildrop.h"
#include "spool/mailbox.h"
#include "talk/dialogue.h"
#include "who/login.h"
#include "who/users.h"

struct options;

/* What this process is. */
enum admission_role {
	ADMISSION_ALONE,	/* nobody is let in, nothing was forked */
	ADMISSION_SESSION,	/* serves the maildrop */
	ADMISSION_KEEPER,	/* the session is its child */
	ADMISSION_DONE		/* nothing is left to do but to end */
};

struct admission {
	const struct options *options;
	bool by_root;		/* and still root */
	const volatile sig_atomic_t *stop;
	struct dialogue *dialogue;	/* gets the maildrop and the user */
	struct login *login;	/* whose files the session does not get */
	struct users_entry user;	/* who is let in */
	gid_t group;		/* the spool's, for him, or SANDBOX_NO_GROUP */
	char cache[LIMITS_PATH];	/* where indexes are, or empty */
	const char *path;	/* his mailbox; NULL: as the options say */
	enum admission_role role;
	int above, below;	/* channels to the processes there, or -1 */
	pid_t child;
	struct maildrop drop;
};

/*
 * admission_run(admission):
 * Fork the session of ${admission}->user; open his maildrop in this process, the
 * keeper; close both in, and scan the mailbox in the session.  Returns in both processes; ${admission}->role says
 * which one this is.
 * Returns MAILBOX_FINE, or the fault, and then the caller is ADMISSION_ALONE
 * as before.
 */
enum mailbox_fault admission_run(struct admission *admission);

/*
 * admission_keep(admission):
 * In the keeper: keep the session company to its end; complete its UPDATE if
 * it died inside.  Returns the session's exit code.
 */
enum dialogue_exit admission_keep(struct admission *admission);

/*
 * admission_reap(child, who, killed):
 * Wait for the end of ${child}, which the log calls ${who}.  Returns its exit
 * code; ${killed} says that a signal ended it, which is logged.
 */
enum dialogue_exit admission_reap(pid_t child, const char *who, bool *killed);

/*
 * admission_leave_client(void):
 * Let go of the client's descriptors, for another process speaks to him;
 * /dev/null takes their places.
 */
void admission_leave_client(void);

#endif
