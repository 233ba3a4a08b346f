/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the server's side of SCRAM and of all logins: the input is a dialogue of
 * questions, each an octet for its method, a name, and what comes with it, ended
 * by LF.  Whatever the order, nobody is let in who has not proved something, and
 * no challenge is answered twice.
 */
#include "config.h"

#include <string.h>

#include "who/login.h"
#include "fuzz.h"

/* Of "pencil", as in RFC 7677; a hash; a locked key. */
#define KEY "{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==," \
	"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=," \
	"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
static const char file[] = "user:" KEY "\nhashed:$1$x$y\nlocked:!" KEY "\n";

/* Ask one question.  Returns the verdict. */
static enum login_verdict
ask(struct login *login, enum login_method method, struct span name,
    struct span secret)
{
	static struct login_question question;
	struct users_entry entry;
	enum login_verdict verdict;

	question.method = method;
	question.challenge_n = 0;
	question.name_n = name.n < sizeof(question.name) ? name.n :
	    sizeof(question.name);
	question.secret_n = secret.n < sizeof(question.secret) ? secret.n :
	    sizeof(question.secret);
	if (name.n > 0)
		memcpy(question.name, name.p, question.name_n);
	if (secret.n > 0)
		memcpy(question.secret, secret.p, question.secret_n);
	verdict = login_check(login, &question, &entry);
	FUZZ_CHECK(question.challenge_n <= sizeof(question.challenge));
	FUZZ_CHECK((verdict == LOGIN_CHALLENGE) == (question.challenge_n > 0));
	users_forget(&entry);
	return verdict;
}

void
fuzz_proof(struct span input)
{
	static const enum login_method methods[] = { LOGIN_USER, LOGIN_CRAM_BEGIN,
	    LOGIN_CRAM, LOGIN_SCRAM_BEGIN, LOGIN_SCRAM, LOGIN_SCRAM_END,
	    LOGIN_KEYS, LOGIN_APOP };
	static struct login login;
	static struct options options;
	bool begun = false;

	options_begin(&options);
	options.hide_users = false;
	memset(&login, 0, sizeof(login));
	login.options = &options;
	login.users.file.path = fuzz_path((struct span){ file,
	    sizeof(file) - 1 });
	FUZZ_CHECK(records_open(&login.users.file, login.users.file.path,
	    RECORDS_PUBLIC) == 0);
	while (input.n > 1) {
		enum login_method method = methods[(unsigned char)input.p[0] % 8];
		struct span rest = { input.p + 1, input.n - 1 };
		struct span secret = span_cut(&rest, '\n');
		struct span name = span_cut(&secret, ' ');
		enum login_verdict verdict = ask(&login, method, name, secret);

		if (method == LOGIN_SCRAM)
			FUZZ_CHECK(verdict != LOGIN_CHALLENGE);
		if (verdict == LOGIN_ACCEPTED)
			FUZZ_CHECK(method == LOGIN_USER ||
			    method == LOGIN_KEYS);
		if (method == LOGIN_SCRAM && !begun)
			FUZZ_CHECK(verdict == LOGIN_REFUSED);
		begun = method == LOGIN_SCRAM_BEGIN || (begun &&
		    (method == LOGIN_KEYS || method == LOGIN_CRAM_BEGIN));
		input = rest;
	}
	login_close(&login);
}
