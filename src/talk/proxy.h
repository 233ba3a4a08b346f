/* SPDX-License-Identifier: ISC */
/*
 * The header that a front end sends before the client's first octet: the PROXY
 * protocol of HAProxy, versions 1 and 2 (haproxy.org, proxy-protocol.txt).
 */
#ifndef PROXY_H
#define PROXY_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

enum proxy_fault {
	PROXY_FINE,
	PROXY_SILENT,		/* the connection ended before any octet */
	PROXY_CUT,		/* it ended in the header */
	PROXY_LATE,		/* not all of it came in time */
	PROXY_STOPPED,		/* a signal asks for the end */
	PROXY_BROKEN		/* it is none, or wrong */
};

/* What it says. */
struct proxy {
	bool own;		/* LOCAL: the front end speaks for itself */
	bool tls;		/* the client came over TLS */
	uint16_t port;		/* the client's */
	int family;		/* of the addresses; AF_UNSPEC: not known */
	uint8_t peer[LIMITS_ADDRESS];	/* the client's, in network order; */
	uint8_t local[LIMITS_ADDRESS];	/* the one that it called */
};

/*
 * proxy_wants(p, n):
 * Return how many octets at least the header has that begins with the ${n} at
 * ${p}; ${n} if it is whole, 0 if that is no header.
 */
size_t proxy_wants(const uint8_t *p, size_t n);

/*
 * proxy_parse(proxy, p, n):
 * Read the whole header of ${n} octets at ${p}, which is written to where it
 * has a checksum.  Returns whether it is right.
 */
bool proxy_parse(struct proxy *proxy, uint8_t *p, size_t n);

/*
 * proxy_read(proxy, fd, waiting, stop):
 * Read the header from ${fd}, and not one octet more, within LIMITS_PROXY_MS;
 * ${waiting} and ${stop} as for channel_wait.
 */
enum proxy_fault proxy_read(struct proxy *proxy, int fd,
    const sigset_t *waiting, const volatile sig_atomic_t *stop);

#endif
