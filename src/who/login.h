/* SPDX-License-Identifier: ISC */
/*
 * Who may come in: the question that a client asks in the AUTHORIZATION state,
 * and its answer from the users and secrets files or the system's accounts.
 * This room parses no POP3 and opens no mailbox.
 */
#ifndef LOGIN_H
#define LOGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "settings/options.h"
#include "who/proof.h"
#include "who/saslauthd.h"
#include "who/users.h"

enum login_method {
	LOGIN_USER,		/* is there such a user? */
	LOGIN_PASS,
	LOGIN_APOP,
	LOGIN_PLAIN,
	LOGIN_CRAM_BEGIN,	/* a challenge is wanted; no name yet */
	LOGIN_CRAM,
	LOGIN_SCRAM_BEGIN,	/* the secret: client-first-message-bare */
	LOGIN_SCRAM,		/* SCRAM_OCTETS of proof, and behind them the
				 * client-final-message-without-proof */
	LOGIN_SCRAM_END,	/* the client believes the server; no secret */
	LOGIN_KEYS,		/* has anybody a stored key? */
	LOGIN_METHODS
};

/* What broke the exchange of a mechanism, if anything did. */
enum login_fault {
	LOGIN_FAULT_NONE,
	LOGIN_FAULT_MECHANISM,	/* it is none, or none that is offered */
	LOGIN_FAULT_CANCELLED,	/* the client gave up */
	LOGIN_FAULT_LONG,	/* a line was too long */
	LOGIN_FAULT_BASE64,	/* it was no base64 */
	LOGIN_FAULT_FORM,	/* what it means is no such message */
	LOGIN_FAULT_NONCE,	/* it has another nonce than it must */
	LOGIN_FAULT_BINDING,	/* it is bound to a channel, or to another */
	LOGIN_FAULT_AUTHZID,	/* the client wants to be somebody else */
	LOGIN_FAULTS
};

/* What is asked; wiped once it is answered. */
struct login_question {
	enum login_method method;
	enum login_fault fault;	/* if there is one, that is all to be told */
	size_t name_n, secret_n;	/* octets of name and secret */
	size_t challenge_n, binding_n;
	char name[LIMITS_COMMAND];
	char secret[LIMITS_CREDENTIAL];	/* the password or the digest */
	char binding[LIMITS_BINDING];	/* of the client's TLS: the value of
					 * tls-exporter, or nothing */
	char challenge[LIMITS_CREDENTIAL];	/* for the client: the answer
						 * if the verdict is that */
};

enum login_verdict {
	LOGIN_ACCEPTED,
	LOGIN_REFUSED,
	LOGIN_CHALLENGE,	/* the client is to answer a challenge first */
	LOGIN_NO_KEYS,		/* nobody has a stored key */
	LOGIN_UNJUDGED,		/* saslauthd does not say; no try */
	LOGIN_MISCONFIGURED	/* a file cannot be read or be trusted */
};

struct login {
	const struct options *options;
	struct users users;
	struct records_file secrets;	/* none: no APOP */
	char secrets_path[LIMITS_PATH];
	struct saslauthd saslauthd;	/* knows the passwords, if it has a
				 * path; with others it is asked */
	bool passwords;		/* there may be users who have a password */
	char timestamp[LIMITS_TIMESTAMP];	/* empty: there is no APOP */
	char host[LIMITS_HOST + 1];	/* the name in it */
	char challenge[LIMITS_TIMESTAMP];	/* of CRAM-MD5: it may be
						 * answered now; or empty */
	bool keys;		/* some user has a stored key; as far as
				 * login_keys was asked */
	struct proof proof;	/* of SCRAM, as far as it has come */
	unsigned tries;		/* how many logins were refused */
};

/*
 * login_open(login, options, host, by_root):
 * Open the files that decide who may come in and, if there is a secrets file
 * that can be trusted, make the timestamp of this session (RFC 1939 s7), with
 * ${host} as the name in it.  ${options} must outlive ${login}.  Before a
 * question is asked ${login}->saslauthd needs its signals.
 */
void login_open(struct login *login, const struct options *options,
    const char *host, bool by_root);

/*
 * login_close(login):
 * Close the files that decide who may come in.  From then on everybody is
 * refused.
 */
void login_close(struct login *login);

/*
 * login_secrets_path(options, by_root, path):
 * Write to ${path} the name of the secrets file: what --secrets says, else the
 * system's if root started dewey, else the user's own.  It is empty if there is
 * none.
 */
void login_secrets_path(const struct options *options, bool by_root,
    char path[LIMITS_PATH]);

/*
 * login_check(login, question, entry):
 * Judge ${question}.  What --name-case and --strip-domain say is done to its
 * name before that is looked up anywhere.  If the verdict is LOGIN_ACCEPTED,
 * ${entry} is the user, the password's hash wiped; otherwise it is the user's
 * name, empty if there is no such user, and all else is wiped.  With
 * LOGIN_CHALLENGE the answer is in ${question}; the next question ends that
 * exchange if it is not its next step, or has a fault.
 */
enum login_verdict login_check(struct login *login,
    struct login_question *question, struct users_entry *entry);

/*
 * login_keys(login):
 * Find out whether some user has a stored key, so that SCRAM can succeed, and
 * keep that in ${login}->keys.  Returns it.
 */
bool login_keys(struct login *login);

/*
 * login_break(login):
 * End the exchange that waits for its next step, if one does.
 */
void login_break(struct login *login);

/*
 * login_delay(tries, unit, spent):
 * Return how many milliseconds after the question the refusal is to be given,
 * for the try number ${tries}, counted from 1: ${tries} times ${unit} seconds
 * or, if judging it took longer, which ${spent} says in milliseconds, the next
 * multiple of that.
 */
int64_t login_delay(unsigned tries, unsigned unit, int64_t spent);

#endif
