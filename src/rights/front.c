/* SPDX-License-Identifier: ISC */
/*
 * How a session begins.  What the gate tells are numbers and octets of
 * addresses, which the monitor prints itself: so nothing that a stranger wrote
 * gets into the name of a file or into the log.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/networks.h"
#include "rights/front.h"
#include "rights/letter.h"
#include "rights/process.h"
#include "settings/options.h"
#include "settings/place.h"
#include "talk/dialogue.h"
#include "talk/proxy.h"
#include "talk/verdict.h"

bool
front_is_due(const struct dialogue *dialogue)
{
	const char *networks = dialogue->options->proxy;

	return networks != NULL &&
	    networks_hold(span_of(networks), STDIN_FILENO);
}

/* Take who calls from the header.  Only its word on TLS makes a connection
 * private: the front end itself is near, but its clients are not. */
static void
believe(struct dialogue *dialogue, const struct proxy *proxy)
{
	struct peer *peer = &dialogue->peer;

	if (proxy->own)
		return;
	if (proxy->family != AF_UNSPEC)
		peer_believe(peer, proxy->family, proxy->peer, proxy->local);
	peer->port = proxy->port;
	peer->closed = proxy->tls;
	dialogue->record.port = peer->port;
}

/* Say why there is no session.  A front end that only tries whether somebody
 * answers is no trouble, and neither is one that gives up. */
static int
end(struct dialogue *dialogue, enum proxy_fault fault)
{
	struct log_session *record = &dialogue->record;
	const char *peer = dialogue->peer.text;

	if (fault == PROXY_FINE)
		return 0;
	record->end = fault == PROXY_LATE ? LOG_END_TIMEOUT :
	    fault == PROXY_STOPPED ? LOG_END_SIGNAL :
	    fault == PROXY_BROKEN ? LOG_END_BAD_COMMANDS : LOG_END_EOF;
	if (fault == PROXY_BROKEN)
		log_error("front end %s sends no PROXY header, or a wrong one: "
		    "have it send one, or take it out of --proxy", peer);
	else if (fault == PROXY_LATE)
		log_error("front end %s sent no whole PROXY header within %d "
		    "seconds", peer, LIMITS_PROXY_MS / LIMITS_SECOND_MS);
	log_record(record, clock_ms());
	return -1;
}

static enum proxy_fault
read_header(struct dialogue *dialogue, struct proxy *proxy)
{
	*proxy = (struct proxy){ .family = AF_UNSPEC };
	return proxy_read(proxy, STDIN_FILENO,
	    &dialogue->wire.waiting, dialogue->wire.stop);
}

int
front_listen(struct dialogue *dialogue)
{
	struct proxy proxy;
	enum proxy_fault fault = read_header(dialogue, &proxy);

	if (fault == PROXY_FINE)
		believe(dialogue, &proxy);
	return end(dialogue, fault);
}

/* How many octets an address of ${proxy} has. */
static size_t
octets_of(const struct proxy *proxy)
{
	return proxy->family == AF_INET6 ? sizeof(struct in6_addr) :
	    proxy->family == AF_INET ? sizeof(struct in_addr) : 0;
}

int
front_pass_on(struct dialogue *dialogue, struct login *login,
    int channel)
{
	struct proxy proxy;
	enum proxy_fault fault = read_header(dialogue, &proxy);
	const struct letter_front letter = {
		.fault = fault,
		.own = proxy.own,
		.tls = proxy.tls,
		.v6 = proxy.family == AF_INET6,
		.port = proxy.port,
		.peer = { (const char *)proxy.peer, octets_of(&proxy) },
		.local = { (const char *)proxy.local, octets_of(&proxy) },
	};
	struct channel_message message;
	struct letter_opening opening;

	if (letter_send(channel, LETTER_FRONT, &letter, -1) == -1 ||
	    fault != PROXY_FINE || letter_receive(channel, LETTER_OPENING,
	    &opening, &message) != 1)
		return -1;
	believe(dialogue, &proxy);
	login->passwords = opening.passwords != 0;
	return span_copy(opening.timestamp, login->timestamp,
	    sizeof(login->timestamp));
}

int
front_hear(struct dialogue *dialogue, int channel)
{
	const struct wire *wire = &dialogue->wire;
	struct channel_message message;
	struct proxy proxy = { .family = AF_UNSPEC };
	struct letter_front letter;
	size_t n;

	if (wire_wait(wire, channel, clock_ms() + LIMITS_PROXY_MS +
	    LIMITS_GRACE_MS) != 1 || letter_receive(channel, LETTER_FRONT,
	    &letter, &message) != 1)
		/* Whatever the front end does, a gate tells. */
		return *wire->stop != 0 ? PROXY_STOPPED : -1;
	if (letter.peer.n > 0)
		proxy.family = letter.v6 != 0 ? AF_INET6 : AF_INET;
	n = octets_of(&proxy);
	if (letter.peer.n != n || letter.local.n != n)
		return PROXY_BROKEN;
	if (n > 0) {
		memcpy(proxy.peer, letter.peer.p, n);
		memcpy(proxy.local, letter.local.p, n);
	}
	proxy.own = letter.own != 0;
	proxy.tls = letter.tls != 0;
	proxy.port = (uint16_t)letter.port;
	if (letter.fault == PROXY_FINE)
		believe(dialogue, &proxy);
	return (int)letter.fault;
}

void
front_end(struct dialogue *dialogue, pid_t gate, int fault)
{
	enum dialogue_exit code;
	int status = 0;

	(void)kill(gate, SIGKILL);
	(void)waitpid(gate, &status, 0);
	process_shed();
	if (fault == -1)
		log_record(&dialogue->record, clock_ms());
	else
		(void)end(dialogue, (enum proxy_fault)fault);
	code = dialogue->record.end == LOG_END_EOF ? DIALOGUE_ORDERLY :
	    DIALOGUE_BROKEN;
	if (WIFEXITED(status) && WEXITSTATUS(status) == DIALOGUE_USAGE)
		code = dialogue_refuse(dialogue, REPLY_MISCONFIGURED);
	process_end(code);
}

int
front_answer(const struct login *login, int channel)
{
	const struct letter_opening letter = { login->passwords,
	    span_of(login->timestamp) };

	return letter_send(channel, LETTER_OPENING, &letter, -1);
}

void
front_open(struct dialogue *dialogue, struct verdict *verdict,
    struct options *options, bool by_root)
{
	if (place_matters(options)) {
		peer_find_local(&dialogue->peer, STDIN_FILENO);
		if (place_put(options, dialogue->peer.local) == -1)
			log_error("%%i: a path is too long for %s",
			    dialogue->peer.local);
	}
	login_open(&verdict->login, options, dialogue->host, by_root);
	verdict->peer = dialogue->peer.text;
	verdict->waiting = &dialogue->wire.waiting;
	verdict->stop = dialogue->wire.stop;
	verdict->login.saslauthd.waiting = verdict->waiting;
	verdict->login.saslauthd.stop = verdict->stop;
}
