/* SPDX-License-Identifier: ISC */
/*
 * Lists of networks.  An IPv4 address is kept as IPv6 has it, ::ffff:a.b.c.d,
 * so there is one kind of network.
 */
#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "base/limits.h"
#include "base/networks.h"

#define BITS 128		/* of an address */
#define V4_BITS 32

struct network {
	struct in6_addr address;
	unsigned bits;		/* that an address must share with it */
};

/* Map ${v4} into IPv6 (RFC 4291 s2.5.5.2). */
static struct in6_addr
map(const struct in_addr *v4)
{
	struct in6_addr v6 = { .s6_addr = { [10] = 0xff, [11] = 0xff } };

	memcpy(&v6.s6_addr[12], v4, sizeof(*v4));
	return v6;
}

/* Read an address, and how many bits it has. */
static bool
read_address(struct span word, struct in6_addr *address, unsigned *bits)
{
	char text[LIMITS_PEER];
	struct in_addr v4;

	if (word.n == 0 || span_copy(word, text, sizeof(text)) == -1)
		return false;
	*bits = BITS;
	if (inet_pton(AF_INET6, text, address) == 1)
		return true;
	*bits = V4_BITS;
	if (inet_pton(AF_INET, text, &v4) != 1)
		return false;
	*address = map(&v4);
	return true;
}

static bool
read_network(struct span word, struct network *network)
{
	struct span bits = word, address = span_cut(&bits, '/');
	unsigned most;
	uint64_t n;

	if (!read_address(address, &network->address, &most))
		return false;
	n = most;
	if (bits.p != NULL && span_number(bits, most, &n) == -1)
		return false;
	network->bits = BITS - most + (unsigned)n;
	return true;
}

static bool
has(const struct network *network, const struct in6_addr *address)
{
	unsigned whole = network->bits / 8, rest = network->bits % 8;

	if (memcmp(&network->address, address, whole) != 0)
		return false;
	return rest == 0 || ((network->address.s6_addr[whole] ^
	    address->s6_addr[whole]) >> (8 - rest)) == 0;
}

bool
networks_is_list(struct span list)
{
	struct network network;
	bool fits = list.n > 0;

	while (list.p != NULL) {
		struct span word = span_trim(span_cut(&list, ','));

		fits = (span_equal(word, SPAN("unix")) ||
		    read_network(word, &network)) && fits;
	}
	return fits;
}

bool
networks_hold(struct span list, int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} socket = { .any.sa_family = AF_UNSPEC };
	socklen_t size = sizeof(socket);
	struct in6_addr address;
	struct network network;

	if (getpeername(fd, &socket.any, &size) == -1)
		return false;
	address = socket.any.sa_family == AF_INET ?
	    map(&socket.v4.sin_addr) : socket.v6.sin6_addr;
	while (list.p != NULL) {
		struct span word = span_trim(span_cut(&list, ','));

		if (socket.any.sa_family == AF_UNIX ?
		    span_equal(word, SPAN("unix")) :
		    (socket.any.sa_family == AF_INET ||
		    socket.any.sa_family == AF_INET6) &&
		    read_network(word, &network) && has(&network, &address))
			return true;
	}
	return false;
}
