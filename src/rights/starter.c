/* SPDX-License-Identifier: ISC */
/*
 * The starter.  As long as it waits it has the rights of who started dewey, and
 * hears one octet: that, or the end.  It executes one program, with the command
 * line that dewey was started with.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/socket.h"
#include "rights/process.h"
#include "rights/starter.h"
#include "settings/options.h"

/* What the first word of dewey-tls's command line is. */
#define NAME "dewey-tls"

/* The environment of dewey-tls. */
struct environment {
	char texts[3][LIMITS_FD_PATH];
	char *strings[4];
};

/* Have what dewey-tls needs of ${ucspi} stay open and be told.  Returns 0, or
 * -1 with errno. */
static int
pass_on(const struct ucspi *ucspi, struct environment *to)
{
	const size_t room = sizeof(to->texts[0]);

	(void)snprintf(to->texts[0], room, "SSLCTLFD=%d", ucspi->control);
	(void)snprintf(to->texts[1], room, "SSLREADFD=%d", ucspi->in);
	(void)snprintf(to->texts[2], room, "SSLWRITEFD=%d", ucspi->out);
	for (size_t i = 0; i < 3; i++)
		to->strings[i] = to->texts[i];
	to->strings[3] = NULL;
	return fcntl(ucspi->control, F_SETFD, 0) == -1 ||
	    fcntl(ucspi->in, F_SETFD, 0) == -1 ? -1 : 0;
}

static void
complain(const struct options *options)
{
	log_error("tls-program: %s: %s", options->tls_program,
	    strerror(errno));
}

/* Wait until the client wants TLS, and become dewey-tls. */
static void __attribute__((noreturn))
wait_and_execute(const struct options *options, const struct ucspi *ucspi)
{
	struct environment environment;
	char name[] = NAME, octet;
	ssize_t n;

	do
		n = read(ucspi->control, &octet, 1);
	while (n == -1 && errno == EINTR);
	if (n != 1)
		_exit(DIALOGUE_ORDERLY);
	options->operands[0] = name;
	if (pass_on(ucspi, &environment) == 0)
		(void)execve(options->tls_program, options->operands,
		    environment.strings);
	complain(options);
	_exit(DIALOGUE_TROUBLE);
}

/* Have dewey-tls run at once.  Nothing of this process is copied for that: a
 * fork would, page after page.  Returns as fork(2) in the parent. */
static pid_t
execute(const struct options *options, const struct ucspi *ucspi)
{
	struct environment environment;
	char name[] = NAME, *ours = options->operands[0];
	pid_t child = -1;

	options->operands[0] = name;
	if (pass_on(ucspi, &environment) == 0)
		errno = posix_spawn(&child, options->tls_program, NULL, NULL,
		    options->operands, environment.strings);
	options->operands[0] = ours;
	if (errno == 0)
		return child;
	complain(options);
	return -1;
}

/* ... or when the client wants TLS: a front end's header comes before that, and
 * is not dewey-tls's to read. */
static pid_t
execute_later(const struct options *options, const struct ucspi *ucspi,
    struct ucspi ours)
{
	pid_t child = process_fork("TLS");

	if (child == 0) {
		(void)close(ours.control);
		(void)close(ours.in);
		wait_and_execute(options, ucspi);
	}
	return child;
}

/* Start the process. */
static int
start(struct dialogue *dialogue)
{
	const struct options *options = dialogue->options;
	int control[2], inner[2];
	struct ucspi ours, theirs;
	pid_t child;

	if (access(options->tls_program, X_OK) == -1) {
		log_error("tls-program: %s: %s: TLS was not built, or is not "
		    "installed; without it: tls = none", options->tls_program,
		    strerror(errno));
		return -1;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) == -1 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, inner) == -1) {
		log_error("no sockets for TLS: %s", strerror(errno));
		return -1;
	}
	ours = (struct ucspi){ control[0], inner[0], inner[0] };
	theirs = (struct ucspi){ control[1], inner[1], inner[1] };
	child = options->tls == OPTIONS_TLS_STLS || options->proxy != NULL ?
	    execute_later(options, &theirs, ours) : execute(options, &theirs);
	(void)close(control[1]);
	(void)close(inner[1]);
	dialogue->stls.ucspi = ours;
	dialogue->stls.ours = true;
	dialogue->stls.pid = child;
	return child == -1 ? -1 : 0;
}

int
starter_open(struct dialogue *dialogue)
{
	struct stls *stls = &dialogue->stls;
	bool there = ucspi_find(&stls->ucspi);

	if (dialogue->options->tls == OPTIONS_TLS_NONE) {
		if (there) {
			(void)close(stls->ucspi.control);
			(void)close(stls->ucspi.in);
			(void)close(stls->ucspi.out);
		}
		stls_none(stls);
		return 0;
	}
	if (dialogue->options->preauth) {
		log_error("preauth and tls exclude each other");
		return -1;
	}
	if (!there && start(dialogue) == -1)
		return -1;
	stls_open(stls, &dialogue->wire.stream);
	return 0;
}

int
starter_examine(const struct options *options)
{
	char *environment[] = { NULL }, name[] = NAME;
	int status;
	pid_t child;

	(void)fflush(stdout);
	child = process_fork("TLS");
	if (child == 0) {
		options->operands[0] = name;
		(void)execve(options->tls_program, options->operands,
		    environment);
		(void)printf("unsafe: %s: %s: there is no TLS: build it, name "
		    "it with --tls-program, or say tls = none\n",
		    options->tls_program, strerror(errno));
		(void)fflush(stdout);
		_exit(DIALOGUE_USAGE);
	}
	return child != -1 && waitpid(child, &status, 0) == child &&
	    WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

void
starter_dismiss(const struct stls *stls)
{
	if (stls->ours)
		(void)socket_end(stls->ucspi.control);
}

void
starter_wait(struct dialogue *dialogue, int64_t ms)
{
	struct stls *stls = &dialogue->stls;
	const struct wire *wire = &dialogue->wire;

	if (!stls->ours)
		return;
	stls_close(stls);
	if (channel_wait(stls->ucspi.control, 0, clock_ms() + ms,
	    &wire->waiting, wire->stop) == 1)
		(void)waitpid(stls->pid, NULL, 0);
}

