/* SPDX-License-Identifier: ISC */
/*
 * AUTH.  Of a mechanism's messages only the form is looked at here.  A line of
 * the exchange may be long, so it does not fit the input of the stream: it is
 * gathered here, and wiped there at once.
 */
#include "config.h"

#include <string.h>

#include "base/base64.h"
#include "base/limits.h"
#include "base/log.h"
#include "talk/mechanism.h"
#include "talk/sasl.h"

struct exchange {
	struct sasl *sasl;
	enum login_fault fault;	/* what broke it */
	bool lost;		/* the stream did */
	bool plus;		/* it must be bound to TLS */
	bool initial;		/* the line came with the command */
	size_t n;		/* octets of the line */
	char line[LIMITS_EXCHANGE];
	char octets[LIMITS_EXCHANGE / 4 * 3];	/* what it means */
};

/* Note that ${fault} broke the exchange. */
static bool
broken(struct exchange *exchange, enum login_fault fault)
{
	exchange->fault = fault;
	return false;
}

/* Gather a line, whose end counts for its length (RFC 5034 s4). */
static bool
read_line(struct exchange *exchange)
{
	struct wire *wire = exchange->sasl->wire;
	int64_t until = 0;
	size_t n = 0;
	bool ended = false;

	while (!ended) {
		struct span rest = wire_unread(wire);
		struct span part = span_cut(&rest, '\n');

		ended = rest.p != NULL;
		if (part.n < LIMITS_EXCHANGE - n) {
			memcpy(exchange->line + n, part.p, part.n);
			n += part.n;
		} else {
			n = LIMITS_EXCHANGE;
		}
		wire_skip(wire, part.n + ended);
		if (!ended && wire_fill(wire, &until) == -1) {
			exchange->lost = true;
			return false;
		}
	}
	log_dialogue("C:   (a response)", "", 0);
	if (n == LIMITS_EXCHANGE)
		return broken(exchange, LOGIN_FAULT_LONG);
	exchange->n = n > 0 && exchange->line[n - 1] == '\r' ? n - 1 : n;
	return true;
}

/* Decode what the client sent. */
static bool
decode(struct exchange *exchange, struct span text, struct span *octets)
{
	return base64_decode(text, exchange->octets, sizeof(exchange->octets),
	    octets) == 0 || broken(exchange, LOGIN_FAULT_BASE64);
}

/* Send ${challenge} and get the response to it. */
static bool
challenge(struct exchange *exchange, struct span challenge,
    struct span *response)
{
	struct wire *wire = exchange->sasl->wire;
	char text[BASE64_TEXT(LIMITS_CREDENTIAL)];
	struct span sent = base64_encode(challenge, text, sizeof(text)), line;

	log_dialogue("S: + ", sent.p, sent.n);
	wire_put(wire, SPAN("+ "));
	wire_put(wire, sent);
	wire_put(wire, SPAN("\r\n"));
	if (!read_line(exchange))
		return false;
	line = (struct span){ exchange->line, exchange->n };
	return span_equal(line, SPAN("*")) ?
	    broken(exchange, LOGIN_FAULT_CANCELLED) :
	    decode(exchange, line, response);
}

/* Get the message with which the client begins: it came with the command, where
 * `=' is an empty one, or is asked for. */
static bool
begin(struct exchange *exchange, struct span *message)
{
	struct span initial = { exchange->line, exchange->n };

	if (!exchange->initial)
		return challenge(exchange, SPAN(""), message);
	return decode(exchange, span_equal(initial, SPAN("=")) ? SPAN("") :
	    initial, message);
}

/* The challenge that was the answer to a question. */
static struct span
answered(const struct exchange *exchange)
{
	const struct login_question *question = exchange->sasl->question;

	return (struct span){ question->challenge, question->challenge_n };
}

static enum reply_text
ask(struct exchange *exchange, enum login_method method,
    const struct mechanism_message *message)
{
	struct login_question *question = exchange->sasl->question;

	if (exchange->sasl->utf8 && (!span_is_utf8(message->name) ||
	    (method == LOGIN_PLAIN && !span_is_utf8(message->secret)))) {
		exchange->fault = LOGIN_FAULT_FORM;
		return REPLY_SENT;
	}
	question->method = method;
	question->name_n = message->name.n;
	question->secret_n = message->secret.n;
	if (message->name.n > 0)
		memcpy(question->name, message->name.p, message->name.n);
	if (message->secret.n > 0)
		memcpy(question->secret, message->secret.p, message->secret.n);
	return exchange->sasl->ask(exchange->sasl->to);
}

/* Whether ${message} is of somebody who wants to be nobody else. */
static bool
is_oneself(struct exchange *exchange, const struct mechanism_message *message)
{
	return message->authzid.n == 0 ||
	    span_equal(message->authzid, message->name) ||
	    broken(exchange, LOGIN_FAULT_AUTHZID);
}

static enum reply_text
plain(struct exchange *exchange)
{
	struct mechanism_message message;
	struct span octets;

	if (!begin(exchange, &octets))
		return REPLY_SENT;
	if (!mechanism_plain(octets, &message))
		exchange->fault = LOGIN_FAULT_FORM;
	else if (is_oneself(exchange, &message))
		return ask(exchange, LOGIN_PLAIN, &message);
	return REPLY_SENT;
}

static enum reply_text
cram(struct exchange *exchange)
{
	struct mechanism_message message = { .name.n = 0 };
	struct span octets;
	enum reply_text text;

	/* The server speaks first (RFC 4422 s5). */
	if (exchange->initial) {
		exchange->fault = LOGIN_FAULT_FORM;
		return REPLY_SENT;
	}
	text = ask(exchange, LOGIN_CRAM_BEGIN, &message);
	if (text != REPLY_CHALLENGE)
		return text;
	if (!challenge(exchange, answered(exchange), &octets))
		return REPLY_SENT;
	if (mechanism_cram(octets, &message))
		return ask(exchange, LOGIN_CRAM, &message);
	exchange->fault = LOGIN_FAULT_FORM;
	return REPLY_SENT;
}

/* Whether what ${flag} says of channel binding suits the mechanism.  A client
 * that could bind and thinks that this server cannot was not shown the list
 * that was sent (RFC 5802 s6). */
static bool
suits(struct exchange *exchange, struct span flag)
{
	bool offered = (exchange->sasl->offers & REPLY_OFFER_SCRAM_PLUS) != 0;

	if (exchange->plus)
		return span_equal(flag, SPAN("p=tls-exporter"));
	return span_equal(flag, SPAN("n")) ||
	    (span_equal(flag, SPAN("y")) && !offered);
}

/* The begin: get the client-first-message, and ask for a challenge. */
static enum reply_text
scram_first(struct exchange *exchange, struct mechanism_first *first)
{
	struct mechanism_message message;
	struct span octets;

	if (!begin(exchange, &octets))
		return REPLY_SENT;
	if (!mechanism_scram_first(octets, first))
		exchange->fault = LOGIN_FAULT_FORM;
	else if (!suits(exchange, first->flag))
		exchange->fault = LOGIN_FAULT_BINDING;
	if (exchange->fault != LOGIN_FAULT_NONE)
		return REPLY_SENT;
	message = (struct mechanism_message){ .authzid = first->authzid,
	    .name = first->name, .secret = first->bare };
	return is_oneself(exchange, &message) ?
	    ask(exchange, LOGIN_SCRAM_BEGIN, &message) : REPLY_SENT;
}

/* Whether ${final} goes on from ${header}, and from the challenge, which begins
 * with the nonce of both sides.  Whether the octets that bind it are the right
 * ones the answer to the question tells. */
static bool
goes_on(struct exchange *exchange, const struct mechanism_final *final,
    struct span header)
{
	struct span rest = answered(exchange), nonce = span_cut(&rest, ',');

	if (final->binding.n != header.n +
	    (exchange->plus ? LIMITS_BINDING : 0) ||
	    memcmp(final->binding.p, header.p, header.n) != 0)
		return broken(exchange, LOGIN_FAULT_BINDING);
	return (nonce.n > 2 && span_equal(final->nonce,
	    (struct span){ nonce.p + 2, nonce.n - 2 })) ||
	    broken(exchange, LOGIN_FAULT_NONCE);
}

/* The end of it: get the client-final-message and ask whether that proves it;
 * if so, the client must see the server's signature before it is let in. */
static enum reply_text
scram_final(struct exchange *exchange, struct span header)
{
	struct mechanism_message message = { .name.n = 0 };
	struct mechanism_final final;
	char secret[LIMITS_CREDENTIAL];
	struct span octets;
	enum reply_text text;

	if (!challenge(exchange, answered(exchange), &octets))
		return REPLY_SENT;
	if (!mechanism_scram_final(octets, &final))
		exchange->fault = LOGIN_FAULT_FORM;
	else if (goes_on(exchange, &final, header)) {
		memcpy(secret, final.proof, sizeof(final.proof));
		memcpy(secret + sizeof(final.proof), final.without.p,
		    final.without.n);
		message.secret = (struct span){ secret,
		    sizeof(final.proof) + final.without.n };
	}
	if (exchange->fault != LOGIN_FAULT_NONE)
		return REPLY_SENT;
	text = ask(exchange, LOGIN_SCRAM, &message);
	if (text != REPLY_CHALLENGE)
		return text;
	if (!challenge(exchange, answered(exchange), &octets))
		return REPLY_SENT;
	if (octets.n > 0) {
		exchange->fault = LOGIN_FAULT_FORM;
		return REPLY_SENT;
	}
	message.secret.n = 0;
	return ask(exchange, LOGIN_SCRAM_END, &message);
}

static enum reply_text
scram(struct exchange *exchange)
{
	struct mechanism_first first;
	char header[2 * LIMITS_CREDENTIAL];
	enum reply_text text = scram_first(exchange, &first);
	size_t n;

	if (text != REPLY_CHALLENGE)
		return text;
	n = first.header.n;
	/* The next line takes the place of that one. */
	memcpy(header, first.header.p, n);
	return scram_final(exchange, (struct span){ header, n });
}

static const struct {
	const char *name;
	enum reply_offer offer;
	enum login_method method;	/* for the log */
	/* Returns the reply; with a fault it does not count. */
	enum reply_text (*run)(struct exchange *exchange);
} mechanisms[] = {
	{ "SCRAM-SHA-256-PLUS", REPLY_OFFER_SCRAM_PLUS, LOGIN_SCRAM, scram },
	{ "SCRAM-SHA-256", REPLY_OFFER_SCRAM, LOGIN_SCRAM, scram },
	{ "CRAM-MD5", REPLY_OFFER_CRAM, LOGIN_CRAM, cram },
	{ "PLAIN", REPLY_OFFER_PASSWORD, LOGIN_PLAIN, plain },
};

#define COUNT (sizeof(mechanisms) / sizeof(mechanisms[0]))

enum reply_text
sasl_run(struct sasl *sasl, struct span mechanism, struct span initial)
{
	struct login_question *question = sasl->question;
	struct exchange exchange;
	enum reply_text text = REPLY_SENT;
	size_t i = 0;

	exchange.sasl = sasl;
	exchange.fault = LOGIN_FAULT_NONE;
	exchange.lost = false;
	exchange.initial = initial.p != NULL;
	exchange.n = initial.n;
	if (initial.p != NULL)
		memcpy(exchange.line, initial.p, initial.n);
	wire_wipe(sasl->wire, initial);
	while (i < COUNT && !span_equal_nocase(mechanism,
	    span_of(mechanisms[i].name)))
		i++;
	exchange.plus = i < COUNT &&
	    mechanisms[i].offer == REPLY_OFFER_SCRAM_PLUS;
	if (i < COUNT && mechanisms[i].offer == REPLY_OFFER_PASSWORD &&
	    !sasl->plaintext)
		return REPLY_NO_PLAINTEXT;
	if (i < COUNT && (sasl->offers & mechanisms[i].offer) != 0)
		text = mechanisms[i].run(&exchange);
	else
		exchange.fault = LOGIN_FAULT_MECHANISM;
	if (exchange.fault != LOGIN_FAULT_NONE) {
		question->method = i < COUNT ? mechanisms[i].method :
		    LOGIN_USER;
		question->fault = exchange.fault;
		question->name_n = question->secret_n = 0;
		text = sasl->ask(sasl->to);
		question->fault = LOGIN_FAULT_NONE;
	}
	span_wipe(&exchange, sizeof(exchange));
	return text;
}
