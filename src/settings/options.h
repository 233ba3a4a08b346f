/* SPDX-License-Identifier: ISC */
/*
 * Options.  One table makes the flags, the keys of the configuration file, the
 * defaults and --help.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/span.h"

enum options_action {
	OPTIONS_SESSION,	/* no action was named: speak POP3 */
	OPTIONS_HELP,
	OPTIONS_VERSION,
	OPTIONS_CHECK_CONFIG,
	OPTIONS_SET_SECRET,
	OPTIONS_SET_PASSWORD,
	OPTIONS_REMOVE_USER,
	OPTIONS_LIST,
	OPTIONS_CHECK,
	OPTIONS_RECOVER
};

enum options_plaintext {
	OPTIONS_PLAINTEXT_PRIVATE,
	OPTIONS_PLAINTEXT_ALWAYS,
	OPTIONS_PLAINTEXT_NEVER
};

/* Kinds of mailbox locks, in the order they are taken; OPTIONS_LOCK_END ends
 * the list. */
enum options_lock {
	OPTIONS_LOCK_END,
	OPTIONS_LOCK_FCNTL,
	OPTIONS_LOCK_FLOCK,
	OPTIONS_LOCK_DOTLOCK
};
#define OPTIONS_LOCKS 4

/* A text is NULL where none was given. */
struct options {
	const char *config;
	const char *users;
	const char *mail_user;
	const char *allow;
	const char *deny;
	const char *secrets;
	const char *gate_user;
	const char *mailbox;
	const char *host;
	const char *cache_dir;
	const char *state_dir;
	bool apop_only;
	bool hide_users;
	bool preauth;
	bool read_only;
	bool private_stream;
	bool log_deletes;
	bool verbose;
	unsigned sandbox;	/* enum sandbox_wish */
	unsigned plaintext;	/* enum options_plaintext */
	unsigned log;		/* enum log_target */
	unsigned idle_timeout;	/* seconds, as all of these */
	unsigned login_timeout;
	unsigned lock_timeout;
	unsigned fail_delay;
	unsigned journal_window;	/* octets */
	enum options_lock locks[OPTIONS_LOCKS];
	enum options_action action;
	char **operands;	/* of the action; not owned */
	int operand_count;
	char action_name[24];	/* "--list: ", for complaints */
	int operands_most;	/* that the action takes */
	const char *operands_wanted;	/* what they are, if it needs any */
	char error[512];	/* what is wrong */
	char texts[LIMITS_OPTIONS];	/* what the texts are in */
	size_t used;		/* octets of it */
};

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
 * options_flags(options, argc, argv):
 * Read the flags of ${argv}, which must outlive ${options} and is changed.
 * Returns 0, or -1 with ${options}->error saying what is wrong.
 */
int options_flags(struct options *options, int argc, char **argv);

/*
 * options_complain(options, format, ...):
 * Put what is wrong into ${options}->error.  Returns -1.
 */
int options_complain(struct options *options, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * options_help(out):
 * Print every option with its default to ${out}.
 */
void options_help(FILE *out);

#endif
