/* SPDX-License-Identifier: ISC */
/*
 * dewey: options, log, exit code.
 */
#include "config.h"

#include <stdio.h>
#include <unistd.h>

#include "configuration.h"
#include "log.h"
#include "options.h"
#include "session.h"

/* Say what is wrong with the options: to the client that it is not his fault,
 * to the administrator what it is. */
static int
refuse(const struct options *options)
{
	log_open(LOG_TO_AUTO, false);
	if (log_stderr_is_ours())
		(void)fprintf(stderr, "dewey: %s\n", options->error);
	else
		log_error("%s", options->error);
	session_refuse();
	return SESSION_USAGE;
}

static int
act(struct options *options)
{
	switch (options->action) {
	case OPTIONS_HELP:
		options_help(stdout);
		break;
	case OPTIONS_VERSION:
		(void)puts(PACKAGE_STRING);
		break;
	case OPTIONS_SESSION:
		log_open((enum log_target)options->log, options->verbose);
		return (int)session_run(options);
	}
	return fflush(stdout) == 0 ? SESSION_ORDERLY : SESSION_TROUBLE;
}

int
main(int argc, char **argv)
{
	struct options options;
	int code;

	if (options_begin(&options) == -1 ||
	    configuration_read(&options, argc, argv, geteuid() == 0) == -1 ||
	    options_flags(&options, argc, argv) == -1)
		code = refuse(&options);
	else
		code = act(&options);
	options_free(&options);
	return code;
}
