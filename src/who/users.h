/* SPDX-License-Identifier: ISC */
/*
 * Who may log in: the users of the system's accounts (passwd(5), shadow(5),
 * crypt(3)) or of a users file, as far as the allow and deny lists let them.
 */
#ifndef USERS_H
#define USERS_H

#include <sys/types.h>

#include <stdbool.h>

#include "base/limits.h"
#include "base/span.h"
#include "settings/records.h"

struct options;

/* The files that decide who may log in. */
struct users {
	struct records_file file;	/* none: the system's accounts */
	struct records_file allow;	/* lists of names, or none */
	struct records_file deny;
	struct records_file shadow;	/* none: it is not needed */
	const char *mail_user;	/* has the ids of entries without; or NULL */
	bool by_root;		/* root started dewey; if not, the only account
				 * is that of the user who did */
};

/* How a user proves to be one. */
enum users_proof {
	USERS_PASSWORD,
	USERS_ASKED,		/* by a password that others judge: no hash, and
				 * what else shadow(5) has, counts */
	USERS_SECRET,		/* proved by then: no hash is needed */
	USERS_KEY		/* of SCRAM, stored in place of a hash */
};

/* One user.  It holds a secret: to be forgotten as soon as it was used. */
struct users_entry {
	char name[LIMITS_NAME + 1];
	uid_t uid;
	gid_t gid;
	char home[LIMITS_PATH];	/* empty: none */
	char hash[LIMITS_RECORD];	/* see password.h; empty: none fits */
	char other[LIMITS_RECORD];	/* see password_fits; empty: none */
};

/*
 * users_open(users, options, by_root):
 * Open the files that ${options} name, which must outlive ${users}.  What is
 * wrong with a file is logged when a user is looked up in it.
 */
void users_open(struct users *users, const struct options *options,
    bool by_root);

/*
 * users_close(users):
 * Close the files.
 */
void users_close(struct users *users);

/*
 * users_find(users, name, proof, entry):
 * Look up ${name} and fill ${entry}.  With USERS_SECRET a user need not be in
 * the users file, and has then, like its entries without ids, those of
 * ${users}->mail_user, or those of the user who runs dewey.  With USERS_KEY a
 * user may have any hash, but the other one is a stored key, if there is any.
 * As if there were no such user: an account that is locked or has expired; uid
 * 0, and ids of -1; a user whom the lists keep out; a name that cannot be, as
 * users_can_be says; and, if root did not start dewey, any uid but that of the
 * user who did.
 * Returns 1; 0 if there is no such user, and then ${entry} is empty but for the
 * other hash; or -1 with errno if a file cannot be read or not be
 * trusted; the cause is logged.
 */
int users_find(const struct users *users, struct span name,
    enum users_proof proof, struct users_entry *entry);

/*
 * users_can_be(name):
 * Say whether ${name} can be a user's name at all: not empty, at most
 * LIMITS_NAME octets, no blanks, controls, slashes or colons, no dot or # in
 * front.
 */
bool users_can_be(struct span name);

/*
 * users_self(entry):
 * Fill ${entry} with the account of the user who runs dewey, without a
 * password.  Returns 0, or -1 if that uid has no account.
 */
int users_self(struct users_entry *entry);

/*
 * users_name(uid, known, name):
 * Write to ${name} what the account of ${uid} is called, or the number if there
 * is none, or if accounts are not ${known} to the process, which is closed in.
 * Returns ${name}.
 */
const char *users_name(uid_t uid, bool known, char name[LIMITS_NAME + 1]);

/*
 * users_forget(entry):
 * Wipe ${entry}.
 */
void users_forget(struct users_entry *entry);

#endif
