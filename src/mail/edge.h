/* SPDX-License-Identifier: ISC */
/*
 * The edges of messages: what stands before and behind one in a mailbox.
 */
#ifndef EDGE_H
#define EDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct block;

/*
 * edge_follows_empty(before, n):
 * Say whether an empty line, or the begin of the file, stands right behind the
 * ${n} octets at ${before}: all that are before it, or three.
 */
bool edge_follows_empty(const char *before, size_t n);

/*
 * edge_is_behind_empty(block, offset):
 * Say whether an empty line, or the begin of the file, stands right before
 * ${offset} in the file of ${block}.
 */
bool edge_is_behind_empty(struct block *block, uint64_t offset);

/*
 * edge_is_empty_line(block, at, end):
 * Say whether the octets from ${at} up to ${end} are at most one empty line.
 */
bool edge_is_empty_line(struct block *block, uint64_t at, uint64_t end);

/*
 * edge_is_from(block, at):
 * Say whether a line begins at ${at} as From_ lines do.
 */
bool edge_is_from(struct block *block, uint64_t at);

#endif
