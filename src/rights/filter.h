/* SPDX-License-Identifier: ISC */
/*
 * The system calls that each process of a session may make: one list a role.
 */
#ifndef FILTER_H
#define FILTER_H

/* The processes of a session, as DESIGN draws them. */
enum filter_role {
	FILTER_GATE,		/* speaks AUTHORIZATION: no files at all */
	FILTER_SESSION,		/* TRANSACTION, UPDATE: what is open already */
	FILTER_KEEPER,		/* changes the mailbox's directory */
	FILTER_WAITING,		/* the monitor, once a session runs */
	FILTER_TLS,		/* speaks TLS with a stranger: no files */
	FILTER_KEY,		/* signs with a key that it has in memory */
	/* The judge looks up accounts: */
	FILTER_JUDGE,		/* in files */
	FILTER_JUDGE_LOCAL,	/* at services of this host, too */
	FILTER_JUDGE_NET	/* nobody knows where: most calls it may make */
};

/*
 * filter_install(role, victim):
 * From now on, kill this process if it makes a call that is not on the list of
 * ${role}; FILTER_WAITING may kill(2) ${victim} only.  Returns 0, or -1 with
 * errno; ENOTSUP where dewey has no filter.
 */
int filter_install(enum filter_role role, int victim);

#endif
