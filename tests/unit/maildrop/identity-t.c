/* SPDX-License-Identifier: ISC */
/*
 * The identity room: unique-ids of a whole mailbox, copies, and finding marked
 * messages again after other programs were at the mailbox (DESIGN section 6).
 */
#include "unit/drop.h"

#include "base/store.h"
#include "mail/uid.h"

/* The mailbox whose messages are the letters of ${letters}. */
static void
write_letters(void **state, const char *letters)
{
	char text[4096] = "";

	for (; *letters != '\0'; letters++)
		(void)snprintf(text + strlen(text),
		    sizeof(text) - strlen(text),
		    FROM "Subject: %c\n\nbody of %c\n\n", *letters, *letters);
	drop_write(state, text, strlen(text));
}

static void
test_copies(void **state)
{
	static const char letters[] = "abacabadaa";
	static const uint32_t copies[] = { 1, 1, 2, 1, 3, 2, 4, 1, 5, 6 };
	struct maildrop drop;

	write_letters(state, letters);
	assert_int_equal(drop_open(state, &drop), MAILBOX_FINE);
	assert_int_equal(drop.count, 10);
	assert_int_equal(identity_complete(&drop), MAILBOX_FINE);
	assert_int_equal(drop.known, MAILDROP_SCANNED_IDS);
	for (size_t i = 0; i < 10; i++) {
		assert_int_equal(drop.messages[i].copy, copies[i]);
		for (size_t k = 0; k < 10; k++)
			assert_int_equal(memcmp(drop.messages[i].id,
			    drop.messages[k].id, LIMITS_UID_OCTETS) == 0,
			    letters[i] == letters[k]);
		assert_true(message_is_whole(&drop, i));
		assert_true(message_measure(&drop, i));
	}
	maildrop_close(&drop);
}

/* Many messages and many copies: as many as are marked go. */
static void
test_many(void **state)
{
	static char text[400 * 64];
	struct maildrop drop;
	size_t n = 0;

	for (int i = 0; i < 400; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    FROM "%d\n\n\n", i % 7 == 0 ? 1000 : i % 100);
	drop_write(state, text, n);
	assert_int_equal(drop_open(state, &drop), MAILBOX_FINE);
	assert_int_equal(identity_complete(&drop), MAILBOX_FINE);
	for (int i = 0; i < 400; i++) {
		uint32_t copy = 1;

		for (int k = 0; k < i; k++)
			copy += (i % 7 == 0 ? 1000 : i % 100) ==
			    (k % 7 == 0 ? 1000 : k % 100);
		assert_int_equal(drop.messages[i].copy, copy);
	}
	maildrop_close(&drop);
}

/* Mail that arrives while ids are computed is no trouble; a change is. */
static void
test_complete_after_change(void **state)
{
	struct maildrop drop;

	write_letters(state, "ab");
	assert_int_equal(drop_open(state, &drop), MAILBOX_FINE);
	drop_append(state, FROM "new\n\n");
	assert_int_equal(identity_complete(&drop), MAILBOX_FINE);
	assert_int_equal(drop.count, 2);
	maildrop_close(&drop);
	write_letters(state, "ab");
	assert_int_equal(drop_open(state, &drop), MAILBOX_FINE);
	drop_write(state, FROM "x\n", FROM_N + 2);
	assert_int_equal(identity_complete(&drop), MAILBOX_CHANGED);
	assert_int_equal(drop.known, MAILDROP_SCANNED);
	maildrop_close(&drop);
}

/* A marked message whose id is known goes only if that is its id still: others
 * may have the same sum. */
static void
test_same_sum(void **state)
{
	struct maildrop drop;
	uint64_t sum;
	bool lost;

	write_letters(state, "b");
	assert_int_equal(drop_open(state, &drop), MAILBOX_FINE);
	sum = drop.messages[0].sum;
	maildrop_close(&drop);
	write_letters(state, "a");
	assert_int_equal(drop_open(state, &drop), MAILBOX_FINE);
	assert_int_equal(identity_complete(&drop), MAILBOX_FINE);
	maildrop_mark(&drop, 0);
	drop.messages[0].sum = store_hash(sum, drop.messages[0].id,
	    LIMITS_UID_OCTETS);
	write_letters(state, "b");
	assert_int_equal(identity_renew(&drop, &lost), MAILBOX_FINE);
	assert_true(lost);
	assert_int_equal(drop.marked, 0);
	maildrop_close(&drop);
}

/* Messages are marked, the mailbox is rewritten, and scanned again: which ones
 * are marked then.  Upper case says so. */
static const struct row {
	const char *what;
	const char *before, *after;	/* marked ones in upper case */
	bool identified;		/* before the change */
	bool lost;
} rows[] = {
	{ "nothing changed", "aBc", "aBc", true, false },
	{ "nothing changed, no ids", "aBc", "aBc", false, false },
	{ "mail was appended", "aBc", "aBcd", true, false },
	{ "mail was appended, no ids", "aBC", "aBCde", false, false },
	{ "a copy of a marked one was appended", "aBc", "aBcb", true, false },
	{ "the first one was taken away", "aBc", "Bc", true, false },
	{ "the first one was taken away, no ids: nothing is marked",
	    "aBc", "bc", false, true },
	{ "a marked one was taken away: the other goes", "ABc", "Bc", true,
	    true },
	{ "all marked ones were taken away", "ABc", "c", true, true },
	{ "all were taken away", "ABc", "", true, true },
	{ "another order", "aBcD", "DcBa", true, false },
	{ "another order, and mail", "aBcD", "DcxBa", true, false },
	{ "all of two copies", "BaB", "aBB", true, false },
	{ "one of two copies: one goes", "Bab", "aBb", true, false },
	{ "two copies became three: none goes", "BaB", "abbb", true, true },
	{ "two copies became one: none goes", "Bab", "ab", true, true },
	{ "one became two: none goes", "aB", "bab", true, true },
	{ "that hinders no other", "aBC", "bCab", true, true },
	{ "the sizes are the same, the messages are not", "aB", "xy", true,
	    true },
};

static void
test_renew(void **state)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		char before[20], after[20];
		struct maildrop drop;
		bool lost = !row->lost;
		size_t n = strlen(row->before), m = strlen(row->after);
		size_t marked = 0;

		for (size_t k = 0; k <= n; k++)
			before[k] = (char)(row->before[k] | ' ');
		for (size_t k = 0; k <= m; k++)
			after[k] = (char)(row->after[k] | ' ');
		before[n] = after[m] = '\0';
		write_letters(state, before);
		assert_int_equal(drop_open(state, &drop), MAILBOX_FINE);
		if (row->identified)
			assert_int_equal(identity_complete(&drop),
			    MAILBOX_FINE);
		for (size_t k = 0; k < n; k++)
			if (row->before[k] != before[k])
				maildrop_mark(&drop, k);
		write_letters(state, after);
		ROW(row->what, identity_renew(&drop, &lost) == MAILBOX_FINE);
		ROW(row->what, lost == row->lost);
		ROW(row->what, drop.count == m);
		for (size_t k = 0; k < m; k++) {
			ROW(row->what, drop.messages[k].marked ==
			    (row->after[k] != after[k]));
			marked += drop.messages[k].marked;
		}
		ROW(row->what, drop.marked == marked);
		maildrop_close(&drop);
	}
}

/* Without ids, a message that is elsewhere or has another size is not the one
 * that was marked. */
static void
test_renew_moved(void **state)
{
	static const char before[] = FROM "a\n\n\n" FROM "b\n\n\n";
	static const char *const after[] = {
		"From ab Mon Jan  1 00:00:00 2024\na\n\n\n" FROM "b\n\n\n",
		FROM "a\n\n\n" FROM "bb\n\n\n",
		FROM "aa\n\n" FROM "b\n\n\n",
		"\n" FROM "a\n\n\n" FROM "b\n\n\n",
	};

	for (size_t i = 0; i < COUNT(after); i++) {
		struct maildrop drop;
		bool lost = false;

		drop_write(state, before, sizeof(before) - 1);
		assert_int_equal(drop_open(state, &drop), MAILBOX_FINE);
		maildrop_mark(&drop, 1);
		drop_write(state, after[i], strlen(after[i]));
		ROW(after[i], identity_renew(&drop, &lost) == MAILBOX_FINE);
		ROW(after[i], lost && drop.marked == 0);
		maildrop_close(&drop);
	}
}

/* In another file a message of the same size at the same place is not the one
 * that was marked, unless its sum or id says so. */
static void
test_renew_replaced(void **state)
{
	static const char before[] = FROM "a\n\n\n" FROM "b\n\n\n";
	static const char after[] = FROM "x\n\n\n" FROM "y\n\n\n";

	for (int same = 0; same < 3; same++) {
		struct maildrop drop;
		bool lost = same > 0;
		int fd;

		drop_write(state, before, sizeof(before) - 1);
		assert_int_equal(drop_open(state, &drop), MAILBOX_FINE);
		if (same == 1)
			assert_int_equal(identity_complete(&drop),
			    MAILBOX_FINE);
		maildrop_mark(&drop, 1);
		assert_int_equal(unlink(unit_path(state, "box")), 0);
		fd = open(unit_write(state, "box", same > 0 ? before : after,
		    sizeof(after) - 1, 0600), O_RDWR);
		assert_int_equal(dup2(fd, drop.mailbox.fd), drop.mailbox.fd);
		assert_int_equal(close(fd), 0);
		assert_int_equal(identity_renew(&drop, &lost), MAILBOX_FINE);
		assert_int_equal(lost, same == 0);
		assert_int_equal(drop.marked, same > 0);
		maildrop_close(&drop);
	}
}

/* Ids that were known before and what became no mbox. */
static void
test_renew_refused(void **state)
{
	struct maildrop drop;
	bool lost;

	write_letters(state, "ab");
	assert_int_equal(drop_open(state, &drop), MAILBOX_FINE);
	assert_int_equal(identity_complete(&drop), MAILBOX_FINE);
	maildrop_mark(&drop, 0);
	drop_write(state, "x", 1);
	assert_int_equal(identity_renew(&drop, &lost), MAILBOX_NOT_MBOX);
	maildrop_close(&drop);
}

/* An edit of what mail readers edit moves messages, but their ids stay. */
static void
test_renew_edited(void **state)
{
	static const char before[] = FROM "Subject: a\n\na\n\n" FROM
	    "Subject: b\n\nb\n\n";
	static const char after[] = FROM "Subject: a\nStatus: RO\n\na\n\n" FROM
	    "X-UID: 5\nSubject: b\n\nb\n\n";
	struct maildrop drop;
	bool lost;

	drop_write(state, before, sizeof(before) - 1);
	assert_int_equal(drop_open(state, &drop), MAILBOX_FINE);
	assert_int_equal(identity_complete(&drop), MAILBOX_FINE);
	maildrop_mark(&drop, 1);
	drop_write(state, after, sizeof(after) - 1);
	assert_int_equal(identity_renew(&drop, &lost), MAILBOX_FINE);
	assert_false(lost);
	assert_int_equal(drop.marked, 1);
	assert_true(drop.messages[1].marked);
	maildrop_close(&drop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_complete_after_change),
		cmocka_unit_test(test_same_sum),
		cmocka_unit_test(test_renew),
		cmocka_unit_test(test_renew_moved),
		cmocka_unit_test(test_renew_replaced),
		cmocka_unit_test(test_renew_refused),
		cmocka_unit_test(test_renew_edited),
	};

	return cmocka_run_group_tests_name("identity", tests, unit_begin,
	    unit_end);
}
