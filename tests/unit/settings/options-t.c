/* SPDX-License-Identifier: ISC */
/*
 * The options room: defaults, keys, and which values are taken.
 */
#include "unit/unit.h"

#include "settings/options.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_locks),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
