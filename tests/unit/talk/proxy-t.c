/* SPDX-License-Identifier: ISC */
/*
 * The proxy room: a header is read to its last octet and not further, however
 * it comes; what is no header, or says anything wrong, is refused.
 */
#include "unit/unit.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "talk/proxy.h"

#define V2 "\r\n\r\n\0\r\nQUIT\n"
#define TCP4 "\300\0\2\7" "\300\0\2\1" "\x12\x34" "\0\x6e"
#define TCP6 "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\7" \
	"\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1" "\x12\x34" "\0\x6e"
#define ROW_OF(text) (text), sizeof(text) - 1

struct row {
	const char *what;
	const char *octets;
	size_t n;
	bool right;
	struct proxy proxy;
};

static const struct row rows[] = {
	{ "IPv4", ROW_OF("PROXY TCP4 192.0.2.7 192.0.2.1 4660 110\r\n"), true,
	    { .family = AF_INET, .port = 4660, .peer = { 192, 0, 2, 7 },
	    .local = { 192, 0, 2, 1 } } },
	{ "IPv6", ROW_OF("PROXY TCP6 2001:db8::7 2001:db8::1 4660 110\r\n"),
	    true, { .family = AF_INET6, .port = 4660,
	    .peer = { 0x20, 1, 0xd, 0xb8, [15] = 7 },
	    .local = { 0x20, 1, 0xd, 0xb8, [15] = 1 } } },
	{ "unknown", ROW_OF("PROXY UNKNOWN\r\n"), true, { .port = 0 } },
	{ "unknown with addresses", ROW_OF("PROXY UNKNOWN ffff::1 ffff::2 1 2"
	    "\r\n"), true, { .port = 0 } },
	{ "the longest line", ROW_OF("PROXY UNKNOWN "
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"), true,
	    { .port = 0 } },
	{ "one octet longer", ROW_OF("PROXY UNKNOWN "
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 655350\r\n"), false,
	    { .port = 0 } },
	{ "two blanks", ROW_OF("PROXY TCP4  192.0.2.7 192.0.2.1 1 2\r\n"),
	    false, { .port = 0 } },
	{ "a blank at the end", ROW_OF("PROXY TCP4 192.0.2.7 192.0.2.1 1 2 \r\n"),
	    false, { .port = 0 } },
	{ "no port", ROW_OF("PROXY TCP4 192.0.2.7 192.0.2.1 1\r\n"), false,
	    { .port = 0 } },
	{ "a large port", ROW_OF("PROXY TCP4 192.0.2.7 192.0.2.1 65536 1\r\n"),
	    false, { .port = 0 } },
	{ "a zero before a port", ROW_OF("PROXY TCP4 192.0.2.7 192.0.2.1 01 1"
	    "\r\n"), false, { .port = 0 } },
	{ "the other family", ROW_OF("PROXY TCP6 192.0.2.7 192.0.2.1 1 2\r\n"),
	    false, { .port = 0 } },
	{ "no address", ROW_OF("PROXY TCP4 192.0.2 192.0.2.1 1 2\r\n"), false,
	    { .port = 0 } },
	{ "another word", ROW_OF("PROXY UDP4 192.0.2.7 192.0.2.1 1 2\r\n"),
	    false, { .port = 0 } },
	{ "small letters", ROW_OF("proxy tcp4 192.0.2.7 192.0.2.1 1 2\r\n"),
	    false, { .port = 0 } },
	{ "a bare LF", ROW_OF("PROXY TCP4 192.0.2.7 192.0.2.1 1 2\n"), false,
	    { .port = 0 } },
	{ "NUL", ROW_OF("PROXY TCP4 192.0.2.7\0 192.0.2.1 1 2\r\n"), false,
	    { .port = 0 } },
	{ "a command", ROW_OF("CAPA\r\n"), false, { .port = 0 } },
	{ "a line in it", ROW_OF("PROXY T\r\nCAPA\r\n\r\n\r\n"), false,
	    { .port = 0 } },
	{ "IPv4, binary", ROW_OF(V2 "\x21\x11\0\x0c" TCP4), true,
	    { .family = AF_INET, .port = 0x1234, .peer = { 192, 0, 2, 7 },
	    .local = { 192, 0, 2, 1 } } },
	{ "IPv6, binary", ROW_OF(V2 "\x21\x21\0\x24" TCP6), true,
	    { .family = AF_INET6, .port = 0x1234,
	    .peer = { 0x20, 1, 0xd, 0xb8, [15] = 7 },
	    .local = { 0x20, 1, 0xd, 0xb8, [15] = 1 } } },
	{ "LOCAL", ROW_OF(V2 "\x20\0\0\0"), true, { .own = true } },
	{ "LOCAL with what is skipped", ROW_OF(V2 "\x20\x11\0\3abc"), true,
	    { .own = true } },
	{ "unspecified", ROW_OF(V2 "\x21\0\0\0"), true, { .port = 0 } },
	{ "unspecified, with TLS", ROW_OF(V2 "\x21\0\0\x08\x20\0\5\1\0\0\0\0"),
	    true, { .tls = true } },
	{ "another version", ROW_OF(V2 "\x31\x11\0\x0c" TCP4), false,
	    { .port = 0 } },
	{ "another command", ROW_OF(V2 "\x22\x11\0\x0c" TCP4), false,
	    { .port = 0 } },
	{ "datagrams", ROW_OF(V2 "\x21\x12\0\x0c" TCP4), false, { .port = 0 } },
	{ "too short for it", ROW_OF(V2 "\x21\x21\0\x0c" TCP4), false,
	    { .port = 0 } },
	{ "TLS", ROW_OF(V2 "\x21\x11\0\x14" TCP4 "\x20\0\5\1\0\0\0\0"), true,
	    { .family = AF_INET, .port = 0x1234, .tls = true,
	    .peer = { 192, 0, 2, 7 }, .local = { 192, 0, 2, 1 } } },
	{ "no TLS", ROW_OF(V2 "\x21\x11\0\x14" TCP4 "\x20\0\5\0\0\0\0\0"),
	    true, { .family = AF_INET, .port = 0x1234,
	    .peer = { 192, 0, 2, 7 }, .local = { 192, 0, 2, 1 } } },
	{ "TLS cut", ROW_OF(V2 "\x21\x11\0\x13" TCP4 "\x20\0\4\1\0\0\0"),
	    false, { .port = 0 } },
	{ "others are skipped", ROW_OF(V2 "\x21\x11\0\x1e" TCP4
	    "\1\0\4pop3" "\2\0\1a" "\4\0\0" "\x30\0\1n"), true,
	    { .family = AF_INET, .port = 0x1234, .peer = { 192, 0, 2, 7 },
	    .local = { 192, 0, 2, 1 } } },
	{ "an id and experiments, too", ROW_OF(V2 "\x21\x11\0\x18" TCP4
	    "\5\0\2id" "\xe0\0\0" "\xf0\0\1x"), true,
	    { .family = AF_INET, .port = 0x1234, .peer = { 192, 0, 2, 7 },
	    .local = { 192, 0, 2, 1 } } },
	{ "all that can be said of TLS", ROW_OF(V2 "\x21\x11\0\x2e" TCP4
	    "\x20\0\x1f\1\0\0\0\0" "\x21\0\7TLSv1.3" "\x22\0\1n"
	    "\x23\0\1n" "\x24\0\1n" "\x25\0\1n"), true,
	    { .family = AF_INET, .port = 0x1234, .tls = true,
	    .peer = { 192, 0, 2, 7 }, .local = { 192, 0, 2, 1 } } },
	{ "one reaches beyond", ROW_OF(V2 "\x21\x11\0\x10" TCP4 "\1\0\2a"),
	    false, { .port = 0 } },
	{ "half a head", ROW_OF(V2 "\x21\x11\0\x0e" TCP4 "\1\0"), false,
	    { .port = 0 } },
	{ "the checksum", ROW_OF(V2 "\x21\x11\0\x13" TCP4 "\3\0\4"
	    "\x42\x2d\x40\x7a"), true, { .family = AF_INET, .port = 0x1234,
	    .peer = { 192, 0, 2, 7 }, .local = { 192, 0, 2, 1 } } },
	{ "a wrong one", ROW_OF(V2 "\x21\x11\0\x13" TCP4 "\3\0\4"
	    "\x42\x2d\x40\x7b"), false, { .port = 0 } },
	{ "a short one", ROW_OF(V2 "\x21\x11\0\x12" TCP4 "\3\0\3\0\0\0"),
	    false, { .port = 0 } },
	{ "537 octets", ROW_OF(V2 "\x20\0\2\x09"), false, { .port = 0 } },
	{ "65,551 octets", ROW_OF(V2 "\x21\x11\xff\xff" TCP4), false,
	    { .port = 0 } },
};

/* What proxy_read makes of ${row} with a command behind it, in ${pieces} of so
 * many octets; 0: all at once. */
static void
check(const struct row *row, size_t pieces)
{
	const volatile sig_atomic_t never = 0;
	struct proxy proxy;
	enum proxy_fault fault;
	char rest[5] = "";
	sigset_t none;
	int fds[2];
	pid_t child;

	(void)sigemptyset(&none);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	child = fork();
	if (child == 0) {
		for (size_t at = 0; at < row->n;) {
			size_t n = pieces == 0 || pieces > row->n - at ?
			    row->n - at : pieces;

			at += (size_t)write(fds[1], row->octets + at, n);
		}
		(void)!write(fds[1], "CAPA", 4);
		_exit(0);
	}
	(void)close(fds[1]);
	fault = proxy_read(&proxy, fds[0], &none, &never);
	ROW(row->what, fault == (row->right ? PROXY_FINE : PROXY_BROKEN));
	if (row->right) {
		ROW(row->what, read(fds[0], rest, 4) == 4);
		ROW(row->what, strcmp(rest, "CAPA") == 0);
		ROW(row->what, memcmp(&proxy, &row->proxy, sizeof(proxy)) == 0);
	}
	(void)close(fds[0]);
	(void)waitpid(child, NULL, 0);
}

static void
test_headers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		check(&rows[i], 0);
		check(&rows[i], 1);
		check(&rows[i], 7);
	}
}

/* Half a header, and then the end: neither is a wrong one. */
static void
test_ends(void **state)
{
	const volatile sig_atomic_t never = 0, term = SIGTERM;
	struct proxy proxy;
	sigset_t none;
	int fds[2];

	(void)state;
	(void)sigemptyset(&none);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(proxy_read(&proxy, fds[0], &none, &term),
	    PROXY_STOPPED);
	assert_int_equal(write(fds[1], "PROXY TC", 8), 8);
	(void)close(fds[1]);
	assert_int_equal(proxy_read(&proxy, fds[0], &none, &never), PROXY_CUT);
	assert_int_equal(proxy_read(&proxy, fds[0], &none, &never),
	    PROXY_SILENT);
	(void)close(fds[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_ends),
	};

	return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}
