/* SPDX-License-Identifier: ISC */
/*
 * The program: reads the options, does what they ask for, and makes the exit
 * code of the outcome.
 */
#include "config.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "rights/process.h"
#include "rights/recovery.h"
#include "settings/configuration.h"
#include "settings/flags.h"
#include "settings/options.h"
#include "tool/audit.h"
#include "tool/inspect.h"
#include "tool/manage.h"
#include "tool/serve.h"

/* Say what is wrong with the options: a client is told no more than that the
 * server is misconfigured, the administrator is told the mistake. */
static int
refuse(const struct options *options)
{
	log_open(LOG_TO_AUTO, false);
	if (log_stderr_is_ours())
		(void)fprintf(stderr, "dewey: %s\n", options->error);
	else
		log_error("%s", options->error);
	serve_refusal();
	return DIALOGUE_USAGE;
}

/* The exit code of what is no session. */
static int
code_of(int result)
{
	return result == 0 ? DIALOGUE_ORDERLY : DIALOGUE_TROUBLE;
}

static int
act(struct options *options, bool by_root)
{
	const char *operand = options->operand_count > 0 ?
	    options->operands[0] : NULL;

	switch (options->action) {
	case OPTIONS_CHECK_CONFIG:
		return audit_config(options) == 0 ? DIALOGUE_ORDERLY :
		    DIALOGUE_USAGE;
	case OPTIONS_SET_SECRET:
		return code_of(manage_set_secret(options, operand));
	case OPTIONS_SET_PASSWORD:
		return code_of(manage_set_password(options, operand));
	case OPTIONS_REMOVE_USER:
		return code_of(manage_remove(options, operand));
	case OPTIONS_LIST:
		return code_of(inspect_list(operand, options->exact));
	case OPTIONS_CHECK:
		return code_of(inspect_check(operand, options->exact));
	case OPTIONS_HELP:
		flags_help(stdout);
		break;
	case OPTIONS_VERSION:
		(void)puts(PACKAGE_STRING);
		break;
	case OPTIONS_RECOVER:
		log_open(LOG_TO_STDERR, false);
		return (int)recovery_run(options);
	case OPTIONS_SESSION:
		log_open((enum log_target)options->log, options->verbose);
		serve_client(options, by_root);
	}
	return fflush(stdout) == 0 && ferror(stdout) == 0 ? DIALOGUE_ORDERLY :
	    DIALOGUE_TROUBLE;
}

/* If one of the first three descriptors is closed, the next file that is opened
 * would get its number, a mailbox perhaps.  So /dev/null takes it, opened the
 * wrong way around: reading it as input or writing it as output fails, as with
 * a client that is gone. */
static int
fill_descriptors(void)
{
	struct pollfd fds[] = { { .fd = STDIN_FILENO },
	    { .fd = STDOUT_FILENO }, { .fd = STDERR_FILENO } };

	if (poll(fds, 3, 0) == -1)
		return -1;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if ((fds[fd].revents & POLLNVAL) != 0 && open("/dev/null",
		    fd == STDIN_FILENO ? O_WRONLY : O_RDONLY, 0) != fd)
			return -1;
	return 0;
}

int
main(int argc, char **argv)
{
	bool by_root = geteuid() == 0;
	struct options options;
	int code;

	if (fill_descriptors() == -1)
		return DIALOGUE_TROUBLE;
	/* Each file is made with the mode it needs, whoever starts dewey. */
	(void)umask(0);
	process_begin(by_root);
	options_begin(&options);
	if (configuration_read(&options, argc, argv, by_root) == -1 ||
	    flags_read(&options, argc, argv) == -1)
		code = refuse(&options);
	else
		code = act(&options, by_root);
	log_let_go(LOG_FOR_ANY);
	return code;
}
