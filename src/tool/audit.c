/* SPDX-License-Identifier: ISC */
/*
 * --check-config: everything that a session would read is read, by the same
 * rooms, and looked at.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/finding.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/span.h"
#include "mail/index.h"
#include "rights/account.h"
#include "rights/reach.h"
#include "rights/sandbox.h"
#include "rights/starter.h"
#include "settings/options.h"
#include "settings/place.h"
#include "settings/records.h"
#include "tool/audit.h"
#include "who/login.h"
#include "who/password.h"
#include "who/secrets.h"
#include "who/users.h"

struct audit {
	const struct options *options;
	const struct login *login;
	unsigned unsafe;	/* findings that decide the exit code */
};

#define unsafe(audit, ...) finding_unsafe(&(audit)->unsafe, __VA_ARGS__)
#define unwise(...) finding_unwise(__VA_ARGS__)
#define NOBODY "nobody can log in"

/* Whether nothing is wrong with the ${file}; else ${lost}. */
static bool
check_file(struct audit *audit, const struct records_file *file,
    const char *lost)
{
	if (file->why != NULL)
		unsafe(audit, "%s: %s; until then %s", file->path, file->why,
		    lost);
	return file->why == NULL;
}

static bool
is_any(struct span rest)
{
	return rest.p != NULL;
}

static bool
wants_uid(struct span rest)
{
	(void)span_cut(&rest, ':');
	return span_cut(&rest, ':').n == 0;
}

/* Each line of ${file} whose stored key is none, but not without an end. */
static void
check_keys(struct audit *audit, const struct records_file *file)
{
	unsigned line = 0;

	for (int i = 0; i <= LIMITS_NAMED && (line = records_first(file, line,
	    password_is_bad_key)) != 0; i++)
		if (i < LIMITS_NAMED)
			unsafe(audit, "%s:%u: the stored key is none: the user "
			    "cannot log in: dewey --set-password "
			    "--scheme=scram NAME", file->path, line);
		else
			unsafe(audit, "%s: line %u and perhaps more: the same",
			    file->path, line);
}

static void
check_files(struct audit *audit)
{
	const struct login *login = audit->login;
	const struct users *users = &login->users;
	const struct span nobody = SPAN("?");
	char secret[LIMITS_RECORD];
	struct users_entry entry;
	unsigned line;

	if (check_file(audit, &users->file, NOBODY) &
	    check_file(audit, &users->allow, NOBODY) &
	    check_file(audit, &users->deny, NOBODY) &
	    check_file(audit, &users->shadow, NOBODY))
		/* Lines that are skipped are logged. */
		(void)users_find(users, nobody, USERS_PASSWORD, &entry);
	if (users->file.path != NULL && users->file.why == NULL &&
	    users->by_root && users->mail_user == NULL &&
	    (line = records_first(&users->file, 0, wants_uid)) != 0)
		unsafe(audit, "%s:%u: the user has no uid, and there is no "
		    "mail-user: nobody without a uid can log in: set mail-user",
		    users->file.path, line);
	if (users->file.path != NULL && users->file.why == NULL)
		check_keys(audit, &users->file);
	if (!check_file(audit, &login->secrets, "APOP is off") ||
	    login->secrets.path == NULL)
		return;
	(void)secrets_find(&login->secrets, nobody, secret);
	if (records_first(&login->secrets, 0, is_any) == 0)
		unwise("%s: has no secret in it, but APOP is offered, which "
		    "curl and others try and nothing else: remove the file",
		    login->secrets.path);
}

/* What the name of a sidecar ends with, behind a dot and the mailbox's name. */
#define EXTENSION ".dewey"

/* The sidecar ${name} in ${dir}, which is open as ${at}: a user can delete
 * nothing if it is not that user's alone. */
static void
check_sidecar(struct audit *audit, const char *dir, int at, const char *name)
{
	char owner[LIMITS_NAME + 1], user[sizeof(owner)], mailbox[LIMITS_PATH];
	struct stat st, box;

	if (span_copy((struct span){ name + 1, strlen(name) -
	    sizeof(EXTENSION) }, mailbox, sizeof(mailbox)) == -1 ||
	    fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    fstatat(at, mailbox, &box, 0) == -1)
		return;
	if (st.st_uid != box.st_uid)
		unsafe(audit, "%s/%s: belongs to %s, the mailbox to %s, who "
		    "can delete nothing: chown the mailbox, or %s %s/%s", dir,
		    name, users_name(st.st_uid, true, owner),
		    users_name(box.st_uid, true, user), st.st_size > 0 &&
		    st.st_uid == 0 ? "chown" : "rm", dir, name);
	else if (!S_ISREG(st.st_mode) || (st.st_mode & 0777) != 0600)
		unsafe(audit, "%s/%s: is no file of mode 0600: nothing can "
		    "be deleted from the mailbox: %s %s/%s", dir, name,
		    S_ISREG(st.st_mode) ? "chmod 600" : "rm", dir, name);
}

/* The mailboxes in ${dir} have session lock and journal in --state-dir. */
static void
check_state(const char *state, const char *dir)
{
	struct stat st;

	if (state[0] != '/')
		unwise("%s: nobody but root can make files there, and there is "
		    "no --state-dir: maildrops are read-only", dir);
	/* One that is missing is made at the first login. */
	else if ((fstatat(AT_FDCWD, state, &st, 0) == 0 || errno != ENOENT) &&
	    !index_is_safe(state, 0))
		unwise("%s: is no directory where only root can make files, so "
		    "it is not used, and maildrops in %s are read-only: give "
		    "it to root, mode 0755", state, dir);
}

/* The directory of the mailboxes, where session locks and journals are to be:
 * ${st} is what it is. */
static void
check_spool(struct audit *audit, const char *dir, const struct stat *st)
{
	DIR *list = opendir(dir);
	const struct dirent *entry;
	size_t n;

	if ((st->st_mode & S_IWOTH) != 0)
		unwise("%s: everybody can make files there, and a .NAME.dewey "
		    "of another user makes the maildrop of NAME read-only: "
		    "better root:mail, mode 2775", dir);
	else if (st->st_uid == 0 && ((st->st_mode & S_IWGRP) == 0 ||
	    st->st_gid == 0))
		check_state(audit->options->state_dir, dir);
	while (list != NULL && (entry = readdir(list)) != NULL) {
		n = strlen(entry->d_name);
		if (entry->d_name[0] == '.' && n > sizeof(EXTENSION) &&
		    strcmp(entry->d_name + n - sizeof(EXTENSION) + 1,
		    EXTENSION) == 0)
			check_sidecar(audit, dir, dirfd(list), entry->d_name);
	}
	if (list != NULL)
		(void)closedir(list);
}

/* The last directory of --mailbox that is the same for all users. */
static void
check_mailbox(struct audit *audit)
{
	const char *mailbox = audit->options->mailbox;
	size_t n = strcspn(mailbox, "%");
	char dir[LIMITS_PATH];
	struct stat st;

	if (mailbox[n] == '\0')
		unwise("mailbox has neither %%u nor %%h: all users would share "
		    "one");
	while (n > 0 && mailbox[n] != '/')
		n--;
	if (n == 0)
		return;
	(void)span_copy((struct span){ mailbox, n }, dir, sizeof(dir));
	if (fstatat(AT_FDCWD, dir, &st, 0) == -1)
		unsafe(audit, "%s: the directory of --mailbox is not there: "
		    "make it, or name another", dir);
	else if (!S_ISDIR(st.st_mode))
		unsafe(audit, "%s: is not a directory: name another in "
		    "--mailbox", dir);
	else if ((st.st_mode & S_IWOTH) != 0 && (st.st_mode & S_ISVTX) == 0)
		unsafe(audit, "%s: everybody can rename mailboxes there: "
		    "chmod o-w or +t it", dir);
	else if (strstr(mailbox, "%h") == NULL)
		check_spool(audit, dir, &st);
}

static void
check_account(struct audit *audit, const char *key, const char *name)
{
	const struct passwd *pw = name == NULL ? NULL : getpwnam(name);

	if (name != NULL && (pw == NULL || pw->pw_uid == 0))
		unsafe(audit, "%s: %s %s", key, name, pw == NULL ?
		    "has no account: make it (useradd -r), or name another" :
		    "is root: name another");
}

/* What depends on who starts a session: the user who asks now, it is taken. */
static void
check_starter(struct audit *audit)
{
	const struct options *options = audit->options;
	bool system = strcmp(options->users, "system") == 0;
	const char *names[ACCOUNT_KINDS];

	if (!system && options->users[0] != '/')
		unwise("users is no absolute path: which file it is depends on "
		    "where dewey is started");
	if (geteuid() != 0) {
		if (system && !options->preauth && !audit->login->passwords &&
		    audit->login->timestamp[0] == '\0')
			unsafe(audit, "nobody can log in: users = system wants "
			    "root to start dewey");
		return;
	}
	check_account(audit, "gate-user", options->gate_user);
	check_account(audit, "judge-user", options->judge_user);
	for (size_t i = account_missing(options, names); i > 0; i--)
		unwise("there is no account %s: useradd -r -d /nonexistent -s "
		    "/usr/sbin/nologin %s", names[i - 1], names[i - 1]);
	if (options->preauth)
		unsafe(audit, "preauth: root has no maildrop: start dewey as "
		    "the user");
}

static void
check_choices(struct audit *audit)
{
	const struct options *options = audit->options;
	bool apop = audit->login->timestamp[0] != '\0';

	if (options->plaintext == OPTIONS_PLAINTEXT_ALWAYS)
		unwise("plaintext = always lets passwords cross open networks: "
		    "put TLS in front and say private = yes");
	if (options->plaintext == OPTIONS_PLAINTEXT_NEVER && !apop)
		unsafe(audit, "nobody can log in: plaintext = never, and APOP "
		    "is off");
	if (!audit->login->passwords && options->passwords != NULL)
		unsafe(audit, "nobody can log in with a password: passwords = "
		    "%s, but the users are in %s: change one of these",
		    options->passwords, options->users);
	reach_examine(options, &audit->unsafe);
	if (options->idle_timeout < LIMITS_IDLE_LEAST)
		unwise("idle-timeout is less than the %d seconds of RFC 1939 "
		    "section 3", LIMITS_IDLE_LEAST);
	if (options->locks[0] == OPTIONS_LOCK_END)
		unwise("locks = none: mail that is delivered during a login or "
		    "QUIT can be lost");
	if (options->fail_delay == 0)
		unwise("fail-delay = 0 makes guessing passwords cheap");
	if (!options->apop_only && apop)
		unwise("apop-only = no lets users who have a secret send a "
		    "password, too (RFC 1939 section 13)");
	if (options->sandbox == SANDBOX_NONE)
		unwise("sandbox = none lets a session that is taken over do "
		    "all that its user can");
	check_account(audit, "mail-user", options->mail_user);
}

/* Put the address that is asked about where %i stands. */
static int
place(struct options *options)
{
	const char *address = options->operand_count == 0 ? NULL :
	    options->operands[0];
	const char *why = NULL;
	struct in6_addr any;

	if (address == NULL)
		why = place_matters(options) ? "which files there are depends "
		    "on %i: name an address that clients call" : NULL;
	else if (inet_pton(AF_INET, address, &any) != 1 &&
	    inet_pton(AF_INET6, address, &any) != 1)
		why = "that is no address";
	else if (!place_matters(options))
		why = "an address makes no difference, for no option has %i";
	else if (place_put(options, address) == -1)
		why = "%i: a path is too long";
	if (why != NULL)
		(void)fprintf(stderr, "dewey: --check-config: %s\n", why);
	return why == NULL ? 0 : -1;
}

int
audit_config(struct options *options)
{
	struct login *login = calloc(1, sizeof(*login));
	struct audit audit = { .options = options, .login = login };

	if (login == NULL || place(options) == -1) {
		free(login);
		return -1;
	}
	/* What is wrong with a file is told below. */
	log_open(LOG_TO_NONE, false);
	login_open(login, options, "localhost", geteuid() == 0);
	log_open(LOG_TO_STDERR, false);
	check_files(&audit);
	check_mailbox(&audit);
	check_choices(&audit);
	check_starter(&audit);
	if (options->tls != OPTIONS_TLS_NONE && starter_examine(options) == -1)
		audit.unsafe++;
	if (audit.unsafe == 0)
		(void)fputs("a session can be served\n", stdout);
	span_wipe(login, sizeof(*login));
	free(login);
	return audit.unsafe == 0 ? 0 : -1;
}
