/* SPDX-License-Identifier: ISC */
/*
 * The UPDATE state (RFC 1939 s6): the marked messages go, everything else
 * stays, whoever changed the mailbox meanwhile.
 */
#ifndef UPDATE_H
#define UPDATE_H

#include <stdbool.h>
#include <stdint.h>

struct maildrop;

enum update_result {
	UPDATE_DONE,		/* every marked message is gone, durably */
	UPDATE_PARTLY,		/* some marked messages stay */
	UPDATE_FAILED		/* the cause is logged */
};

/*
 * update_run(drop, log_ids, deleted):
 * Remove the messages marked in ${drop}, under the mailbox locks; wait until
 * that is on the disk.  ${deleted} is how many went.  ${log_ids}: their
 * unique-ids are logged.  Without marks nothing is done.
 */
enum update_result update_run(struct maildrop *drop, bool log_ids,
    uint64_t *deleted);

#endif
