/* SPDX-License-Identifier: ISC */
/*
 * The AUTHORIZATION state (RFC 1939 s4 and s7): USER, PASS, APOP, QUIT, CAPA,
 * AUTH, STLS (RFC 2595), UTF8 and LANG (RFC 6856).
 * It speaks to the client and asks somebody else who may come in; it opens no
 * file and knows no secret but the one in the command.
 */
#ifndef AUTHORIZATION_H
#define AUTHORIZATION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "talk/dispatch.h"
#include "talk/stls.h"
#include "talk/wire.h"
#include "who/login.h"

/*
 * Answers ${question}.  REPLY_MAILDROP: the user's maildrop is open, and the
 * state is over.  REPLY_USER: there may be such a user.
 * REPLY_CHALLENGE: one for the client is in ${question}.
 * REPLY_REFUSED_LAST: the session is over.  REPLY_SENT: no answer can be
 * had, and the session is over.  Any other text is sent to the client, which
 * may try again.
 */
typedef enum reply_text authorization_ask(void *to,
    struct login_question *question);

struct authorization {
	struct wire *wire;
	struct span host;	/* the name in the farewell */
	struct stls *stls;
	bool plaintext;		/* USER and PASS are allowed here */
	bool plaintext_in_tls;	/* ... or would be inside TLS */
	bool passwords;		/* some user has a password */
	bool apop;		/* the greeting had a timestamp */
	unsigned offers;	/* what can succeed, SCRAM aside: enum
				 * reply_offer */
	unsigned offers_in_tls;	/* ... or could inside TLS */
	unsigned delay;		/* between logins, seconds; 0: none */
	bool hide_users;
	bool utf8;		/* names and passwords must be (RFC 6856) */
	bool plain;		/* USER is answered without the name */
	authorization_ask *ask;
	void *to;
	bool refused;		/* too many failed logins ended the state */
	bool lost;		/* a question that got no answer did */
	enum ucspi_end secured;	/* how the handshake ended, if one was had:
				 * not UCSPI_DONE ended the state */
	struct login_question question;	/* private */
};

/*
 * authorization_run(authorization):
 * Speak until somebody is let in or the session ends, for at most
 * LIMITS_LOGIN_LINES.  Returns DISPATCH_END_LEFT when the maildrop is open, and
 * DISPATCH_END_CLOSED after QUIT or, with ${authorization}->refused or ->lost,
 * after the last question, or after a handshake that failed.
 */
enum dispatch_end authorization_run(struct authorization *authorization);

#endif
