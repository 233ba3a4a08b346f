/* SPDX-License-Identifier: ISC */
/*
 * What tells one state of a file from another, and when that can be trusted: a
 * second change in the same tick of the clock leaves the same time stamp.
 */
#include "config.h"

#include <sys/vfs.h>

#include <string.h>

#include "base/limits.h"
#include "base/stamp.h"

#ifdef HAVE_LINUX_MAGIC_H
#include <linux/magic.h>
#endif

void
stamp_fill(struct stamp *stamp, const struct stat *st)
{
	*stamp = (struct stamp){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.mtime = { st->st_mtim.tv_sec, st->st_mtim.tv_nsec },
		.ctime = { st->st_ctim.tv_sec, st->st_ctim.tv_nsec },
	};
}

bool
stamp_equal(const struct stamp *a, const struct stamp *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

bool
stamp_is_known(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) == -1)
		return false;
	switch ((unsigned long)fs.f_type) {
#ifdef HAVE_LINUX_MAGIC_H
	case EXT4_SUPER_MAGIC:
	case TMPFS_MAGIC:
	case BTRFS_SUPER_MAGIC:
	case XFS_SUPER_MAGIC:
	case F2FS_SUPER_MAGIC:
		return true;
#endif
	default:
		return false;
	}
}

static bool
is_before(struct stamp_time stamp, struct timespec now, time_t seconds, long ns)
{
	stamp.s += seconds;
	stamp.ns += ns;
	if (stamp.ns >= 1000000000) {
		stamp.ns -= 1000000000;
		stamp.s++;
	}
	return stamp.s < now.tv_sec ||
	    (stamp.s == now.tv_sec && stamp.ns < now.tv_nsec);
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
	    (stamp->mtime.ns != 0 || stamp->ctime.ns != 0);

	return fine ? stamp_is_before(stamp, now, 0, LIMITS_TICK_NS) :
	    stamp_is_before(stamp, now, LIMITS_SETTLED_S, 0);
}
