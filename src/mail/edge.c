/* SPDX-License-Identifier: ISC */
/*
 * The edges of messages.
 */
#include "config.h"

#include <string.h>

#include "mail/block.h"
#include "mail/edge.h"
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

/* Copy the ${n} octets at ${at} of the file.  Returns whether there are so
 * many. */
static bool
copy(struct block *block, uint64_t at, char *octets, size_t n)
{
	uint64_t end = at + n;
	struct span piece;

	while (block_next(block, &at, end, &piece) == 1) {
		memcpy(octets, piece.p, piece.n);
		octets += piece.n;
	}
	return at == end;
}

bool
edge_is_behind_empty(struct block *block, uint64_t offset)
{
	size_t n = offset < MBOX_LAST ? (size_t)offset : MBOX_LAST;
	char octets[MBOX_LAST];

	return copy(block, offset - n, octets, n) &&
	    edge_follows_empty(octets, n);
}

bool
edge_is_empty_line(struct block *block, uint64_t at, uint64_t end)
{
	char octets[2];

	if (end <= at)
		return end == at;
	if (end - at > sizeof(octets) ||
	    !copy(block, at, octets, (size_t)(end - at)))
		return false;
	return octets[end - at - 1] == '\n' &&
	    (end - at == 1 || octets[0] == '\r');
}

bool
edge_is_from(struct block *block, uint64_t at)
{
	char octets[sizeof("From ") - 1];

	return copy(block, at, octets, sizeof(octets)) &&
	    memcmp(octets, "From ", sizeof(octets)) == 0;
}
