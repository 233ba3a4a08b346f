/* SPDX-License-Identifier: ISC */
/*
 * The sandbox room: Landlock denies each process everything that a version of
 * it knows, but for what tests/data/rights has.  The calls are looked at here,
 * not made.
 */
#include "config.h"

#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "unit/unit.h"

#include "rights/sandbox.h"

#if defined(HAVE_LINUX_LANDLOCK_H) && defined(__NR_landlock_create_ruleset)
#include <linux/landlock.h>

#define RULES 4
/* The descriptor of a set of rules that nobody made. */
#define RULESET 1000

static const struct {
	const char *letters, *directory, *rights;
} paths[] = {
#define IS(letters, name, account, groups, capabilities)
#define HOLDS(letters, descriptors)
#define PATH(letters, directory, rights) { letters, directory, rights },
#define TCP(letters)
#define ABSTRACT(letters)
#define SIGNALS(letters)
#define MAY(call, letters)
#define ONLY(call, letters, argument, value)
#define NEVER(call, letters, argument, value)
#define BUT(call, letters, argument, value)
#define FAILS(call, letters)
#define KILLS(call, letters)
#include "data/rights"
};

/* Who may do what needs no path. */
static const struct {
	char bit;		/* 'T', 'A', 'S' */
	const char *letters;
} others[] = {
#undef PATH
#undef TCP
#undef ABSTRACT
#undef SIGNALS
#define PATH(letters, directory, rights)
#define TCP(letters) { 'T', letters },
#define ABSTRACT(letters) { 'A', letters },
#define SIGNALS(letters) { 'S', letters },
#include "data/rights"
};

static const struct {
	enum filter_role role;
	char letter;
} processes[] = {
	{ FILTER_GATE, 'G' }, { FILTER_SESSION, 'S' }, { FILTER_KEEPER, 'K' },
	{ FILTER_WAITING, 'W' }, { FILTER_TLS, 'T' }, { FILTER_KEY, 'Y' },
	{ FILTER_JUDGE, 'J' }, { FILTER_JUDGE_LOCAL, 'L' },
	{ FILTER_JUDGE_NET, 'N' },
};

/* What was asked of the kernel, which has the version ${abi}. */
static long abi;
static struct {
	uint64_t fs, net, scoped;
} denied;
static struct {
	uint64_t access;
	struct stat st;
} rules[RULES];
static size_t rules_n;
static bool restricted;
static enum filter_role filtered;

long __wrap_syscall(long number, ...);
int __wrap_filter_install(enum filter_role role, int victim);

int
__wrap_filter_install(enum filter_role role, int victim)
{
	(void)victim;
	filtered = role;
	return 0;
}

long
__wrap_syscall(long number, ...)
{
	const struct landlock_path_beneath_attr *rule;
	va_list arguments;
	long first, size;
	const void *at;

	va_start(arguments, number);
	if (number == __NR_landlock_create_ruleset) {
		at = va_arg(arguments, const void *);
		size = va_arg(arguments, long);
		va_end(arguments);
		if (at == NULL)
			return abi;
		assert_int_equal(size, abi < 4 ? 8 : abi < 6 ? 16 : 24);
		memcpy(&denied, at, (size_t)size);
		return RULESET;
	}
	first = va_arg(arguments, int);
	assert_int_equal(first, RULESET);
	if (number == __NR_landlock_add_rule) {
		assert_int_equal(va_arg(arguments, int),
		    LANDLOCK_RULE_PATH_BENEATH);
		rule = va_arg(arguments, const void *);
		assert_true(rules_n < RULES);
		rules[rules_n].access = rule->allowed_access;
		assert_int_equal(fstat(rule->parent_fd,
		    &rules[rules_n++].st), 0);
	} else {
		assert_int_equal(number, __NR_landlock_restrict_self);
		restricted = true;
	}
	va_end(arguments);
	return 0;
}

/* The bits of ${words}, as far as this version knows them. */
static uint64_t
bits_of(const char *words)
{
	static const struct {
		const char *word;
		uint64_t bit;
		int since;
	} rights[] = {
		{ "execute", 1u << 0, 1 }, { "write", 1u << 1, 1 },
		{ "read", 1u << 2, 1 }, { "list", 1u << 3, 1 },
		{ "remove", 1u << 5, 1 }, { "make", 1u << 8, 1 },
		{ "truncate", 1u << 14, 3 },
	};
	uint64_t bits = 0;

	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++)
		if (strstr(words, rights[i].word) != NULL &&
		    abi >= rights[i].since)
			bits |= rights[i].bit;
	return bits;
}

static bool
may(char bit, char letter)
{
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (others[i].bit == bit)
			return strchr(others[i].letters, letter) != NULL;
	fail_msg("the table has no line for %c", bit);
	return false;
}

/* Whether ${rule} is what line ${i} of the table says. */
static bool
is_line(size_t rule, size_t i, const struct stat *spool)
{
	struct stat st = *spool;

	if (strcmp(paths[i].directory, "SPOOL") != 0)
		assert_int_equal(stat(paths[i].directory, &st), 0);
	return rules[rule].st.st_dev == st.st_dev &&
	    rules[rule].st.st_ino == st.st_ino &&
	    rules[rule].access == bits_of(paths[i].rights);
}

static void
check(enum filter_role role, char letter, int dir)
{
	/* How many rights each version knows. */
	static const int known[] = { 0, 13, 14, 15, 15, 16, 16, 16 };
	struct stat spool;
	size_t wanted = 0;

	memset(&denied, 0, sizeof(denied));
	rules_n = 0;
	restricted = false;
	assert_int_equal(fstat(dir, &spool), 0);
	assert_int_equal(sandbox_close(role, SANDBOX_REQUIRED, dir), 0);
	assert_true(restricted);
	assert_int_equal(filtered, role);
	assert_int_equal(denied.fs, (1u << known[abi]) - 1);
	assert_int_equal(denied.net, abi < 4 || may('T', letter) ? 0 : 3);
	assert_int_equal(denied.scoped, abi < 6 ? 0 :
	    (may('A', letter) ? 0 : 1) | (may('S', letter) ? 0 : 2));
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		size_t rule = 0;

		if (strchr(paths[i].letters, letter) == NULL)
			continue;
		wanted++;
		while (rule < rules_n && !is_line(rule, i, &spool))
			rule++;
		if (rule == rules_n)
			fail_msg("%c, version %ld: not %s below %s", letter,
			    abi, paths[i].rights, paths[i].directory);
	}
	assert_int_equal(rules_n, wanted);
}

static void
only_what_the_table_has(void **state)
{
	int dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_true(dir != -1);
	for (abi = 1; abi <= 7; abi++)
		for (size_t i = 0; i < sizeof(processes) / sizeof(processes[0]);
		    i++)
			check(processes[i].role, processes[i].letter, dir);
	(void)close(dir);
}

static void
without_landlock_nobody_is_served_who_requires_it(void **state)
{
	(void)state;
	abi = -1;
	errno = ENOSYS;
	assert_int_equal(sandbox_close(FILTER_GATE, SANDBOX_REQUIRED, -1), -1);
	assert_int_equal(sandbox_close(FILTER_GATE, SANDBOX_AUTO, -1), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_the_table_has),
		cmocka_unit_test(
		    without_landlock_nobody_is_served_who_requires_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
int
main(void)
{
	(void)puts("1..0 # SKIP there are no headers of Landlock");
	return 0;
}
#endif
