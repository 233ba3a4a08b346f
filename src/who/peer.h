/* SPDX-License-Identifier: ISC */
/*
 * Who is calling, and whether strangers can listen.
 */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>

#include "base/limits.h"

struct peer {
	char text[LIMITS_PEER];	/* an address, or "pipe" */
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

#endif
