/* SPDX-License-Identifier: ISC */
/*
 * --recover: what a crash left of UPDATE in many mailboxes.
 */
#ifndef RECOVERY_H
#define RECOVERY_H

#include <signal.h>

#include "talk/dialogue.h"

struct options;

/*
 * recovery_run(options, stop):
 * Complete the UPDATE that was cut short of each mailbox among the operands
 * of ${options} that has one, in processes with the rights of its owner;
 * LIMITS_RECOVER_AT_ONCE at a time, LIMITS_RECOVER_S seconds each.  A line is
 * printed when one is done.  The CHANNEL_ENDS must be blocked; one that comes
 * keeps further ones from being begun, and ${stop}, which a handler sets, is
 * for those processes.
 * Returns DIALOGUE_ORDERLY, or DIALOGUE_TROUBLE if one could not be completed.
 */
enum dialogue_exit recovery_run(const struct options *options,
    const volatile sig_atomic_t *stop);

#endif
