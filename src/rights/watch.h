/* SPDX-License-Identifier: ISC */
/*
 * The processes of a session as its monitor has them, and what it does when it
 * has given up root's rights: it says what root did not, and waits for the end
 * of all.
 */
#ifndef WATCH_H
#define WATCH_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "rights/session.h"

struct watch {
	struct session *session;
	int to_judge, to_keeper;	/* channels */
	int to_gate;		/* the end that the gate will have, or -1 */
	pid_t gate, judge, keeper;	/* -1: there is none */
	bool unheard;		/* the keeper died before it reported */
	/* What there is to be logged of keepers that let nobody in, once root's
	 * rights are given up. */
	int no_keeper;		/* why there was no process: errno, or 0 */
	int keeper_signal;	/* that killed one, or 0 */
};

/*
 * watch_patience(watch):
 * Return how many milliseconds a keeper may take for its report, and for its
 * end when that is asked for.
 */
int64_t watch_patience(const struct watch *watch);

/*
 * watch_end(watch):
 * With root's rights given up: log what there is to log of keepers that let
 * nobody in, and wait for the end of all; for a keeper whose client is gone, or
 * that a signal asks to end, no longer than watch_patience.  Returns the exit
 * code.
 */
enum dialogue_exit watch_end(const struct watch *watch);

#endif
