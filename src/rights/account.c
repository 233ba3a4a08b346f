/* SPDX-License-Identifier: ISC */
/*
 * The accounts of processes.  Root reads passwd(5) for them, and nothing of a
 * stranger's.
 */
#include "config.h"

#include <errno.h>
#include <pwd.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/span.h"
#include "rights/account.h"
#include "rights/process.h"
#include "settings/records.h"

static struct account_ids
ids_of(const char *name)
{
	const struct passwd *pw = getpwnam(name);

	return pw == NULL ? (struct account_ids){ 0, 0 } :
	    (struct account_ids){ pw->pw_uid, pw->pw_gid };
}

/* Fill in the ids that ${line} of passwd(5) has. */
static void
take_ids(struct account *accounts, size_t n, struct span line)
{
	struct span name = span_cut(&line, ':');
	uint64_t uid, gid;

	(void)span_cut(&line, ':');
	if (span_number(span_cut(&line, ':'), UINT32_MAX - 1, &uid) == -1 ||
	    span_number(span_cut(&line, ':'), UINT32_MAX - 1, &gid) == -1)
		return;
	for (size_t i = 0; i < n; i++)
		if (accounts[i].ids.uid == 0 &&
		    span_equal(name, span_of(accounts[i].name)))
			accounts[i].ids = (struct account_ids){ (uid_t)uid,
			    (gid_t)gid };
}

/* Fill in the ids of ${n} ${accounts} as passwd(5) has them, where the accounts
 * of programs are.  For a name that is not there getpwnam(3) would go through
 * all other sources.  It is asked if passwd(5) is no plain file. */
static void
look_up(struct account *accounts, size_t n)
{
	struct records_file file;
	struct records records;
	struct span line;
	int got;

	if (records_open(&file, "/etc/passwd", RECORDS_PUBLIC) == -1) {
		for (size_t i = 0; i < n; i++)
			accounts[i].ids = ids_of(accounts[i].name);
		return;
	}
	(void)records_begin(&records, &file);
	while ((got = records_next(&records, &line)) == 1 ||
	    (got == -1 && errno == EINVAL))
		if (got == 1)
			take_ids(accounts, n, line);
	records_end(&records);
	records_close(&file);
}

/* Which accounts these are, if no option says so. */
static void
name_all(struct account *accounts)
{
	static const struct account none[ACCOUNT_KINDS] = {
		[ACCOUNT_JUDGE] = { .name = "dewey-judge" },
		[ACCOUNT_GATE] = { .name = "dewey-gate" },
		[ACCOUNT_WAITING] = { .name = "dewey-wait" },
		[ACCOUNT_NOBODY] = { .name = "nobody" },
	};

	for (size_t i = 0; i < ACCOUNT_KINDS; i++)
		accounts[i] = none[i];
}

/* Find the accounts of the processes: those that are given, else those of that
 * name in passwd(5), else nobody's.  Returns 0, or -1 if one that is given
 * cannot be. */
static int
find_accounts(const struct options *options, struct account *accounts)
{
	const char *given[] = { options->judge_user, options->gate_user, NULL };
	static const char *const keys[] = { "judge-user", "gate-user" };
	int result = 0;

	name_all(accounts);
	look_up(accounts, ACCOUNT_KINDS);
	if (accounts[ACCOUNT_NOBODY].ids.uid == 0)
		accounts[ACCOUNT_NOBODY].ids = (struct account_ids){
		    LIMITS_NOBODY, LIMITS_NOBODY };
	for (size_t i = 0; i < ACCOUNT_NOBODY; i++) {
		struct account_ids *ids = &accounts[i].ids;

		if (given[i] != NULL)
			*ids = ids_of(given[i]);
		else if (ids->uid == 0)
			*ids = accounts[ACCOUNT_NOBODY].ids;
		if (ids->uid != 0)
			continue;
		log_error("%s: %s has no account, or is root: make it, or "
		    "name another", keys[i], given[i]);
		result = -1;
	}
	return result;
}

int
account_choose(const struct options *options,
    struct account accounts[ACCOUNT_KINDS])
{
	const char *lacks = process_lacks();

	if (lacks != NULL)
		log_error("root cannot give up its rights: it lacks %s; give "
		    "it to what starts dewey (container, unit)", lacks);
	return lacks == NULL ? find_accounts(options, accounts) : -1;
}

size_t
account_missing(const struct options *options,
    const char *names[ACCOUNT_KINDS])
{
	const char *given[] = { options->judge_user, options->gate_user, NULL };
	struct account accounts[ACCOUNT_KINDS];
	size_t n = 0;

	name_all(accounts);
	look_up(accounts, ACCOUNT_KINDS);
	for (size_t i = 0; i < ACCOUNT_NOBODY; i++)
		if (given[i] == NULL && accounts[i].ids.uid == 0)
			names[n++] = accounts[i].name;
	return n;
}
