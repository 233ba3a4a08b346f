/* SPDX-License-Identifier: ISC */
/*
 * A descriptor that a client is at the other end of: what it is, and how it is
 * told to send and to end.
 */
#ifndef STREAM_H
#define STREAM_H

#include <stdbool.h>

/*
 * stream_family(fd):
 * Return the family of the socket ${fd}, or AF_UNSPEC if it is none.
 */
int stream_family(int fd);

/*
 * stream_reopen(fd):
 * Open the pipe or terminal ${fd} anew for writing, non-blocking for us alone.
 * Returns the new descriptor, or -1.
 */
int stream_reopen(int fd);

/*
 * stream_hasten(fd):
 * Have TCP send small replies at once.  Returns 0, or -1 with errno.
 */
int stream_hasten(int fd);

/*
 * stream_set_reset(fd, resets):
 * Say whether the TCP connection ${fd} ends in a reset, whichever process
 * closes it last and whatever that process dies of.
 */
void stream_set_reset(int fd, bool resets);

#endif
