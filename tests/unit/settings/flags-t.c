/* SPDX-License-Identifier: ISC */
/*
 * The flags room: flags and operands, what is said of mistakes, --help.
 */
#include "unit/unit.h"

#include "settings/flags.h"
#include "settings/options.h"

#define WORDS 6

/* A flag and the field that it sets. */
enum kind { TEXT, SWITCH, NUMBER, CHOICE };

static const struct {
	const char *what;
	const char *words[WORDS];
	enum kind kind;
	size_t field;
	const char *text;
	unsigned number;
} flags[] = {
#define T(field, text) TEXT, offsetof(struct options, field), text, 0
#define S(field, on) SWITCH, offsetof(struct options, field), NULL, on
#define N(field, number) NUMBER, offsetof(struct options, field), NULL, number
#define C(field, number) CHOICE, offsetof(struct options, field), NULL, number
	{ "a value behind =", { "--users=/a" }, T(users, "/a") },
	{ "a value in the next word", { "--users", "/a" }, T(users, "/a") },
	{ "the last one wins", { "--users=/a", "--users=/b" },
	    T(users, "/b") },
	{ "= in a value", { "--secrets=a=b" }, T(secrets, "a=b") },
	{ "a value that looks like a flag", { "--secrets", "--help" },
	    T(secrets, "--help") },
	{ "a switch alone", { "--read-only" }, S(read_only, 1) },
	{ "a switch with yes", { "--read-only=yes" }, S(read_only, 1) },
	{ "a switch with no", { "--apop-only=no" }, S(apop_only, 0) },
	{ "on and off", { "--verbose", "--verbose=no" }, S(verbose, 0) },
	{ "preauth", { "--preauth" }, S(preauth, 1) },
	{ "private", { "--private" }, S(private_stream, 1) },
	{ "log-deletes", { "--log-deletes" }, S(log_deletes, 1) },
	{ "name-case", { "--name-case=lower" }, S(lower_case, 1) },
	{ "hide-users", { "--hide-users=no" }, S(hide_users, 0) },
	{ "no time", { "--fail-delay=0" }, N(fail_delay, 0) },
	{ "a day", { "--login-timeout=86400" }, N(login_timeout, 86400) },
	{ "leading zeros", { "--lock-timeout=007" }, N(lock_timeout, 7) },
	{ "fail-delay", { "--fail-delay", "3" }, N(fail_delay, 3) },
	{ "the first choice", { "--plaintext=private" },
	    C(plaintext, OPTIONS_PLAINTEXT_PRIVATE) },
	{ "the second choice", { "--plaintext=always" },
	    C(plaintext, OPTIONS_PLAINTEXT_ALWAYS) },
	{ "the last choice", { "--plaintext=never" },
	    C(plaintext, OPTIONS_PLAINTEXT_NEVER) },
	{ "a host", { "--host=dewey.example" }, T(host, "dewey.example") },
	{ "a template", { "--mailbox=/var/%d/%n/%%" },
	    T(mailbox, "/var/%d/%n/%%") },
	{ "a template that begins at home", { "--mailbox=%h/Mailbox" },
	    T(mailbox, "%h/Mailbox") },
	{ "mail-user", { "--mail-user=mail" }, T(mail_user, "mail") },
	{ "allow", { "--allow=/a" }, T(allow, "/a") },
	{ "deny", { "--deny=/d" }, T(deny, "/d") },
	{ "config", { "--config=/c" }, T(config, "/c") },
};

static int
count_words(const char *const *words, char **argv)
{
	int argc = 1;

	argv[0] = (char *)(uintptr_t)"dewey";
	for (; argc <= WORDS && words[argc - 1] != NULL; argc++) {
		argv[argc] = strdup(words[argc - 1]);
		assert_non_null(argv[argc]);
	}
	return argc;
}

static void
free_words(int argc, char **words)
{
	while (--argc > 0)
		free(words[argc]);
}

static void
test_flags(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(flags); i++) {
		char *argv[WORDS + 1], *words[WORDS + 1];
		int argc = count_words(flags[i].words, words);
		struct options o;
		const void *field = (const char *)&o + flags[i].field;

		memcpy(argv, words, sizeof(argv));
		options_begin(&o);
		ROW(flags[i].what, flags_read(&o, argc, argv) == 0);
		ROW(flags[i].what, flags[i].kind != TEXT ||
		    strcmp(*(char *const *)field, flags[i].text) == 0);
		ROW(flags[i].what, flags[i].kind != SWITCH ||
		    *(const bool *)field == flags[i].number);
		ROW(flags[i].what, flags[i].kind != CHOICE ||
		    *(const unsigned char *)field == flags[i].number);
		ROW(flags[i].what, flags[i].kind != NUMBER ||
		    *(const unsigned *)field == flags[i].number);
		ROW(flags[i].what, o.action == OPTIONS_SESSION);
		free_words(argc, words);
	}
}

/* Mistakes, and what the complaint must name. */
static const struct {
	const char *what;
	const char *words[WORDS];
	const char *complaint;
} mistakes[] = {
	{ "no such flag", { "--user=/a" }, "--user=/a" },
	{ "no flag", { "users" }, "users" },
	{ "one hyphen", { "-users=/a" }, "-users" },
	{ "two hyphens alone", { "--" }, "--" },
	{ "an empty word", { "" }, "unexpected" },
	{ "a name is not cut short", { "--read" }, "--read" },
	{ "nor is its case changed", { "--Users=/a" }, "--Users" },
	{ "the value is missing", { "--users" }, "--users needs a value" },
	{ "the value is empty", { "--users=" }, "--users" },
	{ "a switch with maybe", { "--read-only=maybe" }, "yes or no" },
	{ "a switch with nothing", { "--read-only=" }, "yes or no" },
	{ "a switch with yes in upper case", { "--read-only=YES" },
	    "yes or no" },
	{ "a number that is none", { "--idle-timeout=x" }, "--idle-timeout" },
	{ "a number with a unit", { "--idle-timeout=10s" }, "seconds" },
	{ "less than nothing", { "--idle-timeout=-1" }, "seconds" },
	{ "more than a day", { "--idle-timeout=86401" }, "86400" },
	{ "much more", { "--idle-timeout=4294967297" }, "86400" },
	{ "a choice that is none", { "--log=file" },
	    "auto|syslog|stderr|none" },
	{ "two choices", { "--log=syslog|stderr" }, "--log" },
	{ "no choice", { "--log=" }, "--log" },
	{ "a relative template", { "--mailbox=mail/%u" }, "absolute" },
	{ "a template that begins with the user", { "--mailbox=%u" },
	    "absolute" },
	{ "% and something else", { "--mailbox=/var/mail/%x" }, "%u" },
	{ "% and nothing", { "--mailbox=/var/mail/%" }, "%u" },
	{ "no template", { "--mailbox=" }, "absolute" },
	{ "a blank in a host", { "--host=a b" }, "host name" },
	{ "a sign in a host", { "--host=a>b" }, "host name" },
	{ "no host", { "--host=" }, "host name" },
	{ "two actions", { "--help", "--version" }, "one action" },
	{ "an action with a value", { "--help=x" }, "x" },
	{ "an action without its operand", { "--list" }, "MBOX" },
	{ "an operand that is a flag", { "--list", "--help" }, "one action" },
	{ "two operands", { "--list", "a", "b" }, "unexpected `b'" },
	{ "the second flag is wrong", { "--preauth", "--nothing" },
	    "--nothing" },
};

static void
test_mistakes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(mistakes); i++) {
		char *argv[WORDS + 1], *words[WORDS + 1];
		int argc = count_words(mistakes[i].words, words);
		struct options o;

		memcpy(argv, words, sizeof(argv));
		options_begin(&o);
		ROW(mistakes[i].what, flags_read(&o, argc, argv) == -1);
		ROW(mistakes[i].what,
		    strstr(o.error, mistakes[i].complaint) != NULL);
		free_words(argc, words);
	}
}

static void
test_actions(void **state)
{
	static const struct {
		const char *what;
		const char *words[WORDS];
		enum options_action action;
		int operands;
	} rows[] = {
		{ "help", { "--help" }, OPTIONS_HELP, 0 },
		{ "version", { "--version" }, OPTIONS_VERSION, 0 },
		{ "check-config behind a flag",
		    { "--users=/a", "--check-config" }, OPTIONS_CHECK_CONFIG,
		    0 },
		{ "its operand in the next word", { "--list", "box" },
		    OPTIONS_LIST, 1 },
		{ "its operand behind =", { "--list=box" }, OPTIONS_LIST, 1 },
		{ "flags behind it", { "--check", "box", "--verbose" },
		    OPTIONS_CHECK, 1 },
		{ "flags behind it, its operand behind =",
		    { "--set-secret=box", "--verbose" }, OPTIONS_SET_SECRET,
		    1 },
		{ "set-password", { "--set-password", "box" },
		    OPTIONS_SET_PASSWORD, 1 },
		{ "remove-user", { "--remove-user", "box" },
		    OPTIONS_REMOVE_USER, 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *argv[WORDS + 1], *words[WORDS + 1];
		int argc = count_words(rows[i].words, words);
		struct options o;

		memcpy(argv, words, sizeof(argv));
		options_begin(&o);
		ROW(rows[i].what, flags_read(&o, argc, argv) == 0);
		ROW(rows[i].what, o.action == rows[i].action);
		ROW(rows[i].what, o.operand_count == rows[i].operands);
		ROW(rows[i].what, rows[i].operands == 0 ||
		    strcmp(o.operands[0], "box") == 0);
		free_words(argc, words);
	}
}

/* Every flag that the rows above know is in --help, in lines that fit a
 * terminal. */
static void
test_help(void **state)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	(void)state;
	assert_non_null(out);
	flags_help(out);
	assert_int_equal(fclose(out), 0);
	for (size_t i = 0; i < COUNT(flags); i++) {
		char flag[64];

		(void)snprintf(flag, sizeof(flag), "  %.*s",
		    (int)strcspn(flags[i].words[0], "="), flags[i].words[0]);
		ROW(flag, strstr(text, flag) != NULL);
	}
	for (const char *line = text; *line != '\0';) {
		size_t length = strcspn(line, "\n");

		ROW(line, length <= 80);
		line += length + 1;
	}
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests_name("flags", tests, NULL, NULL);
}
