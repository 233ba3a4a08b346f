/* SPDX-License-Identifier: ISC */
/*
 * One message of a maildrop as it is stored now: is it what was scanned?
 */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limits.h"

struct maildrop;

/*
 * message_follows_empty(before, n):
 * Say whether an empty line, or the begin of the file, stands right behind the
 * ${n} octets at ${before}: all that are before it, or three.
 */
bool message_follows_empty(const char *before, size_t n);

/*
 * message_is_whole(drop, i), message_measure(drop, i):
 * Say whether message ${i} is still where it was, behind an empty line, with
 * the same number of octets and the same end.  Where its id is known,
 * message_is_whole: and octets and id have the same sum; message_measure: and the
 * same id.  What ${drop}->block holds is believed: forget it first if the
 * mailbox changed.
 */
bool message_is_whole(struct maildrop *drop, size_t i);
bool message_measure(struct maildrop *drop, size_t i);

/*
 * message_hash(drop, i, id, sum):
 * Compute the id of message ${i} as it is stored now, and the sum of its
 * stored octets and the id.  Returns 0, or -1 with errno.
 */
int message_hash(struct maildrop *drop, size_t i,
    uint8_t id[LIMITS_UID_OCTETS], uint64_t *sum);

#endif
