/* SPDX-License-Identifier: ISC */
/*
 * Skimming: line ends and empty lines are counted as fast as octets can be
 * looked at, until something may be a From_ line.
 */
#include "config.h"

#include "mail/look.h"

typedef struct look look_of(const char *);

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
 * look_skim, with ${of} to look at octets, in whole looks.  Every question is
 * one of bits: begins a line here?  The bit before is an LF.
 */
static inline __attribute__((always_inline)) size_t
skim(const char *p, size_t n, struct look_tally *tally, look_of *of)
{
	uint64_t lfs = 0, crlfs = 0, blanks = 0, top = (uint64_t)1 << 63;
	struct look last = { .lf = 0 };
	size_t i;

	for (unsigned k = 0; k < 3; k++) {
		last.lf |= p[-1 - (int)k] == '\n' ? top >> k : 0;
		last.cr |= p[-1 - (int)k] == '\r' ? top >> k : 0;
	}
	for (i = 0; i + LIMITS_LOOK <= n; i += LIMITS_LOOK) {
		struct look now = of(p + i);
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
skim_portable(const char *p, size_t n, struct look_tally *tally)
{
	return skim(p, n, tally, look_portable);
}

/* The same for processors that compare 32 octets at once. */
LOOK_WIDE static size_t
skim_wide(const char *p, size_t n, struct look_tally *tally)
{
	return skim(p, n, tally, look_wide);
}

size_t
look_skim(const char *p, size_t n, struct look_tally *tally, bool wide)
{
	size_t at = (wide ? skim_wide : skim_portable)(p, n, tally);
	size_t rest = n - at, got;
	char end[3 + LIMITS_LOOK];

	if (rest >= LIMITS_LOOK)
		return at;
	/* The last ones, with others behind that count for nothing. */
	memset(end, 'r', sizeof(end));
	memcpy(end, p + at - 3, 3 + rest);
	got = skim_portable(end + 3, LIMITS_LOOK, tally);
	return at + (got < rest ? got : rest);
}
