/* SPDX-License-Identifier: ISC */
/*
 * Options: the table of all, and how each kind of value is read.  A default, a
 * key of the configuration file and a flag take the same way through the same
 * row, so they cannot mean different things.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/networks.h"
#include "base/span.h"
#include "settings/forms.h"
#include "settings/options.h"

/* A number of limits.h inside a text. */
#define DIGITS(number) DIGITS_OF(number)
#define DIGITS_OF(number) #number

static void *
field_of(struct options *options, const struct options_row *row)
{
	return (char *)options + row->field;
}

/* A choice is stored as one octet, which a bool is, too. */
static const char *
read_choice(struct options *options, const struct options_row *row,
    struct span value)
{
	const char *wanted = row->kind->wanted;
	int chosen = span_choice(wanted == NULL ? row->argument : "no|yes",
	    value);

	if (chosen == -1)
		return wanted == NULL ? row->argument : wanted;
	*(unsigned char *)field_of(options, row) = (unsigned char)chosen;
	return NULL;
}

static const char *
read_number(struct options *options, const struct options_row *row,
    struct span value)
{
	uint64_t number;

	if (span_number(value, row->kind->most, &number) == -1 ||
	    number < row->kind->least)
		return row->kind->wanted;
	*(unsigned *)field_of(options, row) = (unsigned)number;
	return NULL;
}

static const char *
read_locks(struct options *options, const struct options_row *row,
    struct span value)
{
	enum options_lock *locks = field_of(options, row);
	unsigned seen = 0;

	memset(locks, 0, sizeof(options->locks));
	if (span_equal(value, SPAN("none")))
		return NULL;
	while (value.p != NULL) {
		struct span word = span_trim(span_cut(&value, ','));
		int lock = span_choice("|fcntl|flock|dotlock", word);

		/* Each lock at most once: so the list cannot overflow. */
		if (lock <= OPTIONS_LOCK_END || (seen & 1U << lock) != 0)
			return row->kind->wanted;
		seen |= 1U << lock;
		*locks++ = (enum options_lock)lock;
	}
	return NULL;
}

static const char *
read_text(struct options *options, const struct options_row *row,
    struct span value)
{
	char *text = options->texts + options->used;

	if (!row->kind->fits(value))
		return row->kind->wanted;
	if (span_copy(value, text, LIMITS_OPTIONS - options->used) == -1)
		return "a shorter text";
	*(const char **)field_of(options, row) = text;
	options->used += value.n + 1;
	return NULL;
}

static const struct options_kind
    on_off = { .read = read_choice, .wanted = "yes or no", .alone = "yes" },
    choice = { .read = read_choice },
    lock_list = { .read = read_locks,
	.wanted = "none, or a list of fcntl, flock and dotlock" },
    seconds = { .read = read_number, .most = LIMITS_SECONDS,
	.wanted = "a number of seconds from 0 to " DIGITS(LIMITS_SECONDS) },
    time_out = { .read = read_number, .least = 1, .most = LIMITS_SECONDS,
	.wanted = "a number of seconds from 1 to " DIGITS(LIMITS_SECONDS) },
    octets = { .read = read_number, .least = 1, .most = LIMITS_WINDOW_MOST,
	.wanted = "a number of octets from 1 to " DIGITS(LIMITS_WINDOW_MOST) },
    iterations = { .read = read_number, .least = LIMITS_ITERATIONS_LEAST,
	.most = LIMITS_ITERATIONS_MOST, .wanted = "a number from "
	DIGITS(LIMITS_ITERATIONS_LEAST) " to "
	DIGITS(LIMITS_ITERATIONS_MOST) },
    file_name = { .read = read_text, .fits = forms_is_given,
	.wanted = "the name of a file or directory" },
    placed_file = { .read = read_text, .fits = forms_is_given, .placed = true,
	.wanted = "the name of a file" },
    passwords = { .read = read_text, .fits = forms_is_passwords, .placed = true,
	.wanted = "shadow, users, or saslauthd, behind which :PATH may stand, "
	"the absolute path of its socket" },
    networks = { .read = read_text, .fits = networks_is_list,
	.wanted = "a list of addresses, networks (192.0.2.0/24), or unix" },
    user_name = { .read = read_text, .fits = forms_is_given,
	.wanted = "the name of a user" },
    host_name = { .read = read_text, .fits = span_is_host,
	.wanted = "a host name of letters, digits, dots and hyphens" },
    host_list = { .read = read_text, .fits = forms_is_host_list,
	.wanted = "a list of host names" },
    template = { .read = read_text, .fits = forms_is_template,
	.wanted = "an absolute path, or one that begins with %h; "
	"% stands only in %u %n %d %h %i %%", .placed = true },
    action = { .most = 0 },
    action_on_one_or_none = { .most = 1 },
    action_on_one = { .least = 1, .most = 1 },
    action_on_any = { .most = UINT32_MAX },
    action_on_many = { .least = 1, .most = UINT32_MAX };

#define FIELD(field) offsetof(struct options, field)

const struct options_row options_rows[] = {
	{ "users", &placed_file, FIELD(users), "system", "system|FILE",
	    "who may log in with a password: the accounts of the system, or\n"
	    "the users in FILE (dewey-users(5))" },
	{ "passwords", &passwords, FIELD(passwords), NULL,
	    "shadow|users|saslauthd[:PATH]",
	    "who knows the passwords: shadow(5), the file of --users, or\n"
	    "saslauthd(8), which is asked at the socket PATH\n"
	    "(/run/saslauthd/mux); default: where the users are" },
	{ "mail-user", &user_name, FIELD(mail_user), NULL, "NAME",
	    "users in FILE that have no uid of their own are served with\n"
	    "the uid and gid of NAME" },
	{ "scheme", &choice, FIELD(scram), "yescrypt", "yescrypt|scram",
	    "what --set-password stores: a hash, or a key that SCRAM-SHA-256\n"
	    "can use, too" },
	{ "scram-iterations", &iterations, FIELD(scram_iterations),
	    DIGITS(LIMITS_ITERATIONS_LEAST), "NUMBER",
	    "how often that key is hashed: the work of who guesses, and of\n"
	    "each client" },
	{ "allow", &file_name, FIELD(allow), NULL, "FILE",
	    "only the users that FILE names may log in" },
	{ "deny", &file_name, FIELD(deny), NULL, "FILE",
	    "the users that FILE names may not log in" },
	{ "name-case", &choice, FIELD(lower_case), "keep", "keep|lower",
	    "lower: in the names that clients send capitals count as small\n"
	    "letters" },
	{ "strip-domain", &host_list, FIELD(strip_domain), NULL, "DOMAINS",
	    "a client that sends NAME@DOMAIN means NAME, if DOMAIN is among\n"
	    "these, separated by commas" },
	{ "secrets", &placed_file, FIELD(secrets), NULL, "FILE|none",
	    "the secrets of APOP (dewey-secrets(5)); none: no APOP" },
	{ "apop-only", &on_off, FIELD(apop_only), "yes", "yes|no",
	    "a user who has a secret may not log in with a password" },
	{ "plaintext", &choice, FIELD(plaintext), "private",
	    "private|always|never",
	    "where passwords are accepted in plain text; private: on pipes,\n"
	    "Unix sockets and loopback, and with --private" },
	{ "private", &on_off, FIELD(private_stream), "no", "yes|no",
	    "a TLS front end stands before dewey" },
	{ "proxy", &networks, FIELD(proxy), NULL, "NETWORKS",
	    "from these addresses, separated by commas, front ends call,\n"
	    "which must send the header of the PROXY protocol; unix: by a\n"
	    "Unix socket" },
	{ "tls", &choice, FIELD(tls), "none", "none|implicit|stls",
	    "implicit: speak TLS from the first octet on, as on port 995;\n"
	    "stls: when the client asks for it, as on port 110" },
	{ "tls-cert", &file_name, FIELD(tls_cert), NULL, "FILE",
	    "the certificate, and behind it those that lead to it (PEM)" },
	{ "tls-key", &file_name, FIELD(tls_key), NULL, "FILE",
	    "its key (PEM), which others may not read" },
	{ "tls-min", &choice, FIELD(tls_min), "1.2", "1.2|1.3",
	    "the oldest version of TLS that is spoken" },
	{ "tls-ocsp", &file_name, FIELD(tls_ocsp), NULL, "FILE",
	    "an OCSP response (DER) for clients that ask for one" },
	{ "tls-program", &file_name, FIELD(tls_program),
	    LIBEXECDIR "/dewey-tls", "FILE",
	    "the program that speaks TLS" },
	{ "hide-users", &on_off, FIELD(hide_users), "yes", "yes|no",
	    "answer USER the same whether or not there is such a user" },
	{ "fail-delay", &seconds, FIELD(fail_delay), "1", "SECONDS",
	    "the n-th refused login is answered n times this late" },
	{ "preauth", &on_off, FIELD(preauth), "no", "yes|no",
	    "begin in the TRANSACTION state as the user who starts dewey" },
	{ "mailbox", &template, FIELD(mailbox), "/var/mail/%u", "TEMPLATE",
	    "where the mailbox of a user is; in it %u is the user's name, %n\n"
	    "the name before @, %d the name behind @, %h the home directory,\n"
	    "%i the address that the client calls, in users and secrets, too" },
	{ "read-only", &on_off, FIELD(read_only), "no", "yes|no",
	    "never write to a mailbox: DELE is refused" },
	{ "content-length", &choice, FIELD(exact), "no", "no|exact",
	    "exact: the field Content-Length says where a message ends, if\n"
	    "there the file ends or another message begins; see dewey(8) for\n"
	    "what strangers can do with either" },
	{ "locks", &lock_list, FIELD(locks), "fcntl,flock,dotlock", "KINDS",
	    "which locks keep delivery out, in this order: any of fcntl,\n"
	    "flock, dotlock, separated by commas, or none" },
	{ "lock-timeout", &seconds, FIELD(lock_timeout), "10", "SECONDS",
	    "how long to wait for these locks" },
	{ "journal-window", &octets, FIELD(journal_window), "8388608",
	    "OCTETS",
	    "how much of a mailbox UPDATE moves in one step; its journal\n"
	    "needs twice as much space; where there is less, so is a step" },
	{ "cache-dir", &file_name, FIELD(cache_dir), NULL, "DIR|none",
	    "where the index of each mailbox is kept between sessions;\n"
	    "none: nowhere (default, started by root:\n"
	    LOCALSTATEDIR "/cache/dewey, else a directory of the user's)" },
	{ "state-dir", &file_name, FIELD(state_dir),
	    LOCALSTATEDIR "/lib/dewey", "DIR|none",
	    "started by root: where session lock and journal are kept if\n"
	    "nobody but root can make files beside the mailbox" },
	{ "idle-timeout", &time_out, FIELD(idle_timeout), "600", "SECONDS",
	    "how long to wait for a command, or for a client that does not\n"
	    "read what it is sent; RFC 1939 wants at least 600" },
	{ "login-timeout", &time_out, FIELD(login_timeout), "120", "SECONDS",
	    "how long a client may take to log in" },
	{ "login-delay", &seconds, FIELD(login_delay), "0", "SECONDS",
	    "a user may log in again only so long after the last login" },
	{ "host", &host_name, FIELD(host), NULL, "NAME",
	    "the name in the greeting (default: this host's name)" },
	{ "greeting-style", &choice, FIELD(plain), "rfc", "rfc|plain",
	    "rfc: answer USER as the examples of RFC 1939 do (a real hoopy\n"
	    "frood); plain: say only what comes next" },
	{ "gate-user", &user_name, FIELD(gate_user), NULL, "NAME",
	    "started by root: the user with whose rights dewey speaks to a\n"
	    "client before login (default: dewey-gate if there is such a\n"
	    "user, else nobody)" },
	{ "judge-user", &user_name, FIELD(judge_user), NULL, "NAME",
	    "started by root: the user with whose rights dewey checks\n"
	    "passwords (default: dewey-judge if there is such a user, else\n"
	    "nobody)" },
	{ "sandbox", &choice, FIELD(sandbox), "auto", "auto|required|none",
	    "confine each process; auto: as far as the kernel can;\n"
	    "required: serve nobody where it cannot" },
	{ "log", &choice, FIELD(log), "auto", "auto|syslog|stderr|none",
	    "where the log goes; auto: to stderr if that is a terminal, else\n"
	    "to syslog" },
	{ "log-deletes", &on_off, FIELD(log_deletes), "no", "yes|no",
	    "log the unique-id of each deleted message" },
	{ "verbose", &on_off, FIELD(verbose), "no", "yes|no",
	    "show the dialogue on standard error, secrets masked" },
	{ "config", &file_name, FIELD(config), NULL, "FILE",
	    "read options from FILE (dewey.conf(5)); default, started by\n"
	    "root: " SYSCONFDIR "/dewey/dewey.conf if it exists" },
	{ "check-config", &action_on_one_or_none, OPTIONS_CHECK_CONFIG, NULL,
	    "[ADDRESS]",
	    "read what a session would read; say what is unsafe or unwise\n"
	    "in it, and how to mend that; ADDRESS is put for %i" },
	{ "set-secret", &action_on_one, OPTIONS_SET_SECRET, NULL, "NAME",
	    "set the secret of a user in the file that --secrets names" },
	{ "set-password", &action_on_one, OPTIONS_SET_PASSWORD, NULL, "NAME",
	    "set the password of a user in the file that --users names" },
	{ "remove-user", &action_on_one, OPTIONS_REMOVE_USER, NULL, "NAME",
	    "remove a user from the files that --users and --secrets name" },
	{ "list", &action_on_one, OPTIONS_LIST, NULL, "MBOX",
	    "list the messages of a mailbox: number, octets, unique-id,\n"
	    "From_ line" },
	{ "check", &action_on_one, OPTIONS_CHECK, NULL, "MBOX",
	    "say what a session would see in a mailbox, and what is\n"
	    "doubtful in it" },
	{ "recover", &action_on_many, OPTIONS_RECOVER, NULL, "MBOX...",
	    "complete each UPDATE that a crash cut short, with the rights of\n"
	    "the mailbox's owner; print what was done" },
	{ "adopt-ids", &action_on_many, OPTIONS_ADOPT_IDS, NULL,
	    "SOURCE...",
	    "keep the unique-ids of another server: its name, or a file of\n"
	    "its answers, and users behind that, or --all; --dry-run" },
	{ "forget-ids", &action_on_any, OPTIONS_FORGET_IDS, NULL, "NAME...",
	    "undo --adopt-ids; --all, --dry-run" },
	{ "help", &action, OPTIONS_HELP, NULL, NULL,
	    "print this text" },
	{ "version", &action, OPTIONS_VERSION, NULL, NULL,
	    "print the version" },
	{ .name = NULL }
};

int
options_complain(struct options *options, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(options->error, sizeof(options->error), format,
	    arguments);
	va_end(arguments);
	for (char *c = options->error; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return -1;
}

const struct options_row *
options_find(struct span name)
{
	const struct options_row *row = options_rows;

	while (row->name != NULL && !span_equal(name, span_of(row->name)))
		row++;
	return row->name == NULL ? NULL : row;
}

void
options_begin(struct options *options)
{
	memset(options, 0, sizeof(*options));
	for (const struct options_row *row = options_rows; row->name != NULL;
	    row++)
		if (row->value != NULL)
			(void)row->kind->read(options, row,
			    span_of(row->value));
}

const char *
options_set(struct options *options, struct span key, struct span value)
{
	const struct options_row *row = options_find(key);

	if (row == NULL || row->kind->read == NULL)
		return "one of the keys that dewey --help lists";
	return row->kind->read(options, row, value);
}
