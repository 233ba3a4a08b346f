/* SPDX-License-Identifier: ISC */
/*
 * System calls that a process which is taken over makes, as its client says:
 * NAME ARGUMENT..., a number, :loopback (an address), :notify (a path), or a
 * string.
 */
#ifndef TAKEOVER_CALLS_H
#define TAKEOVER_CALLS_H

#include <sys/socket.h>
#include <sys/un.h>

#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/calls.h"

#define WORDS 9

#define ANSWER 80

static const struct {
	const char *name;
	long number;
} calls[] = {
#define CALL(name) { #name, __NR_##name }
	CALL(openat), CALL(openat2), CALL(open_by_handle_at),
	CALL(socket), CALL(socketpair), CALL(bind), CALL(listen),
	CALL(connect), CALL(accept4), CALL(setsockopt),
	CALL(clone), CALL(clone3), CALL(execve), CALL(execveat),
	CALL(kill), CALL(tkill), CALL(tgkill), CALL(rt_sigqueueinfo),
	CALL(pidfd_open), CALL(pidfd_send_signal), CALL(ptrace),
	CALL(process_vm_readv), CALL(process_vm_writev),
	CALL(linkat), CALL(symlinkat), CALL(unlinkat), CALL(renameat2),
	CALL(mkdirat), CALL(mknodat), CALL(fchmod), CALL(fchmodat),
	CALL(fchown), CALL(fchownat), CALL(truncate), CALL(setxattr),
	CALL(utimensat), CALL(getdents64), CALL(readlinkat),
	CALL(chroot), CALL(chdir), CALL(fchdir), CALL(pivot_root),
	CALL(mount), CALL(umount2), CALL(unshare), CALL(setns),
	CALL(setuid), CALL(setresuid), CALL(setgid), CALL(setgroups),
	CALL(capset), CALL(prctl), CALL(personality), CALL(seccomp),
	CALL(setrlimit), CALL(prlimit64), CALL(memfd_create), CALL(bpf),
	CALL(io_uring_setup), CALL(perf_event_open), CALL(userfaultfd),
	{ "fcntl", CALLS_FCNTL }, { "mmap", CALLS_MMAP },
	{ "newfstatat", CALLS_FSTATAT }, CALL(sendto), CALL(sendmsg),
	CALL(keyctl), CALL(add_key), CALL(reboot), CALL(sethostname),
	CALL(mq_open), CALL(mq_unlink), { "fchmodat2", 452 },
	{ "setxattrat", 463 }, CALL(rt_sigprocmask), CALL(ppoll),
	CALL(syslog), CALL(ioctl), CALL(mprotect),
#ifdef __NR_open
	CALL(open), CALL(creat), CALL(fork), CALL(vfork), CALL(rename),
	CALL(unlink), CALL(link), CALL(symlink), CALL(mkdir), CALL(chmod),
#endif
#ifdef __NR_socketcall
	CALL(socketcall),
#endif
#ifdef __x86_64__
	{ "openx32", 0x40000000 + __NR_open },
#endif
#undef CALL
};

/* The client's words: the blanks between them become NUL. */
static size_t
split(char *text, char *words[WORDS])
{
	size_t n = 0;

	for (char *at = text; n < WORDS; at = NULL) {
		words[n] = strtok(at, " ");
		if (words[n] == NULL)
			break;
		n++;
	}
	return n;
}

static long
argument(const char *word)
{
	static const struct sockaddr_un notify = { AF_UNIX,
	    "/run/systemd/notify" };
	static struct sockaddr_in loopback;
	char *end;
	long number = strtol(word, &end, 0);

	if (*end == '\0')
		return number;
	if (strcmp(word, ":notify") == 0)
		return (long)&notify;
	if (strcmp(word, ":loopback") != 0)
		return (long)word;
	loopback.sin_family = AF_INET;
	loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	loopback.sin_port = htons(1);
	return (long)&loopback;
}

/* Make the call, and write what came of it to ${answer}. */
static void
make_call(char **words, size_t n, char answer[ANSWER])
{
	long a[6] = { 0 }, result;

	(void)strcpy(answer, "-ERR there is no such call\r\n");
	for (size_t i = 1; i < n && i <= 6; i++)
		a[i - 1] = argument(words[i]);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (strcmp(calls[i].name, words[0]) != 0)
			continue;
		result = syscall(calls[i].number, a[0], a[1], a[2], a[3], a[4],
		    a[5]);
		/* A child has shown enough. */
		if (result == 0 && (strcmp(words[0], "fork") == 0 ||
		    strncmp(words[0], "clone", 5) == 0))
			_exit(0);
		/* An address may look like a negative number. */
		if (result != -1)
			(void)snprintf(answer, ANSWER, "+OK %ld\r\n", result);
		else
			(void)snprintf(answer, ANSWER, "-ERR %d\r\n", errno);
	}
}

#endif
