/* SPDX-License-Identifier: ISC */
/*
 * The system calls that each process of a session may make.  One table: the
 * call, the roles that have it, and who needs it.  Anything else kills, but a
 * few calls that the C library tries on its own are only refused.
 */
#include "config.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/limits.h"
#include "rights/filter.h"

#if defined(HAVE_LINUX_SECCOMP_H) && defined(HAVE_LINUX_FILTER_H) && \
    (defined(__x86_64__) || defined(__aarch64__))
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#define HAVE_FILTER 1
#endif

#ifdef __x86_64__
#define ARCHITECTURE AUDIT_ARCH_X86_64
#else
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#define G (1u << FILTER_GATE)
#define S (1u << FILTER_SESSION)
#define K (1u << FILTER_KEEPER)
#define W (1u << FILTER_WAITING)
#define ALL (G | S | K | W)

#ifdef HAVE_FILTER
/* A call that a processor lacks has the number of exit_group, which all
 * have. */
#ifndef __NR_poll
#define __NR_poll __NR_exit_group
#endif
#ifndef __NR_time
#define __NR_time __NR_exit_group
#endif

static const struct {
	uint16_t call;
	uint16_t roles;
} allowed[] = {
	/* The client stream: wire. */
	{ __NR_read, ALL },		/* wire: pipes, terminals */
	{ __NR_write, ALL },		/* wire; log to stderr */
	{ __NR_recvfrom, G | S },	/* wire: sockets */
	{ __NR_sendto, ALL },		/* wire: sockets; syslog */
	{ __NR_ppoll, ALL },		/* wire: every wait */
	{ __NR_poll, G | S },		/* wire: the last octets of a client */
	{ __NR_shutdown, G | S },	/* wire: the end of the stream */
	{ __NR_setsockopt, G | S },	/* wire: SO_LINGER, and no other */
	/* Time. */
	{ __NR_clock_gettime, ALL },	/* where the vdso has none */
	{ __NR_gettimeofday, ALL },
	{ __NR_time, ALL },		/* syslog */
	/* Between the processes: channel. */
	{ __NR_sendmsg, G | S | K },	/* questions, requests, answers */
	{ __NR_recvmsg, G | S | K },
	/* Memory: malloc, and the C library's own. */
	{ __NR_brk, ALL },
	{ __NR_mmap, ALL },
	{ __NR_munmap, ALL },
	{ __NR_mremap, S },		/* maildrop: the index grows */
	{ __NR_madvise, ALL },
	{ __NR_futex, ALL },
	{ __NR_getrandom, S | K },	/* journal: the nonce; lock: names */
	/* Signals and the end. */
	{ __NR_rt_sigreturn, ALL },
	{ __NR_rt_sigprocmask, ALL },
	{ __NR_restart_syscall, ALL },
	{ __NR_exit_group, ALL },
	{ __NR_exit, ALL },
	{ __NR_getpid, ALL },		/* log */
	{ __NR_gettid, ALL },		/* abort(3) of the C library */
	{ __NR_close, ALL },
	{ __NR_wait4, K | W },		/* the end of the process below */
	{ __NR_waitid, K | W },
	/* The mailbox, the journal, the cached index: already open. */
	{ __NR_pread64, S | K },	/* maildrop, journal; set-aside */
	{ __NR_pwrite64, S | K },	/* journal, index; set-aside */
	{ __NR_fsync, S | K },		/* journal, update; set-aside */
	{ __NR_syncfs, S | K },		/* where a directory is unreadable */
	{ __NR_ftruncate, S | K },	/* update, journal; set-aside */
	{ __NR_fallocate, S },		/* journal: space before the start */
	{ __NR_fstat, S | K },		/* mailbox: has it changed */
	{ __NR_newfstatat, ALL },	/* the same; its name; stdio */
	{ __NR_fstatfs, S | K },	/* mailbox, lock: whose time stamps */
	{ __NR_lseek, ALL },		/* stdio; set-aside: holes */
	{ __NR_fcntl, S | K },		/* lock: F_OFD_SETLK, F_GETFL */
	{ __NR_flock, S | K },		/* lock; the session lock's end */
	/* The keeper changes the directory for the session. */
	{ __NR_openat, K },		/* lock: dot-lock; reopen; set-aside */
	{ __NR_linkat, K },		/* lock: made by link(2) */
	{ __NR_unlinkat, K },		/* lock: removed */
	{ __NR_renameat, K },		/* lock: a stale one; set-aside */
#ifdef __NR_renameat2
	{ __NR_renameat2, K },
#endif
	{ __NR_utimensat, K },		/* lock: touched every minute */
	{ __NR_geteuid, K },		/* mailbox: reopen's checks */
	{ __NR_kill, K },		/* lock: is its maker there; the end */
	{ __NR_clone, K },		/* a recovery when a session died */
	{ __NR_socketpair, K },		/* its channel */
	{ __NR_set_robust_list, K },	/* fork(3) */
	{ __NR_rseq, K },		/* fork(3) */
	{ __NR_prctl, K },		/* the recovery's own sandbox */
	{ __NR_seccomp, K },
	{ __NR_prlimit64, K },
#ifdef __NR_landlock_create_ruleset
	{ __NR_landlock_create_ruleset, K },
	{ __NR_landlock_add_rule, K },
	{ __NR_landlock_restrict_self, K },
#endif
};

/* What the C library may try, and what is not worth a death: a log line that
 * reconnects, a stream that asks whether it is a terminal. */
static const uint16_t refused[] = {
	__NR_socket, __NR_connect, __NR_ioctl, __NR_mprotect,
};

#define CALLS (sizeof(allowed) / sizeof(allowed[0]))
#define REFUSED (sizeof(refused) / sizeof(refused[0]))
#define RUNS (2 * (CALLS + REFUSED) + 1)	/* at most */
#define ANSWERS (sizeof(answers) / sizeof(answers[0]))
#define BEGIN (sizeof(begin) / sizeof(begin[0]))
#define DATA(field) offsetof(struct seccomp_data, field)

/* How each program begins. */
static const struct sock_filter begin[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, DATA(arch)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, DATA(nr)),
};

enum answer { KILL, REFUSE, ALLOW, LINGER };

/* How each program ends: by enum answer. */
static const struct sock_filter answers[] = {
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	/* The last one looks at level and name of the option. */
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, DATA(args[1])),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SOL_SOCKET, 0, 3),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, DATA(args[2])),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SO_LINGER, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
};

/* Calls that follow each other and are answered alike. */
struct run {
	unsigned first;		/* the last one is before the next run's */
	enum answer answer;
};

/* Fill ${runs}, in their order.  Returns how many they are. */
static size_t
fill(struct run *runs, enum filter_role role)
{
	uint8_t all[LIMITS_CALLS + 1] = { KILL };
	size_t n = 0;

	for (size_t i = 0; i < REFUSED; i++)
		all[refused[i]] = REFUSE;
	for (size_t i = 0; i < CALLS; i++)
		if ((allowed[i].roles & (1u << (unsigned)role)) != 0)
			all[allowed[i].call] =
			    allowed[i].call == __NR_setsockopt ? LINGER : ALLOW;
	for (unsigned i = 0; i <= LIMITS_CALLS; i++)
		if (n == 0 || all[i] != runs[n - 1].answer)
			runs[n++] = (struct run){ i, (enum answer)all[i] };
	return n;
}

/* Add the search for a call among the ${n} ${runs}, by halves, before the
 * answers at ${end}.  The shorter it is, the less has the kernel to do, which
 * compiles the program and runs it once for each call there is.  Returns where
 * the search begins. */
static size_t
add(struct sock_fprog *program, const struct run *runs, size_t n, size_t end)
{
	size_t at = program->len, half = n / 2, below, above;

	if (n == 1)
		return end + runs->answer;
	program->len++;
	below = add(program, runs, half, end);
	above = add(program, runs + half, n - half, end);
	program->filter[at] = (struct sock_filter)BPF_JUMP(
	    BPF_JMP | BPF_JGE | BPF_K, runs[half].first,
	    (uint8_t)(above - at - 1), (uint8_t)(below - at - 1));
	return at;
}

int
filter_install(enum filter_role role)
{
	struct run runs[RUNS];
	struct sock_filter filter[BEGIN + RUNS + ANSWERS];
	struct sock_fprog program = { BEGIN, filter };
	size_t n = fill(runs, role);

	memcpy(filter, begin, sizeof(begin));
	(void)add(&program, runs, n, BEGIN + n - 1);
	memcpy(filter + program.len, answers, sizeof(answers));
	program.len += ANSWERS;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ? -1 :
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}
#else
int
filter_install(enum filter_role role)
{
	(void)role;
	errno = ENOSYS;
	return -1;
}
#endif
