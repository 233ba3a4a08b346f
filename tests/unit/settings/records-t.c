/* SPDX-License-Identifier: ISC */
/*
 * The records room: which files are believed, and which lines a file has.
 */
#include "unit/unit.h"

#include <errno.h>
#include <fcntl.h>

#include "settings/records.h"

#define OCTETS(literal) literal, sizeof(literal) - 1

/* The mode bits that may not be there, and those that are. */
static void
test_modes(void **state)
{
	static const struct {
		const char *what;
		mode_t mode, forbidden;
		const char *mend;	/* part of the advice; NULL: believed */
	} rows[] = {
		{ "a secrets file of one's own", 0600, 077, NULL },
		{ "a secrets file that may only be read", 0400, 077, NULL },
		{ "a secrets file that others can read", 0604, 077,
		    "chmod 600" },
		{ "a secrets file that the group can read", 0640, 077,
		    "chmod 600" },
		{ "a secrets file that the group can write", 0620, 077,
		    "chmod 600" },
		{ "a secrets file that others can run", 0601, 077, "chmod" },
		{ "a users file that others can read", 0644, 022, NULL },
		{ "a users file that others can write", 0646, 022,
		    "chmod go-w" },
		{ "a users file that the group can write", 0664, 022,
		    "chmod go-w" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *path = unit_write(state, "file", "a\n", 2,
		    rows[i].mode);
		struct records_file open;
		int got = records_open(&open, path, rows[i].forbidden);

		ROW(rows[i].what, got == (rows[i].mend == NULL ? 0 : -1));
		if (got == 0)
			records_close(&open);
		else
			ROW(rows[i].what, open.why != NULL &&
			    strstr(open.why, rows[i].mend) != NULL);
	}
}

static void
refused(const char *what, const char *path, const char *part)
{
	struct records records;
	struct records_file open;

	ROW(what, records_open(&open, path, 022) == -1);
	ROW(what, open.why != NULL && strstr(open.why, part) != NULL);
	ROW(what, records_begin(&records, &open) == -1);
}

/* What is no file that can be believed.  None of them may make us wait. */
static void
test_kinds(void **state)
{
	char target[512];
	const char *path;

	memcpy(target, unit_text(state, "target", "a\n"), sizeof(target));
	path = unit_path(state, "link");
	assert_int_equal(symlink(target, path), 0);
	refused("a symbolic link", path, "symbolic link");
	path = unit_path(state, "fifo");
	assert_int_equal(mkfifo(path, 0600), 0);
	refused("a FIFO", path, "regular");
	refused("a directory", ((struct unit *)*state)->dir, "regular");
	refused("a device", "/dev/null", "regular");
	refused("nothing", unit_path(state, "nothing"), "No such");
	refused("no directory", unit_path(state, "no/thing"),
	    "No such");
}

/* Owners: root and the effective user are believed, nobody else is. */
static void
test_owners(void **state)
{
	struct records_file open;
	const char *path;

	/* Root's, whoever runs this. */
	assert_int_equal(records_open(&open, "/etc/passwd", 022), 0);
	records_close(&open);
	if (getuid() != 0)
		UNIT_SKIP("only root can make another user's file");
	path = unit_write(state, "foreign", "a\n", 2, 0644);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(chown(path, 12345, 0), 0);
	assert_int_equal(seteuid(getpwnam("nobody")->pw_uid), 0);
	refused("another user's", path, "belongs to another user");
}

/* The lines of ${text}: ${expected} has one character for each, the last octet
 * of a record or `!' for a line that is none; and its number. */
static void
check_lines(void **state, const char *what, const char *text, size_t n,
    const char *expected, const unsigned *numbers)
{
	const char *path = unit_write(state, "lines", text, n, 0600);
	struct records_file open;
	struct records records;
	struct span line;
	int got;

	ROW(what, records_open(&open, path, 077) == 0);
	ROW(what, records_begin(&records, &open) == 0);
	for (; *expected != '\0'; expected++) {
		got = records_next(&records, &line);
		ROW(what, got == (*expected == '!' ? -1 : 1));
		ROW(what, got == 1 || errno == EINVAL);
		ROW(what, got == -1 || line.p[line.n - 1] == *expected);
		ROW(what, numbers == NULL || records.line == *numbers++);
	}
	ROW(what, records_next(&records, &line) == 0);
	ROW(what, records_next(&records, &line) == 0);
	records_end(&records);
	records_close(&open);
}

static void
test_lines(void **state)
{
	static const struct {
		const char *what;
		const char *text;
		size_t n;
		const char *expected;
		unsigned numbers[4];
	} rows[] = {
		{ "an empty file", OCTETS(""), "", { 0 } },
		{ "two lines", OCTETS("a\nb\n"), "ab", { 1, 2 } },
		{ "a last line without an end", OCTETS("a\nb"), "ab",
		    { 1, 2 } },
		{ "comments and empty lines are counted, but no records",
		    OCTETS("# x\n\na\n#\n\n\nb\n#b"), "ab", { 3, 7 } },
		{ "a # behind the begin is an octet", OCTETS(" #\na#b\n"),
		    "#b", { 1, 2 } },
		{ "CR LF", OCTETS("a\r\nb\r\n\r\n"), "ab", { 1, 2 } },
		{ "only one CR goes", OCTETS("a\r\r\n"), "\r", { 1 } },
		{ "a CR inside", OCTETS("a\rb\n"), "b", { 1 } },
		{ "NUL makes it no record", OCTETS("a\0b\nc\n"), "!c",
		    { 1, 2 } },
		{ "NUL in a comment", OCTETS("#\0\nc\n"), "c", { 2 } },
		{ "8-bit octets", OCTETS("\xc3\xa4\n\xff\n"), "\xa4\xff",
		    { 1, 2 } },
		{ "blanks are octets", OCTETS(" \na \n"), "  ", { 1, 2 } },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		check_lines(state, rows[i].what, rows[i].text, rows[i].n,
		    rows[i].expected, rows[i].numbers);
}

/* Lines about as long as they may be, and much longer: those that are too long
 * are skipped whole, whatever stands at the edges of the blocks. */
static void
test_long_lines(void **state)
{
	static const struct {
		size_t from, to;
	} lengths[] = { { 1, 3 }, { 1000, 1100 }, { 4080, 4110 },
	    { 8180, 8200 }, { 65530, 65540 } };
	static const unsigned numbers[] = { 1, 2, 3 };
	static char text[70000];

	for (size_t i = 0; i < COUNT(lengths); i++)
		for (size_t n = lengths[i].from; n < lengths[i].to; n++) {
			bool fits = n < LIMITS_RECORD;

			memset(text, 'x', sizeof(text));
			memcpy(text, "a\n", 2);
			memcpy(text + 2 + n - 1, "b\nc", 3);
			check_lines(state, "a long line", text, n + 4,
			    fits ? "abc" : "a!c", numbers);
			check_lines(state, "a long last line", text, n + 2,
			    fits ? "ab" : "a!", numbers);
		}
}

/* A file that cannot be read any more has no line. */
static void
test_unreadable(void **state)
{
	const char *path = unit_text(state, "unreadable", "a\nb\n");
	struct records_file file;
	struct records records;
	struct span line = SPAN("what was here before");
	int fd = open(path, O_WRONLY);

	assert_int_equal(records_open(&file, path, 077), 0);
	assert_int_equal(dup2(fd, file.fd), file.fd);
	assert_int_equal(records_begin(&records, &file), 0);
	assert_int_equal(records_next(&records, &line), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(line.n, 0);
	records_end(&records);
	records_close(&file);
	assert_int_equal(close(fd), 0);
}

/* Nothing of what was read stays in memory; it can be read again. */
static void
test_end_wipes(void **state)
{
	const char *path = unit_text(state, "wiped", "mrose:tanstaaf\n");
	struct records_file open;
	struct records records;
	struct span line;

	assert_int_equal(records_open(&open, path, 077), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(records_begin(&records, &open), 0);
		assert_int_equal(records_next(&records, &line), 1);
		records_end(&records);
		assert_null(memmem(&records, sizeof(records), "tanstaaf", 8));
		assert_null(memmem(&records, sizeof(records), "mrose", 5));
	}
	records_close(&open);
	records_close(&open);
	assert_int_equal(records_open(&open, NULL, 077), 0);
	records_close(&open);
}

static bool
is_pair(struct span name, struct span rest)
{
	return name.n > 0 && rest.n > 0;
}

/* The record of a name, in files of two forms. */
static void
test_find(void **state)
{
	static const char text[] = "# a:1\n:2\nb\na:1:x\n c :3\na:4\nd:\0\n d \n";
	static const struct records_form pairs = { .separator = ':',
	    .fits = is_pair, .expected = "a pair" };
	static const struct records_form names = {
	    .separator = RECORDS_NAMES };
	static const struct {
		const char *what, *name;
		const struct records_form *form;
		int found;
		const char *record;
	} rows[] = {
		{ "the first one counts", "a", &pairs, 1, "1:x" },
		{ "a malformed line is none", "b", &pairs, 0, NULL },
		{ "blanks are octets of a name", " c ", &pairs, 1, "3" },
		{ "so they are missed", "c", &pairs, 0, NULL },
		{ "a line with NUL is none", "d", &pairs, 0, NULL },
		{ "no name", "", &pairs, 0, NULL },
		{ "a comment", "# a", &pairs, 0, NULL },
		{ "a list: the whole line is the name", "b", &names, 1, "" },
		{ "a list: a part of it is not", "a", &names, 0, NULL },
		{ "a list: blanks around it are none", "d", &names, 1, "" },
	};
	const char *path = unit_write(state, "found", text, sizeof(text) - 1,
	    0600);
	struct records_file open;
	char record[LIMITS_RECORD];

	assert_int_equal(records_open(&open, path, RECORDS_SECRET), 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct span name = span_of(rows[i].name);

		ROW(rows[i].what, records_find(&open, rows[i].form, name,
		    record, NULL) == rows[i].found);
		ROW(rows[i].what, rows[i].found == 0 ||
		    strcmp(record, rows[i].record) == 0);
		ROW(rows[i].what, records_find(&open, rows[i].form, name,
		    NULL, NULL) == rows[i].found);
	}
	records_close(&open);
	assert_int_equal(records_find(&open, &pairs, SPAN("a"), record, NULL),
	    -1);
}

static bool
is_even(struct span rest)
{
	return rest.n > 0 && (rest.p[rest.n - 1] - '0') % 2 == 0;
}

/* One that stands in: always the same, of those that may, all of them drawn by
 * some name; and others that go do not change it. */
static void
test_other(void **state)
{
	static const struct records_form form = { .separator = ':',
	    .stands_in = is_even };
	static const char text[] = "a:10\nb:11\nc:12\nd:13\ne:14\n";
	static const char odd[] = "a:11\nb:13\n";
	struct records_file open;
	char record[LIMITS_RECORD], other[LIMITS_RECORD], name[8];
	bool drawn[3] = { false };
	char of[100];

	assert_int_equal(records_open(&open, unit_text(state, "all", text),
	    RECORDS_PUBLIC), 0);
	for (int i = 0; i < 200; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i % 100);
		assert_int_equal(records_find(&open, &form, span_of(name),
		    record, other), 0);
		assert_true(strlen(other) == 2 && (other[1] - '0') % 2 == 0);
		assert_true(i < 100 || of[i - 100] == other[1]);
		of[i % 100] = other[1];
		drawn[(other[1] - '0') / 2] = true;
	}
	assert_true(drawn[0] && drawn[1] && drawn[2]);
	/* Who is found gets one, too. */
	assert_int_equal(records_find(&open, &form, SPAN("b"), record, other),
	    1);
	assert_string_equal(record, "11");
	assert_true(is_even(span_of(other)));
	records_close(&open);

	assert_int_equal(records_open(&open, unit_text(state, "fewer",
	    "a:10\nc:12\n"), RECORDS_PUBLIC), 0);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		assert_int_equal(records_find(&open, &form, span_of(name),
		    NULL, other), 0);
		assert_true(of[i] == '4' || of[i] == other[1]);
	}
	records_close(&open);

	assert_int_equal(records_open(&open, unit_text(state, "odd", odd),
	    RECORDS_PUBLIC), 0);
	assert_int_equal(records_find(&open, &form, SPAN("a"), record, other),
	    1);
	assert_string_equal(other, "");
	records_close(&open);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_owners),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_end_wipes),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_other),
	};

	return cmocka_run_group_tests_name("records", tests, unit_begin,
	    unit_end);
}
