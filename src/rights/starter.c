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

/* Become dewey-tls.  Returns only if that cannot be. */
static void
become(const struct options *options, char **environment)
{
	char name[] = "dewey-tls";

	options->operands[0] = name;
	(void)execve(options->tls_program, options->operands, environment);
}

/* ... for a client. */
static void __attribute__((noreturn))
execute(const struct options *options, const struct ucspi *ucspi)
{
	char texts[3][LIMITS_FD_PATH];
	char *environment[] = { texts[0], texts[1], texts[2], NULL };

	(void)snprintf(texts[0], sizeof(texts[0]), "SSLCTLFD=%d",
	    ucspi->control);
	(void)snprintf(texts[1], sizeof(texts[1]), "SSLREADFD=%d", ucspi->in);
	(void)snprintf(texts[2], sizeof(texts[2]), "SSLWRITEFD=%d",
	    ucspi->out);
	if (fcntl(ucspi->control, F_SETFD, 0) != -1 &&
	    fcntl(ucspi->in, F_SETFD, 0) != -1)
		become(options, environment);
	log_error("tls-program: %s: %s", options->tls_program,
	    strerror(errno));
	_exit(DIALOGUE_TROUBLE);
}

/* Wait until the client wants TLS. */
static void __attribute__((noreturn))
wait_and_execute(const struct options *options, const struct ucspi *ucspi)
{
	char octet;
	ssize_t n = 1;

	/* A front end's header comes before TLS, and is not ours to read. */
	if (options->tls == OPTIONS_TLS_STLS || options->proxy != NULL)
		do
			n = read(ucspi->control, &octet, 1);
		while (n == -1 && errno == EINTR);
	if (n == 1)
		execute(options, ucspi);
	_exit(DIALOGUE_ORDERLY);
}

/* Fork the process. */
static int
fork_starter(struct dialogue *dialogue)
{
	const struct options *options = dialogue->options;
	int control[2], inner[2];
	struct ucspi ucspi;
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
	child = process_fork("TLS");
	if (child == 0) {
		(void)close(control[0]);
		(void)close(inner[0]);
		ucspi = (struct ucspi){ control[1], inner[1], inner[1] };
		wait_and_execute(options, &ucspi);
	}
	(void)close(control[1]);
	(void)close(inner[1]);
	dialogue->stls.ucspi = (struct ucspi){ control[0], inner[0], inner[0] };
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
	if (!there && fork_starter(dialogue) == -1)
		return -1;
	stls_open(stls, &dialogue->wire.stream);
	return 0;
}

int
starter_examine(const struct options *options)
{
	char *environment[] = { NULL };
	int status;
	pid_t child;

	(void)fflush(stdout);
	child = process_fork("TLS");
	if (child == 0) {
		become(options, environment);
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

