/* SPDX-License-Identifier: ISC */
/*
 * The program dewey-tls: TLS for one client, whose connection is on descriptors
 * 0 and 1, for the program at the other ends of what SSLCTLFD and SSLREADFD
 * name.  dewey starts it, with its own command line.
 *
 * It becomes two processes.  Both give up all rights before a stranger is
 * heard: this one, which speaks with the client, and one that has the key.
 * Code that runs as root: main, options, configuration, the opening of three
 * files, the reading of the key.
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <gnutls/crypto.h>

#include "base/channel.h"
#include "base/log.h"
#include "base/ucspi.h"
#include "rights/account.h"
#include "rights/process.h"
#include "rights/sandbox.h"
#include "settings/configuration.h"
#include "settings/flags.h"
#include "settings/options.h"
#include "tls/examine.h"
#include "tls/key.h"
#include "tls/pem.h"
#include "tls/relay.h"

/* The files: the key's is open, the others' octets are read, not parsed. */
struct files {
	gnutls_datum_t certificate, staple;
	int key;
};

/* Open a file that an option names.  Returns -1 if it cannot be had, which is
 * logged. */
static int
open_file(const char *option, const char *path, mode_t forbidden)
{
	const char *why = "names no file";
	int fd = path == NULL ? -1 : pem_open(path, forbidden, &why);

	if (fd == -1)
		log_error("%s: %s%s%s", option, path == NULL ? "" : path,
		    path == NULL ? "" : ": ", why);
	return fd;
}

/* Read what everybody may see.  Returns 0, or -1 and there are no octets. */
static int
read_file(const char *option, const char *path, gnutls_datum_t *octets)
{
	int fd = open_file(option, path, PEM_PUBLIC);

	*octets = (gnutls_datum_t){ NULL, 0 };
	if (fd == -1)
		return -1;
	if (pem_read(fd, octets) == 0)
		return 0;
	log_error("%s: %s: %s", option, path, strerror(errno));
	return -1;
}

/* Before the fork, for the C library tidies its heap when it is first asked
 * for as much as a file: after it each process would have to copy the pages
 * that this touches. */
static int
open_files(const struct options *options, struct files *files)
{
	int got = read_file("tls-cert", options->tls_cert,
	    &files->certificate);

	files->key = open_file("tls-key", options->tls_key, PEM_KEY);
	files->staple = (gnutls_datum_t){ NULL, 0 };
	/* Without it clients ask for themselves. */
	if (options->tls_ocsp != NULL)
		(void)read_file("tls-ocsp", options->tls_ocsp, &files->staple);
	return files->key == -1 ? -1 : got;
}

/* Fork the process that has the key.  Not by process_fork: GnuTLS must learn
 * of it, or both would draw the same random numbers.  Returns the channel to
 * it, or -1. */
static int
fork_key(const struct options *options, const struct files *files,
    const struct ucspi *ucspi, struct account_ids ids)
{
	int fds[2];
	pid_t child;

	if (process_pair(fds) == -1)
		return -1;
	child = fork();
	if (child == -1)
		log_error("no process for the key: %s", strerror(errno));
	if (child == 0) {
		process_leave_client();
		(void)close(fds[0]);
		(void)close(ucspi->control);
		(void)close(ucspi->in);
		key_main(fds[1], files->key,
		    (struct key_ids){ ids.uid, ids.gid },
		    (enum sandbox_wish)options->sandbox);
	}
	(void)close(fds[1]);
	(void)close(files->key);
	return child == -1 ? -1 : fds[0];
}

/* Parse what is shown to clients, with no rights any more. */
static int
prepare(struct handshake *handshake, const struct options *options,
    struct files *files)
{
	const char *why = certificate_import(&handshake->certificate,
	    &files->certificate);
	int got;

	pem_forget(&files->certificate);
	if (why != NULL) {
		log_error("tls-cert: %s: %s", options->tls_cert, why);
		return -1;
	}
	if (certificate_days(&handshake->certificate, time(NULL)) < 0)
		log_warning("tls-cert: %s: has expired", options->tls_cert);
	handshake->certificate.staple = files->staple;
	got = handshake_begin(handshake, options->tls_min == OPTIONS_TLS_1_3);
	if (got < 0)
		log_error("TLS cannot begin: %s", gnutls_strerror(got));
	return got;
}

/* Speak TLS with the client.  Returns the exit code. */
static int
serve(const struct options *options, const struct ucspi *ucspi, bool by_root)
{
	static struct handshake handshake;
	struct account accounts[ACCOUNT_KINDS] = { 0 };
	struct account_ids gate;
	struct files files;

	if (by_root && account_choose(options, accounts) == -1)
		return DIALOGUE_USAGE;
	if (open_files(options, &files) == -1)
		return DIALOGUE_TROUBLE;
	/* Not nobody's, whom others are, too: they could signal it. */
	handshake.key = fork_key(options, &files, ucspi,
	    accounts[ACCOUNT_WAITING].ids);
	if (handshake.key == -1)
		return DIALOGUE_TROUBLE;
	gate = accounts[ACCOUNT_GATE].ids;
	if (by_root)
		process_confine("process that speaks TLS", gate.uid, gate.gid,
		    true);
	gnutls_rnd_refresh();
	if (prepare(&handshake, options, &files) < 0)
		return DIALOGUE_TROUBLE;
	log_close(ucspi->control);
	if (sandbox_close(FILTER_TLS, (enum sandbox_wish)options->sandbox,
	    -1) == -1)
		return DIALOGUE_TROUBLE;
	if (handshake_run(&handshake, ucspi->control) < 0) {
		outer_end(&handshake.outer);
		return DIALOGUE_BROKEN;
	}
	(void)close(handshake.key);
	handshake_tell(&handshake, ucspi->control);
	relay_run(&handshake, ucspi->in,
	    (int)options->idle_timeout * LIMITS_SECOND_MS);
	return DIALOGUE_ORDERLY;
}

/* Signals are as a program expects them: dewey blocks some. */
static void
reset_signals(void)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	/* Nobody waits for the key's process. */
	(void)signal(SIGCHLD, SIG_IGN);
}

int
main(int argc, char **argv)
{
	bool by_root = geteuid() == 0;
	static struct options options;
	struct ucspi ucspi;

	if (process_is_lent("dewey-tls"))
		return DIALOGUE_USAGE;
	(void)umask(0);
	process_begin(by_root);
	reset_signals();
	options_begin(&options);
	if (configuration_read(&options, argc, argv, by_root) == -1 ||
	    flags_read(&options, argc, argv) == -1) {
		log_open(LOG_TO_AUTO, false);
		log_error("%s", options.error);
		return DIALOGUE_USAGE;
	}
	if (options.action == OPTIONS_CHECK_CONFIG)
		return examine_config(&options) == 0 ? DIALOGUE_ORDERLY :
		    DIALOGUE_USAGE;
	log_open((enum log_target)options.log, options.verbose);
	if (!ucspi_find(&ucspi)) {
		log_error("dewey-tls is started by dewey --tls");
		return DIALOGUE_USAGE;
	}
	_exit(serve(&options, &ucspi, by_root));
}
