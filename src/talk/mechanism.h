/* SPDX-License-Identifier: ISC */
/*
 * The messages of the SASL mechanisms, octets to parts.  Nothing is known here
 * of who may come in, and nothing is kept.
 */
#ifndef MECHANISM_H
#define MECHANISM_H

#include <stdbool.h>

#include "base/span.h"

/* What a client's message says; parts of that message. */
struct mechanism_message {
	struct span authzid;	/* whom to act for; empty: for oneself */
	struct span name;
	struct span secret;	/* the password, or the digest */
};

/*
 * mechanism_plain(octets, message):
 * Read the message of PLAIN (RFC 4616 s2): [authzid] NUL name NUL password.  A
 * name is there; a password may be empty, and is a wrong one then.  Returns
 * whether it is such a message, of parts that a command could have.
 */
bool mechanism_plain(struct span octets, struct mechanism_message *message);

/*
 * mechanism_cram(octets, message):
 * Read the response of CRAM-MD5 (RFC 2195 s2): a name, in which blanks may be,
 * a blank and a digest.  Returns whether it is one.
 */
bool mechanism_cram(struct span octets, struct mechanism_message *message);

#endif
