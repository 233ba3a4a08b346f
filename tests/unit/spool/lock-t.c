/* SPDX-License-Identifier: ISC */
/*
 * The lock room: each kind of lock and each order against each kind of holder,
 * the dot-lock of live, dead and foreign processes, and what cannot be made
 * (DESIGN section 7).
 */
#include "unit/unit.h"

#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <dirent.h>
#include <time.h>

#include "base/span.h"
#include "spool/dotlock.h"
#include "spool/lock.h"

/* Just before the next rename, somebody puts this file there: it stands before
 * the C library's function. */
static const char *overtaken_by, *overtaken;

int
renameat(int from, const char *name, int to, const char *new)
{
	if (overtaken_by != NULL)
		assert_int_equal(rename(overtaken_by, overtaken), 0);
	overtaken_by = NULL;
	return (int)syscall(SYS_renameat2, from, name, to, new, 0);
}

/* A mailbox `box' in the test's directory, and a dot-lock for it. */
struct site {
	int dir, box;
	struct dotlock dot;
	struct lock lock;
};

static enum lock_result
direct(void *to, enum lock_request request)
{
	return dotlock_ask(to, request);
}

static void
open_site(void **state, struct site *site, const enum options_lock *kinds,
    int flags)
{
	memset(site, 0, sizeof(*site));
	site->dir = open(((struct unit *)*state)->dir, O_RDONLY | O_DIRECTORY);
	site->box = open(unit_path(state, "box"), flags | O_CREAT, 0600);
	if (site->dir == -1 || site->box == -1)
		fail_msg("no mailbox");
	dotlock_open(&site->dot, site->dir, site->box, "box");
	site->lock.kinds = kinds;
	site->lock.mailbox = site->box;
	site->lock.dot = direct;
	site->lock.to = &site->dot;
}

static void
close_site(struct site *site)
{
	(void)close(site->dir);
	(void)close(site->box);
}

/* What is in the directory besides the mailbox must have the name ${only}. */
static void
check_names(void **state, const char *only)
{
	DIR *dir = opendir(((struct unit *)*state)->dir);
	struct dirent *entry;
	bool seen = only == NULL;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		const char *name = entry->d_name;

		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		    strcmp(name, "box") == 0)
			continue;
		ROW(name, only != NULL && strcmp(name, only) == 0);
		seen = true;
	}
	(void)closedir(dir);
	assert_true(seen);
}

static void
test_dot(void **state)
{
	struct site a, b;
	struct stat st;

	open_site(state, &a, NULL, O_RDWR);
	open_site(state, &b, NULL, O_RDWR);
	assert_int_equal(dotlock_ask(&a.dot, LOCK_DOT_TRY), LOCK_HELD);
	check_names(state, "box.lock");
	assert_int_equal(stat(unit_path(state, "box.lock"), &st), 0);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(st.st_mode & 0222, 0);
	/* Ours already; busy for anybody else. */
	assert_int_equal(dotlock_ask(&a.dot, LOCK_DOT_TRY), LOCK_HELD);
	assert_int_equal(dotlock_ask(&b.dot, LOCK_DOT_TRY), LOCK_BUSY);
	assert_int_equal(dotlock_ask(&b.dot, LOCK_DOT_TRY_LAST), LOCK_BUSY);
	assert_false(dotlock_touch(&b.dot));
	/* Nobody drops what is not his. */
	assert_int_equal(dotlock_ask(&b.dot, LOCK_DOT_DROP), LOCK_HELD);
	check_names(state, "box.lock");
	assert_int_equal(dotlock_ask(&a.dot, LOCK_DOT_DROP), LOCK_HELD);
	check_names(state, NULL);
	assert_int_equal(dotlock_ask(&b.dot, LOCK_DOT_TRY), LOCK_HELD);
	assert_int_equal(dotlock_ask(&a.dot, LOCK_DOT_DROP), LOCK_HELD);
	check_names(state, "box.lock");
	assert_int_equal(dotlock_ask(&b.dot, LOCK_DOT_DROP), LOCK_HELD);
	close_site(&a);
	close_site(&b);
}

/* What ours says: dewey, pid, start time, host, boot, pid namespace. */
static void
test_owner(void **state)
{
	struct site site;
	char text[LIMITS_DOTLOCK_TEXT], host[256] = "";
	struct span rest = { text, 0 };

	open_site(state, &site, NULL, O_RDWR);
	assert_int_equal(dotlock_ask(&site.dot, LOCK_DOT_TRY), LOCK_HELD);
	rest.n = unit_read(unit_path(state, "box.lock"), text, sizeof(text));
	assert_true(rest.n > 0 && text[rest.n - 1] == '\n');
	assert_true(span_equal(span_cut(&rest, ' '), SPAN("dewey")));
	assert_int_equal(strtol(span_cut(&rest, ' ').p, NULL, 10), getpid());
	assert_true(strtoll(span_cut(&rest, ' ').p, NULL, 10) > 0);
	assert_int_equal(gethostname(host, sizeof(host) - 1), 0);
	assert_true(span_equal(span_cut(&rest, ' '), span_of(host)));
	assert_int_equal(span_cut(&rest, ' ').n, 36);
	assert_memory_equal(rest.p, "pid:[", 5);
	assert_int_equal(dotlock_ask(&site.dot, LOCK_DOT_DROP), LOCK_HELD);
	close_site(&site);
}

/* ---- Dot-locks of others. */

/* Write a dot-lock with our own words, but for the pid and one more. */
static void
write_dot(void **state, const struct site *site, const char *pid, int which,
    const char *word)
{
	struct span rest = span_of(site->dot.owner);
	char text[2 * LIMITS_DOTLOCK_TEXT];
	size_t n = 0;

	rest.n--;
	for (int i = 0; i < 6; i++) {
		struct span part = span_cut(&rest, ' ');

		if (i == 1 && pid != NULL)
			part = span_of(pid);
		if (i == which)
			part = span_of(word);
		memcpy(text + n, part.p, part.n);
		n += part.n;
		text[n++] = i < 5 ? ' ' : '\n';
	}
	(void)unit_write(state, "box.lock", text, n, 0444);
}

/* A process that was there. */
static pid_t
dead_pid(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return pid;
}

enum outcome { BUSY, BROKEN };

/* Whether the dot-lock there says what ours say. */
static bool
is_ours(void **state, const struct site *site)
{
	char text[LIMITS_DOTLOCK_TEXT];
	int fd = open(unit_path(state, "box.lock"), O_RDONLY | O_NOFOLLOW |
	    O_NONBLOCK);
	ssize_t n = fd == -1 ? -1 : read(fd, text, sizeof(text));

	(void)close(fd);
	return n == (ssize_t)strlen(site->dot.owner) &&
	    memcmp(text, site->dot.owner, (size_t)n) == 0;
}

static void
judge(void **state, struct site *site, const char *what,
    enum lock_request request, enum outcome outcome)
{
	struct stat before, after;

	ROW(what, lstat(unit_path(state, "box.lock"), &before) == 0);
	ROW(what, dotlock_ask(&site->dot, request) ==
	    (outcome == BUSY ? LOCK_BUSY : LOCK_HELD));
	check_names(state, "box.lock");
	ROW(what, lstat(unit_path(state, "box.lock"), &after) == 0);
	ROW(what, outcome == BUSY || is_ours(state, site));
	ROW(what, outcome == BROKEN || (after.st_ino == before.st_ino &&
	    after.st_mtim.tv_sec == before.st_mtim.tv_sec));
}

static void
clean(void **state, struct site *site)
{
	(void)dotlock_ask(&site->dot, LOCK_DOT_DROP);
	(void)unlink(unit_path(state, "box.lock"));
	(void)rmdir(unit_path(state, "box.lock"));
	close_site(site);
}

static void
test_stale_by_process(void **state)
{
	char gone[32];
	const struct {
		const char *what, *pid;
		int which;
		const char *word;
		enum outcome outcome;
	} rows[] = {
		{ "ourselves: alive", NULL, -1, NULL, BUSY },
		{ "a process that is gone", gone, -1, NULL, BROKEN },
		{ "a process with that pid that started at another time", NULL,
		    2, "12345", BROKEN },
		{ "another program's", gone, 0, "procmail", BUSY },
		{ "another host's: who knows", gone, 3, "elsewhere.example",
		    BUSY },
		{ "another pid namespace's", gone, 5, "pid:[1]", BUSY },
		{ "another boot's, perhaps of another host", gone, 4,
		    "00000000-0000-0000-0000-000000000000", BUSY },
		{ "a pid that is no number", "x", -1, NULL, BUSY },
		{ "a pid that is no pid", "99999999999", -1, NULL, BUSY },
		{ "a negative pid", "-1", -1, NULL, BUSY },
		{ "a start that is no number", gone, 2, "x", BUSY },
		{ "an empty word", gone, 3, "", BUSY },
	};

	(void)snprintf(gone, sizeof(gone), "%ld", (long)dead_pid());
	/* It must not keep those out for ever who only read. */
	for (size_t i = 0; i < 2 * COUNT(rows); i++) {
		size_t row = i % COUNT(rows);
		struct site site;

		open_site(state, &site, NULL, i < COUNT(rows) ? O_RDWR :
		    O_RDONLY);
		write_dot(state, &site, rows[row].pid, rows[row].which,
		    rows[row].word);
		judge(state, &site, rows[row].what, LOCK_DOT_TRY,
		    rows[row].outcome);
		clean(state, &site);
	}
}

/* The stale one is gone when it is to be broken, and another's is there: that
 * stays his. */
static void
test_stale_overtaken(void **state)
{
	char path[LIMITS_PATH], by[LIMITS_PATH], text[8] = "";
	struct site site;
	int fd;

	open_site(state, &site, NULL, O_RDWR);
	write_dot(state, &site, NULL, 2, "12345");
	(void)snprintf(by, sizeof(by), "%s", unit_text(state, "by", "4711\n"));
	(void)snprintf(path, sizeof(path), "%s",
	    unit_path(state, "box.lock"));
	overtaken = path;
	overtaken_by = by;
	assert_int_equal(dotlock_ask(&site.dot, LOCK_DOT_TRY), LOCK_BUSY);
	assert_null(overtaken_by);
	check_names(state, "box.lock");
	fd = open(path, O_RDONLY);
	assert_int_equal(read(fd, text, sizeof(text)), 5);
	assert_memory_equal(text, "4711\n", 5);
	(void)close(fd);
	clean(state, &site);
}

/* What other programs write into theirs says nothing of who they are. */
static void
test_foreign(void **state)
{
	static const char *const texts[] = { "", "0", "1\n", "99999\n",
	    "dewey\n", "dewey 1\n", "dewey 1 1 x\n", "\0\0\0\0",
	    "dewey                                   \n" };

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct site site;

		open_site(state, &site, NULL, O_RDWR);
		(void)unit_text(state, "box.lock", texts[i]);
		judge(state, &site, texts[i], LOCK_DOT_TRY, BUSY);
		judge(state, &site, texts[i], LOCK_DOT_TRY_LAST, BUSY);
		clean(state, &site);
	}
}

static void
set_age(void **state, time_t seconds)
{
	struct timespec times[2];

	assert_int_equal(clock_gettime(CLOCK_REALTIME, &times[0]), 0);
	times[0].tv_sec -= seconds;
	times[1] = times[0];
	assert_int_equal(utimensat(AT_FDCWD, unit_path(state, "box.lock"),
	    times, AT_SYMLINK_NOFOLLOW), 0);
}

static void
test_stale_by_age(void **state)
{
	static const struct {
		const char *what;
		time_t age, later;	/* at the first try, at the last one */
		enum outcome outcome;
	} rows[] = {
		{ "made just now", 0, 0, BUSY },
		{ "less than five minutes old", 295, 295, BUSY },
		{ "more than five minutes old", 305, 305, BROKEN },
		{ "a day old", 86400, 86400, BROKEN },
		{ "touched during the wait", 305, 1, BUSY },
		{ "changed during the wait, and still old", 400, 350, BUSY },
		{ "from the future", -3600, -3600, BUSY },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct site site;

		open_site(state, &site, NULL, O_RDWR);
		(void)unit_text(state, "box.lock", "4711\n");
		set_age(state, rows[i].age);
		/* Not before the wait is over, whatever its age. */
		judge(state, &site, rows[i].what, LOCK_DOT_TRY, BUSY);
		judge(state, &site, rows[i].what, LOCK_DOT_TRY, BUSY);
		if (rows[i].later != rows[i].age)
			set_age(state, rows[i].later);
		judge(state, &site, rows[i].what, LOCK_DOT_TRY_LAST,
		    rows[i].outcome);
		clean(state, &site);
	}
}

/* Another lock took its place during the wait: as old, but another. */
static void
test_replaced(void **state)
{
	struct site site;
	int keep;

	open_site(state, &site, NULL, O_RDWR);
	keep = open(unit_text(state, "box.lock", "4711\n"), O_RDONLY);
	set_age(state, 1000);
	judge(state, &site, "before", LOCK_DOT_TRY, BUSY);
	/* Its inode is in use, so the new one has another. */
	(void)unit_text(state, "box.lock", "4711\n");
	set_age(state, 1000);
	judge(state, &site, "replaced", LOCK_DOT_TRY_LAST, BUSY);
	/* A new wait begins from the begin. */
	judge(state, &site, "again", LOCK_DOT_TRY, BUSY);
	judge(state, &site, "unchanged", LOCK_DOT_TRY_LAST, BROKEN);
	(void)close(keep);
	clean(state, &site);
}

/* What is no regular file is in the way, however old, and is not followed. */
static void
test_kinds_of_files(void **state)
{
	struct site site;
	const char *path;

	open_site(state, &site, NULL, O_RDWR);
	path = unit_path(state, "box.lock");
	assert_int_equal(mkdir(path, 0700), 0);
	set_age(state, 1000);
	judge(state, &site, "a directory", LOCK_DOT_TRY, BUSY);
	judge(state, &site, "a directory", LOCK_DOT_TRY_LAST, BUSY);
	assert_int_equal(rmdir(unit_path(state, "box.lock")), 0);
	assert_int_equal(mkfifo(unit_path(state, "box.lock"), 0600), 0);
	set_age(state, 1000);
	judge(state, &site, "a FIFO", LOCK_DOT_TRY, BUSY);
	judge(state, &site, "a FIFO", LOCK_DOT_TRY_LAST, BUSY);
	assert_int_equal(unlink(unit_path(state, "box.lock")), 0);
	assert_int_equal(symlink("box", unit_path(state, "box.lock")), 0);
	set_age(state, 1000);
	judge(state, &site, "a symbolic link", LOCK_DOT_TRY, BUSY);
	judge(state, &site, "a symbolic link", LOCK_DOT_TRY_LAST, BUSY);
	clean(state, &site);
}

/* While somebody else has the mailbox by fcntl, no dot-lock is broken. */
static void
test_breaking_needs_fcntl(void **state)
{
	struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct site site;
	int other;

	open_site(state, &site, NULL, O_RDWR);
	other = open(unit_path(state, "box"), O_RDWR);
	assert_int_equal(fcntl(other, F_OFD_SETLK, &range), 0);
	(void)unit_text(state, "box.lock", "4711\n");
	set_age(state, 1000);
	judge(state, &site, "locked", LOCK_DOT_TRY, BUSY);
	judge(state, &site, "locked", LOCK_DOT_TRY_LAST, BUSY);
	(void)close(other);
	judge(state, &site, "free", LOCK_DOT_TRY_LAST, BROKEN);
	clean(state, &site);
}

static void
test_touch(void **state)
{
	struct site site;
	struct stat st;

	open_site(state, &site, NULL, O_RDWR);
	assert_int_equal(dotlock_ask(&site.dot, LOCK_DOT_TRY), LOCK_HELD);
	set_age(state, 200);
	assert_true(dotlock_touch(&site.dot));
	assert_int_equal(stat(unit_path(state, "box.lock"), &st), 0);
	assert_true(st.st_mtim.tv_sec >= time(NULL) - 100);
	/* It was taken from us, and somebody made his own: the file system may
	 * give it the inode number that ours had. */
	assert_int_equal(unlink(unit_path(state, "box.lock")), 0);
	(void)unit_text(state, "box.lock", "4711\n");
	set_age(state, 200);
	assert_false(dotlock_touch(&site.dot));
	assert_int_equal(stat(unit_path(state, "box.lock"), &st), 0);
	assert_true(st.st_mtim.tv_sec < time(NULL) - 100);
	assert_int_equal(dotlock_ask(&site.dot, LOCK_DOT_DROP), LOCK_HELD);
	check_names(state, "box.lock");
	clean(state, &site);
}

/* ---- All kinds, in every order, against every holder. */

#define F OPTIONS_LOCK_FCNTL
#define L OPTIONS_LOCK_FLOCK
#define D OPTIONS_LOCK_DOTLOCK
#define E OPTIONS_LOCK_END

static const enum options_lock orders[][OPTIONS_LOCKS] = {
	{ E }, { F, E }, { L, E }, { D, E }, { F, L, E }, { L, F, E },
	{ F, D, E }, { D, F, E }, { L, D, E }, { D, L, E }, { F, L, D, E },
	{ F, D, L, E }, { L, F, D, E }, { L, D, F, E }, { D, F, L, E },
	{ D, L, F, E },
};

/* Try to have a lock of ${kind}, as another program would; 0 if it was had,
 * and then it is still held. */
static int
hold(void **state, enum options_lock kind, int fd)
{
	struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	switch (kind) {
	case F:
		return fcntl(fd, F_OFD_SETLK, &range);
	case L:
		return flock(fd, LOCK_EX | LOCK_NB);
	case D:
		fd = open(unit_path(state, "box.lock"),
		    O_WRONLY | O_CREAT | O_EXCL, 0600);
		return fd == -1 ? -1 : close(fd);
	default:
		return 0;
	}
}

/* Nobody else may even share what we hold. */
static void
check_unshared(void **state, const enum options_lock *order)
{
	struct flock range = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	int fd = open(unit_path(state, "box"), O_RDWR);

	for (; *order != E; order++) {
		if (*order == F)
			assert_int_equal(fcntl(fd, F_OFD_SETLK, &range), -1);
		if (*order == L)
			assert_int_equal(flock(fd, LOCK_SH | LOCK_NB), -1);
	}
	(void)close(fd);
}

/* Whether the kinds ${order} can be had by others. */
static void
check_free(void **state, const enum options_lock *order, bool expected)
{
	for (; *order != E; order++) {
		int fd = open(unit_path(state, "box"), O_RDWR);
		bool had = hold(state, *order, fd) == 0;

		assert_int_equal(had, expected);
		if (had && *order == D)
			assert_int_equal(unlink(unit_path(state, "box.lock")),
			    0);
		(void)close(fd);
	}
}

static bool
has(const enum options_lock *order, enum options_lock kind)
{
	while (*order != E && *order != kind)
		order++;
	return *order == kind;
}

static void
test_orders(void **state)
{
	static const enum options_lock kinds[] = { E, F, L, D };

	for (size_t i = 0; i < COUNT(orders); i++)
		for (size_t k = 0; k < COUNT(kinds); k++) {
			enum options_lock held = kinds[k];
			bool busy = held != E && has(orders[i], held);
			struct site site;
			int other;

			open_site(state, &site, orders[i], O_RDWR);
			other = open(unit_path(state, "box"), O_RDWR);
			assert_int_equal(hold(state, held, other), 0);
			assert_int_equal(lock_take(&site.lock),
			    busy ? LOCK_BUSY : LOCK_HELD);
			/* All of them, or none. */
			if (held == E) {
				check_free(state, orders[i], false);
				check_unshared(state, orders[i]);
			}
			if (!busy)
				lock_release(&site.lock);
			(void)close(other);
			if (held == D)
				assert_int_equal(unlink(unit_path(state,
				    "box.lock")), 0);
			check_free(state, orders[i], true);
			check_names(state, NULL);
			assert_int_equal(site.lock.held, 0);
			close_site(&site);
		}
}

/* The classic lock of another process. */
static void
test_classic(void **state)
{
	static const enum options_lock order[] = { F, E };
	struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct site site;
	int ready[2], done[2];
	char octet = 0;
	pid_t pid;

	open_site(state, &site, order, O_RDWR);
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(done), 0);
	pid = fork();
	if (pid == 0) {
		int fd = open(unit_path(state, "box"), O_RDWR);

		(void)close(done[1]);
		if (fcntl(fd, F_SETLK, &range) == -1 ||
		    write(ready[1], &octet, 1) != 1 ||
		    read(done[0], &octet, 1) != 0)
			_exit(1);
		_exit(0);
	}
	(void)close(done[0]);
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &octet, 1), 1);
	assert_int_equal(lock_take(&site.lock), LOCK_BUSY);
	(void)close(done[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(lock_take(&site.lock), LOCK_HELD);
	lock_release(&site.lock);
	(void)close(ready[0]);
	close_site(&site);
}

/* Closing some other descriptor of the mailbox must not take the lock away. */
static void
test_survives_close(void **state)
{
	static const enum options_lock order[] = { F, E };
	struct site site;

	open_site(state, &site, order, O_RDWR);
	assert_int_equal(lock_take(&site.lock), LOCK_HELD);
	(void)close(open(unit_path(state, "box"), O_RDWR));
	check_free(state, order, false);
	lock_release(&site.lock);
	close_site(&site);
}

/* It waits for the time-out, and takes what becomes free. */
static void
test_waits(void **state)
{
	static const enum options_lock order[] = { F, D, E };
	struct site site;
	int other = -1;
	time_t begin;
	pid_t pid;

	open_site(state, &site, order, O_RDWR);
	site.lock.timeout = 1;
	other = open(unit_path(state, "box"), O_RDWR);
	assert_int_equal(hold(state, F, other), 0);
	begin = time(NULL);
	assert_int_equal(lock_take(&site.lock), LOCK_BUSY);
	assert_true(time(NULL) - begin >= 0 && time(NULL) - begin <= 4);
	(void)close(other);
	site.lock.timeout = 20;
	assert_int_equal(hold(state, D, -1), 0);
	pid = fork();
	if (pid == 0) {
		(void)usleep(100000);
		_exit(unlink(unit_path(state, "box.lock")) == 0 ? 0 : 1);
	}
	assert_int_equal(lock_take(&site.lock), LOCK_HELD);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(site.lock.dot_held);
	lock_release(&site.lock);
	check_names(state, NULL);
	close_site(&site);
}

/* A directory that takes no dot-lock: the other kinds are held, and the caller
 * is told; but somebody's that is there is somebody's. */
static void
test_denied(void **state)
{
	static const enum options_lock order[] = { F, D, E }, dot[] = { D, E };
	const char *dir = ((struct unit *)*state)->dir;
	struct site site;

	open_site(state, &site, order, O_RDWR);
	assert_true(lock_has_others(&site.lock));
	assert_int_equal(chmod(dir, 0555), 0);
	assert_int_equal(dotlock_ask(&site.dot, LOCK_DOT_TRY), LOCK_DENIED);
	assert_int_equal(lock_take(&site.lock), LOCK_DENIED);
	assert_false(site.lock.dot_held);
	assert_int_equal(chmod(dir, 0755), 0);
	check_free(state, (const enum options_lock[]){ F, E }, false);
	lock_release(&site.lock);
	check_free(state, order, true);
	(void)unit_text(state, "box.lock", "4711\n");
	assert_int_equal(chmod(dir, 0555), 0);
	assert_int_equal(dotlock_ask(&site.dot, LOCK_DOT_TRY), LOCK_BUSY);
	assert_int_equal(dotlock_ask(&site.dot, LOCK_DOT_TRY_LAST), LOCK_BUSY);
	assert_int_equal(lock_take(&site.lock), LOCK_BUSY);
	assert_int_equal(chmod(dir, 0755), 0);
	check_free(state, (const enum options_lock[]){ F, E }, true);
	assert_int_equal(unlink(unit_path(state, "box.lock")), 0);
	site.lock.kinds = dot;
	assert_false(lock_has_others(&site.lock));
	assert_int_equal(lock_take(&site.lock), LOCK_HELD);
	assert_true(site.lock.dot_held);
	lock_release(&site.lock);
	close_site(&site);
}

/* A mailbox that can only be read takes read locks: others may read, too. */
static void
test_read_only(void **state)
{
	static const enum options_lock order[] = { F, E };
	struct flock range = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	struct site site;
	int other;

	open_site(state, &site, order, O_RDONLY);
	other = open(unit_path(state, "box"), O_RDWR);
	assert_int_equal(fcntl(other, F_OFD_SETLK, &range), 0);
	assert_int_equal(lock_take(&site.lock), LOCK_HELD);
	range.l_type = F_WRLCK;
	assert_int_equal(fcntl(other, F_OFD_SETLK, &range), -1);
	lock_release(&site.lock);
	assert_int_equal(fcntl(other, F_OFD_SETLK, &range), 0);
	assert_int_equal(lock_take(&site.lock), LOCK_BUSY);
	(void)close(other);
	close_site(&site);
}

/* Without a mailbox there is nothing to lock. */
static void
test_no_mailbox(void **state)
{
	static const enum options_lock order[] = { F, L, D, E };
	struct site site;

	open_site(state, &site, order, O_RDWR);
	site.lock.mailbox = -1;
	assert_int_equal(lock_take(&site.lock), LOCK_HELD);
	check_names(state, NULL);
	lock_release(&site.lock);
	close_site(&site);
}

/* What a test that failed left behind must not make others fail. */
static int
fresh(void **state)
{
	(void)chmod(((struct unit *)*state)->dir, 0755);
	(void)unlink(unit_path(state, "box"));
	(void)unlink(unit_path(state, "box.lock"));
	(void)rmdir(unit_path(state, "box.lock"));
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_dot, fresh),
		cmocka_unit_test_setup(test_owner, fresh),
		cmocka_unit_test_setup(test_stale_by_process, fresh),
		cmocka_unit_test_setup(test_foreign, fresh),
		cmocka_unit_test_setup(test_stale_overtaken, fresh),
		cmocka_unit_test_setup(test_stale_by_age, fresh),
		cmocka_unit_test_setup(test_replaced, fresh),
		cmocka_unit_test_setup(test_kinds_of_files, fresh),
		cmocka_unit_test_setup(test_breaking_needs_fcntl, fresh),
		cmocka_unit_test_setup(test_touch, fresh),
		cmocka_unit_test_setup(test_orders, fresh),
		cmocka_unit_test_setup(test_classic, fresh),
		cmocka_unit_test_setup(test_survives_close, fresh),
		cmocka_unit_test_setup(test_waits, fresh),
		cmocka_unit_test_setup(test_denied, fresh),
		cmocka_unit_test_setup(test_read_only, fresh),
		cmocka_unit_test_setup(test_no_mailbox, fresh),
	};

	return cmocka_run_group_tests_name("lock", tests, unit_begin,
	    unit_end);
}
