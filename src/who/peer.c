/* SPDX-License-Identifier: ISC */
/*
 * Who is calling.  What the environment says is believed only where it is an
 * address, and never makes a stream private that would not be.
 */
#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"
#include "who/peer.h"

static void
set_ipv4(struct peer *peer, const struct in_addr *address)
{
	(void)inet_ntop(AF_INET, address, peer->text, sizeof(peer->text));
	peer->closed = (ntohl(address->s_addr) >> 24) == 127;
}

static void
set_ipv6(struct peer *peer, const struct in6_addr *address)
{
	if (IN6_IS_ADDR_V4MAPPED(address)) {
		struct in_addr mapped;

		memcpy(&mapped, address->s6_addr + 12, sizeof(mapped));
		set_ipv4(peer, &mapped);
		return;
	}
	(void)inet_ntop(AF_INET6, address, peer->text, sizeof(peer->text));
	peer->closed = IN6_IS_ADDR_LOOPBACK(address);
}

static bool
set_text(struct peer *peer, const char *text)
{
	struct span rest = span_of(text);
	struct in6_addr v6;
	struct in_addr v4;
	char word[PEER_TEXT];

	if (text == NULL ||
	    span_copy(span_cut(&rest, ' '), word, sizeof(word)) == -1)
		return false;
	if (inet_pton(AF_INET, word, &v4) == 1)
		set_ipv4(peer, &v4);
	else if (inet_pton(AF_INET6, word, &v6) == 1)
		set_ipv6(peer, &v6);
	else
		return false;
	return true;
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
		struct sockaddr_storage storage;
	} address;
	socklen_t size = sizeof(address);

	memset(peer, 0, sizeof(*peer));
	memset(&address, 0, sizeof(address));
	if (getpeername(fd, &address.any, &size) == 0) {
		if (address.any.sa_family == AF_INET) {
			set_ipv4(peer, &address.v4.sin_addr);
			return;
		}
		if (address.any.sa_family == AF_INET6) {
			set_ipv6(peer, &address.v6.sin6_addr);
			return;
		}
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (set_text(peer, getenv(names[i])))
			break;
	if (peer->text[0] == '\0')
		memcpy(peer->text, "pipe", sizeof("pipe"));
	peer->closed = true;
}
