/* SPDX-License-Identifier: ISC */
/*
 * Options.  A default, a key of the configuration file and a flag take the same
 * way through the same row, so they cannot mean different things.
 */
#include "config.h"

#include <stdarg.h>
#include <string.h>

#include "base/limits.h"
#include "base/span.h"
#include "settings/options.h"

enum kind {
	SWITCH,			/* yes or no; a flag alone means yes */
	SECONDS,
	TIMEOUT,		/* seconds, at least one */
	OCTETS,
	FILE_NAME,		/* absolute, or relative to where dewey starts */
	NAME,			/* of a user */
	TEMPLATE,		/* path with %u %n %d %h */
	HOST,
	CHOICE,			/* one of the words in the row's argument */
	LOCKS,			/* a list of them, or none */
	ACTION,			/* what to do instead of a session */
	ACTION_ON_ONE,		/* the same, with an operand */
	ACTION_ON_MANY
};

struct row {
	const char *name;
	uint8_t kind;		/* enum kind */
	uint16_t field;		/* offset in struct options; action: which */
	const char *value;	/* the default; NULL: none */
	const char *argument;	/* as --help shows it; CHOICE: the words */
	const char *help;	/* in lines */
};

#define FIELD(field) offsetof(struct options, field)

static const struct row rows[] = {
	{ "users", FILE_NAME, FIELD(users), "system", "system|FILE",
	    "who may log in with a password: the system's accounts, or\n"
	    "FILE (dewey-users(5))" },
	{ "mail-user", NAME, FIELD(mail_user), NULL, "NAME",
	    "whose rights serve users of FILE that have no uid of their\n"
	    "own" },
	{ "allow", FILE_NAME, FIELD(allow), NULL, "FILE",
	    "only the users named in FILE may log in" },
	{ "deny", FILE_NAME, FIELD(deny), NULL, "FILE",
	    "the users named in FILE may not log in" },
	{ "secrets", FILE_NAME, FIELD(secrets), NULL, "FILE|none",
	    "the secrets of APOP (dewey-secrets(5)); none: no APOP" },
	{ "apop-only", SWITCH, FIELD(apop_only), "yes", "yes|no",
	    "a user who has a secret may not log in with a password" },
	{ "plaintext", CHOICE, FIELD(plaintext), "private",
	    "private|always|never",
	    "where passwords are accepted in plain text; private: pipes,\n"
	    "Unix sockets, loopback, and with --private" },
	{ "private", SWITCH, FIELD(private_stream), "no", "yes|no",
	    "a TLS front end stands before dewey" },
	{ "hide-users", SWITCH, FIELD(hide_users), "yes", "yes|no",
	    "answer USER the same whether or not there is such a user" },
	{ "fail-delay", SECONDS, FIELD(fail_delay), "1", "SECONDS",
	    "the n-th refused login is answered n times this late" },
	{ "mailbox", TEMPLATE, FIELD(mailbox), "/var/mail/%u", "TEMPLATE",
	    "where a user's mailbox is; %u is the user, %n what is before\n"
	    "@ in it, %d what is behind, %h the home directory" },
	{ "read-only", SWITCH, FIELD(read_only), "no", "yes|no",
	    "never write to a mailbox: DELE is refused" },
	{ "locks", LOCKS, FIELD(locks), "fcntl,flock,dotlock", "KINDS",
	    "which locks keep delivery out, in this order: any of fcntl,\n"
	    "flock, dotlock, separated by commas, or none" },
	{ "lock-timeout", SECONDS, FIELD(lock_timeout), "10", "SECONDS",
	    "how long to wait for these locks" },
	{ "journal-window", OCTETS, FIELD(journal_window), "8388608",
	    "OCTETS",
	    "how much UPDATE moves at a time; its journal needs twice as\n"
	    "much space, and takes less where there is less" },
	{ "cache-dir", FILE_NAME, FIELD(cache_dir), NULL, "DIR|none",
	    "where the index of each mailbox is kept between sessions;\n"
	    "none: nowhere (default: " LOCALSTATEDIR "/cache/dewey, or a user's own)" },
	{ "state-dir", FILE_NAME, FIELD(state_dir), LOCALSTATEDIR "/lib/dewey",
	    "DIR|none",
	    "where sessions that root starts keep session lock and journal\n"
	    "if nobody but root can make files beside the mailbox" },
	{ "idle-timeout", TIMEOUT, FIELD(idle_timeout), "600", "SECONDS",
	    "how long to wait for a command, or for a client that does\n"
	    "not read; RFC 1939 wants at least 600" },
	{ "login-timeout", TIMEOUT, FIELD(login_timeout), "120", "SECONDS",
	    "how long a client may take to log in" },
	{ "host", HOST, FIELD(host), NULL, "NAME",
	    "the name in the greeting (default: this host's)" },
	{ "gate-user", NAME, FIELD(gate_user), NULL, "NAME",
	    "started by root: the user whose rights speak before login\n"
	    "(default: dewey-gate if there is one, else nobody)" },
	{ "sandbox", CHOICE, FIELD(sandbox), "auto", "auto|required|none",
	    "close each process in as far as the kernel can; required: or\n"
	    "serve nobody" },
	{ "log", CHOICE, FIELD(log), "auto", "auto|syslog|stderr|none",
	    "where the log goes; auto: stderr if that is a terminal, else\n"
	    "syslog" },
	{ "log-deletes", SWITCH, FIELD(log_deletes), "no", "yes|no",
	    "log the unique-id of each deleted message" },
	{ "preauth", SWITCH, FIELD(preauth), "no", "yes|no",
	    "begin in the TRANSACTION state as the user who starts dewey" },
	{ "verbose", SWITCH, FIELD(verbose), "no", "yes|no",
	    "show the dialogue on standard error, secrets masked" },
	{ "config", FILE_NAME, FIELD(config), NULL, "FILE",
	    "read options from FILE (dewey.conf(5)); started by root:\n"
	    "" SYSCONFDIR "/dewey/dewey.conf if it exists" },
	{ "check-config", ACTION, OPTIONS_CHECK_CONFIG, NULL, NULL,
	    "read what a session would read and say what is unsafe or\n"
	    "unwise" },
	{ "set-secret", ACTION_ON_ONE, OPTIONS_SET_SECRET, NULL, "NAME",
	    "set a user's secret in the file named by --secrets" },
	{ "set-password", ACTION_ON_ONE, OPTIONS_SET_PASSWORD, NULL, "NAME",
	    "set a user's password in the file named by --users" },
	{ "remove-user", ACTION_ON_ONE, OPTIONS_REMOVE_USER, NULL, "NAME",
	    "remove a user from the files named by --users and --secrets" },
	{ "list", ACTION_ON_ONE, OPTIONS_LIST, NULL, "MBOX",
	    "list the messages of a mailbox: number, octets, unique-id,\n"
	    "From_ line" },
	{ "check", ACTION_ON_ONE, OPTIONS_CHECK, NULL, "MBOX",
	    "say what a session would see in a mailbox, and what is\n"
	    "doubtful" },
	{ "recover", ACTION_ON_MANY, OPTIONS_RECOVER, NULL, "MBOX...",
	    "complete what a crash left of UPDATE, as each mailbox's\n"
	    "owner; print what was done" },
	{ "help", ACTION, OPTIONS_HELP, NULL, NULL,
	    "print this" },
	{ "version", ACTION, OPTIONS_VERSION, NULL, NULL,
	    "print the version" },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

int
options_complain(struct options *options, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(options->error, sizeof(options->error), format,
	    arguments);
	va_end(arguments);
	for (char *c = options->error; *c != '\0'; c++)
		if ((*c >= '\0' && *c < ' ') || *c == 0x7f)
			*c = '?';
	return -1;
}

static const struct row *
find_row(struct span name)
{
	for (size_t i = 0; i < ROWS; i++)
		if (span_equal(name, span_of(rows[i].name)))
			return &rows[i];
	return NULL;
}

static int
read_locks(enum options_lock *locks, struct span value)
{
	unsigned char seen[OPTIONS_LOCKS];
	int n = 0;

	memset(locks, 0, OPTIONS_LOCKS * sizeof(*locks));
	if (span_equal(value, SPAN("none")))
		return 0;
	while (value.p != NULL) {
		struct span word = span_trim(span_cut(&value, ','));
		int kind = span_choice("fcntl|flock|dotlock", word) + 1;

		if (kind == OPTIONS_LOCK_END || n + 1 == OPTIONS_LOCKS)
			return -1;
		if (n > 0 && memchr(seen, kind, (size_t)n) != NULL)
			return -1;
		seen[n] = (unsigned char)kind;
		locks[n++] = (enum options_lock)kind;
	}
	return 0;
}

static bool
is_template(struct span value)
{
	if (value.n == 0 || (value.p[0] != '/' && value.p[0] != '%'))
		return false;
	if (value.p[0] == '%' && (value.n < 2 || value.p[1] != 'h'))
		return false;
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] == '%' && (++i == value.n ||
		    memchr("undh%", value.p[i], 5) == NULL))
			return false;
	return true;
}

static int
set_text(struct options *options, const char **field, struct span value)
{
	char *text = options->texts + options->used;

	if (span_copy(value, text, LIMITS_OPTIONS - options->used) == -1)
		return -1;
	*field = text;
	options->used += value.n + 1;
	return 0;
}

/* Store ${value} in the field of ${row}.  Returns NULL, or what the value
 * should have been. */
static const char *
store(struct options *options, const struct row *row, struct span value)
{
	void *field = (char *)options + row->field;
	uint64_t number;
	int choice;

	switch ((enum kind)row->kind) {
	case SWITCH:
		choice = span_choice("no|yes", value);
		*(bool *)field = choice == 1;
		return choice == -1 ? "yes or no" : NULL;
	case SECONDS:
	case TIMEOUT:
	case OCTETS:
		if (span_number(value, row->kind == OCTETS ?
		    LIMITS_WINDOW_MOST : 86400,
		    &number) == -1 || (row->kind != SECONDS && number == 0))
			return row->kind == OCTETS ?
			    "a number of octets from 1 to 1073741824" :
			    row->kind == SECONDS ?
			    "a number of seconds from 0 to 86400" :
			    "a number of seconds from 1 to 86400";
		*(unsigned *)field = (unsigned)number;
		return NULL;
	case CHOICE:
		choice = span_choice(row->argument, value);
		*(unsigned *)field = choice < 0 ? 0 : (unsigned)choice;
		return choice < 0 ? row->argument : NULL;
	case LOCKS:
		return read_locks(field, value) == 0 ? NULL :
		    "none, or a list of fcntl, flock and dotlock";
	case TEMPLATE:
		if (!is_template(value))
			return "an absolute path, with % only in %u %n %d %h %%";
		break;
	case HOST:
		if (!span_is_host(value))
			return "a host name of letters, digits, dots and hyphens";
		break;
	case FILE_NAME:
	case NAME:
	case ACTION:
	case ACTION_ON_ONE:
	case ACTION_ON_MANY:
		if (value.n == 0)
			return "a name";
		break;
	}
	return set_text(options, field, value) == 0 ? NULL : "a shorter text";
}

static int
add_operand(struct options *options, char *word)
{
	if (options->operand_count == options->operands_most)
		return options_complain(options,
		    "%sunexpected `%s' (try dewey --help)",
		    options->action_name, word);
	options->operands[options->operand_count++] = word;
	return 0;
}

static int
read_action(struct options *options, const struct row *row, char *value)
{
	if (options->action != OPTIONS_SESSION)
		return options_complain(options,
		    "--%s: only one action at a time", row->name);
	options->action = (enum options_action)row->field;
	options->operands_most = row->kind == ACTION ? 0 :
	    row->kind == ACTION_ON_ONE ? 1 : INT32_MAX;
	options->operands_wanted = row->argument;
	(void)snprintf(options->action_name, sizeof(options->action_name),
	    "--%s: ", row->name);
	return value == NULL ? 0 : add_operand(options, value);
}

/* Read the flag argv[0].  Returns how many more words it took, or -1. */
static int
read_flag(struct options *options, int argc, char **argv)
{
	struct span value = span_of(argv[0]), name;
	const struct row *row;
	const char *wanted;
	int took = 0;

	if (value.n < 3 || memcmp(value.p, "--", 2) != 0)
		return add_operand(options, argv[0]);
	value.p += 2;
	value.n -= 2;
	name = span_cut(&value, '=');
	row = find_row(name);
	if (row == NULL)
		return options_complain(options, "there is no option `%s' (try dewey "
		    "--help)", argv[0]);
	if (row->kind >= ACTION)
		return read_action(options, row, value.p == NULL ? NULL :
		    argv[0] + name.n + 3);
	if (value.p == NULL && row->kind == SWITCH)
		value = SPAN("yes");
	if (value.p == NULL) {
		if (argc < 2)
			return options_complain(options, "--%s needs a value: %s",
			    row->name, row->argument);
		value = span_of(argv[1]);
		took = 1;
	}
	wanted = store(options, row, value);
	if (wanted != NULL)
		return options_complain(options, "--%s must be %s", row->name, wanted);
	return took;
}

void
options_begin(struct options *options)
{
	memset(options, 0, sizeof(*options));
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].kind < ACTION && rows[i].value != NULL)
			(void)store(options, &rows[i], span_of(rows[i].value));
}

const char *
options_set(struct options *options, struct span key, struct span value)
{
	const struct row *row = find_row(key);

	if (row == NULL || row->kind >= ACTION)
		return "one of the keys that dewey --help lists";
	return store(options, row, value);
}

int
options_flags(struct options *options, int argc, char **argv)
{
	int took;

	/* Operands take the places of words that were read already. */
	options->operands = argv;
	for (int i = 1; i < argc; i += took + 1)
		if ((took = read_flag(options, argc - i, argv + i)) < 0)
			return -1;
	if (options->operands_wanted != NULL && options->operand_count == 0)
		return options_complain(options, "%sit needs %s",
		    options->action_name, options->operands_wanted);
	return 0;
}

void
options_help(FILE *out)
{
	(void)fputs("Usage: dewey [OPTION]...\n"
	    "Speak POP3 on standard input and output for one session.\n\n", out);
	for (size_t i = 0; i < ROWS; i++) {
		const struct row *row = &rows[i];
		struct span text = span_of(row->help);

		(void)fprintf(out, "  --%s", row->name);
		if (row->argument != NULL)
			(void)fprintf(out, row->kind >= ACTION ? " %s" : "=%s",
			    row->argument);
		if (row->value != NULL)
			(void)fprintf(out, "  (%s)", row->value);
		(void)fputc('\n', out);
		while (text.p != NULL) {
			struct span line = span_cut(&text, '\n');

			(void)fprintf(out, "        %.*s\n", (int)line.n, line.p);
		}
	}
	(void)fputs("\nExit: 0 the session ended in order, 1 it was cut short, "
	    "100 a mistake in the\noptions, 111 trouble with the system or the "
	    "maildrop.  See dewey(8).\n", out);
}
