/* SPDX-License-Identifier: ISC */
/*
 * Asking saslauthd(8).  A process of its own waits for the rest of a question
 * that has begun, and there are few of them: so all of a question is sent at
 * once, and a connection is made only when there is one.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/socket.h"
#include "who/saslauthd.h"

/* Octets that count a string; the highest comes first. */
#define COUNT 2

const char *
saslauthd_path(const char *passwords)
{
	static const char word[] = "saslauthd";
	const size_t n = sizeof(word) - 1;

	if (passwords == NULL || strncmp(passwords, word, n) != 0)
		return NULL;
	return passwords[n] == ':' ? passwords + n + 1 :
	    "/run/saslauthd/mux";
}

int
saslauthd_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, error;

	if (span_copy(span_of(path), address.sun_path,
	    sizeof(address.sun_path)) == -1) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1 || connect(fd, (const struct sockaddr *)&address,
	    sizeof(address)) == 0)
		return fd;
	error = errno;
	(void)close(fd);
	errno = error;
	return -1;
}

size_t
saslauthd_question(struct span name, struct span password, char *question)
{
	const struct span strings[] = { name, password, SPAN("pop"), SPAN("") };
	size_t at = 0;

	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		struct span string = strings[i];

		if (string.n > LIMITS_SASLAUTHD || (string.n > 0 &&
		    memchr(string.p, '\0', string.n) != NULL)) {
			span_wipe(question, at);
			return 0;
		}
		question[at++] = (char)(string.n >> 8);
		question[at++] = (char)(string.n & 0xff);
		if (string.n > 0)
			memcpy(question + at, string.p, string.n);
		at += string.n;
	}
	return at;
}

int
saslauthd_read(struct span octets, enum saslauthd_answer *answer,
    struct span *reason)
{
	static const struct span words[] = { [SASLAUTHD_NO] = SPAN("NO"),
	    [SASLAUTHD_OK] = SPAN("OK") };
	struct span text;
	size_t n;

	if (octets.n < COUNT)
		return 0;
	n = (size_t)(unsigned char)octets.p[0] << 8 |
	    (unsigned char)octets.p[1];
	if (n < words[0].n || n > LIMITS_SASLAUTHD_ANSWER ||
	    octets.n > COUNT + n)
		return -1;
	if (octets.n < COUNT + n)
		return 0;
	text = (struct span){ octets.p + COUNT, n };
	*reason = text;
	*answer = span_equal(span_cut(reason, ' '), words[SASLAUTHD_OK]) ?
	    SASLAUTHD_OK : SASLAUTHD_NO;
	text.n = words[0].n;
	return span_equal(text, words[*answer]) && (n == text.n ||
	    text.p[text.n] == ' ') ? 1 : -1;
}

/* Whether a refusal for ${reason} says nothing of the password: saslauthd has
 * only the one word for what it asks others and cannot have. */
static bool
is_trouble(struct span reason)
{
	static const struct span begins[] = { SPAN("[ALERT]"),
	    SPAN("internal mechanism failure"),
	    SPAN("saslauthd internal error") };

	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
		if (reason.n >= begins[i].n && memcmp(reason.p, begins[i].p,
		    begins[i].n) == 0)
			return true;
	return false;
}

/* Log that there is no answer, but not because this process is to end. */
static enum saslauthd_answer
complain(const struct saslauthd *saslauthd, const char *why)
{
	if (*saslauthd->stop == 0)
		log_error("%s: saslauthd cannot be asked: %s: see that it runs "
		    "(dewey --check-config)", saslauthd->path, why);
	return SASLAUTHD_TROUBLE;
}

/* Wait for a place among those who ask. */
static int
reach(const struct saslauthd *saslauthd, int64_t until)
{
	int64_t pause = LIMITS_LOCK_FIRST_MS;
	int fd;

	for (;; pause *= 2) {
		fd = saslauthd->reach == NULL ?
		    saslauthd_connect(saslauthd->path) :
		    saslauthd->reach(saslauthd->to);
		if (fd != -1 || errno != EAGAIN || clock_ms() + pause > until)
			return fd;
		if (channel_wait(-1, 0, clock_ms() + pause, saslauthd->waiting,
		    saslauthd->stop) == -1) {
			errno = EINTR;
			return -1;
		}
	}
}

/* Wait for the answer on ${fd}.  Returns NULL, or why there is none. */
static const char *
hear(const struct saslauthd *saslauthd, int fd, int64_t until,
    enum saslauthd_answer *answer)
{
	/* One octet more than the longest. */
	char octets[COUNT + LIMITS_SASLAUTHD_ANSWER + 1];
	struct span reason;
	size_t n = 0;
	int whole = 0;

	while (whole == 0) {
		ssize_t got;

		if (channel_wait(fd, POLLIN, until, saslauthd->waiting,
		    saslauthd->stop) != 1)
			return "it does not answer in time";
		got = read(fd, octets + n, sizeof(octets) - n);
		if (got == 0 || (got == -1 && errno == ECONNRESET))
			return "it ended before the answer was whole";
		if (got == -1 && errno != EAGAIN && errno != EINTR)
			return strerror(errno);
		n += got > 0 ? (size_t)got : 0;
		whole = saslauthd_read((struct span){ octets, n }, answer,
		    &reason);
	}
	if (whole == -1)
		return "what it answers is no answer";
	if (*answer == SASLAUTHD_NO && is_trouble(reason))
		*answer = SASLAUTHD_TROUBLE;
	/* The log escapes it. */
	if (*answer != SASLAUTHD_OK && reason.n > 0)
		log_line(*answer == SASLAUTHD_NO ? LOG_LEVEL_INFO :
		    LOG_LEVEL_ERROR, "%s: saslauthd says no: %.*s",
		    saslauthd->path, (int)reason.n, reason.p);
	return NULL;
}

enum saslauthd_answer
saslauthd_ask(const struct saslauthd *saslauthd, struct span name,
    struct span password)
{
	int64_t until = clock_ms() + saslauthd->patience;
	enum saslauthd_answer answer = SASLAUTHD_NO;
	char question[SASLAUTHD_QUESTION];
	const char *why = NULL;
	size_t n = saslauthd_question(name, password, question);
	int fd;

	if (n == 0)
		return SASLAUTHD_NO;
	fd = reach(saslauthd, until);
	if (fd == -1 ||
	    socket_send(fd, question, n, MSG_NOSIGNAL, NULL) != (ssize_t)n)
		why = strerror(errno);
	span_wipe(question, n);
	if (why == NULL)
		why = hear(saslauthd, fd, until, &answer);
	if (fd != -1)
		(void)close(fd);
	return why == NULL ? answer : complain(saslauthd, why);
}
