/* SPDX-License-Identifier: ISC */
/*
 * The mbox grammar.  A message begins at a From_ line that stands at the start
 * of the file or behind an empty line; its size on the wire follows from three
 * counts: line ends, line ends with CR, empty lines.  So the scan is one pass
 * of counting, at the speed of memory, with a closer look only where a line
 * that follows an empty one begins with F.  Content-Length is no business of
 * this room: who believes it says before which offset no message begins.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/imprint.h"
#include "mail/mbox.h"

void
mbox_begin(struct mbox *mbox, uint64_t offset, mbox_yield *yield, void *to)
{
	memset(mbox, 0, sizeof(*mbox));
	mbox->at = offset;
	mbox->state = MBOX_PREFIX;
	mbox->first = true;
	mbox->wide = look_is_wide();
	memset(mbox->last, '\n', sizeof(mbox->last));
	mbox->yield = yield;
	mbox->to = to;
}

void
mbox_skip(struct mbox *mbox, uint64_t until)
{
	mbox->until = until;
}

void
mbox_ask(struct mbox *mbox, mbox_reach *reach)
{
	mbox->reach = reach;
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
	const struct look_tally *tally = &mbox->tally;

	m->end = end;
	m->separator = tally->blanks >= 2 ? separator : 0;
	m->octets = end - m->text + tally->lf - tally->crlf;
	if (m->separator > 0)
		m->octets -= 2;
	if (open_line && end > m->text)
		m->octets += 2;
	return mbox->yield(mbox->to, m);
}

/* The line in MBOX_FROM is over: by a line end, or with the file; and it is of
 * ${kind}. */
static int
end_of_from(struct mbox *mbox, bool ended, enum from_kind kind)
{
	int result = 0;

	mbox->state = MBOX_TEXT;
	if (!from_begins(kind, mbox->line) ||
	    (!mbox->first && mbox->line < mbox->until)) {
		if (mbox->first)
			return refuse(mbox, mbox->line);
		mbox->tally.lf += ended;
		mbox->tally.crlf += ended && mbox->last[1] == '\r';
		return 0;
	}
	if (!mbox->first)
		result = yield(mbox, mbox->line, mbox->separator, false);
	mbox->first = false;
	mbox->message.offset = mbox->line;
	mbox->message.text = mbox->at;
	memset(&mbox->tally, 0, sizeof(mbox->tally));
	if (mbox->reach != NULL)
		mbox->until = mbox->reach(mbox->to, mbox->message.text);
	return result;
}

unsigned
mbox_empty_line(const char last[MBOX_LAST])
{
	if (last[2] != '\n' || last[1] == '\n')
		return last[2] == '\n';
	return last[1] == '\r' && last[0] == '\n' ? 2 : 0;
}

static void
begin_of_from(struct mbox *mbox)
{
	mbox->state = MBOX_FROM;
	mbox->line = mbox->at;
	mbox->separator = mbox_empty_line(mbox->last);
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
	bool usual = lf != NULL && mbox->at == mbox->line &&
	    from_is_usual(p, line);

	if (!usual)
		from_feed(&mbox->from, p, line);
	*used = lf == NULL ? n : line + 1;
	pass(mbox, p, *used);
	return lf == NULL ? 0 : end_of_from(mbox, true,
	    usual ? FROM_DATED : from_end(&mbox->from, true));
}

/* ${behind} says that the octets before ${p} were fed with it; what was fed
 * with another block is in ${mbox}->last. */
static void
feed_text(struct mbox *mbox, const char *p, size_t n, size_t *used,
    bool behind)
{
	const size_t keep = sizeof(mbox->last);
	char edge[2 * sizeof(mbox->last)];
	size_t first = behind ? 0 : n < keep ? n : keep;

	*used = 0;
	if (first > 0) {
		memcpy(edge, mbox->last, keep);
		memcpy(edge + keep, p, first);
		*used = look_skim(edge + keep, first, &mbox->tally, mbox->wide);
	}
	if (*used == first && first < n)
		*used += look_skim(p + first, n - first, &mbox->tally,
		    mbox->wide);
	pass(mbox, p, *used);
	if (*used < n)
		begin_of_from(mbox);
}

int
mbox_feed(struct mbox *mbox, const char *p, size_t n)
{
	const char *begin = p;
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
			feed_text(mbox, p, n, &used,
			    (size_t)(p - begin) >= sizeof(mbox->last));
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
	int result;

	if (mbox->state == MBOX_FROM &&
	    (result = end_of_from(mbox, false, from_end(&mbox->from,
	    false))) != 0)
		return result;
	if (mbox->state == MBOX_REFUSED)
		return refuse(mbox, mbox->at);
	if (mbox->state == MBOX_PREFIX)
		return last[2] == '\r' ? refuse(mbox, mbox->at - 1) : 0;
	return yield(mbox, mbox->at, mbox_empty_line(last), last[2] != '\n');
}

uint64_t
mbox_sure(const struct mbox *mbox, uint64_t *begin)
{
	uint64_t end = mbox->state == MBOX_FROM ? mbox->line : mbox->at;

	*begin = mbox->first ? end : mbox->message.offset;
	/* An empty line, all of it or its CR, may be the separator. */
	return mbox->first ? end : end - (MBOX_LAST - 1);
}

/* The sum of a message of which ${octets} are sent; they may be told wrong in
 * an index. */
static uint64_t
sum_of(uint64_t imprint, uint64_t octets)
{
	uint64_t sum = imprint ^ (octets << 32 | octets >> 32);

	return sum == 0 ? 1 : sum;
}

void
mbox_begin_sum(struct imprint *imprint, uint64_t offset)
{
	imprint_begin(imprint, offset);
}

uint64_t
mbox_end_sum(struct imprint *imprint, uint64_t octets)
{
	return sum_of(imprint_end(imprint), octets);
}

uint64_t
mbox_sum(const struct mbox_message *message, const char *p)
{
	size_t n = (size_t)(message->end - message->separator -
	    message->offset);

	return sum_of(imprint_of(message->offset, p, n), message->octets);
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
