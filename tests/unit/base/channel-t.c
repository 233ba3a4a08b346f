/* SPDX-License-Identifier: ISC */
/*
 * The channel room: what a message may carry besides its octets; the last one
 * of somebody who has gone; a wait without an end.
 */
#include "unit/unit.h"

#include <sys/socket.h>

#include <fcntl.h>
#include <poll.h>

#include "base/channel.h"

/* How many descriptors this process has. */
static unsigned
count_open(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

/* Send one octet and ${n} descriptors. */
static void
send_many(int fd, size_t n)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(4 * sizeof(int))];
	} control;
	const int fds[4] = { STDIN_FILENO, STDIN_FILENO, STDIN_FILENO,
	    STDIN_FILENO };
	char octet = 1;
	struct iovec vector = { &octet, 1 };
	struct msghdr header = { .msg_iov = &vector, .msg_iovlen = 1 };

	memset(&control, 0, sizeof(control));
	if (n > 0) {
		header.msg_control = &control;
		header.msg_controllen = (socklen_t)CMSG_LEN(n * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = (socklen_t)CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, n * sizeof(int));
	}
	assert_int_equal(sendmsg(fd, &header, 0), 1);
}

/* Of the descriptors that come along one is kept, and known. */
static void
test_descriptors(void **state)
{
	struct channel_message message;
	int fds[2];

	(void)state;
	assert_int_equal(channel_pair(fds), 0);
	for (size_t n = 0; n <= 4; n++) {
		unsigned before = count_open();

		send_many(fds[0], n);
		assert_int_equal(channel_receive(fds[1], &message), 1);
		assert_int_equal(channel_get_number(&message, 1), 1);
		assert_int_equal(message.fd != -1, n > 0);
		if (message.fd != -1)
			assert_int_equal(close(message.fd), 0);
		assert_int_equal(count_open(), before);
	}
	(void)close(fds[0]);
	(void)close(fds[1]);
}

/* What somebody said last is heard, even if that one has gone and left unread
 * what was said to it. */
static void
test_last_words(void **state)
{
	struct channel_message message;
	int fds[2];

	(void)state;
	for (int unread = 0; unread <= 2; unread++) {
		assert_int_equal(channel_pair(fds), 0);
		for (int i = 0; i < unread; i++) {
			channel_begin(&message);
			channel_put_number(&message, 1, 1);
			assert_int_equal(channel_send(fds[0], &message, -1), 0);
		}
		channel_begin(&message);
		channel_put_number(&message, 7, 1);
		assert_int_equal(channel_send(fds[1], &message, -1), 0);
		(void)close(fds[1]);
		assert_int_equal(channel_receive(fds[0], &message), 1);
		assert_int_equal(channel_get_number(&message, 1), 7);
		assert_int_equal(channel_receive(fds[0], &message), 0);
		(void)close(fds[0]);
	}
}

/* A wait without an end is one where seconds have 32 bits, too. */
static void
test_no_end(void **state)
{
	volatile sig_atomic_t stop = 0;
	sigset_t waiting;
	int fds[2];

	(void)state;
	(void)sigemptyset(&waiting);
	assert_int_equal(channel_pair(fds), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(channel_wait(fds[0], POLLIN, INT64_MAX, &waiting,
	    &stop), 1);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_last_words),
		cmocka_unit_test(test_no_end),
	};

	return cmocka_run_group_tests_name("channel", tests, unit_begin,
	    unit_end);
}
