/* SPDX-License-Identifier: ISC */
/*
 * The peer room: the socket's address, unless it is loopback and the environment
 * has another one; `pipe' where neither has; and who of them can be listened to.
 */
#include "unit/unit.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "who/peer.h"

static const char *const names[] = { "TCPREMOTEIP", "REMOTE_ADDR",
    "REMOTE_HOST", "SSH_CONNECTION", "TCPREMOTEHOST", "PROTO",
    "SOCAT_PEERADDR", "NCAT_REMOTE_ADDR" };

static void
clear_environment(void)
{
	for (size_t i = 0; i < COUNT(names); i++)
		assert_int_equal(unsetenv(names[i]), 0);
}

/* The environment, as a descriptor that is no socket sees it. */
static void
test_environment(void **state)
{
	static const struct {
		const char *what;
		const char *values[COUNT(names)];	/* as in names */
		const char *text;
	} rows[] = {
		{ "nothing", { NULL }, "pipe" },
		{ "tcpserver", { "192.0.2.1" }, "192.0.2.1" },
		{ "systemd", { NULL, "192.0.2.2" }, "192.0.2.2" },
		{ "xinetd", { NULL, NULL, "192.0.2.3" }, "192.0.2.3" },
		{ "ssh", { NULL, NULL, NULL, "192.0.2.4 50000 192.0.2.9 22" },
		    "192.0.2.4" },
		{ "in this order", { "192.0.2.1", "192.0.2.2", "192.0.2.3",
		    "192.0.2.4 1 2 3" }, "192.0.2.1" },
		{ "and so on", { NULL, "192.0.2.2", "192.0.2.3",
		    "192.0.2.4 1 2 3" }, "192.0.2.2" },
		{ "what is no address is passed over", { "unknown",
		    "192.0.2.2" }, "192.0.2.2" },
		{ "a host's name is not looked up", { NULL, NULL,
		    "localhost" }, "pipe" },
		{ "an empty text", { "" }, "pipe" },
		{ "a blank before it", { " 192.0.2.1" }, "pipe" },
		{ "three numbers", { "192.0.2" }, "pipe" },
		{ "one number", { "3221225985" }, "pipe" },
		{ "five numbers", { "192.0.2.1.1" }, "pipe" },
		{ "a number beyond an octet", { "192.0.2.256" }, "pipe" },
		{ "hexadecimal", { "0xc0.0.2.1" }, "pipe" },
		{ "a port", { "192.0.2.1:110" }, "pipe" },
		{ "a line end", { "192.0.2.1\nuser=root" }, "pipe" },
		{ "IPv6", { "2001:db8::1" }, "2001:db8::1" },
		{ "IPv6, all of it",
		    { "2001:0DB8:0000:0000:0000:0000:0000:0001" },
		    "2001:db8::1" },
		{ "IPv6 with brackets", { "[2001:db8::1]" }, "2001:db8::1" },
		{ "a bracket before it", { "[2001:db8::1" }, "pipe" },
		{ "a bracket behind it", { "2001:db8::1]" }, "pipe" },
		{ "two of them", { "[[2001:db8::1]]" }, "pipe" },
		{ "nothing in them", { "[]" }, "pipe" },
		{ "one bracket", { "[" }, "pipe" },
		{ "socat", { [6] = "192.0.2.6" }, "192.0.2.6" },
		{ "socat, IPv6", { [6] = "[2001:0db8:0000:0000:0000:0000:0000:"
		    "0006]" }, "2001:db8::6" },
		{ "socat, IPv4 in IPv6", { [6] = "[0000:0000:0000:0000:0000:"
		    "ffff:c000:0206]" }, "192.0.2.6" },
		{ "ncat", { [7] = "192.0.2.7" }, "192.0.2.7" },
		{ "ncat, IPv6", { [7] = "2001:db8::7" }, "2001:db8::7" },
		{ "whose ssh session started socat", { [3] = "192.0.2.4 1 2 3",
		    [6] = "192.0.2.6" }, "192.0.2.6" },
		{ "whose ssh session started ncat", { [3] = "192.0.2.4 1 2 3",
		    [7] = "192.0.2.7" }, "192.0.2.7" },
		{ "IPv6 with a zone", { "fe80::1%eth0" }, "pipe" },
		{ "IPv4 in IPv6 is printed as IPv4", { "::ffff:192.0.2.1" },
		    "192.0.2.1" },
		{ "the same in hexadecimal", { "::FFFF:C000:0201" },
		    "192.0.2.1" },
		{ "much too long", { "2001:db8::1000000000000000000000000000"
		    "0000000000000000000000000000000000000000000000000" },
		    "pipe" },
		{ "other variables", { NULL, NULL, NULL, NULL, "192.0.2.1",
		    "192.0.2.1" }, "pipe" },
	};
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct peer peer;

		clear_environment();
		for (size_t k = 0; k < COUNT(names); k++)
			if (rows[i].values[k] != NULL)
				assert_int_equal(setenv(names[k],
				    rows[i].values[k], 1), 0);
		memset(&peer, '#', sizeof(peer));
		peer_find(&peer, fds[0]);
		ROW(rows[i].what, strcmp(peer.text, rows[i].text) == 0);
		/* Whoever writes the environment, this is a pipe. */
		ROW(rows[i].what, peer.closed);
	}
	clear_environment();
	(void)close(fds[0]);
	(void)close(fds[1]);
}

/* Listen at ${at}, connect to ${to} there, and look at who that is. */
static bool
look(const struct sockaddr_in6 *at, struct sockaddr_in *to, struct peer *peer)
{
	int l = socket(at->sin6_family, SOCK_STREAM, 0), zero = 0, c, s = -1;
	struct sockaddr_in6 bound = *at;
	socklen_t n = at->sin6_family == AF_INET ? sizeof(*to) : sizeof(bound);

	/* sockaddr_in and sockaddr_in6 have family and port at the same
	 * place. */
	c = socket(to == NULL ? at->sin6_family : AF_INET, SOCK_STREAM, 0);
	if (at->sin6_family == AF_INET6)
		(void)setsockopt(l, IPPROTO_IPV6, IPV6_V6ONLY, &zero,
		    sizeof(zero));
	if (bind(l, (struct sockaddr *)&bound, n) == 0 && listen(l, 1) == 0 &&
	    getsockname(l, (struct sockaddr *)&bound, &n) == 0) {
		if (to != NULL)
			to->sin_port = bound.sin6_port;
		if (connect(c, to == NULL ? (struct sockaddr *)&bound :
		    (struct sockaddr *)to, to == NULL ? n : sizeof(*to)) == 0)
			s = accept(l, NULL, NULL);
	}
	if (s != -1)
		peer_find(peer, s);
	(void)close(l);
	(void)close(c);
	(void)close(s);
	return s != -1;
}

/* Over TCP from this host, each of the environment's addresses is believed but
 * that of ssh, which a spawner may have from who started it. */
static void
test_loopback(void **state)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET };
	struct sockaddr_in v4 = { .sin_family = AF_INET,
	    .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct peer peer;

	(void)state;
	memcpy(&at, &v4, sizeof(v4));
	for (size_t i = 0; i < COUNT(names); i++) {
		bool ours = strcmp(names[i], "SSH_CONNECTION") != 0 &&
		    strcmp(names[i], "TCPREMOTEHOST") != 0 &&
		    strcmp(names[i], "PROTO") != 0;

		clear_environment();
		assert_int_equal(setenv(names[i], "192.0.2.1", 1), 0);
		assert_true(look(&at, NULL, &peer));
		ROW(names[i], strcmp(peer.text, ours ? "192.0.2.1" :
		    "127.0.0.1") == 0);
		ROW(names[i], peer.closed);
		assert_int_equal(setenv(names[i], "mail.example", 1), 0);
		assert_true(look(&at, NULL, &peer));
		ROW(names[i], strcmp(peer.text, "127.0.0.1") == 0);
	}
	clear_environment();
}

/* What a socket says without an environment, and with one that says nothing
 * else. */
static void
test_sockets(void **state)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
	    .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
	    .sin6_addr = IN6ADDR_LOOPBACK_INIT }, mapped = v6, plain;
	struct peer peer;

	(void)state;
	clear_environment();
	assert_int_equal(setenv("TCPREMOTEIP", "unknown", 1), 0);
	memset(&plain, 0, sizeof(plain));
	memcpy(&plain, &v4, sizeof(v4));
	assert_true(look(&plain, NULL, &peer));
	assert_string_equal(peer.text, "127.0.0.1");
	assert_true(peer.closed);
	/* Without IPv6 there is nothing to see. */
	if (look(&v6, NULL, &peer)) {
		assert_string_equal(peer.text, "::1");
		assert_true(peer.closed);
	}
	assert_int_equal(inet_pton(AF_INET6, "::ffff:127.0.0.1",
	    &mapped.sin6_addr), 1);
	if (look(&mapped, &v4, &peer)) {
		assert_string_equal(peer.text, "127.0.0.1");
		assert_true(peer.closed);
	}
	clear_environment();
}

/* Unix sockets have no address of the net; neither have files. */
static void
test_others(void **state)
{
	int fds[2], null = open("/dev/null", O_RDWR);
	struct peer peer;

	(void)state;
	clear_environment();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	peer_find(&peer, fds[0]);
	assert_string_equal(peer.text, "pipe");
	assert_true(peer.closed);
	assert_int_equal(setenv("REMOTE_HOST", "192.0.2.3", 1), 0);
	peer_find(&peer, fds[0]);
	assert_string_equal(peer.text, "192.0.2.3");
	assert_true(peer.closed);
	clear_environment();
	peer_find(&peer, null);
	assert_string_equal(peer.text, "pipe");
	assert_true(peer.closed);
	(void)close(null);
	(void)close(fds[0]);
	(void)close(fds[1]);
	peer_find(&peer, -1);
	assert_string_equal(peer.text, "pipe");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_loopback),
		cmocka_unit_test(test_sockets),
		cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
