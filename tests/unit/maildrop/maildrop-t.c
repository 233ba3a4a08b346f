/* SPDX-License-Identifier: ISC */
/*
 * The maildrop room: what is in a mailbox, the pseudo-message, marks, and
 * whether it is still what was scanned; and the message room's second look.
 */
#include "unit/drop.h"

static void
test_sample(void **state)
{
	static const char text[] = "\n" FROM "Subject: a\n\nbody\n\n"
	    FROM "x\n" FROM "\r\n\r\n" FROM;
	struct maildrop drop;
	uint64_t at;

	drop_write(state, text, sizeof(text) - 1);
	assert_int_equal(drop_open(state, &drop), MAILBOX_FINE);
	assert_int_equal(drop.count, 3);
	assert_int_equal(drop.begin, 1);
	assert_int_equal(drop.end, sizeof(text) - 1);
	assert_int_equal(drop.messages[0].offset, 1);
	assert_int_equal(drop.messages[0].octets, 20);
	assert_int_equal(drop.messages[0].separator, 1);
	assert_int_equal(drop.messages[1].offset, FROM_N + 19);
	/* A From_ line in it, as no empty line is before that. */
	assert_int_equal(drop.messages[1].octets, 3 + FROM_N + 1 + 2);
	assert_int_equal(drop.messages[1].separator, 2);
	assert_int_equal(drop.messages[2].octets, 0);
	assert_int_equal(drop.octets, 20 + 3 + FROM_N + 1 + 2);
	assert_int_equal(maildrop_end_of(&drop, 0), drop.messages[1].offset);
	assert_int_equal(maildrop_end_of(&drop, 2), drop.end);
	assert_int_equal(maildrop_text_of(&drop, 0, &at), 0);
	assert_int_equal(at, 1 + FROM_N);
	assert_int_equal(maildrop_text_of(&drop, 2, &at), 0);
	assert_int_equal(at, drop.end);
	maildrop_close(&drop);
}

/* More messages than are allocated at first. */
static void
test_many(void **state)
{
	const size_t many = 1000, each = FROM_N + 4;
	char *text = malloc(many * each);
	struct maildrop drop;

	assert_non_null(text);
	for (size_t i = 0; i < many; i++)
		memcpy(text + i * each, FROM "a\n\n\n", each);
	drop_write(state, text, many * each);
	assert_int_equal(drop_open(state, &drop), MAILBOX_FINE);
	assert_int_equal(drop.count, many);
	assert_int_equal(drop.octets, many * 5);
	for (size_t i = 0; i < many; i++) {
		assert_int_equal(drop.messages[i].offset, i * each);
		assert_int_equal(drop.messages[i].octets, 5);
		assert_true(message_measure(&drop, i));
	}
	maildrop_close(&drop);
	free(text);
}

/* A From_ line across the border of two blocks. */
static void
test_blocks(void **state)
{
	static char text[LIMITS_BLOCK + 200];
	struct maildrop drop;
	uint64_t at;

	for (size_t k = LIMITS_BLOCK - FROM_N - 3; k < LIMITS_BLOCK + 3; k++) {
		memset(text, 'x', sizeof(text));
		memcpy(text, FROM, FROM_N);
		memcpy(text + k - 2, "\n\n" FROM "a\n", FROM_N + 4);
		drop_write(state, text, sizeof(text));
		assert_int_equal(drop_open(state, &drop), MAILBOX_FINE);
		assert_int_equal(drop.count, 2);
		assert_int_equal(drop.messages[1].offset, k);
		assert_int_equal(drop.messages[0].octets, k - FROM_N + 2);
		assert_int_equal(maildrop_text_of(&drop, 1, &at), 0);
		assert_int_equal(at, k + FROM_N);
		assert_true(message_measure(&drop, 0));
		assert_true(message_measure(&drop, 1));
		maildrop_close(&drop);
	}
}

/* The sums that the scan takes on its way are those of the stored octets,
 * whatever stands at the border of two blocks, and if a line that may be a
 * From_ line is longer than a block. */
static void
test_sums(void **state)
{
	static const char *const at_border[] = {
		"\n\n" FROM "a\n\nb\n", "\r\n\r\n" FROM "a\n\nb\n",
		"\n\nFrom here on\n\n" FROM, "\n\nF\n\r\n" FROM "\n\n",
		"\n\n\n\n" FROM "a\r\n\r\n", "\n\n" FROM "\n\n" FROM "x\n\n"
	};
	static char text[3 * LIMITS_BLOCK];
	static const size_t lengths[] = { LIMITS_BLOCK + 99, sizeof(text) };

	for (size_t i = 0; i < COUNT(at_border); i++)
		for (size_t k = 0; k < 80; k++) {
			const size_t n = strlen(at_border[i]);
			struct maildrop drop;

			memset(text, 'x', sizeof(text));
			memcpy(text, FROM "\n", FROM_N + 1);
			for (size_t at = LIMITS_BLOCK - k; at < sizeof(text);
			    at += LIMITS_BLOCK)
				memcpy(text + at, at_border[i],
				    sizeof(text) - at < n ? sizeof(text) - at :
				    n);
			/* The next block begins elsewhere: with old octets. */
			if (k % 4 == 1)
				memcpy(text + 9000, at_border[i], n);
			drop_write(state, text, lengths[k % 4 == 3]);
			assert_int_equal(drop_open(state, &drop),
			    MAILBOX_FINE);
			assert_true(drop.count > 1);
			for (size_t m = 0; m < drop.count; m++) {
				block_forget(&drop.block);
				assert_true(message_is_whole(&drop, m));
			}
			maildrop_close(&drop);
		}
	memset(text, 'x', sizeof(text));
	memcpy(text, FROM "\n\nFrom ", FROM_N + 7);
	drop_write(state, text, sizeof(text));
	for (int i = 0; i < 2; i++) {
		struct maildrop drop;

		assert_int_equal(drop_open(state, &drop), MAILBOX_FINE);
		assert_int_equal(drop.count, 1 + i);
		assert_true(message_is_whole(&drop, 0));
		assert_true(message_is_whole(&drop, (size_t)i));
		maildrop_close(&drop);
		drop_append(state, "\n\n" FROM "end\n");
	}
}

#define DAEMON "From MAILER-DAEMON Mon Jan  1 00:00:00 2024\n"
#define SUBJECT "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"

static void
test_pseudo(void **state)
{
	static const struct {
		const char *what;
		const char *text;
		size_t count;
		bool hidden;
	} rows[] = {
		{ "both fields", DAEMON SUBJECT "X-IMAP: 1 2\n\nx\n\n" FROM
		    "a\n", 1, true },
		{ "X-IMAPbase", DAEMON "X-IMAPbase: 1 2\n" SUBJECT "\n\n" FROM
		    "a\n", 1, true },
		{ "nothing but it", DAEMON SUBJECT "X-IMAP: 1 2\n\nx\n", 0,
		    true },
		{ "field names in any case", DAEMON "SUBJECT: DON'T DELETE THIS "
		    "MESSAGE -- FOLDER INTERNAL DATA\nx-imap: 1\n\n" FROM
		    "a\n", 1, true },
		{ "CR LF", DAEMON "Subject: DON'T DELETE THIS MESSAGE -- FOLDER "
		    "INTERNAL DATA\r\nX-IMAP: 1\r\n\r\n" FROM "a\n", 1, true },
		{ "other fields around them", DAEMON "Date: x\n" SUBJECT
		    "From: y\nX-IMAP: 1\nStatus: RO\n\n" FROM "a\n", 1, true },
		{ "empty lines before it", "\n\n" DAEMON SUBJECT
		    "X-IMAP: 1 2\n\nx\n\n" FROM "a\n", 1, true },
		{ "no end of the header", DAEMON SUBJECT "X-IMAP: 1", 0, true },
		{ "the subject only", DAEMON SUBJECT "\nx\n\n" FROM "a\n", 2,
		    false },
		{ "X-IMAP only", DAEMON "X-IMAP: 1 2\n\nx\n\n" FROM "a\n", 2,
		    false },
		{ "another subject", DAEMON "Subject: DON'T DELETE THIS MESSAGE"
		    "\nX-IMAP: 1\n\nx\n\n" FROM "a\n", 2, false },
		{ "more of a subject", DAEMON "Subject: Re: DON'T DELETE THIS "
		    "MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 1\n\n" FROM
		    "a\n", 2, false },
		{ "another field", DAEMON SUBJECT "X-IMAPx: 1\n\nx\n\n" FROM
		    "a\n", 2, false },
		{ "in the body", FROM "a\n\n" SUBJECT "X-IMAP: 1\n\n" FROM
		    "a\n", 2, false },
		{ "one in the header, one in the body", DAEMON SUBJECT
		    "\nX-IMAP: 1\n\n" FROM "a\n", 2, false },
		{ "not the first message", FROM "a\n\n" DAEMON SUBJECT
		    "X-IMAP: 1\n\n", 2, false },
		{ "fields of two messages", DAEMON SUBJECT "\n" FROM
		    "X-IMAP: 1\n\n", 2, false },
		{ "Dovecot's", "From MAILER_DAEMON Mon Jan  1 00:00:00 2024\n"
		    SUBJECT "X-IMAP: 1 2\n\nx\n\n" FROM "a\n", 1, true },
		{ "another sender's", FROM SUBJECT "X-IMAP: 1 2\n\nx\n\n" FROM
		    "a\n", 2, false },
		{ "a sender whose name goes on", "From MAILER-DAEMON@x Mon Jan "
		    " 1 00:00:00 2024\n" SUBJECT "X-IMAP: 1 2\n\nx\n\n" FROM
		    "a\n", 2, false },
		{ "Received before them", DAEMON "Received: x\n" SUBJECT
		    "X-IMAP: 1 2\n\nx\n\n" FROM "a\n", 2, false },
		{ "Received behind them", DAEMON SUBJECT "X-IMAP: 1 2\n"
		    "received:\n\nx\n\n" FROM "a\n", 2, false },
		{ "Return-Path", DAEMON "RETURN-PATH: <>\n" SUBJECT
		    "X-IMAP: 1 2\n\nx\n\n" FROM "a\n", 2, false },
		{ "Received in the body", DAEMON SUBJECT
		    "X-IMAP: 1 2\n\nReceived: x\n\n" FROM "a\n", 1, true },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct maildrop drop;
		uint64_t octets = 0;

		drop_write(state, rows[i].text, strlen(rows[i].text));
		ROW(rows[i].what, drop_open(state, &drop) == MAILBOX_FINE);
		ROW(rows[i].what, drop.count == rows[i].count);
		for (size_t k = 0; k < drop.count; k++)
			octets += drop.messages[k].octets;
		ROW(rows[i].what, drop.octets == octets);
		ROW(rows[i].what, (drop.begin > 2) == rows[i].hidden);
		ROW(rows[i].what, drop.end == strlen(rows[i].text));
		maildrop_close(&drop);
	}
}

static void
test_not_an_mbox(void **state)
{
	struct maildrop drop;

	drop_write(state, "Subject: a\n", 11);
	assert_int_equal(drop_open(state, &drop), MAILBOX_NOT_MBOX);
	maildrop_close(&drop);
}

static void
test_nothing(void **state)
{
	struct maildrop drop;

	drop_write(state, "", 0);
	assert_int_equal(drop_open(state, &drop), MAILBOX_FINE);
	assert_int_equal(drop.count, 0);
	assert_int_equal(drop.octets, 0);
	maildrop_close(&drop);
	assert_int_equal(unlink(unit_path(state, "box")), 0);
	assert_int_equal(drop_open(state, &drop), MAILBOX_FINE);
	assert_int_equal(drop.count, 0);
	maildrop_close(&drop);
	assert_int_equal(access(unit_path(state, "box"), F_OK), -1);
}

static void
test_marks(void **state)
{
	static const char text[] = FROM "a\n\n" FROM "bb\n\n" FROM "ccc\n\n";
	struct maildrop drop;

	drop_write(state, text, sizeof(text) - 1);
	assert_int_equal(drop_open(state, &drop), MAILBOX_FINE);
	maildrop_mark(&drop, 2);
	maildrop_mark(&drop, 0);
	assert_int_equal(drop.marked, 2);
	assert_int_equal(drop.marked_octets, 5 + 7);
	assert_true(drop.messages[0].marked);
	assert_false(drop.messages[1].marked);
	assert_int_equal(drop.octets, 5 + 6 + 7);
	maildrop_unmark_all(&drop);
	assert_int_equal(drop.marked, 0);
	assert_int_equal(drop.marked_octets, 0);
	assert_false(drop.messages[0].marked);
	assert_false(drop.messages[2].marked);
	maildrop_close(&drop);
}

/* What another program may do to the mailbox while we have it. */
static void
change(void **state, int how)
{
	const struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	char old[600];

	switch (how) {
	case 0:
		drop_append(state, "x");
		break;
	case 1:
		assert_int_equal(truncate(unit_path(state, "box"), 40), 0);
		break;
	case 2:
		assert_int_equal(utimensat(AT_FDCWD, unit_path(state, "box"),
		    times, 0), 0);
		break;
	case 3:
		assert_int_equal(chmod(unit_path(state, "box"), 0640), 0);
		break;
	case 4:
		memcpy(old, unit_path(state, "box"), 512);
		assert_int_equal(rename(old, unit_path(state, "away")), 0);
		break;
	default:
		memcpy(old, unit_path(state, "box"), 512);
		assert_int_equal(rename(old, unit_path(state, "away")), 0);
		drop_write(state, FROM "a\n\n" FROM "b\n",
		    2 * FROM_N + 5);
	}
}

static void
test_unchanged(void **state)
{
	for (int how = -1; how < 6; how++) {
		static const char text[] = FROM "a\n\n" FROM "b\n";
		struct maildrop drop;

		(void)unlink(unit_path(state, "box"));
		drop_write(state, text, sizeof(text) - 1);
		/* So that the stamps are older than a tick of the clock. */
		(void)usleep(30000);
		assert_int_equal(drop_open(state, &drop), MAILBOX_FINE);
		assert_true(!drop.settled || maildrop_is_unchanged(&drop));
		if (how >= 0) {
			change(state, how);
			assert_false(maildrop_is_unchanged(&drop));
		}
		maildrop_close(&drop);
	}
}

/* A message is measured again: what is the same, and what is not. */
static void
test_measure(void **state)
{
	static const char before[] = FROM "a\n\nbody\n\n" FROM "b\n\nend\n";
	static const struct {
		const char *what, *text;
		bool same[2];
	} rows[] = {
		{ "as it was", before, { true, true } },
		{ "mail was appended",
		    FROM "a\n\nbody\n\n" FROM "b\n\nend\n\n" FROM "c\n",
		    { true, true } },
		{ "the separator was appended",
		    FROM "a\n\nbody\n\n" FROM "b\n\nend\n\n", { true, true } },
		{ "half a From_ line was appended",
		    FROM "a\n\nbody\n\n" FROM "b\n\nend\n\nFro",
		    { true, true } },
		{ "what stands behind the end says nothing of the last one",
		    FROM "a\n\nbody\n\n" FROM "b\n\nend\nx", { true, true } },
		{ "another octet in the body, the same size",
		    FROM "a\n\nbodx\n\n" FROM "b\n\nend\n", { false, true } },
		{ "another sender, the same size",
		    "From b Mon Jan  1 00:00:00 2024\na\n\nbody\n\n" FROM
		    "b\n\nend\n", { false, true } },
		{ "the first one has another size",
		    FROM "a\n\nbody.\n\n" FROM "b\n\nend\n", { false, false } },
		{ "the first one is gone", FROM "b\n\nend\n",
		    { false, false } },
		{ "the second one is gone", FROM "a\n\nbody\n\n",
		    { true, false } },
		{ "cut inside the second one", FROM "a\n\nbody\n\n" FROM "b\n\n"
		    "en", { true, false } },
		{ "no From_ line at the begin of the second one",
		    FROM "a\n\nbody\n\nfrom a Mon Jan  1 00:00:00 2024\nb\n\n"
		    "end\n", { false, false } },
		{ "a From_ line amid the first one",
		    FROM "a\n\n" FROM, { false, false } },
		{ "nothing is left", "", { false, false } },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct maildrop drop;

		drop_write(state, before, sizeof(before) - 1);
		assert_int_equal(drop_open(state, &drop), MAILBOX_FINE);
		assert_int_equal(identity_complete(&drop), MAILBOX_FINE);
		drop_write(state, rows[i].text, strlen(rows[i].text));
		block_forget(&drop.block);
		for (size_t k = 0; k < 2; k++)
			ROW(rows[i].what,
			    message_measure(&drop, k) == rows[i].same[k]);
		maildrop_close(&drop);
	}
}

/* Without ids, the sum says what changed. */
static void
test_measure_without_ids(void **state)
{
	static const char before[] = FROM "a\n\nbody\n\n" FROM "b\n\nend\n\n";
	static const struct {
		const char *what, *text;
		bool same;
	} rows[] = {
		{ "as it was", before, true },
		{ "as many octets stored, fewer sent",
		    FROM "a\n\nbod\r\n\n" FROM "b\n\nen\r\n\n", false },
		{ "as many sent, more stored",
		    FROM "a\r\n\nbody\n\n" FROM "b\n\nend\n\n", false },
		{ "others of the same lengths",
		    FROM "x\n\nxxxx\n\n" FROM "x\n\nxxx\n\n", false },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct maildrop drop;

		drop_write(state, before, sizeof(before) - 1);
		assert_int_equal(drop_open(state, &drop), MAILBOX_FINE);
		drop_write(state, rows[i].text, strlen(rows[i].text));
		block_forget(&drop.block);
		for (size_t k = 0; k < 2; k++) {
			ROW(rows[i].what, message_is_whole(&drop, k) ==
			    rows[i].same);
			ROW(rows[i].what,
			    message_measure(&drop, k) == rows[i].same);
		}
		maildrop_close(&drop);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_pseudo),
		cmocka_unit_test(test_not_an_mbox),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_unchanged),
		cmocka_unit_test(test_measure),
		cmocka_unit_test(test_measure_without_ids),
	};

	return cmocka_run_group_tests_name("maildrop", tests, unit_begin,
	    unit_end);
}
