/* SPDX-License-Identifier: ISC */
/*
 * One block of a file in memory: what is read of a mailbox goes through it.
 */
#ifndef BLOCK_H
#define BLOCK_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct block {
	int fd;			/* the file; not owned */
	char *octets;		/* LIMITS_BLOCK of them */
	uint64_t at;		/* their offset */
	size_t n;		/* how many are valid */
	bool vouched;		/* they are certainly as the file was scanned */
};

/*
 * block_open(block), block_close(block):
 * Allocate the octets, release them.  block_open returns 0, or -1 with errno.
 */
int block_open(struct block *block);
void block_close(struct block *block);

/*
 * block_read(block, offset, end, p):
 * Point ${p} to the octets of the file from ${offset} on, valid until the next
 * call.  Returns how many, at least 1 and not beyond ${end}; 0 at the end of
 * the file; -1 with errno.
 */
ssize_t block_read(struct block *block, uint64_t offset, uint64_t end,
    const char **p);

/*
 * block_next(block, at, end, piece):
 * Point ${piece} to the octets of the file from ${at} on, valid until the next
 * call, and move ${at} behind them.  Returns 1; 0 if there are none, as ${at}
 * is not before ${end} or the file ends there; -1 with errno.
 */
int block_next(struct block *block, uint64_t *at, uint64_t end,
    struct span *piece);

/*
 * block_hold(block, from, to):
 * If the octets from ${from} up to ${to} fit into a block, have them there at
 * once, so that block_read of any of them reads no file.
 */
void block_hold(struct block *block, uint64_t from, uint64_t to);

/*
 * block_vouch(block):
 * What is in the block is certainly as the file was scanned, as long as it is
 * there.
 */
void block_vouch(struct block *block);

/*
 * block_is_sure(block, from, to):
 * Say whether the octets from ${from} up to ${to} are in the block, and are
 * certainly as the file was scanned.
 */
bool block_is_sure(const struct block *block, uint64_t from, uint64_t to);

/*
 * block_forget(block):
 * Make the next block_read read the file anew.
 */
void block_forget(struct block *block);

#endif
