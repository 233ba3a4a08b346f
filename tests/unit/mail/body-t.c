/* SPDX-License-Identifier: ISC */
/*
 * The body room: both twins against a plain loop, on lines of all lengths with
 * dots and line ends at every place.  What one line becomes is in wire-t.c.
 */
#include "unit/unit.h"

#include <stdlib.h>

#include "mail/body.h"

/* What DESIGN says of one octet. */
static size_t
plain_expand(struct body *body, char *out, const char *p, size_t n)
{
	char *begin = out;

	for (size_t i = 0; i < n; i++) {
		if (p[i] == '.' && !body->inside)
			*out++ = '.';
		if (p[i] == '\n' && !body->cr) {
			*out++ = '\r';
			body->octets++;
		}
		*out++ = p[i];
		body->octets++;
		body->inside = p[i] != '\n';
		body->cr = p[i] == '\r';
	}
	return (size_t)(out - begin);
}

/* Whether this processor has the vectors that the wide twin needs. */
static bool
has_wide(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
	return __builtin_cpu_supports("avx2");
#else
	return false;
#endif
}

/* ${n} octets of lines of up to ${longest}, with what body_expand looks for. */
static void
fill_text(char *p, size_t n, unsigned longest, unsigned *seed)
{
	static const char *const marks[] = { "\n", "\n.", "\r\n", "\r\n.",
	    "\n\n", "\r\r\n", "\r", ".", "\n..\n", "\n\r\n" };
	size_t at = 0;

	memset(p, 'x', n);
	while (at < n) {
		const char *mark;
		size_t k;

		*seed = *seed * 1103515245 + 12345;
		at += (*seed >> 16) % (longest + 1);
		mark = marks[(*seed >> 8) % COUNT(marks)];
		k = strlen(mark);
		if (at + k <= n)
			memcpy(p + at, mark, k);
		at += k;
	}
}

/* Both twins write what the plain loop writes, at every length and from every
 * state, and touch nothing else: each buffer ends where it must. */
static void
test_expand(void **state)
{
	unsigned seed = 1;

	(void)state;
	if (!has_wide())
		print_message("# no wide vectors here\n");
	for (size_t n = 0; n < 600; n++)
		for (unsigned k = 0; k < 16; k++) {
			struct body start = { .inside = k % 4 > 0,
			    .cr = k % 4 == 3 }, want = start;
			char *stored = malloc(n + 1), *sent = malloc(2 * n + 1);
			char *out = malloc(2 * n + 1);
			size_t m;

			fill_text(stored + 1, n, k < 8 ? 3 : 90, &seed);
			m = plain_expand(&want, sent, stored + 1, n);
			for (unsigned wide = 0; wide < 1u + has_wide(); wide++) {
				struct body body = start;

				assert_int_equal(body_expand_as(&body, out,
				    stored + 1, n, wide == 1), m);
				assert_memory_equal(out, sent, m);
				assert_int_equal(body.octets, want.octets);
				assert_int_equal(body.inside, want.inside);
				assert_int_equal(body.cr, want.cr);
			}
			free(stored);
			free(sent);
			free(out);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expand),
	};

	return cmocka_run_group_tests_name("body", tests, unit_begin,
	    unit_end);
}
