/* SPDX-License-Identifier: ISC */
/*
 * The plan of an UPDATE.  Its runs are read from the form in which they are
 * stored, so that the process that made the plan and the one that finds it
 * after a crash run the same code.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/store.h"
#include "spool/plan.h"

#define MAGIC 0x31306e6c50776544u	/* DewPln01 */

_Static_assert(sizeof(struct plan_head) == 10 * sizeof(uint64_t),
    "the stored head has ten numbers");

void
plan_begin(struct plan *plan, int mailbox, char *block, uint64_t size)
{
	memset(plan, 0, sizeof(*plan));
	plan->mailbox = mailbox;
	plan->block = block;
	plan->head.size = plan->size = size;
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
	char line[LIMITS_RUN_LINE];
	size_t n = length < LIMITS_RUN_LINE ? (size_t)length : LIMITS_RUN_LINE;
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

	if (plan->n + LIMITS_RUN > plan->room) {
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
	plan->head.kept += length;
	plan->head.runs++;
	return 0;
}

static uint64_t
hash_runs(const struct plan *plan)
{
	return store_hash(0, plan->stored + PLAN_HEAD, plan->n - PLAN_HEAD);
}

void
plan_seal(struct plan *plan)
{
	plan->head.magic = MAGIC;
	plan->head.octets = plan->n;
	store_pack(plan->stored, &plan->head, sizeof(plan->head),
	    hash_runs(plan));
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
	    plan->size - plan->head.size : 0;
	cursor->src = plan->head.size;
	cursor->tail_left = false;
}

struct plan_cursor
plan_first(const struct plan *plan)
{
	struct plan_cursor cursor = {
		.plan = plan,
		.p = plan->stored + PLAN_HEAD,
		.left = plan->head.runs,
		.tail_left = true,
	};

	plan_next(&cursor);
	return cursor;
}

uint64_t
plan_new_size(const struct plan *plan)
{
	return plan->head.kept + plan->size - plan->head.size;
}

/* Whether the runs are in order, inside the mailbox, and as many as said. */
static bool
is_sound(const struct plan *plan)
{
	struct plan_cursor cursor = plan_first(plan);
	uint64_t runs = 0, end = 0;

	for (; cursor.length > 0; plan_next(&cursor)) {
		if (cursor.src < end || cursor.src > plan->head.size ||
		    cursor.length > plan->head.size - cursor.src)
			return false;
		end = cursor.src + cursor.length;
		runs++;
	}
	return runs == plan->head.runs && cursor.dst == plan->head.kept;
}

uint64_t
plan_most(uint64_t size)
{
	uint64_t runs = size / LIMITS_RUN_LEAST * LIMITS_RUN;

	return PLAN_HEAD + (runs > LIMITS_PLAN ? runs : LIMITS_PLAN);
}

int
plan_load(struct plan *plan, int fd, uint64_t at, uint64_t limit)
{
	struct plan_head *head = &plan->head;
	uint8_t stored[PLAN_HEAD];

	if (store_read(fd, at, stored, sizeof(stored)) == -1)
		return errno == ENODATA ? 0 : -1;
	/* The checksum is that of the runs, too: how many octets are they? */
	(void)store_unpack(head, stored, sizeof(*head), 0);
	if (head->magic != MAGIC || head->octets < PLAN_HEAD ||
	    head->octets > limit)
		return 0;
	plan->n = (size_t)head->octets;
	plan->stored = reallocarray(NULL, plan->n, 1);
	if (plan->stored == NULL ||
	    store_read(fd, at, plan->stored, plan->n) == -1)
		return -1;
	plan->size = head->size;
	return store_unpack(head, stored, sizeof(*head), hash_runs(plan)) &&
	    is_sound(plan);
}

/* Fill the block with the ${n} octets of the new mailbox from ${dst} on. */
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
plan_copy(const struct plan *plan, const struct plan_part *part,
    uint64_t *hash)
{
	struct plan_cursor cursor = { 0 };
	uint64_t value = 0;
	size_t n;

	if (part->run != NULL)
		cursor = *part->run;
	for (uint64_t done = 0; done < part->length; done += n) {
		uint64_t left = part->length - done, at = part->from_at + done;

		n = left < LIMITS_PIECE ? (size_t)left : LIMITS_PIECE;
		if ((part->run != NULL ? gather(plan, &cursor, at, n) :
		    store_read(part->from, at, plan->block, n)) == -1 ||
		    (part->to != -1 && store_write(part->to,
		    part->to_at + done, plan->block, n) == -1))
			return -1;
		if (hash != NULL)
			value = store_hash(value, plan->block, n);
	}
	if (hash != NULL)
		*hash = value;
	return 0;
}
