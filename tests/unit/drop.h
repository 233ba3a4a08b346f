/* SPDX-License-Identifier: ISC */
/*
 * What the tests of maildrop, message and identity share: an open maildrop over
 * a file of the test's directory, with a session lock and no other.
 */
#ifndef DROP_H
#define DROP_H

#include "unit/unit.h"

#include "maildrop/identity.h"
#include "maildrop/maildrop.h"
#include "maildrop/message.h"
#include "maildrop/scan.h"
#include "spool/sidecar.h"

#define FROM "From a Mon Jan  1 00:00:00 2024\n"
#define FROM_N (sizeof(FROM) - 1)

static const enum options_lock drop_locks[] = { OPTIONS_LOCK_END };

/* Open and scan the file `box' as it is. */
static inline enum mailbox_fault
drop_open(void **state, struct maildrop *drop)
{
	enum mailbox_fault fault;

	maildrop_begin(drop);
	fault = mailbox_open(&drop->mailbox, unit_path(state, "box"), false);
	if (fault == MAILBOX_FINE)
		fault = sidecar_enter(&drop->mailbox, NULL);
	if (fault != MAILBOX_FINE)
		return fault;
	assert_int_equal(maildrop_prepare(drop, drop_locks, 0), 0);
	return scan_all(drop);
}

/* Write the file `box', the same one if it is there, and open it. */
static inline void
drop_write(void **state, const void *octets, size_t n)
{
	int fd = open(unit_path(state, "box"), O_RDWR | O_CREAT | O_TRUNC,
	    0600);

	if (fd == -1 || write(fd, octets, n) != (ssize_t)n || close(fd) == -1)
		fail_msg("box cannot be written");
}

static inline void
drop_append(void **state, const char *text)
{
	int fd = open(unit_path(state, "box"), O_WRONLY | O_APPEND);

	if (fd == -1 || write(fd, text, strlen(text)) !=
	    (ssize_t)strlen(text) || close(fd) == -1)
		fail_msg("box cannot be written");
}

#endif
