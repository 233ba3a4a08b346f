/* SPDX-License-Identifier: ISC */
/*
 * The cached index.  A head of numbers with a checksum, then the records as
 * they are in memory.  It is written in place and never synced, so an index of
 * before the host was booted is not believed.
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/store.h"
#include "mail/index.h"

#define MAGIC (uint64_t)0x3530786449776544u	/* DewIdx05 */
#define HEAD_OCTETS STORE_OCTETS(struct index_head)
#define RECORDS_AT LIMITS_PAGE

_Static_assert(sizeof(struct index_head) == 17 * sizeof(uint64_t),
    "the stored head has seventeen numbers");

/* Open the directory ${dir}, if only ${uid} and root can make names in it. */
static int
open_directory(const char *dir, uid_t uid)
{
	int at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (at == -1 || (fstat(at, &st) == 0 &&
	    (st.st_uid == 0 || st.st_uid == uid) && (st.st_mode & 022) == 0))
		return at;
	(void)close(at);
	return -1;
}

bool
index_is_safe(const char *dir, uid_t uid)
{
	int at = open_directory(dir, uid);

	if (at != -1)
		(void)close(at);
	return at != -1;
}

bool
index_is_own(const struct stat *st, uid_t uid)
{
	return S_ISREG(st->st_mode) && st->st_uid == uid && st->st_nlink == 1 &&
	    (st->st_mode & 077) == 0;
}

int
index_open_file(const char *dir, const char *name, uid_t uid, bool make)
{
	int at = open_directory(dir, uid), fd;
	struct stat st;

	if (at == -1)
		return -1;
	fd = openat(at, name, (make ? O_RDWR | O_CREAT : O_RDWR) | O_NOFOLLOW |
	    O_NONBLOCK | O_NOCTTY | O_CLOEXEC, S_IRUSR | S_IWUSR);
	(void)close(at);
	if (fd == -1 || (fstat(fd, &st) == 0 && index_is_own(&st, uid)))
		return fd;
	(void)close(fd);
	return -1;
}

void
index_open(struct index *index, int fd, bool exact)
{
	char boot[LIMITS_PROC_NAME];
	ssize_t n = 0;
	int file;

	memset(index, 0, sizeof(*index));
	index->fd = fd;
	index->magic = MAGIC + exact;
	if (fd == -1)
		return;
	file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (file != -1) {
		n = read(file, boot, sizeof(boot));
		(void)close(file);
	}
	if (n > 0) {
		index->boot[0] = store_hash(1, boot, (size_t)n);
		index->boot[1] = store_hash(2, boot, (size_t)n);
	} else {
		index_close(index);
	}
}

void
index_close(struct index *index)
{
	if (index_is_open(index))
		(void)close(index->fd);
	index->fd = -1;
}

bool
index_is_open(const struct index *index)
{
	return index->fd > 0;
}

bool
index_is_settled(const struct stamp *stamp, int mailbox, struct timespec now)
{
	return stamp_is_known(mailbox) &&
	    stamp_is_before(stamp, now, LIMITS_SETTLED_S, 0);
}

/* Read the head.  Returns whether it is whole and of this boot. */
static bool
read_head(struct index *index)
{
	struct index_head head;
	uint8_t stored[HEAD_OCTETS];
	struct stat st;

	if (!index_is_open(index) || fstat(index->fd, &st) == -1 ||
	    st.st_size < (off_t)RECORDS_AT ||
	    store_read(index->fd, 0, stored, sizeof(stored)) == -1 ||
	    !store_unpack(&head, stored, sizeof(head), 0) ||
	    head.magic != index->magic ||
	    memcmp(head.boot, index->boot, sizeof(head.boot)) != 0)
		return false;
	index->head = head;
	index->totals = head.totals;
	/* No record is shorter than its two offsets. */
	return head.totals.count <= ((uint64_t)st.st_size - RECORDS_AT) /
	    (2 * sizeof(uint64_t)) && head.totals.sure <= head.totals.count;
}

enum index_use
index_judge(struct index *index, const struct stamp *stamp, int mailbox,
    struct timespec now)
{
	const struct stamp *then = &index->head.stamp;
	struct index_totals *totals = &index->totals;
	bool same;

	if (!read_head(index) || then->dev != stamp->dev ||
	    then->ino != stamp->ino || !stamp_is_known(mailbox) ||
	    !stamp_is_before(stamp, now, 0, 0))
		return INDEX_NOTHING;
	same = stamp_equal(then, stamp);
	if (same && totals->settled != 0)
		return INDEX_ALL;
	if (!same && stamp->size <= then->size)
		return INDEX_NOTHING;
	if (totals->settled == 0)
		totals->count = totals->sure;
	return totals->count == 0 ? INDEX_NOTHING : INDEX_PREFIX;
}

uint64_t
index_stored(const struct index *index)
{
	return index->head.totals.count;
}

int
index_load(const struct index *index, void *records, size_t size)
{
	size_t n = (size_t)index_stored(index) * size;

	if (store_read(index->fd, RECORDS_AT, records, n) == -1)
		return -1;
	return store_hash(0, records, n) == index->head.hash ? 0 : -1;
}

void
index_forget(struct index *index)
{
	const uint64_t none = 0;

	if (index_is_open(index))
		(void)store_write(index->fd, 0, &none, sizeof(none));
}

void
index_save(struct index *index, const struct stamp *stamp,
    const struct index_totals *totals, const struct index_records *records)
{
	size_t n = (size_t)totals->count * records->size;
	size_t from = records->from * records->size;
	struct index_head head = {
		.stamp = *stamp,
		.boot = { index->boot[0], index->boot[1] },
		.totals = *totals,
	};
	uint8_t stored[HEAD_OCTETS] = { 0 };

	/* While the records change there is no head. */
	if (!index_is_open(index) ||
	    store_write(index->fd, 0, stored, sizeof(head.magic)) == -1 ||
	    (n > from && store_write(index->fd, RECORDS_AT + from,
	    (const char *)records->p + from, n - from) == -1) ||
	    ftruncate(index->fd, (off_t)(RECORDS_AT + n)) == -1)
		return;
	head.magic = index->magic;
	head.hash = store_hash(0, records->p, n);
	store_pack(stored, &head, sizeof(head), 0);
	(void)store_write(index->fd, 0, stored, sizeof(stored));
}
