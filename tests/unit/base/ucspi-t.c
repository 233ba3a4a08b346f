/* SPDX-License-Identifier: ISC */
/*
 * The ucspi room: what is told of a handshake, in one piece and octet by octet;
 * which descriptors the environment names; and which ones stay open.
 */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "unit/unit.h"

#include "base/ucspi.h"

#define LONG "SSL_SERVER_CERT=" \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct row {
	const char *what;
	struct span told;
	bool ended;
	const char *protocol, *binding;
} rows[] = {
	{ "nothing", SPAN(""), false, "", "" },
	{ "the end alone", SPAN("\0"), true, "", "" },
	{ "a version", SPAN("SSL_PROTOCOL=TLSv1.3\0\0"), true, "TLSv1.3", "" },
	{ "a version and no end", SPAN("SSL_PROTOCOL=TLSv1.3\0"), false,
	    "TLSv1.3", "" },
	{ "both", SPAN("A=b\0SSL_TLS_EXPORTER=00ff\0SSL_PROTOCOL=x\0\0"), true,
	    "x", "00ff" },
	{ "no equals sign", SPAN("SSL_PROTOCOL\0\0"), true, "", "" },
	{ "an empty value", SPAN("SSL_PROTOCOL=\0\0"), true, "", "" },
	{ "a longer name", SPAN("SSL_PROTOCOLS=x\0\0"), true, "", "" },
	{ "a string too long", SPAN(LONG "\0SSL_PROTOCOL=y\0\0"), true, "y",
	    "" },
	{ "what is behind the end", SPAN("\0SSL_PROTOCOL=z\0"), true, "", "" },
};

static void
what_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ucspi_news news = { .protocol = "" };
		struct ucspi_line line = { .n = 0 };
		bool ended;

		ended = ucspi_hear(&news, &line, rows[i].told);
		if (ended != rows[i].ended ||
		    strcmp(news.protocol, rows[i].protocol) != 0 ||
		    strcmp(news.binding, rows[i].binding) != 0)
			fail_msg("%s: %d %s %s", rows[i].what, ended,
			    news.protocol, news.binding);
		news = (struct ucspi_news){ .protocol = "" };
		line.n = 0;
		ended = false;
		for (size_t n = 0; n < rows[i].told.n && !ended; n++)
			ended = ucspi_hear(&news, &line,
			    (struct span){ rows[i].told.p + n, 1 });
		if (ended != rows[i].ended ||
		    strcmp(news.protocol, rows[i].protocol) != 0)
			fail_msg("%s, octet by octet", rows[i].what);
	}
}

static void
set(const char *control, const char *in, const char *out)
{
	(void)setenv("SSLCTLFD", control, 1);
	(void)setenv("SSLREADFD", in, 1);
	(void)setenv("SSLWRITEFD", out, 1);
}

static void
which_descriptors(void **state)
{
	struct ucspi ucspi;

	(void)state;
	set("5", "6", "7");
	assert_true(ucspi_find(&ucspi));
	assert_int_equal(ucspi.control, 5);
	assert_int_equal(ucspi.in, 6);
	assert_int_equal(ucspi.out, 7);
	set("2", "6", "7");
	assert_false(ucspi_find(&ucspi));
	set("5", "-1", "7");
	assert_false(ucspi_find(&ucspi));
	set("5", "6", "4294967299");
	assert_false(ucspi_find(&ucspi));
	set("5x", "6", "7");
	assert_false(ucspi_find(&ucspi));
	(void)unsetenv("SSLCTLFD");
	assert_false(ucspi_find(&ucspi));
	assert_int_equal(ucspi.control, -1);
}

/* The descriptors from 900 to 909 that stay of all, as bits. */
static unsigned
kept(struct ucspi ucspi)
{
	unsigned left = 0;

	for (int fd = 900; fd < 910; fd++)
		assert_int_equal(dup2(STDERR_FILENO, fd), fd);
	ucspi_keep(&ucspi, 900);
	for (int fd = 900; fd < 910; fd++)
		left |= fcntl(fd, F_GETFD) == -1 ? 0 : 1u << (fd - 900);
	return left;
}

static void
which_ones_stay(void **state)
{
	(void)state;
	assert_int_equal(kept((struct ucspi){ -1, -1, -1 }), 0);
	assert_int_equal(kept((struct ucspi){ -1, 901, 902 }), 0);
	assert_int_equal(kept((struct ucspi){ 903, 901, 908 }), 0x10a);
	assert_int_equal(kept((struct ucspi){ 900, 901, 902 }), 0x7);
	assert_int_equal(kept((struct ucspi){ 909, 905, 905 }), 0x220);
	assert_int_equal(kept((struct ucspi){ 5, 905, 5000 }), 0x20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_told),
		cmocka_unit_test(which_descriptors),
		cmocka_unit_test(which_ones_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
