/* SPDX-License-Identifier: ISC */
/*
 * Calls about sockets as a filter of system calls can look at them.
 */
#include "config.h"

#include <sys/syscall.h>

#include <unistd.h>

#include "base/socket.h"

/* The kernel has all of them since Linux 4.3, on i386 and s390x as well. */
#define CALL(name, ...) syscall(__NR_##name, __VA_ARGS__)

int
socket_pair(int fds[2])
{
	return (int)CALL(socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC,
	    0, fds);
}

ssize_t
socket_send(int fd, const void *p, size_t n, int flags,
    const struct sockaddr_un *to)
{
	return CALL(sendto, fd, p, n, flags, to, to == NULL ? 0 : sizeof(*to));
}

ssize_t
socket_receive(int fd, void *p, size_t n, int flags)
{
	return CALL(recvfrom, fd, p, n, flags, NULL, NULL);
}

ssize_t
socket_send_message(int fd, const struct msghdr *message, int flags)
{
	return CALL(sendmsg, fd, message, flags);
}

ssize_t
socket_receive_message(int fd, struct msghdr *message, int flags)
{
	return CALL(recvmsg, fd, message, flags);
}

int
socket_end(int fd)
{
	return (int)CALL(shutdown, fd, SHUT_WR);
}

int
socket_set_linger(int fd, const struct linger *linger)
{
	return (int)CALL(setsockopt, fd, SOL_SOCKET, SO_LINGER, linger,
	    sizeof(*linger));
}

int
socket_get_linger(int fd, struct linger *linger)
{
	socklen_t size = sizeof(*linger);

	return (int)CALL(getsockopt, fd, SOL_SOCKET, SO_LINGER, linger, &size);
}
