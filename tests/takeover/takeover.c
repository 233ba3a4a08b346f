/* SPDX-License-Identifier: ISC */
/*
 * A dewey that is taken over: takeover.t links this into a test build, whose
 * gate and session do what the client says.
 *
 *   X-TAKEOVER call NAME ARGUMENT...	make that system call, raw; a number,
 *					:loopback (an address), :notify (a path), or a string
 *   X-TAKEOVER ask COUNT METHOD NAME SECRET
 *					ask the monitor and wait, COUNT times
 *   X-TAKEOVER flood COUNT METHOD NAME SECRET
 *					... without waiting
 *   X-TAKEOVER pass COUNT METHOD NAME SECRET
 *					ask, with a descriptor each
 *   X-TAKEOVER send HEX		send these octets to the process above
 *   X-TAKEOVER long COUNT		send COUNT octets
 *
 * The answer is +OK or -ERR with what came of it: if the process still lives.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/clock.h"
#include "base/span.h"
#include "rights/filter.h"
#include "rights/letter.h"
#include "talk/wire.h"

#define WORDS 8

/* How long answers are waited for: to a question, to anything else. */
#define PATIENCE_MS 3500
#define SOON_MS 300

enum wire_line __real_wire_read_line(struct wire *wire, struct span *line);
enum wire_line __wrap_wire_read_line(struct wire *wire, struct span *line);
int __real_filter_install(enum filter_role role, int victim);
int __wrap_filter_install(enum filter_role role, int victim);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

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
	CALL(fcntl), CALL(mmap), CALL(sendto), CALL(sendmsg), CALL(keyctl), CALL(add_key), CALL(reboot), CALL(sethostname),
	CALL(syslog), CALL(ioctl), CALL(mprotect), CALL(newfstatat),
#ifdef __NR_open
	CALL(open), CALL(creat), CALL(fork), CALL(vfork), CALL(rename),
	CALL(unlink), CALL(link), CALL(symlink), CALL(mkdir), CALL(chmod),
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

static void
make_call(struct wire *wire, char **words, size_t n)
{
	char answer[80] = "-ERR there is no such call\r\n";
	long a[6] = { 0 }, result;

	for (size_t i = 1; i < n; i++)
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
		if (result >= 0)
			(void)snprintf(answer, sizeof(answer), "+OK %ld\r\n",
			    result);
		else
			(void)snprintf(answer, sizeof(answer), "-ERR %d\r\n",
			    errno);
	}
	wire_put(wire, span_of(answer));
}

/* The channel to the process above: the gate has it as descriptor 2, the
 * session has no other socket behind 2. */
static int
channel(void)
{
	struct stat st;

	if (fstat(STDERR_FILENO, &st) == 0 && S_ISSOCK(st.st_mode))
		return STDERR_FILENO;
	for (int fd = 3; fd < 64; fd++)
		if (fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode))
			return fd;
	return -1;
}

/* A question as the gate's own. */
static int
question(char **words, int passed)
{
	const struct letter_question letter = {
		.method = (uint32_t)atoi(words[0]),
		.name = span_of(words[1]),
		.secret = span_of(words[2]),
	};

	return letter_send(channel(), LETTER_QUESTION, &letter, passed);
}

/* What the process above answers within ${ms}, and after how long. */
static bool
answered(struct wire *wire, int ms)
{
	struct channel_message message;
	struct pollfd pfd = { .fd = channel(), .events = POLLIN };
	int64_t since = clock_ms();
	char text[80];
	int got = -2;

	if (poll(&pfd, 1, ms) > 0)
		got = channel_receive(channel(), &message);
	(void)snprintf(text, sizeof(text), " %d:%lld",
	    got == 1 ? (int)channel_get_number(&message, 1) : got - 1000,
	    (long long)(clock_ms() - since));
	wire_put(wire, span_of(text));
	return got == 1;
}

static void
ask(struct wire *wire, char **words, bool wait, int passed)
{
	int count = atoi(words[0]), sent = 0;
	char text[40];

	wire_put(wire, span_of("+OK"));
	for (int i = 0; i < count; i++) {
		if (question(words + 1, passed) == -1)
			break;
		sent++;
		if (wait && !answered(wire, PATIENCE_MS))
			break;
	}
	for (int i = 0; i < sent && !wait; i++)
		if (!answered(wire, PATIENCE_MS))
			break;
	(void)snprintf(text, sizeof(text), " sent %d\r\n", sent);
	wire_put(wire, span_of(text));
}

static void
send_hex(struct wire *wire, const char *hex)
{
	unsigned char octets[128];
	unsigned octet;
	size_t n = 0;

	while (n < sizeof(octets) && sscanf(hex + 2 * n, "%2x", &octet) == 1)
		octets[n++] = (unsigned char)octet;
	wire_put(wire, span_of("+OK"));
	if (write(channel(), octets, n) == (ssize_t)n)
		(void)answered(wire, SOON_MS);
	wire_put(wire, span_of("\r\n"));
}

static void
send_long(struct wire *wire, size_t n)
{
	char *octets = calloc(1, n + 1);

	wire_put(wire, span_of("+OK"));
	if (octets != NULL && write(channel(), octets, n) == (ssize_t)n)
		(void)answered(wire, SOON_MS);
	free(octets);
	wire_put(wire, span_of("\r\n"));
}

static void
obey(struct wire *wire, char *text)
{
	char *words[WORDS];
	size_t n = split(text, words);

	if (n > 2 && strcmp(words[1], "call") == 0)
		make_call(wire, words + 2, n - 2);
	else if (n == 6 && strcmp(words[1], "ask") == 0)
		ask(wire, words + 2, true, -1);
	else if (n == 6 && strcmp(words[1], "flood") == 0)
		ask(wire, words + 2, false, -1);
	else if (n == 6 && strcmp(words[1], "pass") == 0)
		ask(wire, words + 2, true, STDIN_FILENO);
	else if (n == 3 && strcmp(words[1], "send") == 0)
		send_hex(wire, words[2]);
	else if (n == 3 && strcmp(words[1], "long") == 0)
		send_long(wire, strtoul(words[2], NULL, 10));
	else
		wire_put(wire, span_of("-ERR what?\r\n"));
}

enum wire_line
__wrap_wire_read_line(struct wire *wire, struct span *line)
{
	char text[LIMITS_COMMAND + 1];
	enum wire_line got;

	for (;;) {
		got = __real_wire_read_line(wire, line);
		if (got != WIRE_LINE || line->n < 10 ||
		    memcmp(line->p, "X-TAKEOVER", 10) != 0)
			return got;
		(void)span_copy(*line, text, sizeof(text));
		obey(wire, text);
	}
}

/* With TAKEOVER_NO_FILTER the second wall stands alone. */
int
__wrap_filter_install(enum filter_role role, int victim)
{
	return getenv("TAKEOVER_NO_FILTER") != NULL ? 0 :
	    __real_filter_install(role, victim);
}

/* With TAKEOVER_ABI the kernel knows no later version of Landlock. */
long
__wrap_syscall(long number, ...)
{
	const char *abi = getenv("TAKEOVER_ABI");
	va_list arguments;
	long a[6];

	va_start(arguments, number);
	for (size_t i = 0; i < 6; i++)
		a[i] = va_arg(arguments, long);
	va_end(arguments);
#ifdef __NR_landlock_create_ruleset
	if (abi != NULL && number == __NR_landlock_create_ruleset &&
	    a[0] == 0)
		return strtol(abi, NULL, 10);
#endif
	return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
