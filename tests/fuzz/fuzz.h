/* SPDX-License-Identifier: ISC */
/*
 * What the fuzz targets share.  A target is fuzz_NAME() in NAME.c: it gets
 * octets and ends the process if something that must hold does not.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/span.h"
#include "talk/wire.h"

/* What must hold, whatever the input. */
#define FUZZ_CHECK(condition)						\
	do {								\
		if (!(condition)) {					\
			(void)fprintf(stderr, "%s:%d: not so: %s\n",	\
			    __FILE__, __LINE__, #condition);		\
			abort();					\
		}							\
	} while (0)

typedef void fuzz_target(struct span input);

fuzz_target fuzz_authorization, fuzz_channel, fuzz_configuration, fuzz_index,
    fuzz_journal, fuzz_key, fuzz_mbox, fuzz_mechanism, fuzz_proof,
    fuzz_saslauthd, fuzz_secrets, fuzz_text, fuzz_transaction, fuzz_ucspi,
    fuzz_uid, fuzz_users;

/*
 * fuzz_find(name):
 * Return the target ${name}, or NULL.
 */
fuzz_target *fuzz_find(const char *name);

/*
 * fuzz_number(input, most):
 * Take an octet from the end of ${input}, so that the begin stays readable;
 * return a number up to ${most} made of it.  0 if there is none.
 */
unsigned fuzz_number(struct span *input, unsigned most);

/*
 * fuzz_file(octets), fuzz_replace(fd, octets), fuzz_content(fd):
 * Make a file in memory that holds ${octets}; let ${fd} hold them; return what
 * ${fd} holds, to be freed.
 */
int fuzz_file(struct span octets);
void fuzz_replace(int fd, struct span octets);
struct span fuzz_content(int fd);

/*
 * fuzz_path(octets):
 * Write ${octets} to a file that has a name, mode 0600, and return that name.
 */
const char *fuzz_path(struct span octets);

/*
 * fuzz_client(wire, input, chunk, hook, to):
 * Open ${wire} on a client that sends ${input}, ${chunk} octets at a time, and
 * ends; 0: all at once.  Before each piece ${hook} is called with ${to}, if it
 * is not NULL.  fuzz_client_end returns what the client got, to be freed.
 */
void fuzz_client(struct wire *wire, struct span input, size_t chunk,
    void (*hook)(void *to), void *to);
struct span fuzz_client_end(struct wire *wire);

/* What the calls of the C library do that stand in for the real ones. */
struct fuzz_calls {
	int files[2];		/* may be written to, if files[0] is not -1 */
	long die_at;		/* from this write, cut or sync on all fail;
				 * -1: never */
	long made;		/* so far */
	int error;		/* with this errno */
	bool recovers;		/* only that one call fails */
	bool ahead;		/* the coarse clock is far before all stamps */
};

/*
 * fuzz_calls(void):
 * Return the settings, which begin anew with each input.
 */
struct fuzz_calls *fuzz_calls(void);

#endif
