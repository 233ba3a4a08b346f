/* SPDX-License-Identifier: ISC */
/*
 * Where the C library looks accounts up, which says what a process that does it
 * must be able to do.
 */
#ifndef SOURCES_H
#define SOURCES_H

struct options;

enum sources_reach {
	SOURCES_FILES,		/* only in files */
	SOURCES_LOCAL,		/* also by modules that read files, and ask
				 * services of this host by Unix sockets */
	SOURCES_UNKNOWN		/* perhaps by others, which use the network */
};

/*
 * sources_find(options):
 * Return how far a look-up of a user reaches, with ${options}: a file of
 * users needs no more than files, accounts what nsswitch.conf(5) says on its
 * line `passwd'.
 */
enum sources_reach sources_find(const struct options *options);

#endif
