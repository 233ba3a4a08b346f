/* SPDX-License-Identifier: ISC */
/*
 * The network's side: descriptors that octets of TLS go over.  What is sent is
 * gathered, and written as far as there is room; nothing here waits.
 */
#ifndef OUTER_H
#define OUTER_H

#include <stdbool.h>
#include <stddef.h>

#include <gnutls/gnutls.h>

#include "base/limits.h"
#include "base/stream.h"

struct outer {
	struct stream stream;
	bool lost;		/* nothing can be sent any more */
	size_t filled, sent;	/* octets to be sent are [sent..filled) */
	unsigned char out[LIMITS_TLS_OUTPUT];
};

/*
 * outer_open(outer, session):
 * Have ${session} use descriptors 0 and 1.
 */
void outer_open(struct outer *outer, gnutls_session_t session);

/*
 * outer_flush(outer):
 * Write what there is room for.  Returns whether nothing is left.
 */
bool outer_flush(struct outer *outer);

/*
 * outer_end(outer):
 * Write what is left, say that no more comes, and drop what still does, for at
 * most LIMITS_LINGER_MS each: so no reset takes the last octets away.
 */
void outer_end(struct outer *outer);

#endif
