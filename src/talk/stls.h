/* SPDX-License-Identifier: ISC */
/*
 * TLS with the client (RFC 8314, RFC 2595): whether it can be had, whether it
 * is there, and the handshake.  Another program speaks it; this one asks that
 * for it, and reads and writes elsewhere from then on.
 */
#ifndef STLS_H
#define STLS_H

#include <sys/types.h>

#include <stdbool.h>

#include "base/log.h"
#include "base/stream.h"
#include "base/ucspi.h"
#include "talk/wire.h"

struct stls {
	struct ucspi ucspi;	/* control is -1: there can be no TLS */
	struct stream stream;	/* where what is said inside TLS is */
	bool ours;		/* the other program is dewey-tls, ... */
	pid_t pid;		/* ... in this process */
	enum log_tls tls;	/* what there is */
	bool bound;		/* SASL can be bound to it, ... */
	char binding[LIMITS_BINDING];	/* ... by this, the value of
				 * tls-exporter (RFC 9266); the gate's alone */
};

/*
 * stls_none(stls):
 * There is no TLS, and can be none.
 */
void stls_none(struct stls *stls);

/*
 * stls_open(stls, network):
 * Prepare to read and write where ${stls}->ucspi says; ${network} is the
 * connection.
 */
void stls_open(struct stls *stls, const struct stream *network);

/*
 * stls_close(stls):
 * This process says nothing to the client any more, in TLS.
 */
void stls_close(struct stls *stls);

/*
 * stls_secure(stls, wire):
 * Have the handshake, before ${wire}'s deadline.  Nothing may be gathered or
 * unread: octets that are would be taken for the client's although anybody may
 * have put them there, so they make the handshake fail.  Returns
 * UCSPI_DONE, and ${wire} reads and writes inside TLS then; otherwise the
 * session is over.
 */
enum ucspi_end stls_secure(struct stls *stls, struct wire *wire);

#endif
