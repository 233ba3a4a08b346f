/* SPDX-License-Identifier: ISC */
/*
 * The system calls that each process of a session may make, and what their
 * arguments must be: two tables.  Anything else kills, but a few calls that the
 * C library tries on its own are only refused.
 */
#include "config.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "rights/filter.h"

#if defined(HAVE_LINUX_SECCOMP_H) && defined(HAVE_LINUX_FILTER_H) && \
    defined(FILTER_PROCESSOR)
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#define HAVE_FILTER 1
#endif

#define G (1u << FILTER_GATE)
#define S (1u << FILTER_SESSION)
#define K (1u << FILTER_KEEPER)
#define W (1u << FILTER_WAITING)
#define T (1u << FILTER_TLS)
#define Y (1u << FILTER_KEY)
#define ALL (G | S | K | W | T)
#define EVERY (ALL | Y)

#ifdef HAVE_FILTER
/* A call that a processor lacks has the number of one that all have. */
#ifndef __NR_poll
#define __NR_poll __NR_exit_group
#endif
#ifndef __NR_time
#define __NR_time __NR_exit_group
#endif
#ifndef __NR_renameat
#define __NR_renameat __NR_exit_group
#endif

static const struct {
	uint16_t call;
	uint16_t roles;
} allowed[] = {
	/* The client stream: wire. */
	{ __NR_read, G | S | K | T },	/* wire: pipes, terminals */
	{ __NR_write, ALL },		/* wire; log to stderr */
	{ __NR_recvfrom, G | S | T },	/* wire: sockets */
	{ __NR_sendto, ALL },		/* wire: sockets; K, W: syslog */
	{ __NR_ppoll, ALL },		/* wire: every wait */
	{ __NR_poll, G | S | T },		/* wire: last octets */
	{ __NR_shutdown, G | S | T },	/* wire: the end of the stream */
	{ __NR_setsockopt, G | S },	/* wire: SO_LINGER */
	{ __NR_getsockopt, T },		/* relay: SO_LINGER */
	/* Time. */
	{ __NR_clock_gettime, EVERY },	/* where the vdso has none */
	{ __NR_gettimeofday, EVERY }, { __NR_time, EVERY },
	/* Between the processes: channel. */
	{ __NR_sendmsg, EVERY & ~W }, { __NR_recvmsg, EVERY & ~W },
	/* Memory: malloc, and the C library's own. */
	{ __NR_brk, EVERY }, { __NR_mmap, EVERY },
	{ __NR_mremap, S | T | Y },	/* maildrop: the index grows; GnuTLS */
	{ __NR_munmap, EVERY }, { __NR_madvise, EVERY },
	{ __NR_futex, EVERY },
	{ __NR_getrandom, S | K | T | Y },	/* nonces; names; GnuTLS */
	{ __NR_getrusage, T | Y },	/* GnuTLS: random numbers */
	/* Signals and the end. */
	{ __NR_rt_sigreturn, EVERY }, { __NR_rt_sigprocmask, EVERY },
	{ __NR_restart_syscall, EVERY },
	{ __NR_exit_group, EVERY }, { __NR_exit, EVERY },
	{ __NR_getpid, EVERY },		/* log */
	{ __NR_gettid, EVERY },		/* abort(3) of the C library */
	{ __NR_close, EVERY },
	{ __NR_wait4, K | W },		/* the end of the process below */
	{ __NR_waitid, K | W },
	/* The mailbox, the journal, the cached index: already open. */
	{ __NR_pread64, S | K },	/* maildrop, journal; set-aside */
	{ __NR_pwrite64, S | K },	/* journal, index; set-aside */
	{ __NR_fsync, S | K },		/* journal, update; set-aside */
	{ __NR_syncfs, S | K },		/* where a directory is unreadable */
	{ __NR_ftruncate, S | K },	/* update, journal; set-aside */
	{ __NR_fallocate, S },		/* journal: space before the start */
	{ __NR_fstat, ALL & ~T },	/* mailbox: has it changed; stdio */
	{ __NR_newfstatat, ALL & ~T },	/* the same, by older C libraries */
	{ __NR_fstatfs, S | K },	/* mailbox, lock: whose time stamps */
	{ __NR_lseek, ALL & ~T },	/* stdio; set-aside: holes */
	{ __NR_fcntl, S | K },		/* lock */
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
	{ __NR_kill, K | W },		/* lock: is its maker there; the end */
	{ __NR_setitimer, W },		/* how long an end may take */
	{ __NR_clone, K },		/* a recovery when a session died */
	{ __NR_socketpair, K },		/* its channel */
	{ __NR_dup3, K },		/* ... as descriptor 2 */
	{ __NR_set_robust_list, K }, { __NR_rseq, K },	/* fork(3) */
	{ __NR_prctl, K },		/* the recovery's own sandbox */
	{ __NR_prlimit64, K },
#ifdef __NR_landlock_create_ruleset
	{ __NR_landlock_create_ruleset, K },
	{ __NR_landlock_add_rule, K },
	{ __NR_landlock_restrict_self, K },
#endif
};

/* What the C library may try, and what is not worth a death. */
static const uint16_t refused[] = {
	__NR_socket, __NR_connect, __NR_ioctl, __NR_mprotect,
};

/* Where the filter finds an argument: its lower half, its upper one. */
#define DATA(field) offsetof(struct seccomp_data, field)
#define LOW(argument) DATA(args[argument])
#define VICTIM UINT32_MAX	/* a value: the one that is given */
#define HIGH(argument) (DATA(args[argument]) + sizeof(uint32_t))

/* What the arguments of a call must be.  The rows of a call follow each other,
 * first those that not all of its roles have; those of one argument are
 * alternatives, and each argument must fit one. */
static const struct check {
	uint16_t call;
	uint8_t roles;
	uint8_t at;		/* LOW or HIGH */
	bool lacks;		/* none of these bits; else it is this value */
	uint32_t value;
} checks[] = {
	/* No signal for what happens on a descriptor: F_SETOWN. */
	{ __NR_fcntl, S | K, LOW(1), false, F_OFD_SETLK },
	{ __NR_fcntl, S | K, LOW(1), false, F_GETFL },
	{ __NR_setsockopt, G | S, LOW(1), false, SOL_SOCKET },
	{ __NR_setsockopt, G | S, LOW(2), false, SO_LINGER },
	{ __NR_getsockopt, T, LOW(1), false, SOL_SOCKET },
	{ __NR_getsockopt, T, LOW(2), false, SO_LINGER },
	/* To the client only; without MSG_FASTOPEN, which connects. */
	{ __NR_sendto, G | S | T, LOW(4), false, 0 },
	{ __NR_sendto, G | S | T, HIGH(4), false, 0 },
	{ __NR_sendto, ALL, LOW(3), false, MSG_DONTWAIT | MSG_NOSIGNAL },
	{ __NR_sendto, ALL, LOW(3), false, MSG_NOSIGNAL },
	{ __NR_sendmsg, EVERY, LOW(2), false, MSG_NOSIGNAL },
	{ __NR_mmap, EVERY, LOW(2), true, PROT_EXEC },
	{ __NR_kill, W, LOW(0), false, VICTIM },
	{ __NR_kill, W, LOW(1), false, SIGKILL },
	/* Nobody but by a number, and no stop. */
	{ __NR_kill, K, LOW(0), true, 1u << 31 },
	{ __NR_kill, K, LOW(1), false, 0 },
	{ __NR_kill, K, LOW(1), false, SIGTERM },
	/* fork(3) of two C libraries: no namespaces. */
	{ __NR_clone, K, LOW(0), false,
	    SIGCHLD | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID },
	{ __NR_clone, K, LOW(0), false, SIGCHLD },
	{ __NR_socketpair, K, LOW(0), false, AF_UNIX },
	{ __NR_socketpair, K, LOW(1), false, SOCK_SEQPACKET | SOCK_CLOEXEC },
	{ __NR_dup3, K, LOW(1), false, STDERR_FILENO },
	{ __NR_prctl, K, LOW(0), false, PR_SET_PDEATHSIG },
	{ __NR_prctl, K, LOW(0), false, PR_SET_NO_NEW_PRIVS },
	{ __NR_prctl, K, LOW(0), false, PR_SET_SECCOMP },
	{ __NR_prlimit64, K, LOW(0), false, 0 },
	{ __NR_prlimit64, K, LOW(1), false, RLIMIT_NOFILE },
	{ __NR_prlimit64, K, LOW(1), false, RLIMIT_NPROC },
};

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define CALLS COUNT(allowed)
#define CHECKS COUNT(checks)
#define RUNS (2 * (CALLS + COUNT(refused)) + 1)	/* at most */
#define BEGIN COUNT(begin)

/* How each program begins. */
static const struct sock_filter begin[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, DATA(arch)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FILTER_PROCESSOR, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, DATA(nr)),
};

/* From CHECK on an answer is the row of checks that the call's begin at. */
enum { KILL, REFUSE, ALLOW, CHECK };

/* Between the search and the checks. */
static const struct sock_filter answers[] = {
	[KILL] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	[REFUSE] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	[ALLOW] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

/* Calls that follow each other, from ${first} on, and are answered alike. */
struct run {
	unsigned first, answer;
};

struct plan {
	struct sock_filter filter[BEGIN + RUNS + COUNT(answers) + 4 * CHECKS];
	size_t n;		/* of them */
	uint32_t victim;
	size_t to[CHECK + CHECKS];	/* where an answer begins */
};

/* How ${role}'s arguments of ${call} are looked at: ALLOW, or from CHECK on. */
static unsigned
answer_of(unsigned call, unsigned role)
{
	for (unsigned i = 0; i < CHECKS; i++)
		if (checks[i].call == call && (checks[i].roles & role) != 0)
			return CHECK + i;
	return ALLOW;
}

/* Fill ${runs}, in their order.  Returns how many they are. */
static size_t
fill(struct run *runs, unsigned role)
{
	uint8_t all[LIMITS_CALLS + 1] = { KILL };
	size_t n = 0;

	for (size_t i = 0; i < COUNT(refused); i++)
		all[refused[i]] = REFUSE;
	for (size_t i = 0; i < CALLS; i++)
		if ((allowed[i].roles & role) != 0)
			all[allowed[i].call] =
			    (uint8_t)answer_of(allowed[i].call, role);
	for (unsigned i = 0; i <= LIMITS_CALLS; i++)
		if (n == 0 || all[i] != runs[n - 1].answer)
			runs[n++] = (struct run){ i, all[i] };
	return n;
}

/* Add the rows of checks from ${row} on that are of its call, two instructions
 * each, and then what follows if all arguments fit or one does not. */
static void
add_checks(struct plan *plan, size_t row)
{
	struct sock_filter *filter = plan->filter + plan->n;
	const struct check *check = checks + row;
	size_t n = 0, next;

	while (row + n < CHECKS && check[n].call == check->call &&
	    (check[n].roles & check->roles) == check->roles)
		n++;
	for (size_t i = 0; i < n; i++) {
		uint8_t bad = (uint8_t)(2 * (n - i) - 1), good;
		uint32_t value = check[i].value;

		for (next = i + 1; next < n && check[next].at == check[i].at; )
			next++;
		good = (uint8_t)(2 * (next - i) - 2);
		if (next > i + 1)
			bad = 0;
		if (value == VICTIM)
			value = plan->victim;
		filter[2 * i] = (struct sock_filter)BPF_STMT(
		    BPF_LD | BPF_W | BPF_ABS, check[i].at);
		filter[2 * i + 1] = (struct sock_filter)BPF_JUMP(
		    BPF_JMP | BPF_JEQ | BPF_K, value, good, bad);
		if (check[i].lacks)
			filter[2 * i + 1] = (struct sock_filter)BPF_JUMP(
			    BPF_JMP | BPF_JSET | BPF_K, value, bad, good);
	}
	filter[2 * n] = answers[ALLOW];
	filter[2 * n + 1] = answers[KILL];
	plan->n += 2 * n + 2;
}

/* Add the search for a call among the ${n} ${runs}, by halves.  The shorter it
 * is, the less has the kernel to do, which compiles the program and runs it
 * once for each call there is.  Returns where the search begins. */
static size_t
add(struct plan *plan, const struct run *runs, size_t n)
{
	size_t at = plan->n, half = n / 2, below, above;

	if (n == 1)
		return plan->to[runs->answer];
	plan->n++;
	below = add(plan, runs, half);
	above = add(plan, runs + half, n - half);
	plan->filter[at] = (struct sock_filter)BPF_JUMP(
	    BPF_JMP | BPF_JGE | BPF_K, runs[half].first,
	    (uint8_t)(above - at - 1), (uint8_t)(below - at - 1));
	return at;
}

/* Make the program of ${role}: the search, the answers, the checks. */
static void
make(struct plan *plan, unsigned role)
{
	struct run runs[RUNS];
	size_t n = fill(runs, role), end = BEGIN + n - 1;

	memcpy(plan->filter, begin, sizeof(begin));
	memcpy(plan->filter + end, answers, sizeof(answers));
	for (size_t i = KILL; i <= ALLOW; i++)
		plan->to[i] = end + i;
	plan->n = end + COUNT(answers);
	for (size_t i = 0; i < n; i++)
		if (runs[i].answer >= CHECK) {
			plan->to[runs[i].answer] = plan->n;
			add_checks(plan, runs[i].answer - CHECK);
		}
	end = plan->n;
	plan->n = BEGIN;
	(void)add(plan, runs, n);
	plan->n = end;
}

int
filter_install(enum filter_role role, int victim)
{
	struct plan plan = { .victim = (uint32_t)victim };
	struct sock_fprog program = { .filter = plan.filter };

	make(&plan, 1u << (unsigned)role);
	program.len = (unsigned short)plan.n;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ? -1 :
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}
#else
int
filter_install(enum filter_role role, int victim)
{
	(void)role;
	(void)victim;
	errno = ENOTSUP;
	return -1;
}
#endif
