/* SPDX-License-Identifier: ISC */
/*
 * Other servers' unique-ids, as their sources have it; those of popa3d, solid,
 * mailutils and Dovecot were compared with what the servers say.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nettle/md5.h>

#include "mail/foreign.h"

/* Octets that teapop reads of a line at once; those of a message that tpop3d
 * hashes; those that an X-UIDL has at least. */
#define TEAPOP_LINE 1023
#define TPOP3D_OCTETS 512
#define XUIDL_LEAST 13

/* Whether the line begins with ${word}. */
static bool
begins(struct span line, struct span word)
{
	line.n = line.n < word.n ? line.n : word.n;
	return span_equal(line, word);
}

static bool
begins_nocase(struct span line, struct span word)
{
	line.n = line.n < word.n ? line.n : word.n;
	return span_equal_nocase(line, word);
}

/* Cut a line with its line end from ${rest}. */
static struct span
cut_line(struct span *rest)
{
	const char *lf = memchr(rest->p, '\n', rest->n);
	struct span line = { rest->p, lf == NULL ? rest->n :
	    (size_t)(lf + 1 - rest->p) };

	rest->p += line.n;
	rest->n -= line.n;
	return line;
}

/* Cut the next line of a header, without its From_ line.  Returns false at its
 * end. */
static bool
next_line(struct span *header, struct span *line)
{
	if (header->n == 0)
		return false;
	*line = cut_line(header);
	return line->p[0] != '\n' && (line->n < 2 || line->p[0] != '\r' ||
	    line->p[1] != '\n');
}

static bool
is_folded(struct span line)
{
	return line.p[0] == ' ' || line.p[0] == '\t';
}

static void
hash(struct md5_ctx *md5, struct span octets)
{
	md5_update(md5, octets.n, (const uint8_t *)octets.p);
}

/* Write the digest in hex, the octets from ${order}.  Returns the digits. */
static int
print_md5(struct md5_ctx *md5, const char *order, char *id)
{
	uint8_t digest[MD5_DIGEST_SIZE];
	int n = 0;

	md5_digest(md5, sizeof(digest), digest);
	for (; *order != '\0'; order++)
		n += snprintf(id + n, 3, "%02x", digest[*order - 'a']);
	return n;
}

#define WHOLE "abcdefghijklmnop"

/* Whether popa3d hashes the field that ${line} begins; ${received}: it has seen
 * a Received. */
static bool
is_of_popa3d(struct span line, bool *received)
{
	if (begins_nocase(line, SPAN("Received:"))) {
		bool first = !*received;

		*received = true;
		return first;
	}
	return begins_nocase(line, SPAN("Delivered-To:")) ||
	    (line.p[0] == 'X' &&
	    begins_nocase(line, SPAN("X-Delivery-ID:"))) ||
	    (!*received && (begins_nocase(line, SPAN("Date:")) ||
	    begins_nocase(line, SPAN("Message-ID:"))));
}

static int
make_popa3d(struct span header, char *id)
{
	bool received = false, hashed = false;
	struct md5_ctx md5;
	struct span line;

	md5_init(&md5);
	while (next_line(&header, &line)) {
		if (!is_folded(line))
			hashed = is_of_popa3d(line, &received);
		if (hashed)
			hash(&md5, line);
	}
	return print_md5(&md5, "dcbahgfe", id);
}

/* Lines alone count, without what they are folded into. */
static int
make_solid(struct span header, char *id)
{
	struct md5_ctx md5;
	struct span line;

	md5_init(&md5);
	while (next_line(&header, &line))
		if (begins(line, SPAN("Received:")) ||
		    begins(line, SPAN("Date:")) ||
		    begins(line, SPAN("Message-Id:")) ||
		    begins(line, SPAN("Subject:")))
			hash(&md5, line);
	return print_md5(&md5, WHOLE, id);
}

static int
make_tpop3d(struct span begin, char *id)
{
	struct md5_ctx md5;

	if (begin.n > TPOP3D_OCTETS)
		begin.n = TPOP3D_OCTETS;
	md5_init(&md5);
	hash(&md5, begin);
	return print_md5(&md5, WHOLE, id);
}

/* A message in the way from its octets to teapop's lines. */
struct teapop {
	struct md5_ctx md5;
	char line[TEAPOP_LINE];
	size_t n;
};

static void
end_line(struct teapop *teapop)
{
	struct span line = { teapop->line, teapop->n };

	if (!begins_nocase(line, SPAN("Status:")) &&
	    !begins_nocase(line, SPAN("X-Status:")) &&
	    !begins_nocase(line, SPAN("Lines:")) &&
	    !begins_nocase(line, SPAN("Content-Length:")))
		hash(&teapop->md5, line);
	teapop->n = 0;
}

static void
feed_teapop(void *to, struct span piece)
{
	struct teapop *teapop = to;

	for (size_t i = 0; i < piece.n; i++) {
		teapop->line[teapop->n++] = piece.p[i];
		if (piece.p[i] == '\n' || teapop->n == TEAPOP_LINE)
			end_line(teapop);
	}
}

static int
make_teapop(const struct foreign_message *message, char *id)
{
	struct teapop teapop = { .n = 0 };

	md5_init(&teapop.md5);
	if (message->read(message->from, feed_teapop, &teapop) == -1)
		return -1;
	if (teapop.n > 0)
		end_line(&teapop);
	return print_md5(&teapop.md5, WHOLE, id);
}

/* Find the first field ${name}, which has its colon.  Returns its value,
 * without the blanks around it; empty if there is none. */
static struct span
find(struct span header, struct span name)
{
	struct span line;

	while (next_line(&header, &line)) {
		if (!begins_nocase(line, name))
			continue;
		line.n -= line.p[line.n - 1] == '\n';
		line.n -= line.n > 0 && line.p[line.n - 1] == '\r';
		return span_trim((struct span){ line.p + name.n,
		    line.n > name.n ? line.n - name.n : 0 });
	}
	return (struct span){ NULL, 0 };
}

static int
make_xuidl(struct span header, char *id)
{
	struct span value = find(header, SPAN("X-UIDL:"));

	if (value.n < XUIDL_LEAST || value.n > LIMITS_UID_MAX ||
	    span_copy(value, id, LIMITS_UID_MAX + 1) == -1)
		return 0;
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] <= ' ' || value.p[i] > '~')
			return 0;
	return (int)value.n;
}

/* Both keep UIDs in the header; those of one mailbox rise, and are not above
 * the last one.  What is not so was put there by somebody else. */
static int
make_imap(struct foreign *foreign, struct span header, char *id)
{
	uint64_t uid;

	if (foreign->validity == 0 || span_number(find(header,
	    SPAN("X-UID:")), foreign->last, &uid) == -1 ||
	    uid <= foreign->uid)
		return 0;
	foreign->uid = (uint32_t)uid;
	return foreign->server == FOREIGN_UW ?
	    snprintf(id, LIMITS_UID_MAX + 1, "%08x%08x", foreign->validity,
	    foreign->uid) : snprintf(id, LIMITS_UID_MAX + 1, "%08x%08x",
	    foreign->uid, foreign->validity);
}

void
foreign_begin(struct foreign *foreign, enum foreign_server server,
    struct span first)
{
	struct span base, validity, last;
	uint64_t numbers[2];

	*foreign = (struct foreign){ .server = server };
	(void)cut_line(&first);
	base = find(first, SPAN("X-IMAPbase:"));
	if (base.n == 0)
		base = find(first, SPAN("X-IMAP:"));
	validity = span_cut(&base, ' ');
	last = span_trim(base);
	last = span_cut(&last, ' ');
	if (span_number(validity, UINT32_MAX, &numbers[0]) == 0 &&
	    span_number(last, UINT32_MAX, &numbers[1]) == 0) {
		foreign->validity = (uint32_t)numbers[0];
		foreign->last = (uint32_t)numbers[1];
	}
}

int
foreign_id(struct foreign *foreign, const struct foreign_message *message,
    char id[LIMITS_UID_MAX + 1])
{
	struct span header = message->begin;

	(void)cut_line(&header);
	switch (foreign->server) {
	case FOREIGN_POPA3D:
		return make_popa3d(header, id);
	case FOREIGN_SOLID:
		return make_solid(header, id);
	case FOREIGN_TPOP3D:
		return make_tpop3d(message->begin, id);
	case FOREIGN_TEAPOP:
		return make_teapop(message, id);
	case FOREIGN_XUIDL:
		return make_xuidl(header, id);
	case FOREIGN_UW:
	case FOREIGN_DOVECOT:
		break;
	}
	return make_imap(foreign, header, id);
}
