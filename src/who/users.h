/* SPDX-License-Identifier: ISC */
/*
 * Who may log in: the system's accounts (passwd, shadow and crypt(3)), or a
 * users file; and the allow and deny lists.
 */
#ifndef USERS_H
#define USERS_H

#include <sys/types.h>

#include <stdbool.h>

#include "base/limits.h"
#include "base/span.h"
#include "settings/records.h"

struct options;

/* Where to look. */
struct users {
	struct records_file file;	/* none: the system's accounts */
	struct records_file allow;	/* lists of names, or none */
	struct records_file deny;
	struct records_file shadow;	/* shadow(5) */
	const char *mail_user;	/* for entries without a uid, or NULL */
	bool by_root;		/* dewey was started by root; if not, system
				 * accounts are the one of who started it */
};

/* One user; hold no longer than needed, then users_forget. */
struct users_entry {
	char name[LIMITS_NAME + 1];
	uid_t uid;
	gid_t gid;
	char home[LIMITS_PATH];	/* empty: none */
	char hash[LIMITS_RECORD];	/* empty: no password fits */
};

/*
 * users_open(users, options, by_root):
 * Open the files that decide who may log in, as ${options} say, which outlive
 * this.  What is wrong with one is said when it is asked for.
 */
void users_open(struct users *users, const struct options *options,
    bool by_root);

/*
 * users_close(users):
 * Close the files.
 */
void users_close(struct users *users);

/*
 * users_find(users, name, has_secret, entry):
 * Look up ${name} and fill ${entry}.  ${has_secret}: he proved it without a
 * password, so he needs none: then a users file without him gives him
 * ${users}->mail_user's rights, or those of the user who runs dewey.  Locked and expired accounts, uid 0, ids of -1, and
 * users the lists keep out are as if they did not exist; started by anybody
 * but root, so is everybody with another uid.  A name that cannot be a
 * maildrop (empty, with /, controls, or a dot in front) never exists.
 * Returns 1, 0 if there is no such user, or -1 with errno if a file cannot be
 * read or not be believed; the cause is logged.
 */
int users_find(const struct users *users, struct span name, bool has_secret,
    struct users_entry *entry);

/*
 * users_can_be(name):
 * Say whether ${name} can be a user's name at all.
 */
bool users_can_be(struct span name);

/*
 * users_self(entry):
 * Fill ${entry} with the account of the user who runs dewey, without a
 * password.  Returns 0, or -1 if that uid has no account.
 */
int users_self(struct users_entry *entry);

/*
 * users_password_fits(entry, password):
 * Say whether crypt(3) of ${password} gives ${entry}'s hash.  With ${entry}
 * NULL the same work is done and the answer is no.
 */
bool users_password_fits(const struct users_entry *entry,
    struct span password);

/*
 * users_forget(entry):
 * Wipe ${entry}.
 */
void users_forget(struct users_entry *entry);

#endif
