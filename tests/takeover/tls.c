/* SPDX-License-Identifier: ISC */
/*
 * A dewey-tls that is taken over: tls-takeover.t links this into a test build,
 * which does before the handshake what its client says in lines.
 *
 *   X-TAKEOVER call NAME ARGUMENT...	make that system call (calls.h)
 *   X-TAKEOVER key HEX		send these octets to the key
 *   X-TAKEOVER in-key call NAME ...	have the key make a system call
 *
 * The answer is +OK or -ERR with what came of it: of the key's, how many octets
 * it has.  Any other line ends that; the handshake is had then.
 */
#include "config.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/channel.h"
#include "tls/handshake.h"

#include "takeover/calls.h"

#define LINE 1024

int __real_gnutls_handshake(gnutls_session_t session);
int __wrap_gnutls_handshake(gnutls_session_t session);
int __real_channel_receive(int fd, struct channel_message *message);
int __wrap_channel_receive(int fd, struct channel_message *message);

/* Read a line of the client's. */
static bool
read_line(char line[LINE])
{
	struct pollfd pfd = { .fd = STDIN_FILENO, .events = POLLIN };
	size_t n = 0;

	while (n < LINE - 1) {
		if (poll(&pfd, 1, 20000) != 1 ||
		    recv(STDIN_FILENO, line + n, 1, MSG_DONTWAIT) != 1)
			return false;
		if (line[n] == '\n')
			break;
		n++;
	}
	line[n > 0 && line[n - 1] == '\r' ? n - 1 : n] = '\0';
	return true;
}

/* Send ${n} octets to the key, and write what it answers. */
static void
ask_key(int key, const void *octets, size_t n, char answer[ANSWER])
{
	struct channel_message message;
	size_t got = 0;

	channel_begin(&message);
	memcpy(message.octets, octets, n);
	message.n = n;
	if (channel_send(key, &message, -1) == 0 &&
	    __real_channel_receive(key, &message) == 1)
		got = message.n;
	if (got > 0 && message.octets[0] != '+' && message.octets[0] != '-')
		(void)snprintf(answer, ANSWER, "+OK %zu\r\n", got);
	else if (got > 0 && got < ANSWER)
		(void)snprintf(answer, ANSWER, "%.*s", (int)got,
		    (const char *)message.octets);
	else
		(void)snprintf(answer, ANSWER, "-ERR the key says nothing\r\n");
}

static void
obey(int key, char *line, char answer[ANSWER])
{
	unsigned char octets[LINE];
	char whole[LINE], *words[WORDS];
	unsigned octet;
	size_t n = 0, count;

	(void)strcpy(whole, line);
	count = split(line, words);
	(void)strcpy(answer, "-ERR what?\r\n");
	if (count > 2 && strcmp(words[1], "call") == 0) {
		make_call(words + 2, count - 2, answer);
	} else if (count > 2 && strcmp(words[1], "in-key") == 0) {
		ask_key(key, whole, strlen(whole), answer);
	} else if (count == 3 && strcmp(words[1], "key") == 0) {
		while (sscanf(words[2] + 2 * n, "%2x", &octet) == 1)
			octets[n++] = (unsigned char)octet;
		ask_key(key, octets, n, answer);
	}
}

int
__wrap_gnutls_handshake(gnutls_session_t session)
{
	const struct handshake *handshake = gnutls_session_get_ptr(session);
	static bool free;
	char line[LINE], answer[ANSWER];

	while (!free && read_line(line)) {
		free = strncmp(line, "X-TAKEOVER", 10) != 0;
		if (free)
			break;
		obey(handshake->key, line, answer);
		(void)send(STDOUT_FILENO, answer, strlen(answer), MSG_NOSIGNAL);
	}
	free = true;
	return __real_gnutls_handshake(session);
}

/* In the key's process. */
int
__wrap_channel_receive(int fd, struct channel_message *message)
{
	char text[LINE], answer[ANSWER], *words[WORDS];
	size_t n;

	for (;;) {
		int got = __real_channel_receive(fd, message);

		if (got != 1 || message->n < 10 || message->n >= LINE ||
		    memcmp(message->octets, "X-TAKEOVER", 10) != 0)
			return got;
		memcpy(text, message->octets, message->n);
		text[message->n] = '\0';
		n = split(text, words);
		if (n > 3)
			make_call(words + 3, n - 3, answer);
		channel_begin(message);
		message->n = strlen(answer);
		memcpy(message->octets, answer, message->n);
		(void)channel_send(fd, message, -1);
	}
}
