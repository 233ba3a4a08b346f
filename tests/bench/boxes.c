/* SPDX-License-Identifier: ISC */
/*
 * boxes COUNT OCTETS SEED FILE: writes a mailbox of COUNT messages that have
 * OCTETS octets each on average, From_ line and separator included.  The mail
 * is of the kinds that fill spools: Received chains, signatures in headers,
 * plain text with quoted replies, dots and >From at the start of lines, 8-bit
 * text, quoted-printable HTML, base64 attachments.  The same arguments give
 * the same octets on every machine.
 *
 * Bodies are slices of pools made once, so a gigabyte takes seconds.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define POOL ((size_t)1 << 20)		/* octets of each pool */
#define OUTPUT ((size_t)1 << 20)	/* octets gathered before a write */
#define LINE 1024			/* longest piece of a header */
#define EPOCH 1704067200		/* 2024-01-01 00:00:00 UTC */

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct boxes {
	int fd;
	uint64_t random;		/* state of the generator */
	uint64_t written;		/* octets so far, buffer included */
	size_t gathered;		/* of output */
	char *output;
	char *text, *base64, *html;	/* pools of whole lines */
	time_t now;			/* when the current message came */
};

static const char *const words[] = {
	"about", "after", "again", "although", "answer", "because", "before",
	"between", "board", "budget", "cable", "change", "coffee", "could",
	"customer", "deadline", "default", "draft", "early", "evening",
	"example", "figures", "fjord", "folder", "garden", "harbour", "however",
	"invoice", "journey", "kernel", "letter", "library", "machine",
	"mailbox", "maintainer", "meeting", "minutes", "morning", "network",
	"number", "office", "packet", "people", "platform", "please",
	"problem", "project", "question", "railway", "release", "report",
	"schedule", "server", "should", "signal", "station", "summary",
	"system", "thanks", "ticket", "together", "tomorrow", "version",
	"weather", "without", "would", "yesterday", "the", "a", "of", "and",
	"to", "in", "is", "it", "that", "for", "on", "with", "as", "we",
	"sch\303\266n", "caf\303\251", "na\303\257ve", "\342\202\254",
};
static const char *const openings[] = {
	"For", "From", "First", "Further", "Finally", "The", "We", "It", "As",
	"I", "You", "Thanks", "Please", "On", "In", "When", "After", "Dear",
};
static const char *const hosts[] = {
	"mx1.example.org", "mail.example.net", "smtp-out-3.lists.example.com",
	"localhost", "relay.university.example", "gw.office.example",
	"static-192-0-2-17.isp.example", "mta7.shop.example",
};
static const char *const names[] = {
	"mrose", "frated", "anna.lindqvist", "j.doe", "office", "billing",
	"dev-bounces", "owner-announce", "noreply", "k_tanaka", "maria",
};

static void
die(const char *what)
{
	(void)fprintf(stderr, "boxes: %s: %s\n", what, strerror(errno));
	exit(111);
}

/* xorshift64*: small, quick, the same everywhere. */
static uint64_t
draw(struct boxes *b)
{
	uint64_t x = b->random;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	b->random = x;
	return x * UINT64_C(2685821657736338717);
}

static size_t
below(struct boxes *b, size_t n)
{
	return (size_t)((draw(b) >> 33) % n);
}

static const char *
pick(struct boxes *b, const char *const *list, size_t n)
{
	return list[below(b, n)];
}

static void
flush(struct boxes *b)
{
	size_t done = 0;

	while (done < b->gathered) {
		ssize_t n = write(b->fd, b->output + done, b->gathered - done);

		if (n < 0)
			die("write");
		done += (size_t)n;
	}
	b->gathered = 0;
}

static void
put(struct boxes *b, const char *p, size_t n)
{
	b->written += n;
	while (n > 0) {
		size_t part = OUTPUT - b->gathered;

		if (part > n)
			part = n;
		memcpy(b->output + b->gathered, p, part);
		b->gathered += part;
		p += part;
		n -= part;
		if (b->gathered == OUTPUT)
			flush(b);
	}
}

static void put_line(struct boxes *, const char *, ...)
    __attribute__((format(printf, 2, 3)));

static void
put_line(struct boxes *b, const char *format, ...)
{
	char line[LINE];
	va_list list;
	int n;

	va_start(list, format);
	n = vsnprintf(line, sizeof(line) - 1, format, list);
	va_end(list);
	if (n < 0 || n >= (int)sizeof(line) - 1)
		n = (int)sizeof(line) - 2;
	line[n] = '\n';
	put(b, line, (size_t)n + 1);
}

/* Whole lines of ${pool}, close to ${n} octets of them. */
static void
put_slice(struct boxes *b, const char *pool, size_t n)
{
	while (n > 0) {
		size_t from = below(b, POOL / 2);
		size_t part = n < POOL / 2 ? n : POOL / 2 - 128;
		const char *p = memchr(pool + from, '\n', POOL - from);
		const char *end = memchr(p + part, '\n',
		    (size_t)(pool + POOL - p) - part);

		put(b, p + 1, (size_t)(end - p));
		n -= part;
	}
}

/* ---- The pools.  Each ends with a line end. */

/* Fill the rest of ${pool}. */
static void
finish_pool(char *pool, size_t at)
{
	memset(pool + at, 'x', POOL - at);
	pool[POOL - 1] = '\n';
}

static char *
new_pool(void)
{
	char *pool = malloc(POOL);

	if (pool == NULL)
		die("memory");
	return pool;
}

/* How a line of text begins, now and then. */
static const char *
margin(struct boxes *b)
{
	switch (below(b, 40)) {
	case 0:
		return ".";
	case 1:
		return "..";
	case 2:
	case 3:
	case 4:
		return "> ";
	case 5:
		return "> > ";
	case 6:
		return "\t";
	case 7:
		return "    ";
	default:
		return "";
	}
}

static char *
make_text(struct boxes *b)
{
	char *pool = new_pool(), line[LINE];
	size_t at = 0;

	while (at + 2 * LINE < POOL) {
		size_t lines = 1 + below(b, 9);

		for (size_t i = 0; i < lines; i++) {
			size_t width = i + 1 == lines ? 20 + below(b, 50) : 64;
			const char *first = pick(b, openings,
			    COUNT_OF(openings));
			size_t n = (size_t)snprintf(line, sizeof(line), "%s%s",
			    margin(b), i == 0 ? first : "so");

			/* What a delivery agent does to such a line. */
			if (strcmp(line, "From") == 0)
				n = (size_t)snprintf(line, sizeof(line),
				    ">From");
			while (n < width)
				n += (size_t)snprintf(line + n,
				    sizeof(line) - n, "%s%s",
				    below(b, 9) == 0 ? ", " : " ",
				    pick(b, words, COUNT_OF(words)));
			line[n++] = '\n';
			memcpy(pool + at, line, n);
			at += n;
		}
		pool[at++] = '\n';
	}
	finish_pool(pool, at);
	return pool;
}

static char *
make_base64(struct boxes *b)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	char *pool = new_pool();

	for (size_t i = 0; i < POOL; i++)
		pool[i] = i % 77 == 76 ? '\n' : digits[draw(b) >> 58];
	pool[POOL - 1] = '\n';
	return pool;
}

/* Quoted-printable: soft line ends, and dots that end up in front. */
static char *
make_html(struct boxes *b)
{
	char *pool = new_pool();
	size_t at = 0;

	while (at + LINE < POOL) {
		size_t n = 0;

		if (below(b, 30) == 0)
			pool[at++] = '.';
		while (n < 64)
			n += (size_t)snprintf(pool + at + n, LINE, "%s%s%s",
			    below(b, 6) == 0 ? "<span style=3D\"color:#333\">" :
			    "", pick(b, words, COUNT_OF(words) - 4),
			    below(b, 7) == 0 ? "=C3=A9</span>" : " ");
		at += n;
		memcpy(pool + at, "=\n", 2);
		at += 2;
	}
	finish_pool(pool, at);
	return pool;
}

/* ---- Messages */

/* When the current message came, as header fields have it and as From_ lines
 * do. */
static void
stamp(const struct boxes *b, char field[64], char from[64])
{
	struct tm tm;

	(void)gmtime_r(&b->now, &tm);
	(void)strftime(field, 64, "%a, %d %b %Y %H:%M:%S +0000", &tm);
	(void)strftime(from, 64, "%a %b %e %H:%M:%S %Y", &tm);
}

static void
put_received(struct boxes *b, const char *when)
{
	const char *by = pick(b, hosts, COUNT_OF(hosts));

	put_line(b, "Received: from %s (%s [192.0.2.%zu])",
	    pick(b, hosts, COUNT_OF(hosts)), by, below(b, 256));
	put_line(b, "\tby %s (Postfix) with ESMTPS id %08" PRIX64, by,
	    draw(b) >> 32);
	put_line(b, "\tfor <%s@example.org>; %s (UTC)",
	    pick(b, names, COUNT_OF(names)), when);
}

static void
put_signature(struct boxes *b)
{
	put_line(b, "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; "
	    "d=example.net; s=s2024;");
	put_line(b, "\th=from:to:subject:date:message-id:mime-version;");
	for (int i = 0; i < 4; i++)
		put_line(b, "\t%s%.70s", i == 0 ? "b=" : "",
		    b->base64 + 77 * (1 + below(b, POOL / 77 - 2)));
}

/* The header of message ${i}; ${rich} with all that long mail has. */
static void
put_header(struct boxes *b, uint64_t i, bool rich)
{
	const char *from = pick(b, names, COUNT_OF(names));
	const char *host = pick(b, hosts, COUNT_OF(hosts));
	size_t hops = rich ? 2 + below(b, 5) : 1;
	char when[64], line[64];

	stamp(b, when, line);
	put_line(b, "From %s@%s %s", from, host, line);
	if (rich)
		put_line(b, "Return-Path: <%s@%s>", from, host);
	while (hops-- > 0)
		put_received(b, when);
	if (rich && below(b, 2) == 0)
		put_signature(b);
	put_line(b, "From: <%s@%s>", from, host);
	put_line(b, "To: <mrose@example.org>");
	put_line(b, "Subject: %s %s %s", pick(b, openings, COUNT_OF(openings)),
	    pick(b, words, COUNT_OF(words) - 4),
	    pick(b, words, COUNT_OF(words) - 4));
	put_line(b, "Date: %s", when);
	put_line(b, "Message-ID: <%" PRIu64 ".%016" PRIx64 "@%s>", i, draw(b),
	    host);
	if (rich && below(b, 3) == 0) {
		put_line(b, "List-Id: <announce.lists.example.com>");
		put_line(b, "Precedence: list");
	}
	if (rich && below(b, 3) == 0)
		put_line(b, "Status: RO");
}

static void
put_part(struct boxes *b, const char *boundary, const char *type,
    const char *encoding)
{
	put_line(b, "--%s", boundary);
	put_line(b, "Content-Type: %s", type);
	put_line(b, "Content-Transfer-Encoding: %s", encoding);
	put_line(b, "%s", "");
}

/* A body of close to ${n} octets, as MIME. */
static void
put_mime(struct boxes *b, size_t n)
{
	bool mixed = n > 65536 || below(b, 2) == 0;
	size_t text = n > 65536 ? 4096 : n / 4;
	char boundary[64];

	(void)snprintf(boundary, sizeof(boundary), "=_%016" PRIx64 "_%zu",
	    draw(b), text);
	put_line(b, "MIME-Version: 1.0");
	put_line(b, "Content-Type: multipart/%s;\n boundary=\"%s\"\n",
	    mixed ? "mixed" : "alternative", boundary);
	put_line(b, "This is a message of several parts in MIME format.\n");
	put_part(b, boundary, "text/plain; charset=utf-8", "8bit");
	put_slice(b, b->text, text);
	if (mixed) {
		put_part(b, boundary, "application/pdf; name=\"report.pdf\"",
		    "base64");
		put_slice(b, b->base64, n - text);
	} else {
		put_part(b, boundary, "text/html; charset=utf-8",
		    "quoted-printable");
		put_slice(b, b->html, n - text);
	}
	put_line(b, "--%s--", boundary);
}

static void
put_message(struct boxes *b, uint64_t i, uint64_t target)
{
	uint64_t begin = b->written, used;
	bool rich = target > 2048;
	size_t left;

	put_header(b, i, rich);
	used = b->written - begin + (rich ? 500 : 40);
	left = (size_t)(target > used + 40 ? target - used : 40);
	if (rich && (target > 65536 || below(b, 5) < 3)) {
		put_mime(b, left);
	} else {
		put_line(b, "%s", "");
		put_slice(b, b->text, left);
	}
	put(b, "\n", 1);
	b->now += (time_t)(1 + below(b, 600));
}

static uint64_t
number(const char *text)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || value == 0) {
		(void)fprintf(stderr, "boxes: not a number: %s\n", text);
		exit(100);
	}
	return value;
}

int
main(int argc, char **argv)
{
	struct boxes b = { .now = EPOCH };
	uint64_t count, octets;

	if (argc != 5) {
		(void)fputs("usage: boxes COUNT OCTETS SEED FILE\n", stderr);
		return 100;
	}
	count = number(argv[1]);
	octets = number(argv[2]);
	b.random = number(argv[3]) * UINT64_C(0x9e3779b97f4a7c15) | 1;
	b.fd = open(argv[4], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (b.fd == -1)
		die(argv[4]);
	b.output = malloc(OUTPUT);
	if (b.output == NULL)
		die("memory");
	b.text = make_text(&b);
	b.base64 = make_base64(&b);
	b.html = make_html(&b);
	for (uint64_t i = 1; i <= count; i++) {
		/* Half to one and a half times the mean, but what is over or
		 * under so far is made good. */
		uint64_t size = octets / 2 + below(&b, (size_t)octets);
		int64_t ahead = (int64_t)(b.written - (i - 1) * octets);

		if (ahead > (int64_t)octets && size > octets / 2)
			size -= octets / 4;
		else if (ahead < -(int64_t)octets)
			size += octets / 4;
		put_message(&b, i, size);
	}
	flush(&b);
	if (close(b.fd) == -1)
		die(argv[4]);
	free(b.output);
	free(b.text);
	free(b.base64);
	free(b.html);
	return 0;
}
