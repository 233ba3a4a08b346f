/* SPDX-License-Identifier: ISC */
/*
 * One session: the order of the states AUTHORIZATION, TRANSACTION, UPDATE.
 */
#ifndef SESSION_H
#define SESSION_H

struct options;

/* Exit codes of dewey. */
enum session_exit {
	SESSION_ORDERLY = 0,	/* QUIT was answered, or the input ended between
				 * commands with nothing marked */
	SESSION_BROKEN = 1,	/* time-out, lost client, failed logins, signal */
	SESSION_USAGE = 100,	/* a mistake in the options */
	SESSION_TROUBLE = 111	/* the system or the maildrop; failed UPDATE */
};

/*
 * session_run(options):
 * Speak POP3 on descriptors 0 and 1.  Returns the exit code.
 */
enum session_exit session_run(const struct options *options);

/*
 * session_refuse(void):
 * Tell the client, if descriptor 0 is a socket, that the server is
 * misconfigured.
 */
void session_refuse(void);

#endif
