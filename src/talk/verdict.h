/* SPDX-License-Identifier: ISC */
/*
 * The answer to a question of AUTHORIZATION, and when it is given: every
 * refusal of credentials has one text and one time.
 */
#ifndef VERDICT_H
#define VERDICT_H

#include <signal.h>

#include "base/log.h"
#include "talk/reply.h"
#include "who/login.h"

struct verdict {
	struct login login;
	enum login_method method;	/* of the last question */
	const char *peer;	/* for the log */
	const sigset_t *waiting;	/* signals blocked while waiting */
	const volatile sig_atomic_t *stop;	/* not 0: do not wait on */
};

/*
 * verdict_method(method):
 * Return what the log calls ${method}.
 */
enum log_method verdict_method(enum login_method method);

/*
 * verdict_give(verdict, question, entry):
 * Judge ${question}.  REPLY_MAILDROP: ${entry} may be let in, if the maildrop
 * can be opened.  REPLY_CHALLENGE: a challenge is in ${question}.  A refusal
 * waits as login_delay says, and is logged; the last one is
 * REPLY_REFUSED_LAST.  A fault is logged, and no try; nor is REPLY_UNJUDGED.
 */
enum reply_text verdict_give(struct verdict *verdict,
    struct login_question *question, struct users_entry *entry);

#endif
