/* SPDX-License-Identifier: ISC */
/*
 * One session and its processes: monitor, gate, keeper, session.
 */
#ifndef SESSION_H
#define SESSION_H

#include "talk/dialogue.h"

struct options;

/*
 * session_run(options, by_root):
 * Speak POP3 on descriptors 0 and 1; ${by_root} says that root started it.  Returns the exit code, in each of the
 * processes that were made.
 */
enum dialogue_exit session_run(const struct options *options, bool by_root);

/*
 * session_recover(options):
 * Complete the UPDATEs of the mailboxes that are ${options}' operands; print
 * what was done.  Returns the exit code.
 */
enum dialogue_exit session_recover(const struct options *options);

/*
 * session_refuse(void):
 * Tell the client, if descriptor 0 is a socket, that the server is
 * misconfigured.
 */
void session_refuse(void);

#endif
