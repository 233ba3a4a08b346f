/* SPDX-License-Identifier: ISC */
/*
 * Who may come in: the question that AUTHORIZATION asks, and its answer from
 * the users and secrets files or the system's accounts.  It parses no POP3 and
 * opens no mailbox.
 */
#ifndef LOGIN_H
#define LOGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "settings/options.h"
#include "who/users.h"

enum login_method {
	LOGIN_USER,		/* is there such a user? */
	LOGIN_PASS,
	LOGIN_APOP
};

/* What is asked; wiped once it is answered. */
struct login_question {
	enum login_method method;
	size_t name_n, secret_n;	/* octets of the next two */
	char name[LIMITS_COMMAND];
	char secret[LIMITS_COMMAND];	/* the password or the digest */
};

enum login_verdict {
	LOGIN_ACCEPTED,
	LOGIN_REFUSED,
	LOGIN_MISCONFIGURED	/* a file cannot be read or be believed */
};

struct login {
	const struct options *options;
	struct users users;
	struct records_file secrets;	/* none: no APOP */
	char secrets_path[LIMITS_PATH];
	bool passwords;		/* some user may have a password */
	char timestamp[LIMITS_TIMESTAMP];	/* of APOP; empty: none */
	unsigned tries;		/* refused ones */
};

/*
 * login_open(login, options, host, by_root):
 * Open the files that decide, prepare the checks, and the timestamp of this session if there is a secrets
 * file that may be believed (RFC 1939 s7).  ${host} is the name in it.
 */
void login_open(struct login *login, const struct options *options,
    const char *host, bool by_root);

/*
 * login_close(login):
 * Close the files that decide who may come in; nobody does any more.
 */
void login_close(struct login *login);

/*
 * login_secrets_path(options, by_root, path):
 * Write to ${path} the name of the secrets file: the one of --secrets, else
 * root's or the user's own.  It is empty if there is none.
 */
void login_secrets_path(const struct options *options, bool by_root,
    char path[LIMITS_PATH]);

/*
 * login_check(login, question, entry):
 * Judge ${question}.  LOGIN_ACCEPTED: ${entry} is the user, without his hash;
 * otherwise it is wiped.
 */
enum login_verdict login_check(const struct login *login,
    const struct login_question *question, struct users_entry *entry);

/*
 * login_delay(tries, unit, spent):
 * Return how many milliseconds after its question the refusal of try
 * ${tries}, counted from 1, is given, if judging it took ${spent}: ${tries}
 * times ${unit} seconds; if the work took longer, the next full second.
 */
int64_t login_delay(unsigned tries, unsigned unit, int64_t spent);

#endif
