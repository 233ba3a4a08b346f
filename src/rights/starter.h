/* SPDX-License-Identifier: ISC */
/*
 * The start of dewey-tls: at once, or by a process of its own, the starter,
 * that becomes it when a client wants TLS.
 */
#ifndef STARTER_H
#define STARTER_H

#include "talk/dialogue.h"

struct options;

/*
 * starter_open(dialogue):
 * See to it that TLS can be had as --tls says: by whoever the environment names
 * (UCSPI-TLS), or by a process that is started.  Before a stranger is heard.
 * Returns 0, or -1 if it cannot, which is logged.
 */
int starter_open(struct dialogue *dialogue);

/*
 * starter_dismiss(stls):
 * AUTHORIZATION is over: no handshake can begin any more, or go on.
 */
void starter_dismiss(const struct stls *stls);

/*
 * starter_wait(dialogue, ms):
 * The session is over.  Let go of the client in TLS, and wait until dewey-tls
 * has said goodbye to it, at most ${ms} milliseconds, or until a signal asks
 * for the end.
 */
void starter_wait(struct dialogue *dialogue, int64_t ms);

/*
 * starter_examine(options):
 * For --check-config: have dewey-tls look at certificate and key, and print
 * what it finds.  Returns 0, or -1 if something is unsafe.
 */
int starter_examine(const struct options *options);

#endif
