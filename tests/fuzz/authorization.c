/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes wire, dispatch and the commands of AUTHORIZATION: what the client
 * sends is the input, its last three octets choose the settings.  However it is
 * cut into pieces, the same is answered and the same is asked; what is answered
 * is lines of RFC 1939.
 */
#include "config.h"

#include <string.h>

#include "talk/authorization.h"
#include "fuzz.h"

struct run {
	unsigned settings, seed;
	uint64_t asked;		/* hash of all questions */
	unsigned questions;
	enum dispatch_end end;
	enum wire_end wire_end;
	struct span got;	/* by the client */
	size_t unread;
	char first[LIMITS_INPUT];	/* what is unread */
};

static uint64_t
mix(uint64_t hash, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (unsigned char)p[i]) * 1099511628211u;
	return (hash ^ n) * 1099511628211u;
}

/* Answer by what is asked. */
static enum reply_text
answer(void *to, struct login_question *question)
{
	static const enum reply_text texts[] = { REPLY_REFUSED,
	    REPLY_REFUSED, REPLY_REFUSED_LAST, REPLY_MAILDROP,
	    REPLY_IN_USE, REPLY_TROUBLE, REPLY_MISCONFIGURED,
	    REPLY_SENT };
	static const char challenge[] = "r=abcdef,s=c2FsdA==,i=4096";
	struct run *run = to;

	FUZZ_CHECK(question->name_n >= 1 || question->fault != 0 ||
	    question->method == LOGIN_CRAM_BEGIN ||
	    question->method >= LOGIN_SCRAM);
	FUZZ_CHECK(question->name_n <= sizeof(question->name));
	FUZZ_CHECK(question->secret_n <= sizeof(question->secret));
	run->asked = mix(run->asked ^ question->method, question->name,
	    question->name_n);
	run->asked = mix(run->asked, question->secret, question->secret_n);
	run->questions++;
	/* A challenge as the judge makes them. */
	if (question->fault == 0 && (question->method == LOGIN_CRAM_BEGIN ||
	    question->method == LOGIN_SCRAM_BEGIN ||
	    (question->method == LOGIN_SCRAM && run->asked % 4 != 0))) {
		question->challenge_n = sizeof(challenge) - 1;
		memcpy(question->challenge, challenge, sizeof(challenge) - 1);
		return REPLY_CHALLENGE;
	}
	if (question->method == LOGIN_KEYS)
		return (run->settings & 8) == 0 ? REPLY_OK :
		    REPLY_NO_MECHANISM;
	if (question->method == LOGIN_USER)
		return (run->asked + run->seed) % 3 == 0 ? REPLY_NO_USER :
		    REPLY_USER;
	return texts[(run->asked + run->seed) % 8];
}

static void
speak(struct run *run, struct span input, size_t chunk)
{
	struct wire *wire = malloc(sizeof(*wire));
	struct stls stls;
	struct authorization state = {
		.wire = wire,
		.stls = &stls,
		.host = SPAN("dewey"),
		.plaintext = (run->settings & 1) == 0,
		.passwords = (run->settings & 2) == 0,
		.apop = (run->settings & 4) == 0,
		.offers = run->settings & 7,
		.hide_users = (run->settings & 8) == 0,
		.ask = answer,
		.to = run,
	};
	struct span unread;

	FUZZ_CHECK(wire != NULL);
	stls_none(&stls);
	stls.bound = run->seed % 2 != 0;
	fuzz_client(wire, input, chunk, NULL, NULL);
	run->end = authorization_run(&state);
	run->wire_end = wire->end;
	unread = wire_unread(wire);
	run->unread = unread.n;
	memcpy(run->first, unread.p, unread.n);
	run->got = fuzz_client_end(wire);
	free(wire);
}

/* Lines of at most 512 octets, of printable ASCII, each ended by CR LF; a reply
 * or a line of CAPA's list. */
static void
check_lines(struct span got)
{
	while (got.n > 0) {
		struct span line = span_cut(&got, '\n');

		FUZZ_CHECK(got.p != NULL && line.n >= 2);
		FUZZ_CHECK(line.n < LIMITS_REPLY);
		FUZZ_CHECK(line.p[--line.n] == '\r');
		for (size_t i = 0; i < line.n; i++)
			FUZZ_CHECK(line.p[i] >= ' ' && line.p[i] < 0x7f);
		if (line.p[0] == '+')
			FUZZ_CHECK((line.n >= 3 &&
			    memcmp(line.p, "+OK", 3) == 0) ||
			    (line.n >= 2 && line.p[1] == ' '));
		if (line.p[0] == '-')
			FUZZ_CHECK(line.n > 5 && memcmp(line.p, "-ERR ", 5) == 0);
	}
}

void
fuzz_authorization(struct span input)
{
	size_t chunk = fuzz_number(&input, 255);
	unsigned settings = fuzz_number(&input, 15);
	unsigned seed = fuzz_number(&input, 255);
	struct run *runs = calloc(2, sizeof(*runs));
	size_t most;

	FUZZ_CHECK(runs != NULL);
	for (unsigned i = 0; i < 2; i++) {
		runs[i].settings = settings;
		runs[i].seed = seed;
		speak(&runs[i], input, i == 0 ? 0 : chunk + 1);
		check_lines(runs[i].got);
		/* What was read and not used is what comes next. */
		if (runs[i].unread > 0)
			FUZZ_CHECK(memmem(input.p, input.n, runs[i].first,
			    runs[i].unread) != NULL);
	}
	FUZZ_CHECK(runs[0].end == runs[1].end);
	FUZZ_CHECK(runs[0].wire_end == runs[1].wire_end);
	FUZZ_CHECK(runs[0].questions == runs[1].questions);
	FUZZ_CHECK(runs[0].asked == runs[1].asked);
	FUZZ_CHECK(span_equal(runs[0].got, runs[1].got));
	/* Both begin with the same unread octets: those behind the last line
	 * that was read. */
	most = runs[0].unread < runs[1].unread ? runs[0].unread :
	    runs[1].unread;
	if (runs[0].end == DISPATCH_END_LEFT)
		FUZZ_CHECK(memcmp(runs[0].first, runs[1].first, most) == 0);
	for (unsigned i = 0; i < 2; i++)
		free((char *)(uintptr_t)runs[i].got.p);
	free(runs);
}
