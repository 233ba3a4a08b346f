/* SPDX-License-Identifier: ISC */
/*
 * answers OCTETS: a server that has its answers ready, the limit against which
 * dewey is measured: what the start of a process and the sending of octets
 * cost when nothing is looked at.  Every RETR is answered with a message of
 * about OCTETS octets, anything else with one line.  It serves nobody else: it
 * believes every command.
 */
#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INPUT ((size_t)1 << 16)
#define OUTPUT ((size_t)1 << 20)

struct answers {
	size_t octets;		/* of a message */
	char *output;		/* replies of RETR, or a part of one */
	size_t reply;		/* octets of one reply */
	size_t ready;		/* whole replies in output */
	size_t owed;		/* replies of RETR to be sent */
};

static void
put(const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(STDOUT_FILENO, p, n);

		if (done <= 0)
			_exit(1);
		p += done;
		n -= (size_t)done;
	}
}

static void
put_text(const char *text)
{
	put(text, strlen(text));
}

/* One reply at ${p}, cut where its message has ${octets}. */
static size_t
make_reply(char *p, size_t octets)
{
	static const char end[] = "\r\n.\r\n";
	size_t n = (size_t)snprintf(p, 64, "+OK %zu octets\r\n", octets);

	for (size_t i = 0; i < octets; i++)
		p[n + i] = i % 78 == 76 ? '\r' : i % 78 == 77 ? '\n' : 'a';
	memcpy(p + n + octets - 2, end, sizeof(end) - 1);
	return n + octets - 2 + sizeof(end) - 1;
}

static void
make_output(struct answers *a)
{
	a->output = malloc(OUTPUT + 128);
	if (a->output == NULL)
		_exit(111);
	if (a->octets + 128 > OUTPUT) {
		(void)make_reply(a->output, OUTPUT);
		return;
	}
	a->reply = make_reply(a->output, a->octets);
	for (a->ready = 1; (a->ready + 1) * a->reply < OUTPUT; a->ready++)
		memcpy(a->output + a->ready * a->reply, a->output, a->reply);
}

/* A message larger than the buffer: the same lines over and over. */
static void
put_large(const struct answers *a)
{
	const size_t lines = OUTPUT / 78 * 78 - 78;
	size_t first = strcspn(a->output, "\n") + 1;

	put(a->output, first);
	for (size_t left = a->octets; left > 0;) {
		size_t n = left < lines ? left : lines;

		put(a->output + first, n);
		left -= n;
	}
	put_text("\r\n.\r\n");
}

static void
pay(struct answers *a)
{
	if (a->owed > 0 && a->output == NULL)
		make_output(a);
	for (size_t n; a->owed > 0; a->owed -= n) {
		n = a->owed < a->ready ? a->owed : a->ready;
		if (a->ready == 0) {
			n = 1;
			put_large(a);
		} else {
			put(a->output, n * a->reply);
		}
	}
}

/* Returns whether the session goes on. */
static bool
answer(struct answers *a, const char *line)
{
	if (line[0] == 'R' && line[5] != '0') {
		a->owed++;
		return true;
	}
	pay(a);
	put_text(line[0] == 'R' ? "-ERR no such message\r\n" :
	    line[0] == 'S' ? "+OK 1 1\r\n" : "+OK\r\n");
	return line[0] != 'Q';
}

int
main(int argc, char **argv)
{
	struct answers a = { .octets = 0 };
	static char input[INPUT];
	size_t filled = 0;
	ssize_t n;

	if (argc == 2)
		a.octets = strtoul(argv[1], NULL, 10);
	put_text("+OK POP3 server ready\r\n");
	while ((n = read(STDIN_FILENO, input + filled, INPUT - filled)) > 0) {
		char *p = input, *lf;

		filled += (size_t)n;
		while ((lf = memchr(p, '\n', filled -
		    (size_t)(p - input))) != NULL) {
			if (!answer(&a, p))
				return 0;
			p = lf + 1;
		}
		pay(&a);
		filled -= (size_t)(p - input);
		memmove(input, p, filled);
	}
	return 1;
}
