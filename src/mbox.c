/* SPDX-License-Identifier: ISC */
/*
 * The mbox grammar.  A message begins at a From_ line that stands at the start
 * of the file or behind an empty line; its size on the wire follows from three
 * counts: line ends, line ends with CR, empty lines.  So the scan is one pass
 * of counting, at the speed of memory, with a closer look only where a line
 * that follows an empty one begins with F.  Content-Length is not believed.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "mbox.h"

/* Octets counted between two looks at whether an F was met, and the width in
 * which they are counted: wide enough for every vector unit of today. */
#define STRIDE 1024
#define LANES 64

/* Compiled once for any processor and once for wide vectors; the dynamic
 * linker takes the one that fits. */
#ifdef HAVE_TARGET_CLONES
#define WIDE __attribute__((target_clones("default", "avx2")))
#else
#define WIDE
#endif

/*
 * Count in ${n} octets, at most STRIDE.  The inner loop has no branch and a
 * fixed length, so that compilers turn it into vectors; a lane's counter has
 * 8 bits and goes up at most STRIDE / LANES times.  Returns whether a line
 * begins with F.
 */
WIDE static bool
count(const char *p, size_t n, struct mbox_tally *tally)
{
	uint8_t lf[LANES] = { 0 }, crlf[LANES] = { 0 }, blanks[LANES] = { 0 };
	uint8_t hit[LANES] = { 0 };
	size_t i = 0;
	unsigned lfs = 0, crlfs = 0, empty = 0, hits = 0;

	for (; i + LANES <= n; i += LANES)
		for (size_t k = 0; k < LANES; k++) {
			const char *c = p + i + k;
			uint8_t end = c[0] == '\n';
			uint8_t begin = c[-1] == '\n';
			uint8_t cr = c[-1] == '\r';
			uint8_t before = c[-2] == '\n';

			lf[k] = (uint8_t)(lf[k] + end);
			crlf[k] = (uint8_t)(crlf[k] + (end & cr));
			blanks[k] = (uint8_t)(blanks[k] +
			    (end & (begin | (cr & before))));
			hit[k] |= (uint8_t)((c[0] == 'F') & begin);
		}
	for (; i < n; i++) {
		unsigned end = p[i] == '\n', cr = p[i - 1] == '\r';

		lfs += end;
		crlfs += end & cr;
		empty += end & ((p[i - 1] == '\n') | (cr & (p[i - 2] == '\n')));
		hits |= (p[i] == 'F') & (p[i - 1] == '\n');
	}
	for (size_t k = 0; k < LANES; k++) {
		lfs += lf[k];
		crlfs += crlf[k];
		empty += blanks[k];
		hits |= hit[k];
	}
	tally->lf += lfs;
	tally->crlf += crlfs;
	tally->blanks += empty;
	return hits != 0;
}

/* Where in ${n} octets an F begins a line behind an empty line; ${n} if it
 * does nowhere. */
static size_t
find_from(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *f = memchr(p + i, 'F', n - i);

		if (f == NULL)
			return n;
		if (f[-1] == '\n' && (f[-2] == '\n' ||
		    (f[-2] == '\r' && f[-3] == '\n')))
			return (size_t)(f - p);
		i = (size_t)(f - p);
	}
	return n;
}

size_t
mbox_skim(const char *p, size_t n, struct mbox_tally *tally)
{
	for (size_t i = 0, part; i < n; i += part) {
		struct mbox_tally before = *tally;

		part = n - i < STRIDE ? n - i : STRIDE;
		if (count(p + i, part, tally)) {
			size_t at = find_from(p + i, part);

			if (at < part) {
				*tally = before;
				(void)count(p + i, at, tally);
				return i + at;
			}
		}
	}
	return n;
}

void
mbox_begin(struct mbox *mbox, uint64_t offset, mbox_yield *yield, void *to)
{
	memset(mbox, 0, sizeof(*mbox));
	mbox->at = offset;
	mbox->state = MBOX_PREFIX;
	mbox->first = true;
	memset(mbox->last, '\n', sizeof(mbox->last));
	mbox->yield = yield;
	mbox->to = to;
}

/* Take note of ${n} octets that were looked at. */
static void
pass(struct mbox *mbox, const char *p, size_t n)
{
	const size_t keep = sizeof(mbox->last);

	mbox->at += n;
	if (n >= keep) {
		memcpy(mbox->last, p + n - keep, keep);
		return;
	}
	memmove(mbox->last, mbox->last + n, keep - n);
	memcpy(mbox->last + keep - n, p, n);
}

static int
refuse(struct mbox *mbox, uint64_t line)
{
	mbox->state = MBOX_REFUSED;
	mbox->at = line;
	errno = EBADMSG;
	return -1;
}

/* The open message ends at ${end}; ${separator} octets of an empty line stand
 * before it.  The empty line that ends the header is never the separator. */
static int
yield(struct mbox *mbox, uint64_t end, unsigned separator, bool open_line)
{
	struct mbox_message *m = &mbox->message;
	const struct mbox_tally *tally = &mbox->tally;

	m->end = end;
	m->separator = tally->blanks >= 2 ? separator : 0;
	m->octets = end - m->text + tally->lf - tally->crlf;
	if (m->separator > 0)
		m->octets -= 2;
	if (open_line && end > m->text)
		m->octets += 2;
	return mbox->yield(mbox->to, m);
}

static int
end_of_from(struct mbox *mbox, bool ended)
{
	int result = 0;

	mbox->state = MBOX_TEXT;
	if (!from_end(&mbox->from, ended)) {
		if (mbox->first)
			return refuse(mbox, mbox->line);
		mbox->tally.lf += ended;
		mbox->tally.crlf += ended && mbox->from.cr;
		return 0;
	}
	if (!mbox->first)
		result = yield(mbox, mbox->line, mbox->separator, false);
	mbox->first = false;
	mbox->message.offset = mbox->line;
	mbox->message.text = mbox->at;
	memset(&mbox->tally, 0, sizeof(mbox->tally));
	return result;
}

static void
begin_of_from(struct mbox *mbox)
{
	mbox->state = MBOX_FROM;
	mbox->line = mbox->at;
	mbox->separator = mbox->last[1] == '\r' ? 2 : 1;
	from_begin(&mbox->from);
}

static int
feed_prefix(struct mbox *mbox, const char *p, size_t n, size_t *used)
{
	for (*used = 0; *used < n; ++*used) {
		char before = mbox->last[2], c = p[*used];

		if (c == 'F' && before == '\n') {
			begin_of_from(mbox);
			return 0;
		}
		if (c != '\n' && !(c == '\r' && before == '\n'))
			return refuse(mbox, mbox->at - (before == '\r'));
		pass(mbox, &c, 1);
	}
	return 0;
}

static int
feed_from(struct mbox *mbox, const char *p, size_t n, size_t *used)
{
	const char *lf = memchr(p, '\n', n);
	size_t line = lf == NULL ? n : (size_t)(lf - p);

	from_feed(&mbox->from, p, line);
	*used = lf == NULL ? n : line + 1;
	pass(mbox, p, *used);
	return lf == NULL ? 0 : end_of_from(mbox, true);
}

static void
feed_text(struct mbox *mbox, const char *p, size_t n, size_t *used)
{
	/* What precedes the first octets was fed with another block. */
	const size_t behind = sizeof(mbox->last);
	char edge[2 * sizeof(mbox->last)];
	size_t first = n < behind ? n : behind;

	memcpy(edge, mbox->last, behind);
	memcpy(edge + behind, p, first);
	*used = mbox_skim(edge + behind, first, &mbox->tally);
	if (*used == first)
		*used += mbox_skim(p + first, n - first, &mbox->tally);
	pass(mbox, p, *used);
	if (*used < n)
		begin_of_from(mbox);
}

int
mbox_feed(struct mbox *mbox, const char *p, size_t n)
{
	size_t used = 0;
	int result = 0;

	for (; n > 0 && result == 0; p += used, n -= used)
		switch (mbox->state) {
		case MBOX_PREFIX:
			result = feed_prefix(mbox, p, n, &used);
			break;
		case MBOX_FROM:
			result = feed_from(mbox, p, n, &used);
			break;
		case MBOX_TEXT:
			feed_text(mbox, p, n, &used);
			break;
		case MBOX_REFUSED:
			result = refuse(mbox, mbox->at);
			break;
		}
	return result;
}

int
mbox_end(struct mbox *mbox)
{
	const char *last = mbox->last;
	unsigned separator = 0;
	int result;

	if (mbox->state == MBOX_FROM &&
	    (result = end_of_from(mbox, false)) != 0)
		return result;
	if (mbox->state == MBOX_REFUSED)
		return refuse(mbox, mbox->at);
	if (mbox->state == MBOX_PREFIX)
		return last[2] == '\r' ? refuse(mbox, mbox->at - 1) : 0;
	if (last[2] == '\n' && last[1] == '\n')
		separator = 1;
	else if (last[2] == '\n' && last[1] == '\r' && last[0] == '\n')
		separator = 2;
	return yield(mbox, mbox->at, separator, last[2] != '\n');
}

size_t
mbox_top(struct mbox_top *top, const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && !(top->body && top->lines == 0)) {
		const char *lf = memchr(p + i, '\n', n - i);
		size_t line = (lf == NULL ? n : (size_t)(lf - p)) - i;

		if (line > 0 && !top->inside) {
			top->inside = line > 1 || top->cr || p[i] != '\r';
			top->cr = !top->inside;
		}
		i += line;
		if (lf == NULL)
			break;
		i++;
		if (top->body)
			top->lines--;
		else
			top->body = !top->inside;
		top->inside = top->cr = false;
	}
	return i;
}
