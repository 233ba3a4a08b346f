/* SPDX-License-Identifier: ISC */
/*
 * Runs a program and lets one system call of it fail, or kills there:
 *
 *   tracer REPORT SECONDS record PROGRAM [ARGUMENT]...
 *   tracer REPORT SECONDS fail PROCESS CALL ERRNO PROGRAM ...
 *   tracer REPORT SECONDS before|after|all PROCESS CALL PROGRAM ...
 *
 * All processes that come of it are followed.  They have numbers in the order
 * in which they are made, and each counts its own calls, so that the same call has
 * the same number in each run; the count begins with the first poll(2) of the
 * first one: what is before that is the loader's.
 *
 * `before' and `after' kill the process that calls, `all' kills all of them
 * behind that call.  A call that shall fail is another one instead, which every
 * filter lets pass, and its result is overwritten.
 *
 * REPORT has a line for each thing of note:
 *
 *   call NUMBER PROCESS CALL NAME ARGUMENT RESULT     (record)
 *   at NUMBER PROCESS CALL NAME ARGUMENT              what failed or killed
 *   died PROCESS SIGNAL                               of a signal not from here
 *   left PROCESS                                      alive after the SECONDS
 *   calls NUMBER                                      at the end
 *
 * The exit code is 0, 1 if a process was left, or 77 where this cannot be done.
 */
#include <stdio.h>

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROCESSES 64
#define USAGE 2
#define CANNOT 77

#ifndef NT_ARM_SYSTEM_CALL
#define NT_ARM_SYSTEM_CALL 0x404
#endif

enum action {
	RECORD,
	FAIL,
	BEFORE,
	AFTER,
	ALL
};

struct process {
	pid_t pid;
	unsigned calls;
	bool alive;
	bool fresh;		/* its first stop is still to come */
	bool inside;		/* a call of it */
	bool counted;		/* ... which has a number */
	bool chosen;		/* ... and is the one */
	bool killed;		/* by us */
	long call;
	unsigned long argument;	/* the first one */
	unsigned number;
};

static struct process processes[PROCESSES];
static unsigned count, numbers;
static bool begun;
static FILE *report;
static enum action action;
static unsigned at_process, at_call;
static int at_errno;
static volatile sig_atomic_t late;

static const struct {
	long call;
	const char *name;
} names[] = {
#define NAME(call) { __NR_##call, #call }
#ifdef __x86_64__
	NAME(access), NAME(alarm), NAME(chmod), NAME(dup2), NAME(fork),
	NAME(getpgrp), NAME(link), NAME(lstat), NAME(mkdir), NAME(open),
	NAME(pipe), NAME(poll), NAME(readlink), NAME(rename), NAME(rmdir),
	NAME(select), NAME(stat), NAME(time), NAME(unlink), NAME(vfork),
	NAME(arch_prctl), NAME(getrlimit),
#endif
	NAME(accept), NAME(brk), NAME(chdir), NAME(chroot), NAME(clock_gettime),
	NAME(clock_nanosleep), NAME(clone), NAME(clone3), NAME(close),
	NAME(close_range), NAME(connect), NAME(dup), NAME(dup3), NAME(execve),
	NAME(exit), NAME(exit_group), NAME(faccessat), NAME(faccessat2),
	NAME(fallocate), NAME(fchmod), NAME(fchown), NAME(fcntl),
	NAME(fdatasync), NAME(flock), NAME(fstat), NAME(fstatfs), NAME(fsync),
	NAME(ftruncate), NAME(futex), NAME(getcwd), NAME(getdents64),
	NAME(getegid), NAME(geteuid), NAME(getgid), NAME(getpeername),
	NAME(getpid), NAME(getppid), NAME(getrandom), NAME(getsockname),
	NAME(getsockopt), NAME(gettid), NAME(gettimeofday), NAME(getuid),
	NAME(ioctl), NAME(kill), NAME(linkat), NAME(lseek), NAME(madvise),
	NAME(mkdirat), NAME(mmap), NAME(mprotect), NAME(mremap), NAME(munmap),
	NAME(nanosleep), NAME(newfstatat), NAME(openat), NAME(pipe2),
	NAME(ppoll), NAME(prctl), NAME(pread64), NAME(prlimit64),
	NAME(pwrite64), NAME(read), NAME(readlinkat), NAME(readv),
	NAME(recvfrom), NAME(recvmsg), NAME(renameat), NAME(renameat2),
	NAME(restart_syscall), NAME(rseq), NAME(rt_sigaction),
	NAME(rt_sigprocmask), NAME(rt_sigreturn), NAME(rt_sigtimedwait),
	NAME(seccomp), NAME(sendmsg), NAME(sendto), NAME(set_robust_list),
	NAME(set_tid_address), NAME(setgid), NAME(setgroups), NAME(setresgid),
	NAME(setresuid), NAME(setrlimit), NAME(setsockopt), NAME(setuid),
	NAME(shutdown), NAME(sigaltstack), NAME(socket), NAME(socketpair),
	NAME(statfs), NAME(statx), NAME(symlinkat), NAME(sync), NAME(syncfs),
	NAME(sysinfo), NAME(tgkill), NAME(umask), NAME(uname), NAME(unlinkat),
	NAME(utimensat), NAME(wait4), NAME(waitid), NAME(write), NAME(writev),
#ifdef __NR_landlock_create_ruleset
	NAME(landlock_create_ruleset), NAME(landlock_add_rule),
	NAME(landlock_restrict_self),
#endif
#undef NAME
};

static const char *
name_of(long call)
{
	static char number[32];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].call == call)
			return names[i].name;
	(void)snprintf(number, sizeof(number), "call-%ld", call);
	return number;
}

/* ---- Registers */

#ifdef __x86_64__
#define CALL orig_rax
#define RESULT rax
#define FIRST rdi
#define SECOND rsi
#define THIRD rdx
#else
#define CALL regs[8]
#define RESULT regs[0]
#define FIRST regs[0]
#define SECOND regs[1]
#define THIRD regs[2]
#endif

static bool
get(pid_t pid, struct user_regs_struct *regs)
{
	struct iovec vector = { regs, sizeof(*regs) };

	return ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &vector) == 0;
}

static void
set(pid_t pid, struct user_regs_struct *regs)
{
	struct iovec vector = { regs, sizeof(*regs) };

	(void)ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &vector);
}

static void
set_call(pid_t pid, struct user_regs_struct *regs, int call)
{
	regs->CALL = (unsigned)call;
	set(pid, regs);
#ifdef __aarch64__
	struct iovec vector = { &call, sizeof(call) };

	(void)ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &vector);
#endif
}

/* ---- The processes */

static struct process *
find(pid_t pid)
{
	struct process *p;

	for (unsigned i = 0; i < count; i++)
		if (processes[i].pid == pid && processes[i].alive)
			return &processes[i];
	if (count == PROCESSES)
		return NULL;
	p = &processes[count++];
	*p = (struct process){ .pid = pid, .alive = true, .fresh = true };
	return p;
}

static unsigned
index_of(const struct process *p)
{
	return (unsigned)(p - processes);
}

static void
kill_one(struct process *p)
{
	p->killed = true;
	(void)kill(p->pid, SIGKILL);
}

static void
kill_all(void)
{
	for (unsigned i = 0; i < count; i++)
		if (processes[i].alive)
			kill_one(&processes[i]);
}

/* The poll(2) that main() begins with. */
static bool
is_first(const struct process *p, const struct user_regs_struct *regs)
{
	if (index_of(p) != 0)
		return false;
#ifdef __NR_poll
	if ((long)regs->CALL == __NR_poll)
		return regs->SECOND == 3 && (int)regs->THIRD == 0;
#endif
	return (long)regs->CALL == __NR_ppoll && regs->SECOND == 3;
}

/* ${p} is about to make a call. */
static void
enter(struct process *p)
{
	struct user_regs_struct regs;

	p->counted = p->chosen = false;
	if (!get(p->pid, &regs))
		return;
	begun = begun || is_first(p, &regs);
	if (!begun)
		return;
	p->counted = true;
	p->call = (long)regs.CALL;
	p->argument = regs.FIRST;
	p->number = numbers++;
	p->chosen = action != RECORD && index_of(p) == at_process &&
	    p->calls == at_call;
	p->calls++;
	if (!p->chosen)
		return;
	(void)fprintf(report, "at %u %u %u %s %lx\n", p->number, at_process,
	    at_call, name_of(p->call), p->argument);
	if (action == BEFORE) {
		kill_one(p);
	} else if (action == FAIL && p->call == __NR_brk) {
		/* Which says so by leaving the end where it is. */
		regs.FIRST = 0;
		set(p->pid, &regs);
	} else if (action == FAIL && p->call != __NR_close) {
		/* close(2) closes in any case. */
		set_call(p->pid, &regs, __NR_getpid);
	}
}

/* It has made it. */
static void
leave(struct process *p)
{
	struct user_regs_struct regs;

	if (!p->counted || !get(p->pid, &regs))
		return;
	if (action == RECORD)
		(void)fprintf(report, "call %u %u %u %s %lx %lx\n", p->number,
		    index_of(p), p->calls - 1, name_of(p->call), p->argument,
		    (unsigned long)regs.RESULT);
	if (!p->chosen)
		return;
	if (action == FAIL && p->call == __NR_brk) {
#ifdef __x86_64__
		/* The program may count on it. */
		regs.FIRST = p->argument;
		set(p->pid, &regs);
#endif
	} else if (action == FAIL) {
		regs.RESULT = (unsigned long long)-(long long)at_errno;
		set(p->pid, &regs);
	} else if (action == AFTER) {
		kill_one(p);
	} else if (action == ALL) {
		kill_all();
	}
}

/* ${p} has stopped with ${status}.  Returns the signal that it is to get. */
static int
stopped(struct process *p, int status)
{
	int sig = WSTOPSIG(status);

	if (sig == (SIGTRAP | 0x80)) {
		p->inside = !p->inside;
		if (p->inside)
			enter(p);
		else
			leave(p);
		return 0;
	}
	if (sig == SIGTRAP && status >> 16 != 0) {
		if (status >> 16 != PTRACE_EVENT_EXEC) {
			unsigned long pid;

			/* So that it has its number before it does a thing. */
			if (ptrace(PTRACE_GETEVENTMSG, p->pid, 0, &pid) == 0)
				(void)find((pid_t)pid);
		}
		return 0;
	}
	if (sig == SIGSTOP && p->fresh) {
		p->fresh = false;
		return 0;
	}
	return sig;
}

static void
ended(struct process *p, int status)
{
	p->alive = false;
	/* Processes of a session end each other with these two. */
	if (WIFSIGNALED(status) && !p->killed &&
	    WTERMSIG(status) != SIGTERM && WTERMSIG(status) != SIGKILL)
		(void)fprintf(report, "died %u %d\n", index_of(p),
		    WTERMSIG(status));
}

static bool
is_over(void)
{
	for (unsigned i = 0; i < count; i++)
		if (processes[i].alive)
			return false;
	return true;
}

static int
follow(void)
{
	bool told = false;

	while (!is_over()) {
		int status, sig;
		pid_t pid = waitpid(-1, &status, __WALL);
		struct process *p;

		if (late && !told) {
			for (unsigned i = 0; i < count; i++)
				if (processes[i].alive)
					(void)fprintf(report, "left %u\n", i);
			kill_all();
			told = true;
		}
		if (pid == -1) {
			if (errno == EINTR)
				continue;
			break;
		}
		p = find(pid);
		if (p == NULL)
			return CANNOT;
		if (!WIFSTOPPED(status)) {
			ended(p, status);
			continue;
		}
		sig = stopped(p, status);
		(void)ptrace(PTRACE_SYSCALL, pid, 0, (long)sig);
	}
	/* And once more, as those whom orphans are given to. */
	while (waitpid(-1, NULL, __WALL | WNOHANG) > 0)
		continue;
	(void)fprintf(report, "calls %u\n", numbers);
	return told;
}

static void
be_late(int sig)
{
	(void)sig;
	late = 1;
}

static pid_t
start(char **command)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0) == -1)
			_exit(CANNOT);
		(void)raise(SIGSTOP);
		(void)execv(command[0], command);
		_exit(127);
	}
	if (pid == -1 || waitpid(pid, &status, 0) != pid ||
	    !WIFSTOPPED(status) || ptrace(PTRACE_SETOPTIONS, pid, 0,
	    PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
	    PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL) == -1)
		return -1;
	find(pid)->fresh = false;
	return ptrace(PTRACE_SYSCALL, pid, 0, 0) == -1 ? -1 : pid;
}

/* Reads what to do.  Returns the words that are left, or NULL. */
static char **
read_words(int argc, char **argv)
{
	static const char *const actions[] = { "record", "fail", "before",
	    "after", "all" };
	int n = 4;

	if (argc < n + 1)
		return NULL;
	while (strcmp(argv[3], actions[action]) != 0)
		if (action++ == ALL)
			return NULL;
	if (action != RECORD && argc > n + 2) {
		at_process = (unsigned)strtoul(argv[n++], NULL, 10);
		at_call = (unsigned)strtoul(argv[n++], NULL, 10);
	}
	if (action == FAIL && argc > n)
		at_errno = (int)strtol(argv[n++], NULL, 10);
	return n < argc ? argv + n : NULL;
}

int
main(int argc, char **argv)
{
	const struct sigaction alarmed = { .sa_handler = be_late };
	char **command = read_words(argc, argv);

	if (command == NULL)
		return USAGE;
	/* Nobody of them is left dead and not waited for: the owner of a lock
	 * would count as living. */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	report = fopen(argv[1], "we");
	if (report == NULL || start(command) == -1)
		return CANNOT;
	/* The descriptors that the program has are not ours to keep open. */
	(void)close(STDIN_FILENO);
	(void)close(STDOUT_FILENO);
	(void)sigaction(SIGALRM, &alarmed, NULL);
	(void)alarm((unsigned)strtoul(argv[2], NULL, 10));
	return follow();
}
#else
int
main(void)
{
	(void)puts("system calls of this processor are not known");
	return 77;
}
#endif
