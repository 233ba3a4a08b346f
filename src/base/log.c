/* SPDX-License-Identifier: ISC */
/*
 * The log.  Its settings are the one mutable state that belongs to no session:
 * every room may have something to say, and none should carry a handle for it.
 *
 * A line is kept as the octet of its level, its text, and a NUL.
 */
#include "config.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/sink.h"

/* Octets of a line. */
#define LINE (LIMITS_LOG_HEAD + LOG_ESCAPED(LIMITS_LOG))

static struct {
	enum log_target target;
	bool verbose;
	struct sink sink;
	struct log_writer writer;	/* instead, if it has a line */
	/* Of process ${pid}.  One that was forked from it begins anew: what it
	 * holds or has lost it tells of itself. */
	pid_t pid;
	unsigned holders;	/* enum log_holder */
	unsigned lost;		/* lines to be told of */
	size_t held_n;		/* octets of log_held */
} log_state = { .target = LOG_TO_NONE, .sink.socket = -1 };

/* The lines that are held, one behind the other.  It stands apart so that it
 * takes no space in the file of the program. */
static char log_held[LIMITS_LOG_HELD];

bool
log_stderr_is_ours(void)
{
	struct stat err, st;

	if (fstat(STDERR_FILENO, &err) == -1 ||
	    (fcntl(STDERR_FILENO, F_GETFL) & O_ACCMODE) == O_RDONLY)
		return false;
	if (!S_ISSOCK(err.st_mode) && !S_ISFIFO(err.st_mode))
		return true;
	for (int fd = STDIN_FILENO; fd <= STDOUT_FILENO; fd++)
		if (fstat(fd, &st) == 0 && st.st_dev == err.st_dev &&
		    st.st_ino == err.st_ino)
			return false;
	return true;
}

void
log_open(enum log_target target, bool verbose)
{
	bool ours = (target != LOG_TO_NONE || verbose) &&
	    log_stderr_is_ours();

	if (target == LOG_TO_AUTO)
		target = ours && isatty(STDERR_FILENO) ? LOG_TO_STDERR
		    : LOG_TO_SYSLOG;
	if (target == LOG_TO_STDERR && !ours)
		target = LOG_TO_SYSLOG;
	log_state.sink.waited = 0;
	if (target == LOG_TO_SYSLOG)
		sink_open(&log_state.sink);
	log_state.target = target;
	log_state.verbose = verbose && ours;
}

void
log_close(int fd)
{
	sink_close(&log_state.sink);
	log_state.target = LOG_TO_NONE;
	(void)dup2(fd, STDERR_FILENO);
}

void
log_through(const struct log_writer *writer, int fd)
{
	sink_close(&log_state.sink);
	/* A keeper that recovers has no other call for this. */
	if (!log_state.verbose)
		(void)dup3(fd, STDERR_FILENO, 0);
	log_state.writer = *writer;
	log_state.holders = 0;
	log_state.held_n = 0;
}

/* As log_escape, but for the octets in ${plain}. */
static const char *
escape(const char *p, size_t n, const char *plain, char *out)
{
	static const char digits[] = "0123456789abcdef";
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if ((c > ' ' && c < 0x7f && c != '\\' && c != '"') ||
		    (c != '\0' && strchr(plain, c) != NULL)) {
			out[at++] = p[i];
			continue;
		}
		out[at++] = '\\';
		out[at++] = 'x';
		out[at++] = digits[c >> 4];
		out[at++] = digits[c & 15];
	}
	out[at] = '\0';
	return out;
}

/* Begin a line of this process: the octet of its level, then what stands before
 * its text.  Returns how many octets these are. */
static size_t
begin_line(char line[LIMITS_LOG_HEAD], enum log_level level)
{
	time_t now = time(NULL);
	struct tm tm = { .tm_mday = 1 };
	size_t n = 1;

	line[0] = (char)level;
	if (log_state.sink.stream || log_state.writer.line != NULL)
		return n;
	if (log_state.target == LOG_TO_SYSLOG) {
		(void)localtime_r(&now, &tm);
		n += (size_t)snprintf(line + n, LIMITS_LOG_HEAD - n, "<%d>",
		    LOG_MAIL | (int)level);
		/* No locale is ever set: English. */
		n += strftime(line + n, LIMITS_LOG_HEAD - n,
		    "%b %e %H:%M:%S ", &tm);
	}
	return n + (size_t)snprintf(line + n, LIMITS_LOG_HEAD - n,
	    "dewey[%ld]: ", (long)log_state.pid);
}

static bool
deliver_line(char *line)
{
	size_t n = strlen(line + 1);
	bool to_stderr = log_state.target == LOG_TO_STDERR;
	const struct log_writer *writer = &log_state.writer;

	if (writer->line != NULL)
		return writer->line(writer->to, (enum log_level)line[0],
		    line + 1);
	if (log_state.sink.stream) {
		syslog(line[0], "%s", line + 1);
		return true;
	}
	if (to_stderr) {
		/* More would wait in a pipe that is nearly full. */
		n = n < LIMITS_PIPE_WRITE ? n + 1 : LIMITS_PIPE_WRITE;
		line[n] = '\n';
	}
	return sink_put(&log_state.sink, line + 1, n, to_stderr);
}

/* Get ${line} out, behind the count of those that were lost. */
static void
deliver(char *line)
{
	char note[2 * LIMITS_LOG_HEAD];
	size_t n;

	if (log_state.lost > 0) {
		n = begin_line(note, LOG_LEVEL_WARNING);
		(void)snprintf(note + n, sizeof(note) - n,
		    "%u lines could not be logged", log_state.lost);
		if (deliver_line(note))
			log_state.lost = 0;
	}
	if (log_state.lost > 0 || !deliver_line(line))
		log_state.lost++;
}

/* Keep ${line} until nobody holds lines. */
static void
hold_line(const char *line)
{
	size_t n = strlen(line + 1) + 2;

	if (n > sizeof(log_held) - log_state.held_n) {
		log_state.lost++;
		return;
	}
	memcpy(log_held + log_state.held_n, line, n);
	log_state.held_n += n;
}

void
log_hold(enum log_holder holder)
{
	log_state.holders |= (unsigned)holder;
}

void
log_let_go(enum log_holder holder)
{
	char line[LINE];

	if (log_state.holders == 0)
		return;
	log_state.holders &= ~(unsigned)holder;
	if (log_state.holders != 0 || log_state.held_n == 0 ||
	    log_state.pid != getpid())
		return;
	for (size_t at = 0, n; at < log_state.held_n; at += n) {
		n = strlen(log_held + at + 1) + 2;
		memcpy(line, log_held + at, n);
		deliver(line);
	}
	log_state.held_n = 0;
}

void
log_line(enum log_level level, const char *format, ...)
{
	char text[LIMITS_LOG], line[LINE];
	va_list arguments;
	size_t n;

	if (log_state.target == LOG_TO_NONE)
		return;
	if (log_state.pid != getpid())
		log_state.held_n = log_state.lost = 0;
	log_state.pid = getpid();
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	n = begin_line(line, level);
	/* Nothing that a stranger chose reaches a terminal or splits a line. */
	if (log_state.writer.line != NULL)
		memcpy(line + n, text, strlen(text) + 1);
	else
		(void)escape(text, strlen(text), " \"\\", line + n);
	if (log_state.holders != 0)
		hold_line(line);
	else
		deliver(line);
}

const char *
log_escape(const char *p, size_t n, char *out)
{
	return escape(p, n, "", out);
}

const char *
log_method_word(enum log_method method)
{
	static const char *const words[] = {
		[LOG_METHOD_NONE] = "-",
		[LOG_METHOD_PASS] = "pass",
		[LOG_METHOD_APOP] = "apop",
		[LOG_METHOD_PREAUTH] = "preauth",
		[LOG_METHOD_PLAIN] = "plain",
		[LOG_METHOD_CRAM] = "cram-md5",
		[LOG_METHOD_SCRAM] = "scram-sha-256",
	};

	return words[method];
}

void
log_record(const struct log_session *session, int64_t now_ms)
{
	static const char *const ends[] = {
		[LOG_END_ERROR] = "error", [LOG_END_QUIT] = "quit",
		[LOG_END_EOF] = "eof", [LOG_END_TIMEOUT] = "timeout",
		[LOG_END_SIGNAL] = "signal",
		[LOG_END_AUTH_FAILED] = "auth-failed",
		[LOG_END_BAD_COMMANDS] = "bad-commands",
		[LOG_END_WRITE_ERROR] = "write-error",
		[LOG_END_CHANGED] = "changed",
		[LOG_END_TLS_FAILED] = "tls-failed",
	};
	static const char *const tls[] = {
		[LOG_TLS_NONE] = "", [LOG_TLS_1_0] = " tls=1.0",
		[LOG_TLS_1_1] = " tls=1.1", [LOG_TLS_1_2] = " tls=1.2",
		[LOG_TLS_1_3] = " tls=1.3", [LOG_TLS_OTHER] = " tls=other",
	};
	int64_t ms = now_ms - session->begin_ms;
	char user[LOG_ESCAPED(LIMITS_NAME)];
	char port[sizeof(" port=65535")] = "";

	if (log_state.writer.line != NULL) {
		if (log_state.target != LOG_TO_NONE)
			log_state.writer.record(log_state.writer.to, session);
		return;
	}
	if (session->port != 0)
		(void)snprintf(port, sizeof(port), " port=%u",
		    session->port & UINT16_MAX);
	log_info("user=%s peer=%s%s method=%s%s messages=%" PRIu64
	    " octets=%" PRIu64
	    " retrieved=%" PRIu64 " retrieved-octets=%" PRIu64
	    " deleted=%" PRIu64 " left=%" PRIu64
	    " seconds=%" PRId64 ".%03" PRId64 " end=%s",
	    session->user == NULL ? "-" : log_escape(session->user,
	    strlen(session->user), user), session->peer, port,
	    log_method_word(session->method), tls[session->tls],
	    session->messages, session->octets, session->retrieved,
	    session->retrieved_octets, session->deleted, session->left,
	    ms / 1000, ms % 1000, ends[session->end]);
}

void
log_dialogue(const char *who, const char *p, size_t n)
{
	char shown[LOG_ESCAPED(LIMITS_REPLY)];
	char line[LIMITS_LOG_HEAD + sizeof(shown)];

	if (!log_state.verbose)
		return;
	(void)escape(p, n > LIMITS_REPLY ? LIMITS_REPLY : n, " \"\\", shown);
	n = (size_t)snprintf(line, sizeof(line), "%.*s%s\n",
	    LIMITS_LOG_HEAD - 2, who, shown);
	if (!sink_put(&log_state.sink, line, n, true))
		log_state.lost++;
}
