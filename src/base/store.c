/* SPDX-License-Identifier: ISC */
/*
 * What is stored in files of dewey's own.
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/store.h"
#include "base/sum.h"

uint64_t
store_get(const uint8_t *p, size_t field)
{
	uint64_t value = 0;

	for (size_t i = 8; i > 0; i--)
		value = value << 8 | p[field * 8 + i - 1];
	return value;
}

void
store_set(uint8_t *p, size_t field, uint64_t value)
{
	for (size_t i = 0; i < 8; i++, value >>= 8)
		p[field * 8 + i] = (uint8_t)value;
}

uint64_t
store_hash(uint64_t seed, const void *octets, size_t n)
{
	struct sum sum;

	sum_begin(&sum, seed, n);
	sum_feed(&sum, octets, n);
	return sum_end(&sum);
}

void
store_pack(uint8_t *octets, const void *record, size_t n, uint64_t seed)
{
	size_t fields = n / sizeof(uint64_t);
	uint64_t value;

	for (size_t i = 0; i < fields; i++) {
		memcpy(&value, (const char *)record + i * sizeof(value),
		    sizeof(value));
		store_set(octets, i, value);
	}
	store_set(octets, fields, store_hash(seed, octets, n));
}

bool
store_unpack(void *record, const uint8_t *octets, size_t n, uint64_t seed)
{
	size_t fields = n / sizeof(uint64_t);
	uint64_t value;

	for (size_t i = 0; i < fields; i++) {
		value = store_get(octets, i);
		memcpy((char *)record + i * sizeof(value), &value,
		    sizeof(value));
	}
	return store_get(octets, fields) == store_hash(seed, octets, n);
}

int
store_read(int fd, uint64_t offset, void *octets, size_t n)
{
	char *p = octets;

	while (n > 0) {
		ssize_t got = pread(fd, p, n, (off_t)offset);

		if (got == -1 && errno == EINTR)
			continue;
		if (got <= 0) {
			if (got == 0)
				errno = ENODATA;
			return -1;
		}
		p += got;
		offset += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

int
store_write(int fd, uint64_t offset, const void *octets, size_t n)
{
	const char *p = octets;

	while (n > 0) {
		ssize_t put = pwrite(fd, p, n, (off_t)offset);

		if (put == -1 && errno == EINTR)
			continue;
		if (put <= 0) {
			if (put == 0)
				errno = EIO;
			return -1;
		}
		p += put;
		offset += (uint64_t)put;
		n -= (size_t)put;
	}
	return 0;
}

bool
store_is_denied(int error)
{
	return error == EACCES || error == EPERM || error == EROFS;
}

bool
store_is_full(int error)
{
	return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

int
store_sync_directory(int dir, int fd)
{
	if (fsync(dir) == 0)
		return 0;
	/* A directory that is not readable cannot be synced by itself. */
	return errno == EBADF || errno == EINVAL ? syncfs(fd) : -1;
}

void
store_give(const char *path, uid_t uid, gid_t gid)
{
	const char *slash = strrchr(path, '/');
	char dir[LIMITS_PATH];
	struct stat st;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    S_IRUSR | S_IWUSR), above;

	/* Who made it may have died before it was given. */
	if (fd == -1 && lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_uid == 0 && st.st_size == 0)
		fd = open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return;
	/* If a crash took the name of a file that was given, what the user
	 * stored in it would be lost. */
	(void)snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	above = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (above != -1) {
		(void)fsync(above);
		(void)close(above);
	}
	/* If this fails, the file is not the user's and is not believed. */
	(void)!fchown(fd, uid, gid);
	(void)close(fd);
}

const char *
store_fault(int fd, mode_t forbidden)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "is not a regular file";
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return "belongs to another user: chown it to root or to the "
		    "user dewey runs as";
	if ((st.st_mode & forbidden) == 0)
		return NULL;
	return (forbidden & S_IROTH) != 0 ?
	    "can be read or written by others: chmod 600 it" :
	    "can be written by others: chmod go-w it";
}
