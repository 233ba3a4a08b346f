/* SPDX-License-Identifier: ISC */
/*
 * Who is calling.  What the environment says is believed only if it is an
 * address and the socket leads to this host, and only for the log: whether
 * strangers can listen is decided by the socket alone.
 */
#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/span.h"
#include "who/peer.h"

/* An address of a socket. */
union name {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Where the address is in ${name}, a struct in_addr or in6_addr; NULL: there is
 * none. */
static const void *
address_of(const union name *name)
{
	return name->any.sa_family == AF_INET ?
	    (const void *)&name->v4.sin_addr :
	    name->any.sa_family == AF_INET6 ? &name->v6.sin6_addr : NULL;
}

/* Print ${address}, a struct in_addr or in6_addr as ${family} says.  Returns
 * whether it is a loopback one. */
static bool
print(char text[LIMITS_PEER], int family, const void *address)
{
	const struct in6_addr *v6 = address;

	if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(v6)) {
		family = AF_INET;
		address = &v6->s6_addr[sizeof(*v6) - sizeof(struct in_addr)];
	}
	(void)inet_ntop(family, address, text, LIMITS_PEER);
	return family == AF_INET ?
	    *(const uint8_t *)address == IN_LOOPBACKNET :
	    IN6_IS_ADDR_LOOPBACK(v6);
}

/* Store the first word of ${text}, if that is an address, perhaps in brackets.
 * Whether strangers can listen it does not say. */
static bool
set_text(struct peer *peer, const char *text)
{
	static const int families[] = { AF_INET, AF_INET6 };
	struct span rest = span_of(text), first = span_cut(&rest, ' ');
	struct in6_addr address;	/* or a struct in_addr */
	char word[LIMITS_PEER];

	if (first.n > 2 && first.p[0] == '[' && first.p[first.n - 1] == ']')
		first = (struct span){ first.p + 1, first.n - 2 };
	(void)span_copy(first, word, sizeof(word));
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (inet_pton(families[i], word, &address) == 1) {
			(void)print(peer->text, families[i], &address);
			return true;
		}
	return false;
}

void
peer_find(struct peer *peer, int fd)
{
	/* The last one may be that of whoever started the spawner, and ssh
	 * gives no TCP connection to what it starts. */
	static const char *const names[] = {
		"TCPREMOTEIP", "REMOTE_ADDR", "REMOTE_HOST", "SOCAT_PEERADDR",
		"NCAT_REMOTE_ADDR", "SSH_CONNECTION"
	};
	size_t n = sizeof(names) / sizeof(names[0]);
	union name name = { .any.sa_family = AF_UNSPEC };
	socklen_t size = sizeof(name);

	*peer = (struct peer){ .text = "pipe", .closed = true };
	(void)getpeername(fd, &name.any, &size);
	if (address_of(&name) != NULL) {
		peer->closed = print(peer->text, name.any.sa_family,
		    address_of(&name));
		n--;
	}
	for (size_t i = 0; peer->closed && i < n; i++)
		if (set_text(peer, getenv(names[i])))
			return;
}

void
peer_believe(struct peer *peer, int family, const void *address,
    const void *local)
{
	(void)print(peer->text, family, address);
	(void)print(peer->local, family, local);
	peer->closed = false;
}

void
peer_find_local(struct peer *peer, int fd)
{
	union name name = { .any.sa_family = AF_UNSPEC };
	socklen_t size = sizeof(name);

	if (peer->local[0] != '\0')
		return;
	(void)getsockname(fd, &name.any, &size);
	if (address_of(&name) == NULL)
		(void)span_copy(SPAN("pipe"), peer->local, LIMITS_PEER);
	else
		(void)print(peer->local, name.any.sa_family,
		    address_of(&name));
}
