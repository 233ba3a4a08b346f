/* SPDX-License-Identifier: ISC */
/*
 * System calls: the names that they have on this processor, and those that
 * change something.  Who may make which is not this room's business.
 */
#ifndef CALLS_H
#define CALLS_H

#include <sys/syscall.h>

#include <stdint.h>

/* Calls that take or give what has 64 bits, or ids of more than 16, by another
 * name where longs have 32.  The calls of the plain names are older ones there;
 * mmap(2) is one whose arguments are in memory. */
#ifdef __LP64__
#define CALLS_FCNTL __NR_fcntl
#define CALLS_FSTAT __NR_fstat
#define CALLS_FSTATAT __NR_newfstatat
#define CALLS_FTRUNCATE __NR_ftruncate
#define CALLS_GETEGID __NR_getegid
#define CALLS_GETEUID __NR_geteuid
#define CALLS_GETGID __NR_getgid
#define CALLS_GETUID __NR_getuid
#define CALLS_LSEEK __NR_lseek
#define CALLS_MMAP __NR_mmap
#else
#define CALLS_FCNTL __NR_fcntl64
#define CALLS_FSTAT __NR_fstat64
#define CALLS_FSTATAT __NR_fstatat64
#define CALLS_FTRUNCATE __NR_ftruncate64
#define CALLS_GETEGID __NR_getegid32
#define CALLS_GETEUID __NR_geteuid32
#define CALLS_GETGID __NR_getgid32
#define CALLS_GETUID __NR_getuid32
#define CALLS_LSEEK __NR__llseek
#define CALLS_MMAP __NR_mmap2
#endif

/* s390x has these, too. */
#ifdef __NR_fstatfs64
#define CALLS_FSTATFS __NR_fstatfs64
#define CALLS_STATFS __NR_statfs64
#else
#define CALLS_FSTATFS __NR_fstatfs
#define CALLS_STATFS __NR_statfs
#endif

/* Which argument of clone(2) has the flags, counted from 0. */
#ifdef __s390x__
#define CALLS_CLONE_FLAGS 1
#else
#define CALLS_CLONE_FLAGS 0
#endif

/* Calls that not every processor has: where one is missing, another one that
 * all have, and that ends the process. */
#ifdef __NR_poll
#define CALLS_POLL __NR_poll
#define CALLS_EPOLL_WAIT __NR_epoll_wait
#define CALLS_ACCESS __NR_access
#else
#define CALLS_POLL __NR_exit_group
#define CALLS_EPOLL_WAIT __NR_exit_group
#define CALLS_ACCESS __NR_exit_group
#endif
#ifdef __NR_time
#define CALLS_TIME __NR_time
#else
#define CALLS_TIME __NR_exit_group
#endif
#ifdef __NR_renameat
#define CALLS_RENAMEAT __NR_renameat
#else
#define CALLS_RENAMEAT __NR_exit_group
#endif

/* A call that a C library may have no function for. */
#ifndef HAVE_CLOSE_RANGE
#define close_range(first, last, flags) \
	syscall(SYS_close_range, first, last, flags)
#endif

/* What ends a list of calls. */
#define CALLS_END UINT16_MAX

/* Calls by which a process could change files, other processes or the machine,
 * execute a program, or signal. */
extern const uint16_t calls_harmful[];

/* Calls by which a process could have others call it. */
extern const uint16_t calls_serving[];

#endif
