/* SPDX-License-Identifier: ISC */
/*
 * Unique-ids as other servers make them of a message in an mbox file.
 */
#ifndef FOREIGN_H
#define FOREIGN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/span.h"

/* In the order of FOREIGN_NAMES. */
enum foreign_server {
	FOREIGN_POPA3D,
	FOREIGN_SOLID,
	FOREIGN_TPOP3D,
	FOREIGN_TEAPOP,
	FOREIGN_XUIDL,		/* qpopper, mailutils: kept in X-UIDL */
	FOREIGN_UW,
	FOREIGN_DOVECOT
};
#define FOREIGN_NAMES "popa3d|solid|tpop3d|teapop|xuidl|uw|dovecot"

/* A mailbox whose ids are made. */
struct foreign {
	enum foreign_server server;
	uint32_t validity;	/* UIDVALIDITY of X-IMAPbase; 0: none */
	uint32_t last;		/* the last UID that was given away */
	uint32_t uid;		/* of the message before */
};

/* A message as it is stored, from its From_ line on. */
struct foreign_message {
	struct span begin;	/* as much of it as fits a block */
	uint64_t octets;	/* all of them */
	/* Call ${feed} with the pieces of the message. */
	int (*read)(void *from, void (*feed)(void *to, struct span piece),
	    void *to);
	void *from;
};

/*
 * foreign_begin(foreign, server, first):
 * Prepare ${foreign} for a mailbox of ${server} whose file begins with the
 * message ${first}, which may be a pseudo message.
 */
void foreign_begin(struct foreign *foreign, enum foreign_server server,
    struct span first);

/*
 * foreign_id(foreign, message, id):
 * Write the id of the next message of the mailbox to ${id}.  Returns its
 * octets; 0 if that server gave it none; -1 with errno.
 */
int foreign_id(struct foreign *foreign, const struct foreign_message *message,
    char id[LIMITS_UID_MAX + 1]);

#endif
