/* SPDX-License-Identifier: ISC */
/*
 * The system calls that each process of a session may make: one list a role.
 */
#ifndef FILTER_H
#define FILTER_H

/* The processes of a session, as DESIGN draws them. */
enum filter_role {
	FILTER_GATE,		/* speaks AUTHORIZATION: no files at all */
	FILTER_JUDGE,		/* looks up accounts: no list can be known */
	FILTER_SESSION,		/* TRANSACTION, UPDATE: what is open already */
	FILTER_KEEPER,		/* changes the mailbox's directory */
	FILTER_WAITING		/* the monitor, once a session runs */
};

/*
 * filter_install(role, victim):
 * From now on, kill this process if it makes a call that is not on the list of
 * ${role}; FILTER_WAITING may kill(2) ${victim} only.  Returns 0, or -1 with
 * errno; ENOSYS where there are no filters.
 */
int filter_install(enum filter_role role, int victim);

#endif
