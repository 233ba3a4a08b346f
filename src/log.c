/* SPDX-License-Identifier: ISC */
/*
 * The log.  Its settings are the one mutable state that belongs to no session:
 * every room may have something to say, and none should carry a handle for it.
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

#include "limits.h"
#include "log.h"

static enum log_target log_target = LOG_TO_NONE;
static bool log_verbose;

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
	if (target == LOG_TO_SYSLOG) {
		/* The time zone is read now: files are out of reach later. */
		tzset();
		openlog("dewey", LOG_PID | LOG_NDELAY, LOG_MAIL);
	}
	log_target = target;
	log_verbose = verbose && ours;
}

void
log_close(int fd)
{
	if (log_target == LOG_TO_SYSLOG)
		closelog();
	log_target = LOG_TO_NONE;
	(void)dup2(fd, STDERR_FILENO);
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

/* Nothing that a stranger chose reaches a terminal or splits a line. */
static void __attribute__((format(printf, 2, 0)))
write_line(int priority, const char *format, va_list arguments)
{
	char line[LIMITS_LOG], shown[LOG_ESCAPED(LIMITS_LOG)];

	if (log_target == LOG_TO_NONE)
		return;
	(void)vsnprintf(line, sizeof(line), format, arguments);
	(void)escape(line, strlen(line), " \"\\", shown);
	if (log_target == LOG_TO_SYSLOG)
		syslog(priority, "%s", shown);
	else
		(void)fprintf(stderr, "dewey[%ld]: %s\n", (long)getpid(),
		    shown);
}

void
log_info(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	write_line(LOG_INFO, format, arguments);
	va_end(arguments);
}

void
log_warning(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	write_line(LOG_WARNING, format, arguments);
	va_end(arguments);
}

void
log_error(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	write_line(LOG_ERR, format, arguments);
	va_end(arguments);
}

const char *
log_escape(const char *p, size_t n, char *out)
{
	return escape(p, n, "", out);
}

void
log_record(const struct log_session *session, int64_t now_ms)
{
	int64_t ms = now_ms - session->begin_ms;
	char user[LOG_ESCAPED(LIMITS_NAME)];

	log_info("user=%s peer=%s method=%s messages=%" PRIu64 " octets=%" PRIu64
	    " retrieved=%" PRIu64 " retrieved-octets=%" PRIu64
	    " deleted=%" PRIu64 " left=%" PRIu64
	    " seconds=%" PRId64 ".%03" PRId64 " end=%s",
	    session->user == NULL ? "-" : log_escape(session->user,
	    strlen(session->user), user), session->peer,
	    session->method == NULL ? "-" : session->method,
	    session->messages, session->octets, session->retrieved,
	    session->retrieved_octets, session->deleted, session->left,
	    ms / 1000, ms % 1000, session->end);
}

void
log_dialogue(const char *who, const char *p, size_t n)
{
	if (!log_verbose)
		return;
	(void)fputs(who, stderr);
	for (size_t i = 0; i < n; i++)
		if (p[i] >= ' ' && p[i] < 0x7f)
			(void)fputc(p[i], stderr);
		else
			(void)fprintf(stderr, "\\x%02x", (unsigned char)p[i]);
	(void)fputc('\n', stderr);
}
