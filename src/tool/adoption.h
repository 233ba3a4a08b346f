/* SPDX-License-Identifier: ISC */
/*
 * Adopting the unique-ids of one mailbox, in a session that has it open.
 */
#ifndef ADOPTION_H
#define ADOPTION_H

#include <stdbool.h>

#include "mail/foreign.h"

struct session;

/* What a session is to do. */
struct adoption {
	const char *name;	/* whose mailbox it is, for people to read */
	int server;		/* enum foreign_server, or -1: see file */
	int file;		/* descriptor of a server's answers, or -1 */
	bool dry_run;
	bool forget;		/* the ids that were adopted before */
};

/*
 * adoption_run(session):
 * Do what ${session}->order, a struct adoption, says.  Print what was done, or
 * why it was not.  Returns the exit code; unless it is DIALOGUE_ORDERLY nothing
 * is changed.
 */
int adoption_run(struct session *session);

#endif
