/* SPDX-License-Identifier: ISC */
/*
 * Where adopted unique-ids come from: another server's answers, or its rule.
 */
#ifndef SOURCE_H
#define SOURCE_H

#include <stddef.h>

#include "mail/adopted.h"

struct maildrop;

struct source {
	const char *name;	/* whose mailbox it is, for people to read */
	int server;		/* enum foreign_server, or -1: see file */
	int file;		/* descriptor of a server's answers, or -1 */
	struct maildrop *drop;	/* the mailbox */
	struct adopted_record *records;	/* of each message, filled with 0 */
	size_t i;		/* private: the message at hand */
};

/*
 * source_say(source, why):
 * Print why nothing is adopted.  Returns -1.
 */
int source_say(const struct source *source, const char *why);

/*
 * source_take(source):
 * Write the other server's id of each message that has one to its record.  The
 * mailbox locks are held.  Returns 0, or -1 with the cause printed.
 */
int source_take(struct source *source);

#endif
