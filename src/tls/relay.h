/* SPDX-License-Identifier: ISC */
/*
 * The relay: octets go from the network to the program and back, until one of
 * them ends.
 */
#ifndef RELAY_H
#define RELAY_H

#include "tls/handshake.h"

/*
 * relay_run(handshake, inner, patience_ms):
 * Pass on octets between TLS and the socket ${inner} until the program has
 * ended it, and say goodbye to the client, unless an answer was begun and not
 * completed.  A client that does not read is waited for ${patience_ms} then.
 */
void relay_run(struct handshake *handshake, int inner, int patience_ms);

#endif
