/* SPDX-License-Identifier: ISC */
/*
 * The users room: the shapes of a users file, whose rights its users have, the
 * lists, and passwords.
 */
#include "unit/unit.h"

#include <crypt.h>
#include <errno.h>

#include "who/password.h"
#include "who/users.h"

static char tried[LIMITS_RECORD];	/* against which hash, last */

/* Stands before the C library's. */
char *
crypt_r(const char *phrase, const char *setting, struct crypt_data *data)
{
	(void)snprintf(tried, sizeof(tried), "%s", setting);
	return crypt_rn(phrase, setting, data, (int)sizeof(*data));
}

#define OCTETS(literal) { (literal), sizeof(literal) - 1 }

static const char file[] =
    "# name:hash\n"
    "\n"
    "short:HASH1\n"
    "empty:\n"
    "whole:HASH2:1001:1002:The Gecos,,,:/home/whole:/bin/sh\n"
    "bare:HASH3:1003:1004\n"
    "nohome:HASH4:1005:1006:::\n"
    "nouid:HASH5::::/home/nouid:\n"
    "crypt:{CRYPT}HASH6\n"
    "Crypt:{crypt}HASH6\n"
    "root:HASH7:0:0::/root:/bin/sh\n"
    "twice:HASH8\n"
    "twice:HASH9\n"
    "halfid:HASH10:1007\n"
    "badid:HASH11:x:1008\n"
    "negid:HASH12:-1:1008\n"
    "bigid:HASH13:4294967295:1008\n"
    "hugeid:HASH14:4294967296:1008\n"
    "mended:HASH15:x:y\n"
    "mended:HASH16\n"
    "nohash\n"
    ":HASH17\n"
    "crlf:HASH18\r\n"
    "name@host:HASH19\n"
    "b\xc3\xb6:HASH20\n"
    "x:x\n"
    "more:HASH21:1009:1010:a:b:c:d:e\n"
    "last:HASH22";

static const struct row {
	const char *what;
	struct span name;
	int found;
	const char *hash;
	uid_t uid;		/* 0: whoever runs this */
	gid_t gid;
	const char *home;
} rows[] = {
	{ "name and hash", OCTETS("short"), 1, "HASH1", 0, 0, "" },
	{ "no hash: no password fits", OCTETS("empty"), 1, "", 0, 0, "" },
	{ "the shape of passwd(5)", OCTETS("whole"), 1, "HASH2", 1001, 1002,
	    "/home/whole" },
	{ "uid and gid only", OCTETS("bare"), 1, "HASH3", 1003, 1004, "" },
	{ "no home", OCTETS("nohome"), 1, "HASH4", 1005, 1006, "" },
	{ "neither uid nor gid, but a home", OCTETS("nouid"), 1, "HASH5", 0, 0,
	    "/home/nouid" },
	{ "{CRYPT} before the hash", OCTETS("crypt"), 1, "HASH6", 0, 0, "" },
	{ "{crypt} is no such word", OCTETS("Crypt"), 1, "{crypt}HASH6", 0, 0,
	    "" },
	{ "uid 0", OCTETS("root"), 0, NULL, 0, 0, NULL },
	{ "the first line wins", OCTETS("twice"), 1, "HASH8", 0, 0, "" },
	{ "a uid without a gid", OCTETS("halfid"), 0, NULL, 0, 0, NULL },
	{ "a uid that is no number", OCTETS("badid"), 0, NULL, 0, 0, NULL },
	{ "a uid below 0", OCTETS("negid"), 0, NULL, 0, 0, NULL },
	{ "the uid that means none", OCTETS("bigid"), 0, NULL, 0, 0, NULL },
	{ "2^32 is not uid 0", OCTETS("hugeid"), 0, NULL, 0, 0, NULL },
	{ "a malformed line is skipped: the next one counts",
	    OCTETS("mended"), 1, "HASH16", 0, 0, "" },
	{ "no colon", OCTETS("nohash"), 0, NULL, 0, 0, NULL },
	{ "no name", OCTETS(""), 0, NULL, 0, 0, NULL },
	{ "CR LF", OCTETS("crlf"), 1, "HASH18", 0, 0, "" },
	{ "a name with @", OCTETS("name@host"), 1, "HASH19", 0, 0, "" },
	{ "8-bit octets", OCTETS("b\xc3\xb6"), 1, "HASH20", 0, 0, "" },
	{ "an x is no password's hash", OCTETS("x"), 1, "x", 0, 0, "" },
	{ "more fields than passwd(5) has", OCTETS("more"), 1, "HASH21", 1009,
	    1010, "b" },
	{ "a last line without an end", OCTETS("last"), 1, "HASH22", 0, 0,
	    "" },
	{ "another case", OCTETS("Short"), 0, NULL, 0, 0, NULL },
	{ "a prefix", OCTETS("shor"), 0, NULL, 0, 0, NULL },
	{ "name and hash as a name", OCTETS("short:HASH1"), 0, NULL, 0, 0,
	    NULL },
	{ "a comment", OCTETS("# name"), 0, NULL, 0, 0, NULL },
	{ "unknown", OCTETS("nobody-knows"), 0, NULL, 0, 0, NULL },
	{ "with NUL", OCTETS("short\0"), 0, NULL, 0, 0, NULL },
};

/* Open ${path}, which must last. */
static struct records_file
open_file(const char *path)
{
	struct records_file open;

	(void)records_open(&open, path, 022);
	return open;
}

static struct records_file
write_users(void **state)
{
	return open_file(unit_write(state, "users", file, sizeof(file) - 1,
	    0644));
}

/* As root starts dewey: every uid but 0 may be served. */
static void
test_shapes(void **state)
{
	const struct passwd *pw = getpwuid(geteuid());
	struct users users = { .file = write_users(state), .by_root = true };
	char own[100];

	if (pw == NULL || geteuid() == 0)
		UNIT_SKIP("it wants a user with an account, not root");
	(void)snprintf(own, sizeof(own), "%s", pw->pw_name);
	users.mail_user = own;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		struct users_entry entry;
		uid_t uid = row->uid == 0 ? geteuid() : row->uid;
		gid_t gid = row->uid == 0 ? getegid() : row->gid;

		ROW(row->what, users_find(&users, row->name, USERS_PASSWORD, &entry) ==
		    row->found);
		if (row->found == 0)
			continue;
		ROW(row->what, strlen(entry.name) == row->name.n &&
		    memcmp(entry.name, row->name.p, row->name.n) == 0);
		ROW(row->what, strcmp(entry.hash, row->hash) == 0);
		ROW(row->what, entry.uid == uid && entry.gid == gid);
		ROW(row->what, strcmp(entry.home, row->home) == 0);
	}
}

/* As anybody else starts it: no other uid but his own. */
static void
test_own_uid(void **state)
{
	struct users users = { .file = write_users(state) };
	struct users_entry entry;
	char line[100];

	for (size_t i = 0; i < COUNT(rows); i++) {
		bool own = rows[i].uid == 0 || rows[i].uid == geteuid();

		ROW(rows[i].what, users_find(&users, rows[i].name, USERS_PASSWORD,
		    &entry) == (own ? rows[i].found : 0));
	}
	(void)snprintf(line, sizeof(line), "self:HASH:%lu:%lu\n",
	    (unsigned long)geteuid(), (unsigned long)getegid());
	users_close(&users);
	users.file = open_file(unit_text(state, "self", line));
	assert_int_equal(users_find(&users, SPAN("self"), USERS_PASSWORD, &entry), 1);
}

/* Whose rights those have that have none of their own. */
static void
test_mail_user(void **state)
{
	struct users users = { .file = write_users(state), .by_root = true,
	    .mail_user = "mail" };
	struct passwd *pw = getpwnam("mail");
	struct users_entry entry;
	uid_t uid;

	if (pw == NULL)
		UNIT_SKIP("it wants a user with an account");
	uid = pw->pw_uid;
	assert_int_equal(users_find(&users, SPAN("short"), USERS_PASSWORD, &entry), 1);
	assert_int_equal(entry.uid, uid);
	assert_int_equal(users_find(&users, SPAN("bare"), USERS_PASSWORD, &entry), 1);
	assert_int_equal(entry.uid, 1003);
	/* Proved without a password, and in no users file. */
	assert_int_equal(users_find(&users, SPAN("other"), USERS_SECRET, &entry), 1);
	assert_int_equal(entry.uid, uid);
	assert_string_equal(entry.hash, "");
	users.mail_user = "root";
	assert_int_equal(users_find(&users, SPAN("short"), USERS_PASSWORD, &entry), 0);
	users.mail_user = "nobody-is-called-this";
	assert_int_equal(users_find(&users, SPAN("short"), USERS_PASSWORD, &entry), 0);
	users.by_root = false;
	assert_int_equal(users_find(&users, SPAN("short"), USERS_PASSWORD, &entry), 1);
	assert_int_equal(entry.uid, geteuid());
}

/* Names that never reach a file name. */
static void
test_names(void **state)
{
	static const struct {
		const char *what;
		struct span name;
		bool can;
	} names[] = {
		{ "a usual one", OCTETS("mrose"), true },
		{ "with @ and dots", OCTETS("m.rose@dbc.mtview.ca.us"), true },
		{ "a dot in front", OCTETS(".mrose"), false },
		{ "one dot", OCTETS("."), false },
		{ "two dots", OCTETS(".."), false },
		{ "dots behind", OCTETS("m.."), true },
		{ "a slash", OCTETS("a/b"), false },
		{ "a slash in front", OCTETS("/etc/passwd"), false },
		{ "up and away", OCTETS("../root"), false },
		{ "empty", OCTETS(""), false },
		{ "NUL", OCTETS("a\0b"), false },
		{ "a line end", OCTETS("a\nb"), false },
		{ "DEL", OCTETS("a\x7f"), false },
		{ "a percent sign is an octet", OCTETS("a%h"), true },
		{ "8-bit octets", OCTETS("\xc3\xa4"), true },
	};
	struct users users = { .file = write_users(state), .by_root = false };
	char longest[LIMITS_NAME + 1];
	struct users_entry entry;

	for (size_t i = 0; i < COUNT(names); i++)
		ROW(names[i].what, users_find(&users, names[i].name, USERS_SECRET,
		    &entry) == names[i].can);
	memset(longest, 'x', sizeof(longest));
	assert_int_equal(users_find(&users, (struct span){ longest,
	    LIMITS_NAME }, USERS_SECRET, &entry), 1);
	assert_int_equal(strlen(entry.name), LIMITS_NAME);
	assert_int_equal(users_find(&users, (struct span){ longest,
	    LIMITS_NAME + 1 }, USERS_SECRET, &entry), 0);
}

/* allow and deny: a name a line. */
static void
test_lists(void **state)
{
	static const struct {
		const char *what, *allow, *deny;
		int found;
	} lists[] = {
		{ "in neither", NULL, NULL, 1 },
		{ "allowed", "a\nshort\n", NULL, 1 },
		{ "not allowed", "a\nb\n", NULL, 0 },
		{ "nobody is", "", NULL, 0 },
		{ "denied", NULL, "a\nshort\n", 0 },
		{ "not denied", NULL, "a\nb\n", 1 },
		{ "allowed and denied", "short\n", "short\n", 0 },
		{ "blanks around the name", " short \t\n", NULL, 1 },
		{ "another case", "Short\n", NULL, 0 },
		{ "a prefix", NULL, "shor\nshorter\n", 1 },
		{ "a comment", "# short\n", NULL, 0 },
		{ "no line end", "short", NULL, 1 },
	};

	for (size_t i = 0; i < COUNT(lists); i++) {
		struct users users = { .file = write_users(state) };
		struct users_entry entry;

		if (lists[i].allow != NULL)
			users.allow = open_file(unit_text(state, "allow",
			    lists[i].allow));
		if (lists[i].deny != NULL)
			users.deny = open_file(unit_text(state, "deny",
			    lists[i].deny));
		ROW(lists[i].what, users_find(&users, SPAN("short"), USERS_PASSWORD,
		    &entry) == lists[i].found);
		users_close(&users);
	}
}

/* A file that cannot be read or not be believed is no "no such user". */
static void
test_faults(void **state)
{
	struct users users = { .file = open_file(unit_path(state, "missing")) };
	struct records_file missing = users.file;
	struct users_entry entry;

	assert_int_equal(users_find(&users, SPAN("short"), USERS_PASSWORD, &entry), -1);
	users.file = open_file(unit_write(state, "open", "short:x\n", 8, 0666));
	assert_int_equal(users_find(&users, SPAN("short"), USERS_PASSWORD, &entry), -1);
	users.file = open_file(unit_write(state, "open", "short:x\n", 8, 0644));
	assert_int_equal(users_find(&users, SPAN("short"), USERS_PASSWORD, &entry), 1);
	users.allow = missing;
	assert_int_equal(users_find(&users, SPAN("short"), USERS_PASSWORD, &entry), -1);
	users.allow.path = NULL;
	users.deny = missing;
	assert_int_equal(users_find(&users, SPAN("short"), USERS_PASSWORD, &entry), -1);
}

/* The one who runs this. */
static void
test_self(void **state)
{
	struct users users = { .file = NULL };
	struct users_entry entry, self;
	struct passwd *pw = getpwuid(geteuid());

	(void)state;
	if (pw == NULL)
		UNIT_SKIP("it wants a user with an account");
	assert_int_equal(users_self(&self), 0);
	assert_string_equal(self.name, pw->pw_name);
	assert_int_equal(self.uid, geteuid());
	assert_string_equal(self.home, pw->pw_dir);
	assert_string_equal(self.hash, "");
	/* Without a users file and without root: he, if he has a secret. */
	assert_int_equal(users_find(&users, span_of(self.name), USERS_SECRET, &entry),
	    self.uid != 0);
	assert_int_equal(users_find(&users, span_of(self.name), USERS_PASSWORD, &entry),
	    0);
	assert_int_equal(users_find(&users, SPAN("daemon"), USERS_SECRET, &entry), 0);
	users_forget(&self);
	assert_string_equal(self.name, "");
}

static void
test_passwords(void **state)
{
	static const char *const settings[] = {
		"$6$rounds=1000$dewey", "$5$rounds=1000$dewey", "$1$dewey",
		"$2b$04$abcdefghijklmnopqrstuu", "$y$j75$deweydeweydewey", "de"
	};

	(void)state;
	for (size_t i = 0; i < COUNT(settings); i++) {
		struct users_entry entry = { .name = "mrose" };
		const char *hash = crypt("so long,  ", settings[i]);

		/* A library may have been built without the oldest. */
		if (hash == NULL || hash[0] == '*')
			continue;
		(void)snprintf(entry.hash, sizeof(entry.hash), "%s", hash);
		ROW(settings[i], password_fits(entry.hash, entry.other,
		    SPAN("so long,  ")));
		ROW(settings[i], !password_fits(entry.hash, entry.other, SPAN("so long")));
		ROW(settings[i], !password_fits(entry.hash, entry.other,
		    SPAN("So long,  ")));
		ROW(settings[i], !password_fits(entry.hash, entry.other, SPAN("")));
		ROW(settings[i], !password_fits(entry.hash, entry.other,
		    SPAN("so long,  \0")));
		ROW(settings[i], strcmp(tried, hash) == 0);
		entry.hash[strlen(entry.hash) - 1] ^= 1;
		ROW(settings[i], !password_fits(entry.hash, entry.other,
		    SPAN("so long,  ")));
	}
}

/* The time of a refusal tells nothing: a password is tried against a hash of
 * the same cost, whatever the reason. */
static void
test_work(void **state)
{
	static const char costly[] = "$2b$05$abcdefghijklmnopqrstuu"
	    "0123456789012345678901234567890";
	static const char cheap[] = "$5$rounds=1000$dewey$"
	    "0123456789012345678901234567890123456789012";
	static const struct {
		const char *what, *name, *tries;
	} cases[] = {
		{ "a user", "costly", costly },
		{ "a locked one", "locked", costly },
		{ "one whom a list keeps out", "denied", costly },
		{ "one of root's uid", "zero", costly },
		{ "another method before the hash", "crypt", costly },
		{ "nobody", "nobody", costly },
		{ "another nobody", "somebody", costly },
		{ "a name that cannot be", "../costly", costly },
		{ "no hash", "empty", costly },
		{ "no hash, locked", "star", costly },
	};
	char text[3000];
	struct users users = { 0 };
	struct users_entry entry;

	for (int all = 0; all < 2; all++) {
		const char *hash = all ? costly : cheap;

		(void)snprintf(text, 1000, "costly:%s\nlocked:!%s\n"
		    "denied:%s\nzero:%s:0:0\ncrypt:{CRYPT}%s\nempty:\n"
		    "star:*\n", hash, hash, hash, hash, hash);
		(void)snprintf(text + 1000, 1000, "%s",
		    unit_text(state, "costs", text));
		(void)snprintf(text + 2000, 1000, "%s",
		    unit_text(state, "denied", "denied\n"));
		(void)records_open(&users.file, text + 1000, RECORDS_PUBLIC);
		(void)records_open(&users.deny, text + 2000, RECORDS_PUBLIC);
		for (size_t i = 0; i < COUNT(cases); i++) {
			(void)users_find(&users, span_of(cases[i].name), USERS_PASSWORD,
			    &entry);
			tried[0] = '\0';
			ROW(cases[i].what, !password_fits(entry.hash, entry.other,
			    SPAN("hoopy")));
			ROW(cases[i].what, strcmp(tried, hash) == 0);
		}
		users_close(&users);
	}
}

/* What is no hash fits no password, least of all itself. */
static void
test_no_hashes(void **state)
{
	static const char *const hashes[] = { "", "*", "!", "!!", "x", "*0",
	    "*1", "hoopy", "$6$", "$9$x$y", "\xff", "!$6$rounds=1000$dewey$x" };

	(void)state;
	for (size_t i = 0; i < COUNT(hashes); i++) {
		struct users_entry entry = { .name = "mrose" };

		memcpy(entry.hash, hashes[i], strlen(hashes[i]) + 1);
		ROW(hashes[i], !password_fits(entry.hash, entry.other,
		    span_of(hashes[i])));
		ROW(hashes[i], !password_fits(entry.hash, entry.other, SPAN("")));
		ROW(hashes[i], !password_fits(entry.hash, entry.other, SPAN("x")));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_work),
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_own_uid),
		cmocka_unit_test(test_mail_user),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_self),
		cmocka_unit_test(test_passwords),
		cmocka_unit_test(test_no_hashes),
	};

	return cmocka_run_group_tests_name("users", tests, unit_begin,
	    unit_end);
}
