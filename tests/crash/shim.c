/* SPDX-License-Identifier: ISC */
/*
 * A shim between a program and the C library, preloaded by LD_PRELOAD or linked
 * into a test.  It counts the calls that change a mailbox, its sidecar and its
 * directory, records them, and at one of them kills the process or lets the
 * call fail.  The environment says what to do:
 *
 *   SHIM_MAILBOX  the mailbox; without it the shim does nothing
 *   SHIM_KINDS    the kinds of calls that count (default: all changes)
 *   SHIM_RECORD   the file they are recorded in
 *   SHIM_AT       the call, counted from 1, at which something happens
 *   SHIM_DO       before, middle, after: the process is killed before that
 *                 call, when half of its octets are written, or after it;
 *                 fail: the call does nothing and fails with SHIM_ERRNO;
 *                 full: the same, and so does every later one;
 *                 short: half of its octets are written; shorts: all later ones
 *   SHIM_GROUP    kill all processes of the group, not just this one
 *   SHIM_FAST     syncs and naps take no time
 *   SHIM_STAMPS   a struct shim_stamps
 */
#define _GNU_SOURCE 1

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/vfs.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "shim.h"

enum act { NOTHING, BEFORE, MIDDLE, AFTER, FAIL, FULL, SHORT, SHORTS };

/* What all processes of a program know. */
struct state {
	long count;
	ino_t mailbox, sidecar, dir;
};

static struct state *state;
static struct shim_stamps *stamps;
static char mailbox_path[4096], dir_path[4096], sidecar_name[4096];
static const char *base;
static char kinds[32];
static int record = -1;
static long at;
static enum act act;
static int error;
static bool fast, group;

/* The next definition of a function: the C library's. */
#define REAL(type, name, ...) \
	static type (*real)(__VA_ARGS__); \
	if (real == NULL) \
		*(void **)&real = dlsym(RTLD_NEXT, name)

static void
die(void)
{
	for (;;)
		(void)kill(group ? 0 : getpid(), SIGKILL);
}

static void
join(char *to, const char *a, size_t n, const char *b, const char *c)
{
	(void)snprintf(to, 4096, "%.*s%s%s", (int)n, a, b, c);
}

static void
watch(const char *mailbox)
{
	const char *slash = strrchr(mailbox, '/');
	struct stat st;

	if (slash == NULL)
		abort();
	join(mailbox_path, mailbox, strlen(mailbox), "", "");
	join(dir_path, mailbox, (size_t)(slash - mailbox), "", "");
	base = mailbox_path + (slash + 1 - mailbox);
	join(sidecar_name, ".", 1, base, ".dewey");
	if (stat(dir_path, &st) == 0)
		state->dir = st.st_ino;
}

bool
shim_works(void)
{
	return dlsym(RTLD_NEXT, "pwrite") != NULL;
}

void
shim_record(int fd, const char *which)
{
	state->count = 0;
	record = fd;
	(void)snprintf(kinds, sizeof(kinds), "%s", fd == -1 ? "" : which);
}

void
shim_fail(long call, int number)
{
	at = call;
	act = FAIL;
	error = number;
}

static enum act
read_act(const char *name)
{
	static const char *const names[] = { "", "before", "middle", "after",
	    "fail", "full", "short", "shorts" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (name != NULL && strcmp(name, names[i]) == 0)
			return (enum act)i;
	return NOTHING;
}

static void *
map(const char *path, size_t size)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *p = fd == -1 ? MAP_FAILED :
	    mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		abort();
	(void)close(fd);
	return p;
}

static void __attribute__((constructor))
begin(void)
{
	const char *mailbox = getenv("SHIM_MAILBOX");
	const char *text;
	int fd;

	if (mailbox == NULL || !shim_works())
		return;
	state = mmap(NULL, sizeof(*state), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (state == MAP_FAILED)
		abort();
	watch(mailbox);
	if ((text = getenv("SHIM_STAMPS")) != NULL)
		stamps = map(text, sizeof(*stamps));
	text = getenv("SHIM_KINDS");
	(void)snprintf(kinds, sizeof(kinds), "%s",
	    text == NULL ? SHIM_CHANGES : text);
	if ((text = getenv("SHIM_AT")) != NULL)
		at = atol(text);
	if ((text = getenv("SHIM_ERRNO")) != NULL)
		error = atoi(text);
	act = read_act(getenv("SHIM_DO"));
	fast = getenv("SHIM_FAST") != NULL;
	group = getenv("SHIM_GROUP") != NULL;
	if ((text = getenv("SHIM_RECORD")) == NULL)
		return;
	/* Where a server keeps nothing and closes nothing. */
	fd = open(text, O_WRONLY | O_APPEND | O_CREAT, 0600);
	record = fcntl(fd, F_DUPFD_CLOEXEC, 500);
	if (record == -1)
		abort();
	(void)close(fd);
}

/* ---- Which file, which call */

static int
real_fstat(int fd, struct stat *st)
{
	REAL(int, "fstat", int, struct stat *);

	return real(fd, st);
}

/* 0: a file that is none of ours. */
static char
file_of(int fd)
{
	struct stat st;

	if (base == NULL || fd <= STDERR_FILENO || fd == record ||
	    real_fstat(fd, &st) == -1)
		return 0;
	if (S_ISDIR(st.st_mode))
		return st.st_ino == state->dir ? SHIM_DIRECTORY : 0;
	if (!S_ISREG(st.st_mode))
		return 0;
	return st.st_ino == state->mailbox ? SHIM_MAILBOX :
	    st.st_ino == state->sidecar ? SHIM_SIDECAR : SHIM_OTHER;
}

/* The same for a name, of which only the last part is looked at. */
static char
file_named(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;

	if (base == NULL)
		return 0;
	if (strcmp(path, dir_path) == 0)
		return SHIM_DIRECTORY;
	if (strcmp(name, base) == 0)
		return SHIM_MAILBOX;
	if (strcmp(name, sidecar_name) == 0)
		return SHIM_SIDECAR;
	name += *name == '.';
	return strncmp(name, base, strlen(base)) == 0 ? SHIM_OTHER : 0;
}

static void
put(char kind, char file, uint64_t offset, const void *octets, size_t n,
    bool failed)
{
	struct shim_call call = { .kind = kind, .file = file,
	    .failed = failed, .pid = (uint32_t)getpid(), .offset = offset,
	    .length = n };
	struct iovec parts[2] = { { &call, sizeof(call) },
	    { (void *)(uintptr_t)octets, n } };

	if (record != -1 && writev(record, parts, 2) !=
	    (ssize_t)(sizeof(call) + n))
		abort();
}

/* Called before a call; returns what is to be done with it. */
static enum act
count(char kind, char file)
{
	long now;

	if (file == 0 || strchr(kinds, kind) == NULL)
		return NOTHING;
	now = __atomic_add_fetch(&state->count, 1, __ATOMIC_SEQ_CST);
	if (at == 0 || (now != at && !(now > at &&
	    (act == FULL || act == SHORTS))))
		return NOTHING;
	if (act == BEFORE)
		die();
	return act;
}

static bool
counts(char kind, char file)
{
	return file != 0 && strchr(kinds, kind) != NULL;
}

/* Called after a call that returned ${result}. */
static void
after(enum act now, char kind, char file, uint64_t offset, int result)
{
	int saved = errno;

	if (counts(kind, file))
		put(kind, file, offset, NULL, 0, result == -1);
	if (now == AFTER || now == MIDDLE)
		die();
	errno = saved;
}

static void
wrote(enum act now, char file, uint64_t offset, const void *octets,
    ssize_t done)
{
	int saved = errno;

	if (counts(SHIM_WRITE, file))
		put(SHIM_WRITE, file, offset, octets,
		    done == -1 ? 0 : (size_t)done, done == -1);
	if (now == AFTER || now == MIDDLE)
		die();
	errno = saved;
}

static int
failed(char kind, char file)
{
	put(kind, file, 0, NULL, 0, true);
	errno = error;
	return -1;
}

static bool
fails(enum act now)
{
	return now == FAIL || now == FULL;
}

/* How many of ${n} octets are written. */
static size_t
part(enum act now, size_t n)
{
	return n > 1 && (now == MIDDLE || now == SHORT || now == SHORTS) ?
	    n / 2 : n;
}

/* ---- The calls */

ssize_t
pwrite(int fd, const void *octets, size_t n, off_t offset)
{
	char file = file_of(fd);
	enum act now = count(SHIM_WRITE, file);
	ssize_t done;
	REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);

	if (fails(now))
		return failed(SHIM_WRITE, file);
	done = real(fd, octets, part(now, n), offset);
	wrote(now, file, (uint64_t)offset, octets, done);
	return done;
}

ssize_t
write(int fd, const void *octets, size_t n)
{
	char file = file_of(fd);
	enum act now = count(SHIM_WRITE, file);
	ssize_t done;
	REAL(ssize_t, "write", int, const void *, size_t);

	if (fails(now))
		return failed(SHIM_WRITE, file);
	done = real(fd, octets, part(now, n));
	/* A sandbox may not have lseek(2). */
	if (file != 0)
		wrote(now, file, done == -1 || record == -1 ? 0 :
		    (uint64_t)(lseek(fd, 0, SEEK_CUR) - done), octets, done);
	return done;
}

ssize_t
pread(int fd, void *octets, size_t n, off_t offset)
{
	char file = file_of(fd);
	enum act now = count(SHIM_READ, file);
	REAL(ssize_t, "pread", int, void *, size_t, off_t);

	if (fails(now))
		return failed(SHIM_READ, file);
	if (counts(SHIM_READ, file))
		put(SHIM_READ, file, (uint64_t)offset, NULL, 0, false);
	return real(fd, octets, part(now, n), offset);
}

int
ftruncate(int fd, off_t length)
{
	char file = file_of(fd);
	enum act now = count(SHIM_TRUNCATE, file);
	int result;
	REAL(int, "ftruncate", int, off_t);

	if (fails(now))
		return failed(SHIM_TRUNCATE, file);
	result = real(fd, length);
	after(now, SHIM_TRUNCATE, file, (uint64_t)length, result);
	return result;
}

int
posix_fallocate(int fd, off_t offset, off_t length)
{
	char file = file_of(fd);
	enum act now = count(SHIM_ALLOCATE, file);
	int result;
	REAL(int, "posix_fallocate", int, off_t, off_t);

	if (fails(now)) {
		(void)failed(SHIM_ALLOCATE, file);
		return error;
	}
	result = real(fd, offset, length);
	after(now, SHIM_ALLOCATE, file, (uint64_t)(offset + length),
	    result == 0 ? 0 : -1);
	return result;
}

static int
sync_by(const char *name, int fd)
{
	char file = file_of(fd);
	enum act now = count(SHIM_SYNC, file);
	int result = 0;

	if (fails(now))
		return failed(SHIM_SYNC, file);
	if (!fast || file == 0) {
		int (*real)(int);

		*(void **)&real = dlsym(RTLD_NEXT, name);
		result = real(fd);
	}
	after(now, SHIM_SYNC, file, 0, result);
	return result;
}

int
fsync(int fd)
{
	return sync_by("fsync", fd);
}

int
fdatasync(int fd)
{
	return sync_by("fdatasync", fd);
}

int
syncfs(int fd)
{
	return sync_by("syncfs", fd);
}

static int
opened(int fd, char file)
{
	struct stat st;

	if (fd != -1 && file != 0 && real_fstat(fd, &st) == 0) {
		if (file == SHIM_MAILBOX)
			state->mailbox = st.st_ino;
		if (file == SHIM_SIDECAR)
			state->sidecar = st.st_ino;
	}
	return fd;
}

static int
open_by(const char *symbol, int dir, const char *path, int flags, mode_t mode)
{
	char file = file_named(path);
	char kind = (flags & O_CREAT) != 0 ? SHIM_CREATE : SHIM_OPEN;
	enum act now = count(kind, file);
	int fd;
	REAL(int, symbol, int, const char *, int, ...);

	if (fails(now))
		return failed(kind, file);
	fd = opened(real(dir, path, flags, mode), file);
	after(now, kind, file, 0, fd);
	return fd;
}

static mode_t
mode_of(int flags, va_list arguments)
{
	return (flags & (O_CREAT | O_TMPFILE)) != 0 ?
	    va_arg(arguments, mode_t) : 0;
}

int
openat(int dir, const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = mode_of(flags, arguments);
	va_end(arguments);
	return open_by("openat", dir, path, flags, mode);
}

int
open(const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = mode_of(flags, arguments);
	va_end(arguments);
	return open_by("openat", AT_FDCWD, path, flags, mode);
}

int
unlinkat(int dir, const char *path, int flags)
{
	char file = file_named(path);
	enum act now = count(SHIM_UNLINK, file);
	int result;
	REAL(int, "unlinkat", int, const char *, int);

	if (fails(now))
		return failed(SHIM_UNLINK, file);
	result = real(dir, path, flags);
	after(now, SHIM_UNLINK, file, 0, result);
	return result;
}

int
unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

int
renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	char file = file_named(to);
	enum act now = count(SHIM_RENAME, file);
	int result;
	REAL(int, "renameat", int, const char *, int, const char *);

	if (fails(now))
		return failed(SHIM_RENAME, file);
	result = real(from_dir, from, to_dir, to);
	after(now, SHIM_RENAME, file, 0, result);
	return result;
}

int
rename(const char *from, const char *to)
{
	return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int
linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	char file = file_named(to);
	enum act now = count(SHIM_LINK, file);
	int result;
	REAL(int, "linkat", int, const char *, int, const char *, int);

	if (fails(now))
		return failed(SHIM_LINK, file);
	result = real(from_dir, from, to_dir, to, flags);
	after(now, SHIM_LINK, file, 0, result);
	return result;
}

int
link(const char *from, const char *to)
{
	return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
nanosleep(const struct timespec *wanted, struct timespec *left)
{
	REAL(int, "nanosleep", const struct timespec *, struct timespec *);

	return fast ? 0 : real(wanted, left);
}

/* ---- Time stamps */

static void
bend(struct stat *st)
{
	if (stamps == NULL || stamps->sec == 0 || st->st_ino != state->mailbox)
		return;
	st->st_mtim.tv_sec = st->st_ctim.tv_sec = (time_t)stamps->sec;
	st->st_mtim.tv_nsec = st->st_ctim.tv_nsec = (long)stamps->nsec;
}

int
clock_gettime(clockid_t clock, struct timespec *now)
{
	REAL(int, "clock_gettime", clockid_t, struct timespec *);

	if (stamps == NULL || stamps->clock_sec == 0 ||
	    clock != CLOCK_REALTIME_COARSE)
		return real(clock, now);
	now->tv_sec = (time_t)stamps->clock_sec;
	now->tv_nsec = (long)stamps->clock_nsec;
	return 0;
}

int
fstat(int fd, struct stat *st)
{
	int result = real_fstat(fd, st);

	if (result == 0)
		bend(st);
	return result;
}

int
fstatat(int dir, const char *path, struct stat *st, int flags)
{
	int result;
	REAL(int, "fstatat", int, const char *, struct stat *, int);

	result = real(dir, path, st, flags);
	if (result == 0)
		bend(st);
	return result;
}

int
fstatfs(int fd, struct statfs *fs)
{
	int result;
	REAL(int, "fstatfs", int, struct statfs *);

	result = real(fd, fs);
	if (result == 0 && stamps != NULL && stamps->type != 0)
		fs->f_type = (__typeof__(fs->f_type))stamps->type;
	return result;
}

/* ---- Other names of the same: large files where off_t is small otherwise,
 * and what _FORTIFY_SOURCE makes of some calls. */

#ifdef __GLIBC__
#if __SIZEOF_POINTER__ == 8
#define ALSO(type, name, ...) \
	extern __attribute__((alias(#name))) type name##64(__VA_ARGS__)
ALSO(ssize_t, pwrite, int, const void *, size_t, off_t);
ALSO(ssize_t, pread, int, void *, size_t, off_t);
ALSO(int, ftruncate, int, off_t);
ALSO(int, posix_fallocate, int, off_t, off_t);
#endif

int __openat_2(int dir, const char *path, int flags);
int __open_2(const char *path, int flags);
ssize_t __pread_chk(int fd, void *octets, size_t n, off_t offset, size_t size);

int
__openat_2(int dir, const char *path, int flags)
{
	return open_by("openat", dir, path, flags, 0);
}

int
__open_2(const char *path, int flags)
{
	return open_by("openat", AT_FDCWD, path, flags, 0);
}

ssize_t
__pread_chk(int fd, void *octets, size_t n, off_t offset, size_t size)
{
	if (n > size)
		abort();
	return pread(fd, octets, n, offset);
}
#endif
