/* SPDX-License-Identifier: ISC */
/*
 * The file of adopted unique-ids, .NAME.dewey.ids beside a mailbox: the ids
 * that another server gave to messages before dewey came.  Each is bound to our
 * own id of its message, which is a digest of it, so that no other message can
 * have it; of equal messages the first one has the first one's.
 *
 * The file is a head (store_pack), the records, and a mark for each of them.
 * All but the marks is written once, the head last: without a whole one there
 * are no adopted ids.  A mark is one octet, so it is written or it is not; a
 * record that should be dropped and was not does no harm.
 */
#ifndef ADOPTED_H
#define ADOPTED_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/span.h"
#include "mail/table.h"

/* One id, as it is stored. */
struct adopted_record {
	uint8_t own[LIMITS_UID_OCTETS];	/* ours */
	char id[LIMITS_UID_MAX];	/* the other one; NULs behind it */
};

/* The adopted ids of a mailbox; private, but for n. */
struct adopted {
	struct adopted_record *records;	/* NULL: not read, or there are none */
	size_t n;		/* records */
	char *marks;		/* of each: it is free, taken or dropped */
	uint32_t *of;		/* of each message: its record, from 1; or 0 */
};

/*
 * adopted_write(fd, records, n, most):
 * Store ${n} ${records}, whose ids differ, durably in the file ${fd}, which has
 * none so far and may have ${most} octets.  Returns 0, or -1 with errno and
 * still none in it.
 */
int adopted_write(int fd, const struct adopted_record *records, size_t n,
    uint64_t most);

/*
 * adopted_match(adopted, fd, messages):
 * Find out, from the file ${fd}, which of the ${messages}, in the order of the
 * mailbox, have adopted ids.  Returns 0, or -1 with errno: EBADMSG if it is no
 * whole file of them, which then are none.
 */
int adopted_match(struct adopted *adopted, int fd,
    struct table_records messages);

/*
 * adopted_find(adopted, i):
 * Return the adopted id of message ${i}, counted from 0; an empty span if it
 * has none.
 */
struct span adopted_find(const struct adopted *adopted, size_t i);

/*
 * adopted_stay(adopted, i), adopted_drop(adopted, fd):
 * Message ${i} stays in the mailbox; drop the records of all that were not said
 * to stay from the file ${fd}.  If none is left the file becomes empty.
 * Returns 0, or -1 with errno.
 */
void adopted_stay(struct adopted *adopted, size_t i);
int adopted_drop(struct adopted *adopted, int fd);

/*
 * adopted_forget(adopted):
 * Release what was read.
 */
void adopted_forget(struct adopted *adopted);

#endif
