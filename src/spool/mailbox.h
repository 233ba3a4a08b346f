/* SPDX-License-Identifier: ISC */
/*
 * The mailbox as a file among hostile neighbours: making its name, opening it
 * and its directory, and whether it is still the one that was opened.
 */
#ifndef MAILBOX_H
#define MAILBOX_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/stamp.h"

/* Why a maildrop cannot be had. */
enum mailbox_fault {
	MAILBOX_FINE,
	MAILBOX_IN_USE,		/* another session has it */
	MAILBOX_EARLY,		/* the last login was too short a time ago */
	MAILBOX_LOCKED,		/* a mailbox lock was not had in time */
	MAILBOX_NOT_MBOX,
	MAILBOX_NO_DIRECTORY,
	MAILBOX_NOT_A_FILE,
	MAILBOX_FOREIGN,	/* of another owner, or writable by everybody */
	MAILBOX_DENIED,		/* permissions */
	MAILBOX_CHANGED,	/* not what it was when it was scanned */
	MAILBOX_TROUBLE		/* memory, space, I/O */
};

/* An open mailbox; descriptors are -1 where there is none. */
struct mailbox {
	char path[LIMITS_PATH];	/* of the mailbox */
	const char *base;	/* its last part */
	char sidecar_name[LIMITS_PATH];	/* .NAME.dewey, in the directory */
	int dir;		/* the directory */
	int fd;			/* the mailbox; -1: there is none */
	int sidecar;		/* the session lock; later the journal */
	int adopted;		/* adopted unique-ids */
	bool read_only;		/* asked for, or for lack of rights */
	bool no_journal;	/* no space for a sidecar */
	bool elsewhere;		/* the sidecar is in --state-dir, because only
				 * root can make files beside the mailbox */
};

/*
 * mailbox_judge(path, what):
 * Log that ${path} "cannot ${what}" because of errno.  Returns the fault that
 * this errno is.
 */
enum mailbox_fault mailbox_judge(const char *path, const char *what);

/*
 * mailbox_expand(template, name, home, path):
 * Write to ${path} the ${template}, in which %u stands for the user ${name}, %n
 * and %d for the parts of it before and behind the first @, %h for ${home}, %%
 * for a percent sign.  Returns 0, or -1 if the path is too long or not
 * absolute.
 */
int mailbox_expand(const char *template, const char *name, const char *home,
    char path[LIMITS_PATH]);

/*
 * mailbox_name(mailbox, path):
 * Note the names of the mailbox ${path} and of its sidecar; nothing is open.
 * Returns 0, or -1 if they are too long.
 */
int mailbox_name(struct mailbox *mailbox, const char *path);

/*
 * mailbox_open(mailbox, path, read_only):
 * Open the mailbox ${path} of the effective user.  A missing mailbox is an
 * empty one, and nothing is made for it.  It must be a regular file that
 * belongs to the user and that not everybody may write; a symbolic link is
 * followed if it is root's or the user's.  A name that ends in ".lock" is
 * refused.  A lease that another program has on it is waited for, up to
 * LIMITS_LEASE_MS.  The cause of a fault is logged, and so is the cause if the
 * mailbox can only be read though ${read_only} is false.  After a fault nothing
 * is open.
 */
enum mailbox_fault mailbox_open(struct mailbox *mailbox, const char *path,
    bool read_only);

/*
 * mailbox_spool_group(path, group):
 * Say whether the directory of the mailbox ${path} belongs to root and a group
 * that may write there, as Debian's /var/mail does; store that group in
 * ${group}.
 */
bool mailbox_spool_group(const char *path, gid_t *group);

/*
 * mailbox_is_shut(path):
 * Say whether nobody but root can make files in the directory of the mailbox
 * ${path}.
 */
bool mailbox_is_shut(const char *path);

/*
 * mailbox_reopen(mailbox, fd):
 * Open the file that the mailbox's name leads to now, with all checks of
 * mailbox_open, and store its descriptor, which the caller closes, in ${fd}; -1
 * after a fault.
 */
enum mailbox_fault mailbox_reopen(const struct mailbox *mailbox, int *fd);

/*
 * mailbox_was_replaced(mailbox):
 * Say whether the name leads to another file than the open one.
 */
bool mailbox_was_replaced(const struct mailbox *mailbox);

/*
 * mailbox_peek(mailbox, path):
 * Open the regular file ${path}, whoever owns it, for reading only and without
 * the session lock, and its sidecar, if there is one.
 */
enum mailbox_fault mailbox_peek(struct mailbox *mailbox, const char *path);

/*
 * mailbox_close(mailbox):
 * Close the descriptors; the session lock goes with them.
 */
void mailbox_close(struct mailbox *mailbox);

/*
 * mailbox_stat(mailbox, stamp):
 * Fill ${stamp} from the descriptor.  Without a mailbox everything is 0.
 * Returns 0, or -1 with errno.
 */
int mailbox_stat(const struct mailbox *mailbox, struct stamp *stamp);

/*
 * mailbox_is_still(mailbox, stamp), mailbox_is(mailbox, stamp):
 * Say whether the open mailbox still has ${stamp}.  mailbox_is also asks
 * whether its name still leads to it, unless names cannot be looked up.
 */
bool mailbox_is_still(const struct mailbox *mailbox,
    const struct stamp *stamp);
bool mailbox_is(const struct mailbox *mailbox,
    const struct stamp *stamp);

#endif
