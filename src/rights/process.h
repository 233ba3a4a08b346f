/* SPDX-License-Identifier: ISC */
/*
 * The life of a process: whose it is, what forks it, which signals it hears,
 * and how it ends.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include <sys/types.h>

#include <signal.h>
#include <stdbool.h>

#include "talk/dialogue.h"

/* No supplementary group. */
#define PROCESS_NO_GROUP ((gid_t)-1)

/*
 * process_fill_descriptors():
 * If one of the first three descriptors is closed, the next file that is opened
 * would get its number, a mailbox perhaps.  So /dev/null takes it, opened the
 * wrong way around: reading it as input or writing it as output fails, as with
 * a client that is gone.  Returns 0, or -1 with errno.
 */
int process_fill_descriptors(void);

/*
 * process_is_lent(program):
 * As the first thing of ${program}: say whether its file lends rights to who
 * starts it, by a set-user-ID or set-group-ID bit.  Then that is on standard
 * error, too, and nothing may be read of what that person says.
 */
bool process_is_lent(const char *program);

/*
 * process_begin(by_root):
 * For every process of dewey, at the start: no new privileges by exec, no core
 * dump, no ptrace by others; started by root, no descriptor but the first
 * three, and those of UCSPI-TLS.
 */
void process_begin(bool by_root);

/*
 * process_catch_signals(void):
 * From now on a signal that asks for the end of a session does not kill, and a
 * client that hangs up or a file that may grow no more is an error like others.
 * Returns what is not 0 as soon as there was such a signal.
 */
const volatile sig_atomic_t *process_catch_signals(void);

/*
 * process_lacks(void):
 * As root: return which right to give up one's own rights this process does not
 * have, in words for the log, or NULL.
 */
const char *process_lacks(void);

/*
 * process_become(uid, gid, group):
 * As root: become that user for good, with ${group} as the only supplementary
 * one.  Returns NULL, or with errno which call was denied.
 */
const char *process_become(uid_t uid, gid_t gid, gid_t group);

/*
 * process_become_killer(uid, gid):
 * As root: process_become without a group, but keep the right to end processes
 * of others, if root has it.
 */
const char *process_become_killer(uid_t uid, gid_t gid);

/*
 * process_complain(who, denied):
 * Log that ${who} cannot give up root's rights: the call ${denied} failed with
 * errno.
 */
void process_complain(const char *who, const char *denied);

/*
 * process_shed(void):
 * If this process is root's, be nobody for good, as far as it may: who only has
 * to say no needs no rights for that.
 */
void process_shed(void);

/*
 * process_pair(fds):
 * channel_pair; a failure is logged.
 */
int process_pair(int fds[2]);

/*
 * process_fork(who):
 * fork(2), whose child can be waited for whatever was inherited; a failure is
 * logged, with ${who} as the name of the child.
 *
 * process_fork_silent(void):
 * The same, but nothing is logged.
 */
pid_t process_fork(const char *who);
pid_t process_fork_silent(void);

/*
 * process_confine(who, uid, gid, hidden):
 * As root: become ${uid} and ${gid} for good, without another group; if
 * ${hidden}, the root directory is an empty one from now on that has no name
 * any more.  A process that cannot ends with DIALOGUE_USAGE; the log calls it
 * ${who}.
 */
void process_confine(const char *who, uid_t uid, gid_t gid, bool hidden);

/*
 * process_fork_as(who, uid, gid, hidden):
 * As root: fork a process that is confined from its first line on.  Returns as
 * fork(2).
 */
pid_t process_fork_as(const char *who, uid_t uid, gid_t gid, bool hidden);

/*
 * process_reap(child, who, killed):
 * Wait for the end of ${child}, which the log calls ${who}.  Returns its exit
 * code; ${killed} says that a signal ended it, which is logged.
 *
 * process_reap_group(leader, who, ms, killed):
 * The same, but after ${ms} end the whole process group of ${leader} by
 * SIGKILL, whatever it is at.
 */
enum dialogue_exit process_reap(pid_t child, const char *who, bool *killed);
enum dialogue_exit process_reap_group(pid_t leader, const char *who, int64_t ms,
    bool *killed);

/*
 * process_leave_client(void):
 * Let go of the client's descriptors, for another process speaks to it;
 * /dev/null takes their places.
 */
void process_leave_client(void);

/*
 * process_leave_output(void):
 * The same, but keep descriptor 0 to see the client's end.
 */
void process_leave_output(void);

/*
 * process_end(code):
 * End this process, with what it has to say in the log.
 */
void process_end(enum dialogue_exit code) __attribute__((noreturn));

#endif
