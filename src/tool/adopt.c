/* SPDX-License-Identifier: ISC */
/*
 * --adopt-ids and --forget-ids: which mailboxes, and whose rights each needs.
 * The mailbox and the other server's answers are read by a session, which has
 * no other rights than to these open files.
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/store.h"
#include "rights/keeper.h"
#include "rights/process.h"
#include "settings/options.h"
#include "settings/records.h"
#include "tool/adopt.h"
#include "tool/adoption.h"
#include "who/users.h"

struct adopt {
	const struct options *options;
	struct users users;
	struct adoption order;
	const volatile sig_atomic_t *stop;
	bool by_root;
	bool trouble;
};

static void
tell(struct adopt *adopt, const char *name, const char *why)
{
	(void)printf("%s: %s\n", name, why);
	adopt->trouble = true;
}

/* In a directory where only root can make files: make those that the owner will
 * need, and give them to him. */
static void
make_files(const struct adopt *adopt, const struct session *session)
{
	const char *slash = strrchr(session->path, '/');
	char name[LIMITS_PATH];

	if (!adopt->by_root || slash == NULL || !session->make ||
	    !mailbox_is_shut(session->path))
		return;
	session_make_state(session, session->path);
	if (snprintf(name, sizeof(name), "%.*s/.%s.dewey.ids",
	    (int)(slash - session->path), session->path, slash + 1) <
	    (int)sizeof(name))
		store_give(name, session->user.uid, session->user.gid);
}

/* In a process of its own: what is asked for ${path}, with the rights of
 * ${user}. */
static void __attribute__((noreturn))
work(struct adopt *adopt, const struct users_entry *user, const char *path)
{
	struct session *session = calloc(1, sizeof(*session));

	if (session != NULL) {
		session->options = adopt->options;
		session->by_root = adopt->by_root;
		session->stop = adopt->stop;
		session->path = path;
		session->task = adoption_run;
		session->order = &adopt->order;
		session->make = !adopt->order.forget && !adopt->order.dry_run;
		session->group = PROCESS_NO_GROUP;
		session->user.uid = user->uid;
		session->user.gid = user->gid;
		make_files(adopt, session);
		if (adopt->by_root)
			(void)mailbox_spool_group(path, &session->group);
		(void)keeper_admit(session, -1);
	}
	process_end(DIALOGUE_TROUBLE);
}

static void
take_path(struct adopt *adopt, const struct users_entry *user,
    const char *path, const char *name)
{
	bool killed;
	pid_t child;

	adopt->order.name = name;
	(void)fflush(stdout);
	child = process_fork("adoption");
	if (child == 0)
		work(adopt, user, path);
	if (child == -1 || process_reap(child, "adoption", &killed) !=
	    DIALOGUE_ORDERLY)
		tell(adopt, name, "nothing is changed");
	adopt->order.name = NULL;
}

/* Take the mailbox ${path}, as its owner. */
static void
take_owned(struct adopt *adopt, const char *path)
{
	struct users_entry user = { .home = "" };
	struct stat st;

	if (stat(path, &st) == -1 || !S_ISREG(st.st_mode)) {
		tell(adopt, path, "is no mailbox");
		return;
	}
	user.uid = st.st_uid;
	user.gid = st.st_gid;
	take_path(adopt, &user, path, path);
}

/* Take the mailbox of the user ${name}.  Among all users those without mail, or
 * who may not log in, are nothing to complain of. */
static void
take_name(struct adopt *adopt, const char *name)
{
	struct users_entry user;
	char path[LIMITS_PATH];
	struct stat st;

	if (strchr(name, '/') != NULL) {
		take_owned(adopt, name);
	} else if (users_find(&adopt->users, span_of(name), USERS_SECRET,
	    &user) != 1) {
		if (!adopt->options->all)
			tell(adopt, name, "there is no such user, or only root "
			    "may do that");
	} else if (mailbox_expand(adopt->options->mailbox, name, user.home,
	    path) == -1 || stat(path, &st) == -1 || st.st_size == 0) {
		if (!adopt->options->all)
			tell(adopt, name, "has no mail");
	} else {
		take_path(adopt, &user, path, name);
	}
}

/* Take every user of the users file. */
static void
take_file(struct adopt *adopt)
{
	struct records records;
	struct span line;
	char name[LIMITS_NAME + 1];
	int got;

	(void)records_begin(&records, &adopt->users.file);
	while ((got = records_next(&records, &line)) != 0)
		if (got == 1 && span_copy(span_cut(&line, ':'), name,
		    sizeof(name)) == 0 && users_can_be(span_of(name)))
			take_name(adopt, name);
	records_end(&records);
}

static void
take_all(struct adopt *adopt)
{
	const struct passwd *pw;
	char name[LIMITS_NAME + 1];

	if (adopt->users.file.path != NULL) {
		take_file(adopt);
		return;
	}
	while ((pw = getpwent()) != NULL)
		if (span_copy(span_of(pw->pw_name), name, sizeof(name)) == 0)
			take_name(adopt, name);
	endpwent();
}

/* Read the first operand of --adopt-ids: a server, or a file. */
static int
read_source(struct adopt *adopt, const char *source)
{
	adopt->order.server = span_choice(FOREIGN_NAMES, span_of(source));
	adopt->order.file = -1;
	if (adopt->order.server != -1)
		return 0;
	adopt->order.file = open(source, O_RDONLY | O_NONBLOCK | O_NOCTTY |
	    O_CLOEXEC);
	if (adopt->order.file == -1)
		(void)fprintf(stderr, "dewey: %s: %s; servers are %s\n",
		    source, strerror(errno), FOREIGN_NAMES);
	return adopt->order.file == -1 ? -1 : 0;
}

/* Whether the operands ${names} fit the flags. */
static bool
fits(const struct adopt *adopt, int names)
{
	const char *why = NULL;

	if (adopt->options->all == (names > 0))
		why = "name mailboxes or users, or say --all";
	else if (adopt->order.file != -1 && names != 1)
		why = "the answers in a file are those for one user";
	if (why != NULL)
		(void)fprintf(stderr, "dewey: --%s: %s\n",
		    adopt->options->acting->name, why);
	return why == NULL;
}

int
adopt_run(const struct options *options)
{
	struct adopt adopt = { .options = options, .by_root = geteuid() == 0 };
	int first = options->action == OPTIONS_ADOPT_IDS ? 1 : 0;

	adopt.order.forget = first == 0;
	adopt.order.dry_run = options->dry_run;
	adopt.order.file = -1;
	log_open(LOG_TO_STDERR, false);
	if (first == 1 && read_source(&adopt, options->operands[0]) == -1)
		return DIALOGUE_TROUBLE;
	if (!fits(&adopt, options->operand_count - first))
		return DIALOGUE_USAGE;
	adopt.stop = process_catch_signals();
	users_open(&adopt.users, options, adopt.by_root);
	if (options->all)
		take_all(&adopt);
	for (int i = first; i < options->operand_count && *adopt.stop == 0; i++)
		take_name(&adopt, options->operands[i]);
	users_close(&adopt.users);
	return adopt.trouble ? DIALOGUE_TROUBLE : DIALOGUE_ORDERLY;
}
