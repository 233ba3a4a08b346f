/* SPDX-License-Identifier: ISC */
/*
 * What two processes of one session say to each other: messages of
 * length-prefixed octets.  The side with more rights believes no length.
 */
#ifndef CHANNEL_H
#define CHANNEL_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/span.h"

/* A message being written or read; all fields are private but fd and whole. */
struct channel_message {
	size_t n;		/* octets */
	size_t at;		/* the next one to be read */
	int fd;			/* a descriptor that came along, or -1 */
	bool whole;		/* nothing that was read was missing */
	uint8_t octets[LIMITS_MESSAGE];
};

/*
 * channel_pair(fds):
 * Make a channel with two ends.  Returns 0, or -1 with errno.
 */
int channel_pair(int fds[2]);

/*
 * channel_tell(fd, octet):
 * Send a message that is one octet.  Who does not hear it is gone.
 */
void channel_tell(int fd, uint8_t octet);

/*
 * channel_begin(message), channel_put(message, octets),
 * channel_put_number(message, number, n):
 * Write a message: octets with their length, and numbers of ${n} octets, 1 to
 * 4.  What does not fit makes channel_send fail.
 */
void channel_begin(struct channel_message *message);
void channel_put(struct channel_message *message, struct span octets);
void channel_put_number(struct channel_message *message, uint32_t number,
    size_t n);

/*
 * channel_send(fd, message, passed):
 * Send ${message}, and the descriptor ${passed} if that is not -1; wipe it.
 * Returns 0, or -1 with errno.
 */
int channel_send(int fd, struct channel_message *message, int passed);

/*
 * channel_receive(fd, message):
 * Wait for a message.  Returns 1, 0 if the other side is gone, or -1 with
 * errno; EMSGSIZE for one that is too long.
 */
int channel_receive(int fd, struct channel_message *message);

/*
 * channel_first(message):
 * Return the first octet of a message that was received, which is to be read
 * all the same; -1 if it has none.
 */
int channel_first(const struct channel_message *message);

/*
 * channel_is_gone(error):
 * Say whether ${error}, of channel_send or channel_receive, means that the
 * other side has gone.
 */
bool channel_is_gone(int error);

/* The signals that end a session. */
#define CHANNEL_ENDS SIGTERM, SIGHUP, SIGINT

/*
 * channel_signals(waiting):
 * Block the CHANNEL_ENDS.  Write to ${waiting} those that stay
 * blocked while it waits: the others that were.
 */
void channel_signals(sigset_t *waiting);

/*
 * channel_wait(fd, events, until, waiting, stop):
 * Wait until ${fd} (-1: nothing) has one of ${events} or is gone; at most until
 * clock_ms() is ${until}.  The signals ${waiting} are blocked meanwhile;
 * ${stop}, set by one, ends the wait.  Returns 1; 0 if it is late; -1 if there
 * was a signal.
 */
int channel_wait(int fd, short events, int64_t until, const sigset_t *waiting,
    const volatile sig_atomic_t *stop);

/*
 * channel_get(message), channel_get_number(message, n):
 * Read the next octets, or number; nothing, and ${message}->whole false, if the
 * message does not have them.  channel_get's are valid as long as the message.
 */
struct span channel_get(struct channel_message *message);
uint32_t channel_get_number(struct channel_message *message, size_t n);

#endif
