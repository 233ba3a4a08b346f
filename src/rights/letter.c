/* SPDX-License-Identifier: ISC */
/*
 * What the processes of a session write to each other.
 */
#include "config.h"

#include <errno.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "rights/letter.h"
#include "spool/lock.h"
#include "spool/mailbox.h"
#include "talk/proxy.h"
#include "talk/reply.h"

#define FIELD(kind, type, field, limit) \
	{ LETTER_##type, limit, offsetof(struct letter_##kind, field) }

static const struct letter_field front[] = {
	FIELD(front, BYTE, fault, PROXY_BROKEN),
	FIELD(front, BYTE, own, 1),
	FIELD(front, BYTE, tls, 1),
	FIELD(front, BYTE, v6, 1),
	FIELD(front, LONG, port, UINT16_MAX),
	FIELD(front, OCTETS, peer, LIMITS_ADDRESS),
	FIELD(front, OCTETS, local, LIMITS_ADDRESS),
};

static const struct letter_field opening[] = {
	FIELD(opening, BYTE, passwords, 1),
	FIELD(opening, OCTETS, timestamp, LIMITS_TIMESTAMP - 1),
};

static const struct letter_field question[] = {
	FIELD(question, BYTE, method, LETTER_ENDED),
	FIELD(question, BYTE, fault, LOGIN_FAULTS - 1),
	FIELD(question, BYTE, end, LOG_END_TLS_FAILED),
	FIELD(question, OCTETS, name, LIMITS_COMMAND),
	FIELD(question, OCTETS, secret, LIMITS_CREDENTIAL),
	FIELD(question, OCTETS, unread, LIMITS_INPUT),
	FIELD(question, BYTE, tls, LOG_TLS_OTHER),
	FIELD(question, OCTETS, binding, LIMITS_BINDING),
};

static const struct letter_field answer[] = {
	FIELD(answer, BYTE, text, REPLY_MISCONFIGURED),
	FIELD(answer, OCTETS, challenge, LIMITS_CREDENTIAL),
};

static const struct letter_field user[] = {
	FIELD(user, BYTE, method, LETTER_REACH),
	FIELD(user, BYTE, keys, 1),
	FIELD(user, LONG, uid, UINT32_MAX),
	FIELD(user, LONG, gid, UINT32_MAX),
	FIELD(user, OCTETS, name, LIMITS_NAME),
	FIELD(user, OCTETS, home, LIMITS_PATH - 1),
	FIELD(user, OCTETS, unread, LIMITS_INPUT),
	FIELD(user, BYTE, tls, LOG_TLS_OTHER),
	FIELD(user, BYTE, bound, 1),
};

static const struct letter_field file[] = {
	FIELD(file, BYTE, read_only, 1),
	FIELD(file, BYTE, no_journal, 1),
	FIELD(file, BYTE, elsewhere, 1),
	FIELD(file, BYTE, adopted, 1),
};

static const struct letter_field line[] = {
	FIELD(line, BYTE, request, LETTER_LOG_LINE),
	FIELD(line, BYTE, level, LOG_LEVEL_INFO),
	FIELD(line, OCTETS, text, LIMITS_LOG - 1),
};

#define HALF(i) FIELD(record, LONG, halves[i], UINT32_MAX)

static const struct letter_field record[] = {
	FIELD(record, BYTE, request, LETTER_LOG_RECORD),
	FIELD(record, BYTE, end, LOG_END_CHANGED),
	HALF(0), HALF(1), HALF(2), HALF(3), HALF(4), HALF(5),
	HALF(6), HALF(7), HALF(8), HALF(9), HALF(10), HALF(11),
};

#define NUMBER(name, limit) static const struct letter_field name[] = { \
	FIELD(number, BYTE, value, limit) }

NUMBER(fault, MAILBOX_TROUBLE);
NUMBER(request, LETTER_REPORT + MAILBOX_TROUBLE);
NUMBER(result, UINT8_MAX);

#define FORM(name, passes) \
	{ name, sizeof(name) / sizeof((name)[0]), passes }

static const struct {
	const struct letter_field *fields;
	size_t n;
	bool passes;		/* a descriptor may come along */
} forms[LETTER_KINDS] = {
	[LETTER_FRONT] = FORM(front, false),
	[LETTER_OPENING] = FORM(opening, false),
	[LETTER_QUESTION] = FORM(question, false),
	[LETTER_ANSWER] = FORM(answer, false),
	[LETTER_USER] = FORM(user, false),
	[LETTER_FAULT] = FORM(fault, false),
	[LETTER_FILE] = FORM(file, true),
	[LETTER_REQUEST] = FORM(request, false),
	[LETTER_LINE] = FORM(line, false),
	[LETTER_RECORD] = FORM(record, false),
	[LETTER_RESULT] = FORM(result, true),
};

const struct letter_field *
letter_fields(enum letter_kind kind, size_t *n)
{
	*n = forms[kind].n;
	return forms[kind].fields;
}

int
letter_send(int channel, enum letter_kind kind, const void *letter, int fd)
{
	struct channel_message message;

	channel_begin(&message);
	for (size_t i = 0; i < forms[kind].n; i++) {
		const struct letter_field *field = &forms[kind].fields[i];
		const void *at = (const char *)letter + field->at;

		if (field->type == LETTER_OCTETS)
			channel_put(&message, *(const struct span *)at);
		else
			channel_put_number(&message, *(const uint32_t *)at,
			    field->type == LETTER_BYTE ? 1 : sizeof(uint32_t));
	}
	return channel_send(channel, &message, fd);
}

/* Read the next of the fields.  Returns whether it is there and within its
 * limit. */
static bool
get(struct channel_message *message, const struct letter_field *field,
    void *at)
{
	struct span octets;
	uint32_t number;

	if (field->type == LETTER_OCTETS) {
		octets = channel_get(message);
		*(struct span *)at = octets;
		return message->whole && octets.n <= field->limit;
	}
	number = channel_get_number(message,
	    field->type == LETTER_BYTE ? 1 : sizeof(uint32_t));
	*(uint32_t *)at = number;
	return message->whole && number <= field->limit;
}

int
letter_receive(int channel, enum letter_kind kind, void *letter,
    struct channel_message *message)
{
	int got = channel_receive(channel, message);

	return got == 1 ? letter_read(kind, letter, message) : got;
}

int
letter_read(enum letter_kind kind, void *letter,
    struct channel_message *message)
{
	bool right = true;

	for (size_t i = 0; right && i < forms[kind].n; i++)
		right = get(message, &forms[kind].fields[i],
		    (char *)letter + forms[kind].fields[i].at);
	right = right && message->at == message->n;
	if (message->fd != -1 && (!right || !forms[kind].passes)) {
		(void)close(message->fd);
		message->fd = -1;
	}
	if (right)
		return 1;
	errno = EPROTO;
	return -1;
}

int
letter_send_number(int channel, enum letter_kind kind, uint32_t value)
{
	const struct letter_number letter = { value };

	return letter_send(channel, kind, &letter, -1);
}

int
letter_receive_number(int channel, enum letter_kind kind, uint32_t *value)
{
	struct letter_number letter = { 0 };
	struct channel_message message;
	int got = letter_receive(channel, kind, &letter, &message);

	*value = letter.value;
	return got;
}
