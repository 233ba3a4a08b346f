/* SPDX-License-Identifier: ISC */
/*
 * What tells one state of a file from another, and how far that can be
 * trusted: a change in the same tick of the clock leaves the same time stamp.
 */
#include "config.h"

#include <sys/vfs.h>

#include <linux/magic.h>

#include "base/limits.h"
#include "base/stamp.h"

void
stamp_fill(struct stamp *stamp, const struct stat *st)
{
	stamp->dev = st->st_dev;
	stamp->ino = st->st_ino;
	stamp->size = (uint64_t)st->st_size;
	stamp->mtime = st->st_mtim;
	stamp->ctime = st->st_ctim;
}

bool
stamp_equal(const struct stamp *a, const struct stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	    a->mtime.tv_sec == b->mtime.tv_sec &&
	    a->mtime.tv_nsec == b->mtime.tv_nsec &&
	    a->ctime.tv_sec == b->ctime.tv_sec &&
	    a->ctime.tv_nsec == b->ctime.tv_nsec;
}

bool
stamp_is_known(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) == -1)
		return false;
	switch ((unsigned long)fs.f_type) {
	case EXT4_SUPER_MAGIC:
	case TMPFS_MAGIC:
	case BTRFS_SUPER_MAGIC:
	case XFS_SUPER_MAGIC:
	case F2FS_SUPER_MAGIC:
		return true;
	default:
		return false;
	}
}

static bool
is_before(struct timespec stamp, struct timespec now, time_t seconds, long ns)
{
	stamp.tv_sec += seconds;
	stamp.tv_nsec += ns;
	if (stamp.tv_nsec >= 1000000000) {
		stamp.tv_nsec -= 1000000000;
		stamp.tv_sec++;
	}
	return stamp.tv_sec < now.tv_sec ||
	    (stamp.tv_sec == now.tv_sec && stamp.tv_nsec < now.tv_nsec);
}

bool
stamp_is_before(const struct stamp *stamp, struct timespec now,
    time_t seconds, long ns)
{
	return is_before(stamp->mtime, now, seconds, ns) &&
	    is_before(stamp->ctime, now, seconds, ns);
}

bool
stamp_is_settled(const struct stamp *stamp, int fd, struct timespec now)
{
	/* A file system with inodes of 128 octets keeps whole seconds. */
	bool fine = stamp_is_known(fd) &&
	    (stamp->mtime.tv_nsec != 0 || stamp->ctime.tv_nsec != 0);

	return fine ? stamp_is_before(stamp, now, 0, LIMITS_TICK_NS) :
	    stamp_is_before(stamp, now, LIMITS_SETTLED_S, 0);
}
