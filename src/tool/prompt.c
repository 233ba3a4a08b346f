/* SPDX-License-Identifier: ISC */
/*
 * Asking for a secret.  Whatever ends the question, the terminal is left as it
 * was found.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/span.h"
#include "tool/prompt.h"

/* A signal is there to end a wait: nothing else is to be done about it. */
static void
interrupt(int signal)
{
	(void)signal;
}

/* From here on a signal ends a wait for input and nothing else: after it the
 * terminal and the files are as they were.  ${waiting} is what to block during
 * such a wait. */
static void
catch_signals(sigset_t *waiting)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	/* Zeros are the empty set. */
	struct sigaction action = { .sa_handler = interrupt };

	(void)sigaddset(&action.sa_mask, SIGTSTP);
	*waiting = action.sa_mask;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		(void)sigaction(ends[i], &action, NULL);
		(void)sigaddset(&action.sa_mask, ends[i]);
	}
	(void)sigprocmask(SIG_BLOCK, &action.sa_mask, NULL);
}

/* Read one line from standard input.  Returns its octets, or -1 with errno. */
static ssize_t
read_line(char text[LIMITS_COMMAND], const sigset_t *waiting)
{
	struct pollfd pfd = { .fd = STDIN_FILENO, .events = POLLIN };
	ssize_t got, n = 0;

	/* What is behind the line is left to whoever reads next. */
	do
		got = ppoll(&pfd, 1, NULL, waiting) == 1 ?
		    read(STDIN_FILENO, text + n, 1) : -1;
	while (got == 1 && text[n] != '\n' && ++n < LIMITS_COMMAND);
	return got == -1 ? -1 : n - (n > 0 && text[n - 1] == '\r');
}

/* Ask for one line, on a terminal without echo.  Returns its octets, or -1 with
 * errno. */
static ssize_t
ask_once(const char *prompt, char text[LIMITS_COMMAND])
{
	struct termios saved, quiet;
	bool terminal = tcgetattr(STDIN_FILENO, &saved) == 0;
	sigset_t waiting;
	ssize_t n;
	int error;

	catch_signals(&waiting);
	if (terminal) {
		quiet = saved;
		quiet.c_lflag &= (tcflag_t)~ECHO;
		(void)fprintf(stderr, "%s: ", prompt);
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	}
	n = read_line(text, &waiting);
	error = errno;
	if (terminal) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved);
		(void)fputc('\n', stderr);
	}
	errno = error;
	return n;
}

/* What is wrong with ${text}, which clients will send behind PASS, or NULL. */
static const char *
find_fault(struct span text)
{
	if (text.n == 0)
		return "must not be empty";
	if (text.n >= LIMITS_COMMAND - sizeof("PASS \r\n"))
		return "is too long for a command line";
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f)
			return "must not hold controls";
	return NULL;
}

int
prompt_ask(const char *what, char text[LIMITS_COMMAND])
{
	char again[LIMITS_COMMAND];
	ssize_t n = ask_once(what, text), second = n;
	bool twice = n > 0 && isatty(STDIN_FILENO);
	const char *why;

	if (twice)
		second = ask_once("again", again);
	if (n == -1 || second == -1)
		why = errno == EINTR ? "interrupted, nothing is changed" :
		    strerror(errno);
	else
		why = find_fault((struct span){ text, (size_t)n });
	if (why == NULL && (second != n ||
	    (twice && memcmp(text, again, (size_t)n) != 0)))
		why = "the two are not the same";
	if (why == NULL)
		text[n] = '\0';
	else
		(void)fprintf(stderr, "dewey: %s: %s\n", what, why);
	span_wipe(again, sizeof(again));
	return why == NULL ? 0 : -1;
}
