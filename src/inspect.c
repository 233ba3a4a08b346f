/* SPDX-License-Identifier: ISC */
/*
 * Looking without touching.
 */
#include "config.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "from.h"
#include "identity.h"
#include "inspect.h"
#include "limits.h"
#include "log.h"
#include "login.h"
#include "maildrop.h"
#include "message.h"
#include "options.h"
#include "sandbox.h"
#include "secrets.h"
#include "sidecar.h"
#include "span.h"
#include "uid.h"
#include "users.h"

/* Octets of a From_ line that are shown. */
#define SHOWN 200

static int
open_drop(struct maildrop *drop, const char *path)
{
	enum mailbox_fault fault;

	log_open(LOG_TO_STDERR, false);
	fault = maildrop_peek(drop, path);
	if (fault == MAILBOX_FINE) {
		message_sum_scanned(drop);
		fault = identity_complete(drop);
	}
	if (fault == MAILBOX_FINE)
		return 0;
	if (fault == MAILBOX_CHANGED)
		(void)fprintf(stderr, "dewey: %s: is being written to, try "
		    "again\n", path);
	maildrop_close(drop);
	return -1;
}

/* Print the begin of the line at ${offset}, escaped but for its blanks. */
static void
print_line(struct maildrop *drop, uint64_t offset)
{
	char escaped[LOG_ESCAPED(SHOWN)];
	const char *p = NULL;
	ssize_t n = block_read(&drop->block, offset, offset + SHOWN, &p);
	struct span rest = { p, n < 0 ? 0 : (size_t)n };
	struct span line = span_cut(&rest, '\n');

	while (line.p != NULL) {
		struct span word = span_cut(&line, ' ');

		(void)printf(" %s", log_escape(word.p, word.n, escaped));
	}
	(void)fputc('\n', stdout);
}

int
inspect_list(const char *path)
{
	struct maildrop drop = { 0 };
	char text[LIMITS_UID_MAX + 1];

	if (open_drop(&drop, path) == -1)
		return -1;
	for (size_t i = 0; i < drop.count; i++) {
		const struct maildrop_message *m = &drop.messages[i];

		uid_print(m->id, m->copy, text);
		(void)printf("%zu %" PRIu64 " %s", i + 1, m->octets, text);
		print_line(&drop, m->offset);
	}
	maildrop_close(&drop);
	return 0;
}

/* The lines of a mailbox, one by one; only what is asked of them is held. */
struct lines {
	struct maildrop *drop;
	uint64_t at;		/* of the current line */
	uint64_t next;		/* of the one behind it */
	char begin[6];		/* of it, "From " at most */
	size_t n;
	bool empty;
	bool dated;		/* it would be a From_ line */
};

static bool
next_line(struct lines *lines)
{
	struct from from;
	bool ended = false, cr = false;
	uint64_t octets = 0;

	lines->at = lines->next;
	lines->n = 0;
	from_begin(&from);
	while (!ended) {
		const char *p = NULL, *lf;
		ssize_t n = block_read(&lines->drop->block, lines->next,
		    UINT64_MAX, &p);
		size_t part;

		if (n <= 0)
			break;
		lf = memchr(p, '\n', (size_t)n);
		part = lf == NULL ? (size_t)n : (size_t)(lf - p);
		for (size_t i = 0; i < part && lines->n < 5; i++)
			lines->begin[lines->n++] = p[i];
		if (lines->begin[0] == 'F')
			from_feed(&from, p, part);
		cr = part == 1 && octets == 0 && p[0] == '\r';
		octets += part;
		ended = lf != NULL;
		lines->next += part + (ended ? 1 : 0);
	}
	lines->empty = ended && (octets == 0 || (octets == 1 && cr));
	lines->dated = lines->n > 0 && lines->begin[0] == 'F' &&
	    from_end(&from, ended);
	return octets > 0 || ended;
}

/* Lines that begin like a From_ line and are none, or that are one in a place
 * where another program may see none. */
static void
check_separators(struct maildrop *drop)
{
	struct lines lines = { .drop = drop };
	bool after_empty = true, taken = false;

	block_forget(&drop->block);
	while (next_line(&lines)) {
		bool like = lines.n == 5 && memcmp(lines.begin, "From ", 5) == 0;
		const char *why = NULL;

		if (taken && !lines.empty && memchr(lines.begin, ' ',
		    lines.n) != NULL && lines.begin[0] != ' ')
			why = "no header field follows the From_ line";
		taken = like && lines.dated && after_empty;
		if (like && lines.dated && !after_empty)
			why = "a From_ line without an empty line before it: "
			    "taken as text";
		else if (like && !lines.dated && after_empty)
			why = "begins like a From_ line but has no date: taken "
			    "as text";
		if (why != NULL) {
			(void)printf("offset %" PRIu64 ": %s:", lines.at, why);
			print_line(drop, lines.at);
		}
		after_empty = lines.empty;
	}
}

int
inspect_check(const char *path)
{
	struct maildrop drop = { 0 };
	char text[LIMITS_UID_MAX + 1];
	size_t copies = 0;

	if (open_drop(&drop, path) == -1)
		return -1;
	(void)printf("%zu message%s, %" PRIu64 " octets\n", drop.count,
	    drop.count == 1 ? "" : "s", drop.octets);
	if (drop.count > 0 && drop.begin > 0)
		(void)printf("%" PRIu64 " octets before the first message: "
		    "kept, never shown\n", drop.begin);
	check_separators(&drop);
	for (size_t i = 0; i < drop.count; i++)
		if (drop.messages[i].copy > 1) {
			uid_print(drop.messages[i].id, drop.messages[i].copy,
			    text);
			(void)printf("message %zu: a copy, unique-id %s\n",
			    i + 1, text);
			copies++;
		}
	if (sidecar_has_journal(&drop.mailbox))
		(void)printf("an UPDATE was cut short: the next login or dewey "
		    "--recover completes it\n");
	if (copies > 0)
		(void)printf("%zu of them copies of others\n", copies);
	maildrop_close(&drop);
	return 0;
}

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

static void
unwise(const char *what)
{
	(void)printf("unwise: %s\n", what);
}

static void
check_files(struct findings *findings, const struct login *login)
{
	const struct span nobody = SPAN("?");
	char secret[LIMITS_RECORD];
	struct users_entry entry;
	size_t length;

	if (users_find(&login->users, nobody, false, &entry) == -1)
		unsafe(findings, "the users file or a list cannot be used (see "
		    "above)");
	if (login->secrets.path == NULL)
		return;
	if (login->secrets.why != NULL)
		unsafe(findings, "%s: %s; until then APOP is off",
		    login->secrets.path, login->secrets.why);
	else if (secrets_find(&login->secrets, nobody, secret, &length) == -1)
		unsafe(findings, "%s: cannot be read", login->secrets.path);
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
		unwise("mailbox has neither %u nor %h: all users would share "
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
inspect_config(const struct options *options)
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
