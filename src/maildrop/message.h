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
 * the same number of octets and the same end, and with the same sum where that
 * is known: equal octets are not counted anew.  message_measure: with the same
 * id where that is known.  What ${drop}->block holds is believed: forget it
 * first if the mailbox changed.
 */
bool message_is_whole(struct maildrop *drop, size_t i);
bool message_measure(struct maildrop *drop, size_t i);

/*
 * message_begin_sum(drop, i, imprint), message_was_whole(drop, i, imprint):
 * Prepare ${imprint} to be fed all stored octets of message ${i}, its separator
 * apart.  Say whether those that it was fed have the sum that is known of it,
 * and it ends where it did.
 */
void message_begin_sum(const struct maildrop *drop, size_t i,
    struct imprint *imprint);
bool message_was_whole(struct maildrop *drop, size_t i,
    struct imprint *imprint);

/*
 * message_is_proved(drop, i):
 * Say whether the stored octets of message ${i} are certainly those that were
 * scanned: their sum is known, and is that of what is there now.
 */
bool message_is_proved(struct maildrop *drop, size_t i);

/*
 * message_is_same(drop, i, old):
 * ${drop} was scanned anew, ${old} is what was scanned before.  Say whether
 * message ${i} is where it was with the octets that it had: those of the same
 * id if it is marked and that is known, else those of the same sum.  Where
 * nothing is known, place and number of octets are enough.
 */
bool message_is_same(struct maildrop *drop, size_t i,
    const struct maildrop *old);

/*
 * message_identify(drop, i, unchanged, proved):
 * Compute the id of message ${i}, and its sum anew.  ${proved} says that its
 * sum was known, so that the octets are certainly those that were scanned.  If
 * they are not, and the mailbox is not ${unchanged}, nothing is done.  Returns
 * 0, or -1 with errno and the message as it was.
 */
int message_identify(struct maildrop *drop, size_t i, bool unchanged,
    bool *proved);

/*
 * message_sum_scanned(drop):
 * Right after a scan, under the mailbox locks: have the sums of all messages,
 * if the mailbox fits a block, which costs next to nothing, or if its stamp
 * will not tell of a change.
 */
void message_sum_scanned(struct maildrop *drop);

/*
 * message_sum_from(drop, i, octets):
 * Have the sum of message ${i} if the mailbox is as it was scanned, and those
 * of the messages behind it that lie within ${octets} from its begin.
 */
void message_sum_from(struct maildrop *drop, size_t i, uint64_t octets);

/*
 * message_sum_ahead(drop):
 * The client asks for a message by its number.  If it does so for the first
 * time have the sums of all messages, where that is not much work: of
 * LIMITS_AHEAD octets at most.
 */
void message_sum_ahead(struct maildrop *drop);

#endif
