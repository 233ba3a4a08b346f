/* SPDX-License-Identifier: ISC */
/*
 * The messages of the SASL mechanisms.
 */
#include "config.h"

#include <string.h>

#include "base/limits.h"
#include "talk/mechanism.h"

static bool
has_nul(struct span s)
{
	return s.n > 0 && memchr(s.p, '\0', s.n) != NULL;
}

bool
mechanism_plain(struct span octets, struct mechanism_message *message)
{
	struct span rest = octets;

	message->authzid = span_cut(&rest, '\0');
	message->name = span_cut(&rest, '\0');
	message->secret = rest;
	return rest.p != NULL && !has_nul(rest) && message->name.n > 0 &&
	    message->name.n <= LIMITS_COMMAND && rest.n <= LIMITS_COMMAND;
}

bool
mechanism_cram(struct span octets, struct mechanism_message *message)
{
	size_t blank = octets.n;

	while (blank > 0 && octets.p[blank - 1] != ' ')
		blank--;
	if (blank <= 1 || blank - 1 > LIMITS_COMMAND || has_nul(octets) ||
	    octets.n - blank > LIMITS_COMMAND)
		return false;
	*message = (struct mechanism_message){
		.name = { octets.p, blank - 1 },
		.secret = { octets.p + blank, octets.n - blank },
	};
	return true;
}
