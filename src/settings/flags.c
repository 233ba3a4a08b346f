/* SPDX-License-Identifier: ISC */
/*
 * The command line: flags, the operands of an action, --help.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/span.h"
#include "settings/flags.h"
#include "settings/nearest.h"
#include "settings/options.h"

/* Whether ${word} is a flag: "--" and a name. */
static bool
is_flag(const char *word)
{
	return strncmp(word, "--", 2) == 0 && word[2] != '\0';
}

const char *
flags_config(int argc, char **argv)
{
	static const char flag[] = "--config";
	const size_t n = sizeof(flag) - 1;

	for (int i = argc - 1; i > 0; i--) {
		if (strncmp(argv[i], flag, n) != 0)
			continue;
		if (argv[i][n] == '=')
			return argv[i] + n + 1;
		if (argv[i][n] == '\0' && i + 1 < argc)
			return argv[i + 1];
	}
	return NULL;
}

static int
read_action(struct options *options, const struct options_row *row,
    char *operand)
{
	if (options->acting != NULL)
		return options_complain(options, "--%s and --%s: only one "
		    "action at a time", options->acting->name, row->name);
	options->acting = row;
	options->action = (enum options_action)row->field;
	if (operand != NULL)
		options->operands[options->operand_count++] = operand;
	return 1;
}

/* Whether ${word} says how an action is to be done; then it is noted. */
static bool
is_manner(struct options *options, const char *word)
{
	if (strcmp(word, "--all") == 0)
		return options->all = true;
	if (strcmp(word, "--dry-run") == 0)
		return options->dry_run = true;
	return false;
}

/* Read the flag ${word}, whose value may be the ${next} word; NULL: there is
 * none.  Returns how many words the flag took, or -1. */
static int
read_flag(struct options *options, char *word, const char *next)
{
	struct span value = span_of(word + 2), name = span_cut(&value, '=');
	const struct options_row *row = options_find(name);
	const char *wanted;
	bool apart;

	if (row == NULL && is_manner(options, word))
		return 1;
	if (row == NULL) {
		wanted = nearest_option(name, false);
		return options_complain(options, "there is no option `%s'%s%s "
		    "(try dewey --help)", word, wanted == NULL ? "" :
		    ", the nearest is --", wanted == NULL ? "" : wanted);
	}
	if (row->kind->read == NULL)
		return read_action(options, row, value.p == NULL ? NULL :
		    word + 2 + name.n + 1);
	apart = value.p == NULL && row->kind->alone == NULL;
	if (value.p == NULL)
		value = span_of(apart ? next : row->kind->alone);
	if (value.p == NULL)
		return options_complain(options, "--%s needs a value: %s",
		    row->name, row->argument);
	wanted = row->kind->read(options, row, value);
	if (wanted != NULL)
		return options_complain(options, "--%s must be %s", row->name,
		    wanted);
	return apart ? 2 : 1;
}

/* Whether the action has the operands that it wants. */
static int
check_operands(struct options *options)
{
	const struct options_row *row = options->acting;
	unsigned count = (unsigned)options->operand_count;
	unsigned most = row == NULL ? 0 : row->kind->most;

	if (count > most)
		return options_complain(options, "unexpected `%s'%s%s (try "
		    "dewey --help)", options->operands[most],
		    row == NULL ? "" : " behind --",
		    row == NULL ? "" : row->name);
	if (row != NULL && count < row->kind->least)
		return options_complain(options, "--%s needs %s", row->name,
		    row->argument);
	if ((options->all || options->dry_run) &&
	    options->action != OPTIONS_ADOPT_IDS &&
	    options->action != OPTIONS_FORGET_IDS)
		return options_complain(options, "--%s goes with --adopt-ids "
		    "and --forget-ids alone", options->all ? "all" : "dry-run");
	return 0;
}

int
flags_read(struct options *options, int argc, char **argv)
{
	/* Operands take the places of words that were read already. */
	options->operands = argv;
	for (int i = 1, took; i < argc; i += took) {
		took = 1;
		if (!is_flag(argv[i]))
			options->operands[options->operand_count++] = argv[i];
		else
			took = read_flag(options, argv[i],
			    i + 1 < argc ? argv[i + 1] : NULL);
		if (took == -1)
			return -1;
	}
	return check_operands(options);
}

/* Print the flag of ${row} and what it does. */
static void
print_row(FILE *out, const struct options_row *row)
{
	struct span text = span_of(row->help);

	(void)fprintf(out, "  --%s", row->name);
	if (row->argument != NULL)
		(void)fprintf(out, "%c%s", row->kind->read == NULL ? ' ' : '=',
		    row->argument);
	if (row->value != NULL)
		(void)fprintf(out, "  (%s)", row->value);
	while (text.p != NULL) {
		struct span line = span_cut(&text, '\n');

		(void)fprintf(out, "\n        %.*s", (int)line.n, line.p);
	}
	(void)fputc('\n', out);
}

void
flags_help(FILE *out)
{
	/* What stands before which option. */
	static const char *const titles[][2] = {
		{ "users", "Who may log in" },
		{ "mailbox", "The mailbox" },
		{ "idle-timeout", "The session" },
		{ "check-config", "Instead of a session" },
	};
	size_t title = 0;

	(void)fputs("Usage: dewey [OPTION]...\n"
	    "Speak POP3 on standard input and output for one session.\n",
	    out);
	for (const struct options_row *row = options_rows; row->name != NULL;
	    row++) {
		if (title < sizeof(titles) / sizeof(titles[0]) &&
		    strcmp(row->name, titles[title][0]) == 0)
			(void)fprintf(out, "\n%s:\n", titles[title++][1]);
		print_row(out, row);
	}
	(void)fputs("\nExit code: 0 the session ended in order, 1 it was cut "
	    "short, 100 a mistake in\nthe options, 111 trouble with the "
	    "system or the maildrop.  See dewey(8).\n", out);
}

void
flags_introduce(FILE *out)
{
	(void)fputs("This is dewey, a POP3 server.  Programs that fetch mail "
	    "speak with it; inetd,\nsystemd or ssh starts it for each of "
	    "them.  At a terminal you are that program.\nType QUIT to leave, "
	    "or these lines, one after the other:\n\n"
	    "    USER your-name\n    PASS your-password\n    STAT\n"
	    "    RETR 1\n    QUIT\n\n"
	    "`dewey --preauth' opens the mailbox of who starts it (not "
	    "root's) without a\npassword, `dewey --check-config' looks for "
	    "faults, `dewey --help' lists the\noptions, and `man dewey' "
	    "explains them.\n\n", out);
}
