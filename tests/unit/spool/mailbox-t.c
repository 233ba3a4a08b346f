/* SPDX-License-Identifier: ISC */
/*
 * The mailbox room: the path that the template makes, and what may be opened
 * there.
 */
#include "unit/unit.h"

#include "spool/mailbox.h"

static void
test_expand(void **state)
{
	static const struct {
		const char *what, *template, *name, *home, *path;
	} rows[] = {
		{ "the user", "/var/mail/%u", "mrose", "/h",
		    "/var/mail/mrose" },
		{ "nothing to replace", "/box", "mrose", "/h", "/box" },
		{ "home", "%h/Mailbox", "mrose", "/home/mrose",
		    "/home/mrose/Mailbox" },
		{ "before and behind @", "/v/%d/%n", "a@b.c", "",
		    "/v/b.c/a" },
		{ "the user with @", "/v/%u", "a@b.c", "", "/v/a@b.c" },
		{ "no @", "/v/%d/%n", "a", "", "/v//a" },
		{ "two @: the first one counts", "/v/%d/%n", "a@b@c", "",
		    "/v/b@c/a" },
		{ "a percent sign", "/v/%%%u", "a", "", "/v/%a" },
		{ "a percent sign in a name is not replaced", "/v/%u", "%h",
		    "/h", "/v/%h" },
		{ "twice", "/%u/%u", "a", "", "/a/a" },
		{ "no home", "%h/Mailbox", "a", "", NULL },
		{ "a relative home", "%h/Mailbox", "a", "h", NULL },
		{ "no name", "/var/mail/%u", "", "/h", NULL },
		{ "nothing behind @", "/v/%n/%d", "a@", "/h", NULL },
		{ "a directory", "/var/mail/", "a", "/h", NULL },
		{ "the root directory", "/", "a", "/h", NULL },
	};
	char path[LIMITS_PATH], name[LIMITS_PATH];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int got = mailbox_expand(rows[i].template, rows[i].name,
		    rows[i].home, path);

		ROW(rows[i].what, got == (rows[i].path == NULL ? -1 : 0));
		ROW(rows[i].what, got == -1 ||
		    strcmp(path, rows[i].path) == 0);
	}
	/* As long as a path can be, and longer. */
	memset(name, 'x', sizeof(name));
	name[LIMITS_PATH - 4] = '\0';
	assert_int_equal(mailbox_expand("/v/%u", name, "", path), 0);
	assert_int_equal(strlen(path), LIMITS_PATH - 1);
	name[LIMITS_PATH - 4] = 'x';
	name[LIMITS_PATH - 3] = '\0';
	assert_int_equal(mailbox_expand("/v/%u", name, "", path), -1);
}

static void
check_open(const char *what, const char *path, enum mailbox_fault expected,
    bool read_only)
{
	struct mailbox mailbox;
	enum mailbox_fault got = mailbox_open(&mailbox, path, false);

	ROW(what, got == expected);
	if (got == MAILBOX_FINE) {
		ROW(what, mailbox.read_only == read_only);
		mailbox_close(&mailbox);
	}
}

static void
test_modes(void **state)
{
	static const struct {
		const char *what;
		mode_t mode;
		enum mailbox_fault fault;
		bool read_only;
	} rows[] = {
		{ "one's own", 0600, MAILBOX_FINE, false },
		{ "as Debian has it", 0660, MAILBOX_FINE, false },
		{ "readable by all", 0644, MAILBOX_FINE, false },
		{ "not to be written: read-only", 0400, MAILBOX_FINE, true },
		{ "writable by everybody", 0666, MAILBOX_FOREIGN, false },
		{ "writable by others", 0602, MAILBOX_FOREIGN, false },
		{ "not to be read", 0000, MAILBOX_DENIED, false },
		{ "not to be read, to be written", 0200, MAILBOX_DENIED,
		    false },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		check_open(rows[i].what, unit_write(state, "box", "", 0,
		    rows[i].mode), rows[i].fault, rows[i].read_only);
}

static void
test_kinds(void **state)
{
	const char *dir = ((struct unit *)*state)->dir;
	char target[600];

	memcpy(target, unit_text(state, "target", ""), 512);
	check_open("missing", unit_path(state, "missing"), MAILBOX_FINE,
	    false);
	check_open("no directory", unit_path(state, "no/box"),
	    MAILBOX_NO_DIRECTORY, false);
	check_open("a file instead of a directory",
	    unit_path(state, "target/box"), MAILBOX_NO_DIRECTORY, false);
	check_open("a directory", dir, MAILBOX_NOT_A_FILE, false);
	check_open("a device", "/dev/null", MAILBOX_NOT_A_FILE, false);
	assert_int_equal(mkfifo(unit_path(state, "fifo"), 0600), 0);
	check_open("a FIFO", unit_path(state, "fifo"), MAILBOX_NOT_A_FILE,
	    false);
	assert_int_equal(symlink(target, unit_path(state, "link")), 0);
	check_open("one's own link", unit_path(state, "link"), MAILBOX_FINE,
	    false);
	assert_int_equal(symlink("/dev/null", unit_path(state, "null")), 0);
	check_open("a link to a device", unit_path(state, "null"),
	    MAILBOX_NOT_A_FILE, false);
	assert_int_equal(symlink("nothing", unit_path(state, "dangling")), 0);
	check_open("a link to nothing", unit_path(state, "dangling"),
	    MAILBOX_FINE, false);
	assert_int_equal(symlink("loop", unit_path(state, "loop")), 0);
	check_open("a loop", unit_path(state, "loop"), MAILBOX_NOT_A_FILE,
	    false);
	check_open("root's", "/etc/passwd", MAILBOX_FOREIGN, false);
	/* Nothing was made. */
	assert_int_equal(access(unit_path(state, "missing"), F_OK), -1);
	assert_int_equal(access(unit_path(state, "nothing"), F_OK), -1);
}

/* It is opened, and the name leads elsewhere since. */
static void
test_replaced(void **state)
{
	struct mailbox mailbox;
	struct stamp stamp;
	char box[600];
	int fd = -1;

	memcpy(box, unit_text(state, "box", "abc"), 512);
	assert_int_equal(mailbox_open(&mailbox, box, false), MAILBOX_FINE);
	assert_int_equal(mailbox_stat(&mailbox, &stamp), 0);
	assert_int_equal(stamp.size, 3);
	assert_true(mailbox_is(&mailbox, &stamp));
	assert_false(mailbox_was_replaced(&mailbox));
	assert_int_equal(rename(box, unit_path(state, "away")), 0);
	(void)unit_text(state, "box", "abc");
	assert_true(mailbox_was_replaced(&mailbox));
	assert_false(mailbox_is(&mailbox, &stamp));
	assert_int_equal(mailbox_reopen(&mailbox, &fd), MAILBOX_FINE);
	assert_int_not_equal(fd, -1);
	(void)close(fd);
	/* What it leads to now is checked, too. */
	(void)unit_write(state, "box", "abc", 3, 0666);
	fd = -1;
	assert_int_equal(mailbox_reopen(&mailbox, &fd), MAILBOX_FOREIGN);
	mailbox_close(&mailbox);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expand),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_replaced),
	};

	return cmocka_run_group_tests_name("mailbox", tests, unit_begin,
	    unit_end);
}
