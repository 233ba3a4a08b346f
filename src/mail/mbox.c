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

#if defined(__x86_64__) && defined(HAVE_SYS_PLATFORM_X86_H)
#include <immintrin.h>
#include <sys/platform/x86.h>
#define HAVE_WIDE 1
#endif

#include "mail/mbox.h"

/* Octets looked at together: a bit of each mask for each of them. */
#define LOOK 64

/* Which octets are LF and CR; the first one is the lowest bit. */
struct masks {
	uint64_t lf, cr;
};

typedef struct masks masks_of(const char *);

/* A bit for each of eight octets that is ${c}: no carry crosses an octet. */
static inline uint64_t
bits_of(uint64_t eight, char c)
{
	const uint64_t ones = 0x0101010101010101u, low = 0x7f7f7f7f7f7f7f7fu;
	uint64_t x = eight ^ (ones * (unsigned char)c);
	uint64_t zero = ~(((x & low) + low) | x | low) >> 7;

	return zero * 0x0102040810204080u >> 56;
}

static inline struct masks
masks_portable(const char *p)
{
	struct masks masks = { 0, 0 };

	for (unsigned i = 0; i < LOOK; i += 8) {
		uint64_t eight = 0;

		for (unsigned k = 0; k < 8; k++)
			eight |= (uint64_t)(unsigned char)p[i + k] << (8 * k);
		masks.lf |= bits_of(eight, '\n') << i;
		masks.cr |= bits_of(eight, '\r') << i;
	}
	return masks;
}

/* The lowest of the ${bits} at which ${p}, ${n} octets, may have From, or 0. */
static inline uint64_t
first_from(const char *p, size_t n, uint64_t bits)
{
	for (; bits != 0; bits &= bits - 1) {
		unsigned i = (unsigned)__builtin_ctzll(bits);

		if (p[i] == 'F' && (i + 1 == n || p[i + 1] == 'r'))
			break;
	}
	return bits & -bits;
}

/*
 * mbox_skim, with ${of} to look at octets, in whole looks.  Every question is
 * one of bits: begins a line here?  The bit before is an LF.
 */
static inline __attribute__((always_inline)) size_t
skim(const char *p, size_t n, struct mbox_tally *tally, masks_of *of)
{
	uint64_t lfs = 0, crlfs = 0, blanks = 0, top = (uint64_t)1 << 63;
	struct masks last = { .lf = 0 };
	size_t i;

	for (unsigned k = 0; k < 3; k++) {
		last.lf |= p[-1 - (int)k] == '\n' ? top >> k : 0;
		last.cr |= p[-1 - (int)k] == '\r' ? top >> k : 0;
	}
	for (i = 0; i + LOOK <= n; i += LOOK) {
		struct masks now = of(p + i);
		uint64_t begin = now.lf << 1 | last.lf >> 63;
		uint64_t before, cr, empty, hit, end = now.lf;

		/* Most looks: no CR, and no line ends that is empty, here or
		 * at the end of the last one. */
		if ((now.cr | last.cr | (end & begin)) == 0 &&
		    last.lf >> 62 != 3) {
			lfs += (unsigned)__builtin_popcountll(end);
			last = now;
			continue;
		}
		before = now.lf << 2 | last.lf >> 62;
		cr = now.cr << 1 | last.cr >> 63;
		empty = before | ((now.cr << 2 | last.cr >> 62) &
		    (now.lf << 3 | last.lf >> 61));
		hit = first_from(p + i, n - i, begin & empty);
		/* What is at the F and behind it is not counted. */
		if (hit != 0)
			end &= hit - 1;
		lfs += (unsigned)__builtin_popcountll(end);
		crlfs += (unsigned)__builtin_popcountll(end & cr);
		blanks += (unsigned)__builtin_popcountll(end &
		    (begin | (cr & before)));
		if (hit != 0) {
			i += (unsigned)__builtin_ctzll(hit);
			break;
		}
		last = now;
	}
	tally->lf += lfs;
	tally->crlf += crlfs;
	tally->blanks += blanks;
	return i;
}

static size_t
skim_portable(const char *p, size_t n, struct mbox_tally *tally)
{
	return skim(p, n, tally, masks_portable);
}

#ifdef HAVE_WIDE
#define WIDE __attribute__((target("avx2,popcnt")))
/* The same for processors that compare 32 octets at once. */
WIDE static inline uint64_t
bits_wide(__m256i low, __m256i high, __m256i c)
{
	return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, c)) |
	    (uint64_t)(uint32_t)_mm256_movemask_epi8(
	    _mm256_cmpeq_epi8(high, c)) << 32;
}

WIDE static inline struct masks
masks_wide(const char *p)
{
	const __m256i lf = _mm256_set1_epi8('\n'), cr = _mm256_set1_epi8('\r');
	__m256i low = _mm256_loadu_si256((const void *)p);
	__m256i high = _mm256_loadu_si256((const void *)(p + LOOK / 2));

	return (struct masks){ .lf = bits_wide(low, high, lf),
	    .cr = bits_wide(low, high, cr) };
}

WIDE static size_t
skim_wide(const char *p, size_t n, struct mbox_tally *tally)
{
	return skim(p, n, tally, masks_wide);
}

static bool
is_wide(void)
{
	return CPU_FEATURE_ACTIVE(AVX2) && CPU_FEATURE_ACTIVE(POPCNT);
}
#else
#define skim_wide skim_portable
#define is_wide() false
#endif

size_t
mbox_skim(const char *p, size_t n, struct mbox_tally *tally, bool wide)
{
	size_t at = (wide ? skim_wide : skim_portable)(p, n, tally);
	size_t rest = n - at, got;
	char end[3 + LOOK];

	if (rest >= LOOK)
		return at;
	/* The last ones, with others behind that count for nothing. */
	memset(end, 'r', sizeof(end));
	memcpy(end, p + at - 3, 3 + rest);
	got = skim_portable(end + 3, LOOK, tally);
	return at + (got < rest ? got : rest);
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

/* The line in MBOX_FROM is over: by a line end, or with the file; and it ${is}
 * a From_ line. */
static int
end_of_from(struct mbox *mbox, bool ended, bool is)
{
	int result = 0;

	mbox->state = MBOX_TEXT;
	if (!is) {
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
	bool usual = lf != NULL && mbox->at == mbox->line &&
	    from_is_usual(p, line);

	if (!usual)
		from_feed(&mbox->from, p, line);
	*used = lf == NULL ? n : line + 1;
	pass(mbox, p, *used);
	return lf == NULL ? 0 : end_of_from(mbox, true,
	    usual || from_end(&mbox->from, true));
}

/* ${behind} says that the octets before ${p} were fed with it; what was fed
 * with another block is in ${mbox}->last. */
static void
feed_text(struct mbox *mbox, const char *p, size_t n, size_t *used,
    bool behind)
{
	const size_t keep = sizeof(mbox->last);
	const bool wide = is_wide();
	char edge[2 * sizeof(mbox->last)];
	size_t first = behind ? 0 : n < keep ? n : keep;

	*used = 0;
	if (first > 0) {
		memcpy(edge, mbox->last, keep);
		memcpy(edge + keep, p, first);
		*used = mbox_skim(edge + keep, first, &mbox->tally, wide);
	}
	if (*used == first && first < n)
		*used += mbox_skim(p + first, n - first, &mbox->tally, wide);
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
	unsigned separator = 0;
	int result;

	if (mbox->state == MBOX_FROM &&
	    (result = end_of_from(mbox, false, from_end(&mbox->from,
	    false))) != 0)
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
