/* SPDX-License-Identifier: ISC */
/*
 * Text files of one record a line.  They hold secrets or decide who gets in, so
 * they are believed only if nobody else could have put them there, and what was
 * read is wiped.
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "settings/records.h"

static const char *
fault(const struct records_file *file)
{
	struct stat st;

	if (fstat(file->fd, &st) == -1)
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "is not a regular file";
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return "belongs to another user: chown it to root or to the "
		    "user dewey runs as";
	if ((st.st_mode & file->forbidden) != 0 &&
	    (file->forbidden & 044) != 0)
		return "can be read or written by others: chmod 600 it";
	if ((st.st_mode & file->forbidden) != 0)
		return "can be written by others: chmod go-w it";
	return NULL;
}

int
records_open(struct records_file *file, const char *path, mode_t forbidden)
{
	*file = (struct records_file){ .path = path, .forbidden = forbidden,
	    .fd = -1 };
	if (path == NULL)
		return 0;
	/* O_NONBLOCK: a FIFO must not make us wait. */
	file->fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (file->fd == -1)
		file->why = errno == ELOOP ? "is a symbolic link: name the "
		    "file itself" : strerror(errno);
	else
		file->why = fault(file);
	if (file->why == NULL)
		return 0;
	records_close(file);
	return -1;
}

int
records_begin(struct records *records, const struct records_file *file)
{
	const char *why = file->fd == -1 ? file->why : fault(file);

	memset(records, 0, sizeof(*records));
	records->fd = file->fd;
	if (why != NULL)
		log_error("%s: %s", file->path, why);
	return why == NULL ? 0 : -1;
}

/* Read more behind the octets that are left.  Returns -1 with errno. */
static int
refill(struct records *records)
{
	ssize_t n;

	memmove(records->block, records->block + records->start,
	    records->filled - records->start);
	records->filled -= records->start;
	records->start = 0;
	do
		n = pread(records->fd, records->block + records->filled,
		    sizeof(records->block) - records->filled,
		    (off_t)records->at);
	while (n == -1 && errno == EINTR);
	if (n <= 0) {
		records->ended = true;
	} else {
		records->filled += (size_t)n;
		records->at += (uint64_t)n;
	}
	return n < 0 ? -1 : 0;
}

/* Take the next line, whatever it holds. */
static int
take(struct records *records, struct span *line)
{
	bool dropped = false;

	*line = SPAN("");
	for (;;) {
		struct span left = { records->block + records->start,
		    records->filled - records->start };
		const char *lf = left.n == 0 ? NULL :
		    memchr(left.p, '\n', left.n);

		if (lf != NULL || (records->ended && left.n > 0)) {
			*line = span_cut(&left, '\n');
			records->start += line->n + (lf != NULL);
			records->line++;
			errno = EINVAL;
			return dropped || line->n >= LIMITS_RECORD ? -1 : 1;
		}
		if (records->ended)
			return 0;
		if (left.n > LIMITS_RECORD) {
			dropped = true;
			records->start = records->filled - 1;
		}
		if (refill(records) == -1)
			return -1;
	}
}

int
records_next(struct records *records, struct span *line)
{
	int got;

	do {
		got = take(records, line);
		if (got == 1 && line->n > 0 &&
		    line->p[line->n - 1] == '\r')
			line->n--;
	} while (got == 1 && (line->n == 0 || line->p[0] == '#'));
	if (got == 1 && memchr(line->p, '\0', line->n) != NULL) {
		errno = EINVAL;
		return -1;
	}
	return got;
}

void
records_end(struct records *records)
{
	span_wipe(records, sizeof(*records));
}

void
records_close(struct records_file *file)
{
	if (file->path != NULL && file->fd != -1)
		(void)close(file->fd);
	file->fd = -1;
}
