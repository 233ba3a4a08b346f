/* SPDX-License-Identifier: ISC */
/*
 * What kills and losses of power leave of an UPDATE, by trying:
 *
 *   power SEED STATES [TRIAL]
 *
 * with SHIM_MAILBOX and SHIM_FAST in the environment.  A seed and a trial that
 * went wrong are printed; with that seed, and the number of the trial, every
 * call of it is shown.  With POWER_PROGRAM and POWER_SHIM in the environment,
 * the sessions are not those of the library linked here but of that program,
 * with the shim preloaded.
 *
 * An UPDATE is run once and recorded.  Then, again and again, its record is
 * played up to some call on a disk that is only imagined: what was synced is
 * there; of what was written later any sectors of 512 octets are, and the file
 * has any of the sizes that it had since.  Or only the process dies, and the
 * next one sees everything, synced or not.  Mail may arrive.  What is left is
 * put into the real files, recovered, and compared: the messages of before or
 * those of after, and what arrived, nothing else.  The recovery is recorded as
 * well, and cut short at any of its calls, and so on.
 *
 * A sync that fails leaves any of what it should have written unwritten, and
 * no later sync will write it, though everybody reads it until the power goes.
 */
#include "config.h"

#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "maildrop/cache.h"
#include "maildrop/maildrop.h"
#include "maildrop/update.h"
#include "spool/aside.h"
#include "spool/sidecar.h"
#include "shim.h"

#define SECTOR 512
#define PAGE 4096
#define ROOM 262144		/* octets of a file, at most */
#define RECORD_ROOM (1 << 22)	/* octets of one record, at most */
#define PENDING 65536		/* sectors written between two syncs, at most */
#define SIZES 4096
#define PIECES 8		/* of mail that arrives in one trial */
#define TRIALS 24		/* of one recorded UPDATE */
#define LEVELS 4		/* recoveries of one trial */

/* ---- Chance, the same one for the same seed */

static uint64_t chance;

static uint64_t
draw(void)
{
	uint64_t z = chance += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static size_t
below(size_t n)
{
	return (size_t)(draw() % n);
}

static bool
percent(size_t n)
{
	return below(100) < n;
}

/* The program's own dice are ours, too. */
ssize_t
getrandom(void *octets, size_t n, unsigned flags)
{
	(void)flags;
	for (size_t i = 0; i < n; i++)
		((uint8_t *)octets)[i] = (uint8_t)draw();
	return (ssize_t)n;
}

static void
stop(const char *why)
{
	(void)printf("# %s: %s\n", why, strerror(errno));
	exit(2);
}

static void *
get(size_t n)
{
	void *p = calloc(1, n);

	if (p == NULL)
		stop("memory");
	return p;
}

/* ---- The disk */

struct version {
	size_t sector;
	uint8_t octets[SECTOR];
};

struct file {
	bool there;		/* it was made */
	bool named;		/* its name is on the disk */
	bool written;		/* since it was made: its times say so */
	uint8_t *cache;		/* what everybody reads */
	size_t n;
	uint8_t *disk;		/* what is there for ever */
	size_t disk_n;
	struct version *pending;	/* sectors written since the last sync */
	size_t pending_n;
	size_t sizes[SIZES];	/* and sizes */
	size_t sizes_n;
	bool shrunk;		/* one of them is smaller than the one before */
};

static struct file mailbox, sidecar;
static size_t cut_from;		/* the mailbox's size before it was cut; 0: not yet */
static char mailbox_path[4096], sidecar_path[4096], dir_path[4096];

static void
file_open(struct file *file)
{
	memset(file, 0, sizeof(*file));
	file->cache = get(ROOM);
	file->disk = get(ROOM);
	file->pending = get(PENDING * sizeof(*file->pending));
}

static void
file_close(struct file *file)
{
	free(file->cache);
	free(file->disk);
	free(file->pending);
}

/* Everybody reads [${from}, ${to}) as it is in the cache now. */
static void
file_dirty(struct file *file, size_t from, size_t to)
{
	for (size_t s = from / SECTOR; s * SECTOR < to; s++) {
		struct version *v = &file->pending[file->pending_n++];

		if (file->pending_n == PENDING)
			stop("sectors");
		v->sector = s;
		memcpy(v->octets, file->cache + s * SECTOR, SECTOR);
	}
}

static void
file_resize(struct file *file, size_t n)
{
	size_t old = file->n, page = (n + PAGE - 1) / PAGE * PAGE;

	if (n > ROOM || file->sizes_n == SIZES)
		stop("room");
	file->n = n;
	file->sizes[file->sizes_n++] = n;
	if (n < old) {
		memset(file->cache + n, 0, old - n);
		file->shrunk = true;
		/* What is left of the last page is NUL; that may be written
		 * though the new size is not.  What is cut without a journal
		 * relies on the file system for this. */
		if (file != &mailbox || sidecar.n > 0)
			file_dirty(file, n, page < old ? page : old);
	}
}

static void
file_write(struct file *file, size_t at, const void *octets, size_t n)
{
	if (n == 0)
		return;
	if (at + n > file->n)
		file_resize(file, at + n);
	memcpy(file->cache + at, octets, n);
	file_dirty(file, at, at + n);
}

static void
file_sync(struct file *file)
{
	for (size_t i = 0; i < file->pending_n; i++) {
		size_t at = file->pending[i].sector * SECTOR;

		memcpy(file->disk + at, file->cache + at, SECTOR);
	}
	if (file->n < ROOM)
		memset(file->disk + file->n, 0, ROOM - file->n);
	file->disk_n = file->n;
	file->pending_n = file->sizes_n = 0;
	file->shrunk = false;
}

/* How chance deals with what was not synced. */
enum mood { ALL_LAST, NONE, ANY, MOST, FEW, MOODS };

/* Some of the pending sectors reach the disk. */
static void
file_scatter(struct file *file, enum mood mood)
{
	for (size_t i = 0; i < file->pending_n; i++) {
		const struct version *v = &file->pending[i];
		size_t seen = 1, odds = mood == MOST ? 90 : 10;
		bool take;

		for (size_t j = 0; j < i && mood == ANY; j++)
			seen += file->pending[j].sector == v->sector;
		take = mood == ALL_LAST ? true : mood == NONE ? false :
		    mood == ANY ? below(seen + 1) == 0 : percent(odds);
		if (take)
			memcpy(file->disk + v->sector * SECTOR, v->octets,
			    SECTOR);
	}
	file->pending_n = 0;
}

static void
file_sync_failed(struct file *file)
{
	file_scatter(file, (enum mood)below(MOODS));
}

static void
file_power(struct file *file)
{
	enum mood mood = (enum mood)below(MOODS);
	size_t pick = mood == ALL_LAST ? file->sizes_n : mood == NONE ? 0 :
	    below(file->sizes_n + 1);

	file_scatter(file, mood);
	if (pick > 0)
		file->disk_n = file->sizes[pick - 1];
	memset(file->disk + file->disk_n, 0, ROOM - file->disk_n);
	memcpy(file->cache, file->disk, ROOM);
	file->n = file->disk_n;
	file->sizes_n = 0;
	file->shrunk = false;
	if (file->there && !file->named) {
		file->there = file->named = percent(50);
		if (!file->there) {
			memset(file->cache, 0, ROOM);
			memset(file->disk, 0, ROOM);
			file->n = file->disk_n = 0;
		}
	}
}

/* Set the real file to what everybody would read. */
static void
file_put(const struct file *file, const char *path)
{
	const time_t now = time(NULL);
	const struct timespec times[2] = { { .tv_sec = now - 9 },
	    { .tv_sec = file->written ? now - 8 : now - 9 } };
	int fd;

	if (!file->there) {
		if (unlink(path) == -1 && errno != ENOENT)
			stop(path);
		return;
	}
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1 || ftruncate(fd, (off_t)file->n) == -1 ||
	    pwrite(fd, file->cache, file->n, 0) != (ssize_t)file->n ||
	    (file == &sidecar && futimens(fd, times) == -1))
		stop(path);
	(void)close(fd);
}

static size_t
file_get(const char *path, uint8_t *octets)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd == -1 && errno == ENOENT)
		return 0;
	n = fd == -1 ? -1 : pread(fd, octets, ROOM, 0);
	if (n == -1)
		stop(path);
	(void)close(fd);
	return (size_t)n;
}

/* ---- Mailboxes */

struct text {
	uint8_t octets[4096];
	size_t n;
};

struct box {
	struct text message[12];	/* without the mailbox's other octets */
	size_t count;
	bool marked[12];
	uint8_t before[ROOM], after[ROOM];	/* the whole mailbox */
	size_t before_n, after_n;
	size_t window;
	bool arrives;		/* a message, between login and QUIT */
	bool arrives_synced;
	bool old_sidecar;	/* from a session of before */
	bool rewritten;		/* by somebody else: no journal fits it */
	bool equal;		/* many messages are the same, and new mail */
};

static bool strange;		/* messages of this box have NUL and CR */

static void
make_message(struct text *text, unsigned number, bool long_one)
{
	size_t want = long_one ? 600 + below(2400) : 10 + below(250);
	int n = snprintf((char *)text->octets, 256, "From a@b Mon Jan  1 "
	    "00:00:%02zu 2024\nSubject: %u\n\n", below(60), number);

	text->n = (size_t)n;
	while (text->n < want) {
		text->octets[text->n++] = percent(3) ? '\n' :
		    strange && percent(20) ? (percent(50) ? '\0' : '\r') :
		    (uint8_t)('a' + below(26));
		if (text->octets[text->n - 1] == '\n')
			text->octets[text->n++] = 'z';
	}
	text->octets[text->n++] = '\n';
	text->octets[text->n++] = '\n';
}

/* A message of which ${text} is the begin. */
static void
make_longer(struct text *text)
{
	for (size_t i = 1 + below(200); i > 0; i--)
		text->octets[text->n++] = 'z';
	text->octets[text->n++] = '\n';
	text->octets[text->n++] = '\n';
}

static void
add(uint8_t *to, size_t *n, const void *octets, size_t m)
{
	memcpy(to + *n, octets, m);
	*n += m;
}

/* Which messages go: first, last, alternate, all but one, all, any. */
static void
mark(struct box *box)
{
	size_t pattern = below(8), one = below(box->count);
	bool some = false;

	for (size_t i = 0; i < box->count; i++) {
		box->marked[i] = pattern == 0 ? i == 0 :
		    pattern == 1 ? i == box->count - 1 :
		    pattern == 2 ? i % 2 == 0 : pattern == 3 ? i % 2 == 1 :
		    pattern == 4 ? i != one : pattern == 5 ? percent(90) :
		    percent(45);
		some |= box->marked[i];
	}
	if (!some)
		box->marked[one] = true;
}

static void
make_box(struct box *box)
{
	static const char pseudo[] = "From MAILER-DAEMON Mon Jan  1 00:00:00 "
	    "2024\nSubject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"
	    "X-IMAP: 1 2\n\ntext\n\n";
	static const size_t windows[] = { 1, 20, 100, 300, 512, 700, 2000, 9000,
	    65536 };
	static const char tiny[] = "From x\n\n";
	bool long_ones = percent(50);

	memset(box, 0, sizeof(*box));
	strange = percent(20);
	box->equal = percent(40);
	box->count = 1 + below(9);
	box->window = windows[below(sizeof(windows) / sizeof(windows[0]))];
	/* So many steps would only take time. */
	if (box->window < 100 && (long_ones || percent(70)))
		box->window = 200;
	mark(box);
	if (percent(15))
		add(box->before, &box->before_n, "\n\n\n", 1 + below(3));
	if (percent(15))
		add(box->before, &box->before_n, pseudo, sizeof(pseudo) - 1);
	add(box->after, &box->after_n, box->before, box->before_n);
	for (size_t i = 0; i < box->count; i++) {
		struct text *m = &box->message[i];

		make_message(m, (unsigned)i, long_ones && percent(60));
		/* Less than a nonce has. */
		if (box->before_n == 0 && !box->equal && percent(20)) {
			m->n = 0;
			add(m->octets, &m->n, tiny, sizeof(tiny) - 1);
		}
		if (box->equal && i > 0 && percent(75))
			*m = box->message[below(i)];
		if (box->equal && percent(20) && m->n < sizeof(m->octets) - 256)
			make_longer(m);
		add(box->before, &box->before_n, m->octets, m->n);
		if (!box->marked[i])
			add(box->after, &box->after_n, m->octets, m->n);
	}
	box->arrives = percent(30);
	box->arrives_synced = percent(50);
	box->old_sidecar = percent(50);
}

/* ---- Running the program's code */

static const char *program, *shim;	/* NULL: what is linked here */
static char record_path[4096];
static int record_fd;
static uint8_t *record;		/* of the last run */
static size_t record_n;

static const enum options_lock kinds[OPTIONS_LOCKS] = { OPTIONS_LOCK_FCNTL };

/* Deliver ${text} as if the power could not fail, or could. */
static void
arrive(const struct text *text, bool synced)
{
	int fd = open(mailbox_path, O_RDWR | O_CLOEXEC);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1 ||
	    pwrite(fd, text->octets, text->n, st.st_size) !=
	    (ssize_t)text->n)
		stop(mailbox_path);
	if (synced)
		(void)fsync(fd);
	(void)close(fd);
}

/* ${failing}: the call that fails, counted from 1, or 0. */
static void
begin_record(long failing)
{
	char text[32];

	if (ftruncate(record_fd, 0) == -1)
		stop("record");
	shim_record(record_fd, SHIM_CHANGES);
	shim_fail(program == NULL ? failing : 0, EIO);
	(void)snprintf(text, sizeof(text), "%ld", failing);
	if (setenv("SHIM_AT", text, 1) == -1)
		stop("memory");
}

static void
end_record(void)
{
	ssize_t n;

	shim_record(-1, "");
	shim_fail(0, 0);
	n = pread(record_fd, record, RECORD_ROOM, 0);
	if (n == -1 || n == RECORD_ROOM)
		stop("record");
	record_n = (size_t)n;
}

static int
set_aside(void *to)
{
	return aside_journal(to);
}

static enum mailbox_fault
open_drop(struct maildrop *drop)
{
	enum mailbox_fault fault;

	memset(drop, 0, sizeof(*drop));
	drop->rights.set_aside = set_aside;
	drop->rights.to = &drop->mailbox;
	fault = mailbox_open(&drop->mailbox, mailbox_path, false);
	if (fault == MAILBOX_FINE)
		fault = sidecar_enter(&drop->mailbox, NULL);
	if (fault == MAILBOX_FINE && maildrop_prepare(drop, kinds, 10) == -1)
		stop("memory");
	return fault;
}

/* Become the program, which talks to the descriptors ${in} and ${out}. */
static void
become(size_t window, int in, int out)
{
	char mailbox_flag[4200], window_flag[64], env[8][4200];
	char *arguments[] = { (char *)(uintptr_t)program, "--preauth",
	    "--log=none", "--sandbox=none", mailbox_flag, window_flag, NULL };
	char *environment[] = { env[0], env[1], env[2], env[3], env[4],
	    "SHIM_FAST=1", "SHIM_DO=fail", "SHIM_ERRNO=5", NULL };
	const char *sanitizer = getenv("ASAN_OPTIONS");

	(void)snprintf(mailbox_flag, sizeof(mailbox_flag), "--mailbox=%s",
	    mailbox_path);
	(void)snprintf(window_flag, sizeof(window_flag),
	    "--journal-window=%zu", window);
	(void)snprintf(env[0], sizeof(env[0]), "LD_PRELOAD=%s", shim);
	(void)snprintf(env[1], sizeof(env[1]), "SHIM_MAILBOX=%s",
	    mailbox_path);
	(void)snprintf(env[2], sizeof(env[2]), "SHIM_RECORD=%s", record_path);
	(void)snprintf(env[3], sizeof(env[3]), "SHIM_AT=%s", getenv("SHIM_AT"));
	/* The shim comes before its library. */
	(void)snprintf(env[4], sizeof(env[4]),
	    "ASAN_OPTIONS=%s%sverify_asan_link_order=0",
	    sanitizer == NULL ? "" : sanitizer, sanitizer == NULL ? "" : ":");
	if (dup2(in, STDIN_FILENO) != -1 && dup2(out, STDOUT_FILENO) != -1)
		(void)execve(program, arguments, environment);
	_exit(127);
}

struct talk {
	pid_t pid;
	int to, from;
	char said[8192];	/* by the program */
	size_t n;
};

/* Start the program, and wait until it has said a line. */
static void
talk_begin(struct talk *talk, size_t window)
{
	int in[2], out[2];
	ssize_t got;

	memset(talk, 0, sizeof(*talk));
	if (pipe2(in, O_CLOEXEC) == -1 || pipe2(out, O_CLOEXEC) == -1 ||
	    (talk->pid = fork()) == -1)
		stop("pipe");
	if (talk->pid == 0)
		become(window, in[0], out[1]);
	(void)close(in[0]);
	(void)close(out[1]);
	talk->to = in[1];
	talk->from = out[0];
	do {
		got = read(talk->from, talk->said + talk->n,
		    sizeof(talk->said) - 1 - talk->n);
		talk->n += got > 0 ? (size_t)got : 0;
	} while (got > 0 && memchr(talk->said, '\n', talk->n) == NULL);
}

/* Say ${text} and wait for the end.  Returns the exit code. */
static int
talk_end(struct talk *talk, const char *text)
{
	ssize_t got;
	int status;

	if (write(talk->to, text, strlen(text)) == -1 && errno != EPIPE)
		stop("pipe");
	(void)close(talk->to);
	while ((got = read(talk->from, talk->said + talk->n,
	    sizeof(talk->said) - 1 - talk->n)) > 0)
		talk->n += (size_t)got;
	(void)close(talk->from);
	if (waitpid(talk->pid, &status, 0) == -1 || !WIFEXITED(status) ||
	    WEXITSTATUS(status) == 127)
		stop(program);
	return WEXITSTATUS(status);
}

/* A login, and nothing else. */
static enum mailbox_fault
run_login(void)
{
	enum mailbox_fault fault;
	struct maildrop drop;
	struct talk talk;

	if (program != NULL) {
		talk_begin(&talk, 1);
		(void)talk_end(&talk, "QUIT\r\n");
		return talk.said[0] == '+' ? MAILBOX_FINE :
		    strstr(talk.said, "not an mbox") != NULL ? MAILBOX_NOT_MBOX :
		    MAILBOX_TROUBLE;
	}
	fault = open_drop(&drop);
	if (fault != MAILBOX_FINE)
		return fault;
	fault = cache_scan(&drop);
	maildrop_close(&drop);
	return fault;
}

/* The session with the UPDATE.  Returns whether it was done. */
static bool
run_program(const struct box *box, const struct text *mail)
{
	char text[512] = "";
	struct talk talk;

	talk_begin(&talk, box->window);
	if (box->arrives)
		arrive(mail, box->arrives_synced);
	for (size_t i = 0; i < box->count; i++)
		if (box->marked[i])
			(void)snprintf(text + strlen(text), 32,
			    "DELE %zu\r\n", i + 1);
	strcat(text, "QUIT\r\n");
	return talk_end(&talk, text) == 0;
}

/* The same in this process, if that is asked for. */
static bool
run_update(const struct box *box, const struct text *mail)
{
	enum update_result result;
	struct maildrop drop;
	uint64_t deleted;

	if (program != NULL)
		return run_program(box, mail);
	if (open_drop(&drop) != MAILBOX_FINE ||
	    cache_scan(&drop) != MAILBOX_FINE || drop.count != box->count)
		stop("login");
	drop.window = box->window;
	if (box->arrives)
		arrive(mail, box->arrives_synced);
	for (size_t i = 0; i < box->count; i++)
		if (box->marked[i])
			maildrop_mark(&drop, i);
	result = update_run(&drop, false, &deleted);
	maildrop_close(&drop);
	return result == UPDATE_DONE;
}

/* ---- Playing a record */

static uint64_t seed;		/* of this UPDATE */
static unsigned trial;
static unsigned shown = (unsigned)-1;	/* the trial to show */

static bool
is_shown(void)
{
	return trial == shown;
}

struct piece {			/* mail that arrived */
	struct text text;
	bool solid;		/* on the disk */
	bool torn;		/* not, when the power went */
};

static struct piece pieces[PIECES];
static size_t pieces_n;

static void
pieces_are(bool synced)
{
	for (size_t i = 0; i < pieces_n; i++) {
		if (synced && !pieces[i].torn)
			pieces[i].solid = true;
		if (!synced && !pieces[i].solid)
			pieces[i].torn = true;
	}
}

static void
play_sync(const struct shim_call *call)
{
	struct file *file = call->file == SHIM_MAILBOX ? &mailbox : &sidecar;

	if (call->file == SHIM_DIRECTORY) {
		if (!call->failed)
			sidecar.named = sidecar.there;
		return;
	}
	if (call->failed)
		file_sync_failed(file);
	else
		file_sync(file);
	if (file == &mailbox)
		pieces_are(!call->failed);
}

/* The octets of a record of ${call}, which are all in memory. */
static size_t
octets_of(const struct shim_call *call)
{
	return sizeof(*call) + (size_t)call->length;
}

/* One call; of a write only ${n} octets. */
static void
play(const struct shim_call *call, const uint8_t *octets, size_t n)
{
	struct file *file = call->file == SHIM_MAILBOX ? &mailbox : &sidecar;

	if (is_shown())
		(void)printf("#   %c%c%s offset %llu, %zu octets\n", call->kind,
		    call->file, call->failed ? " fails" : "",
		    (unsigned long long)call->offset, n);
	if (call->kind == SHIM_SYNC) {
		play_sync(call);
		return;
	}
	if (call->failed || (call->file != SHIM_MAILBOX &&
	    call->file != SHIM_SIDECAR))
		return;
	file->written |= call->kind != SHIM_CREATE && file == &sidecar;
	switch (call->kind) {
	case SHIM_WRITE:
		file_write(file, (size_t)call->offset, octets, n);
		break;
	case SHIM_TRUNCATE:
		if (file == &mailbox)
			cut_from = mailbox.n;
		file_resize(file, (size_t)call->offset);
		break;
	case SHIM_ALLOCATE:
		if (call->offset > file->n)
			file_resize(file, (size_t)call->offset);
		break;
	case SHIM_CREATE:
		file->written &= file->there;
		file->there = true;
		break;
	default:
		stop("record");
	}
}

static bool
has_synced_mailbox(void)
{
	struct shim_call call;
	bool found = false;

	for (size_t at = 0; at < record_n; at += octets_of(&call)) {
		memcpy(&call, record + at, sizeof(call));
		found |= call.kind == SHIM_SYNC && call.file == SHIM_MAILBOX &&
		    !call.failed;
	}
	return found;
}

static size_t
count_calls(const uint8_t *from, size_t n)
{
	struct shim_call call;
	size_t calls = 0;

	for (size_t at = 0; at < n; at += octets_of(&call), calls++)
		memcpy(&call, from + at, sizeof(call));
	return calls;
}

/* Play ${calls} of the record, and perhaps half of one more.  ${mail} is what
 * arrived in it, or NULL. */
static void
play_all(const uint8_t *from, size_t n, size_t calls, bool half,
    const struct text *mail)
{
	struct shim_call call;

	for (size_t at = 0; at < n; at += octets_of(&call)) {
		const uint8_t *octets = from + at + sizeof(call);
		bool last = calls-- == 0;

		memcpy(&call, from + at, sizeof(call));
		if (last && (!half || call.kind != SHIM_WRITE))
			return;
		play(&call, octets, (size_t)(last ? call.length / 2 :
		    call.length));
		if (mail != NULL && pieces_n == 0 && call.kind == SHIM_WRITE &&
		    call.file == SHIM_MAILBOX)
			pieces[pieces_n++] = (struct piece){ .text = *mail,
			    .torn = last };
		if (last)
			return;
	}
}

/* ---- Comparing */

static bool is_tail(const uint8_t *got, size_t n, size_t i);

/* The same of a piece that was torn: any part of it, with NUL for what is
 * missing in that. */
static bool
is_torn_tail(const uint8_t *got, size_t n, size_t i)
{
	const struct text *text = &pieces[i].text;

	for (size_t skip = 0; skip <= text->n; skip++)
		for (size_t j = 0; j <= n && j <= text->n - skip; j++) {
			if (is_tail(got + j, n - j, i + 1))
				return true;
			if (j < n && j < text->n - skip && got[j] != 0 &&
			    got[j] != text->octets[j + skip])
				break;
		}
	return false;
}

/* Whether ${got} consists of the pieces from ${i} on. */
static bool
is_tail(const uint8_t *got, size_t n, size_t i)
{
	const struct text *text = &pieces[i].text;

	if (i == pieces_n)
		return n == 0;
	if (pieces[i].torn)
		return is_torn_tail(got, n, i);
	return n >= text->n && memcmp(got, text->octets, text->n) == 0 &&
	    is_tail(got + text->n, n - text->n, i + 1);
}

static bool
is_state(const uint8_t *got, size_t n, const uint8_t *base, size_t base_n)
{
	return n >= base_n && memcmp(got, base, base_n) == 0 &&
	    is_tail(got + base_n, n - base_n, 0);
}

static struct {
	unsigned long states, kills, powers, updates, cuts, later, arrived,
	    failures;
	unsigned long lost, duplicated, damaged, refused, set_aside;
} sum;

/* How many times ${text} is in ${got}. */
static size_t
times(const uint8_t *got, size_t n, const struct text *text)
{
	size_t found = 0;

	for (size_t at = 0; at + text->n <= n; at++)
		found += memcmp(got + at, text->octets, text->n) == 0;
	return found;
}

/* Sort what went wrong. */
static void
judge(const struct box *box, const uint8_t *got, size_t n)
{
	bool told = false;
	size_t found;

	for (size_t i = 0; i < box->count; i++) {
		found = times(got, n, &box->message[i]);
		sum.lost += found == 0 && !box->marked[i];
		sum.duplicated += found > 1;
		told |= (found == 0 && !box->marked[i]) || found > 1;
	}
	for (size_t i = 0; i < pieces_n; i++) {
		found = pieces[i].torn ? 1 : times(got, n, &pieces[i].text);
		sum.lost += found == 0;
		sum.duplicated += found > 1;
		told |= found != 1;
	}
	sum.damaged += !told;
}

static bool
is_empty_of_journals(void)
{
	DIR *dir = opendir(dir_path);
	const char *name = strrchr(sidecar_path, '/') + 1;
	struct dirent *entry;
	bool empty = true;

	if (dir == NULL)
		stop(dir_path);
	while ((entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, name, strlen(name)) == 0 &&
		    entry->d_name[strlen(name)] == '.') {
			empty = false;
			if (unlinkat(dirfd(dir), entry->d_name, 0) == -1)
				stop(entry->d_name);
		}
	(void)closedir(dir);
	return empty;
}

/* ---- Trials */

static void
complain(const char *what, size_t calls, unsigned level)
{
	if (sum.lost + sum.duplicated + sum.damaged + sum.refused +
	    sum.set_aside < 20)
		(void)printf("# seed %llu trial %u: %s, cut at call %zu, "
		    "recovery %u\n", (unsigned long long)seed, trial, what,
		    calls, level);
}

/* Look at what a recovery that nobody disturbed has left.  Only the after-state
 * will do if ${after}.  Returns whether it was that. */
static bool
look(const struct box *box, bool after, size_t calls, unsigned level)
{
	static uint8_t got[ROOM];
	size_t n = file_get(mailbox_path, got);
	bool is_after = is_state(got, n, box->after, box->after_n);

	if (!is_after &&
	    (after || !is_state(got, n, box->before, box->before_n))) {
		complain(after ? "the after-state is gone" :
		    "neither before nor after", calls, level);
		judge(box, got, n);
	}
	if (file_get(sidecar_path, got) != 0) {
		complain("the journal is still there", calls, level);
		sum.refused++;
	}
	if (!is_empty_of_journals() && !box->rewritten) {
		complain("a journal was set aside", calls, level);
		sum.set_aside++;
	}
	return is_after;
}

static void
reset(const struct box *box)
{
	for (int i = 0; i < 2; i++) {
		struct file *file = i == 0 ? &mailbox : &sidecar;

		memset(file->cache, 0, ROOM);
		memset(file->disk, 0, ROOM);
		file->n = file->disk_n = file->pending_n = file->sizes_n = 0;
		file->shrunk = false;
	}
	mailbox.there = mailbox.named = true;
	sidecar.there = sidecar.named = box->old_sidecar;
	sidecar.written = percent(50);
	file_write(&mailbox, 0, box->before, box->before_n);
	file_sync(&mailbox);
	pieces_n = 0;
	cut_from = 0;
	if (is_shown())
		(void)printf("# before %zu, after %zu, window %zu\n",
		    box->before_n, box->after_n, box->window);
}

static void
put_files(void)
{
	file_put(&mailbox, mailbox_path);
	file_put(&sidecar, sidecar_path);
}

static bool
has_torn(void)
{
	for (size_t i = 0; i < pieces_n; i++)
		if (pieces[i].torn)
			return true;
	return false;
}

/* Whether some mail would be torn if the power went now. */
static bool
has_loose(void)
{
	for (size_t i = 0; i + 1 < pieces_n; i++)
		if (!pieces[i].solid)
			return true;
	return false;
}

static bool is_over;		/* the UPDATE before was done */

static void
deliver(const struct box *box)
{
	struct piece *piece = &pieces[pieces_n];

	memset(piece, 0, sizeof(*piece));
	make_message(&piece->text, (unsigned)(101 + pieces_n), percent(30));
	if (box->equal && box->count > 0 && percent(75))
		piece->text = box->message[below(box->count)];
	if (percent(10) && piece->text.n < sizeof(piece->text.octets)) {
		/* Some agents begin with an empty line. */
		memmove(piece->text.octets + 1, piece->text.octets,
		    piece->text.n++);
		piece->text.octets[0] = '\n';
	}
	/* NULs of mail that was torn are like those of an end that is being
	 * cut, unless the mailbox is smaller than it was before that. */
	if (!is_over && has_torn() &&
	    mailbox.n + piece->text.n >= cut_from)
		return;
	pieces_n++;
	sum.arrived++;
	file_write(&mailbox, mailbox.n, piece->text.octets, piece->text.n);
	/* A disk that writes what was appended but forgets that the file was
	 * cut before it: that is mail of an agent that did not sync. */
	if (mailbox.shrunk || has_torn() || has_loose() || percent(60)) {
		file_sync(&mailbox);
		pieces_are(true);
	}
}

/* Everything stops; then mail may arrive. */
static void
crash(const struct box *box)
{
	if (percent(60)) {
		file_power(&mailbox);
		file_power(&sidecar);
		pieces_are(false);
		sum.powers++;
		if (is_shown())
			(void)printf("# the power goes\n");
	} else {
		sum.kills++;
	}
	if (is_shown())
		(void)printf("# crash: mailbox %zu, sidecar %zu\n", mailbox.n,
		    sidecar.n);
	if (percent(50))
		deliver(box);
	if (is_shown())
		for (size_t i = 0; i < pieces_n; i++)
			(void)printf("# piece %zu: %zu octets%s%s\n", i,
			    pieces[i].text.n, pieces[i].solid ? ", solid" : "",
			    pieces[i].torn ? ", torn" : "");
}

/* Pick one of the record's syncs but the first ${skip}.  Returns which call it
 * is, counted from 1, or 0 if there is none. */
static long
pick_sync(size_t skip)
{
	struct shim_call call;
	size_t at, seen = 0, syncs = 0;
	long number = 0, pick = 0;

	for (at = 0; at < record_n; at += octets_of(&call)) {
		memcpy(&call, record + at, sizeof(call));
		number++;
		if (call.kind == SHIM_SYNC && ++syncs > skip &&
		    below(++seen) == 0)
			pick = number;
	}
	return pick;
}

/* Recover, crash in that, recover, ... */
static void
chain(const struct box *box, bool after, size_t cut)
{
	for (unsigned level = 1; level <= LEVELS; level++) {
		enum mailbox_fault fault;
		size_t calls;
		long failing;
		bool is_after;

		put_files();
		begin_record(0);
		fault = run_login();
		end_record();
		sum.states++;
		/* Mail that was torn need not begin like any. */
		if (fault != MAILBOX_FINE && !(fault == MAILBOX_NOT_MBOX &&
		    has_torn())) {
			complain("no login", cut, level);
			sum.refused++;
		}
		is_after = look(box, after, cut, level);
		if (is_shown())
			(void)printf("# recovered: fault %d, after %d\n",
			    (int)fault, is_after);
		if (level == LEVELS || record_n == 0 || fault != MAILBOX_FINE)
			return;
		failing = percent(20) ? pick_sync(0) : 0;
		if (failing != 0) {
			put_files();
			begin_record(failing);
			(void)run_login();
			end_record();
			sum.failures++;
		}
		calls = count_calls(record, record_n);
		cut = below(calls + 1);
		play_all(record, record_n, cut, percent(30), NULL);
		after |= is_after && failing == 0 && cut == calls &&
		    has_synced_mailbox();
		crash(box);
	}
}

/* The UPDATE of ${box} is over.  Make ${next} the mailbox that it left and, if
 * they are on the disk, the messages that arrived since. */
static void
make_next(struct box *next, const struct box *box)
{
	static const size_t windows[] = { 100, 512, 2000, 65536, 65536, 65536 };

	memset(next, 0, sizeof(*next));
	next->window = windows[below(sizeof(windows) / sizeof(windows[0]))];
	next->equal = box->equal;
	for (size_t i = 0; i < box->count; i++)
		if (!box->marked[i])
			next->message[next->count++] = box->message[i];
	memcpy(next->before, box->after, box->after_n);
	next->before_n = next->after_n = box->after_n;
	while (next->count < 11 && percent(40)) {
		struct text *m = &next->message[next->count];

		make_message(m, (unsigned)(200 + below(100)), percent(30));
		if (next->equal && next->count > 0 && percent(75))
			*m = next->message[below(next->count)];
		file_write(&mailbox, mailbox.n, m->octets, m->n);
		add(next->before, &next->before_n, m->octets, m->n);
		next->count++;
	}
	file_sync(&mailbox);
	if (next->count == 0)
		return;
	mark(next);
	if (percent(50)) {
		memset(next->marked, 0, sizeof(next->marked));
		next->marked[next->count - 1] = true;
	}
	/* What is before the first message stays, too. */
	next->after_n = next->before_n;
	for (size_t i = 0; i < next->count; i++)
		next->after_n -= next->message[i].n;
	memcpy(next->after, next->before, next->after_n);
	for (size_t i = 0; i < next->count; i++)
		if (!next->marked[i])
			add(next->after, &next->after_n,
			    next->message[i].octets, next->message[i].n);
}

/* A mail reader removes what is marked in ${box}, in place, and syncs it. */
static void
rewrite(struct box *box)
{
	file_write(&mailbox, 0, box->after, box->after_n);
	file_resize(&mailbox, box->after_n);
	file_sync(&mailbox);
	memcpy(box->before, box->after, box->after_n);
	box->before_n = box->after_n;
	box->rewritten = true;
}

/* The UPDATE is over, and its journal cleared, which may be forgotten: mail
 * arrives and everything stops, or more sessions come before it does. */
static void
try_again(const struct box *box, unsigned depth)
{
	struct box *next = get(sizeof(*next));
	const struct text nothing = { .n = 0 };
	size_t calls, cut;
	bool done;

	is_over = true;
	if (percent(20)) {
		make_next(next, box);
		if (next->count > 0) {
			rewrite(next);
			crash(next);
			chain(next, true, 0);
			sum.later++;
		}
	} else if (percent(depth > 3 ? 100 : 30)) {
		if (percent(70))
			deliver(box);
		crash(box);
		if (percent(40))
			deliver(box);
		chain(box, true, 0);
		sum.later++;
	} else {
		make_next(next, box);
		if (next->count > 0) {
			put_files();
			begin_record(0);
			done = run_update(next, &nothing);
			end_record();
			if (!done)
				stop("a later UPDATE did not work at all");
			calls = count_calls(record, record_n);
			cut = percent(60) ? calls : below(calls + 1);
			play_all(record, record_n, cut, percent(30), NULL);
			sum.cuts++;
			if (cut == calls) {
				try_again(next, depth + 1);
			} else {
				is_over = false;
				crash(next);
				chain(next, false, cut);
			}
		}
	}
	is_over = false;
	free(next);
}

/* One UPDATE and what can be left of it. */
static void
try_box(const struct box *box)
{
	static uint8_t recorded[RECORD_ROOM];
	struct text mail = { .n = 0 };
	size_t n, calls, cut;
	bool done;
	long failing;

	if (box->arrives)
		make_message(&mail, 99, percent(30));
	reset(box);
	put_files();
	begin_record(0);
	done = run_update(box, &mail);
	end_record();
	sum.updates++;
	if (box->arrives)
		pieces[pieces_n++] = (struct piece){ .text = mail };
	if (!done || !look(box, true, 0, 0))
		stop("the UPDATE did not work at all");
	/* The delivery agent's own sync is between it and the sender. */
	failing = percent(25) ? pick_sync(box->arrives && box->arrives_synced) :
	    0;
	if (failing != 0) {
		reset(box);
		put_files();
		begin_record(failing);
		done = run_update(box, &mail);
		end_record();
		sum.failures++;
	}
	memcpy(recorded, record, record_n);
	n = record_n;
	calls = count_calls(recorded, n);
	for (trial = 0; trial < TRIALS; trial++) {
		reset(box);
		cut = below(calls + 1);
		play_all(recorded, n, cut, percent(30),
		    box->arrives ? &mail : NULL);
		if (done && cut == calls && !box->arrives && percent(60)) {
			try_again(box, 0);
			continue;
		}
		crash(box);
		chain(box, done && cut == calls, cut);
	}
}

int
main(int argc, char **argv)
{
	const char *path = getenv("SHIM_MAILBOX");
	const char *slash = path == NULL ? NULL : strrchr(path, '/');
	unsigned long wanted = argc < 3 ? 0 : strtoul(argv[2], NULL, 10);
	struct box *box = get(sizeof(*box));

	if (!shim_works())
		return 77;
	if (slash == NULL || wanted == 0 || getenv("SHIM_FAST") == NULL)
		stop("usage: SHIM_MAILBOX=... SHIM_FAST=1 power SEED STATES");
	(void)snprintf(mailbox_path, sizeof(mailbox_path), "%s", path);
	(void)snprintf(dir_path, sizeof(dir_path), "%.*s", (int)(slash - path),
	    path);
	(void)snprintf(sidecar_path, sizeof(sidecar_path), "%.*s/.%s.dewey",
	    (int)(slash - path), path, slash + 1);
	/* A program that ends early is no reason to. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		stop("signal");
	program = getenv("POWER_PROGRAM");
	shim = getenv("POWER_SHIM");
	(void)snprintf(record_path, sizeof(record_path), "%.*s/record",
	    (int)(slash - path), path);
	record_fd = open(record_path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND |
	    O_CLOEXEC, 0600);
	if (record_fd == -1)
		stop(record_path);
	record = get(RECORD_ROOM);
	file_open(&mailbox);
	file_open(&sidecar);
	log_open(LOG_TO_NONE, false);
	shim_record(-1, "");
	if (argc > 3)
		shown = (unsigned)strtoul(argv[3], NULL, 10);
	for (seed = strtoull(argv[1], NULL, 10); sum.states < wanted; seed++) {
		chance = seed;
		make_box(box);
		try_box(box);
	}
	(void)printf("# %lu UPDATEs, %lu later ones, %lu stops long after one, %lu "
	    "states: %lu losses of power, %lu kills, %lu failed syncs, %lu "
	    "messages arrived\n", sum.updates, sum.cuts, sum.later, sum.states,
	    sum.powers, sum.kills, sum.failures, sum.arrived);
	(void)printf("states=%lu lost=%lu duplicated=%lu damaged=%lu "
	    "refused=%lu set-aside=%lu\n", sum.states, sum.lost,
	    sum.duplicated, sum.damaged, sum.refused, sum.set_aside);
	file_close(&mailbox);
	file_close(&sidecar);
	free(record);
	free(box);
	return sum.lost + sum.duplicated + sum.damaged + sum.refused +
	    sum.set_aside == 0 ? 0 : 1;
}
