/* SPDX-License-Identifier: ISC */
/*
 * The cached index.  A head of numbers with a checksum, then the records as
 * they are in memory.  It is written in place and never synced: after a boot
 * none of before is believed.
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

#define MAGIC 0x3330786449776544u	/* DewIdx03 */
#define RECORDS_AT 4096

enum field { FIELD_MAGIC, FIELD_DEV, FIELD_INO, FIELD_SIZE, FIELD_MTIME_S,
    FIELD_MTIME_NS, FIELD_CTIME_S, FIELD_CTIME_NS, FIELD_BOOT0, FIELD_BOOT1,
    FIELD_COUNT, FIELD_SURE, FIELD_OCTETS, FIELD_BEGIN, FIELD_END,
    FIELD_SETTLED, FIELD_HASH, FIELD_CHECKSUM, FIELDS };
#define HEAD_OCTETS (FIELDS * sizeof(uint64_t))

/* Open ${dir}, if only ${uid} and root can make names in it. */
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
	if (fd == -1 || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_uid == uid && st.st_nlink == 1 && (st.st_mode & 077) == 0))
		return fd;
	(void)close(fd);
	return -1;
}

void
index_open(struct index *index, int fd)
{
	char boot[64];
	ssize_t n = 0;
	int file;

	memset(index, 0, sizeof(*index));
	index->fd = fd;
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
	uint8_t head[HEAD_OCTETS];
	uint64_t field[FIELDS];
	struct stat st;
	uint64_t room;

	if (!index_is_open(index) || fstat(index->fd, &st) == -1 ||
	    st.st_size < RECORDS_AT ||
	    store_read(index->fd, 0, head, sizeof(head)) == -1)
		return false;
	for (size_t i = 0; i < FIELDS; i++)
		field[i] = store_get(head, i);
	if (field[FIELD_MAGIC] != MAGIC || field[FIELD_CHECKSUM] !=
	    store_hash(0, head, FIELD_CHECKSUM * sizeof(uint64_t)) ||
	    field[FIELD_BOOT0] != index->boot[0] ||
	    field[FIELD_BOOT1] != index->boot[1])
		return false;
	index->stamp = (struct stamp){
		.dev = field[FIELD_DEV],
		.ino = field[FIELD_INO],
		.size = field[FIELD_SIZE],
		.mtime = { (time_t)field[FIELD_MTIME_S],
		    (long)field[FIELD_MTIME_NS] },
		.ctime = { (time_t)field[FIELD_CTIME_S],
		    (long)field[FIELD_CTIME_NS] },
	};
	index->totals = (struct index_totals){
		.count = field[FIELD_COUNT],
		.sure = field[FIELD_SURE],
		.octets = field[FIELD_OCTETS],
		.begin = field[FIELD_BEGIN],
		.end = field[FIELD_END],
		.settled = field[FIELD_SETTLED] != 0,
	};
	index->stored = index->totals.count;
	index->hash = field[FIELD_HASH];
	/* No record is shorter than its two offsets. */
	room = ((uint64_t)st.st_size - RECORDS_AT) / (2 * sizeof(uint64_t));
	return index->totals.count <= room &&
	    index->totals.sure <= index->totals.count;
}

enum index_use
index_judge(struct index *index, const struct stamp *stamp, int mailbox,
    struct timespec now)
{
	struct index_totals *totals = &index->totals;

	if (!read_head(index) || index->stamp.dev != stamp->dev ||
	    index->stamp.ino != stamp->ino || !stamp_is_known(mailbox) ||
	    !stamp_is_before(stamp, now, 0, 0))
		return INDEX_NOTHING;
	if (stamp_equal(&index->stamp, stamp) && totals->settled)
		return INDEX_ALL;
	if (!stamp_equal(&index->stamp, stamp) &&
	    stamp->size <= index->stamp.size)
		return INDEX_NOTHING;
	if (!totals->settled)
		totals->count = totals->sure;
	return totals->count == 0 ? INDEX_NOTHING : INDEX_PREFIX;
}

uint64_t
index_stored(const struct index *index)
{
	return index->stored;
}

int
index_load(const struct index *index, void *records, size_t size)
{
	size_t n = (size_t)index->stored * size;

	if (store_read(index->fd, RECORDS_AT, records, n) == -1)
		return -1;
	return store_hash(0, records, n) == index->hash ? 0 : -1;
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
    const struct index_totals *totals, const void *records, size_t size,
    size_t from)
{
	const uint64_t none = 0;
	uint8_t head[HEAD_OCTETS];
	size_t n = (size_t)totals->count * size;
	uint64_t field[FIELD_CHECKSUM] = {
		[FIELD_MAGIC] = MAGIC,
		[FIELD_DEV] = stamp->dev,
		[FIELD_INO] = stamp->ino,
		[FIELD_SIZE] = stamp->size,
		[FIELD_MTIME_S] = (uint64_t)stamp->mtime.tv_sec,
		[FIELD_MTIME_NS] = (uint64_t)stamp->mtime.tv_nsec,
		[FIELD_CTIME_S] = (uint64_t)stamp->ctime.tv_sec,
		[FIELD_CTIME_NS] = (uint64_t)stamp->ctime.tv_nsec,
		[FIELD_BOOT0] = index->boot[0],
		[FIELD_BOOT1] = index->boot[1],
		[FIELD_COUNT] = totals->count,
		[FIELD_SURE] = totals->sure,
		[FIELD_OCTETS] = totals->octets,
		[FIELD_BEGIN] = totals->begin,
		[FIELD_END] = totals->end,
		[FIELD_SETTLED] = totals->settled,
	};

	if (!index_is_open(index))
		return;
	field[FIELD_HASH] = store_hash(0, records, n);
	for (size_t i = 0; i < FIELD_CHECKSUM; i++)
		store_set(head, i, field[i]);
	store_set(head, FIELD_CHECKSUM,
	    store_hash(0, head, FIELD_CHECKSUM * sizeof(uint64_t)));
	/* While the records change there is no head. */
	if (store_write(index->fd, 0, &none, sizeof(none)) == -1)
		return;
	from *= size;
	if ((n > from && store_write(index->fd, RECORDS_AT + from,
	    (const char *)records + from, n - from) == -1) ||
	    ftruncate(index->fd, (off_t)(RECORDS_AT + n)) == -1)
		return;
	(void)store_write(index->fd, 0, head, sizeof(head));
}
