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

/* Octets looked at together, and how many may be counted in lanes of 8 bits
 * before they are added up. */
#define LANES 32
#define STRIDE (127 * LANES)

/* Compiled once for any processor and once for wide vectors; the dynamic
 * linker takes the one that fits. */
#ifdef HAVE_TARGET_CLONES
#define WIDE __attribute__((target_clones("default", "avx2")))
#else
#define WIDE
#endif

/* Compilers split them for processors with narrower vectors. */
typedef int8_t lanes __attribute__((vector_size(LANES)));

/* Lanes as wider words, to be added up or tested. */
union words {
	lanes lanes;
	uint64_t word[LANES / sizeof(uint64_t)];
};

/* The sum of the lanes, each of which is minus a count to 127. */
static uint64_t
sum(const union words *v)
{
	const uint64_t low = 0x00ff00ff00ff00ffu;
	union words plus = { .lanes = -v->lanes };
	uint64_t fields = 0;

	for (size_t i = 0; i < LANES / sizeof(uint64_t); i++)
		fields += (plus.word[i] & low) + ((plus.word[i] >> 8) & low);
	return fields * 0x0001000100010001u >> 48;
}

/*
 * Add to ${tally} what is in ${n} octets, at most STRIDE, looked at LANES at a
 * time; stop before those in which a line that follows an empty one begins with
 * F.  Comparing gives -1 where it holds.  Returns how many octets were counted.
 */
WIDE static size_t
count_lanes(const char *p, size_t n, struct mbox_tally *tally)
{
	union words lf = { { 0 } }, crlf = { { 0 } }, blanks = { { 0 } };
	size_t i;

	for (i = 0; i + LANES <= n; i += LANES) {
		lanes now, one, two, three;
		union words hit;

		memcpy(&now, p + i, LANES);
		memcpy(&one, p + i - 1, LANES);
		memcpy(&two, p + i - 2, LANES);
		memcpy(&three, p + i - 3, LANES);
		lanes end = now == '\n', begin = one == '\n';
		lanes cr = one == '\r', before = two == '\n';

		hit.lanes = (now == 'F') & begin &
		    (before | ((two == '\r') & (three == '\n')));
		if ((hit.word[0] | hit.word[1] | hit.word[2] | hit.word[3]) != 0)
			break;
		lf.lanes += end;
		crlf.lanes += end & cr;
		blanks.lanes += end & (begin | (cr & before));
	}
	tally->lf += sum(&lf);
	tally->crlf += sum(&crlf);
	tally->blanks += sum(&blanks);
	return i;
}

/* The same for a few octets, one by one, and to the F itself. */
static size_t
count_few(const char *p, size_t n, struct mbox_tally *tally)
{
	for (size_t i = 0; i < n; i++) {
		const char *c = p + i;
		bool end = c[0] == '\n', begin = c[-1] == '\n';
		bool cr = c[-1] == '\r', before = c[-2] == '\n';

		if (c[0] == 'F' && begin &&
		    (before || (c[-2] == '\r' && c[-3] == '\n')))
			return i;
		tally->lf += end;
		tally->crlf += end & cr;
		tally->blanks += end & (begin | (cr & before));
	}
	return n;
}

size_t
mbox_skim(const char *p, size_t n, struct mbox_tally *tally)
{
	size_t i = 0;

	while (i < n) {
		size_t part = n - i < STRIDE ? n - i : STRIDE;
		size_t wide = count_lanes(p + i, part, tally);

		i += wide;
		if (wide == STRIDE)
			continue;
		part = n - i < LANES ? n - i : LANES;
		wide = count_few(p + i, part, tally);
		i += wide;
		if (wide < part)
			break;
	}
	return i;
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
		mbox->tally.crlf += ended && mbox->last[1] == '\r';
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
