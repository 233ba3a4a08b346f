/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes what is said to saslauthd and what it answers: the input is an answer,
 * and a name and a password with NUL between them.  An answer has one length at
 * which it is whole and is OK by those two letters alone; a question can be taken
 * apart again, or is none.
 */
#include "config.h"

#include <string.h>

#include "who/saslauthd.h"
#include "fuzz.h"

static void
check_answer(struct span input)
{
	enum saslauthd_answer answer;
	struct span reason;
	int whole = 0;

	for (size_t n = 0; n <= input.n && n <= LIMITS_SASLAUTHD_ANSWER + 3;
	    n++) {
		struct span begin = { input.p, n };
		int got = saslauthd_read(begin, &answer, &reason);

		/* Once it is whole, or none, more octets make it none. */
		FUZZ_CHECK(whole == 0 || got == -1);
		whole = got != 0 ? got : whole;
		if (got != 1)
			continue;
		FUZZ_CHECK(answer == SASLAUTHD_OK || answer == SASLAUTHD_NO);
		FUZZ_CHECK((answer == SASLAUTHD_OK) ==
		    (memcmp(input.p + 2, "OK", 2) == 0));
		FUZZ_CHECK(n >= 4 && (n == 4 || input.p[4] == ' '));
		FUZZ_CHECK(reason.n == (n == 4 ? 0 : n - 5));
		FUZZ_CHECK(reason.n == 0 || reason.p == input.p + 5);
	}
}

/* Take a counted string off ${rest}. */
static struct span
take(struct span *rest)
{
	struct span string;

	FUZZ_CHECK(rest->n >= 2);
	string.n = (size_t)(unsigned char)rest->p[0] << 8 |
	    (unsigned char)rest->p[1];
	string.p = rest->p + 2;
	FUZZ_CHECK(rest->n - 2 >= string.n);
	*rest = (struct span){ string.p + string.n, rest->n - 2 - string.n };
	return string;
}

void
fuzz_saslauthd(struct span input)
{
	struct span password = input, name = span_cut(&password, '\0'), rest;
	char question[SASLAUTHD_QUESTION];
	size_t n;

	check_answer(input);
	n = saslauthd_question(name, password, question);
	FUZZ_CHECK(n <= sizeof(question));
	FUZZ_CHECK((n == 0) == (name.n > LIMITS_SASLAUTHD ||
	    password.n > LIMITS_SASLAUTHD || (password.n > 0 &&
	    memchr(password.p, '\0', password.n) != NULL)));
	if (n == 0)
		return;
	rest = (struct span){ question, n };
	FUZZ_CHECK(span_equal(take(&rest), name));
	FUZZ_CHECK(span_equal(take(&rest), password));
	FUZZ_CHECK(span_equal(take(&rest), SPAN("pop")));
	FUZZ_CHECK(take(&rest).n == 0 && rest.n == 0);
}
