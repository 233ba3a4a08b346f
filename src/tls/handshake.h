/* SPDX-License-Identifier: ISC */
/*
 * TLS with one client: what is offered, and the handshake.
 */
#ifndef HANDSHAKE_H
#define HANDSHAKE_H

#include <stdbool.h>

#include "tls/certificate.h"
#include "tls/outer.h"
#include "tls/transcript.h"

struct handshake {
	gnutls_session_t session;
	struct certificate certificate;
	int key;		/* channel to the process that signs */
	struct outer outer;
	struct transcript transcript;
};

/*
 * handshake_begin(handshake, least):
 * Prepare TLS with ${handshake}->certificate; ${least}: with no version but
 * 1.3.  Returns 0 or an error of GnuTLS.
 */
int handshake_begin(struct handshake *handshake, bool least);

/*
 * handshake_run(handshake, control):
 * Have the handshake, until the other side of ${control} gives it up.  Returns
 * 0 or an error of GnuTLS, of which the client was told then.
 */
int handshake_run(struct handshake *handshake, int control);

/*
 * handshake_tell(handshake, control):
 * Tell on ${control} of the handshake, as UCSPI-TLS wants it.
 */
void handshake_tell(const struct handshake *handshake, int control);

#endif
