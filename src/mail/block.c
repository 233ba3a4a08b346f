/* SPDX-License-Identifier: ISC */
/*
 * One block of a file in memory.
 */
#include "config.h"

#include <sys/mman.h>

#include <errno.h>
#include <unistd.h>

#include "base/limits.h"
#include "mail/block.h"

int
block_open(struct block *block)
{
	block->n = 0;
	/* A process that reads nothing touches no page of it. */
	block->octets = mmap(NULL, LIMITS_BLOCK, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (block->octets == MAP_FAILED)
		block->octets = NULL;
	return block->octets == NULL ? -1 : 0;
}

void
block_close(struct block *block)
{
	if (block->octets != NULL)
		(void)munmap(block->octets, LIMITS_BLOCK);
	block->octets = NULL;
}

void
block_forget(struct block *block)
{
	block->n = 0;
	block->vouched = false;
}

void
block_hold(struct block *block, uint64_t from, uint64_t to)
{
	const char *p;

	if ((from >= block->at && to <= block->at + block->n) || from >= to ||
	    to - from > LIMITS_BLOCK)
		return;
	block_forget(block);
	/* Trouble shows again where the octets are wanted. */
	(void)block_read(block, from, to, &p);
}

void
block_vouch(struct block *block)
{
	block->vouched = true;
}

bool
block_is_sure(const struct block *block, uint64_t from, uint64_t to)
{
	return block->vouched && from >= block->at &&
	    to <= block->at + block->n;
}

ssize_t
block_read(struct block *block, uint64_t offset, uint64_t end, const char **p)
{
	size_t n;

	if (offset < block->at || offset >= block->at + block->n) {
		ssize_t got;

		do
			got = pread(block->fd, block->octets, LIMITS_BLOCK,
			    (off_t)offset);
		while (got == -1 && errno == EINTR);
		block->at = offset;
		block->vouched = false;
		block->n = got < 0 ? 0 : (size_t)got;
		if (got <= 0)
			return got;
	}
	*p = block->octets + (offset - block->at);
	n = block->n - (size_t)(offset - block->at);
	if (end - offset < n)
		n = (size_t)(end - offset);
	return (ssize_t)n;
}

int
block_next(struct block *block, uint64_t *at, uint64_t end, struct span *piece)
{
	ssize_t n = *at < end ? block_read(block, *at, end, &piece->p) : 0;

	if (n <= 0)
		return (int)n;
	piece->n = (size_t)n;
	*at += piece->n;
	return 1;
}
