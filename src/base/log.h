/* SPDX-License-Identifier: ISC */
/*
 * What the administrator reads: one line per session and per refused login,
 * and warnings.  Strangers' octets are escaped.  Passwords, digests and the
 * names of unknown users never come here.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_target {
	LOG_TO_AUTO,		/* stderr if that is a terminal, else syslog */
	LOG_TO_SYSLOG,
	LOG_TO_STDERR,
	LOG_TO_NONE
};

/* Why a process holds lines back. */
enum log_holder {
	LOG_FOR_LOCK = 1,	/* it has the mailbox locks */
	LOG_FOR_KEEPER = 2,	/* it works for a process that may have them */
	LOG_FOR_ANY = LOG_FOR_LOCK | LOG_FOR_KEEPER
};

/* How the user of a session got in. */
enum log_method {
	LOG_METHOD_NONE,	/* not yet */
	LOG_METHOD_PASS,
	LOG_METHOD_APOP,
	LOG_METHOD_PREAUTH,
	LOG_METHOD_PLAIN,
	LOG_METHOD_CRAM,
	LOG_METHOD_SCRAM
};

/* Which TLS there is between the client and dewey. */
enum log_tls {
	LOG_TLS_NONE,
	LOG_TLS_1_0,
	LOG_TLS_1_1,
	LOG_TLS_1_2,
	LOG_TLS_1_3,
	LOG_TLS_OTHER
};

/* How a session ended. */
enum log_end {
	LOG_END_ERROR,		/* the system or the maildrop failed */
	LOG_END_QUIT,
	LOG_END_EOF,		/* the client's input ended */
	LOG_END_TIMEOUT,
	LOG_END_SIGNAL,
	LOG_END_BAD_COMMANDS,	/* too many of them */
	LOG_END_WRITE_ERROR,	/* the client is gone */
	LOG_END_CHANGED,	/* the mailbox was, while a message was sent */
	/* Before somebody is in: */
	LOG_END_AUTH_FAILED,	/* too many refused logins */
	LOG_END_TLS_FAILED	/* the handshake did */
};

/* How much a line of the log matters: the priorities of syslog(3). */
enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_INFO = 6
};

/* Octets that log_escape may need for ${n} octets, its NUL included. */
#define LOG_ESCAPED(n) (4 * (n) + 1)

/* One session, as its line in the log tells it. */
struct log_session {
	const char *user;	/* NULL before login */
	const char *peer;
	unsigned port;		/* of the peer, where a front end named it */
	enum log_method method;
	enum log_tls tls;
	uint64_t messages;	/* at login */
	uint64_t octets;
	uint64_t retrieved;	/* messages sent by RETR */
	uint64_t retrieved_octets;	/* octets sent by RETR and TOP */
	uint64_t deleted;	/* messages removed by UPDATE */
	uint64_t left;
	int64_t begin_ms;	/* clock_ms at the begin */
	enum log_end end;
};

/*
 * log_stderr_is_ours():
 * Say whether descriptor 2 may be written: it is open, and not the socket or
 * pipe that descriptor 0 or 1 is (under inetd and systemd it often is).
 */
bool log_stderr_is_ours(void);

/*
 * log_open(target, verbose):
 * Choose where lines go.  ${verbose}: log_dialogue shows the dialogue on
 * descriptor 2.  Nothing is opened again later, whatever rights are dropped, so
 * it is called once before that.
 */
void log_open(enum log_target target, bool verbose);

/*
 * log_close(fd):
 * Say nothing more; ${fd} takes the place of descriptor 2.
 */
void log_close(int fd);

/* Who writes the lines of a process that has no log. */
struct log_writer {
	/* Return whether the line was taken. */
	bool (*line)(void *to, enum log_level level, const char *text);
	void (*record)(void *to, const struct log_session *session);
	void *to;
};

/*
 * log_through(writer, fd):
 * From now on ${writer} gets the lines of this process, which lets go of the
 * log; ${fd} takes the place of descriptor 2, unless log_dialogue needs it.
 * No lines are held any more.
 */
void log_through(const struct log_writer *writer, int fd);

/*
 * log_line(level, format, ...),
 * log_info(format, ...), log_warning(format, ...), log_error(format, ...):
 * Write one line.  A process waits LIMITS_LOG_MS in all for a reader that takes
 * none.  Lines that are lost then are counted, and the count stands before the
 * next line that is taken.
 */
void log_line(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
#define log_info(...)		log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warning(...)	log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_error(...)		log_line(LOG_LEVEL_ERROR, __VA_ARGS__)

/*
 * log_hold(holder), log_let_go(holder):
 * Hold lines back because of ${holder}; write them when nothing is held back
 * because of any other either.  Lines beyond LIMITS_LOG_HELD octets are lost,
 * and counted.  A second call of the same function changes nothing.  A process
 * that is forked meanwhile holds lines back, too, but has none of those that
 * were held before.
 */
void log_hold(enum log_holder holder);
void log_let_go(enum log_holder holder);

/*
 * log_escape(p, n, out):
 * Write the ${n} octets at ${p} to ${out} (LOG_ESCAPED(n) octets) so that they
 * stay one word of one line: blanks, quotes, controls and 8-bit octets become
 * \xHH.  Returns ${out}.
 */
const char *log_escape(const char *p, size_t n, char *out);

/*
 * log_method_word(method):
 * Return the word for ${method} in a line of the log.
 */
const char *log_method_word(enum log_method method);

/*
 * log_record(session, now_ms):
 * Write the line of ${session}, its duration up to ${now_ms}.
 */
void log_record(const struct log_session *session, int64_t now_ms);

/*
 * log_dialogue(who, p, n):
 * With --verbose, show a line of the dialogue, escaped, behind "C: " or "S: ".
 */
void log_dialogue(const char *who, const char *p, size_t n);

#endif
