/* SPDX-License-Identifier: ISC */
/*
 * The PROXY protocol.  It is never guessed: whoever calls this knows that the
 * other side must send a header, so that anything else is a fault.
 */
#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/clock.h"
#include "base/socket.h"
#include "base/span.h"
#include "talk/proxy.h"

/* ---- Version 1: a line of text */

#define V1_BEGIN "PROXY "
#define V1_LEAST (sizeof("PROXY UNKNOWN\r\n") - 1)

/* ---- Version 2: s2.2 */

static const uint8_t signature[] = "\r\n\r\n\0\r\nQUIT\n";
#define SIGNATURE (sizeof(signature) - 1)
#define V2_HEAD 16		/* signature, command, family, length */
#define V2_LOCAL 0x20
#define V2_PROXY 0x21
#define V2_UNSPEC 0x00
#define V2_TCP4 0x11
#define V2_TCP6 0x21
#define V2_UNIX 0x31
#define V2_UNIX_OCTETS 216	/* two paths */
#define TLV_HEAD 3		/* type, length */
#define TLV_CRC32C 0x03
#define TLV_SSL 0x20
#define SSL_LEAST 5		/* of a TLV_SSL: client, verify */
#define SSL_CLIENT 0x01		/* in client: it came over TLS */

static bool
begins(const uint8_t *p, size_t n, const void *with, size_t length)
{
	return memcmp(p, with, n < length ? n : length) == 0;
}

static uint16_t
number(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* How many octets a line has of which ${n} are there. */
static size_t
wants_line(const uint8_t *p, size_t n)
{
	if (n < V1_LEAST)
		return V1_LEAST;
	if (p[n - 1] == '\n')
		return p[n - 2] == '\r' ? n : 0;
	/* One octet at a time: what is behind the line is not ours. */
	return n < LIMITS_PROXY_LINE ? n + 1 : 0;
}

size_t
proxy_wants(const uint8_t *p, size_t n)
{
	size_t whole;

	if (n == 0)
		return V1_LEAST;
	if (begins(p, n, V1_BEGIN, sizeof(V1_BEGIN) - 1))
		return wants_line(p, n);
	if (!begins(p, n, signature, SIGNATURE))
		return 0;
	if (n < V2_HEAD)
		return V2_HEAD;
	whole = V2_HEAD + number(p + V2_HEAD - 2);
	return whole <= LIMITS_PROXY ? whole : 0;
}

/* Read an address of ${proxy}->family. */
static bool
read_address(const struct proxy *proxy, struct span word, uint8_t *address)
{
	char text[LIMITS_PEER];

	return span_copy(word, text, sizeof(text)) == 0 &&
	    inet_pton(proxy->family, text, address) == 1;
}

static bool
read_port(struct span word, uint16_t *port)
{
	uint64_t n;

	if (span_number(word, UINT16_MAX, &n) == -1 ||
	    (word.n > 1 && word.p[0] == '0'))
		return false;
	*port = (uint16_t)n;
	return true;
}

/* s2.1: PROXY TCP4 peer local port port. */
static bool
parse_line(struct proxy *proxy, struct span line)
{
	uint16_t local_port;
	struct span family;

	for (size_t i = 0; i < line.n; i++)
		if (line.p[i] < ' ' || line.p[i] > '~')
			return false;
	(void)span_cut(&line, ' ');
	family = span_cut(&line, ' ');
	if (span_equal(family, SPAN("UNKNOWN")))
		return true;
	proxy->family = span_equal(family, SPAN("TCP4")) ? AF_INET : AF_INET6;
	return (proxy->family == AF_INET ||
	    span_equal(family, SPAN("TCP6"))) &&
	    read_address(proxy, span_cut(&line, ' '), proxy->peer) &&
	    read_address(proxy, span_cut(&line, ' '), proxy->local) &&
	    read_port(span_cut(&line, ' '), &proxy->port) &&
	    read_port(span_cut(&line, ' '), &local_port) && line.p == NULL;
}

/* CRC32c (RFC 3720 B.4), bit by bit: a header is short. */
static uint32_t
checksum(const uint8_t *p, size_t n)
{
	uint32_t sum = UINT32_MAX;

	for (size_t i = 0; i < n; i++) {
		sum ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			sum = sum >> 1 ^ (sum & 1 ? 0x82f63b78 : 0);
	}
	return ~sum;
}

/* Read the TLVs from ${at} on.  The checksum is made with zeros in its own
 * place (s2.2.5). */
static bool
parse_rest(struct proxy *proxy, uint8_t *p, size_t n, size_t at)
{
	uint8_t *value;
	size_t length;
	uint32_t sum;

	for (; at < n; at += TLV_HEAD + length) {
		if (n - at < TLV_HEAD)
			return false;
		length = number(p + at + 1);
		value = p + at + TLV_HEAD;
		if (length > n - at - TLV_HEAD)
			return false;
		if (p[at] == TLV_SSL && length < SSL_LEAST)
			return false;
		if (p[at] == TLV_SSL)
			proxy->tls = (value[0] & SSL_CLIENT) != 0;
		if (p[at] != TLV_CRC32C)
			continue;
		if (length != sizeof(sum))
			return false;
		memcpy(&sum, value, sizeof(sum));
		memset(value, 0, sizeof(sum));
		if (checksum(p, n) != ntohl(sum))
			return false;
	}
	return true;
}

static bool
parse_binary(struct proxy *proxy, uint8_t *p, size_t n)
{
	const uint8_t *ports;
	size_t octets = 0;
	uint8_t command = p[SIGNATURE], family = p[SIGNATURE + 1];

	if (command == V2_LOCAL) {
		proxy->own = true;
		return true;
	}
	if (command != V2_PROXY)
		return false;
	if (family == V2_TCP4 || family == V2_TCP6) {
		proxy->family = family == V2_TCP4 ? AF_INET : AF_INET6;
		octets = family == V2_TCP4 ? sizeof(struct in_addr) :
		    sizeof(struct in6_addr);
	} else if (family != V2_UNSPEC && family != V2_UNIX) {
		return false;
	}
	ports = p + V2_HEAD + 2 * octets;
	if (family == V2_UNIX)
		octets = V2_UNIX_OCTETS / 2;
	else if (octets > 0)
		octets += sizeof(uint16_t);
	if (n - V2_HEAD < 2 * octets)
		return false;
	if (proxy->family != AF_UNSPEC) {
		memcpy(proxy->peer, p + V2_HEAD, octets - sizeof(uint16_t));
		memcpy(proxy->local, p + V2_HEAD + octets - sizeof(uint16_t),
		    octets - sizeof(uint16_t));
		proxy->port = number(ports);
	}
	return parse_rest(proxy, p, n, V2_HEAD + 2 * octets);
}

bool
proxy_parse(struct proxy *proxy, uint8_t *p, size_t n)
{
	*proxy = (struct proxy){ .family = AF_UNSPEC };
	if (p[0] == V1_BEGIN[0])
		return parse_line(proxy, (struct span){ (const char *)p,
		    n - 2 });
	return parse_binary(proxy, p, n);
}

/* How many octets to read next of a header that begins with the ${n} at
 * ${octets} and has ${wants} at least: of those that have arrived, all that
 * are its own.  They are looked at first, or each octet of a line would be a
 * call. */
static size_t
owned(int fd, uint8_t *octets, size_t n, size_t wants)
{
	ssize_t more = socket_receive(fd, octets + n, LIMITS_PROXY - n,
	    MSG_PEEK | MSG_DONTWAIT);
	size_t there = n + (more > 0 ? (size_t)more : 0), whole = wants;

	if (more <= 0)
		return wants - n;
	do {
		wants = whole;
		if (wants > there)
			return there - n;
		whole = proxy_wants(octets, wants);
	} while (whole > wants);
	return wants - n;
}

enum proxy_fault
proxy_read(struct proxy *proxy, int fd, const sigset_t *waiting,
    const volatile sig_atomic_t *stop)
{
	int64_t until = clock_ms() + LIMITS_PROXY_MS;
	uint8_t octets[LIMITS_PROXY];
	size_t n = 0, wants;

	while ((wants = proxy_wants(octets, n)) > n) {
		int ready = channel_wait(fd, POLLIN, until, waiting, stop);
		ssize_t got;

		if (ready != 1)
			return ready == 0 ? PROXY_LATE : PROXY_STOPPED;
		got = read(fd, octets + n, owned(fd, octets, n, wants));
		if (got <= 0)
			return n == 0 ? PROXY_SILENT : PROXY_CUT;
		n += (size_t)got;
	}
	return wants != 0 && proxy_parse(proxy, octets, n) ? PROXY_FINE :
	    PROXY_BROKEN;
}
