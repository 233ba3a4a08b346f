/* SPDX-License-Identifier: ISC */
/*
 * Rules about system calls, made a program that the kernel runs for each call
 * of a process.  Which calls these are is not this room's business.
 */
#ifndef SECCOMP_H
#define SECCOMP_H

#include <stddef.h>
#include <stdint.h>

/* Processors whose calls are known.  With longs of 32 bits an offset takes two
 * registers: none of those is looked at. */
#if defined(__x86_64__) && defined(__LP64__)
#define SECCOMP_PROCESSOR AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && defined(__LP64__) && defined(__AARCH64EL__)
#define SECCOMP_PROCESSOR AUDIT_ARCH_AARCH64
#elif defined(__riscv) && defined(__LP64__)
#define SECCOMP_PROCESSOR AUDIT_ARCH_RISCV64
#elif defined(__i386__)
#define SECCOMP_PROCESSOR AUDIT_ARCH_I386
#elif defined(__arm__) && defined(__ARM_EABI__) && defined(__ARMEL__)
#define SECCOMP_PROCESSOR AUDIT_ARCH_ARM
#elif defined(__s390x__)
#define SECCOMP_PROCESSOR AUDIT_ARCH_S390X
#endif

/* A call, and the roles that it is for: a bit for each. */
struct seccomp_call {
	uint16_t call, roles;
};

/* Calls up to CALLS_END, and the roles that they are for. */
struct seccomp_list {
	const uint16_t *calls;
	uint16_t roles;
};

/* What an argument must be. */
enum seccomp_how {
	SECCOMP_IS,		/* this value */
	SECCOMP_LACKS,		/* it has none of these bits */
	SECCOMP_DIFFERS		/* any other value */
};

/* What the arguments of a call must be.  The rows of a call follow each other,
 * and so do those of the same roles, first those that not all have; rows that
 * say what one argument is are alternatives, and each argument must fit. */
struct seccomp_check {
	uint16_t call, roles;
	uint8_t at;		/* SECCOMP_LOW or SECCOMP_HIGH */
	uint8_t how;		/* enum seccomp_how */
	uint32_t value;
};

/* Where an argument is, counted from 0: its lower half, its upper one. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define SECCOMP_LOW(argument) (20 + 8 * (argument))
#define SECCOMP_HIGH(argument) (SECCOMP_LOW(argument) - 4)
#else
#define SECCOMP_LOW(argument) (16 + 8 * (argument))
#define SECCOMP_HIGH(argument) (SECCOMP_LOW(argument) + 4)
#endif

/* As a value: the one that seccomp_install is given. */
#define SECCOMP_GIVEN UINT32_MAX

/* A call is what the last of these lists says that has it for a role. */
struct seccomp_rules {
	const struct seccomp_list *fatal;	/* it kills */
	const struct seccomp_call *refused;	/* it fails with EPERM */
	const struct seccomp_call *allowed;	/* if its arguments fit */
	const struct seccomp_check *checks;
	size_t fatal_n, refused_n, allowed_n, checks_n;
	uint16_t lenient;	/* roles that no other call kills, nor one whose
				 * arguments do not fit: it fails */
	uint16_t open;		/* of them, those that may make others */
};

/*
 * seccomp_install(rules, role, given):
 * From now on this process may make only the calls that ${rules} allow ${role},
 * a bit; ${given} is SECCOMP_GIVEN.  Returns 0, or -1 with errno: ENOTSUP where
 * there is no filter, E2BIG if the rules are too many for a program.
 */
int seccomp_install(const struct seccomp_rules *rules, uint16_t role,
    uint32_t given);

#endif
