/* SPDX-License-Identifier: ISC */
/*
 * What a session would read, looked at for --check-config.
 */
#include "config.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/span.h"
#include "mail/index.h"
#include "rights/sandbox.h"
#include "settings/options.h"
#include "tool/audit.h"
#include "who/login.h"
#include "who/secrets.h"
#include "who/users.h"

/* What --check-config found: unsafe things decide the exit code. */
struct findings {
	unsigned unsafe;
};

static void __attribute__((format(printf, 2, 3)))
unsafe(struct findings *findings, const char *format, ...)
{
	va_list arguments;

	findings->unsafe++;
	(void)fputs("unsafe: ", stdout);
	va_start(arguments, format);
	(void)vprintf(format, arguments);
	va_end(arguments);
	(void)fputc('\n', stdout);
}

static void __attribute__((format(printf, 1, 2)))
unwise(const char *format, ...)
{
	va_list arguments;

	(void)fputs("unwise: ", stdout);
	va_start(arguments, format);
	(void)vprintf(format, arguments);
	va_end(arguments);
	(void)fputc('\n', stdout);
}

static void
check_files(struct findings *findings, const struct login *login)
{
	const struct span nobody = SPAN("?");
	char secret[LIMITS_RECORD];
	struct users_entry entry;

	if (users_find(&login->users, nobody, false, &entry) == -1)
		unsafe(findings, "the users file or a list cannot be used (see "
		    "above)");
	if (login->secrets.path == NULL)
		return;
	if (login->secrets.why != NULL)
		unsafe(findings, "%s: %s; until then APOP is off",
		    login->secrets.path, login->secrets.why);
	else if (secrets_find(&login->secrets, nobody, secret) == -1)
		unsafe(findings, "%s: cannot be read", login->secrets.path);
}

/* A sidecar that is not the mailbox's owner's alone keeps him from deleting. */
static void
check_sidecar(struct findings *findings, const char *dir, int at,
    const char *name)
{
	struct span base = span_of(name + 1);
	char mailbox[LIMITS_PATH];
	struct stat st, box;

	base.n -= sizeof(".dewey") - 1;
	if (span_copy(base, mailbox, sizeof(mailbox)) == -1 ||
	    fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    fstatat(at, mailbox, &box, 0) == -1)
		return;
	if (st.st_uid != box.st_uid)
		unsafe(findings, "%s/%s: belongs to uid %lu, the mailbox to "
		    "uid %lu, who can delete nothing: remove it", dir, name,
		    (unsigned long)st.st_uid, (unsigned long)box.st_uid);
	else if (!S_ISREG(st.st_mode) || (st.st_mode & 0777) != 0600)
		unsafe(findings, "%s/%s: is no file of mode 0600: nothing can "
		    "be deleted from the mailbox: remove it", dir, name);
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

/* Where session lock and journal of its mailboxes are to be. */
static void
check_spool(struct findings *findings, const struct options *options,
    const char *dir, const struct stat *st)
{
	DIR *list = opendir(dir);
	const struct dirent *entry;
	size_t n;

	if ((st->st_mode & S_IWOTH) != 0)
		unwise("%s: everybody can make files there: .NAME.dewey made by "
		    "another makes the maildrop of NAME read-only; better "
		    "root:mail, mode 2775", dir);
	else if (st->st_uid == 0 && ((st->st_mode & S_IWGRP) == 0 ||
	    st->st_gid == 0))
		check_state(options->state_dir, dir);
	while (list != NULL && (entry = readdir(list)) != NULL) {
		n = strlen(entry->d_name);
		if (entry->d_name[0] == '.' && n > sizeof("..dewey") - 1 &&
		    strcmp(entry->d_name + n - 6, ".dewey") == 0)
			check_sidecar(findings, dir, dirfd(list),
			    entry->d_name);
	}
	if (list != NULL)
		(void)closedir(list);
}

static void
check_mailbox(struct findings *findings, const struct options *options)
{
	char dir[LIMITS_PATH];
	const char *percent = strchr(options->mailbox, '%');
	const char *end = options->mailbox + (percent == NULL ?
	    strlen(options->mailbox) : (size_t)(percent - options->mailbox));
	struct stat st;

	if (percent == NULL)
		unwise("mailbox has neither %%u nor %%h: all users would share "
		    "one");
	while (end > options->mailbox && *end != '/')
		end--;
	if (end == options->mailbox)
		return;
	(void)span_copy((struct span){ options->mailbox,
	    (size_t)(end - options->mailbox) }, dir, sizeof(dir));
	if (fstatat(AT_FDCWD, dir, &st, 0) == -1)
		unsafe(findings, "%s: the directory of --mailbox is not there: "
		    "make it, or name another", dir);
	else if (!S_ISDIR(st.st_mode))
		unsafe(findings, "%s: is not a directory", dir);
	else if ((st.st_mode & S_IWOTH) != 0 && (st.st_mode & S_ISVTX) == 0)
		unsafe(findings, "%s: everybody can rename mailboxes there: "
		    "chmod o-w or +t it", dir);
	else if (strstr(options->mailbox, "%h") == NULL)
		check_spool(findings, options, dir, &st);
}

static void
check_account(struct findings *findings, const char *key, const char *name)
{
	const struct passwd *pw = name == NULL ? NULL : getpwnam(name);

	if (name != NULL && (pw == NULL || pw->pw_uid == 0))
		unsafe(findings, "%s: %s %s", key, name, pw == NULL ?
		    "has no account: make one" : "is root: name another");
}

/* What depends on who starts sessions: taken to be who asks now. */
static void
check_starter(struct findings *findings, const struct options *options,
    const struct login *login)
{
	bool system = strcmp(options->users, "system") == 0;

	if (!system && options->users[0] != '/')
		unwise("users is no absolute path: it depends on where dewey is "
		    "started");
	if (geteuid() != 0) {
		if (system && !options->preauth && login->timestamp[0] == '\0')
			unsafe(findings, "nobody can log in: users = system "
			    "wants root");
		return;
	}
	check_account(findings, "gate-user", options->gate_user);
	if (options->gate_user == NULL && getpwnam("dewey-gate") == NULL)
		unwise("there is no account dewey-gate: make it, or set gate-user");
	if (options->preauth)
		unsafe(findings, "preauth: root has no maildrop: start dewey "
		    "as the user");
}

static void
check_choices(struct findings *findings, const struct options *options,
    const struct login *login)
{
	if (options->plaintext == OPTIONS_PLAINTEXT_ALWAYS)
		unwise("plaintext = always lets passwords cross open networks: "
		    "put TLS in front and say private = yes");
	if (options->plaintext == OPTIONS_PLAINTEXT_NEVER &&
	    login->timestamp[0] == '\0')
		unsafe(findings, "nobody can log in: plaintext = never, and "
		    "APOP is off");
	if (options->idle_timeout < LIMITS_IDLE_LEAST)
		unwise("idle-timeout is less than the 600 seconds of RFC 1939 "
		    "section 3");
	if (options->locks[0] == OPTIONS_LOCK_END)
		unwise("locks = none: mail delivered during a login or QUIT "
		    "can be lost");
	if (options->fail_delay == 0)
		unwise("fail-delay = 0 makes guessing passwords cheap");
	if (!options->apop_only && login->timestamp[0] != '\0')
		unwise("apop-only = no lets users with a secret send passwords, "
		    "too (RFC 1939 section 13)");
	if (options->sandbox == SANDBOX_NONE)
		unwise("sandbox = none lets a session that is taken over do "
		    "all that its user can");
	check_account(findings, "mail-user", options->mail_user);
	check_starter(findings, options, login);
}

int
audit_config(const struct options *options)
{
	struct findings findings = { 0 };
	struct login *login = calloc(1, sizeof(*login));

	if (login == NULL)
		return -1;
	log_open(LOG_TO_STDERR, false);
	login_open(login, options, "localhost", geteuid() == 0);
	check_files(&findings, login);
	check_mailbox(&findings, options);
	check_choices(&findings, options, login);
	if (findings.unsafe == 0)
		(void)fputs("a session can be served\n", stdout);
	span_wipe(login, sizeof(*login));
	free(login);
	return findings.unsafe == 0 ? 0 : -1;
}
