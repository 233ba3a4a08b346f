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

#endif
