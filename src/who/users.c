/* SPDX-License-Identifier: ISC */
/*
 * Who may log in.  Whatever the reason to keep a user out, from outside it
 * looks as if there were no such user.  The log does not name unknown users,
 * because people type passwords where the name belongs.
 */
#include "config.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "settings/options.h"
#include "settings/records.h"
#include "who/password.h"
#include "who/users.h"

/* An entry that names no uid. */
#define NO_UID ((uid_t)-1)

bool
users_can_be(struct span name)
{
	if (name.n == 0 || name.n > LIMITS_NAME || name.p[0] == '.' ||
	    name.p[0] == '#')
		return false;
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];

		if (c <= ' ' || c == 0x7f || c == '/' || c == ':')
			return false;
	}
	return true;
}

void
users_open(struct users *users, const struct options *options, bool by_root)
{
	bool system = strcmp(options->users, "system") == 0;

	(void)records_open(&users->file, system ? NULL : options->users,
	    RECORDS_PUBLIC);
	(void)records_open(&users->allow, options->allow, RECORDS_PUBLIC);
	(void)records_open(&users->deny, options->deny, RECORDS_PUBLIC);
	/* passwd(5) may hold all hashes. */
	errno = 0;
	if (records_open(&users->shadow, system && by_root ?
	    "/etc/shadow" : NULL, 0) == -1 && errno == ENOENT)
		users->shadow.path = NULL;
	users->mail_user = options->mail_user;
	users->by_root = by_root;
}

void
users_close(struct users *users)
{
	records_close(&users->file);
	records_close(&users->allow);
	records_close(&users->deny);
	records_close(&users->shadow);
}

/* Whether the lists let ${name} in: 1, 0, or -1 with errno. */
static int
is_let_in(const struct users *users, struct span name)
{
	static const struct records_form list = { .separator = RECORDS_NAMES };
	int denied = users->deny.path == NULL ? 0 :
	    records_find(&users->deny, &list, name, NULL, NULL);

	if (denied != 0)
		return denied == -1 ? -1 : 0;
	return users->allow.path == NULL ? 1 :
	    records_find(&users->allow, &list, name, NULL, NULL);
}

static int
fill_entry(struct users_entry *entry, const struct passwd *pw, const char *hash)
{
	entry->uid = pw->pw_uid;
	entry->gid = pw->pw_gid;
	if (span_copy(span_of(pw->pw_dir), entry->home,
	    sizeof(entry->home)) == -1 ||
	    span_copy(span_of(hash), entry->hash, sizeof(entry->hash)) == -1)
		return -1;
	return 0;
}

/* Whether an account or its password has expired: ${rest} is what its line in
 * shadow(5) has behind the hash, days since 1970, empty where not used. */
static bool
is_expired(struct span rest)
{
	enum { CHANGE, LEAST, MOST, WARN, INACTIVE, EXPIRE, FIELDS };
	uint64_t days[FIELDS] = { [CHANGE] = UINT64_MAX, [MOST] = UINT64_MAX,
	    [EXPIRE] = UINT64_MAX };
	uint64_t today = (uint64_t)time(NULL) / LIMITS_DAY_S;

	for (size_t i = 0; i < FIELDS; i++)
		(void)span_number(span_cut(&rest, ':'), INT32_MAX, &days[i]);
	/* Changed on day 0 means: it must be changed at the next login, and
	 * POP3 has no way to do that. */
	return today >= days[EXPIRE] || days[CHANGE] == 0 ||
	    (days[CHANGE] != UINT64_MAX && days[MOST] != UINT64_MAX &&
	    today > days[CHANGE] + days[MOST]);
}

/* Look up the hash of ${entry} in shadow(5), which was opened when the process
 * still could.  The hash is locked if the password has expired.  Returns 1, 0
 * if there is none, or -1 with errno. */
static int
find_shadow(const struct users *users, struct users_entry *entry)
{
	static const struct records_form form = { .separator = ':',
	    .stands_in = password_is_there };
	char record[LIMITS_RECORD];
	struct span rest, hash;
	int found;

	/* passwd(5): anything but an x is the hash itself, or a lock. */
	if (strcmp(entry->hash, "x") != 0 || users->shadow.path == NULL)
		return 0;
	found = records_find(&users->shadow, &form, span_of(entry->name),
	    record, entry->other);
	if (found == 1) {
		rest = span_of(record);
		hash = span_cut(&rest, ':');
		(void)snprintf(entry->hash, sizeof(entry->hash), "%s%.*s",
		    is_expired(rest) ? "!" : "", (int)hash.n, hash.p);
	}
	span_wipe(record, sizeof(record));
	return found;
}

/* Whether an account with ${hash} may be used: by a password, or by a user who
 * has proved a secret. */
static bool
is_open(const char *hash, bool has_secret)
{
	if (hash[0] == '\0' || hash[0] == '!')
		return false;
	/* `*' alone: no password was ever set, which is no lock. */
	return hash[0] == '*' ? has_secret && hash[1] == '\0' :
	    strcmp(hash, "x") != 0;
}

static int
find_account(const struct users *users, struct users_entry *entry,
    enum users_proof proof)
{
	struct passwd *pw;

	errno = 0;
	pw = getpwnam(entry->name);
	if (pw == NULL && errno != 0 && errno != ENOENT) {
		log_error("the system's accounts cannot be read: %s",
		    strerror(errno));
		return -1;
	}
	/* Trouble with the shadow file must not tell who is there. */
	if (pw == NULL)
		entry->hash[0] = 'x';
	else if (fill_entry(entry, pw, pw->pw_passwd) == -1)
		return 0;
	if (proof == USERS_ASKED)
		return pw != NULL;
	if (find_shadow(users, entry) == -1)
		return -1;
	return pw != NULL && is_open(entry->hash, proof == USERS_SECRET);
}

/* Give ${entry}, which has no ids of its own, those of --mail-user, or of the
 * user who started dewey.  If that is root, ids of 0, which are refused. */
static void
lend_rights(const struct users *users, struct users_entry *entry)
{
	struct passwd *pw = NULL;

	entry->uid = users->by_root ? 0 : geteuid();
	entry->gid = users->by_root ? 0 : getegid();
	if (users->by_root && users->mail_user != NULL)
		pw = getpwnam(users->mail_user);
	if (pw != NULL) {
		entry->uid = pw->pw_uid;
		entry->gid = pw->pw_gid;
	}
	if (entry->uid == 0)
		log_error("users without a uid of their own are refused: "
		    "mail-user %s", pw != NULL ? "is root: name another" :
		    users->mail_user == NULL ? "is not set: set it" :
		    "has no account: make it, or name another");
}

/* Read what is behind the name in name:hash[:uid:gid:gecos:home:shell].
 * Returns false if that is malformed. */
static bool
read_entry(struct span rest, struct users_entry *entry)
{
	static const char method[] = "{CRYPT}";
	const size_t n = sizeof(method) - 1;
	enum { HASH, UID, GID, GECOS, HOME, FIELDS };
	struct span fields[FIELDS], *hash = &fields[HASH];
	uint64_t uid = NO_UID, gid = NO_UID;

	for (size_t i = 0; i < FIELDS; i++)
		fields[i] = span_cut(&rest, ':');
	if (hash->n > n && memcmp(hash->p, method, n) == 0)
		*hash = (struct span){ hash->p + n, hash->n - n };
	if (span_copy(*hash, entry->hash, sizeof(entry->hash)) == -1 ||
	    span_copy(fields[HOME], entry->home, sizeof(entry->home)) == -1)
		return false;
	if ((fields[UID].n > 0 || fields[GID].n > 0) &&
	    (span_number(fields[UID], UINT32_MAX - 1, &uid) == -1 ||
	    span_number(fields[GID], UINT32_MAX - 1, &gid) == -1))
		return false;
	entry->uid = (uid_t)uid;
	entry->gid = (gid_t)gid;
	return true;
}

/* What a hash must be to stand in for one that is not there. */
static bool (*const stands_in[])(struct span rest) = {
	[USERS_PASSWORD] = password_is_there, [USERS_ASKED] = password_is_there,
	[USERS_SECRET] = password_is_there, [USERS_KEY] = password_is_key,
};

static bool
is_entry(struct span name, struct span rest)
{
	struct users_entry scratch;
	bool fits = name.n > 0 && rest.p != NULL && read_entry(rest, &scratch);

	users_forget(&scratch);
	return fits;
}

/* A user with a secret needs no entry in the file. */
static int
find_in_file(const struct users *users, struct users_entry *entry,
    enum users_proof proof)
{
	const struct records_form form = { .separator = ':',
	    .fits = is_entry, .expected = "`name:hash' or "
	    "`name:hash:uid:gid:gecos:home:shell'",
	    .stands_in = stands_in[proof] };
	char record[LIMITS_RECORD];
	int found = records_find(&users->file, &form, span_of(entry->name),
	    record, entry->other);

	if (found == 1)
		(void)read_entry(span_of(record), entry);
	span_wipe(record, sizeof(record));
	if (found == 0 && proof == USERS_SECRET) {
		entry->uid = NO_UID;
		found = 1;
	}
	if (found == 1 && entry->uid == NO_UID)
		lend_rights(users, entry);
	return found;
}

/* Without a users file and without root there is one user, who started dewey,
 * and no password that could be checked here. */
static int
find_self(struct users_entry *entry, struct span name, enum users_proof proof)
{
	return (proof == USERS_SECRET || proof == USERS_ASKED) &&
	    users_self(entry) == 0 &&
	    span_equal(name, span_of(entry->name));
}

/* Leave in ${entry} nothing but a hash to try a ${proof} against: its own, if
 * it has one, else the one that stands in. */
static void
empty(struct users_entry *entry, enum users_proof proof)
{
	const char *from = stands_in[proof](span_of(entry->hash)) ?
	    entry->hash : entry->other;
	char hash[LIMITS_RECORD];

	(void)span_copy(password_hash(span_of(from)), hash, sizeof(hash));
	users_forget(entry);
	memcpy(entry->other, hash, sizeof(hash));
	span_wipe(hash, sizeof(hash));
}

int
users_find(const struct users *users, struct span name, enum users_proof proof,
    struct users_entry *entry)
{
	bool can_be = users_can_be(name);
	int found, let_in;

	memset(entry, 0, sizeof(*entry));
	/* No work is spared for who cannot come in: it would be seen. */
	if (can_be)
		(void)span_copy(name, entry->name, sizeof(entry->name));
	let_in = is_let_in(users, span_of(entry->name));
	found = users->file.path != NULL ?
	    find_in_file(users, entry, proof) : users->by_root ?
	    find_account(users, entry, proof) :
	    find_self(entry, name, proof);
	/* setresuid(2) takes -1 for the id that the process has: root's. */
	if (found == 1 && (!can_be || let_in == 0 || entry->uid == 0 ||
	    entry->uid == NO_UID || entry->gid == (gid_t)-1 ||
	    (!users->by_root && entry->uid != geteuid())))
		found = 0;
	if (let_in == -1)
		found = -1;
	if (found != 1)
		empty(entry, proof);
	return found;
}

int
users_self(struct users_entry *entry)
{
	struct passwd *pw = getpwuid(geteuid());

	memset(entry, 0, sizeof(*entry));
	if (pw == NULL || !users_can_be(span_of(pw->pw_name)) ||
	    span_copy(span_of(pw->pw_name), entry->name,
	    sizeof(entry->name)) == -1)
		return -1;
	return fill_entry(entry, pw, "");
}

const char *
users_name(uid_t uid, bool known, char name[LIMITS_NAME + 1])
{
	const struct passwd *pw = known ? getpwuid(uid) : NULL;

	if (pw == NULL || span_copy(span_of(pw->pw_name), name,
	    LIMITS_NAME + 1) == -1)
		(void)snprintf(name, LIMITS_NAME + 1, "%lu",
		    (unsigned long)uid);
	return name;
}

void
users_forget(struct users_entry *entry)
{
	span_wipe(entry, sizeof(*entry));
}
