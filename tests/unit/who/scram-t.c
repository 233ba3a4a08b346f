/* SPDX-License-Identifier: ISC */
/*
 * The scram room: the exchange of RFC 7677 section 3, and stored keys as
 * `doveadm pw -s SCRAM-SHA-256' of Dovecot 2.3 writes them.
 */
#include "unit/unit.h"

#include "base/base64.h"
#include "who/password.h"
#include "who/scram.h"

#define OCTETS(literal) { (literal), sizeof(literal) - 1 }

/* The example of RFC 7677: user "user", password "pencil". */
#define CLIENT_FIRST "n=user,r=rOprNGfwEbeRWgbNEkqO"
#define NONCE "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define SERVER_FIRST "r=" NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
#define CLIENT_FINAL "c=biws,r=" NONCE
#define PROOF "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define SIGNATURE "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

static void
decode(const char *text, void *octets, size_t n)
{
	struct span got;

	assert_int_equal(base64_decode(span_of(text), octets, n, &got), 0);
}

static void
make(struct scram_key *key)
{
	char salt[18];

	memset(key, 0, sizeof(*key));
	decode("W22ZaJ0SNY7soEsUEjb6gQ==", salt, sizeof(salt));
	memcpy(key->salt, salt, 16);
	key->salt_n = 16;
	key->iterations = 4096;
	scram_make(SPAN("pencil"), key);
}

static void
test_rfc_7677(void **state)
{
	const struct span message = SPAN(CLIENT_FIRST "," SERVER_FIRST ",");
	uint8_t proof[33], signature[SCRAM_OCTETS];
	char text[BASE64_TEXT(SCRAM_OCTETS) + 1] = "";
	struct scram_key key;

	(void)state;
	make(&key);
	decode(PROOF, proof, sizeof(proof));
	assert_true(scram_proves(&key, message, SPAN(CLIENT_FINAL), proof));
	scram_sign(&key, message, SPAN(CLIENT_FINAL), signature);
	(void)base64_encode((struct span){ (const char *)signature,
	    sizeof(signature) }, text, sizeof(text));
	assert_string_equal(text, SIGNATURE);
	for (size_t i = 0; i < 8 * SCRAM_OCTETS; i++) {
		proof[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_false(scram_proves(&key, message, SPAN(CLIENT_FINAL),
		    proof));
		proof[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	assert_false(scram_proves(&key, message, SPAN("c=eSws,r=" NONCE),
	    proof));
	assert_false(scram_proves(&key, SPAN(CLIENT_FIRST "," SERVER_FIRST
	    "0,"), SPAN(CLIENT_FINAL), proof));
}

/* The same exchange bound to a connection whose value of tls-exporter is 32
 * octets from 0 to 31, as made by Python's hashlib and hmac. */
#define BOUND_FINAL "c=cD10bHMtZXhwb3J0ZXIsLAAB" \
	"AgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f,r=" NONCE
#define BOUND_PROOF "QC6CS20quADQRb3mT99YUH+n3VJxUvzuK0K0E1Vrs2M="
#define BOUND_SIGNATURE "2GiAgapEppLVlUXbxUDksL3VgYHzuqiK5tR4mhJGgvs="

static void
test_bound(void **state)
{
	const struct span message = SPAN(CLIENT_FIRST "," SERVER_FIRST ",");
	const struct span final = SPAN(BOUND_FINAL);
	uint8_t proof[33], signature[SCRAM_OCTETS];
	char text[BASE64_TEXT(SCRAM_OCTETS) + 1] = "";
	struct scram_key key;

	(void)state;
	make(&key);
	decode(BOUND_PROOF, proof, sizeof(proof));
	assert_true(scram_proves(&key, message, final, proof));
	assert_false(scram_proves(&key, message, SPAN(CLIENT_FINAL), proof));
	scram_sign(&key, message, final, signature);
	(void)base64_encode((struct span){ (const char *)signature,
	    sizeof(signature) }, text, sizeof(text));
	assert_string_equal(text, BOUND_SIGNATURE);
}

#define KEYS "xAfePX0rFTzeU4Gin8Z9wXjHtYHN14Oz/8sfgU72Zgs=," \
	"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="

static void
test_text(void **state)
{
	struct scram_key key, again;
	char text[SCRAM_TEXT], locked[SCRAM_TEXT + 1];

	(void)state;
	make(&key);
	scram_write(&key, text);
	assert_true(scram_read(span_of(text), &again));
	assert_int_equal(again.iterations, 4096);
	assert_int_equal(again.salt_n, 16);
	assert_memory_equal(again.stored, key.stored, SCRAM_OCTETS);
	assert_memory_equal(again.server, key.server, SCRAM_OCTETS);
	assert_true(scram_fits(&again, SPAN("pencil")));
	assert_false(scram_fits(&again, SPAN("Pencil")));
	assert_false(scram_fits(&again, SPAN("")));
	/* One record is a password's, too, unless it is locked. */
	assert_true(password_is_there(span_of(text)));
	assert_true(password_is_key(span_of(text)));
	assert_true(password_fits(text, "", SPAN("pencil")));
	assert_false(password_fits(text, "", SPAN("pencil ")));
	assert_false(password_fits("", text, SPAN("pencil")));
	(void)snprintf(locked, sizeof(locked), "!%s", text);
	assert_true(password_is_key(span_of(locked)));
	assert_false(password_fits(locked, "", SPAN("pencil")));
}

static void
test_read(void **state)
{
	static const struct {
		const char *what;
		struct span text;
		bool reads;
	} rows[] = {
		{ "a stored key", OCTETS("{SCRAM-SHA-256}4096,"
		    "W22ZaJ0SNY7soEsUEjb6gQ==," KEYS), true },
		{ "a million iterations", OCTETS("{SCRAM-SHA-256}1000000,"
		    "W22ZaJ0SNY7soEsUEjb6gQ==," KEYS), true },
		{ "a short salt", OCTETS("{SCRAM-SHA-256}4096,Wg==," KEYS),
		    true },
		{ "one iteration more", OCTETS("{SCRAM-SHA-256}1000001,"
		    "W22ZaJ0SNY7soEsUEjb6gQ==," KEYS), false },
		{ "too few iterations", OCTETS("{SCRAM-SHA-256}4095,"
		    "W22ZaJ0SNY7soEsUEjb6gQ==," KEYS), false },
		{ "no salt", OCTETS("{SCRAM-SHA-256}4096,," KEYS), false },
		{ "no ServerKey", OCTETS("{SCRAM-SHA-256}4096,"
		    "W22ZaJ0SNY7soEsUEjb6gQ==,"
		    "xAfePX0rFTzeU4Gin8Z9wXjHtYHN14Oz/8sfgU72Zgs="), false },
		{ "a key that is too short", OCTETS("{SCRAM-SHA-256}4096,"
		    "W22ZaJ0SNY7soEsUEjb6gQ==,Wg==,"
		    "xAfePX0rFTzeU4Gin8Z9wXjHtYHN14Oz/8sfgU72Zgs="), false },
		{ "more behind it", OCTETS("{SCRAM-SHA-256}4096,"
		    "W22ZaJ0SNY7soEsUEjb6gQ==," KEYS ","), false },
		{ "another scheme", OCTETS("{SCRAM-SHA-1}4096,"
		    "W22ZaJ0SNY7soEsUEjb6gQ==," KEYS), false },
		{ "the form of RFC 5803", OCTETS("SCRAM-SHA-256$4096:"
		    "W22ZaJ0SNY7soEsUEjb6gQ==$" KEYS), false },
		{ "a hash", OCTETS("$6$x$y"), false },
		{ "nothing", OCTETS(""), false },
		{ "the scheme alone", OCTETS("{SCRAM-SHA-256}"), false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct scram_key key;

		ROW(rows[i].what, scram_read(rows[i].text, &key) ==
		    rows[i].reads);
	}
}

/* What nobody has looks as if somebody had it, and stays what it is. */
static void
test_pretend(void **state)
{
	struct scram_key key, a, b, c;

	(void)state;
	make(&key);
	a = b = c = key;
	scram_pretend(&a, SPAN("arthur"));
	scram_pretend(&b, SPAN("arthur"));
	scram_pretend(&c, SPAN("arthur2"));
	assert_int_equal(a.iterations, key.iterations);
	assert_int_equal(a.salt_n, key.salt_n);
	assert_memory_equal(a.salt, b.salt, a.salt_n);
	assert_memory_not_equal(a.salt, key.salt, a.salt_n);
	assert_memory_not_equal(a.salt, c.salt, a.salt_n);
	assert_false(scram_fits(&a, SPAN("pencil")));
	/* Another secret in its place makes another salt. */
	b = key;
	b.server[0] ^= 1;
	scram_pretend(&b, SPAN("arthur"));
	assert_memory_not_equal(a.salt, b.salt, a.salt_n);
	/* The longest. */
	a = key;
	a.salt_n = sizeof(a.salt);
	scram_pretend(&a, SPAN("arthur"));
	assert_memory_not_equal(a.salt, a.salt + SCRAM_OCTETS, SCRAM_OCTETS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc_7677),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_pretend),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
