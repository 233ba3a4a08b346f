/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the options: the input is words, each ended by a NUL, and behind an
 * empty one the configuration file.  What is accepted is what it must be.
 */
#include "config.h"

#include <string.h>

#include "settings/configuration.h"
#include "settings/flags.h"
#include "settings/options.h"
#include "spool/mailbox.h"
#include "fuzz.h"

#define WORDS 8

static void
check_locks(const enum options_lock *locks)
{
	unsigned seen = 0, i = 0;

	for (; locks[i] != OPTIONS_LOCK_END; i++) {
		FUZZ_CHECK(i + 1 < OPTIONS_LOCKS);
		FUZZ_CHECK(locks[i] <= OPTIONS_LOCK_DOTLOCK);
		FUZZ_CHECK((seen & 1u << (unsigned)locks[i]) == 0);
		seen |= 1u << (unsigned)locks[i];
	}
}

static void
check_options(const struct options *options, int argc)
{
	char path[LIMITS_PATH];

	check_locks(options->locks);
	FUZZ_CHECK(options->sandbox <= 2 && options->plaintext <= 2 &&
	    options->log <= 3);
	FUZZ_CHECK(options->idle_timeout <= 86400 &&
	    options->lock_timeout <= 86400 && options->fail_delay <= 86400);
	FUZZ_CHECK(options->users != NULL && options->users[0] != '\0');
	FUZZ_CHECK(options->host == NULL ||
	    span_is_host(span_of(options->host)));
	FUZZ_CHECK(options->operand_count >= 0 &&
	    options->operand_count < argc);
	if (mailbox_expand(options->mailbox, "mrose@dbc", "/home/mrose",
	    path) == 0)
		FUZZ_CHECK(path[0] == '/' && strnlen(path, sizeof(path)) <
		    sizeof(path));
}

void
fuzz_configuration(struct span input)
{
	char *argv[WORDS + 3], *words[WORDS + 2], *flag;
	int argc = 2;
	struct options options;

	/* Words of their own, for flags_read moves the pointers. */
	words[0] = strdup("dewey");
	for (; argc < WORDS; argc++) {
		struct span word = span_cut(&input, '\0');

		if (word.n == 0)
			break;
		words[argc] = strndup(word.p, word.n);
	}
	flag = malloc(LIMITS_PATH);
	FUZZ_CHECK(flag != NULL);
	(void)snprintf(flag, LIMITS_PATH, "--config=%s", fuzz_path(input));
	words[1] = flag;
	for (int i = 0; i < argc; i++)
		FUZZ_CHECK((argv[i] = words[i]) != NULL);
	argv[argc] = NULL;
	options_begin(&options);
	if (configuration_read(&options, argc, argv, false) == -1 ||
	    flags_read(&options, argc, argv) == -1)
		FUZZ_CHECK(options.error[0] != '\0' &&
		    strnlen(options.error, sizeof(options.error)) <
		    sizeof(options.error));
	else
		check_options(&options, argc);
	for (int i = 0; i < argc; i++)
		free(words[i]);
}
