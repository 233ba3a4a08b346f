/* SPDX-License-Identifier: ISC */
/*
 * Who may come in.  For an unknown user, a wrong password, a locked account and
 * a user with a secret who sends PASS the work is the same as far as it can be,
 * the answer is the same, and by login_delay so is the time.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/span.h"
#include "settings/configuration.h"
#include "who/login.h"
#include "who/password.h"
#include "who/secrets.h"

void
login_secrets_path(const struct options *options, bool by_root,
    char path[LIMITS_PATH])
{
	static const struct configuration_place place = {
		.of_root = SYSCONFDIR "/dewey/secrets",
		.variable = "XDG_CONFIG_HOME", .below_home = "/.config",
		.name = "/secrets"
	};

	configuration_place(path, &place, options->secrets, by_root);
}

/* Whether there may be users with a password, where --passwords says that those
 * are: it must not be in a file that says nothing of passwords. */
static bool
has_passwords(const struct login *login, bool by_root)
{
	const char *source = login->options->passwords;
	bool file = login->users.file.path != NULL;

	if (login->saslauthd.path != NULL)
		return true;
	if (source != NULL && (strcmp(source, "users") == 0) != file)
		return false;
	return by_root || file;
}

/* Prepare to ask saslauthd.  Where there are no secrets either, for which locks
 * count, nothing of shadow(5) is needed then. */
static void
open_saslauthd(struct login *login)
{
	const struct options *options = login->options;
	int64_t most = (int64_t)options->login_timeout * LIMITS_SECOND_MS;

	login->saslauthd.path = saslauthd_path(options->passwords);
	login->saslauthd.patience = most < LIMITS_SASLAUTHD_MS ? most :
	    LIMITS_SASLAUTHD_MS;
	if (login->saslauthd.path == NULL || login->timestamp[0] != '\0')
		return;
	records_close(&login->users.shadow);
	login->users.shadow.path = NULL;
}

static void
open_secrets(struct login *login, bool by_root)
{
	const struct options *options = login->options;
	char *path = login->secrets_path;

	login_secrets_path(options, by_root, path);
	/* A file that nobody named may be missing, but not be out of reach. */
	if (path[0] == '\0' || (options->secrets == NULL &&
	    access(path, F_OK) == -1 && errno == ENOENT))
		return;
	if (records_open(&login->secrets, path, RECORDS_SECRET) == 0)
		secrets_timestamp(login->timestamp, login->host);
	else
		log_error("%s: %s; APOP is off", path, login->secrets.why);
}

void
login_open(struct login *login, const struct options *options,
    const char *host, bool by_root)
{
	memset(login, 0, sizeof(*login));
	login->options = options;
	(void)span_copy(span_of(host), login->host, sizeof(login->host));
	users_open(&login->users, options, by_root);
	open_secrets(login, by_root);
	open_saslauthd(login);
	login->passwords = has_passwords(login, by_root);
}

void
login_close(struct login *login)
{
	users_close(&login->users);
	records_close(&login->secrets);
}

/* Whether ${name} has a secret: 1; 2 if ${digest} is not NULL and not the one
 * that ${method} makes of it; 0; or -1.  Without a secret the same work is
 * done. */
static int
secret_fits(const struct login *login, struct span name,
    enum login_method method, const struct span *digest)
{
	char secret[LIMITS_RECORD] = "", hex[LIMITS_DIGEST];
	int found = secrets_find(&login->secrets, name, secret);

	if (method == LOGIN_CRAM)
		secrets_keyed(span_of(login->challenge), span_of(secret), hex);
	else
		secrets_digest(span_of(login->timestamp), span_of(secret),
		    hex);
	if (found == 1 && digest != NULL && !span_equal_secret(
	    (struct span){ hex, sizeof(hex) }, *digest))
		found = 2;
	span_wipe(secret, sizeof(secret));
	span_wipe(hex, sizeof(hex));
	return found;
}

/* How a user proves to be one by a password. */
static enum users_proof
by_password(const struct login *login)
{
	return login->saslauthd.path == NULL ? USERS_PASSWORD : USERS_ASKED;
}

/* Instead of 1, 0 or -1: nobody says. */
#define UNJUDGED (-2)

/* Whether ${password} is that of ${name}, of whom the files have ${entry}: 1, 0
 * or UNJUDGED.  saslauthd is asked for anybody who could be a user. */
static int
judge_password(const struct login *login, struct span name,
    struct span password, const struct users_entry *entry)
{
	enum saslauthd_answer answer = SASLAUTHD_NO;

	if (login->saslauthd.path == NULL)
		return password_fits(entry->hash, entry->other, password);
	if (users_can_be(name))
		answer = saslauthd_ask(&login->saslauthd, name, password);
	return answer == SASLAUTHD_TROUBLE ? UNJUDGED : answer == SASLAUTHD_OK;
}

/* RFC 1939 s13: with a secret, a password would only weaken it. */
static int
check_pass(const struct login *login, struct span name, struct span password,
    struct users_entry *entry)
{
	int found = users_find(&login->users, name, by_password(login), entry);
	int secret = 0, fits;

	if (found == -1)
		return -1;
	if (login->options->apop_only && login->timestamp[0] != '\0')
		secret = secret_fits(login, name, LOGIN_APOP, NULL);
	fits = judge_password(login, name, password, entry);
	if (secret == -1 || fits == UNJUDGED)
		return secret == -1 ? -1 : UNJUDGED;
	return found == 1 && fits == 1 && secret == 0;
}

/* By APOP or CRAM-MD5. */
static int
check_digest(const struct login *login, struct span name,
    const struct login_question *question, struct users_entry *entry)
{
	const struct span digest = { question->secret, question->secret_n };
	int found = users_find(&login->users, name, USERS_SECRET, entry);
	int fits = secret_fits(login, name, question->method, &digest);

	if (found == -1 || fits == -1)
		return -1;
	/* By a secret anybody can be a user: without it nobody is. */
	if (fits == 0)
		users_forget(entry);
	return found == 1 && fits == 1;
}

/* Whether ${name} may log in, by a password or by a secret. */
static int
check_user(const struct login *login, struct span name,
    struct users_entry *entry)
{
	int found = users_find(&login->users, name, by_password(login), entry);

	if (found == 0 && login->timestamp[0] != '\0' &&
	    users_find(&login->users, name, USERS_SECRET, entry) == 1)
		found = secret_fits(login, name, LOGIN_APOP, NULL);
	return found;
}

/* Write to ${room} whom a client means by ${name}. */
static struct span
who_is_meant(const struct options *options, struct span name,
    char room[LIMITS_COMMAND])
{
	struct span domain = name, local = span_cut(&domain, '@');
	struct span domains = span_of(options->strip_domain);

	while (domains.p != NULL)
		if (span_equal_nocase(span_trim(span_cut(&domains, ',')),
		    domain))
			name = local;
	for (size_t i = 0; i < name.n; i++)
		room[i] = options->lower_case && name.p[i] >= 'A' &&
		    name.p[i] <= 'Z' ? (char)(name.p[i] - 'A' + 'a') :
		    name.p[i];
	return (struct span){ room, name.n };
}

void
login_break(struct login *login)
{
	login->challenge[0] = '\0';
	proof_forget(&login->proof);
}

bool
login_keys(struct login *login)
{
	login->keys = proof_any(&login->users);
	return login->keys;
}

/* Make a challenge of CRAM-MD5.  It is good for one answer. */
static enum login_verdict
begin_cram(struct login *login, struct login_question *question)
{
	if (login->timestamp[0] != '\0')
		secrets_timestamp(login->challenge, login->host);
	question->challenge_n = strlen(login->challenge);
	memcpy(question->challenge, login->challenge, question->challenge_n);
	return question->challenge_n == 0 ? LOGIN_MISCONFIGURED :
	    LOGIN_CHALLENGE;
}

/* 1, 0 or -1, as users_find; or UNJUDGED. */
static int
check(struct login *login, struct span name,
    const struct login_question *question, struct users_entry *entry)
{
	const struct span secret = { question->secret, question->secret_n };

	switch (question->method) {
	case LOGIN_USER:
		return check_user(login, name, entry);
	case LOGIN_PASS:
	case LOGIN_PLAIN:
		return login->passwords ?
		    check_pass(login, name, secret, entry) : 0;
	case LOGIN_APOP:
		return login->timestamp[0] != '\0' ?
		    check_digest(login, name, question, entry) : 0;
	case LOGIN_CRAM:
		return login->challenge[0] != '\0' ?
		    check_digest(login, name, question, entry) : 0;
	case LOGIN_SCRAM_END:
		return proof_end(&login->proof, &login->users, entry);
	default:
		return 0;
	}
}

/* The steps of SCRAM that have a challenge for an answer. */
static enum login_verdict
challenge(struct login *login, struct span name,
    struct login_question *question, struct users_entry *entry)
{
	const struct span secret = { question->secret, question->secret_n };
	int n;

	if (question->method == LOGIN_SCRAM_BEGIN) {
		n = proof_begin(&login->proof, &login->users, name, secret,
		    question->challenge);
	} else {
		proof_bind(&login->proof, (struct span){ question->binding,
		    question->binding_n });
		n = proof_check(&login->proof, &login->users, entry, secret,
		    question->challenge);
	}
	if (n <= 0)
		return n == 0 ? LOGIN_REFUSED : LOGIN_MISCONFIGURED;
	question->challenge_n = (size_t)n;
	return LOGIN_CHALLENGE;
}

/* Leave in ${entry} what may be told after ${verdict}: to the log, who is
 * there. */
static enum login_verdict
settle(enum login_verdict verdict, struct users_entry *entry)
{
	span_wipe(entry->hash, sizeof(entry->hash));
	if (verdict != LOGIN_ACCEPTED)
		span_wipe(&entry->uid, sizeof(*entry) -
		    offsetof(struct users_entry, uid));
	return verdict;
}

static enum login_verdict
verdict_of(int answer)
{
	return answer == 1 ? LOGIN_ACCEPTED : answer == 0 ? LOGIN_REFUSED :
	    answer == UNJUDGED ? LOGIN_UNJUDGED : LOGIN_MISCONFIGURED;
}

enum login_verdict
login_check(struct login *login, struct login_question *question,
    struct users_entry *entry)
{
	char room[LIMITS_COMMAND];
	struct span name = who_is_meant(login->options,
	    (struct span){ question->name, question->name_n }, room);
	enum login_verdict verdict;

	memset(entry, 0, sizeof(*entry));
	switch (question->method) {
	case LOGIN_KEYS:
		return login_keys(login) ? LOGIN_ACCEPTED : LOGIN_NO_KEYS;
	case LOGIN_CRAM_BEGIN:
		return begin_cram(login, question);
	case LOGIN_SCRAM_BEGIN:
	case LOGIN_SCRAM:
		return settle(challenge(login, name, question, entry), entry);
	default:
		verdict = verdict_of(check(login, name, question, entry));
	}
	login_break(login);
	return settle(verdict, entry);
}

int64_t
login_delay(unsigned tries, unsigned unit, int64_t spent)
{
	int64_t step = (int64_t)tries * unit * LIMITS_SECOND_MS;

	return spent <= step || step == 0 ? step :
	    (spent + step - 1) / step * step;
}
