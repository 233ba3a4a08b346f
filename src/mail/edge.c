/* SPDX-License-Identifier: ISC */
/*
 * The edges of messages.
 */
#include "config.h"

#include <string.h>

#include "mail/block.h"
#include "mail/edge.h"
#include "mail/from.h"
#include "mail/mbox.h"

bool
edge_follows_empty(const char *before, size_t n)
{
	/* Before the begin of the file everything is empty. */
	char last[MBOX_LAST] = { '\n', '\n', '\n' };

	if (n > sizeof(last))
		n = sizeof(last);
	memcpy(last + sizeof(last) - n, before, n);
	return mbox_empty_line(last) != 0;
}

bool
edge_is_behind_empty(struct block *block, uint64_t offset)
{
	uint64_t at = offset < MBOX_LAST ? 0 : offset - MBOX_LAST;
	char octets[MBOX_LAST];
	struct span piece;
	size_t n = 0;

	while (block_next(block, &at, offset, &piece) == 1) {
		memcpy(octets + n, piece.p, piece.n);
		n += piece.n;
	}
	return at == offset && edge_follows_empty(octets, n);
}

bool
edge_is_empty_line(struct block *block, uint64_t at, uint64_t end)
{
	const char *p = NULL;

	if (end <= at)
		return end == at;
	if (end - at > 2 ||
	    block_read(block, at, end, &p) != (ssize_t)(end - at))
		return false;
	return p[end - at - 1] == '\n' && (end - at == 1 || *p == '\r');
}

bool
edge_is_from(struct block *block, uint64_t at)
{
	uint64_t begin = at;
	const char *lf = NULL;
	struct span piece;
	struct from from;

	from_begin(&from);
	while (lf == NULL && block_next(block, &at, UINT64_MAX, &piece) == 1) {
		bool first = at - piece.n == begin;

		lf = memchr(piece.p, '\n', piece.n);
		if (lf != NULL)
			piece.n = (size_t)(lf - piece.p);
		if (first && lf != NULL && from_is_usual(piece.p, piece.n))
			return true;
		from_feed(&from, piece.p, piece.n);
	}
	return from_begins(from_end(&from, lf != NULL), begin);
}
