/* SPDX-License-Identifier: ISC */
/*
 * Who may log in.  Every reason to keep a user out looks the same from outside:
 * he does not exist.  The log does not name unknown users, for people type
 * passwords where the name belongs.
 */
#include "config.h"

#include <crypt.h>
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "settings/options.h"
#include "settings/records.h"
#include "who/users.h"

/* Hashed for users that do not exist: the work of a usual entry, fitting no
 * password. */
#define NOBODYS_HASH "$y$j9T$......................$" \
	"..........................................."

#define SECONDS_A_DAY 86400

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

	(void)records_open(&users->file, system ? NULL : options->users, 022);
	(void)records_open(&users->allow, options->allow, 022);
	(void)records_open(&users->deny, options->deny, 022);
	(void)records_open(&users->shadow, system && by_root ?
	    "/etc/shadow" : NULL, 0);
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

/* Say whether ${name} stands in the list ${file}: 1, 0, or -1 with errno. */
static int
is_listed(const struct records_file *file, struct span name)
{
	struct records records;
	struct span line;
	int got, found = 0;

	if (records_begin(&records, file) == -1)
		return -1;
	while ((got = records_next(&records, &line)) != 0) {
		if (got == -1 && errno != EINVAL) {
			found = -1;
			break;
		}
		if (got == -1)
			log_warning("%s:%u: the line is too long or holds NUL; "
			    "it is skipped", file->path, records.line);
		else if (span_equal(span_trim(line), name))
			found = 1;
	}
	records_end(&records);
	return found;
}

/* Whether the lists let ${name} in: 1, 0, or -1 with errno. */
static int
is_let_in(const struct users *users, struct span name)
{
	int listed = users->deny.path == NULL ? 0 :
	    is_listed(&users->deny, name);

	if (listed != 0)
		return listed == -1 ? -1 : 0;
	return users->allow.path == NULL ? 1 : is_listed(&users->allow, name);
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

/* shadow(5): name:hash:change:min:max:warn:inactive:expire, days since 1970,
 * empty where not used.  Whether the account or its password has run out; ${rest}
 * is what is behind the hash. */
static bool
is_expired(struct span rest)
{
	uint64_t today = (uint64_t)time(NULL) / SECONDS_A_DAY;
	uint64_t days[6] = { UINT64_MAX, 0, UINT64_MAX, 0, 0, UINT64_MAX };
	uint64_t change;

	for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++)
		(void)span_number(span_cut(&rest, ':'), INT32_MAX, &days[i]);
	change = days[0];
	/* A last change on day 0: it must be changed at once, and POP3 has no
	 * way to do that. */
	return today >= days[5] || change == 0 || (change != UINT64_MAX &&
	    days[2] != UINT64_MAX && today > change + days[2]);
}

/* Look up the hash of ${entry} in shadow(5), which is open: whoever may look up
 * accounts may not open it.  It is empty if that has run out.  Returns 1, 0 if
 * he is not there, or -1 with errno. */
static int
find_shadow(const struct users *users, struct users_entry *entry)
{
	struct records records;
	struct span line;
	int got, found = 0;

	/* passwd(5): anything but an x is the hash itself, a lock for one. */
	if (strcmp(entry->hash, "x") != 0 || users->shadow.path == NULL ||
	    records_begin(&records, &users->shadow) == -1)
		return 0;
	while ((got = records_next(&records, &line)) != 0) {
		struct span name = span_cut(&line, ':'), hash;

		if (got == -1 && errno != EINVAL) {
			log_error("%s: %s", users->shadow.path,
			    strerror(errno));
			found = -1;
			break;
		}
		if (got == -1 || found == 1 ||
		    !span_equal(name, span_of(entry->name)))
			continue;
		hash = span_cut(&line, ':');
		found = 1;
		if (is_expired(line) || span_copy(hash, entry->hash,
		    sizeof(entry->hash)) == -1)
			entry->hash[0] = '\0';
	}
	records_end(&records);
	return found;
}

/* Whether the account is open: for a password, or for a user with a secret. */
static bool
is_open(const char *hash, bool has_secret)
{
	if (hash[0] == '\0' || hash[0] == '!')
		return false;
	/* `*' alone: no password was ever set, and none is needed. */
	if (hash[0] == '*')
		return has_secret && hash[1] == '\0';
	return strcmp(hash, "x") != 0;
}

static int
find_account(const struct users *users, struct users_entry *entry,
    bool has_secret)
{
	struct passwd *pw;
	int found;

	errno = 0;
	pw = getpwnam(entry->name);
	if (pw == NULL && (errno == 0 || errno == ENOENT))
		return 0;
	if (pw == NULL) {
		log_error("an account cannot be looked up: %s",
		    strerror(errno));
		return -1;
	}
	found = fill_entry(entry, pw, pw->pw_passwd) == -1 ? 0 :
	    find_shadow(users, entry);
	return found == -1 ? -1 : is_open(entry->hash, has_secret);
}

/* The rights of users who have none of their own.  Those of root, without a
 * --mail-user, are refused later. */
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
}

/* Read name:hash[:uid:gid:gecos:home:shell] behind the name.  Returns 0, or -1
 * if the line is malformed. */
static int
read_entry(struct span rest, struct users_entry *entry)
{
	struct span hash = span_cut(&rest, ':'), uid, gid, home;
	uint64_t id[2];

	if (hash.n > 7 && memcmp(hash.p, "{CRYPT}", 7) == 0) {
		hash.p += 7;
		hash.n -= 7;
	}
	if (span_copy(hash, entry->hash, sizeof(entry->hash)) == -1)
		return -1;
	uid = span_cut(&rest, ':');
	gid = span_cut(&rest, ':');
	(void)span_cut(&rest, ':');
	home = span_cut(&rest, ':');
	if (span_copy(home, entry->home, sizeof(entry->home)) == -1)
		return -1;
	if (uid.n == 0 && gid.n == 0) {
		entry->uid = NO_UID;
		return 0;
	}
	if (span_number(uid, UINT32_MAX - 1, &id[0]) == -1 ||
	    span_number(gid, UINT32_MAX - 1, &id[1]) == -1)
		return -1;
	entry->uid = (uid_t)id[0];
	entry->gid = (gid_t)id[1];
	return 0;
}

static int
find_in_file(const struct users *users, struct span name,
    struct users_entry *entry)
{
	struct records records;
	struct users_entry scratch;
	struct span line;
	int got, found = 0;

	if (records_begin(&records, &users->file) == -1)
		return -1;
	while ((got = records_next(&records, &line)) != 0) {
		struct span rest = line, key = span_cut(&rest, ':');
		bool wanted = got == 1 && found == 0 && span_equal(key, name);

		if (got == -1 && errno != EINVAL) {
			log_error("%s: %s", users->file.path, strerror(errno));
			found = -1;
			break;
		}
		if (got == -1 || key.n == 0 || rest.p == NULL ||
		    read_entry(rest, wanted ? entry : &scratch) == -1)
			log_warning("%s:%u: expected `name:hash' or "
			    "`name:hash:uid:gid:gecos:home:shell'; the line is "
			    "skipped", users->file.path, records.line);
		else if (wanted)
			found = 1;
	}
	span_wipe(&scratch, sizeof(scratch));
	records_end(&records);
	if (found == 1 && entry->uid == NO_UID)
		lend_rights(users, entry);
	return found;
}

/* Without a users file and without root: the one user there is. */
static int
find_self(struct users_entry *entry, bool has_secret)
{
	char name[sizeof(entry->name)];

	memcpy(name, entry->name, sizeof(name));
	return has_secret && users_self(entry) == 0 &&
	    strcmp(name, entry->name) == 0;
}

int
users_find(const struct users *users, struct span name, bool has_secret,
    struct users_entry *entry)
{
	int found;

	memset(entry, 0, sizeof(*entry));
	if (!users_can_be(name))
		return 0;
	(void)span_copy(name, entry->name, sizeof(entry->name));
	found = is_let_in(users, name);
	if (found == 1 && users->file.path != NULL) {
		found = find_in_file(users, name, entry);
		if (found == 0 && has_secret) {
			lend_rights(users, entry);
			found = 1;
		}
	} else if (found == 1) {
		found = users->by_root ? find_account(users, entry, has_secret) :
		    find_self(entry, has_secret);
	}
	/* To the system, -1 means what it was, which is root's. */
	if (found == 1 && (entry->uid == 0 || entry->uid == NO_UID ||
	    entry->gid == (gid_t)-1 ||
	    (!users->by_root && entry->uid != geteuid())))
		found = 0;
	if (found != 1)
		users_forget(entry);
	return found;
}

int
users_self(struct users_entry *entry)
{
	struct passwd *pw = getpwuid(geteuid());
	int result = -1;

	memset(entry, 0, sizeof(*entry));
	if (pw != NULL && users_can_be(span_of(pw->pw_name)) &&
	    span_copy(span_of(pw->pw_name), entry->name,
	    sizeof(entry->name)) == 0)
		result = fill_entry(entry, pw, "");
	return result;
}

bool
users_password_fits(const struct users_entry *entry, struct span password)
{
	char text[LIMITS_COMMAND + 1];
	const char *hash = entry == NULL ? NOBODYS_HASH : entry->hash;
	struct crypt_data *data = calloc(1, sizeof(*data));
	const char *made = NULL;
	bool fits = false;

	if (data != NULL && span_copy(password, text, sizeof(text)) == 0)
		made = crypt_r(text, hash, data);
	/* crypt(3) of an invalid hash is NULL or begins with `*'. */
	if (made != NULL && made[0] != '*' && hash[0] != '\0')
		fits = entry != NULL &&
		    span_equal_secret(span_of(made), span_of(hash));
	span_wipe(text, sizeof(text));
	if (data != NULL)
		span_wipe(data, sizeof(*data));
	free(data);
	return fits;
}

void
users_forget(struct users_entry *entry)
{
	span_wipe(entry, sizeof(*entry));
}
