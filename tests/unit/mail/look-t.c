/* SPDX-License-Identifier: ISC */
/*
 * look_skim counts with the widest vectors there are; here a plain loop counts
 * the same octets, at every alignment and length, on random and on nasty input,
 * up against pages that cannot be read.
 */
#include "unit/unit.h"

#include <sys/mman.h>

#include "mail/look.h"

/* look_skim may look at three octets before its first one. */
#define BEFORE 3
#define PAGE 65536

/* Does what look_skim's comment says, octet by octet. */
static size_t
plain_skim(const char *p, size_t n, struct look_tally *tally)
{
	for (size_t i = 0; i < n; i++) {
		const char *c = p + i;
		bool behind_empty = c[-1] == '\n' && (c[-2] == '\n' ||
		    (c[-2] == '\r' && c[-3] == '\n'));

		if (*c == 'F' && behind_empty && (i + 1 == n || c[1] == 'r'))
			return i;
		if (*c != '\n')
			continue;
		tally->lf++;
		if (c[-1] == '\r')
			tally->crlf++;
		if (c[-1] == '\n' || (c[-1] == '\r' && c[-2] == '\n'))
			tally->blanks++;
	}
	return n;
}

static uint64_t
next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Fill ${n} octets: ${words}, picked at random and joined. */
static void
fill(char *p, size_t n, const char *words, uint64_t *seed)
{
	size_t count = 1;

	for (const char *w = words; *w != '\0'; w++)
		count += *w == ' ';
	for (size_t i = 0; i < n;) {
		const char *w = words;

		for (size_t k = (size_t)(next_random(seed) % count); k > 0; k--)
			w = strchr(w, ' ') + 1;
		for (; i < n && *w != ' ' && *w != '\0'; w++)
			p[i++] = *w == 'N' ? '\n' : *w == 'R' ? '\r' :
			    *w == '0' ? '\0' : *w;
	}
}

/* Octets to be skimmed: N is LF, R is CR, 0 is NUL; words at random. */
static const char *const inputs[] = {
	"N", "R", "F", "NF", "RN", "NR", "NNF", "NRNF", "RNRNF", "x",
	"Fr", "NNFr", "NRNFr", "N R Fr", "NNFr NNFR NN F r",
	"N R F", "N R F x", "N R x", "NN F x", "NRN F xx", "RN NF RNF",
	"xxxxxxxxxx N", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx RN NN F",
	"NFx NNx NRNx F", "RRN RNR NNR", "0 N F 0F N0", "NNf NF NRF",
	"\x8a \x8d \xc6 N F", "\x0b N F", "NNx xx xx xx xx xx xx xx xx xxF",
};

/* Whether this processor has the vectors that the wide twin needs. */
static bool
has_vectors(void)
{
#if defined __x86_64__ || defined __i386__
	return __builtin_cpu_supports("avx2") &&
	    __builtin_cpu_supports("popcnt");
#else
	return false;
#endif
}

static void
compare_with(const char *p, size_t n, bool wide, const char *what)
{
	struct look_tally got = { 1, 2, 3 }, plain = { 1, 2, 3 };
	size_t a = look_skim(p, n, &got, wide);
	size_t b = plain_skim(p, n, &plain);

	if (a != b || got.lf != plain.lf || got.crlf != plain.crlf ||
	    got.blanks != plain.blanks)
		fail_msg("%s, %s: %zu octets at address %zu modulo 64: "
		    "%zu %llu %llu %llu instead of %zu %llu %llu %llu", what,
		    wide ? "wide" : "portable", n,
		    (size_t)((uintptr_t)p % 64), a,
		    (unsigned long long)got.lf - 1,
		    (unsigned long long)got.crlf - 2,
		    (unsigned long long)got.blanks - 3, b,
		    (unsigned long long)plain.lf - 1,
		    (unsigned long long)plain.crlf - 2,
		    (unsigned long long)plain.blanks - 3);
}

/* Compare all on ${n} octets at ${p}. */
static void
compare(const char *p, size_t n, const char *what)
{
	compare_with(p, n, false, what);
	if (has_vectors())
		compare_with(p, n, true, what);
}

/* Pages that can be used, between two that cannot. */
static char *
guarded(void)
{
	char *all = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (all == MAP_FAILED || mprotect(all, PAGE, PROT_NONE) == -1 ||
	    mprotect(all + 2 * PAGE, PAGE, PROT_NONE) == -1)
		fail_msg("no memory");
	return all + PAGE;
}

static void
unguard(char *page)
{
	assert_int_equal(munmap(page - PAGE, 3 * PAGE), 0);
}

/* Every alignment and every length from 0 to 300. */
static void
test_small(void **state)
{
	uint64_t seed = 88172645463325252u;
	char *page = guarded();

	(void)state;
	for (size_t i = 0; i < COUNT(inputs); i++)
		for (size_t at = 0; at < 64; at++) {
			fill(page, BEFORE + at + 300, inputs[i], &seed);
			for (size_t n = 0; n <= 300; n++)
				compare(page + BEFORE + at, n, inputs[i]);
		}
	unguard(page);
}

/* The octet behind the last one and the fourth before the first one are never
 * looked at. */
static void
test_edges(void **state)
{
	uint64_t seed = 1234567;
	char *page = guarded();

	(void)state;
	for (size_t i = 0; i < COUNT(inputs); i++)
		for (size_t n = 0; n <= 300; n++) {
			fill(page, n + BEFORE, inputs[i], &seed);
			compare(page + BEFORE, n, inputs[i]);
			fill(page + PAGE - n - BEFORE, n + BEFORE, inputs[i],
			    &seed);
			compare(page + PAGE - n, n, inputs[i]);
		}
	unguard(page);
}

/* Longer stretches: where counters of 8 bits and strides end. */
static void
test_large(void **state)
{
	static const size_t lengths[] = { 512, 1023, 1024, 1025, 2047, 2048,
	    2049, 4096, 16320, 16384, 32768, 65000 };
	uint64_t seed = 42;
	char *page = guarded();

	(void)state;
	for (size_t i = 0; i < COUNT(inputs); i++)
		for (size_t k = 0; k < COUNT(lengths); k++)
			for (size_t at = 0; at < 64; at += 7) {
				char *p = page + BEFORE + at;

				fill(page, BEFORE + at + lengths[k], inputs[i],
				    &seed);
				compare(p, lengths[k], inputs[i]);
				compare(p, lengths[k] - 1, inputs[i]);
			}
	unguard(page);
}

/* One From_ line at every place of a stretch of text, and none but it. */
static void
test_one_from(void **state)
{
	char *page = guarded(), *p = page + 64;
	const size_t n = 2200;
	bool wide = has_vectors();

	(void)state;
	memset(page, 'x', 64 + n);
	for (size_t i = 3; i < n; i++) {
		struct look_tally tally = { 0, 0, 0 };

		memcpy(p + i - 3, i + 1 < n ? "\n\r\nFr" : "\n\r\nF",
		    i + 1 < n ? 5 : 4);
		assert_int_equal(look_skim(p, n, &tally, wide), i);
		assert_int_equal(tally.lf, 2);
		assert_int_equal(tally.crlf, 1);
		assert_int_equal(tally.blanks, 1);
		p[i + (i % 2 == 0 && i + 1 < n)] = 'f';
		tally = (struct look_tally){ 0, 0, 0 };
		assert_int_equal(look_skim(p, n, &tally, wide), n);
		assert_int_equal(tally.lf, 2);
		memset(p + i - 3, 'x', i + 1 < n ? 5 : 4);
	}
	unguard(page);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_one_from),
	};

	return cmocka_run_group_tests_name("look_skim", tests, NULL, NULL);
}
