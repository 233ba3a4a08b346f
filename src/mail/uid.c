/* SPDX-License-Identifier: ISC */
/*
 * Unique-ids.  Line ends are hashed as LF whatever the file has, so that a
 * mailbox converted between LF and CR LF keeps its ids.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <nettle/base64.h>

#include "base/span.h"
#include "mail/uid.h"

/* What mail readers add, change and remove. */
static bool
is_edited(struct span name)
{
	/* With their lengths: this is asked of every line of a header. */
#define FIELD(name) { sizeof(name) - 1, name }
	static const struct {
		uint8_t n;
		char s[LIMITS_FIELD - 1];
	} fields[] = {
		FIELD("Status"), FIELD("X-Status"), FIELD("X-Keywords"),
		FIELD("X-UID"), FIELD("X-UIDL"), FIELD("X-IMAP"),
		FIELD("X-IMAPbase"), FIELD("X-Mozilla-Status"),
		FIELD("X-Mozilla-Status2"), FIELD("X-Mozilla-Keys"),
		FIELD("Content-Length"), FIELD("Lines")
	};
#undef FIELD

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (fields[i].n == name.n && span_equal_nocase(name,
		    (struct span){ fields[i].s, name.n }))
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

/* The begin of a header line, or all of it, is at ${p}: is the line of a field
 * that is left out? */
static void
decide(struct uid *uid, const char *p, size_t n)
{
	const char *colon = memchr(p, ':', n < LIMITS_FIELD ? n : LIMITS_FIELD);

	if (n == 0 || (*p != ' ' && *p != '\t'))
		uid->skipping = colon != NULL && is_edited((struct span){ p,
		    (size_t)(colon - p) });
	uid->state = uid->skipping ? UID_SKIP : UID_KEEP;
}

/* The same, with what was kept of the line so far. */
static void
decide_name(struct uid *uid)
{
	decide(uid, uid->name, uid->named);
	if (uid->state == UID_KEEP)
		hash(uid, uid->name, uid->named);
	uid->named = 0;
}

/* Octets of a line that hold no line end, the line not being at hand whole. */
static void
feed_part(struct uid *uid, const char *p, size_t n)
{
	if (n > 0)
		uid->inside = true;
	for (; n > 0 && uid->state == UID_NAME; p++, n--) {
		uid->name[uid->named++] = *p;
		if (uid->named == LIMITS_FIELD)
			decide_name(uid);
	}
	if (n > 0 && uid->state != UID_SKIP)
		hash(uid, p, n);
}

/* The next line of the header, or as much of it as there is.  Returns what is
 * behind it; what is before ${*kept} is hashed or left out. */
static const char *
feed_header(struct uid *uid, const char *p, const char *end, const char **kept)
{
	const char *lf = memchr(p, '\n', (size_t)(end - p));
	const char *line = lf == NULL ? end : lf;

	line -= line > p && line[-1] == '\r';
	if (lf == NULL || uid->named > 0) {
		hash(uid, *kept, (size_t)(p - *kept));
		feed_part(uid, p, (size_t)(line - p));
		*kept = lf == NULL ? end : line;
		if (lf == NULL) {
			uid->cr = line < end;
			return end;
		}
		if (uid->state == UID_NAME)
			decide_name(uid);
		p = line;
	}
	if (uid->state == UID_NAME)
		decide(uid, p, (size_t)(line - p));
	if (uid->state == UID_SKIP) {
		hash(uid, *kept, (size_t)(p - *kept));
		*kept = lf + 1;
	} else if (line < lf) {
		hash(uid, *kept, (size_t)(line - *kept));
		*kept = lf;
	}
	uid->state = uid->state == UID_FROM || uid->inside || line > p ?
	    UID_NAME : UID_BODY;
	uid->inside = false;
	return lf + 1;
}

/* The same of the body, which needs no look at its lines, only at its CRs. */
static const char *
feed_body(struct uid *uid, const char *p, const char *end, const char **kept)
{
	const char *cr = memchr(p, '\r', (size_t)(end - p));

	if (cr == NULL || (cr + 1 < end && cr[1] != '\n')) {
		p = cr == NULL ? end : cr + 1;
		uid->inside = p[-1] != '\n';
		return p;
	}
	if (cr > p)
		uid->inside = cr[-1] != '\n';
	hash(uid, *kept, (size_t)(cr - *kept));
	*kept = cr + 1;
	uid->cr = *kept == end;
	return *kept;
}

/* Octets that are neighbours are hashed together. */
void
uid_feed(struct uid *uid, const char *p, size_t n)
{
	const char *end = p + n, *kept = p;

	if (uid->cr && n > 0) {
		uid->cr = false;
		if (*p != '\n')
			feed_part(uid, "\r", 1);
	}
	while (p < end)
		p = (uid->state == UID_BODY ? feed_body : feed_header)(uid, p,
		    end, &kept);
	hash(uid, kept, (size_t)(end - kept));
}

void
uid_end(struct uid *uid, uint8_t id[LIMITS_UID_OCTETS])
{
	if (uid->cr)
		feed_part(uid, "\r", 1);
	if (uid->state == UID_NAME)
		decide_name(uid);
	if (uid->inside && uid->state != UID_SKIP)
		hash(uid, "\n", 1);
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
