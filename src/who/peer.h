/* SPDX-License-Identifier: ISC */
/*
 * Who is calling, and whether strangers can listen.
 */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"

struct peer {
	char text[LIMITS_PEER];	/* an address, or "pipe" */
	char local[LIMITS_PEER];	/* the address that was called, or
				 * "pipe"; empty: not asked for yet */
	uint16_t port;		/* of whom a front end speaks for; or 0 */
	bool closed;		/* strangers cannot listen: a pipe, a Unix
				 * socket, loopback */
};

/*
 * peer_find(peer, fd):
 * Find out who is at the other end of ${fd}: its socket's address, unless that
 * is none or loopback, where a program of this host may speak for somebody
 * else: then what TCPREMOTEIP, REMOTE_ADDR, REMOTE_HOST, SOCAT_PEERADDR,
 * NCAT_REMOTE_ADDR or, not over TCP, the first word of SSH_CONNECTION has, if
 * that is an address; else the socket's, or "pipe".  IPv4 in IPv6 is printed as
 * IPv4.  No name is looked up.
 */
void peer_find(struct peer *peer, int fd);

/*
 * peer_believe(peer, family, address, local):
 * A front end says that the client has the ${address} of ${family}, and called
 * ${local}.  Strangers may listen.
 */
void peer_believe(struct peer *peer, int family, const void *address,
    const void *local);

/*
 * peer_find_local(peer, fd):
 * Find out which address was called, if no front end has said so: that of the
 * socket ${fd}.
 */
void peer_find_local(struct peer *peer, int fd);

#endif
