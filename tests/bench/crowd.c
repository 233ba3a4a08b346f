/* SPDX-License-Identifier: ISC */
/*
 * crowd OPTION... COMMAND...: starts COMMAND, a spawner with its POP3 server or
 * a POP3 daemon, and has --clients of them at a time call it over the loopback
 * interface for --seconds.  Prints what came of it as words name=value:
 * sessions that ended as they should, errors, wall (the time, microseconds).
 * Those that had begun are heard out then: ended counts them, too, and cpu is
 * the processor time, user and system, that COMMAND and all that it started took
 * for them; front is what of that the processes had that are called --front, a
 * proxy that stands before the server and stays.
 *
 * What a session says:
 *
 *   poll     USER, PASS, STAT, UIDL, LIST, QUIT
 *   fetch    USER, PASS, RETR 1, DELE 1, QUIT; before that --box is written
 *            over the mailbox, DIR of --spool and the name, as if that had
 *            been an hour ago: popa3d waits a second if it was just now
 *
 * The users are called --name, followed by a number from 1 to --users.  No two
 * sessions have the same one at a time, and each was there once before the
 * span begins.
 *
 * The server has namespaces of its own, of the network, processes and mounts:
 * its port is nobody else's, and nothing that it started outlives this program.
 */
#define _GNU_SOURCE
#include "config.h"

#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <net/if.h>
#include <netinet/in.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS 256		/* at most */
#define INPUT 65536		/* octets of a reply, at most */
#define START_S 10		/* seconds until a server listens */
#define HOUR_S 3600
#define GRACE_S 60		/* seconds that everything may take besides */

enum { LINE = 512, NAME_ROOM = 64 };

/* One command. */
struct line {
	const char *text;	/* NULL: none any more */
	const char *end;	/* of the reply */
	enum word { NOTHING, NAME, PASSWORD } behind;	/* the text */
};

#define ONE "\r\n"
#define MANY "\r\n.\r\n"
#define LOGIN { "", ONE, NOTHING }, { "USER ", ONE, NAME }, \
	{ "PASS ", ONE, PASSWORD }

struct client {
	int fd;			/* -1: none */
	unsigned turn;		/* sessions begun, which choose the user */
	unsigned step;		/* lines said */
	size_t filled;		/* octets of the reply that were read */
	char input[INPUT];
};

static const struct line polling[] = {
	LOGIN, { "STAT", ONE, NOTHING }, { "UIDL", MANY, NOTHING },
	{ "LIST", MANY, NOTHING }, { "QUIT", ONE, NOTHING },
	{ NULL, NULL, NOTHING }
};

static const struct line fetching[] = {
	LOGIN, { "RETR 1", MANY, NOTHING }, { "DELE 1", ONE, NOTHING },
	{ "QUIT", ONE, NOTHING }, { NULL, NULL, NOTHING }
};

static struct {
	unsigned clients, seconds, users;
	uint16_t port;
	const char *name, *password, *spool, *box, *front;
	const struct line *lines;
	char octets[INPUT];	/* of the box */
	size_t size;
} o = { .clients = 50, .seconds = 20, .users = 200, .port = 110,
	.name = "", .password = "", .lines = polling };

static struct client clients[CLIENTS];
static unsigned long sessions, errors;

static void
die(const char *what)
{
	(void)fprintf(stderr, "crowd: %s: %s\n", what, strerror(errno));
	exit(111);
}

static int64_t
now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- The server */

/* A network that has a loopback interface and nothing else, and a /proc of the
 * processes that are seen here. */
static void
make_world(void)
{
	struct ifreq lo = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	lo.ifr_flags = IFF_UP;
	if (fd == -1 || ioctl(fd, SIOCSIFFLAGS, &lo) == -1)
		die("lo");
	(void)close(fd);
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    mount("proc", "/proc", "proc", 0, NULL) == -1)
		die("/proc");
}

static void
start(char **command)
{
	pid_t pid = fork();
	int null;

	if (pid == -1)
		die("fork");
	if (pid != 0)
		return;
	null = open("/dev/null", O_RDWR);
	(void)setsid();
	(void)dup2(null, STDIN_FILENO);
	(void)dup2(null, STDOUT_FILENO);
	if (getenv("CROWD_SHOW") == NULL)
		(void)dup2(null, STDERR_FILENO);
	(void)execvp(command[0], command);
	_exit(127);
}

/* Processor time of the process ${pid} and of those that it waited for, in
 * ticks; if ${only} is not NULL, 0 of a process that has another name. */
static int64_t
ticks_of(const char *pid, const char *only)
{
	unsigned long own[2] = { 0 };
	long below[2] = { 0 };
	char path[LINE], text[LINE * 2], *begin, *end;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	/* The name may hold anything but ends at the last parenthesis. */
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	(void)fclose(f);
	begin = strchr(text, '(');
	end = strrchr(text, ')');
	if (only != NULL && (begin == NULL || end == NULL ||
	    (size_t)(end - begin - 1) != strlen(only) ||
	    memcmp(begin + 1, only, strlen(only)) != 0))
		return 0;
	if (end != NULL)
		(void)sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u "
		    "%*u %*u %lu %lu %ld %ld", &own[0], &own[1], &below[0],
		    &below[1]);
	return (int64_t)(own[0] + own[1]) + below[0] + below[1];
}

/* Processor time of all processes that are there but this one, or of those that
 * are called ${only}, in microseconds. */
static int64_t
cpu_of(const char *only)
{
	struct dirent *entry;
	int64_t ticks = 0;
	DIR *dir = opendir("/proc");

	if (dir == NULL)
		die("/proc");
	while ((entry = readdir(dir)) != NULL)
		if (isdigit((unsigned char)entry->d_name[0]) &&
		    strcmp(entry->d_name, "1") != 0)
			ticks += ticks_of(entry->d_name, only);
	(void)closedir(dir);
	return ticks * (1000000 / sysconf(_SC_CLK_TCK));
}

/* The same of everything but this process, with those that are gone. */
static int64_t
servers_cpu(void)
{
	struct rusage gone;

	while (waitpid(-1, NULL, WNOHANG) > 0)
		continue;
	if (getrusage(RUSAGE_CHILDREN, &gone) == -1)
		die("getrusage");
	return cpu_of(NULL) +
	    ((int64_t)gone.ru_utime.tv_sec + gone.ru_stime.tv_sec) * 1000000 +
	    gone.ru_utime.tv_usec + gone.ru_stime.tv_usec;
}

/* ---- The clients */

static void
name_of(const struct client *c, char name[NAME_ROOM])
{
	unsigned first = (unsigned)(c - clients);
	unsigned each = o.users / o.clients;

	(void)snprintf(name, NAME_ROOM, "%.40s%u", o.name,
	    1 + first + o.clients * (c->turn % each));
}

/* Fill the mailbox of the next session. */
static void
refill(const struct client *c)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_NOW },
	    { .tv_sec = time(NULL) - HOUR_S } };
	char name[NAME_ROOM], path[LINE];
	int fd;

	name_of(c, name);
	(void)snprintf(path, sizeof(path), "%.400s/%s", o.spool, name);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd == -1 || write(fd, o.octets, o.size) != (ssize_t)o.size ||
	    futimens(fd, times) == -1 || close(fd) == -1)
		die(path);
}

static void
call(struct client *c)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
	    .sin_port = htons(o.port) };

	if (o.box != NULL)
		refill(c);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->step = 0;
	c->filled = 0;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd == -1 || (connect(c->fd, (struct sockaddr *)&a,
	    sizeof(a)) == -1 && errno != EINPROGRESS))
		die("connect");
}

static void
hang_up(struct client *c, bool well)
{
	(void)close(c->fd);
	c->fd = -1;
	c->turn++;
	if (well) {
		sessions++;
		return;
	}
	errors++;
	if (getenv("CROWD_SHOW") != NULL)
		(void)fprintf(stderr, "crowd: step %u: %.*s\n", c->step,
		    (int)c->filled, c->input);
}

static bool
ends_with(const struct client *c, const char *text)
{
	size_t n = strlen(text);

	return c->filled >= n &&
	    memcmp(c->input + c->filled - n, text, n) == 0;
}

/* The reply to the last line is there: say the next one. */
static void
say_next(struct client *c)
{
	char name[NAME_ROOM], text[LINE];
	const struct line *line = &o.lines[++c->step];
	size_t n;

	c->filled = 0;
	if (line->text == NULL)
		return;
	name_of(c, name);
	(void)snprintf(text, sizeof(text), "%s%.200s\r\n", line->text,
	    line->behind == NAME ? name :
	    line->behind == PASSWORD ? o.password : "");
	n = strlen(text);
	if (send(c->fd, text, n, MSG_NOSIGNAL) != (ssize_t)n)
		hang_up(c, false);
}

/* Read what is there. */
static void
hear(struct client *c)
{
	ssize_t n = recv(c->fd, c->input + c->filled, INPUT - c->filled, 0);
	bool over = o.lines[c->step].text == NULL;

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || over) {
		hang_up(c, n == 0 && over);
		return;
	}
	c->filled += (size_t)n;
	if (c->input[0] != '+' || c->filled == INPUT)
		hang_up(c, false);
	else if (ends_with(c, o.lines[c->step].end))
		say_next(c);
}

/* Hear the clients that are in, for a tenth of a second at most; returns how
 * many that were. */
static unsigned
attend(void)
{
	struct pollfd fds[CLIENTS];
	unsigned open = 0;

	for (unsigned i = 0; i < o.clients; i++) {
		fds[i] = (struct pollfd){ .fd = clients[i].fd,
		    .events = POLLIN };
		open += clients[i].fd != -1;
	}
	if (open > 0 && poll(fds, o.clients, 100) == -1)
		die("poll");
	for (unsigned i = 0; i < o.clients; i++)
		if (fds[i].fd != -1 && fds[i].revents != 0)
			hear(&clients[i]);
	return open;
}

/* Let all clients call until ${until}, or, if that is 0, until each user was
 * there once and has ended. */
static void
play(int64_t until)
{
	unsigned turns = o.users / o.clients;

	do {
		if (until != 0 && now_us() >= until)
			return;
		for (unsigned i = 0; i < o.clients; i++) {
			struct client *c = &clients[i];

			if (c->fd == -1 && (until != 0 || c->turn < turns))
				call(c);
		}
	} while (attend() > 0);
}

/* Call until the server answers. */
static void
wait_for_server(void)
{
	int64_t until = now_us() + (int64_t)START_S * 1000000;
	const struct timespec pause = { .tv_nsec = 50000000 };

	while (sessions == 0) {
		if (now_us() >= until) {
			errno = ETIMEDOUT;
			die("the server");
		}
		(void)nanosleep(&pause, NULL);
		call(&clients[0]);
		while (clients[0].fd != -1 && now_us() < until) {
			struct pollfd pfd = { .fd = clients[0].fd,
			    .events = POLLIN };

			if (poll(&pfd, 1, 100) == 1)
				hear(&clients[0]);
		}
	}
	clients[0].turn = 0;
}

static void
serve(char **command)
{
	int64_t began, wall, cpu, front = 0;
	unsigned long in_time;

	make_world();
	(void)alarm(o.seconds + START_S + GRACE_S);
	for (unsigned i = 0; i < CLIENTS; i++)
		clients[i].fd = -1;
	start(command);
	wait_for_server();
	play(0);
	sessions = errors = 0;
	cpu = -servers_cpu();
	if (o.front != NULL)
		front = -cpu_of(o.front);
	began = now_us();
	play(began + (int64_t)o.seconds * 1000000);
	wall = now_us() - began;
	in_time = sessions;
	while (attend() > 0)
		continue;
	cpu += servers_cpu();
	if (o.front != NULL)
		front += cpu_of(o.front);
	(void)printf("sessions=%lu errors=%lu wall=%" PRId64 " ended=%lu cpu=%"
	    PRId64 " front=%" PRId64 "\n", in_time, errors, wall, sessions,
	    cpu, front);
	(void)fflush(stdout);
}

/* ---- Set-up */

static unsigned
number(const char *text, unsigned most)
{
	unsigned long n = strtoul(text, NULL, 10);

	if (n == 0 || n > most) {
		(void)fprintf(stderr, "crowd: %s: 1 to %u\n", text, most);
		exit(100);
	}
	return (unsigned)n;
}

static void
read_box(void)
{
	FILE *f = fopen(o.box, "re");

	if (f == NULL || o.spool == NULL)
		die("--box and --spool");
	o.size = fread(o.octets, 1, sizeof(o.octets), f);
	(void)fclose(f);
}

static void
usage(void)
{
	(void)fputs("usage: crowd [--clients=N] [--seconds=N] [--users=N] "
	    "[--port=N] [--front=NAME] --name=PREFIX\n\t--password=WORD "
	    "[--box=FILE --spool=DIR] COMMAND...\n", stderr);
	exit(100);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "clients", required_argument, NULL, 'c' },
		{ "seconds", required_argument, NULL, 's' },
		{ "users", required_argument, NULL, 'u' },
		{ "port", required_argument, NULL, 'P' },
		{ "front", required_argument, NULL, 'f' },
		{ "name", required_argument, NULL, 'n' },
		{ "password", required_argument, NULL, 'p' },
		{ "box", required_argument, NULL, 'b' },
		{ "spool", required_argument, NULL, 'd' },
		{ NULL, 0, NULL, 0 }
	};
	int status = 0;
	pid_t pid;

	for (int c; (c = getopt_long(argc, argv, "+", options, NULL)) != -1;)
		if (c == 'c')
			o.clients = number(optarg, CLIENTS);
		else if (c == 's')
			o.seconds = number(optarg, 3600);
		else if (c == 'u')
			o.users = number(optarg, 100000);
		else if (c == 'P')
			o.port = (uint16_t)number(optarg, UINT16_MAX);
		else if (c == 'f')
			o.front = optarg;
		else if (c == 'n')
			o.name = optarg;
		else if (c == 'p')
			o.password = optarg;
		else if (c == 'b')
			o.box = optarg;
		else if (c == 'd')
			o.spool = optarg;
		else
			usage();
	if (argc == optind || o.users < o.clients)
		usage();
	if (o.box != NULL) {
		o.lines = fetching;
		read_box();
	}
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID) == -1)
		die("unshare");
	/* The first process of its namespace: when it ends, all others do. */
	pid = fork();
	if (pid == -1)
		die("fork");
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		serve(argv + optind);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) == -1)
		die("waitpid");
	return status == 0 ? 0 : 1;
}
