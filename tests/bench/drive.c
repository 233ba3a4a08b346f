/* SPDX-License-Identifier: ISC */
/*
 * drive OPTION... ROW COMMAND...: starts a POP3 server as a spawner does, on
 * one end of a socketpair or of a TCP connection over the loopback interface,
 * plays the dialogue of one row of the table in doc/PERFORMANCE.md, and prints
 * what it cost as words of the form name=value.  Every server is driven by
 * this program, so what the client's side costs is the same for all.
 *
 *   start           greeting, QUIT, until the process is gone
 *   idle            greeting, then how much memory the idle session has
 *   stat            from the start to the answer of STAT
 *   list, uidl      the command, when logged in
 *   retr            RETR 1 to --count, pipelined
 *   lock-step       the same, one after the other
 *   dele-first, dele-alternate   DELE, QUIT, until the end of the stream
 *   poll            STAT, UIDL, LIST, QUIT, until the process is gone
 *
 * --proxy=1 and --proxy=2 (0: not) begin with a header of the PROXY protocol, as a front
 * end on loopback sends it.
 *
 * wall is the time of what the row is about, in microseconds; cpu the
 * processor time of the server in the same span, where it is one span of
 * processes that live through it; session-cpu that of the whole session,
 * user and system; faults its minor page faults, of all processes; rss the
 * peak of the largest process, in KiB.
 */
#include "config.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define INPUT ((size_t)1 << 18)		/* octets read at once */
#define TAIL 1024			/* octets kept to see where a reply ends */
#define FAMILY 16			/* processes of one session */
#define VARIABLES 1024

enum { LINE = 512 };

struct drive {
	bool tcp;
	bool silent;			/* no greeting is to come */
	int proxy;			/* version of a PROXY header, or 0 */
	const char *user, *password;	/* NULL: logged in from the start */
	unsigned uid, gid;
	unsigned long count;		/* messages of RETR and DELE */
	int limit;			/* seconds that any wait may take */
	char *environment[VARIABLES + 1];
	char **command;

	int fd;				/* the client's end */
	pid_t pid;
	int64_t began, from, until;	/* ns: start, the span of the row */
	int64_t cpu;			/* ns in that span; -1: not known */
	uint64_t octets;		/* read since the span began */
	unsigned long errors;		/* -ERR where +OK was hoped for */
	unsigned long asked, lines;	/* commands, lines read; asked is 0
					 * where lines do not matter */
	char *input;
	char tail[TAIL];		/* the last octets read */
	size_t tailed;
	char stat[LINE];		/* the answer to STAT */
};

static pid_t running;		/* the server, for a driver that gives up */

static void
give_up(void)
{
	if (running > 0)
		(void)kill(running, SIGKILL);
}

static void
die(const char *what)
{
	(void)fprintf(stderr, "drive: %s: %s\n", what, strerror(errno));
	exit(111);
}

static void
refused(const char *what, const char *reply)
{
	(void)fprintf(stderr, "drive: %s was answered: %s\n", what, reply);
	exit(1);
}

static int64_t
clock_ns(clockid_t clock)
{
	struct timespec now;

	if (clock_gettime(clock, &now) == -1)
		return 0;
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- The server's processes */

/* A connection through the loopback interface; the server's end. */
static int
connect_tcp(struct drive *d)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), server;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	d->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l == -1 || d->fd == -1 ||
	    bind(l, (struct sockaddr *)&a, sizeof(a)) == -1 ||
	    listen(l, 1) == -1 ||
	    getsockname(l, (struct sockaddr *)&a, &n) == -1 ||
	    connect(d->fd, (struct sockaddr *)&a, sizeof(a)) == -1)
		die("loopback");
	server = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	if (server == -1)
		die("accept");
	(void)close(l);
	return server;
}

static int
connect_pair(struct drive *d)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == -1)
		die("socketpair");
	d->fd = ends[0];
	return ends[1];
}

/* vfork, because what fork copies would be counted as the server's.  A function
 * of its own: nothing in it may change behind the child's back. */
__attribute__((noinline)) static pid_t
start(const struct drive *d, int server, int null)
{
	pid_t pid = vfork();

	if (pid != 0)
		return pid;
	if (dup2(server, 0) == -1 || dup2(server, 1) == -1 ||
	    dup2(null, 2) == -1)
		_exit(126);
	if (d->uid != 0 && (setgroups(0, NULL) == -1 ||
	    setgid(d->gid) == -1 || setuid(d->uid) == -1))
		_exit(126);
	(void)execve(d->command[0], d->command, d->environment);
	_exit(127);
}

/* 127.0.0.1, ports 1234 and 110. */
static void
send_header(const struct drive *d)
{
	static const char one[] = "PROXY TCP4 127.0.0.1 127.0.0.1 1234 110\r\n",
	    two[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\1\x7f\0\0\1"
	    "\x04\xd2\0\x6e";
	const char *header = d->proxy == 1 ? one : two;
	size_t n = (d->proxy == 1 ? sizeof(one) : sizeof(two)) - 1;

	if (send(d->fd, header, n, MSG_NOSIGNAL) != (ssize_t)n)
		die("the PROXY header");
}

static void
spawn(struct drive *d)
{
	const struct timeval limit = { .tv_sec = d->limit };
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int server = d->tcp ? connect_tcp(d) : connect_pair(d);

	if (null == -1)
		die("/dev/null");
	if (setsockopt(d->fd, SOL_SOCKET, SO_RCVTIMEO, &limit,
	    sizeof(limit)) == -1 ||
	    setsockopt(d->fd, SOL_SOCKET, SO_SNDTIMEO, &limit,
	    sizeof(limit)) == -1)
		die("setsockopt");
	if (d->proxy != 0)
		send_header(d);
	d->began = clock_ns(CLOCK_MONOTONIC);
	d->pid = start(d, server, null);
	if (d->pid == -1)
		die("vfork");
	running = d->pid;
	(void)close(server);
	(void)close(null);
}

/* The live processes of the session, the first one included. */
static size_t
family(pid_t first, pid_t pids[FAMILY])
{
	size_t n = 1;

	pids[0] = first;
	for (size_t i = 0; i < n; i++) {
		char path[LINE];
		FILE *f;
		int pid;

		(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children",
		    (int)pids[i], (int)pids[i]);
		f = fopen(path, "re");
		if (f == NULL)
			continue;
		while (n < FAMILY && fscanf(f, "%d", &pid) == 1)
			pids[n++] = pid;
		(void)fclose(f);
	}
	return n;
}

/* Processor time of the session's live processes, in ns. */
static int64_t
family_cpu(const struct drive *d)
{
	pid_t pids[FAMILY];
	size_t n = family(d->pid, pids);
	int64_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		clockid_t clock;

		if (clock_getcpuclockid(pids[i], &clock) == 0)
			sum += clock_ns(clock);
	}
	return sum;
}

static void
begin_span(struct drive *d)
{
	d->octets = 0;
	d->cpu = -family_cpu(d);
	d->from = clock_ns(CLOCK_MONOTONIC);
}

static void
end_span(struct drive *d)
{
	d->until = clock_ns(CLOCK_MONOTONIC);
	d->cpu += family_cpu(d);
}

/* ---- The dialogue */

static void
keep_tail(struct drive *d, const char *p, size_t n)
{
	if (n >= TAIL) {
		memcpy(d->tail, p + n - TAIL, TAIL);
		d->tailed = TAIL;
		return;
	}
	if (d->tailed + n > TAIL) {
		memmove(d->tail, d->tail + d->tailed + n - TAIL, TAIL - n);
		d->tailed = TAIL - n;
	}
	memcpy(d->tail + d->tailed, p, n);
	d->tailed += n;
}

/* Count the lines in ${n} octets read, and those that say -ERR. */
static void
count_lines(struct drive *d, size_t n)
{
	char before = d->tailed == 0 ? '\n' : d->tail[d->tailed - 1];

	for (size_t i = 0; i < n; i++) {
		d->errors += before == '\n' && d->input[i] == '-';
		d->lines += d->input[i] == '\n';
		before = d->input[i];
	}
}

/* Read once.  Returns 0 at the end of the stream, -1 if nothing is there on a
 * descriptor that does not block. */
static ssize_t
hear(struct drive *d)
{
	ssize_t n;

	do
		n = recv(d->fd, d->input, INPUT, 0);
	while (n == -1 && errno == EINTR);
	if (n == -1 && errno == ECONNRESET)
		return 0;
	if (n == -1 && (fcntl(d->fd, F_GETFL) & O_NONBLOCK) == 0)
		die("no answer");
	if (n == -1 && errno != EAGAIN)
		die("recv");
	if (n > 0) {
		if (d->asked > 0)
			count_lines(d, (size_t)n);
		d->octets += (size_t)n;
		keep_tail(d, d->input, (size_t)n);
	}
	return n;
}

static bool
tail_is(const struct drive *d, const char *text)
{
	size_t n = strlen(text);

	return d->tailed >= n && memcmp(d->tail + d->tailed - n, text, n) == 0;
}

static void
say(struct drive *d, const char *text)
{
	size_t left = strlen(text);

	d->tailed = 0;
	while (left > 0) {
		ssize_t n = send(d->fd, text, left, MSG_NOSIGNAL);

		if (n == -1)
			die("send");
		text += n;
		left -= (size_t)n;
	}
}

/* Read one line, which is all there is to read. */
static void
hear_line(struct drive *d, char line[LINE])
{
	while (!tail_is(d, "\r\n"))
		if (hear(d) == 0)
			refused("the last command", "end of the stream");
	(void)snprintf(line, LINE, "%.*s", (int)(d->tailed < LINE - 1 ?
	    d->tailed - 2 : LINE - 1), d->tail);
	d->tailed = 0;
}

static void
ask(struct drive *d, const char *command, char reply[LINE])
{
	say(d, command);
	hear_line(d, reply);
	if (reply[0] != '+')
		refused(command, reply);
}

/* Wait for the end of a reply of many lines, of which nothing was read yet. */
static void
hear_lines(struct drive *d)
{
	bool first = true, good = true;

	d->tailed = 0;
	do {
		if (hear(d) == 0)
			refused("the last command", "end of the stream");
		if (first)
			good = d->input[0] == '+';
		first = false;
	} while (!tail_is(d, good ? "\r\n.\r\n" : "\r\n"));
	d->errors += !good;
}

static void
greet(struct drive *d)
{
	char line[LINE];

	if (d->silent)
		return;
	hear_line(d, line);
	if (line[0] != '+')
		refused("the greeting", line);
}

static void
log_in(struct drive *d)
{
	char line[LINE], command[LINE];

	greet(d);
	if (d->user == NULL)
		return;
	(void)snprintf(command, sizeof(command), "USER %s\r\n", d->user);
	ask(d, command, line);
	(void)snprintf(command, sizeof(command), "PASS %s\r\n", d->password);
	ask(d, command, line);
}

static void
leave(struct drive *d)
{
	say(d, "QUIT\r\n");
	while (hear(d) > 0)
		;
	/* A server may wait for that, so that nothing it sent is lost. */
	if (d->tcp)
		(void)shutdown(d->fd, SHUT_WR);
}

/* ---- The rows */

static void
row_start(struct drive *d)
{
	greet(d);
	leave(d);
}

static void
row_idle(struct drive *d)
{
	const struct timespec wait = { .tv_nsec = 100000000 };
	static const char *const fields[] = { "Rss:", "Pss:", "Private_Clean:",
	    "Private_Dirty:" };
	unsigned long sums[4] = { 0 };
	pid_t pids[FAMILY];
	size_t n;

	greet(d);
	(void)nanosleep(&wait, NULL);
	n = family(d->pid, pids);
	for (size_t i = 0; i < n; i++) {
		char line[LINE];
		FILE *f;

		(void)snprintf(line, sizeof(line), "/proc/%d/smaps_rollup",
		    (int)pids[i]);
		f = fopen(line, "re");
		while (f != NULL && fgets(line, sizeof(line), f) != NULL)
			for (size_t k = 0; k < 4; k++)
				if (strncmp(line, fields[k],
				    strlen(fields[k])) == 0)
					sums[k] += strtoul(line +
					    strlen(fields[k]), NULL, 10);
		if (f != NULL)
			(void)fclose(f);
	}
	(void)printf("processes=%zu idle-rss=%lu pss=%lu private-clean=%lu "
	    "private-dirty=%lu ", n, sums[0], sums[1], sums[2], sums[3]);
	leave(d);
}

static void
row_stat(struct drive *d)
{
	log_in(d);
	ask(d, "STAT\r\n", d->stat);
	d->from = d->began;
	d->until = clock_ns(CLOCK_MONOTONIC);
	d->cpu = family_cpu(d);
	leave(d);
}

static void
listing(struct drive *d, const char *command)
{
	log_in(d);
	begin_span(d);
	say(d, command);
	hear_lines(d);
	end_span(d);
	leave(d);
}

static void
row_list(struct drive *d)
{
	listing(d, "LIST\r\n");
}

static void
row_uidl(struct drive *d)
{
	listing(d, "UIDL\r\n");
}

/* A text of ${verb} with the numbers 1, 1 + ${step}, ... up to --count. */
static char *
commands(const struct drive *d, const char *verb, unsigned long step,
    const char *last)
{
	size_t room = (d->count / step + 2) * 32, n = 0;
	char *text = malloc(room);

	if (text == NULL)
		die("memory");
	for (unsigned long i = 1; i <= d->count; i += step)
		n += (size_t)snprintf(text + n, room - n, "%s %lu\r\n", verb, i);
	(void)snprintf(text + n, room - n, "%s", last);
	return text;
}

/* Whether the stream ends with a line that begins with -ERR, behind the end of
 * a reply of many lines. */
static bool
is_last_error(const struct drive *d)
{
	static const char end[] = "\r\n.\r\n-ERR";
	size_t n = sizeof(end) - 1;

	if (!tail_is(d, "\r\n"))
		return false;
	for (size_t i = d->tailed - 2; i-- > 0;)
		if (d->tail[i] == '\n')
			return i + 5 >= n && i + 5 <= d->tailed &&
			    memcmp(d->tail + i + 5 - n, end, n) == 0;
	return false;
}

/* Send ${text} and read at the same time, until ${done}. */
static void
pipeline(struct drive *d, const char *text, bool (*done)(const struct drive *))
{
	size_t left = strlen(text);
	int flags = fcntl(d->fd, F_GETFL);

	(void)fcntl(d->fd, F_SETFL, flags | O_NONBLOCK);
	d->tailed = 0;
	while (left > 0 || !done(d)) {
		struct pollfd pfd = { .fd = d->fd, .events = POLLIN };
		ssize_t n = 0;

		if (left > 0) {
			n = send(d->fd, text, left, MSG_NOSIGNAL);
			if (n == -1 && errno != EAGAIN)
				die("send");
			text += n > 0 ? n : 0;
			left -= n > 0 ? (size_t)n : 0;
			pfd.events |= left > 0 ? POLLOUT : 0;
		}
		n = hear(d);
		if (n == 0)
			refused("a pipelined command", "end of the stream");
		if (n == -1 && poll(&pfd, 1, d->limit * 1000) <= 0)
			die("no answer");
	}
	(void)fcntl(d->fd, F_SETFL, flags);
}

static void
row_retr(struct drive *d)
{
	/* No message has number 0: its error ends the stream of replies. */
	char *text = commands(d, "RETR", 1, "RETR 0\r\n");

	log_in(d);
	begin_span(d);
	pipeline(d, text, is_last_error);
	end_span(d);
	leave(d);
	free(text);
}

static void
row_lock_step(struct drive *d)
{
	log_in(d);
	begin_span(d);
	for (unsigned long i = 1; i <= d->count; i++) {
		char command[LINE];

		(void)snprintf(command, sizeof(command), "RETR %lu\r\n", i);
		say(d, command);
		hear_lines(d);
	}
	end_span(d);
	leave(d);
}

/* Whether as many lines came as commands were sent. */
static bool
is_answered(const struct drive *d)
{
	return d->lines == d->asked;
}

static void
deleting(struct drive *d, unsigned long step)
{
	char *text = commands(d, "DELE", step, "");
	char line[LINE] = "";

	log_in(d);
	d->asked = (d->count + step - 1) / step;
	d->from = clock_ns(CLOCK_MONOTONIC);
	pipeline(d, text, is_answered);
	if (d->errors > 0)
		refused("a DELE", "-ERR");
	say(d, "QUIT\r\n");
	while (hear(d) > 0)
		;
	d->until = clock_ns(CLOCK_MONOTONIC);
	(void)snprintf(line, sizeof(line), "%.*s", (int)(d->tailed < LINE ?
	    d->tailed : LINE - 1), d->tail);
	if (line[0] != '+')
		refused("QUIT", line);
	free(text);
}

static void
row_dele_first(struct drive *d)
{
	d->count = 1;
	deleting(d, 1);
}

static void
row_dele_alternate(struct drive *d)
{
	deleting(d, 2);
}

/* What a client that leaves its mail on the server does every few minutes. */
static void
row_poll(struct drive *d)
{
	log_in(d);
	ask(d, "STAT\r\n", d->stat);
	say(d, "UIDL\r\n");
	hear_lines(d);
	say(d, "LIST\r\n");
	hear_lines(d);
	if (d->errors > 0)
		refused("UIDL or LIST", "-ERR");
	leave(d);
}

static const struct row {
	const char *name;
	void (*run)(struct drive *);
} rows[] = {
	{ "start", row_start },
	{ "idle", row_idle },
	{ "stat", row_stat },
	{ "list", row_list },
	{ "uidl", row_uidl },
	{ "retr", row_retr },
	{ "lock-step", row_lock_step },
	{ "dele-first", row_dele_first },
	{ "dele-alternate", row_dele_alternate },
	{ "poll", row_poll },
};

/* ---- Set-up and report */

static void
report(const struct drive *d, const struct rusage *used, int status)
{
	int64_t cpu = ((int64_t)used->ru_utime.tv_sec +
	    (int64_t)used->ru_stime.tv_sec) * 1000000 +
	    (int64_t)used->ru_utime.tv_usec + (int64_t)used->ru_stime.tv_usec;

	(void)printf("wall=%" PRId64 " session-cpu=%" PRId64 " rss=%ld "
	    "faults=%ld", (d->until - d->from) / 1000, cpu, used->ru_maxrss,
	    used->ru_minflt);
	if (d->cpu >= 0)
		(void)printf(" cpu=%" PRId64, d->cpu / 1000);
	if (d->octets > 0)
		(void)printf(" octets=%" PRIu64, d->octets);
	if (d->errors > 0)
		(void)printf(" errors=%lu", d->errors);
	if (d->stat[0] != '\0')
		(void)printf(" messages=%lu", strtoul(d->stat + 3, NULL, 10));
	(void)printf(" exit=%d\n", WIFEXITED(status) ? WEXITSTATUS(status) :
	    128 + WTERMSIG(status));
}

static void
play(struct drive *d, const char *name)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].name, name) == 0) {
			struct rusage used;
			int status;

			d->cpu = -1;
			spawn(d);
			d->input = malloc(INPUT);
			if (d->input == NULL)
				die("memory");
			rows[i].run(d);
			if (wait4(d->pid, &status, 0, &used) == -1)
				die("wait4");
			running = 0;
			if (d->from == 0) {
				d->from = d->began;
				d->until = clock_ns(CLOCK_MONOTONIC);
			}
			report(d, &used, status);
			(void)close(d->fd);
			free(d->input);
			return;
		}
	(void)fprintf(stderr, "drive: there is no row `%s'\n", name);
	exit(100);
}

/* Take the variables of the file ${path}, each ended by a NUL. */
static size_t
read_environment(struct drive *d, size_t n, const char *path)
{
	FILE *f = fopen(path, "re");
	size_t room = 0;

	if (f == NULL)
		die(path);
	while (n < VARIABLES) {
		char *word = NULL;

		if (getdelim(&word, &room, '\0', f) == -1) {
			free(word);
			break;
		}
		d->environment[n++] = word;
		room = 0;
	}
	(void)fclose(f);
	return n;
}

static void
usage(void)
{
	(void)fputs("usage: drive [--tcp] [--proxy=1|2] [--silent] "
	    "[--user=NAME --password=WORD]\n\t[--uid=N --gid=N] [--count=N]\n\t[--limit=SECONDS] "
	    "[--env=NAME=VALUE]... [--environment=FILE] ROW COMMAND...\n",
	    stderr);
	exit(100);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "tcp", no_argument, NULL, 't' },
		{ "proxy", required_argument, NULL, 'P' },
		{ "silent", no_argument, NULL, 's' },
		{ "user", required_argument, NULL, 'u' },
		{ "password", required_argument, NULL, 'p' },
		{ "uid", required_argument, NULL, 'U' },
		{ "gid", required_argument, NULL, 'G' },
		{ "count", required_argument, NULL, 'c' },
		{ "limit", required_argument, NULL, 'l' },
		{ "env", required_argument, NULL, 'e' },
		{ "environment", required_argument, NULL, 'E' },
		{ NULL, 0, NULL, 0 }
	};
	struct drive d = { .limit = 300, .count = 1 };
	size_t variables = 0;

	for (int c; (c = getopt_long(argc, argv, "+", options, NULL)) != -1;)
		if (c == 't')
			d.tcp = true;
		else if (c == 'P')
			d.proxy = (int)strtoul(optarg, NULL, 10);
		else if (c == 's')
			d.silent = true;
		else if (c == 'u')
			d.user = optarg;
		else if (c == 'p')
			d.password = optarg;
		else if (c == 'U')
			d.uid = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == 'G')
			d.gid = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == 'c')
			d.count = strtoul(optarg, NULL, 10);
		else if (c == 'l')
			d.limit = (int)strtoul(optarg, NULL, 10);
		else if (c == 'e' && variables < VARIABLES)
			d.environment[variables++] = optarg;
		else if (c == 'E')
			variables = read_environment(&d, variables, optarg);
		else
			usage();
	if (argc - optind < 2 || (d.user != NULL && d.password == NULL))
		usage();
	if (atexit(give_up) != 0)
		die("atexit");
	d.command = argv + optind + 1;
	play(&d, argv[optind]);
	return 0;
}
