/* SPDX-License-Identifier: ISC */
/*
 * The login room: who may come in with what, the timestamp of APOP, and when a
 * refusal is given.
 */
#include "unit/unit.h"

#include <crypt.h>
#include <ctype.h>

#include "who/login.h"
#include "who/secrets.h"

static void
test_delay(void **state)
{
	static const struct {
		const char *what;
		unsigned tries, unit;
		int64_t spent, due;
	} rows[] = {
		{ "the first try", 1, 1, 5, 1000 },
		{ "the second try", 2, 1, 5, 2000 },
		{ "the third try", 3, 1, 5, 3000 },
		{ "no work at all", 1, 1, 0, 1000 },
		{ "work up to the last millisecond", 1, 1, 999, 1000 },
		{ "work that took as long", 1, 1, 1000, 1000 },
		{ "a millisecond more: twice as long", 1, 1, 1001, 2000 },
		{ "much more: the next multiple", 1, 1, 6543, 7000 },
		{ "a multiple is enough", 1, 1, 7000, 7000 },
		{ "work longer than the second try's delay", 2, 1, 2001, 4000 },
		{ "work longer than the third try's delay", 3, 1, 6001, 9000 },
		{ "work within the third try's delay", 3, 1, 2999, 3000 },
		{ "a longer unit", 1, 5, 4999, 5000 },
		{ "a longer unit, overrun", 1, 5, 5001, 10000 },
		{ "three times a longer unit", 3, 5, 14000, 15000 },
		{ "the longest unit", 3, 86400, 0, 3 * 86400000LL },
		{ "no delay is wanted", 1, 0, 5, 0 },
		{ "no delay is wanted, whatever it took", 3, 0, 1234, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		ROW(rows[i].what, login_delay(rows[i].tries, rows[i].unit,
		    rows[i].spent) == rows[i].due);
}

/* frated has a password; mrose a secret; both has both; ghost has a secret and
 * is in no users file; other belongs to another uid. */
struct site {
	struct options options;
	struct login login;
};

static void
open_site(void **state, struct site *site, bool apop_only, mode_t mode)
{
	static const char secrets[] = "mrose:tanstaaf\nboth:secret\n"
	    "ghost:boo\nother:x\n";
	const char *path, *hash = crypt("hoopy", "$5$rounds=1000$dewey");
	char users[1000];

	memset(site, 0, sizeof(*site));
	(void)snprintf(users, sizeof(users), "frated:%s\n"
	    "both:%s\nmrose:\nother:%s:%lu:1::/:\n",
	    hash, hash, hash, (unsigned long)geteuid() + 1);
	options_begin(&site->options);
	path = unit_text(state, "users", users);
	assert_null(options_set(&site->options, SPAN("users"), span_of(path)));
	path = unit_write(state, "secrets", secrets, sizeof(secrets) - 1, mode);
	assert_null(options_set(&site->options, SPAN("secrets"),
	    span_of(path)));
	assert_null(options_set(&site->options, SPAN("apop-only"),
	    span_of(apop_only ? "yes" : "no")));
	login_open(&site->login, &site->options, "dewey.example", false);
}

/* Ask for ${name} with ${secret}, which for APOP is made a digest: behind ^ one
 * in upper case, behind ! none at all. */
static enum login_verdict
ask(struct site *site, enum login_method method, const char *name,
    const char *secret)
{
	struct login_question question = { .method = method,
	    .name_n = strlen(name), .secret_n = strlen(secret) };
	char digest[LIMITS_DIGEST];
	struct users_entry entry;
	enum login_verdict verdict;

	memcpy(question.name, name, question.name_n);
	memcpy(question.secret, secret, question.secret_n);
	if (method == LOGIN_APOP && secret[0] != '!') {
		bool upper = secret[0] == '^';

		secrets_digest(span_of(site->login.timestamp),
		    span_of(secret + upper), digest);
		question.secret_n = sizeof(digest);
		for (size_t i = 0; i < sizeof(digest); i++)
			question.secret[i] = (char)(upper ?
			    toupper(digest[i]) : digest[i]);
	}
	memset(&entry, '#', sizeof(entry));
	verdict = login_check(&site->login, &question, &entry);
	if (verdict == LOGIN_ACCEPTED && method != LOGIN_USER)
		ROW(name, strcmp(entry.name, name) == 0 &&
		    entry.uid == geteuid());
	ROW(name, entry.hash[0] == '\0');
	/* Of who is refused no more is left than a name that is known. */
	ROW(name, verdict == LOGIN_ACCEPTED || entry.name[0] == '\0' ||
	    strcmp(entry.name, name) == 0);
	ROW(name, verdict == LOGIN_ACCEPTED ||
	    (entry.uid == 0 && entry.home[0] == '\0'));
	return verdict;
}

static void
test_check(void **state)
{
	static const struct {
		const char *what;
		enum login_method method;
		const char *name, *secret;
		bool apop_only, accepted;
	} rows[] = {
		{ "a password", LOGIN_PASS, "frated", "hoopy", true, true },
		{ "another password", LOGIN_PASS, "frated", "Hoopy", true,
		    false },
		{ "no password", LOGIN_PASS, "frated", "", true, false },
		{ "an unknown user", LOGIN_PASS, "arthur", "hoopy", true,
		    false },
		{ "a user without a password", LOGIN_PASS, "mrose", "", true,
		    false },
		{ "a secret is no password", LOGIN_PASS, "mrose", "tanstaaf",
		    false, false },
		{ "with a secret no password (RFC 1939 section 13)",
		    LOGIN_PASS, "both", "hoopy", true, false },
		{ "unless that is wanted", LOGIN_PASS, "both", "hoopy", false,
		    true },
		{ "another uid", LOGIN_PASS, "other", "hoopy", false, false },
		{ "a digest", LOGIN_APOP, "mrose", "tanstaaf", true, true },
		{ "another secret's digest", LOGIN_APOP, "mrose", "tanstaafl",
		    true, false },
		{ "another user's secret", LOGIN_APOP, "both", "tanstaaf",
		    true, false },
		{ "a user with a password by APOP", LOGIN_APOP, "both",
		    "secret", true, true },
		{ "a user without a secret", LOGIN_APOP, "frated", "hoopy",
		    true, false },
		{ "a user without a secret and the digest of nothing",
		    LOGIN_APOP, "frated", "", true, false },
		{ "a secret alone is enough", LOGIN_APOP, "ghost", "boo",
		    true, true },
		{ "another uid by APOP", LOGIN_APOP, "other", "x", true,
		    false },
		{ "a digest in upper case", LOGIN_APOP, "mrose",
		    "^tanstaaf", true, false },
		{ "the secret itself", LOGIN_APOP, "mrose", "!tanstaaf", true,
		    false },
		{ "there is such a user", LOGIN_USER, "frated", "", true,
		    true },
		{ "there is, by secret", LOGIN_USER, "ghost", "", true, true },
		{ "there is none", LOGIN_USER, "arthur", "", true, false },
		{ "there is one of another uid", LOGIN_USER, "other", "", true,
		    false },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct site site;

		open_site(state, &site, rows[i].apop_only, 0600);
		ROW(rows[i].what, ask(&site, rows[i].method, rows[i].name,
		    rows[i].secret) == (rows[i].accepted ? LOGIN_ACCEPTED :
		    LOGIN_REFUSED));
	}
}

/* Digests that are cut, or longer, or none, are refused like wrong ones. */
static void
test_digest_lengths(void **state)
{
	struct login_question question = { .method = LOGIN_APOP, .name_n = 5,
	    .name = "mrose" };
	struct users_entry entry;
	struct site site;

	open_site(state, &site, true, 0600);
	secrets_digest(span_of(site.login.timestamp), SPAN("tanstaaf"),
	    question.secret);
	for (size_t n = 0; n <= LIMITS_DIGEST + 1; n++) {
		question.secret_n = n;
		assert_int_equal(login_check(&site.login, &question, &entry),
		    n == LIMITS_DIGEST ? LOGIN_ACCEPTED : LOGIN_REFUSED);
	}
	question.secret_n = LIMITS_DIGEST;
	for (size_t i = 0; i < LIMITS_DIGEST; i++) {
		question.secret[i] ^= 1;
		assert_int_equal(login_check(&site.login, &question, &entry),
		    LOGIN_REFUSED);
		question.secret[i] ^= 1;
	}
}

/* Whom a client means: the name that is let in, or NULL. */
static void
test_names(void **state)
{
	static const struct {
		const char *sent, *name_case, *strip_domain, *let_in;
	} rows[] = {
		{ "frated", "keep", NULL, "frated" },
		{ "Frated", "keep", NULL, NULL },
		{ "Frated", "lower", NULL, "frated" },
		{ "FRATED", "lower", NULL, "frated" },
		{ "frated@a.example", "lower", NULL, NULL },
		{ "frated@a.example", "keep", "a.example", "frated" },
		{ "frated@A.Example", "keep", "a.example", "frated" },
		{ "frated@a.example", "keep", "A.EXAMPLE", "frated" },
		{ "Frated@a.example", "keep", "a.example", NULL },
		{ "Frated@A.EXAMPLE", "lower", "a.example", "frated" },
		{ "frated@b.example", "keep", "a.example", NULL },
		{ "frated@b.example", "keep", "a.example,b.example", "frated" },
		{ "frated@a.example", "keep", "a.example , b.example",
		    "frated" },
		{ "frated@x.a.example", "keep", "a.example", NULL },
		{ "frated@example", "keep", "a.example", NULL },
		{ "frated@a.exampl", "keep", "a.example", NULL },
		{ "frated@a.example.", "keep", "a.example", NULL },
		{ "frated@a.example@a.example", "keep", "a.example", NULL },
		{ "frated@", "keep", "a.example", NULL },
		{ "@a.example", "keep", "a.example", NULL },
		{ "frated.a.example", "keep", "a.example", NULL },
		{ "frated%a.example", "keep", "a.example", NULL },
		{ "frated", "lower", "a.example", "frated" },
		{ "frate\xc4", "lower", NULL, NULL },
		{ "frate{", "lower", NULL, NULL },
		{ "Mrose@a.example", "lower", "a.example", "mrose" },
		{ "Mrose", "keep", NULL, NULL },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		bool apop = strchr("mM", rows[i].sent[0]) != NULL;
		struct login_question question = { .method = apop ? LOGIN_APOP :
		    LOGIN_PASS, .name_n = strlen(rows[i].sent),
		    .secret_n = apop ? LIMITS_DIGEST : 5 };
		struct users_entry entry;
		enum login_verdict verdict;
		struct site site;

		open_site(state, &site, true, 0600);
		assert_null(options_set(&site.options, SPAN("name-case"),
		    span_of(rows[i].name_case)));
		if (rows[i].strip_domain != NULL)
			assert_null(options_set(&site.options,
			    SPAN("strip-domain"),
			    span_of(rows[i].strip_domain)));
		memcpy(question.name, rows[i].sent, question.name_n);
		if (apop)
			secrets_digest(span_of(site.login.timestamp),
			    SPAN("tanstaaf"), question.secret);
		else
			memcpy(question.secret, "hoopy", 5);
		verdict = login_check(&site.login, &question, &entry);
		ROW(rows[i].sent, (verdict == LOGIN_ACCEPTED) ==
		    (rows[i].let_in != NULL));
		if (rows[i].let_in != NULL)
			ROW(rows[i].sent, strcmp(entry.name,
			    rows[i].let_in) == 0);
		login_close(&site.login);
	}
}

/* A msg-id in the form of RFC 1939's examples, <digits.digits@host>, never the
 * same twice. */
static void
test_timestamp(void **state)
{
	char seen[20][LIMITS_TIMESTAMP];
	struct site site;

	for (size_t i = 0; i < COUNT(seen); i++) {
		const char *t = seen[i], *at;
		size_t n;

		open_site(state, &site, true, 0600);
		memcpy(seen[i], site.login.timestamp, sizeof(seen[i]));
		n = strlen(t);
		assert_true(t[0] == '<' && t[n - 1] == '>');
		at = strchr(t, '@');
		assert_non_null(at);
		assert_string_equal(at, "@dewey.example>");
		n = strspn(t + 1, "0123456789");
		assert_true(n > 0 && t[1 + n] == '.');
		assert_ptr_equal(t + 2 + n + strspn(t + 2 + n, "0123456789"),
		    at);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(seen[k], t);
	}
}

/* An unsafe secrets file: no timestamp, no APOP, passwords work. */
static void
test_unsafe(void **state)
{
	struct site site;

	open_site(state, &site, true, 0644);
	assert_string_equal(site.login.timestamp, "");
	assert_true(site.login.passwords);
	assert_int_equal(ask(&site, LOGIN_PASS, "frated", "hoopy"),
	    LOGIN_ACCEPTED);
	assert_int_equal(ask(&site, LOGIN_APOP, "mrose", "tanstaaf"),
	    LOGIN_REFUSED);
}

/* A file that goes is still open; one that is not there is no refusal. */
static void
test_misconfigured(void **state)
{
	struct site site;

	open_site(state, &site, true, 0600);
	assert_int_equal(unlink(site.options.users), 0);
	assert_int_equal(ask(&site, LOGIN_PASS, "frated", "hoopy"),
	    LOGIN_ACCEPTED);
	login_close(&site.login);
	login_open(&site.login, &site.options, "dewey.example", false);
	assert_int_equal(ask(&site, LOGIN_PASS, "frated", "hoopy"),
	    LOGIN_MISCONFIGURED);
	assert_int_equal(ask(&site, LOGIN_APOP, "mrose", "tanstaaf"),
	    LOGIN_MISCONFIGURED);
}

/* Where the secrets are if nobody says it. */
static void
test_secrets_path(void **state)
{
	static const struct {
		const char *what, *secrets, *config, *home;
		bool by_root;
		const char *path;
	} rows[] = {
		{ "named", "/s", "/c", "/h", false, "/s" },
		{ "named by root", "/s", "/c", "/h", true, "/s" },
		{ "none", "none", "/c", "/h", false, "" },
		{ "root's", NULL, "/c", "/h", true,
		    SYSCONFDIR "/dewey/secrets" },
		{ "the user's", NULL, NULL, "/h", false,
		    "/h/.config/dewey/secrets" },
		{ "the user's, who keeps his configuration elsewhere", NULL,
		    "/c", "/h", false, "/c/dewey/secrets" },
		{ "a relative place is none", NULL, "c", "/h", false,
		    "/h/.config/dewey/secrets" },
		{ "nor is a relative home", NULL, NULL, "h", false, "" },
		{ "no home", NULL, NULL, NULL, false, "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct options o;
		char path[LIMITS_PATH];

		options_begin(&o);
		if (rows[i].secrets != NULL)
			assert_null(options_set(&o, SPAN("secrets"),
			    span_of(rows[i].secrets)));
		assert_int_equal(rows[i].config == NULL ?
		    unsetenv("XDG_CONFIG_HOME") :
		    setenv("XDG_CONFIG_HOME", rows[i].config, 1), 0);
		assert_int_equal(rows[i].home == NULL ? unsetenv("HOME") :
		    setenv("HOME", rows[i].home, 1), 0);
		login_secrets_path(&o, rows[i].by_root, path);
		ROW(rows[i].what, strcmp(path, rows[i].path) == 0);
	}
}

/* A challenge of CRAM-MD5 takes one answer, whoever asks. */
static void
test_cram_once(void **state)
{
	struct login_question question;
	struct users_entry entry;
	struct site site;

	open_site(state, &site, true, 0600);
	memset(&question, 0, sizeof(question));
	question.method = LOGIN_CRAM_BEGIN;
	assert_int_equal(login_check(&site.login, &question, &entry),
	    LOGIN_CHALLENGE);
	question.method = LOGIN_CRAM;
	question.name_n = 5;
	memcpy(question.name, "mrose", 5);
	question.secret_n = LIMITS_DIGEST;
	secrets_keyed((struct span){ question.challenge,
	    question.challenge_n }, SPAN("tanstaaf"), question.secret);
	assert_int_equal(login_check(&site.login, &question, &entry),
	    LOGIN_ACCEPTED);
	assert_int_equal(login_check(&site.login, &question, &entry),
	    LOGIN_REFUSED);
	login_close(&site.login);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_delay),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_digest_lengths),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_timestamp),
		cmocka_unit_test(test_unsafe),
		cmocka_unit_test(test_misconfigured),
		cmocka_unit_test(test_secrets_path),
		cmocka_unit_test(test_cram_once),
	};

	return cmocka_run_group_tests_name("login", tests, unit_begin,
	    unit_end);
}
