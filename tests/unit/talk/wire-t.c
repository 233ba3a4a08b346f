/* SPDX-License-Identifier: ISC */
/*
 * The wire room, over socketpairs, pipes and files: lines however they arrive,
 * what is no line, when replies leave, dot-stuffing, and every end.
 */
#include "unit/unit.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>

#include "talk/wire.h"

#define OCTETS(literal) literal, sizeof(literal) - 1

static volatile sig_atomic_t stop;

/* A wire of its own, and the client's ends of it. */
struct site {
	struct wire wire;
	int in, out;		/* ours */
	int to, from;		/* the client's; may be one */
};

enum transport { SOCKET, PIPE };

static void
open_site(struct site *site, enum transport transport)
{
	int a[2], b[2];

	memset(site, 0, sizeof(*site));
	if (transport == SOCKET) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, a), 0);
		site->in = site->out = a[0];
		site->to = site->from = a[1];
	} else {
		assert_int_equal(pipe(a), 0);
		assert_int_equal(pipe(b), 0);
		site->in = a[0];
		site->to = a[1];
		site->from = b[0];
		site->out = b[1];
	}
	stop = 0;
	wire_open(&site->wire, site->in, site->out, &stop);
	site->wire.idle_ms = 20000;
}

static void
close_site(struct site *site)
{
	(void)close(site->in);
	(void)close(site->to);
	if (site->out != site->in) {
		(void)close(site->out);
		(void)close(site->from);
	}
	/* Over a pipe, wire has one of its own. */
	if (site->wire.stream.out != site->out)
		(void)close(site->wire.stream.out);
}

/* The client ends its side. */
static void
end_input(struct site *site)
{
	if (site->to == site->from)
		(void)shutdown(site->to, SHUT_WR);
	else
		(void)close(site->to);
}

/* What the client can read now. */
static size_t
receive(const struct site *site, char *octets, size_t size)
{
	struct pollfd pfd = { .fd = site->from, .events = POLLIN };
	ssize_t n = 0;

	if (poll(&pfd, 1, 0) == 1)
		n = read(site->from, octets, size);
	return n < 0 ? 0 : (size_t)n;
}

/* Lines in, and what must come of them: `l' a line, `L' too long, `m'
 * malformed; then the end: `e' between commands, `c' in the middle of one. */
static const struct {
	const char *what;
	const char *input;
	size_t n;
	const char *expected;
	const char *lines;	/* all of them, one behind the other */
} rows[] = {
	{ "nothing", OCTETS(""), "e", "" },
	{ "CR LF", OCTETS("STAT\r\n"), "le", "STAT" },
	{ "LF", OCTETS("STAT\n"), "le", "STAT" },
	{ "many", OCTETS("a\r\nb\nc\r\n"), "llle", "abc" },
	{ "an empty line", OCTETS("\r\n\n"), "lle", "" },
	{ "no end: no line", OCTETS("QUIT"), "c", "" },
	{ "a CR is no end", OCTETS("QUIT\r"), "c", "" },
	{ "a line and a piece of one", OCTETS("STAT\r\nQUIT"), "lc", "STAT" },
	{ "blanks are kept", OCTETS(" PASS  a \n"), "le", " PASS  a " },
	{ "8-bit octets are for others to judge", OCTETS("\xc3\xa4\xff\n"),
	    "le", "\xc3\xa4\xff" },
	{ "NUL", OCTETS("a\0b\nc\n"), "mle", "c" },
	{ "a bare CR", OCTETS("a\rb\nc\n"), "mle", "c" },
	{ "two CRs", OCTETS("a\r\r\nc\n"), "mle", "c" },
	{ "a CR alone", OCTETS("\r\nc\n"), "lle", "c" },
	{ "a tab", OCTETS("a\tb\nc\n"), "mle", "c" },
	{ "DEL", OCTETS("a\x7f\nc\n"), "mle", "c" },
	{ "an escape", OCTETS("\x1b[1m\nc\n"), "mle", "c" },
	{ "the last control", OCTETS("\x1f\nc\n"), "mle", "c" },
	{ "LF CR", OCTETS("a\n\rb\n"), "lme", "a" },
};

/* Read all lines of ${site}. */
static void
check_lines(struct site *site, const char *what, const char *expected,
    const char *lines)
{
	struct span line;

	for (; *expected != '\0'; expected++) {
		enum wire_line got = wire_read_line(&site->wire, &line);
		const struct span want = { lines, line.n };

		ROW(what, got == (*expected == 'l' ? WIRE_LINE :
		    *expected == 'L' ? WIRE_TOO_LONG :
		    *expected == 'm' ? WIRE_MALFORMED : WIRE_NO_LINE));
		ROW(what, got != WIRE_LINE || span_equal(line, want));
		if (got == WIRE_LINE)
			lines += line.n;
		if (got == WIRE_NO_LINE)
			ROW(what, site->wire.end ==
			    (*expected == 'c' ? WIRE_CUT : WIRE_EOF));
	}
	ROW(what, *lines == '\0');
}

static void
test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (int transport = SOCKET; transport <= PIPE; transport++) {
			struct site site;

			open_site(&site, (enum transport)transport);
			ROW(rows[i].what, write(site.to, rows[i].input,
			    rows[i].n) == (ssize_t)rows[i].n);
			end_input(&site);
			check_lines(&site, rows[i].what, rows[i].expected,
			    rows[i].lines);
			close_site(&site);
		}
}

/* Another process writes ${input}, cut at ${cut}, with a pause; or octet by
 * octet if ${cut} is 0. */
static pid_t
write_slowly(const struct site *site, const char *input, size_t n, size_t cut)
{
	pid_t pid = fork();
	size_t step = cut == 0 ? 1 : cut;

	if (pid != 0)
		return pid;
	if (site->in != site->out)
		(void)close(site->in);
	for (size_t at = 0; at < n; at += step, step = cut == 0 ? 1 : n - at) {
		if (write(site->to, input + at, step) != (ssize_t)step)
			_exit(1);
		(void)usleep(cut == 0 ? 100 : 300);
	}
	_exit(0);
}

/* Lines that arrive in pieces. */
static void
test_pieces(void **state)
{
	static const char input[] = "USER a\r\n\r\nx\ry\nPASS b\nNOOP";

	(void)state;
	for (size_t cut = 0; cut < sizeof(input) - 1; cut++)
		for (int transport = SOCKET; transport <= PIPE; transport++) {
			struct site site;
			pid_t pid;

			open_site(&site, (enum transport)transport);
			pid = write_slowly(&site, input, sizeof(input) - 1,
			    cut);
			assert_true(pid > 0);
			if (site.to != site.from) {
				(void)close(site.to);
				check_lines(&site, "a pipe", "llmlc",
				    "USER aPASS b");
			} else {
				check_lines(&site, "a socket", "llml",
				    "USER aPASS b");
			}
			assert_int_equal(waitpid(pid, NULL, 0), pid);
			close_site(&site);
		}
}

/* 255 octets with the line end are a line; one more are not, and what is
 * dropped is dropped whole, however long it is. */
static void
test_lengths(void **state)
{
	static const size_t lengths[] = { 252, 253, 254, 255, 256, 257, 511,
	    512, 4094, 4095, 4096, 4097, 4350, 4351, 8192, 20000 };
	static char input[20100];

	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++)
		for (int crlf = 0; crlf < 2; crlf++) {
			size_t n = lengths[i];
			bool fits = n + 1 + (size_t)crlf <= LIMITS_COMMAND;
			struct span line;
			struct site site;

			memset(input, 'x', n);
			memcpy(input + n, crlf ? "\r\nQUIT\r\n" : "\nQUIT\r\n",
			    crlf ? 8 : 7);
			open_site(&site, SOCKET);
			n += crlf ? 8 : 7;
			assert_int_equal(write(site.to, input, n), n);
			end_input(&site);
			assert_int_equal(wire_read_line(&site.wire, &line),
			    fits ? WIRE_LINE : WIRE_TOO_LONG);
			assert_true(!fits || line.n == lengths[i]);
			assert_int_equal(wire_read_line(&site.wire, &line),
			    WIRE_LINE);
			assert_true(span_equal(line, SPAN("QUIT")));
			assert_int_equal(wire_read_line(&site.wire, &line),
			    WIRE_NO_LINE);
			assert_int_equal(site.wire.end, WIRE_EOF);
			close_site(&site);
		}
}

/* A long line without an end is no line. */
static void
test_long_unended(void **state)
{
	static const char input[300] = { 'x' };
	struct span line;
	struct site site;

	(void)state;
	open_site(&site, SOCKET);
	assert_int_equal(write(site.to, input, sizeof(input)), sizeof(input));
	end_input(&site);
	assert_int_equal(wire_read_line(&site.wire, &line), WIRE_NO_LINE);
	assert_int_equal(site.wire.end, WIRE_CUT);
	close_site(&site);
}

/* Input may be a file. */
static void
test_file(void **state)
{
	struct site site;
	int file = open(unit_text(state, "input", "STAT\r\nQUIT\r\n"),
	    O_RDONLY);

	open_site(&site, PIPE);
	wire_open(&site.wire, file, site.out, &stop);
	site.wire.idle_ms = 20000;
	check_lines(&site, "a file", "lle", "STATQUIT");
	(void)close(file);
	close_site(&site);
}

/* Replies leave when there is no more input: once per batch. */
static void
test_batches(void **state)
{
	struct span line;
	struct site site;
	char got[100];

	(void)state;
	for (int transport = SOCKET; transport <= PIPE; transport++) {
		open_site(&site, (enum transport)transport);
		assert_int_equal(write(site.to, "a\nb\nc\n", 6), 6);
		for (int i = 0; i < 3; i++) {
			assert_int_equal(wire_read_line(&site.wire, &line),
			    WIRE_LINE);
			wire_put(&site.wire, SPAN("+OK\r\n"));
			assert_int_equal(receive(&site, got, sizeof(got)), 0);
		}
		site.wire.idle_ms = 0;
		assert_int_equal(wire_read_line(&site.wire, &line),
		    WIRE_NO_LINE);
		assert_int_equal(site.wire.end, WIRE_TIMEOUT);
		assert_int_equal(receive(&site, got, sizeof(got)), 15);
		assert_memory_equal(got, "+OK\r\n+OK\r\n+OK\r\n", 15);
		close_site(&site);
	}
}

/* What is unread can be taken and put into another wire. */
static void
test_unread(void **state)
{
	struct span line, unread;
	struct site a, b;

	(void)state;
	open_site(&a, SOCKET);
	open_site(&b, SOCKET);
	assert_int_equal(write(a.to, "PASS x\r\nSTAT\r\nQU", 16), 16);
	assert_int_equal(wire_read_line(&a.wire, &line), WIRE_LINE);
	unread = wire_unread(&a.wire);
	assert_true(span_equal(unread, SPAN("STAT\r\nQU")));
	wire_feed(&b.wire, unread);
	assert_int_equal(write(b.to, "IT\r\n", 4), 4);
	end_input(&b);
	check_lines(&b, "handed on", "lle", "STATQUIT");
	assert_int_equal(wire_unread(&b.wire).n, 0);
	close_site(&a);
	close_site(&b);
}

/* ---- Ends. */

static void
test_timeouts(void **state)
{
	struct span line;
	struct site site;

	(void)state;
	for (int transport = SOCKET; transport <= PIPE; transport++) {
		open_site(&site, (enum transport)transport);
		site.wire.idle_ms = 30;
		assert_int_equal(wire_read_line(&site.wire, &line),
		    WIRE_NO_LINE);
		assert_int_equal(site.wire.end, WIRE_TIMEOUT);
		close_site(&site);
		/* The limit of all waits comes first; half a line is none. */
		open_site(&site, (enum transport)transport);
		site.wire.deadline = 1;
		assert_int_equal(write(site.to, "QUI", 3), 3);
		assert_int_equal(wire_read_line(&site.wire, &line),
		    WIRE_NO_LINE);
		assert_int_equal(site.wire.end, WIRE_TIMEOUT);
		close_site(&site);
	}
}

/* A client that does not read: writing has the same limit, and it blocks
 * nobody. */
static void
test_slow_reader(void **state)
{
	static char octets[1 << 20];
	struct site site;

	(void)state;
	memset(octets, 'x', sizeof(octets));
	for (int transport = SOCKET; transport <= PIPE; transport++) {
		open_site(&site, (enum transport)transport);
		site.wire.idle_ms = 30;
		wire_put(&site.wire, (struct span){ octets, sizeof(octets) });
		assert_int_equal(wire_flush(&site.wire), WIRE_TIMEOUT);
		/* The flag that others share was not set. */
		assert_int_equal(fcntl(site.in, F_GETFL) & O_NONBLOCK, 0);
		assert_int_equal(fcntl(site.out, F_GETFL) & O_NONBLOCK, 0);
		close_site(&site);
	}
}

static void
test_signal(void **state)
{
	struct span line;
	struct site site;

	(void)state;
	open_site(&site, SOCKET);
	stop = SIGTERM;
	assert_int_equal(wire_read_line(&site.wire, &line), WIRE_NO_LINE);
	assert_int_equal(site.wire.end, WIRE_SIGNAL);
	assert_int_equal(wire_read_line(&site.wire, &line), WIRE_NO_LINE);
	close_site(&site);
}

/* A client that went away. */
static void
test_lost(void **state)
{
	void (*before)(int) = signal(SIGPIPE, SIG_IGN);
	struct span line;
	struct site site;

	(void)state;
	for (int transport = SOCKET; transport <= PIPE; transport++) {
		open_site(&site, (enum transport)transport);
		(void)close(site.from);
		if (site.from != site.to)
			(void)close(site.to);
		wire_put(&site.wire, SPAN("+OK\r\n"));
		assert_int_equal(wire_flush(&site.wire), WIRE_LOST);
		assert_int_equal(wire_read_line(&site.wire, &line),
		    WIRE_NO_LINE);
		assert_int_equal(site.wire.end, WIRE_LOST);
		/* More is dropped, not kept. */
		wire_put(&site.wire, SPAN("+OK\r\n"));
		assert_int_equal(wire_flush(&site.wire), WIRE_LOST);
		assert_int_equal(site.wire.gathered, 0);
		site.from = site.to = -1;
		close_site(&site);
	}
	(void)signal(SIGPIPE, before);
}

/* What was gathered when the input ends is still sent. */
static void
test_end_flushes(void **state)
{
	struct span line;
	struct site site;
	char got[100];

	(void)state;
	open_site(&site, SOCKET);
	end_input(&site);
	wire_put(&site.wire, SPAN("+OK bye\r\n"));
	assert_int_equal(wire_read_line(&site.wire, &line), WIRE_NO_LINE);
	assert_int_equal(site.wire.end, WIRE_EOF);
	wire_put(&site.wire, SPAN("more\r\n"));
	wire_close(&site.wire);
	assert_int_equal(receive(&site, got, sizeof(got)), 15);
	assert_memory_equal(got, "+OK bye\r\nmore\r\n", 15);
	close_site(&site);
}

/* ---- Bodies. */

static const struct {
	const char *what;
	const char *stored;
	size_t n;
	const char *sent;
	size_t sent_n;
	uint64_t octets;
} bodies[] = {
	{ "nothing", OCTETS(""), OCTETS(""), 0 },
	{ "LF", OCTETS("a\nb\n"), OCTETS("a\r\nb\r\n"), 6 },
	{ "CR LF", OCTETS("a\r\nb\r\n"), OCTETS("a\r\nb\r\n"), 6 },
	{ "no line end at the end", OCTETS("a\nb"), OCTETS("a\r\nb\r\n"), 6 },
	{ "empty lines", OCTETS("\n\r\n\n"), OCTETS("\r\n\r\n\r\n"), 6 },
	{ "a dot", OCTETS(".\n"), OCTETS("..\r\n"), 3 },
	{ "a dot without a line end", OCTETS("."), OCTETS("..\r\n"), 3 },
	{ "two dots", OCTETS("..\n"), OCTETS("...\r\n"), 4 },
	{ "a dot and text", OCTETS(".a\n.b\r\n"), OCTETS("..a\r\n..b\r\n"),
	    8 },
	{ "a dot inside", OCTETS("a.\n"), OCTETS("a.\r\n"), 4 },
	{ "what ends a message elsewhere", OCTETS("a\n.\nb\n"),
	    OCTETS("a\r\n..\r\nb\r\n"), 9 },
	{ "a dot behind a bare CR is not at the begin of a line",
	    OCTETS("a\r.\n"), OCTETS("a\r.\r\n"), 5 },
	{ "a CR and a dot at the begin", OCTETS("\r.\n"), OCTETS("\r.\r\n"),
	    4 },
	{ "two CRs: one is an octet", OCTETS("a\r\r\n"), OCTETS("a\r\r\n"),
	    4 },
	{ "a CR at the end is an octet", OCTETS("a\r"), OCTETS("a\r\r\n"), 4 },
	{ "a CR alone", OCTETS("\r"), OCTETS("\r\r\n"), 3 },
	{ "NUL and 8-bit octets", OCTETS("\0\xff\n.\0"),
	    OCTETS("\0\xff\r\n..\0\r\n"), 8 },
};

/* Send the first ${cut} octets apart, the others in pieces of ${step}. */
static void
check_body(size_t i, size_t cut, size_t step)
{
	struct body body = { .octets = 0 };
	struct site site;
	char got[100];
	size_t n = bodies[i].n;

	open_site(&site, SOCKET);
	wire_body(&site.wire, &body, bodies[i].stored, cut);
	for (size_t at = cut; at < n; at += step)
		wire_body(&site.wire, &body, bodies[i].stored + at,
		    n - at < step ? n - at : step);
	wire_body_end(&site.wire, &body);
	wire_body_end(&site.wire, &body);
	ROW(bodies[i].what, body.octets == bodies[i].octets);
	ROW(bodies[i].what, wire_flush(&site.wire) == WIRE_OPEN);
	ROW(bodies[i].what, receive(&site, got, sizeof(got)) ==
	    bodies[i].sent_n);
	ROW(bodies[i].what, memcmp(got, bodies[i].sent,
	    bodies[i].sent_n) == 0);
	close_site(&site);
}

static void
test_bodies(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bodies); i++) {
		for (size_t cut = 0; cut <= bodies[i].n; cut++)
			check_body(i, cut, 100);
		check_body(i, 0, 1);
	}
}

/* More than is gathered at once; ends of lines and dots at every place of the
 * edge. */
static void
test_large(void **state)
{
	static char stored[LIMITS_OUTPUT + 40], sent[2 * LIMITS_OUTPUT];

	(void)state;
	for (size_t edge = LIMITS_OUTPUT - 8; edge < LIMITS_OUTPUT + 8;
	    edge++) {
		struct body body = { .octets = 0 };
		struct site site;
		size_t n = 0;
		pid_t pid;
		int status;

		memset(stored, 'x', sizeof(stored));
		memcpy(stored + edge, "\n.\r\n.\n\n", 7);
		open_site(&site, SOCKET);
		pid = fork();
		if (pid == 0) {
			(void)close(site.from);
			wire_body(&site.wire, &body, stored, sizeof(stored));
			wire_body_end(&site.wire, &body);
			_exit(wire_flush(&site.wire) == WIRE_OPEN ? 0 : 1);
		}
		(void)close(site.in);
		for (ssize_t got; (got = read(site.from, sent + n,
		    sizeof(sent) - n)) > 0;)
			n += (size_t)got;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		assert_int_equal(n, sizeof(stored) + 7);
		assert_memory_equal(sent + edge, "\r\n..\r\n..\r\n\r\nx", 13);
		assert_memory_equal(sent + n - 3, "x\r\n", 3);
		site.in = -1;
		site.out = -1;
		(void)close(site.from);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_long_unended),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_batches),
		cmocka_unit_test(test_unread),
		cmocka_unit_test(test_timeouts),
		cmocka_unit_test(test_slow_reader),
		cmocka_unit_test(test_signal),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_end_flushes),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests_name("wire", tests, unit_begin,
	    unit_end);
}
