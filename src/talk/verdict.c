/* SPDX-License-Identifier: ISC */
/*
 * The answer to a question of AUTHORIZATION, and when it is given.
 */
#include "config.h"

#include <stddef.h>
#include <string.h>

#include "base/channel.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "talk/verdict.h"

enum log_method
verdict_method(enum login_method method)
{
	static const enum log_method methods[] = {
		[LOGIN_USER] = LOG_METHOD_NONE,
		[LOGIN_PASS] = LOG_METHOD_PASS,
		[LOGIN_APOP] = LOG_METHOD_APOP,
		[LOGIN_PLAIN] = LOG_METHOD_PLAIN,
		[LOGIN_CRAM_BEGIN] = LOG_METHOD_CRAM,
		[LOGIN_CRAM] = LOG_METHOD_CRAM,
		[LOGIN_SCRAM_BEGIN] = LOG_METHOD_SCRAM,
		[LOGIN_SCRAM] = LOG_METHOD_SCRAM,
		[LOGIN_SCRAM_END] = LOG_METHOD_SCRAM,
		[LOGIN_KEYS] = LOG_METHOD_NONE,
	};

	return methods[method];
}

/* Tell what broke an exchange. */
static enum reply_text
tell_fault(const struct verdict *verdict, enum login_fault fault)
{
	static const struct {
		const char *why;
		enum reply_text text;
	} rows[] = {
		[LOGIN_FAULT_MECHANISM] = { "mechanism", REPLY_NO_MECHANISM },
		[LOGIN_FAULT_CANCELLED] = { "cancelled", REPLY_CANCELLED },
		[LOGIN_FAULT_LONG] = { "too-long", REPLY_TOO_LONG },
		[LOGIN_FAULT_BASE64] = { "base64", REPLY_BAD_EXCHANGE },
		[LOGIN_FAULT_FORM] = { "form", REPLY_BAD_EXCHANGE },
		[LOGIN_FAULT_NONCE] = { "nonce", REPLY_BAD_EXCHANGE },
		[LOGIN_FAULT_BINDING] = { "channel-binding",
		    REPLY_BAD_EXCHANGE },
		[LOGIN_FAULT_AUTHZID] = { "other-user", REPLY_NOT_ONESELF },
	};

	log_info("broken login peer=%s method=%s why=%s", verdict->peer,
	    log_method_word(verdict_method(verdict->method)),
	    rows[fault].why);
	return rows[fault].text;
}

/* Refuse a login, after the time that every refusal of this try takes.  A user
 * of that ${name} is there, or it is empty: people type passwords where the
 * name belongs. */
static enum reply_text
refuse(struct verdict *verdict, const char *name, int64_t asked)
{
	struct login *login = &verdict->login;
	char user[LOG_ESCAPED(LIMITS_NAME)];
	int64_t due;

	login->tries++;
	log_info("refused login peer=%s method=%s try=%u%s%s",
	    verdict->peer, log_method_word(verdict_method(verdict->method)),
	    login->tries, name[0] == '\0' ? "" : " user=",
	    log_escape(name, strlen(name), user));
	due = asked + login_delay(login->tries, login->options->fail_delay,
	    clock_ms() - asked);
	(void)channel_wait(-1, 0, due, verdict->waiting, verdict->stop);
	/* Nobody is told anything any more. */
	if (*verdict->stop != 0)
		return REPLY_SENT;
	return login->tries < LIMITS_TRIES ? REPLY_REFUSED :
	    REPLY_REFUSED_LAST;
}

enum reply_text
verdict_give(struct verdict *verdict, struct login_question *question,
    struct users_entry *entry)
{
	int64_t asked = clock_ms();

	verdict->method = question->method;
	question->challenge_n = 0;
	if (question->fault != LOGIN_FAULT_NONE) {
		login_break(&verdict->login);
		return tell_fault(verdict, question->fault);
	}
	/* Who asks all the same is told nothing. */
	if (question->method == LOGIN_USER &&
	    verdict->login.options->hide_users)
		return REPLY_USER;
	switch (login_check(&verdict->login, question, entry)) {
	case LOGIN_ACCEPTED:
		if (question->method == LOGIN_KEYS)
			return REPLY_OK;
		if (question->method != LOGIN_USER)
			return REPLY_MAILDROP;
		users_forget(entry);
		return REPLY_USER;
	case LOGIN_REFUSED:
		return question->method == LOGIN_USER ? REPLY_NO_USER :
		    refuse(verdict, entry->name, asked);
	case LOGIN_CHALLENGE:
		return REPLY_CHALLENGE;
	case LOGIN_NO_KEYS:
		return REPLY_NO_MECHANISM;
	case LOGIN_UNJUDGED:
		return *verdict->stop != 0 ? REPLY_SENT : REPLY_UNJUDGED;
	case LOGIN_MISCONFIGURED:
		break;
	}
	return question->method == LOGIN_APOP ? REPLY_NO_APOP :
	    REPLY_MISCONFIGURED;
}
