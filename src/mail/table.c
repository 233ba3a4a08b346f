/* SPDX-License-Identifier: ISC */
/*
 * A hash table of unique-ids.  They are digests: their first octets are as good
 * as any hash of them.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mail/table.h"

int
table_open(struct table *table, struct table_records records)
{
	table->records = records;
	table->slots = records.n + records.n / 2 + 1;
	table->slot = calloc(table->slots, sizeof(*table->slot));
	if (table->slot != NULL && records.n < UINT32_MAX)
		return 0;
	errno = ENOMEM;
	return -1;
}

void
table_close(struct table *table)
{
	free(table->slot);
	table->slot = NULL;
}

uint32_t *
table_find(const struct table *table, const void *id)
{
	const char *ids = table->records.ids;
	uint64_t key;
	size_t at;

	memcpy(&key, id, sizeof(key));
	for (at = (size_t)(key % table->slots); table->slot[at] != 0;
	    at = at + 1 == table->slots ? 0 : at + 1)
		if (memcmp(ids + (table->slot[at] - 1) * table->records.size,
		    id, LIMITS_UID_OCTETS) == 0)
			break;
	return &table->slot[at];
}
