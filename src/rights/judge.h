/* SPDX-License-Identifier: ISC */
/*
 * The judge: the process that knows whom a name and a password belong to.  It
 * has the files that decide, opened by root, and no other right; whom it finds
 * it tells the monitor.
 */
#ifndef JUDGE_H
#define JUDGE_H

#include <sys/types.h>

#include "spool/mailbox.h"
#include "talk/dialogue.h"
#include "who/login.h"

struct verdict;

/* What it works with; not owned. */
struct judge {
	struct dialogue *dialogue;
	struct verdict *verdict;
	struct users_entry *user;	/* the one asked about */
	int gate, monitor;	/* channels to them */
};

/*
 * judge_run(judge):
 * In the judge: answer the gate until somebody is let in or the session is
 * over, which is logged.
 */
enum dialogue_exit judge_run(const struct judge *judge);

/*
 * judge_hear(channel, dialogue, method, user, group):
 * In the monitor: wait for whom the judge finds.  Returns 1 for a ${user}, who
 * is not root, let in by ${method}, and the ${group} of his spool; the unread
 * input and the count of bad commands are ${dialogue}'s then.  0 if the judge
 * has ended, or does not speak as it must.
 */
int judge_hear(int channel, struct dialogue *dialogue,
    enum login_method *method, struct users_entry *user, gid_t *group);

/*
 * judge_tell(channel, fault):
 * In the monitor: tell the judge what became of that user.
 */
void judge_tell(int channel, enum mailbox_fault fault);

#endif
