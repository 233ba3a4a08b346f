/* SPDX-License-Identifier: ISC */
/*
 * The client's side of a session: greeting, the states in their order (RFC 1939
 * s3), farewell, and how it ended.
 */
#ifndef DIALOGUE_H
#define DIALOGUE_H

#include <signal.h>
#include <stdbool.h>

#include "base/limits.h"
#include "base/log.h"
#include "talk/authorization.h"
#include "talk/stls.h"
#include "talk/wire.h"
#include "who/peer.h"

struct login;
struct maildrop;
struct options;

/* Exit codes of dewey. */
enum dialogue_exit {
	DIALOGUE_ORDERLY = 0,	/* QUIT was answered, or the input ended between
				 * commands with nothing marked */
	DIALOGUE_BROKEN = 1,	/* time-out, lost client, failed logins, a
				 * signal */
	DIALOGUE_USAGE = 100,	/* a mistake in the options */
	DIALOGUE_TROUBLE = 111	/* the system or the maildrop; failed UPDATE */
};

struct dialogue {
	const struct options *options;
	const struct login *login;	/* its timestamp and passwords */
	authorization_ask *ask;	/* who may come in */
	void *to;
	char host[LIMITS_HOST + 1];	/* the name in the greeting */
	char user[LIMITS_NAME + 1];	/* who was let in; set by the session */
	struct maildrop *drop;	/* that user's, open; NULL before
				 * and after */
	struct peer peer;
	struct stls stls;
	struct log_session record;
	struct wire wire;
};

/*
 * dialogue_open(dialogue, options, login, stop):
 * Prepare to speak on descriptors 0 and 1; ${stop} as for wire_open.
 */
void dialogue_open(struct dialogue *dialogue, const struct options *options,
    const struct login *login, const volatile sig_atomic_t *stop);

/*
 * dialogue_authorize(dialogue, accepted):
 * Greet, and speak AUTHORIZATION until somebody is let in (${accepted}) or the
 * session is over.  Returns the exit code for the latter.
 */
enum dialogue_exit dialogue_authorize(struct dialogue *dialogue,
    bool *accepted);

/*
 * dialogue_serve(dialogue, method):
 * Tell what is in ${dialogue}->drop; speak TRANSACTION and do UPDATE.
 * ${method} is how the user got in.  Returns the exit code.
 */
enum dialogue_exit dialogue_serve(struct dialogue *dialogue,
    enum log_method method);

/*
 * dialogue_refuse(dialogue, text):
 * Instead of a greeting, say why there is no session.  Returns the exit code.
 */
enum dialogue_exit dialogue_refuse(struct dialogue *dialogue,
    enum reply_text text);

/*
 * dialogue_close(dialogue):
 * Log the session and end the stream.
 */
void dialogue_close(struct dialogue *dialogue);

#endif
