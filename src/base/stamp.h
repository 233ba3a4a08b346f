/* SPDX-License-Identifier: ISC */
/*
 * Time stamps of files, which tell whether a file has changed.
 */
#ifndef STAMP_H
#define STAMP_H

#include <sys/stat.h>

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* A time: seconds, and nanoseconds below a second. */
struct stamp_time {
	int64_t s, ns;
};

/* What tells one state of a file from another.  The cached index stores it as
 * it is: all members have 8 octets. */
struct stamp {
	uint64_t dev, ino, size;
	struct stamp_time mtime, ctime;
};

/*
 * stamp_fill(stamp, st), stamp_equal(a, b):
 * Take the stamp from what stat(2) says; compare two.
 */
void stamp_fill(struct stamp *stamp, const struct stat *st);
bool stamp_equal(const struct stamp *a, const struct stamp *b);

/*
 * stamp_is_known(fd):
 * Say whether ${fd} is on a file system of this host that stamps changes with
 * the kernel's clock.
 */
bool stamp_is_known(int fd);

/*
 * stamp_is_before(stamp, now, seconds, ns):
 * Say whether both times of ${stamp} lie more than ${seconds} and ${ns}
 * nanoseconds before ${now}.
 */
bool stamp_is_before(const struct stamp *stamp, struct timespec now,
    time_t seconds, long ns);

/*
 * stamp_is_settled(stamp, fd, now):
 * Say whether every change after the moment ${now} of the coarse clock gives
 * the file ${fd} another stamp than ${stamp}.
 */
bool stamp_is_settled(const struct stamp *stamp, int fd, struct timespec now);

#endif
