/* SPDX-License-Identifier: ISC */
/*
 * The server's side of SCRAM-SHA-256 (RFC 5802 s5): what is remembered from one
 * message of a client to the next, and what is answered.  The client's messages
 * are octets here; that they have the right form somebody else saw to.  A proof
 * is for the challenge that was made here, whatever else the messages say.
 */
#ifndef PROOF_H
#define PROOF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/limits.h"
#include "base/span.h"
#include "who/scram.h"
#include "who/users.h"

enum proof_step {
	PROOF_NONE,		/* nothing has begun, or it is over */
	PROOF_BEGUN,		/* a challenge was made */
	PROOF_GIVEN		/* it was answered rightly */
};

/* All fields are private. */
struct proof {
	enum proof_step step;
	bool known;		/* there is such a user, with a stored key */
	struct scram_key key;
	size_t name_n, n, binding_n;	/* octets of name, message, binding */
	char name[LIMITS_COMMAND];
	char binding[LIMITS_BINDING];
	char message[2 * LIMITS_CREDENTIAL + 2];	/* of AuthMessage, what
							 * is known */
};

/*
 * proof_any(users):
 * Say whether some user has a stored key.
 */
bool proof_any(const struct users *users);

/*
 * proof_begin(proof, users, name, first, challenge):
 * Begin: ${name} sent the client-first-message-bare ${first}, `n=name,r=nonce'.
 * Write the server-first-message to ${challenge}, LIMITS_CREDENTIAL octets,
 * which for who has no stored key is as for who has one, and the same each time
 * but for the nonce.  Returns its octets, 0 for what is no such message, or -1
 * as users_find.
 */
int proof_begin(struct proof *proof, const struct users *users,
    struct span name, struct span first, char *challenge);

/*
 * proof_bind(proof, binding):
 * Before proof_check: the value of tls-exporter (RFC 9266) of the client's
 * connection is ${binding}, LIMITS_BINDING octets, or nothing: there is none
 * that is known.
 */
void proof_bind(struct proof *proof, struct span binding);

/*
 * proof_check(proof, users, entry, final, challenge):
 * Judge ${final}: SCRAM_OCTETS of proof, and the client-final-message-without-
 * proof behind them.  Write the server-final-message to ${challenge}, and the
 * user to ${entry}, for the log.  Returns its octets, 0 if the proof is
 * refused, or bound to another connection, or not bound by a client that was
 * kept from doing so (RFC 5802 s6), or -1 as users_find.
 */
int proof_check(struct proof *proof, const struct users *users,
    struct users_entry *entry, struct span final, char *challenge);

/*
 * proof_end(proof, users, entry):
 * The client believes the server, too.  Write who it is to ${entry}.  Returns
 * as users_find; 0 without a proof that was given.
 */
int proof_end(struct proof *proof, const struct users *users,
    struct users_entry *entry);

/*
 * proof_forget(proof):
 * Nothing has begun; wipe what was remembered.
 */
void proof_forget(struct proof *proof);

#endif
