/* SPDX-License-Identifier: ISC */
/*
 * What is stored in files of dewey's own: numbers, checksums, reading and
 * writing.
 */
#ifndef STORE_H
#define STORE_H

#include <stddef.h>
#include <stdint.h>

/*
 * store_get(p, field), store_set(p, field, value):
 * Read and write a number of 8 octets.
 */
uint64_t store_get(const uint8_t *p, size_t field);
void store_set(uint8_t *p, size_t field, uint64_t value);

/*
 * store_hash(seed, octets, n):
 * Return 64 bits that tell torn octets from whole ones.  Nobody has a reason
 * to forge his own journal.
 */
uint64_t store_hash(uint64_t seed, const void *octets, size_t n);

/*
 * store_read(fd, offset, octets, n), store_write(fd, offset, octets, n):
 * Read or write all of it, whatever interrupts.  Returns 0, or -1 with errno;
 * ENODATA if the file ends before.
 */
int store_read(int fd, uint64_t offset, void *octets, size_t n);
int store_write(int fd, uint64_t offset, const void *octets, size_t n);

/*
 * store_sync_directory(dir, fd):
 * Make the names in the directory ${dir} durable; ${fd} is a file there.
 * Returns 0, or -1 with errno.
 */
int store_sync_directory(int dir, int fd);

#endif
