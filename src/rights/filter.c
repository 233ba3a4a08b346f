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
#include <sys/syscall.h>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

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

/* A call that a processor lacks has the number of one that all have. */
#ifndef __NR_poll
#define __NR_poll __NR_exit_group
#define __NR_epoll_wait __NR_exit_group
#define __NR_access __NR_exit_group
#endif
#ifndef __NR_time
#define __NR_time __NR_exit_group
#endif
#ifndef __NR_renameat
#define __NR_renameat __NR_exit_group
#endif
/* Headers may be older; from 424 on all processors have the same numbers. */
#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif
#ifndef __NR_setxattrat
#define __NR_setxattrat 463
#define __NR_removexattrat 466
#endif
#ifndef __NR_file_setattr
#define __NR_file_setattr 469
#endif

static const struct seccomp_call allowed[] = {
	/* The client stream: wire. */
	{ __NR_read, G | S | K | T | J | L },	/* pipes, terminals; files */
	{ __NR_write, ALL },		/* wire; log to stderr */
	{ __NR_recvfrom, G | S | T | L },	/* wire: sockets */
	{ __NR_sendto, ALL },		/* wire: sockets; the others: syslog */
	{ __NR_ppoll, ALL },		/* wire: every wait */
	{ __NR_poll, G | S | T | J | L },	/* wire: last octets */
	{ __NR_shutdown, G | S | T | J | L },	/* wire: the end */
	{ __NR_setsockopt, G | S | L },	/* wire: SO_LINGER */
	/* Time. */
	{ __NR_clock_gettime, EVERY },	/* where the vdso has none */
	{ __NR_gettimeofday, EVERY },
	{ __NR_time, EVERY },		/* syslog */
	/* Between the processes: channel. */
	{ __NR_sendmsg, EVERY & ~W },	/* questions, requests */
	{ __NR_recvmsg, EVERY & ~W },
	/* Memory: malloc, and the C library's own. */
	{ __NR_brk, EVERY },
	{ __NR_mmap, EVERY },
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
	{ __NR_ftruncate, S | K },	/* update, journal; set-aside */
	{ __NR_fallocate, S },		/* journal: space before the start */
	{ __NR_fstat, ALL & ~T },	/* mailbox: has it changed; stdio */
	{ __NR_newfstatat, ALL & ~T },	/* by older C libraries; its name */
	{ __NR_fstatfs, S | K },	/* mailbox, lock: whose time stamps */
	{ __NR_lseek, ALL & ~T },		/* stdio; set-aside: holes */
	{ __NR_fcntl, S | K | L | N },	/* lock */
	{ __NR_flock, S | K },		/* lock; the session lock's end */
	/* The keeper changes the directory for the session; the judge reads. */
	{ __NR_openat, K | J | L | N },	/* lock: dot-lock; reopen; set-aside */
	{ __NR_linkat, K },		/* lock: made by link(2) */
	{ __NR_unlinkat, K },		/* lock: removed */
	{ __NR_renameat, K },		/* lock: a stale one; set-aside */
#ifdef __NR_renameat2
	{ __NR_renameat2, K },
#endif
	{ __NR_utimensat, K },		/* lock: touched every minute */
	{ __NR_geteuid, K | J | L },	/* mailbox: reopen's checks; records */
	{ __NR_kill, K | W },		/* lock: is its maker there; the end */
	{ __NR_setitimer, W },		/* how long an end may take */
	{ __NR_clone, K },		/* a recovery when a session died */
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
	{ __NR_epoll_wait, L }, { __NR_epoll_pwait, L },
	{ __NR_eventfd2, L },
	{ __NR_timerfd_create, L }, { __NR_timerfd_settime, L },
	{ __NR_nanosleep, L }, { __NR_clock_nanosleep, L },
	{ __NR_clock_getres, L },
	{ __NR_mprotect, L },		/* loading a module */
	{ __NR_rt_sigaction, L },
	{ __NR_sched_yield, L },
	{ __NR_getuid, L }, { __NR_getgid, L },
	{ __NR_getegid, L }, { __NR_getppid, L },
	{ __NR_uname, L }, { __NR_sysinfo, L },
	{ __NR_getcwd, L },
	{ __NR_access, L }, { __NR_faccessat, L },
	{ __NR_readlinkat, L },
	{ __NR_statx, L }, { __NR_statfs, L },
	{ __NR_getdents64, L },
	/* Who knows how an unknown module does that. */
	{ __NR_ioctl, N },
};

/* What the C library may try, and what is not worth a death. */
static const struct seccomp_call refused[] = {
	{ __NR_socket, OURS },	/* J: to nscd */
	{ __NR_connect, OURS },
	{ __NR_ioctl, EVERY & ~N },
	{ __NR_mprotect, OURS },
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
static const struct seccomp_call fatal[] = {
	{ __NR_execve, L | N }, { __NR_execveat, L | N },
	{ __NR_ptrace, L | N }, { __NR_process_vm_readv, L | N },
	{ __NR_process_vm_writev, L | N }, { __NR_kill, L | N },
	{ __NR_tkill, L | N }, { __NR_tgkill, L | N },
	{ __NR_rt_sigqueueinfo, L | N }, { __NR_rt_tgsigqueueinfo, L | N },
#ifdef __NR_pidfd_open
	{ __NR_pidfd_open, L | N }, { __NR_pidfd_send_signal, L | N },
#endif
#ifdef __NR_pidfd_getfd
	{ __NR_pidfd_getfd, L | N },
#endif
	{ __NR_setpriority, L | N }, { __NR_ioprio_set, L | N },
	{ __NR_sched_setparam, L | N }, { __NR_sched_setscheduler, L | N },
	{ __NR_sched_setattr, L | N }, { __NR_sched_setaffinity, L | N },
	{ __NR_migrate_pages, L | N }, { __NR_move_pages, L | N },
#ifdef __NR_open
	{ __NR_setrlimit, L | N },
#endif
	{ __NR_bind, L },
	{ __NR_listen, L },
	{ __NR_accept, L },
	{ __NR_accept4, L },
	{ __NR_open_by_handle_at, L | N },
#ifdef __NR_openat2
	{ __NR_openat2, L | N },
#endif
	{ __NR_linkat, L | N }, { __NR_symlinkat, L | N },
	{ __NR_unlinkat, L | N }, { __NR_renameat, L | N },
#ifdef __NR_renameat2
	{ __NR_renameat2, L | N },
#endif
	{ __NR_mkdirat, L | N }, { __NR_mknodat, L | N },
	{ __NR_truncate, L | N }, { __NR_fchmod, L | N },
	{ __NR_fchmodat, L | N }, { __NR_fchmodat2, L | N },
	{ __NR_file_setattr, L | N }, { __NR_fchown, L | N },
	{ __NR_fchownat, L | N }, { __NR_utimensat, L | N },
	{ __NR_setxattr, L | N }, { __NR_lsetxattr, L | N },
	{ __NR_fsetxattr, L | N }, { __NR_removexattr, L | N },
	{ __NR_lremovexattr, L | N }, { __NR_fremovexattr, L | N },
	{ __NR_setxattrat, L | N }, { __NR_removexattrat, L | N },
	{ __NR_mq_open, L | N }, { __NR_mq_unlink, L | N },
#ifdef __NR_open
	{ __NR_open, L | N }, { __NR_creat, L | N },
	{ __NR_link, L | N }, { __NR_symlink, L | N },
	{ __NR_unlink, L | N }, { __NR_rename, L | N },
	{ __NR_mkdir, L | N }, { __NR_rmdir, L | N },
	{ __NR_mknod, L | N }, { __NR_chmod, L | N },
	{ __NR_chown, L | N }, { __NR_lchown, L | N },
	{ __NR_utime, L | N }, { __NR_utimes, L | N },
	{ __NR_futimesat, L | N },
#endif
	{ __NR_mount, L | N }, { __NR_umount2, L | N },
	{ __NR_chroot, L | N }, { __NR_pivot_root, L | N },
	{ __NR_unshare, L | N }, { __NR_setns, L | N },
	{ __NR_memfd_create, L | N }, { __NR_bpf, L | N },
	{ __NR_perf_event_open, L | N }, { __NR_userfaultfd, L | N },
	{ __NR_add_key, L | N }, { __NR_keyctl, L | N },
	{ __NR_request_key, L | N },
#ifdef __NR_io_uring_setup
	{ __NR_io_uring_setup, L | N },
#endif
	{ __NR_personality, L | N },
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
	{ __NR_fcntl, S | K, LOW(1), IS, F_OFD_SETLK },
	{ __NR_fcntl, S | K, LOW(1), IS, F_GETFL },
	{ __NR_fcntl, L, LOW(1), IS, F_GETFD },
	{ __NR_fcntl, L, LOW(1), IS, F_SETFD },
	{ __NR_fcntl, L, LOW(1), IS, F_GETFL },
	{ __NR_fcntl, L, LOW(1), IS, F_SETFL },
	{ __NR_fcntl, L, LOW(1), IS, F_DUPFD },
	{ __NR_fcntl, L, LOW(1), IS, F_DUPFD_CLOEXEC },
	{ __NR_fcntl, N, LOW(1), DIFFERS, F_SETOWN },
	{ __NR_fcntl, N, LOW(1), DIFFERS, F_SETOWN_EX },
	{ __NR_fcntl, N, LOW(1), DIFFERS, F_SETSIG },
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
	{ __NR_mmap, OURS, LOW(2), LACKS, PROT_EXEC },
	/* Code comes from files only: it cannot be written. */
	{ __NR_mmap, L, LOW(2), IS, PROT_NONE },
	{ __NR_mmap, L, LOW(2), IS, PROT_READ },
	{ __NR_mmap, L, LOW(2), IS, PROT_READ | PROT_WRITE },
	{ __NR_mmap, L, LOW(2), IS, PROT_READ | PROT_EXEC },
	{ __NR_mprotect, L, LOW(2), LACKS, PROT_EXEC },
	{ __NR_openat, J | L | N, LOW(2), LACKS, WRITES },
	{ __NR_socket, L, LOW(0), IS, AF_UNIX },
	{ __NR_kill, W, LOW(0), IS, SECCOMP_GIVEN },
	{ __NR_kill, W, LOW(1), IS, SIGKILL },
	/* Nobody but by a number, and no stop. */
	{ __NR_kill, K, LOW(0), LACKS, 1u << 31 },
	{ __NR_kill, K, LOW(1), IS, 0 },
	{ __NR_kill, K, LOW(1), IS, SIGTERM },
	/* fork(3) of two C libraries: no namespaces. */
	{ __NR_clone, K, LOW(0), IS,
	    SIGCHLD | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID },
	{ __NR_clone, K, LOW(0), IS, SIGCHLD },
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
