/* SPDX-License-Identifier: ISC */
/*
 * Files of dewey's own: numbers, records of numbers with a checksum, reading
 * and writing, making a file's name durable, giving a file to a user.
 */
#ifndef STORE_H
#define STORE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * store_get(p, field), store_set(p, field, value):
 * Read and write the number ${field} of numbers of 8 octets each, the lowest
 * octet first.
 */
uint64_t store_get(const uint8_t *p, size_t field);
void store_set(uint8_t *p, size_t field, uint64_t value);

/*
 * store_hash(seed, octets, n):
 * Return 64 bits that tell torn octets from whole ones.  They do not keep
 * anybody from forging octets: these files are the user's own.
 */
uint64_t store_hash(uint64_t seed, const void *octets, size_t n);

/* Octets of a stored record and its checksum. */
#define STORE_OCTETS(record) (sizeof(record) + sizeof(uint64_t))

/*
 * store_pack(octets, record, n, seed), store_unpack(record, octets, n, seed):
 * Store the struct ${record}, which has ${n} octets and only members of 8
 * octets, and the hash of that behind it; read it again.  Its members are
 * stored in the order in which it declares them: to change it is to change the
 * format of the file.  store_unpack returns whether the hash is right.
 */
void store_pack(uint8_t *octets, const void *record, size_t n, uint64_t seed);
bool store_unpack(void *record, const uint8_t *octets, size_t n,
    uint64_t seed);

/*
 * store_read(fd, offset, octets, n), store_write(fd, offset, octets, n):
 * Read or write all of it, whatever interrupts.  Returns 0, or -1 with errno;
 * ENODATA if the file ends before.
 */
int store_read(int fd, uint64_t offset, void *octets, size_t n);
int store_write(int fd, uint64_t offset, const void *octets, size_t n);

/*
 * store_is_denied(error), store_is_full(error):
 * Say whether the errno ${error} is that of a missing right; of missing space,
 * on the disk or in what this process may write (setrlimit(2)).
 */
bool store_is_denied(int error);
bool store_is_full(int error);

/*
 * store_sync_directory(dir, fd):
 * Make the names in the directory ${dir} durable; ${fd} is a file there.
 * Returns 0, or -1 with errno.
 */
int store_sync_directory(int dir, int fd);

/*
 * store_give(path, uid, gid):
 * As root, in a directory where nobody else can make names: make the empty file
 * ${path}, if it is missing, durably, and give it to the user ${uid} and the
 * group ${gid}; or give them one that was made before and not given.
 */
void store_give(const char *path, uid_t uid, gid_t gid);

/*
 * store_fault(fd, forbidden):
 * Say what is wrong with the open file ${fd}, which decides who is let in or
 * proves who we are, and how to mend it; NULL: nothing.  It must be a regular
 * file, root's or the effective user's, with none of the mode bits
 * ${forbidden}.
 */
const char *store_fault(int fd, mode_t forbidden);

#endif
