/* SPDX-License-Identifier: ISC */
/*
 * Who is calling.  What the environment says is believed only if it is an
 * address, and only for the log: whether strangers can listen is decided by the
 * socket alone.
 */
#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/span.h"
#include "who/peer.h"

/* Store ${address}, a struct in_addr or in6_addr as ${family} says. */
static void
set_address(struct peer *peer, int family, const void *address)
{
	const struct in6_addr *v6 = address;

	if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(v6)) {
		family = AF_INET;
		address = &v6->s6_addr[sizeof(*v6) - sizeof(struct in_addr)];
	}
	(void)inet_ntop(family, address, peer->text, sizeof(peer->text));
	peer->closed = family == AF_INET ?
	    *(const uint8_t *)address == IN_LOOPBACKNET :
	    IN6_IS_ADDR_LOOPBACK(v6);
}

/* Store the first word of ${text}, if that is an address. */
static bool
set_text(struct peer *peer, const char *text)
{
	static const int families[] = { AF_INET, AF_INET6 };
	struct span rest = span_of(text);
	struct in6_addr address;	/* or a struct in_addr */
	char word[LIMITS_PEER];

	(void)span_copy(span_cut(&rest, ' '), word, sizeof(word));
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (inet_pton(families[i], word, &address) == 1) {
			set_address(peer, families[i], &address);
			return true;
		}
	return false;
}

void
peer_find(struct peer *peer, int fd)
{
	static const char *const names[] = {
		"TCPREMOTEIP", "REMOTE_ADDR", "REMOTE_HOST", "SSH_CONNECTION"
	};
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} socket = { .any.sa_family = AF_UNSPEC };
	socklen_t size = sizeof(socket);

	*peer = (struct peer){ .text = "pipe" };
	(void)getpeername(fd, &socket.any, &size);
	if (socket.any.sa_family == AF_INET) {
		set_address(peer, AF_INET, &socket.v4.sin_addr);
		return;
	}
	if (socket.any.sa_family == AF_INET6) {
		set_address(peer, AF_INET6, &socket.v6.sin6_addr);
		return;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (set_text(peer, getenv(names[i])))
			break;
	peer->closed = true;
}
