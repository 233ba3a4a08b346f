/* SPDX-License-Identifier: ISC */
/*
 * Typing mistakes: a name is compared with those of the table from both ends.
 */
#include "config.h"

#include "base/limits.h"
#include "settings/nearest.h"
#include "settings/options.h"

/* Whether the octets at ${a} and ${b} are the same letter. */
static bool
is_same(const char *a, const char *b)
{
	return span_equal_nocase((struct span){ a, 1 }, (struct span){ b, 1 });
}

/* How many octets of the longer name are neither in the beginning nor in the
 * end that both have: of a typing mistake, no more than two. */
static size_t
distance(struct span a, struct span b)
{
	size_t most = a.n > b.n ? a.n : b.n, least = a.n + b.n - most;
	size_t same = 0;

	while (same < least && is_same(a.p + same, b.p + same))
		same++;
	for (size_t end = 1; same < least && is_same(a.p + a.n - end,
	    b.p + b.n - end); end++)
		same++;
	return most - same;
}

const char *
nearest_option(struct span name, bool keys)
{
	const char *nearest = NULL;
	size_t least = LIMITS_TYPING;

	for (const struct options_row *row = options_rows; row->name != NULL;
	    row++) {
		struct span other = span_of(row->name);
		size_t far = distance(name, other);

		if (far <= least && far < other.n / 2 &&
		    (!keys || row->kind->read != NULL)) {
			nearest = row->name;
			least = far;
		}
	}
	return nearest;
}
