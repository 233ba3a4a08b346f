/* SPDX-License-Identifier: ISC */
/*
 * A password and its hash, by crypt(3), or its stored key of SCRAM.
 */
#ifndef PASSWORD_H
#define PASSWORD_H

#include <stdbool.h>

#include "base/span.h"

/*
 * password_hash(rest):
 * Return the hash at the begin of ${rest}, which is what passwd(5), shadow(5)
 * and the users file have behind a name: without {CRYPT} and without a lock.
 */
struct span password_hash(struct span rest);

/*
 * password_is_there(rest), password_is_key(rest), password_is_bad_key(rest):
 * Say whether that is a hash at all, so that to try a password takes its time;
 * whether it is a stored key of SCRAM; and whether it says so and is none, so
 * that nothing fits it.
 */
bool password_is_there(struct span rest);
bool password_is_key(struct span rest);
bool password_is_bad_key(struct span rest);

/*
 * password_fits(hash, other, password):
 * Say whether ${password} is the one whose hash is ${hash}.  If that is none
 * the answer is no, and takes as long: a locked one is tried all the same, and
 * instead of one that is not there ${other} or, if that is none either, one
 * that costs what is usual.
 */
bool password_fits(const char *hash, const char *other, struct span password);

#endif
