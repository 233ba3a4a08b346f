/* SPDX-License-Identifier: ISC */
/*
 * A hash table that leads from a unique-id to a record that has it.
 */
#ifndef TABLE_H
#define TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

/* Records that lie behind each other in memory, each with an id of
 * LIMITS_UID_OCTETS at the same place. */
struct table_records {
	const void *ids;	/* the id of the first one; not owned */
	size_t size;		/* octets of a record */
	size_t n;		/* records */
};

/* The table, with open addressing.  It has half as many slots again as there
 * are records. */
struct table {
	struct table_records records;
	uint32_t *slot;		/* number of a record, from 1; 0: free */
	size_t slots;
};

/*
 * table_open(table, records), table_close(table):
 * Make an empty table for ${records}; release it.  table_open returns 0, or -1
 * with errno.
 */
int table_open(struct table *table, struct table_records records);
void table_close(struct table *table);

/*
 * table_find(table, id):
 * Return the slot of ${id}: the one that has a record of this id, or the free
 * one where the caller may enter a record.
 */
uint32_t *table_find(const struct table *table, const void *id);

#endif
