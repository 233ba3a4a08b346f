/* SPDX-License-Identifier: ISC */
/*
 * What dewey is for: one session on descriptors 0 and 1.
 */
#ifndef SERVE_H
#define SERVE_H

#include <stdbool.h>

struct options;

/*
 * serve_client(options, by_root):
 * Speak POP3 with the client, for whom ${options} may change; ${by_root} says
 * that root started dewey.  This process ends with the session.
 */
void serve_client(struct options *options, bool by_root)
    __attribute__((noreturn));

/*
 * serve_refusal(void):
 * Tell the client, if descriptor 0 is a socket, that the server is
 * misconfigured.
 */
void serve_refusal(void);

#endif
