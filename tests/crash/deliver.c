/* SPDX-License-Identifier: ISC */
/*
 * A delivery agent and a mail reader, for the tests:
 *
 *   deliver MAILBOX KINDS NAME COUNT [PAUSE]
 *   deliver MAILBOX KINDS rewrite COUNT PAUSE
 *
 * The first appends COUNT messages as fast as it can, or with PAUSE us between
 * them: their Subject is NAME-1, NAME-2, ..., and every line of the body repeats
 * it.  The second rewrites the mailbox COUNT times as a mail reader does: it
 * sets a Status in some messages, in place or in a new file.  Both take the locks
 * KINDS in that order: fcntl, flock and dotlock, separated by commas.  What was
 * delivered is printed.
 */
#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *mailbox;
static const char *kinds[3];
static size_t kinds_n;
static bool dot_held;

static void
stop(const char *what)
{
	(void)fprintf(stderr, "deliver: %s: %s\n", what, strerror(errno));
	if (dot_held) {
		char name[4096];

		(void)snprintf(name, sizeof(name), "%s.lock", mailbox);
		(void)unlink(name);
	}
	exit(1);
}

static void
nap(long us)
{
	const struct timespec wait = { .tv_sec = us / 1000000,
	    .tv_nsec = us % 1000000 * 1000 };

	(void)nanosleep(&wait, NULL);
}

static unsigned
draw(unsigned below)
{
	static unsigned state;

	if (state == 0)
		state = (unsigned)getpid();
	state = state * 1103515245u + 12345u;
	return (state >> 16) % below;
}

/* ---- Locks: all or none, never waiting for one while another is held */

static bool
take_dot(void)
{
	char unique[4096], name[4096];
	struct stat st;
	int fd;

	(void)snprintf(name, sizeof(name), "%s.lock", mailbox);
	(void)snprintf(unique, sizeof(unique), "%s.lock.%ld", mailbox,
	    (long)getpid());
	fd = open(unique, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd == -1)
		stop(unique);
	dot_held = link(unique, name) == 0 && fstat(fd, &st) == 0 &&
	    st.st_nlink == 2;
	(void)close(fd);
	(void)unlink(unique);
	return dot_held;
}

static bool
take(const char *kind, int fd)
{
	struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (strcmp(kind, "fcntl") == 0)
		return fcntl(fd, F_SETLK, &range) == 0;
	if (strcmp(kind, "flock") == 0)
		return flock(fd, LOCK_EX | LOCK_NB) == 0;
	if (strcmp(kind, "dotlock") == 0)
		return take_dot();
	errno = EINVAL;
	stop(kind);
	return false;
}

/* Closing the file is what releases the rest. */
static void
release(int fd)
{
	char name[4096];

	(void)snprintf(name, sizeof(name), "%s.lock", mailbox);
	if (dot_held && unlink(name) == -1)
		stop(name);
	dot_held = false;
	(void)close(fd);
}

/* Open and lock the mailbox, the one its name leads to. */
static int
begin(void)
{
	for (unsigned tries = 0; tries < 20000; tries++) {
		struct stat st, named;
		size_t held = 0;
		int fd = open(mailbox, O_RDWR | O_CREAT | O_APPEND, 0600);

		if (fd == -1)
			stop(mailbox);
		while (held < kinds_n && take(kinds[held], fd))
			held++;
		if (held == kinds_n && fstat(fd, &st) == 0 &&
		    stat(mailbox, &named) == 0 && st.st_ino == named.st_ino)
			return fd;
		release(fd);
		nap(200 + (long)draw(1000));
	}
	errno = ETIMEDOUT;
	stop("the locks");
	return -1;
}

static void
put(int fd, const char *octets, size_t n)
{
	if (write(fd, octets, n) != (ssize_t)n)
		stop(mailbox);
}

/* ---- What it does */

static void
deliver(const char *name, unsigned long i)
{
	char text[256];
	int fd = begin(), n, lines = 1 + (int)draw(40);

	n = snprintf(text, sizeof(text), "From a@b Mon Jan  1 00:00:00 2024\n"
	    "Subject: %s-%lu\nLines: %d\n\n", name, i, lines);
	/* In pieces: who does not respect the lock shall see half of it. */
	put(fd, text, (size_t)n / 2);
	put(fd, text + n / 2, (size_t)(n - n / 2));
	for (int line = 1; line <= lines; line++) {
		n = snprintf(text, sizeof(text), "%s-%lu line %d of %d\n%s",
		    name, i, line, lines, line == lines ? "\n" : "");
		put(fd, text, (size_t)n);
	}
	release(fd);
	(void)printf("%s-%lu\n", name, i);
}

/* Copy the mailbox ${octets} to ${fd}, with a Status in some messages. */
static void
copy(int fd, const char *octets, size_t n)
{
	const char *end = octets + n;

	while (octets < end) {
		const char *lf = memchr(octets, '\n', (size_t)(end - octets));
		size_t line = lf == NULL ? (size_t)(end - octets) :
		    (size_t)(lf - octets) + 1;

		/* An old Status goes; a new one may come. */
		if (line < 9 || memcmp(octets, "Status: ", 8) != 0)
			put(fd, octets, line);
		if (line > 9 && memcmp(octets, "Subject: ", 9) == 0 &&
		    draw(2) == 0)
			put(fd, "Status: RO\n", 11);
		octets += line;
	}
}

static void
rewrite(void)
{
	char name[4096];
	int fd = begin(), to;
	struct stat st;
	char *octets;

	if (fstat(fd, &st) == -1 ||
	    (octets = malloc((size_t)st.st_size + 1)) == NULL ||
	    pread(fd, octets, (size_t)st.st_size, 0) != st.st_size)
		stop(mailbox);
	if (draw(2) == 0) {
		if (ftruncate(fd, 0) == -1)
			stop(mailbox);
		copy(fd, octets, (size_t)st.st_size);
	} else {
		(void)snprintf(name, sizeof(name), "%s.new", mailbox);
		to = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
		if (to == -1)
			stop(name);
		copy(to, octets, (size_t)st.st_size);
		if (close(to) == -1 || rename(name, mailbox) == -1)
			stop(name);
	}
	free(octets);
	release(fd);
}

int
main(int argc, char **argv)
{
	unsigned long count;
	long pause;

	if (argc < 5)
		return 100;
	mailbox = argv[1];
	for (char *kind = strtok(argv[2], ","); kind != NULL && kinds_n < 3;
	    kind = strtok(NULL, ","))
		kinds[kinds_n++] = kind;
	count = strtoul(argv[4], NULL, 10);
	pause = argc > 5 ? strtol(argv[5], NULL, 10) : 0;
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	for (unsigned long i = 1; i <= count; i++) {
		if (strcmp(argv[3], "rewrite") == 0)
			rewrite();
		else
			deliver(argv[3], i);
		if (pause > 0)
			nap(pause);
	}
	return 0;
}
