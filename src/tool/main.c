/* SPDX-License-Identifier: ISC */
/*
 * The program: reads the options, does what they ask for, and makes the exit
 * code of the outcome.
 */
#include "config.h"

#include <sys/stat.h>

#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "rights/process.h"
#include "rights/recovery.h"
#include "settings/configuration.h"
#include "settings/flags.h"
#include "settings/options.h"
#include "tool/adopt.h"
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
	process_shed();
	serve_refusal();
	return DIALOGUE_USAGE;
}

/* Whether a person has typed no more than the name of the program: then all
 * three descriptors are a terminal, and never a client's stream. */
static bool
is_typed(int argc)
{
	return argc == 1 && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) &&
	    isatty(STDERR_FILENO);
}

/* The exit code of what is no session. */
static int
code_of(int result)
{
	return result == 0 ? DIALOGUE_ORDERLY : DIALOGUE_TROUBLE;
}

/* Change the accounts, look at mailboxes, or move ids. */
static int
manage(const struct options *options)
{
	const char *operand = options->operands[0];

	switch (options->action) {
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
	case OPTIONS_RECOVER:
		log_open(LOG_TO_STDERR, false);
		return (int)recovery_run(options);
	default:
		return adopt_run(options);
	}
}

static int
act(struct options *options, bool by_root)
{
	int code = DIALOGUE_ORDERLY;

	switch (options->action) {
	case OPTIONS_SESSION:
		log_open((enum log_target)options->log, options->verbose);
		serve_client(options, by_root);
	case OPTIONS_HELP:
		flags_help(stdout);
		break;
	case OPTIONS_VERSION:
		(void)puts(PACKAGE_STRING);
		break;
	case OPTIONS_CHECK_CONFIG:
		if (audit_config(options) != 0)
			code = DIALOGUE_USAGE;
		break;
	default:
		code = manage(options);
	}
	return fflush(stdout) == 0 && ferror(stdout) == 0 ? code :
	    DIALOGUE_TROUBLE;
}

int
main(int argc, char **argv)
{
	bool by_root = geteuid() == 0;
	struct options options;
	int code;

	if (process_is_lent("dewey"))
		return DIALOGUE_USAGE;
	if (process_fill_descriptors() == -1)
		return DIALOGUE_TROUBLE;
	/* Each file is made with the mode it needs, whoever starts dewey. */
	(void)umask(0);
	process_begin(by_root);
	options_begin(&options);
	if (configuration_read(&options, argc, argv, by_root) == -1 ||
	    flags_read(&options, argc, argv) == -1)
		code = refuse(&options);
	else {
		if (is_typed(argc))
			flags_introduce(stderr);
		code = act(&options, by_root);
	}
	log_let_go(LOG_FOR_ANY);
	return code;
}
