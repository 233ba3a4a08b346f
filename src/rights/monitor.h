/* SPDX-License-Identifier: ISC */
/*
 * The monitor: has the gate ask and the judge judge, and lets users in.
 */
#ifndef MONITOR_H
#define MONITOR_H

#include <sys/types.h>

#include <stdbool.h>

#include "talk/dialogue.h"

struct admission;
struct verdict;

/* What it works with, not owned; and what is its own. */
struct monitor {
	struct dialogue *dialogue;	/* which the gate and the session speak */
	struct verdict *verdict;
	struct admission *admission;
	int channel;		/* to the judge */
	pid_t gate, judge, keeper;
	bool unheard;		/* the keeper died before it reported */
	uid_t uid;		/* who it is at last: nobody */
	gid_t gid;
};

/*
 * monitor_run(monitor):
 * Fork the gate and the judge, and let in whom the judge finds, until one is in
 * or the session is over.  Returns the exit code in these three, and earlier in
 * the keeper and the session: ${monitor}->admission->role tells them apart.
 */
enum dialogue_exit monitor_run(struct monitor *monitor);

#endif
