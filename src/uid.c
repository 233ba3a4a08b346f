/* SPDX-License-Identifier: ISC */
/*
 * Unique-ids.  Line ends are hashed as LF whatever the file has, so that a
 * mailbox converted between LF and CR LF keeps its ids.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <nettle/base64.h>

#include "span.h"
#include "uid.h"

/* What mail readers add, change and remove. */
static bool
is_edited(struct span name)
{
	static const char *const fields[] = {
		"Status", "X-Status", "X-Keywords", "X-UID", "X-UIDL",
		"X-IMAP", "X-IMAPbase", "X-Mozilla-Status",
		"X-Mozilla-Status2", "X-Mozilla-Keys", "Content-Length",
		"Lines"
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (span_equal_nocase(name, span_of(fields[i])))
			return true;
	return false;
}

void
uid_begin(struct uid *uid)
{
	memset(uid, 0, sizeof(*uid));
	sha256_init(&uid->sha);
	uid->state = UID_FROM;
}

static void
hash(struct uid *uid, const char *p, size_t n)
{
	sha256_update(&uid->sha, n, (const uint8_t *)p);
}

/* The begin of a header line is known: keep or leave out the line. */
static void
decide(struct uid *uid, bool skip)
{
	uid->state = skip ? UID_SKIP : UID_KEEP;
	uid->skipping = skip;
	if (!skip)
		hash(uid, uid->name, uid->named);
	uid->named = 0;
}

/* Octets of a line that hold no line end. */
static void
feed_part(struct uid *uid, const char *p, size_t n)
{
	if (n > 0)
		uid->inside = true;
	while (n > 0 && uid->state == UID_NAME) {
		char c = *p;

		if (uid->named == 0 && (c == ' ' || c == '\t')) {
			decide(uid, uid->skipping);
		} else if (c == ':') {
			decide(uid, is_edited((struct span){ uid->name,
			    uid->named }));
		} else if (uid->named == UID_FIELD) {
			decide(uid, false);
		} else {
			uid->name[uid->named++] = c;
			p++;
			n--;
		}
	}
	if (n > 0 && uid->state != UID_SKIP)
		hash(uid, p, n);
}

static void
feed_line_end(struct uid *uid)
{
	bool empty = !uid->inside;

	if (uid->state == UID_NAME)
		decide(uid, false);
	if (uid->state != UID_SKIP)
		hash(uid, "\n", 1);
	uid->inside = false;
	if (uid->state == UID_FROM || !empty)
		uid->state = uid->state == UID_BODY ? UID_BODY : UID_NAME;
	else
		uid->state = UID_BODY;
}

/* The body needs no look at its lines, only at its CRs. */
static size_t
feed_body(struct uid *uid, const char *p, size_t n)
{
	const char *cr = memchr(p, '\r', n);
	size_t plain = cr == NULL ? n : (size_t)(cr - p);

	if (plain > 0) {
		hash(uid, p, plain);
		uid->inside = p[plain - 1] != '\n';
	}
	return plain;
}

void
uid_feed(struct uid *uid, const char *p, size_t n)
{
	const char *end = p + n;

	while (p < end) {
		if (uid->cr) {
			uid->cr = false;
			if (*p != '\n')
				feed_part(uid, "\r", 1);
		}
		if (*p == '\r') {
			uid->cr = true;
			p++;
		} else if (uid->state == UID_BODY) {
			p += feed_body(uid, p, (size_t)(end - p));
		} else if (*p == '\n') {
			feed_line_end(uid);
			p++;
		} else {
			size_t part = 1;

			while (p + part < end && p[part] != '\n' &&
			    p[part] != '\r')
				part++;
			feed_part(uid, p, part);
			p += part;
		}
	}
}

void
uid_end(struct uid *uid, uint8_t id[LIMITS_UID_OCTETS])
{
	if (uid->cr)
		feed_part(uid, "\r", 1);
	if (uid->inside)
		feed_line_end(uid);
	sha256_digest(&uid->sha, LIMITS_UID_OCTETS, id);
}

void
uid_print(const uint8_t id[LIMITS_UID_OCTETS], uint32_t copy,
    char text[LIMITS_UID_MAX + 1])
{
	struct base64_encode_ctx base64;
	size_t n;

	base64url_encode_init(&base64);
	n = base64_encode_update(&base64, text, LIMITS_UID_OCTETS, id);
	if (copy > 1)
		(void)snprintf(text + n, LIMITS_UID_MAX + 1 - n, "-%u", copy);
	else
		text[n] = '\0';
}
