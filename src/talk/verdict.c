/* SPDX-License-Identifier: ISC */
/*
 * The answer to a question of AUTHORIZATION, and when it is given.
 */
#include "config.h"

#include <stddef.h>

#include "base/channel.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "talk/verdict.h"

enum log_method
verdict_method(enum login_method method)
{
	return method == LOGIN_APOP ? LOG_METHOD_APOP :
	    LOG_METHOD_PASS;
}

/* Refuse a login, after the time that every refusal of this try takes. */
static enum dispatch_text
refuse(struct verdict *verdict, int64_t asked)
{
	struct login *login = &verdict->login;
	int64_t due;

	login->tries++;
	log_info("refused login peer=%s method=%s try=%u",
	    verdict->peer, log_method_word(verdict_method(verdict->method)),
	    login->tries);
	due = asked + login_delay(login->tries, login->options->fail_delay,
	    clock_ms() - asked);
	(void)channel_wait(-1, 0, due, verdict->waiting, verdict->stop);
	/* Nobody is told anything any more. */
	if (*verdict->stop != 0)
		return DISPATCH_SENT;
	return login->tries < LIMITS_TRIES ? DISPATCH_REFUSED :
	    DISPATCH_REFUSED_LAST;
}

enum dispatch_text
verdict_give(struct verdict *verdict, const struct login_question *question,
    struct users_entry *entry)
{
	int64_t asked = clock_ms();

	verdict->method = question->method;
	/* Who asks all the same is told nothing. */
	if (question->method == LOGIN_USER &&
	    verdict->login.options->hide_users)
		return DISPATCH_USER;
	switch (login_check(&verdict->login, question, entry)) {
	case LOGIN_ACCEPTED:
		if (question->method != LOGIN_USER)
			return DISPATCH_MAILDROP;
		users_forget(entry);
		return DISPATCH_USER;
	case LOGIN_REFUSED:
		return question->method == LOGIN_USER ? DISPATCH_NO_USER :
		    refuse(verdict, asked);
	case LOGIN_MISCONFIGURED:
		break;
	}
	return question->method == LOGIN_APOP ? DISPATCH_NO_APOP :
	    DISPATCH_MISCONFIGURED;
}
