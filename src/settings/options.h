/* SPDX-License-Identifier: ISC */
/*
 * Options: one table of all, for the flags, the keys of the configuration file,
 * the defaults and --help.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/span.h"

enum options_action {
	OPTIONS_SESSION,	/* no action was named: speak POP3 */
	OPTIONS_HELP,
	OPTIONS_VERSION,
	OPTIONS_SET_SECRET,
	OPTIONS_SET_PASSWORD,
	OPTIONS_REMOVE_USER,
	OPTIONS_RECOVER,
	OPTIONS_CHECK_CONFIG,
	OPTIONS_LIST,
	OPTIONS_CHECK,
	OPTIONS_ADOPT_IDS,
	OPTIONS_FORGET_IDS
};

enum options_plaintext {
	OPTIONS_PLAINTEXT_PRIVATE,
	OPTIONS_PLAINTEXT_ALWAYS,
	OPTIONS_PLAINTEXT_NEVER
};

enum options_tls {
	OPTIONS_TLS_NONE,
	OPTIONS_TLS_IMPLICIT,	/* from the first octet on (RFC 8314) */
	OPTIONS_TLS_STLS	/* when a client asks for it (RFC 2595) */
};

enum options_tls_min {
	OPTIONS_TLS_1_2,
	OPTIONS_TLS_1_3
};

/* The kinds of mailbox locks; OPTIONS_LOCK_END ends a list of them. */
enum options_lock {
	OPTIONS_LOCK_END,
	OPTIONS_LOCK_FCNTL,
	OPTIONS_LOCK_FLOCK,
	OPTIONS_LOCK_DOTLOCK
};
#define OPTIONS_LOCKS 4

struct options_row;

/* A text is NULL where none was given. */
struct options {
	const char *config;
	const char *users;
	const char *passwords;
	const char *mail_user;
	const char *allow;
	const char *deny;
	const char *strip_domain;	/* a list of domains */
	const char *secrets;
	const char *gate_user;
	const char *proxy;	/* a list of networks */
	const char *judge_user;
	const char *mailbox;
	const char *host;
	const char *tls_cert;
	const char *tls_key;
	const char *tls_ocsp;
	const char *tls_program;
	const char *cache_dir;
	const char *state_dir;
	bool lower_case;	/* of names */
	bool apop_only;
	bool hide_users;
	bool plain;		/* in what clients are told */
	bool preauth;
	bool read_only;
	bool exact;		/* Content-Length is believed */
	bool private_stream;
	bool log_deletes;
	bool verbose;
	bool all;		/* of --adopt-ids: every user with a mailbox */
	bool dry_run;		/* of it: only say what would be done */
	unsigned char sandbox;	/* enum sandbox_wish */
	unsigned char plaintext;	/* enum options_plaintext */
	unsigned char log;	/* enum log_target */
	unsigned char tls;	/* enum options_tls */
	unsigned char tls_min;	/* enum options_tls_min */
	bool scram;		/* --set-password stores a key, not a hash */
	unsigned idle_timeout;	/* seconds, as all of these */
	unsigned login_timeout;
	unsigned login_delay;	/* 0: none */
	unsigned lock_timeout;
	unsigned fail_delay;
	unsigned journal_window;	/* octets */
	unsigned scram_iterations;
	enum options_lock locks[OPTIONS_LOCKS];
	enum options_action action;
	const struct options_row *acting;	/* its row; NULL: a session */
	char **operands;	/* of the action, not owned; without any it is
				 * the command line */
	int operand_count;
	char error[LIMITS_COMPLAINT];	/* what is wrong */
	char texts[LIMITS_OPTIONS];	/* the octets of the texts above */
	size_t used;		/* how many of them are in use */
};

/* What kind of value an option has, and how it is read. */
struct options_kind {
	/* Store the value in the field of the row.  Returns NULL, or what the
	 * value should have been.  NULL: the row is no option but an action. */
	const char *(*read)(struct options *options,
	    const struct options_row *row, struct span value);
	const char *wanted;	/* what a value must be; NULL: the argument */
	const char *alone;	/* the value of a flag without one, or NULL */
	bool (*fits)(struct span value);	/* of a text */
	bool placed;		/* in it %i is the address that was called */
	unsigned least, most;	/* of a number; of an action's operands */
};

struct options_row {
	const char *name;	/* of the flag and the key */
	const struct options_kind *kind;
	uint16_t field;		/* offset in struct options; action: which */
	const char *value;	/* the default; NULL: none */
	const char *argument;	/* as --help shows it; of a choice: the words */
	const char *help;	/* lines, without indentation */
};

/* The table; a row without a name ends it. */
extern const struct options_row options_rows[];

/*
 * options_find(name):
 * Return the row of the option or action ${name}, or NULL.
 */
const struct options_row *options_find(struct span name);

/*
 * options_begin(options):
 * Give every option its default.
 */
void options_begin(struct options *options);

/*
 * options_set(options, key, value):
 * Give the option ${key} the text ${value}.  Returns NULL, or what ${key} or
 * ${value} should have been ("yes or no").
 */
const char *options_set(struct options *options, struct span key,
    struct span value);

/*
 * options_complain(options, format, ...):
 * Put what is wrong into ${options}->error.  Returns -1.
 */
int options_complain(struct options *options, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
