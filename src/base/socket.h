/* SPDX-License-Identifier: ISC */
/*
 * What processes that are closed in do with sockets.  The C library does the
 * same, but not everywhere by calls that a filter can look at: on i386 and
 * s390x it puts the arguments of all of them in memory, and on 32-bit ARM it
 * sends by a call of its own.  Here each is the kernel's own call, one argument
 * a register.  They are interrupted, and fail, as those of the C library.
 */
#ifndef SOCKET_H
#define SOCKET_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include <stddef.h>

/*
 * socket_pair(fds):
 * Make two sockets, joined, that keep the boundaries of messages and are closed
 * by exec: socketpair(2).
 */
int socket_pair(int fds[2]);

/*
 * socket_send(fd, p, n, flags, to):
 * Send the ${n} octets at ${p}, to the path ${to} unless it is NULL: sendto(2).
 */
ssize_t socket_send(int fd, const void *p, size_t n, int flags,
    const struct sockaddr_un *to);

/* socket_receive(fd, p, n, flags): recv(2). */
ssize_t socket_receive(int fd, void *p, size_t n, int flags);

/* socket_send_message(fd, message, flags): sendmsg(2). */
ssize_t socket_send_message(int fd, const struct msghdr *message, int flags);

/* socket_receive_message(fd, message, flags): recvmsg(2). */
ssize_t socket_receive_message(int fd, struct msghdr *message, int flags);

/* socket_end(fd): nothing more is sent: shutdown(2) with SHUT_WR. */
int socket_end(int fd);

/* socket_set_linger(fd, linger): setsockopt(2) with SO_LINGER. */
int socket_set_linger(int fd, const struct linger *linger);

/* socket_get_linger(fd, linger): getsockopt(2) with SO_LINGER. */
int socket_get_linger(int fd, struct linger *linger);

#endif
