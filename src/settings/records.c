/* SPDX-License-Identifier: ISC */
/*
 * Text files of one record a line.  They hold secrets or decide who gets in: so
 * a file is trusted only if nobody but root and the user whose rights dewey has
 * can have written it, and what was read is wiped.
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/store.h"
#include "settings/records.h"

/* The record that was drawn for a name so far; other is NULL if none is
 * wanted. */
struct drawn {
	char *other;
	uint64_t least;		/* its hash */
};

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
		file->why = store_fault(file->fd, file->forbidden);
	if (file->why == NULL)
		return 0;
	records_close(file);
	return -1;
}

int
records_begin(struct records *records, const struct records_file *file)
{
	const char *why = file->fd == -1 ? file->why :
	    store_fault(file->fd, file->forbidden);

	memset(records, 0, sizeof(*records));
	records->fd = file->fd;
	if (why != NULL)
		log_error("%s: %s", file->path, why);
	return why == NULL ? 0 : -1;
}

/* See that the next line is in the block, if it is not too long: octets that
 * are left there are read once more, with what is behind them.  Returns 0, or
 * -1 with errno. */
static int
refill(struct records *records)
{
	ssize_t n;

	if (records->ended ||
	    records->filled - records->start >= LIMITS_RECORD)
		return 0;
	records->at += records->start;
	records->start = records->filled = 0;
	do {
		n = pread(records->fd, records->block + records->filled,
		    sizeof(records->block) - records->filled,
		    (off_t)(records->at + records->filled));
		if (n > 0)
			records->filled += (size_t)n;
	} while ((n > 0 && records->filled < sizeof(records->block)) ||
	    (n == -1 && errno == EINTR));
	records->ended = n <= 0;
	if (n == -1)
		records->why = strerror(errno);
	return n == -1 ? -1 : 0;
}

/* The line is none, for ${why}.  Returns -1. */
static int
spoil(struct records *records, const char *why)
{
	records->why = why;
	errno = EINVAL;
	return -1;
}

/* Take the next line, whatever it holds. */
static int
take(struct records *records, struct span *line)
{
	bool too_long = false, ended;
	struct span rest;

	*line = SPAN("");
	do {
		if (refill(records) == -1)
			return -1;
		rest = (struct span){ records->block + records->start,
		    records->filled - records->start };
		if (rest.n == 0 && !too_long)
			return 0;
		*line = span_cut(&rest, '\n');
		records->start += line->n + (rest.p != NULL);
		ended = rest.p != NULL || line->n < LIMITS_RECORD;
		too_long = too_long || line->n >= LIMITS_RECORD;
	} while (!ended);
	records->line++;
	return too_long ? spoil(records, "is too long: shorten it") : 1;
}

int
records_next(struct records *records, struct span *line)
{
	/* What some editors put in front of UTF-8. */
	static const unsigned char mark[] = { 0xef, 0xbb, 0xbf };
	int got;

	do {
		got = take(records, line);
		if (got == 1 && line->n > 0 && line->p[line->n - 1] == '\r')
			line->n--;
	} while (got == 1 && (line->n == 0 || line->p[0] == '#'));
	if (got != 1)
		return got;
	if (records->line == 1 && line->n >= sizeof(mark) &&
	    memcmp(line->p, mark, sizeof(mark)) == 0)
		return spoil(records, "begins with a byte order mark: save the "
		    "file without one");
	return memchr(line->p, '\0', line->n) == NULL ? 1 :
	    spoil(records, "holds NUL: it is no text, write it anew");
}

void
records_end(struct records *records)
{
	span_wipe(records, sizeof(*records));
}

/* Put ${rest} into ${other} if it can stand in for ${name} and is drawn, which
 * is what has the least hash together with the name. */
static void
draw(const struct records_form *form, struct span name, struct span rest,
    struct drawn *drawn)
{
	uint64_t hash;

	if (drawn->other == NULL || rest.p == NULL)
		return;
	hash = store_hash(store_hash(0, rest.p, rest.n), name.p, name.n);
	if (hash >= drawn->least || !form->stands_in(rest))
		return;
	drawn->least = hash;
	(void)span_copy(rest, drawn->other, LIMITS_RECORD);
}

int
records_find(const struct records_file *file, const struct records_form *form,
    struct span name, char *record, char *other)
{
	struct drawn drawn = { other, UINT64_MAX };
	struct records records;
	struct span line;
	int got, found = 0;

	if (other != NULL)
		other[0] = '\0';
	if (records_begin(&records, file) == -1)
		return -1;
	while ((got = records_next(&records, &line)) != 0) {
		struct span rest = line, key = span_cut(&rest, form->separator);

		if (got == -1 && errno != EINVAL)
			break;
		if (form->separator == RECORDS_NAMES)
			key = span_trim(key);
		if (got == -1) {
			log_warning("%s:%u: %s; the line is skipped",
			    file->path, records.line, records.why);
			continue;
		}
		if (form->fits != NULL && !form->fits(key, rest)) {
			log_warning("%s:%u: expected %s; the line is skipped",
			    file->path, records.line, form->expected);
			continue;
		}
		draw(form, name, rest, &drawn);
		if (found == 0 && span_equal(key, name)) {
			found = 1;
			if (record != NULL)
				(void)span_copy(rest, record, LIMITS_RECORD);
		}
	}
	if (got == -1)
		log_error("%s: %s", file->path, records.why);
	records_end(&records);
	return got == -1 ? -1 : found;
}

unsigned
records_first(const struct records_file *file, unsigned behind,
    bool (*is_one)(struct span rest))
{
	struct records records;
	struct span line;
	unsigned found = 0;
	int got;

	if (records_begin(&records, file) == -1)
		return 0;
	while (found == 0 && (got = records_next(&records, &line)) != 0) {
		if (got == -1 && errno != EINVAL)
			break;
		(void)span_cut(&line, ':');
		if (got == 1 && records.line > behind && line.p != NULL &&
		    is_one(line))
			found = records.line;
	}
	records_end(&records);
	return found;
}

void
records_close(struct records_file *file)
{
	if (file->path != NULL && file->fd != -1)
		(void)close(file->fd);
	file->fd = -1;
}
