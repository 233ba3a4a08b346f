/* SPDX-License-Identifier: ISC */
/*
 * The accounts under whose names processes run that are not the user's.
 */
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include <sys/types.h>

#include <stddef.h>

#include "settings/options.h"

/* Who a process can be. */
struct account_ids {
	uid_t uid;		/* 0: there is no such account, or it is root */
	gid_t gid;
};

/* An account of a program. */
struct account {
	const char *name;
	struct account_ids ids;
};

/*
 * account_ids(name):
 * Return the ids of the account ${name}.
 */
struct account_ids account_ids(const char *name);

/*
 * account_find(accounts, n):
 * Fill in the ids of ${n} ${accounts} as passwd(5) has them, where the accounts
 * of programs are.  For a name that is not there getpwnam(3) would go through
 * all other sources.  It is asked if passwd(5) is no plain file.
 */
void account_find(struct account *accounts, size_t n);

/* Whose rights the processes have; NOBODY is for want of others. */
enum account_kind {
	ACCOUNT_JUDGE,
	ACCOUNT_GATE,
	ACCOUNT_WAITING,	/* the monitor, once a session runs */
	ACCOUNT_NOBODY,
	ACCOUNT_KINDS
};

/*
 * account_choose(options, accounts):
 * As root: fill in the accounts of all kinds: those that ${options} name, else
 * those of that name in passwd(5), else nobody's.  Returns 0; or -1 if one that
 * is named cannot be, or this process has no right to become another user: that
 * is logged.
 */
int account_choose(const struct options *options,
    struct account accounts[ACCOUNT_KINDS]);

/*
 * account_missing(options, names):
 * Write to ${names} which accounts there should be and are not.  Returns how
 * many.
 */
size_t account_missing(const struct options *options,
    const char *names[ACCOUNT_KINDS]);

/*
 * account_of_session(gate_user, waiting, gate):
 * Find whose the processes without rights are that root starts: ${gate} is who
 * speaks with strangers, the account ${gate_user} or, if that is NULL,
 * dewey-gate, else nobody; ${waiting} are the others.
 */
void account_of_session(const char *gate_user, struct account_ids *waiting,
    struct account_ids *gate);

#endif
