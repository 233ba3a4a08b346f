/* SPDX-License-Identifier: ISC */
/*
 * The options room: defaults, flags, keys, and what is said of mistakes.
 */
#include "unit/unit.h"

#include "settings/options.h"

#define WORDS 6

static void
test_defaults(void **state)
{
	struct options o;

	(void)state;
	options_begin(&o);
	assert_string_equal(o.users, "system");
	assert_string_equal(o.mailbox, "/var/mail/%u");
	assert_null(o.config);
	assert_null(o.mail_user);
	assert_null(o.allow);
	assert_null(o.deny);
	assert_null(o.secrets);
	assert_null(o.host);
	assert_true(o.apop_only);
	assert_true(o.hide_users);
	assert_false(o.preauth);
	assert_false(o.read_only);
	assert_false(o.private_stream);
	assert_false(o.log_deletes);
	assert_false(o.verbose);
	assert_int_equal(o.plaintext, OPTIONS_PLAINTEXT_PRIVATE);
	assert_int_equal(o.idle_timeout, 600);
	assert_int_equal(o.login_timeout, 120);
	assert_int_equal(o.lock_timeout, 10);
	assert_int_equal(o.fail_delay, 1);
	assert_int_equal(o.locks[0], OPTIONS_LOCK_FCNTL);
	assert_int_equal(o.locks[1], OPTIONS_LOCK_FLOCK);
	assert_int_equal(o.locks[2], OPTIONS_LOCK_DOTLOCK);
	assert_int_equal(o.locks[3], OPTIONS_LOCK_END);
	assert_int_equal(o.action, OPTIONS_SESSION);
	assert_string_equal(o.error, "");
}

/* A flag and the field that it sets. */
enum kind { TEXT, SWITCH, NUMBER };

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
	{ "hide-users", { "--hide-users=no" }, S(hide_users, 0) },
	{ "no time", { "--fail-delay=0" }, N(fail_delay, 0) },
	{ "a day", { "--login-timeout=86400" }, N(login_timeout, 86400) },
	{ "leading zeros", { "--lock-timeout=007" }, N(lock_timeout, 7) },
	{ "fail-delay", { "--fail-delay", "3" }, N(fail_delay, 3) },
	{ "the first choice", { "--plaintext=private" },
	    N(plaintext, OPTIONS_PLAINTEXT_PRIVATE) },
	{ "the second choice", { "--plaintext=always" },
	    N(plaintext, OPTIONS_PLAINTEXT_ALWAYS) },
	{ "the last choice", { "--plaintext=never" },
	    N(plaintext, OPTIONS_PLAINTEXT_NEVER) },
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
		ROW(flags[i].what, options_flags(&o, argc, argv) == 0);
		ROW(flags[i].what, flags[i].kind != TEXT ||
		    strcmp(*(char *const *)field, flags[i].text) == 0);
		ROW(flags[i].what, flags[i].kind != SWITCH ||
		    *(const bool *)field == flags[i].number);
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
		ROW(mistakes[i].what, options_flags(&o, argc, argv) == -1);
		ROW(mistakes[i].what,
		    strstr(o.error, mistakes[i].complaint) != NULL);
		free_words(argc, words);
	}
}

static void
test_locks(void **state)
{
	static const struct {
		const char *what, *value;
		enum options_lock locks[OPTIONS_LOCKS];
		bool taken;
	} rows[] = {
#define L(kind) OPTIONS_LOCK_ ## kind
		{ "none", "none", { L(END) }, true },
		{ "one", "flock", { L(FLOCK), L(END) }, true },
		{ "two", "dotlock,fcntl", { L(DOTLOCK), L(FCNTL), L(END) },
		    true },
		{ "all three", "flock,dotlock,fcntl",
		    { L(FLOCK), L(DOTLOCK), L(FCNTL), L(END) }, true },
		{ "blanks", "fcntl , dotlock",
		    { L(FCNTL), L(DOTLOCK), L(END) }, true },
		{ "one twice", "fcntl,fcntl", { L(END) }, false },
		{ "one of three twice", "fcntl,flock,fcntl", { L(END) },
		    false },
		{ "four", "fcntl,flock,dotlock,fcntl", { L(END) }, false },
		{ "a kind that is none", "lockf", { L(END) }, false },
		{ "none and one", "none,fcntl", { L(END) }, false },
		{ "nothing", "", { L(END) }, false },
		{ "a comma too many", "fcntl,", { L(END) }, false },
		{ "upper case", "FCNTL", { L(END) }, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct options o;
		const char *wanted;

		options_begin(&o);
		wanted = options_set(&o, SPAN("locks"), span_of(rows[i].value));
		ROW(rows[i].what, (wanted == NULL) == rows[i].taken);
		for (int k = 0; rows[i].taken && k < OPTIONS_LOCKS; k++) {
			ROW(rows[i].what, o.locks[k] == rows[i].locks[k]);
			if (rows[i].locks[k] == OPTIONS_LOCK_END)
				break;
		}
	}
}

static void
test_texts(void **state)
{
	static char text[LIMITS_OPTIONS];
	struct options o;

	(void)state;
	options_begin(&o);
	memset(text, 'x', sizeof(text));
	assert_string_equal(options_set(&o, SPAN("users"),
	    (struct span){ text, sizeof(text) - o.used }), "a shorter text");
	assert_string_equal(o.users, "system");
	assert_null(options_set(&o, SPAN("users"),
	    (struct span){ text, sizeof(text) - o.used - 1 }));
	assert_memory_equal(o.users, text, strlen(o.users));
	assert_int_equal(o.used, sizeof(text));
	assert_string_equal(options_set(&o, SPAN("host"), SPAN("h")),
	    "a shorter text");
	assert_null(o.host);
}

static void
test_set(void **state)
{
	static const struct {
		const char *what, *key, *value;
		bool taken;
	} rows[] = {
		{ "a key and its value", "idle-timeout", "30", true },
		{ "a switch", "read-only", "yes", true },
		{ "a switch wants a value", "read-only", "", false },
		{ "an unknown key", "timeout", "30", false },
		{ "a key with its hyphens", "--read-only", "yes", false },
		{ "an action is no key", "help", "", false },
		{ "nor with an operand", "list", "x", false },
		{ "a bad value", "idle-timeout", "long", false },
		{ "no key", "", "x", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct options o;

		options_begin(&o);
		ROW(rows[i].what, (options_set(&o, span_of(rows[i].key),
		    span_of(rows[i].value)) == NULL) == rows[i].taken);
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
		ROW(rows[i].what, options_flags(&o, argc, argv) == 0);
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
	options_help(out);
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
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_locks),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
