/* SPDX-License-Identifier: ISC */
/*
 * The descriptors that a client is at the other end of: what they are, and how
 * they are told to send and to end.
 */
#ifndef STREAM_H
#define STREAM_H

#include <stdbool.h>
#include <stddef.h>

struct stream {
	int in, out;
	int mark;		/* the socket whose end is a reset while an
				 * answer is not whole; -1: there is none */
	bool in_socket, out_socket;
	bool out_blocks;	/* a write may wait for ever if it is long */
	bool tcp;
	size_t piece;		/* octets of a write that may block */
};

/*
 * stream_open(stream, in, out):
 * Find out what ${in} and ${out} are, which stay the caller's; a pipe or
 * terminal is opened anew for writing where that can be.  Over TCP, small
 * replies are sent at once from now on.
 */
void stream_open(struct stream *stream, int in, int out);

/*
 * stream_family(fd):
 * Return the family of the socket ${fd}, or AF_UNSPEC if it is none.
 */
int stream_family(int fd);

/*
 * stream_set_reset(fd, resets), stream_resets(fd):
 * Say whether the TCP connection ${fd} ends in a reset, whichever process
 * closes it last and whatever that process dies of; return what was said.
 */
void stream_set_reset(int fd, bool resets);
bool stream_resets(int fd);

#endif
