/* SPDX-License-Identifier: ISC */
/*
 * Reaching saslauthd from the judge, which may make no socket: the monitor has
 * a process with the judge's ids, the asker, connect for each question.  So the
 * judge gets nothing but that connection, and none is root's.
 */
#ifndef REACH_H
#define REACH_H

#include <sys/types.h>

struct options;

/*
 * reach_ask(to):
 * In the judge: ask for a connection to saslauthd; ${to} is the channel to the
 * monitor, an int.  Returns it, or -1 with errno, as saslauthd_connect.
 */
int reach_ask(void *to);

/*
 * reach_saslauthd(path, uid, gid, channel):
 * As root: have a process with these ids, and the group of the directory where
 * the socket ${path} is, connect to it and send what comes of that to the
 * judge, on ${channel}.  If ${path} is NULL the judge hears that it cannot be.
 * If too many answers wait there unheard, do nothing.
 */
void reach_saslauthd(const char *path, uid_t uid, gid_t gid, int channel);

/*
 * reach_examine(options, unsafe):
 * For --check-config: find out whether a session could ask saslauthd; print
 * what is wrong and how to mend it, and count that in ${*unsafe}.
 */
void reach_examine(const struct options *options, unsigned *unsafe);

#endif
