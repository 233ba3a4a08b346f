/* SPDX-License-Identifier: ISC */
/*
 * dewey-box: what dewey does with mailboxes besides serving them.  dewey itself
 * runs it, so that a session is not larger for it.
 */
#include "config.h"

#include <sys/stat.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "rights/process.h"
#include "settings/configuration.h"
#include "settings/flags.h"
#include "settings/options.h"
#include "tool/adopt.h"
#include "tool/audit.h"
#include "tool/inspect.h"

/* Take the word ${flag} out of the command line.  Returns whether it was
 * there. */
static bool
take(int *argc, char **argv, const char *flag)
{
	int n = 1;

	for (int i = 1; i < *argc; i++)
		if (strcmp(argv[i], flag) != 0)
			argv[n++] = argv[i];
	argv[n] = NULL;
	if (n == *argc)
		return false;
	*argc = n;
	return true;
}

/* The exit code of what looks at a mailbox. */
static int
code_of(int result)
{
	return result == 0 ? DIALOGUE_ORDERLY : DIALOGUE_TROUBLE;
}

static int
act(struct options *options, const struct adopt_flags *flags)
{
	switch (options->action) {
	case OPTIONS_CHECK_CONFIG:
		return audit_config(options) == 0 ? DIALOGUE_ORDERLY :
		    DIALOGUE_USAGE;
	case OPTIONS_LIST:
		return code_of(inspect_list(options->operands[0],
		    options->exact));
	case OPTIONS_CHECK:
		return code_of(inspect_check(options->operands[0],
		    options->exact));
	case OPTIONS_ADOPT_IDS:
	case OPTIONS_FORGET_IDS:
		return adopt_run(options, flags);
	default:
		(void)fprintf(stderr, "dewey-box: see dewey(8)\n");
		return DIALOGUE_USAGE;
	}
}

int
main(int argc, char **argv)
{
	struct adopt_flags flags = { .all = false };
	bool by_root = geteuid() == 0;
	struct options options;
	int code;

	if (process_fill_descriptors() == -1)
		return DIALOGUE_TROUBLE;
	(void)umask(0);
	process_begin(by_root);
	flags.all = take(&argc, argv, "--all");
	flags.dry_run = take(&argc, argv, "--dry-run");
	options_begin(&options);
	if (configuration_read(&options, argc, argv, by_root) == -1 ||
	    flags_read(&options, argc, argv) == -1) {
		(void)fprintf(stderr, "dewey: %s\n", options.error);
		return DIALOGUE_USAGE;
	}
	code = act(&options, &flags);
	if (fflush(stdout) != 0 || ferror(stdout) != 0)
		code = DIALOGUE_TROUBLE;
	log_let_go(LOG_FOR_ANY);
	return code;
}
