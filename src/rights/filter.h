/* SPDX-License-Identifier: ISC */
/*
 * The system calls that each process of a session may make: one list a role.
 */
#ifndef FILTER_H
#define FILTER_H

/* Processors whose calls have all their arguments in registers, one each, least
 * octet first.  On i386 and s390x those of sockets are in memory, where no
 * filter sees them; with longs of 32 bits an offset takes two registers. */
#if defined(__x86_64__) && defined(__LP64__)
#define FILTER_PROCESSOR AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && defined(__LP64__) && defined(__AARCH64EL__)
#define FILTER_PROCESSOR AUDIT_ARCH_AARCH64
#elif defined(__riscv) && defined(__LP64__)
#define FILTER_PROCESSOR AUDIT_ARCH_RISCV64
#endif

/* The processes of a session, as DESIGN draws them. */
enum filter_role {
	FILTER_GATE,		/* speaks AUTHORIZATION: no files at all */
	FILTER_JUDGE,		/* looks up accounts: no list can be known */
	FILTER_SESSION,		/* TRANSACTION, UPDATE: what is open already */
	FILTER_KEEPER,		/* changes the mailbox's directory */
	FILTER_WAITING,		/* the monitor, once a session runs */
	FILTER_TLS,		/* speaks TLS with a stranger: no files */
	FILTER_KEY		/* signs with a key that it has in memory */
};

/*
 * filter_install(role, victim):
 * From now on, kill this process if it makes a call that is not on the list of
 * ${role}; FILTER_WAITING may kill(2) ${victim} only.  Returns 0, or -1 with
 * errno; ENOTSUP where dewey has no filter.
 */
int filter_install(enum filter_role role, int victim);

#endif
