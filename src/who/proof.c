/* SPDX-License-Identifier: ISC */
/*
 * The server's side of SCRAM-SHA-256.
 */
#include "config.h"

#include <sys/random.h>

#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "who/password.h"
#include "who/proof.h"

bool
proof_any(const struct users *users)
{
	return users->file.path != NULL &&
	    records_first(&users->file, 0, password_is_key) != 0;
}

/* Find the key of ${proof}->name, or make one that is nobody's. */
static int
find_key(struct proof *proof, const struct users *users)
{
	const struct span name = { proof->name, proof->name_n };
	struct users_entry entry;
	int found = users_find(users, name, USERS_KEY, &entry);

	proof->known = found == 1 && scram_read(span_of(entry.hash),
	    &proof->key);
	if (!proof->known) {
		if (!scram_read(password_hash(span_of(entry.other)),
		    &proof->key))
			proof->key = (struct scram_key){
			    .iterations = LIMITS_ITERATIONS_LEAST,
			    .salt_n = LIMITS_SALT_OURS };
		scram_pretend(&proof->key, name);
	}
	users_forget(&entry);
	return found;
}

/* Write the server-first-message to ${challenge}: the nonce of the client, and
 * ours behind it.  Returns its octets, or 0. */
static int
write_first(const struct proof *proof, struct span first, char *challenge)
{
	char random[LIMITS_NONCE_OURS], ours[BASE64_TEXT(LIMITS_NONCE_OURS)];
	char salt[BASE64_TEXT(LIMITS_SALT)];
	struct span nonce, text, of_salt = base64_encode((struct span){
	    (const char *)proof->key.salt, proof->key.salt_n }, salt,
	    sizeof(salt));
	int n;

	(void)span_cut(&first, ',');
	nonce = span_cut(&first, ',');
	if (nonce.n <= 2 || nonce.n > LIMITS_NONCE || getrandom(random,
	    sizeof(random), 0) != (ssize_t)sizeof(random))
		return 0;
	text = base64_encode((struct span){ random, sizeof(random) }, ours,
	    sizeof(ours));
	n = snprintf(challenge, LIMITS_CREDENTIAL, "%.*s%.*s,s=%.*s,i=%u",
	    (int)nonce.n, nonce.p, (int)text.n, text.p, (int)of_salt.n,
	    of_salt.p, proof->key.iterations);
	return n < LIMITS_CREDENTIAL ? n : 0;
}

static void
append(struct proof *proof, struct span octets)
{
	memcpy(proof->message + proof->n, octets.p, octets.n);
	proof->n += octets.n;
	proof->message[proof->n++] = ',';
}

int
proof_begin(struct proof *proof, const struct users *users, struct span name,
    struct span first, char *challenge)
{
	int n;

	proof_forget(proof);
	if (name.n > sizeof(proof->name) || first.n > LIMITS_CREDENTIAL)
		return 0;
	if (name.n > 0)
		memcpy(proof->name, name.p, name.n);
	proof->name_n = name.n;
	if (find_key(proof, users) == -1)
		return -1;
	n = write_first(proof, first, challenge);
	if (n <= 0)
		return 0;
	append(proof, first);
	append(proof, (struct span){ challenge, (size_t)n });
	proof->step = PROOF_BEGUN;
	return n;
}

void
proof_bind(struct proof *proof, struct span binding)
{
	proof->binding_n = binding.n <= sizeof(proof->binding) ? binding.n : 0;
	memcpy(proof->binding, binding.p, proof->binding_n);
}

/* Whether ${final}, which begins with c=, was said on this connection. */
static bool
is_bound(const struct proof *proof, struct span final)
{
	const struct span kind = SPAN("p=tls-exporter,");
	const struct span binding = { proof->binding, proof->binding_n };
	char room[LIMITS_CREDENTIAL];
	struct span text = span_cut(&final, ','), got;

	if (text.n < 3 || base64_decode((struct span){ text.p + 2,
	    text.n - 2 }, room, sizeof(room), &got) == -1 || got.n == 0)
		return false;
	if (got.p[0] != 'p')
		return got.p[0] == 'n' || binding.n == 0;
	return binding.n > 0 && got.n > kind.n + binding.n &&
	    memcmp(got.p, kind.p, kind.n) == 0 && span_equal_secret(
	    (struct span){ got.p + got.n - binding.n, binding.n }, binding);
}

int
proof_check(struct proof *proof, const struct users *users,
    struct users_entry *entry, struct span final, char *challenge)
{
	const struct span message = { proof->message, proof->n };
	uint8_t given[SCRAM_OCTETS], signature[SCRAM_OCTETS];
	char text[BASE64_TEXT(SCRAM_OCTETS)];
	struct span signed_by;
	bool proves;
	int found;

	if (proof->step != PROOF_BEGUN || final.n < SCRAM_OCTETS)
		return 0;
	memcpy(given, final.p, SCRAM_OCTETS);
	final = (struct span){ final.p + SCRAM_OCTETS,
	    final.n - SCRAM_OCTETS };
	found = users_find(users, (struct span){ proof->name, proof->name_n },
	    USERS_KEY, entry);
	proves = scram_proves(&proof->key, message, final, given) &&
	    is_bound(proof, final);
	scram_sign(&proof->key, message, final, signature);
	proof->step = PROOF_NONE;
	if (found != 1 || !proves || !proof->known)
		return found == -1 ? -1 : 0;
	proof->step = PROOF_GIVEN;
	signed_by = base64_encode((struct span){ (const char *)signature,
	    sizeof(signature) }, text, sizeof(text));
	return snprintf(challenge, LIMITS_CREDENTIAL, "v=%.*s",
	    (int)signed_by.n, signed_by.p);
}

int
proof_end(struct proof *proof, const struct users *users,
    struct users_entry *entry)
{
	int found = 0;

	if (proof->step == PROOF_GIVEN)
		found = users_find(users, (struct span){ proof->name,
		    proof->name_n }, USERS_KEY, entry);
	proof_forget(proof);
	return found;
}

void
proof_forget(struct proof *proof)
{
	if (proof->n > 0)
		span_wipe(proof, sizeof(*proof));
	proof->step = PROOF_NONE;
}
