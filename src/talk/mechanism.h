/* SPDX-License-Identifier: ISC */
/*
 * The messages of the SASL mechanisms, octets to parts.  Nothing is known here
 * of who may come in, and nothing is kept.
 */
#ifndef MECHANISM_H
#define MECHANISM_H

#include <stdbool.h>

#include "base/limits.h"
#include "base/span.h"
#include "who/scram.h"

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

/* The client-first-message of SCRAM (RFC 5802 s7). */
struct mechanism_first {
	struct span header;	/* gs2-header */
	struct span authzid;	/* whom to act for, empty: oneself */
	struct span name;	/* decoded, in ${room} */
	struct span nonce;
	struct span bare;	/* all behind the header */
	struct span flag;	/* of channel binding: n, y or p=kind */
	char room[LIMITS_COMMAND];
	char authzid_room[LIMITS_COMMAND];
};

/*
 * mechanism_scram_first(octets, first):
 * Read a client-first-message.  Returns whether it is one; an extension that
 * must be known is none.
 */
bool mechanism_scram_first(struct span octets, struct mechanism_first *first);

/* The client-final-message of SCRAM. */
struct mechanism_final {
	struct span binding;	/* decoded, in ${room} */
	struct span nonce;	/* of both sides */
	struct span without;	/* all before the proof */
	char room[LIMITS_CREDENTIAL];
	char proof[SCRAM_OCTETS];
};

/*
 * mechanism_scram_final(octets, final):
 * Read a client-final-message.  Returns whether it is one.
 */
bool mechanism_scram_final(struct span octets, struct mechanism_final *final);

#endif
