/* SPDX-License-Identifier: ISC */
/*
 * The plan of an UPDATE.  It is walked in its stored form, so the process that
 * made it and the one that finds it after a crash do the same.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/store.h"
#include "spool/plan.h"

#define MAGIC 0x31306e6c50776544u	/* DewPln01 */
#define FROM_OCTETS 256		/* of a run's first line that are hashed */
#define RUN_OCTETS 28		/* of one run, at most */
#define RUN_LEAST 5		/* octets it tells of: "From " */

void
plan_begin(struct plan *plan, int mailbox, char *block, uint64_t size)
{
	memset(plan, 0, sizeof(*plan));
	plan->mailbox = mailbox;
	plan->block = block;
	plan->begin_size = plan->size = size;
	plan->n = PLAN_HEAD;
}

void
plan_free(struct plan *plan)
{
	free(plan->stored);
	plan->stored = NULL;
}

int
plan_hash_line(const struct plan *plan, uint64_t offset, uint64_t length,
    uint64_t *value)
{
	char line[FROM_OCTETS];
	size_t n = length < FROM_OCTETS ? (size_t)length : FROM_OCTETS;
	const char *lf;

	if (store_read(plan->mailbox, offset, line, n) == -1)
		return -1;
	lf = memchr(line, '\n', n);
	*value = store_hash(0, line, lf == NULL ? n : (size_t)(lf - line) + 1);
	return 0;
}

static size_t
put_varint(uint8_t *p, uint64_t value)
{
	size_t n = 0;

	for (; value >= 0x80; value >>= 7)
		p[n++] = (uint8_t)(value | 0x80);
	p[n++] = (uint8_t)value;
	return n;
}

static uint64_t
get_varint(const uint8_t **p, const uint8_t *end)
{
	uint64_t value = 0;

	for (unsigned shift = 0; *p < end && shift < 64; shift += 7) {
		uint8_t octet = *(*p)++;

		value |= (uint64_t)(octet & 0x7f) << shift;
		if (octet < 0x80)
			break;
	}
	return value;
}

int
plan_keep(struct plan *plan, uint64_t offset, uint64_t length)
{
	uint64_t value;

	if (plan->n + RUN_OCTETS > plan->room) {
		size_t room = plan->room * 2 + LIMITS_WINDOW_LEAST;
		uint8_t *grown = reallocarray(plan->stored, room, 1);

		if (grown == NULL)
			return -1;
		plan->stored = grown;
		plan->room = room;
	}
	if (length == 0)
		return 0;
	if (plan_hash_line(plan, offset, length, &value) == -1)
		return -1;
	plan->n += put_varint(plan->stored + plan->n, offset - plan->end);
	plan->n += put_varint(plan->stored + plan->n, length);
	store_set(plan->stored + plan->n, 0, value);
	plan->n += sizeof(value);
	plan->end = offset + length;
	plan->kept += length;
	plan->runs++;
	return 0;
}

void
plan_seal(struct plan *plan, const uint64_t id[2], uint64_t inode,
    uint64_t device, uint64_t window)
{
	uint8_t *p = plan->stored;
	uint64_t runs = store_hash(0, p + PLAN_HEAD, plan->n - PLAN_HEAD);

	store_set(p, PLAN_MAGIC, MAGIC);
	store_set(p, PLAN_ID0, id[0]);
	store_set(p, PLAN_ID1, id[1]);
	store_set(p, PLAN_INODE, inode);
	store_set(p, PLAN_DEVICE, device);
	store_set(p, PLAN_SIZE, plan->begin_size);
	store_set(p, PLAN_WINDOW, window);
	store_set(p, PLAN_KEPT, plan->kept);
	store_set(p, PLAN_RUNS, plan->runs);
	store_set(p, PLAN_OCTETS, plan->n);
	store_set(p, PLAN_CHECKSUM,
	    store_hash(runs, p, PLAN_CHECKSUM * sizeof(uint64_t)));
}

void
plan_next(struct plan_cursor *cursor)
{
	const struct plan *plan = cursor->plan;
	const uint8_t *end = plan->stored + plan->n;

	cursor->dst += cursor->length;
	if (cursor->left > 0 && end - cursor->p > (ptrdiff_t)sizeof(uint64_t)) {
		cursor->left--;
		cursor->src += cursor->length + get_varint(&cursor->p, end);
		cursor->length = get_varint(&cursor->p, end);
		cursor->hash = 0;
		if (end - cursor->p >= (ptrdiff_t)sizeof(uint64_t)) {
			cursor->hash = store_get(cursor->p, 0);
			cursor->p += sizeof(uint64_t);
		}
		return;
	}
	/* Mail that was delivered since is one more run. */
	cursor->length = cursor->tail_left ?
	    plan->size - plan->begin_size : 0;
	cursor->src = plan->begin_size;
	cursor->tail_left = false;
}

struct plan_cursor
plan_first(const struct plan *plan)
{
	struct plan_cursor cursor = {
		.plan = plan,
		.p = plan->stored + PLAN_HEAD,
		.left = plan->runs,
		.tail_left = true,
	};

	plan_next(&cursor);
	return cursor;
}

uint64_t
plan_new_size(const struct plan *plan)
{
	return plan->kept + plan->size - plan->begin_size;
}

/* Whether the runs are in order, inside the mailbox, and as many as said. */
static bool
is_sound(const struct plan *plan)
{
	struct plan_cursor cursor = plan_first(plan);
	uint64_t runs = 0, end = 0;

	for (; cursor.length > 0; plan_next(&cursor)) {
		if (cursor.src < end || cursor.src > plan->begin_size ||
		    cursor.length > plan->begin_size - cursor.src)
			return false;
		end = cursor.src + cursor.length;
		runs++;
	}
	return runs == plan->runs && cursor.dst == plan->kept;
}

uint64_t
plan_most(uint64_t size)
{
	uint64_t runs = size / RUN_LEAST * RUN_OCTETS;

	return PLAN_HEAD + (runs > LIMITS_PLAN ? runs : LIMITS_PLAN);
}

int
plan_load(struct plan *plan, int fd, uint64_t at, uint64_t limit)
{
	uint8_t head[PLAN_HEAD];
	uint64_t runs;

	if (store_read(fd, at, head, sizeof(head)) == -1)
		return errno == ENODATA ? 0 : -1;
	plan->n = store_get(head, PLAN_OCTETS);
	if (store_get(head, PLAN_MAGIC) != MAGIC || plan->n < PLAN_HEAD ||
	    plan->n > limit)
		return 0;
	plan->stored = reallocarray(NULL, plan->n, 1);
	if (plan->stored == NULL ||
	    store_read(fd, at, plan->stored, plan->n) == -1)
		return -1;
	plan->begin_size = plan->size = store_get(head, PLAN_SIZE);
	plan->kept = store_get(head, PLAN_KEPT);
	plan->runs = store_get(head, PLAN_RUNS);
	runs = store_hash(0, plan->stored + PLAN_HEAD, plan->n - PLAN_HEAD);
	return store_get(head, PLAN_CHECKSUM) ==
	    store_hash(runs, head, PLAN_CHECKSUM * sizeof(uint64_t)) &&
	    is_sound(plan);
}

/* Fill the block with octets from ${dst} on, ${n} of them. */
static int
gather(const struct plan *plan, struct plan_cursor *cursor, uint64_t dst,
    size_t n)
{
	for (size_t at = 0, part; at < n; at += part) {
		uint64_t skip, left;

		while (cursor->length > 0 &&
		    dst + at >= cursor->dst + cursor->length)
			plan_next(cursor);
		skip = dst + at - cursor->dst;
		left = cursor->length - skip;
		if (cursor->length == 0) {
			errno = EIO;
			return -1;
		}
		part = left < n - at ? (size_t)left : n - at;
		if (store_read(plan->mailbox, cursor->src + skip,
		    plan->block + at, part) == -1)
			return -1;
	}
	return 0;
}

int
plan_copy(const struct plan *plan, struct plan_cursor cursor, uint64_t dst,
    uint64_t length, int fd, uint64_t at, uint64_t *value)
{
	if (value != NULL)
		*value = 0;
	for (uint64_t done = 0; done < length;) {
		size_t n = length - done < LIMITS_PIECE ?
		    (size_t)(length - done) : LIMITS_PIECE;

		if (gather(plan, &cursor, dst + done, n) == -1 ||
		    store_write(fd, at + done, plan->block, n) == -1)
			return -1;
		if (value != NULL)
			*value = store_hash(*value, plan->block, n);
		done += n;
	}
	return 0;
}

int
plan_copy_data(const struct plan *plan, int from, uint64_t from_at,
    uint64_t length, int to, uint64_t to_at, uint64_t *value)
{
	if (value != NULL)
		*value = 0;
	for (uint64_t done = 0; done < length;) {
		size_t n = length - done < LIMITS_PIECE ?
		    (size_t)(length - done) : LIMITS_PIECE;

		if (store_read(from, from_at + done, plan->block, n) == -1 ||
		    (to != -1 &&
		    store_write(to, to_at + done, plan->block, n) == -1))
			return -1;
		if (value != NULL)
			*value = store_hash(*value, plan->block, n);
		done += n;
	}
	return 0;
}
