/* SPDX-License-Identifier: ISC */
/*
 * The networks room: which addresses a list has, and which lists are none.
 */
#include "unit/unit.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/networks.h"

static void
test_lists(void **state)
{
	static const char *const right[] = {
		"127.0.0.1", "192.0.2.0/24", "::1", "2001:db8::/32", "unix",
		"0.0.0.0/0", "::/0", "10.1.2.3/32", "::1/128",
		"127.0.0.1,::1,unix", " 127.0.0.1 , 10.0.0.0/8 ",
		"::ffff:192.0.2.0/120",
	};
	static const char *const wrong[] = {
		"", ",", "127.0.0.1,", "localhost", "192.0.2.0/33", "::/129",
		"192.0.2.0/", "192.0.2.0/-1", "/8", "192.0.2", "unix/8",
		"127.0.0.1 10.0.0.1", "fe80::1%eth0", "192.0.2.1:110",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(right); i++)
		ROW(right[i], networks_is_list(span_of(right[i])));
	for (size_t i = 0; i < COUNT(wrong); i++)
		ROW(wrong[i], !networks_is_list(span_of(wrong[i])));
}

/* A socket that is connected from 127.0.0.1, or ::1. */
static int
connected(int family)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} name = { .any.sa_family = (sa_family_t)family };
	socklen_t n = sizeof(name);
	int listener = socket(family, SOCK_STREAM, 0), near, far;

	if (family == AF_INET)
		name.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		name.v6.sin6_addr = in6addr_loopback;
	n = family == AF_INET ? sizeof(name.v4) : sizeof(name.v6);
	if (listener == -1 || bind(listener, &name.any, n) == -1)
		return -1;
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, &name.any, &n), 0);
	far = socket(family, SOCK_STREAM, 0);
	assert_int_equal(connect(far, &name.any, n), 0);
	near = accept(listener, NULL, NULL);
	(void)close(listener);
	(void)close(far);
	return near;
}

static void
test_members(void **state)
{
	static const struct {
		const char *list;
		bool v4, v6, local;	/* whether it holds 127.0.0.1, ::1, a
					 * Unix socket */
	} rows[] = {
		{ "127.0.0.1", true, false, false },
		{ "127.0.0.2", false, false, false },
		{ "127.0.0.0/31", true, false, false },
		{ "126.0.0.0/7", true, false, false },
		{ "126.0.0.0/8", false, false, false },
		{ "127.128.0.0/9", false, false, false },
		{ "0.0.0.0/0", true, false, false },
		{ "::/0", true, true, false },
		{ "::1", false, true, false },
		{ "::2/127", false, false, false },
		{ "::/127", false, true, false },
		{ "::ffff:127.0.0.0/104", true, false, false },
		{ "10.0.0.1, 127.0.0.1", true, false, false },
		{ "unix", false, false, true },
	};
	int v4 = connected(AF_INET), v6 = connected(AF_INET6), local[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, local), 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct span list = span_of(rows[i].list);

		ROW(rows[i].list, networks_hold(list, v4) == rows[i].v4);
		if (v6 != -1)
			ROW(rows[i].list,
			    networks_hold(list, v6) == rows[i].v6);
		ROW(rows[i].list,
		    networks_hold(list, local[0]) == rows[i].local);
	}
	assert_int_equal(pipe(local), 0);
	assert_false(networks_hold(SPAN("unix,0.0.0.0/0,::/0"), local[0]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_members),
	};

	return cmocka_run_group_tests_name("networks", tests, NULL, NULL);
}
