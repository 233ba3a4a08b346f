/* SPDX-License-Identifier: ISC */
/*
 * The messages of the SASL mechanisms.
 */
#include "config.h"

#include <string.h>

#include "base/base64.h"
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

/* Take an attribute, ${letter} and = and a value, and the comma behind it from
 * ${rest}.  Returns whether it is there and has a value. */
static bool
take(struct span *rest, char letter, struct span *value)
{
	struct span part = span_cut(rest, ',');

	if (part.n < 3 || part.p[0] != letter || part.p[1] != '=')
		return false;
	*value = (struct span){ part.p + 2, part.n - 2 };
	return true;
}

/* Decode a saslname: =2C is a comma, =3D an equals sign (RFC 5802 s5.1). */
static bool
decode_name(struct span text, char room[LIMITS_COMMAND], struct span *name)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++, n++) {
		if (n == LIMITS_COMMAND)
			return false;
		room[n] = text.p[i];
		if (text.p[i] != '=')
			continue;
		if (text.n - i < 3)
			return false;
		if (memcmp(text.p + i, "=2C", 3) == 0)
			room[n] = ',';
		else if (memcmp(text.p + i, "=3D", 3) != 0)
			return false;
		i += 2;
	}
	*name = (struct span){ room, n };
	return n > 0;
}

/* Whether ${nonce} is of printable octets (no comma is in it). */
static bool
is_nonce(struct span nonce, size_t most)
{
	for (size_t i = 0; i < nonce.n; i++)
		if (nonce.p[i] <= ' ' || nonce.p[i] == 0x7f)
			return false;
	return nonce.n <= most;
}

/* Read the gs2-header from ${rest}. */
static bool
take_header(struct span *rest, struct mechanism_first *first)
{
	struct span authzid;

	first->flag = span_cut(rest, ',');
	if (!span_equal(first->flag, SPAN("n")) &&
	    !span_equal(first->flag, SPAN("y")) &&
	    (first->flag.n <= 2 || memcmp(first->flag.p, "p=", 2) != 0))
		return false;
	first->authzid = SPAN("");
	if (rest->n > 0 && rest->p[0] == ',') {
		(void)span_cut(rest, ',');
		return true;
	}
	return take(rest, 'a', &authzid) && decode_name(authzid,
	    first->authzid_room, &first->authzid);
}

bool
mechanism_scram_first(struct span octets, struct mechanism_first *first)
{
	struct span rest = octets, name;

	if (has_nul(octets) || !take_header(&rest, first) || rest.p == NULL)
		return false;
	first->header = (struct span){ octets.p,
	    (size_t)(rest.p - octets.p) };
	first->bare = rest;
	return rest.n <= LIMITS_CREDENTIAL && take(&rest, 'n', &name) &&
	    decode_name(name, first->room, &first->name) &&
	    take(&rest, 'r', &first->nonce) &&
	    /* With the two octets in front of it. */
	    is_nonce(first->nonce, LIMITS_NONCE - 2);
}

bool
mechanism_scram_final(struct span octets, struct mechanism_final *final)
{
	char text[SCRAM_OCTETS + 1];
	struct span rest = octets, binding, part, proof;

	if (has_nul(octets) || !take(&rest, 'c', &binding) ||
	    base64_decode(binding, final->room, sizeof(final->room),
	    &final->binding) == -1 || !take(&rest, 'r', &final->nonce))
		return false;
	/* The proof is the last; what stands before it may be ignored. */
	do
		part = span_cut(&rest, ',');
	while (rest.p != NULL);
	if (!take(&part, 'p', &binding))
		return false;
	final->without = (struct span){ octets.p,
	    (size_t)(binding.p - octets.p) - 3 };
	if (final->without.n > LIMITS_CREDENTIAL - SCRAM_OCTETS ||
	    base64_decode(binding, text, sizeof(text), &proof) == -1 ||
	    proof.n != SCRAM_OCTETS)
		return false;
	memcpy(final->proof, proof.p, proof.n);
	return true;
}
