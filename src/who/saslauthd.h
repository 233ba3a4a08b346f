/* SPDX-License-Identifier: ISC */
/*
 * Asking saslauthd(8) whether a password is right: it knows PAM, LDAP, Kerberos
 * and others.  A question is four strings, each with two octets in front that
 * count it, the answer is one such string: "OK" or "NO", and perhaps a blank
 * and words.  What it answers is a stranger's octets here.
 */
#ifndef SASLAUTHD_H
#define SASLAUTHD_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/span.h"

/* Octets of a question: name, password, service and realm. */
#define SASLAUTHD_QUESTION (4 * (2 + LIMITS_SASLAUTHD))

enum saslauthd_answer {
	SASLAUTHD_NO,		/* the password is not right */
	SASLAUTHD_OK,
	SASLAUTHD_TROUBLE	/* nobody knows: logged */
};

struct saslauthd {
	const char *path;	/* of its socket; NULL: it is not asked */
	int64_t patience;	/* milliseconds that a question may take */
	/* Returns a connection that does not block, or -1 with errno; NULL:
	 * saslauthd_connect.  It is given ${to}. */
	int (*reach)(void *to);
	void *to;
	const sigset_t *waiting;	/* signals blocked while waiting */
	const volatile sig_atomic_t *stop;	/* not 0: do not wait on */
};

/*
 * saslauthd_path(passwords):
 * Return the path of saslauthd's socket, as --passwords names it, or NULL if it
 * names something else, or nothing.
 */
const char *saslauthd_path(const char *passwords);

/*
 * saslauthd_connect(path):
 * Connect to the socket ${path}, without waiting.  Returns a descriptor that
 * does not block, or -1 with errno: EAGAIN if too many others wait there.
 */
int saslauthd_connect(const char *path);

/*
 * saslauthd_question(name, password, question):
 * Write a question to ${question}, SASLAUTHD_QUESTION octets.  Returns how many
 * it has, or 0 if a string is too long or has a NUL: such a one is never asked.
 */
size_t saslauthd_question(struct span name, struct span password,
    char *question);

/*
 * saslauthd_read(octets, answer, reason):
 * Read what has come of an answer.  Returns 1, and ${answer} and what it has
 * for a ${reason}; 0 if there must be more; or -1 if it is none.
 */
int saslauthd_read(struct span octets, enum saslauthd_answer *answer,
    struct span *reason);

/*
 * saslauthd_ask(saslauthd, name, password):
 * Ask whether ${password} is that of ${name}.  The reason of a refusal is
 * logged.
 */
enum saslauthd_answer saslauthd_ask(const struct saslauthd *saslauthd,
    struct span name, struct span password);

#endif
