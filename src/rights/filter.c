/* SPDX-License-Identifier: ISC */
/*
 * The system calls that each process of a session may make, and what their
 * arguments must be, as tables.  Anything else kills, but a few calls that the
 * C library tries on its own are only refused; in the judge, whose C library
 * may load what others wrote to look accounts up by, most are.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <linux/net.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "base/calls.h"
#include "base/seccomp.h"
#include "rights/filter.h"

#define G (1u << FILTER_GATE)
#define S (1u << FILTER_SESSION)
#define K (1u << FILTER_KEEPER)
#define W (1u << FILTER_WAITING)
#define J (1u << FILTER_JUDGE)
#define L (1u << FILTER_JUDGE_LOCAL)
#define N (1u << FILTER_JUDGE_NET)
#define T (1u << FILTER_TLS)
#define Y (1u << FILTER_KEY)
#define ALL (G | S | K | W | T | J | L | N)
#define EVERY (ALL | Y)
/* Those that no module of the C library is loaded in. */
#define OURS (EVERY & ~(L | N))

static const struct seccomp_call allowed[] = {
	/* The client stream: wire. */
	{ __NR_read, G | S | K | T | J | L },	/* pipes, terminals; files */
	{ __NR_write, ALL },		/* wire; log to stderr */
	{ __NR_recvfrom, G | S | T | L },	/* wire: sockets */
	{ __NR_sendto, ALL },		/* wire: sockets; the others: syslog */
	{ __NR_ppoll, ALL },		/* wire: every wait */
	{ CALLS_POLL, G | S | T | J | L },	/* wire: last octets */
	{ __NR_shutdown, G | S | T | J | L },	/* wire: the end */
	{ __NR_setsockopt, G | S | L },	/* wire: SO_LINGER */
	/* Time. */
	{ __NR_clock_gettime, EVERY },	/* where the vdso has none */
	{ __NR_gettimeofday, EVERY },
	{ CALLS_TIME, EVERY },		/* syslog */
	/* Between the processes: channel. */
	{ __NR_sendmsg, EVERY & ~W },	/* questions, requests */
	{ __NR_recvmsg, EVERY & ~W },
	/* Memory: malloc, and the C library's own. */
	{ __NR_brk, EVERY },
	{ CALLS_MMAP, EVERY },
	{ __NR_munmap, EVERY },
	{ __NR_mremap, S | T | Y | J | L },	/* the index grows; GnuTLS */
	{ __NR_madvise, EVERY },
	{ __NR_futex, EVERY },
	{ __NR_getrandom, EVERY & ~(G | W) },	/* nonces; names; GnuTLS */
	{ __NR_getrusage, T | Y },	/* GnuTLS: random numbers */
	/* Signals and the end. */
	{ __NR_rt_sigreturn, EVERY },
	{ __NR_rt_sigprocmask, EVERY },
	{ __NR_restart_syscall, EVERY },
	{ __NR_exit_group, EVERY },
	{ __NR_exit, EVERY },
	{ __NR_getpid, EVERY },		/* log */
	{ __NR_gettid, EVERY },		/* abort(3) of the C library */
	{ __NR_close, EVERY },
	{ __NR_wait4, K | W },		/* the end of the process below */
	{ __NR_waitid, K | W },
	/* The mailbox, the journal, the cached index: already open. */
	{ __NR_pread64, S | K | J | L },	/* maildrop, journal; users */
	{ __NR_pwrite64, S | K },	/* journal, index; set-aside */
	{ __NR_fsync, S | K },		/* journal, update; set-aside */
	{ __NR_syncfs, S | K },		/* where a directory is unreadable */
	{ CALLS_FTRUNCATE, S | K },	/* update, journal; set-aside */
	{ __NR_fallocate, S },		/* journal: space before the start */
	{ CALLS_FSTAT, ALL & ~T },	/* mailbox: has it changed; stdio */
	{ CALLS_FSTATAT, ALL & ~T },	/* by older C libraries; its name */
	{ CALLS_FSTATFS, S | K },	/* mailbox, lock: whose time stamps */
	{ CALLS_LSEEK, ALL & ~T },		/* stdio; set-aside: holes */
	{ CALLS_FCNTL, S | K | L | N },	/* lock */
	{ __NR_flock, S | K },		/* lock; the session lock's end */
	/* The keeper changes the directory for the session; the judge reads. */
	{ __NR_openat, K | J | L | N },	/* lock: dot-lock; reopen; set-aside */
	{ __NR_linkat, K },		/* lock: made by link(2) */
	{ __NR_unlinkat, K },		/* lock: removed */
	{ CALLS_RENAMEAT, K },		/* lock: a stale one; set-aside */
#ifdef __NR_renameat2
	{ __NR_renameat2, K },
#endif
	{ __NR_utimensat, K },		/* lock: touched every minute */
	{ CALLS_GETEUID, K | J | L },	/* mailbox: reopen's checks; records */
	{ __NR_kill, K | W },		/* lock: is its maker there; the end */
	{ __NR_setitimer, W },		/* how long an end may take */
	{ __NR_clone, K },		/* a recovery when a session died */
#if !defined(__GLIBC__) && defined(__NR_open)
	/* What musl makes of calls here. */
	{ __NR_fork, K },
	{ __NR_open, K | J | L | N },
	{ __NR_stat, K | J | L },
	{ __NR_lstat, K | J | L },
#endif
	{ __NR_socketpair, K },		/* its channel */
	{ __NR_dup3, K | L },		/* ... as descriptor 2 */
	{ __NR_set_robust_list, K },	/* fork(3) */
	{ __NR_rseq, K },		/* fork(3) */
	{ __NR_prctl, K },		/* the recovery's own sandbox */
	{ __NR_prlimit64, K | L | N },
#ifdef __NR_landlock_create_ruleset
	{ __NR_landlock_create_ruleset, K },
	{ __NR_landlock_add_rule, K },
	{ __NR_landlock_restrict_self, K },
#endif
	/* How modules of the C library ask for accounts: libnss_sss and
	 * libnss_ldap those who serve them, libnss_systemd by an event loop. */
	{ __NR_socket, L },
	{ __NR_connect, L },
	{ __NR_getsockopt, L | T },	/* relay: SO_LINGER */
	{ __NR_getsockname, L }, { __NR_getpeername, L },
	{ __NR_dup, L }, { __NR_pipe2, L },
	{ __NR_readv, L }, { __NR_writev, L },
	{ __NR_pselect6, L },
	{ __NR_epoll_create1, L }, { __NR_epoll_ctl, L },
	{ CALLS_EPOLL_WAIT, L }, { __NR_epoll_pwait, L },
	{ __NR_eventfd2, L },
	{ __NR_timerfd_create, L }, { __NR_timerfd_settime, L },
	{ __NR_nanosleep, L }, { __NR_clock_nanosleep, L },
	{ __NR_clock_getres, L },
	{ __NR_mprotect, L },		/* loading a module */
	{ __NR_rt_sigaction, L },
	{ __NR_sched_yield, L },
	{ CALLS_GETUID, L }, { CALLS_GETGID, L },
	{ CALLS_GETEGID, L }, { __NR_getppid, L },
	{ __NR_uname, L }, { __NR_sysinfo, L },
	{ __NR_getcwd, L },
	{ CALLS_ACCESS, L }, { __NR_faccessat, L },
	{ __NR_readlinkat, L },
	{ CALLS_STATFS, L },
	{ __NR_getdents64, L },
	/* Who knows how an unknown module does that. */
	{ __NR_ioctl, N },
#ifdef __LP64__
	{ __NR_statx, L },
#else
	/* What the C library makes of calls above where longs have 32 bits. */
	{ __NR_statx, ALL & ~T },
	{ __NR_ppoll_time64, ALL },
	{ __NR_clock_gettime64, EVERY },
	{ __NR_futex_time64, EVERY },
	{ __NR_utimensat_time64, K },
	{ __NR_pselect6_time64, L },
	{ __NR_timerfd_settime64, L },
	{ __NR_clock_nanosleep_time64, L },
	{ __NR_clock_getres_time64, L },
#endif
#ifdef __NR_sigreturn
	{ __NR_sigreturn, EVERY },
#endif
#ifdef __NR_send
	{ __NR_send, L }, { __NR_recv, L },
#endif
#ifdef __NR_socketcall
	{ __NR_socketcall, L },		/* our own processes: socket */
#endif
};

/* What the C library may try, and what is not worth a death. */
static const struct seccomp_call refused[] = {
	{ __NR_socket, OURS },	/* J: to nscd */
	{ __NR_connect, OURS },
	{ __NR_ioctl, EVERY & ~N },
	{ __NR_mprotect, OURS },
#ifdef __NR_socketcall
	{ __NR_socketcall, OURS },	/* the same */
#endif
#ifndef __LP64__
	{ __NR_fcntl, N },		/* its arguments are not looked at */
#endif
	{ __NR_clone, N },
#ifdef __NR_clone3
	{ __NR_clone3, N },
#endif
#ifdef __NR_fork
	{ __NR_fork, N },
	{ __NR_vfork, N },
#endif
};

/* What no look-up of an account needs: programs, other processes, their
 * priorities, other files than those there are. */
static const struct seccomp_list fatal[] = {
	{ calls_harmful, L | N },
	{ calls_serving, L },
};

#define LOW SECCOMP_LOW
#define HIGH SECCOMP_HIGH
#define IS SECCOMP_IS
#define LACKS SECCOMP_LACKS
#define DIFFERS SECCOMP_DIFFERS

/* Flags of open(2) by which something is written or made. */
#define WRITES (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | \
	(O_TMPFILE & ~O_DIRECTORY))

static const struct seccomp_check checks[] = {
	/* No signal for what happens on a descriptor: F_SETOWN. */
	{ CALLS_FCNTL, S | K, LOW(1), IS, F_OFD_SETLK },
	{ CALLS_FCNTL, S | K, LOW(1), IS, F_GETFL },
	{ CALLS_FCNTL, L, LOW(1), IS, F_GETFD },
	{ CALLS_FCNTL, L, LOW(1), IS, F_SETFD },
	{ CALLS_FCNTL, L, LOW(1), IS, F_GETFL },
	{ CALLS_FCNTL, L, LOW(1), IS, F_SETFL },
	{ CALLS_FCNTL, L, LOW(1), IS, F_DUPFD },
	{ CALLS_FCNTL, L, LOW(1), IS, F_DUPFD_CLOEXEC },
	{ CALLS_FCNTL, N, LOW(1), DIFFERS, F_SETOWN },
	{ CALLS_FCNTL, N, LOW(1), DIFFERS, F_SETOWN_EX },
	{ CALLS_FCNTL, N, LOW(1), DIFFERS, F_SETSIG },
	{ __NR_ioctl, N, LOW(1), DIFFERS, FIOSETOWN },
	{ __NR_ioctl, N, LOW(1), DIFFERS, SIOCSPGRP },
	{ __NR_ioctl, N, LOW(1), DIFFERS, TIOCSTI },
	{ __NR_setsockopt, G | S, LOW(1), IS, SOL_SOCKET },
	{ __NR_setsockopt, G | S, LOW(2), IS, SO_LINGER },
	{ __NR_getsockopt, T, LOW(1), IS, SOL_SOCKET },
	{ __NR_getsockopt, T, LOW(2), IS, SO_LINGER },
	/* To the client only; without MSG_FASTOPEN, which connects. */
	{ __NR_sendto, G | S | T, LOW(4), IS, 0 },
	{ __NR_sendto, G | S | T, HIGH(4), IS, 0 },
	{ __NR_sendto, OURS, LOW(3), IS, MSG_DONTWAIT | MSG_NOSIGNAL },
	{ __NR_sendto, OURS, LOW(3), IS, MSG_NOSIGNAL },
	{ __NR_sendmsg, OURS, LOW(2), IS, MSG_NOSIGNAL },
#ifndef __s390x__	/* where they are in memory */
	{ CALLS_MMAP, OURS, LOW(2), LACKS, PROT_EXEC },
	/* Code comes from files only: it cannot be written. */
	{ CALLS_MMAP, L, LOW(2), IS, PROT_NONE },
	{ CALLS_MMAP, L, LOW(2), IS, PROT_READ },
	{ CALLS_MMAP, L, LOW(2), IS, PROT_READ | PROT_WRITE },
	{ CALLS_MMAP, L, LOW(2), IS, PROT_READ | PROT_EXEC },
#endif
	{ __NR_mprotect, L, LOW(2), LACKS, PROT_EXEC },
	{ __NR_openat, J | L | N, LOW(2), LACKS, WRITES },
#if !defined(__GLIBC__) && defined(__NR_open)
	{ __NR_open, J | L | N, LOW(1), LACKS, WRITES },
#endif
	{ __NR_socket, L, LOW(0), IS, AF_UNIX },
#ifdef __NR_socketcall
	/* What follows is in memory, the family too. */
	{ __NR_socketcall, L, LOW(0), IS, SYS_SOCKET },
	{ __NR_socketcall, L, LOW(0), IS, SYS_CONNECT },
	{ __NR_socketcall, L, LOW(0), IS, SYS_GETSOCKNAME },
	{ __NR_socketcall, L, LOW(0), IS, SYS_GETPEERNAME },
	{ __NR_socketcall, L, LOW(0), IS, SYS_SEND },
	{ __NR_socketcall, L, LOW(0), IS, SYS_RECV },
	{ __NR_socketcall, L, LOW(0), IS, SYS_SENDTO },
	{ __NR_socketcall, L, LOW(0), IS, SYS_RECVFROM },
	{ __NR_socketcall, L, LOW(0), IS, SYS_SHUTDOWN },
	{ __NR_socketcall, L, LOW(0), IS, SYS_SETSOCKOPT },
	{ __NR_socketcall, L, LOW(0), IS, SYS_GETSOCKOPT },
	{ __NR_socketcall, L, LOW(0), IS, SYS_SENDMSG },
	{ __NR_socketcall, L, LOW(0), IS, SYS_RECVMSG },
#endif
	{ __NR_kill, W, LOW(0), IS, SECCOMP_GIVEN },
	{ __NR_kill, W, LOW(1), IS, SIGKILL },
	/* Nobody but by a number, and no stop. */
	{ __NR_kill, K, LOW(0), LACKS, 1u << 31 },
	{ __NR_kill, K, LOW(1), IS, 0 },
	{ __NR_kill, K, LOW(1), IS, SIGTERM },
	/* fork(3) of two C libraries: no namespaces. */
	{ __NR_clone, K, LOW(CALLS_CLONE_FLAGS), IS,
	    SIGCHLD | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID },
	{ __NR_clone, K, LOW(CALLS_CLONE_FLAGS), IS, SIGCHLD },
	{ __NR_socketpair, K, LOW(0), IS, AF_UNIX },
	{ __NR_socketpair, K, LOW(1), IS, SOCK_SEQPACKET | SOCK_CLOEXEC },
	{ __NR_dup3, K, LOW(1), IS, STDERR_FILENO },
	{ __NR_prctl, K, LOW(0), IS, PR_SET_PDEATHSIG },
	{ __NR_prctl, K, LOW(0), IS, PR_SET_NO_NEW_PRIVS },
	{ __NR_prctl, K, LOW(0), IS, PR_SET_SECCOMP },
	/* No limits of other processes. */
	{ __NR_prlimit64, K, LOW(0), IS, 0 },
	{ __NR_prlimit64, K, LOW(1), IS, RLIMIT_NOFILE },
	{ __NR_prlimit64, K, LOW(1), IS, RLIMIT_NPROC },
	{ __NR_prlimit64, L | N, LOW(0), IS, 0 },
};

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
static const struct seccomp_rules rules = {
	.allowed = allowed, .allowed_n = COUNT(allowed),
	.refused = refused, .refused_n = COUNT(refused),
	.fatal = fatal, .fatal_n = COUNT(fatal),
	.checks = checks, .checks_n = COUNT(checks),
	.lenient = L | N, .open = N,
};

int
filter_install(enum filter_role role, int victim)
{
	return seccomp_install(&rules, (uint16_t)(1u << role),
	    (uint32_t)victim);
}
