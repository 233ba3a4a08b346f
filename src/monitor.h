/* SPDX-License-Identifier: ISC */
/*
 * The monitor: judges what the gate asks, and lets users in.
 */
#ifndef MONITOR_H
#define MONITOR_H

#include <signal.h>

#include "dialogue.h"

struct admission;
struct verdict;

/* What it works with; not owned. */
struct monitor {
	struct dialogue *dialogue;	/* which the gate and the session speak */
	struct verdict *verdict;
	struct admission *admission;
	const volatile sig_atomic_t *stop;
};

/*
 * monitor_run(monitor):
 * Fork the gate and answer it until somebody is let in or the session is over.
 * Returns the exit code in the monitor and the gate, and earlier in the keeper
 * and the session: ${monitor}->admission->role tells them apart.
 */
enum dialogue_exit monitor_run(struct monitor *monitor);

#endif
