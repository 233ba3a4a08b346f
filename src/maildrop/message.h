/* SPDX-License-Identifier: ISC */
/*
 * One message of a maildrop as it is stored now: is it what was scanned?
 */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

struct imprint;
struct maildrop;

/*
 * message_is_whole(drop, i), message_measure(drop, i):
 * Say whether message ${i} is still where it was, behind an empty line, with
 * the same end and the same sum.  message_measure: with the same id where that
 * is known, and then with the same number of octets, which are counted anew.
 * What ${drop}->block holds is believed: forget it first if the mailbox
 * changed.
 */
bool message_is_whole(struct maildrop *drop, size_t i);
bool message_measure(struct maildrop *drop, size_t i);

/*
 * message_was_whole(drop, i, imprint):
 * Say whether ${imprint}, which mbox_begin_sum began and which was fed all
 * stored octets of message ${i}, its separator apart, makes its sum, and it
 * ends where it did.
 */
bool message_was_whole(struct maildrop *drop, size_t i,
    struct imprint *imprint);

/*
 * message_is_same(drop, i, old):
 * ${drop} was scanned anew, ${old} is what was scanned before.  Say whether
 * message ${i} is where it was with the octets that it had: those of the same
 * id if it is marked and that is known, else those of the same sum or id.
 */
bool message_is_same(struct maildrop *drop, size_t i,
    const struct maildrop *old);

/*
 * message_identify(drop, i):
 * Compute the id of message ${i}, if its octets are those that were scanned,
 * and its sum anew.  Returns 0, or -1 with errno and the message as it was;
 * ESTALE if they are not.
 */
int message_identify(struct maildrop *drop, size_t i);

#endif
