/* SPDX-License-Identifier: ISC */
/*
 * How a session begins: which address was called and by whom, of which a front
 * end may have to tell first; and with that, which files decide who may log in.
 */
#ifndef FRONT_H
#define FRONT_H

#include <sys/types.h>

#include <stdbool.h>

struct dialogue;
struct login;
struct options;
struct verdict;

/*
 * front_is_due(dialogue):
 * Say whether the other side is a front end, which must send a header.
 */
bool front_is_due(const struct dialogue *dialogue);

/*
 * front_listen(dialogue):
 * In the process that speaks with the client, which does all else, too: read
 * the header, and believe it.  Returns 0, or -1: the session is over, and the
 * log says why.
 */
int front_listen(struct dialogue *dialogue);

/*
 * front_pass_on(dialogue, login, channel):
 * In the gate: read the header, believe it and tell it to the monitor; and
 * learn from that what of ${login} the greeting needs.  Returns 0, or -1: the
 * session is over.
 */
int front_pass_on(struct dialogue *dialogue, struct login *login,
    int channel);

/*
 * front_hear(dialogue, channel):
 * In the monitor: wait for what the gate tells, and believe it as far as it can
 * be.  Returns an enum proxy_fault, or -1: it tells nothing.
 */
int front_hear(struct dialogue *dialogue, int channel);

/*
 * front_end(dialogue, gate, fault):
 * In the monitor, when front_hear has returned ${fault}: end the process
 * ${gate}, give up root's rights, log why the session is over, and end.  The
 * client hears if the gate could not give up root's rights.
 */
void front_end(struct dialogue *dialogue, pid_t gate, int fault)
    __attribute__((noreturn));

/*
 * front_answer(login, channel):
 * Tell the gate what it waits for.  Returns 0, or -1.
 */
int front_answer(const struct login *login, int channel);

/*
 * front_open(dialogue, verdict, options, by_root):
 * Put the address that was called into ${options}, which are those of
 * ${dialogue}, and open the files that decide who may log in.
 */
void front_open(struct dialogue *dialogue, struct verdict *verdict,
    struct options *options, bool by_root);

#endif
