/* SPDX-License-Identifier: ISC */
/*
 * Adopted unique-ids.  Messages and records mostly come in the same order, the
 * messages that are newer behind all others.  As long as they do, the next
 * message has the next record; behind the first that has not, a table finds
 * them.
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/store.h"
#include "mail/adopted.h"

#define MAGIC 0x3173646979656465u	/* "edeyids1" */
#define RECORD sizeof(struct adopted_record)

/* What is stored before the records: see store_pack. */
struct head {
	uint64_t magic;
	uint64_t n;		/* records */
	uint64_t hash;		/* of all of them */
};
#define HEAD STORE_OCTETS(struct head)

/* What a mark says of its record; STAYS is in memory only. */
enum mark { FREE = '+', DROPPED = '-', TAKEN = '*', STAYS = '!' };

static uint64_t
hash(const void *records, size_t n)
{
	return store_hash(MAGIC, records, n * RECORD);
}

int
adopted_write(int fd, const struct adopted_record *records, size_t n,
    uint64_t most)
{
	struct head head = { MAGIC, n, hash(records, n) };
	uint8_t octets[HEAD];
	char *marks = malloc(n);
	int result = -1;

	store_pack(octets, &head, sizeof(head), MAGIC);
	if (marks != NULL && HEAD + n * (RECORD + 1) > most) {
		errno = EFBIG;
	} else if (marks != NULL && ftruncate(fd, 0) == 0) {
		memset(marks, FREE, n);
		/* The head only when all it tells of is on the disk. */
		if (store_write(fd, HEAD, records, n * RECORD) == 0 &&
		    store_write(fd, HEAD + n * RECORD, marks, n) == 0 &&
		    fsync(fd) == 0 &&
		    store_write(fd, 0, octets, HEAD) == 0)
			result = fsync(fd);
	}
	free(marks);
	if (result == -1) {
		int error = errno;

		(void)!ftruncate(fd, 0);
		errno = error;
	}
	return result;
}

void
adopted_forget(struct adopted *adopted)
{
	free(adopted->records);
	free(adopted->of);
	memset(adopted, 0, sizeof(*adopted));
}

/* Read the file. */
static int
load(struct adopted *adopted, int fd)
{
	uint8_t octets[HEAD];
	struct head head;
	struct stat st;
	size_t size;

	if (fstat(fd, &st) == -1)
		return -1;
	if (st.st_size == 0)
		return 0;
	size = (size_t)st.st_size - HEAD;
	errno = EBADMSG;
	if (st.st_size < (off_t)HEAD || size > LIMITS_ADOPTED_OCTETS)
		return -1;
	adopted->records = malloc(size + 1);
	if (adopted->records == NULL ||
	    store_read(fd, 0, octets, HEAD) == -1 ||
	    store_read(fd, HEAD, adopted->records, size) == -1)
		return -1;
	errno = EBADMSG;
	if (!store_unpack(&head, octets, sizeof(head), MAGIC) ||
	    head.magic != MAGIC || head.n != size / (RECORD + 1) ||
	    size % (RECORD + 1) != 0 ||
	    head.hash != hash(adopted->records, (size_t)head.n))
		return -1;
	adopted->n = (size_t)head.n;
	adopted->marks = (char *)(adopted->records + adopted->n);
	return 0;
}

/* Give message ${i} the record ${k}. */
static void
give(struct adopted *adopted, size_t i, size_t k)
{
	adopted->marks[k] = TAKEN;
	adopted->of[i] = (uint32_t)k + 1;
}

/* Give the messages from ${i} on their records, which are not before ${k}:
 * of records with the same id the first one that is free. */
static int
search(struct adopted *adopted, struct table_records messages, size_t i,
    size_t k)
{
	struct table table = { .slot = NULL };
	uint32_t *next = calloc(adopted->n, sizeof(*next)), *slot;
	int result = table_open(&table, (struct table_records){
	    adopted->records, RECORD, adopted->n });

	if (next == NULL || result == -1)
		goto out;
	for (size_t last = adopted->n; last-- > k;)
		if (adopted->marks[last] == FREE) {
			slot = table_find(&table, adopted->records[last].own);
			next[last] = *slot;
			*slot = (uint32_t)last + 1;
		}
	for (; i < messages.n; i++) {
		slot = table_find(&table, (const char *)messages.ids +
		    i * messages.size);
		if (*slot == 0 || adopted->marks[*slot - 1] != FREE)
			continue;
		give(adopted, i, *slot - 1);
		if (next[*slot - 1] != 0)
			*slot = next[*slot - 1];
	}
out:
	free(next);
	table_close(&table);
	return next == NULL ? -1 : result;
}

int
adopted_match(struct adopted *adopted, int fd, struct table_records messages)
{
	const char *own = messages.ids;
	size_t i = 0, k = 0;
	int result;

	adopted_forget(adopted);
	adopted->of = calloc(messages.n + 1, sizeof(*adopted->of));
	result = adopted->of == NULL ? -1 : load(adopted, fd);
	for (; result == 0 && k < adopted->n; k++) {
		if (adopted->marks[k] != FREE)
			continue;
		if (i == messages.n || memcmp(own + i * messages.size,
		    adopted->records[k].own, LIMITS_UID_OCTETS) != 0)
			break;
		give(adopted, i++, k);
	}
	if (result == 0 && k < adopted->n && i < messages.n)
		result = search(adopted, messages, i, k);
	if (result == -1)
		adopted_forget(adopted);
	return result;
}

struct span
adopted_find(const struct adopted *adopted, size_t i)
{
	const char *id;

	if (adopted->of == NULL || adopted->of[i] == 0)
		return (struct span){ NULL, 0 };
	id = adopted->records[adopted->of[i] - 1].id;
	return (struct span){ id, strnlen(id, LIMITS_UID_MAX) };
}

void
adopted_stay(struct adopted *adopted, size_t i)
{
	if (adopted->of != NULL && adopted->of[i] != 0)
		adopted->marks[adopted->of[i] - 1] = STAYS;
}

int
adopted_drop(struct adopted *adopted, int fd)
{
	size_t left = 0;

	for (size_t k = 0; k < adopted->n; k++) {
		bool stays = adopted->marks[k] == STAYS;

		adopted->marks[k] = stays ? FREE : DROPPED;
		left += stays;
	}
	return left == 0 ? ftruncate(fd, 0) : store_write(fd, HEAD +
	    adopted->n * RECORD, adopted->marks, adopted->n);
}
