/* SPDX-License-Identifier: ISC */
/*
 * The maildrop and its cached index: scanning no more than is needed.
 */
#ifndef CACHE_H
#define CACHE_H

#include <stdbool.h>
#include <stddef.h>

#include "spool/mailbox.h"

struct maildrop;
struct users_entry;

/*
 * cache_directory(path):
 * As root: make the directory ${path} if it is missing, and the one it is in.
 * Returns whether nobody else can make names in it.
 */
bool cache_directory(char path[LIMITS_PATH]);

/*
 * cache_find(path, dir, by_root):
 * Write to ${path} the directory of cached indexes that ${dir} means; NULL: the
 * default one, "none": none.  Started by root: make it if it is missing, and
 * look that nobody else can make names in it.  ${path} is empty if there is
 * none.
 */
void cache_find(char path[LIMITS_PATH], const char *dir, bool by_root);

/*
 * cache_make(dir, user):
 * As root: make the cached index of ${user} in ${dir}, if it is missing.
 */
void cache_make(const char *dir, const struct users_entry *user);

/*
 * cache_open(drop, dir, user, make):
 * Open the cached index of ${user} in ${dir}; ${make} what is missing.  Without
 * an index everything works, only slower.
 */
void cache_open(struct maildrop *drop, const char *dir,
    const struct users_entry *user, bool make);

/*
 * cache_scan(drop):
 * Under the mailbox locks, complete an UPDATE that was cut short, and build the
 * index of ${drop}: from the cached one as far as it holds, the rest by reading
 * the mailbox; and cache it.
 */
enum mailbox_fault cache_scan(struct maildrop *drop);

/*
 * cache_need(drop):
 * Have the messages of ${drop} in memory: so far only their totals may be.
 */
enum mailbox_fault cache_need(struct maildrop *drop);

/*
 * cache_save(drop):
 * Cache the index again: ids are known now.
 */
void cache_save(struct maildrop *drop);

/*
 * cache_distrust(drop):
 * The mailbox seems to be as it was scanned, and a message is not: the cached
 * index is wrong.  The next session scans, and this one caches no more.
 */
void cache_distrust(struct maildrop *drop);

/*
 * cache_vouches(drop):
 * Before UPDATE, the mailbox being as it was scanned: say whether every marked
 * message is certainly where the index says, with its octets and id.  A cached
 * index is never by itself good enough to delete.
 */
bool cache_vouches(struct maildrop *drop);

/*
 * cache_after_update(drop, first):
 * UPDATE is done: what was before message ${first} is as it was.
 */
void cache_after_update(struct maildrop *drop, size_t first);

#endif
