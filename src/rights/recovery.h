/* SPDX-License-Identifier: ISC */
/*
 * --recover: what a crash left of UPDATE in many mailboxes.
 */
#ifndef RECOVERY_H
#define RECOVERY_H

#include "talk/dialogue.h"

struct options;

/*
 * recovery_run(options):
 * Complete the UPDATE that was cut short of each mailbox among the operands of
 * ${options} that has one, in processes with the rights of its owner;
 * LIMITS_RECOVER_AT_ONCE at a time, LIMITS_RECOVER_S seconds each.  A line is
 * printed when one is done.  A signal that asks for the end keeps further ones
 * from being begun.  Returns DIALOGUE_ORDERLY, or DIALOGUE_TROUBLE if one could
 * not be completed.
 */
enum dialogue_exit recovery_run(const struct options *options);

#endif
