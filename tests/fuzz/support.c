/* SPDX-License-Identifier: ISC */
/*
 * What the fuzz targets share: inputs, files in memory, a client, and calls
 * that stand before the C library's.  Nothing waits for the disk or the clock.
 */
#include "config.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

static const struct {
	const char *name;
	fuzz_target *target;
} targets[] = {
	{ "authorization", fuzz_authorization },
	{ "channel", fuzz_channel },
	{ "configuration", fuzz_configuration },
	{ "index", fuzz_index },
	{ "journal", fuzz_journal },
	{ "key", fuzz_key },
	{ "mbox", fuzz_mbox },
	{ "mechanism", fuzz_mechanism },
	{ "proof", fuzz_proof },
	{ "saslauthd", fuzz_saslauthd },
	{ "secrets", fuzz_secrets },
	{ "text", fuzz_text },
	{ "transaction", fuzz_transaction },
	{ "ucspi", fuzz_ucspi },
	{ "uid", fuzz_uid },
	{ "users", fuzz_users },
};

static struct fuzz_calls calls = { .files = { -1, -1 }, .die_at = -1 };

fuzz_target *
fuzz_find(const char *name)
{
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
		if (strcmp(name, targets[i].name) == 0)
			return targets[i].target;
	return NULL;
}

struct fuzz_calls *
fuzz_calls(void)
{
	calls = (struct fuzz_calls){ .files = { -1, -1 }, .die_at = -1,
	    .error = EIO };
	return &calls;
}

unsigned
fuzz_number(struct span *input, unsigned most)
{
	if (input->n == 0)
		return 0;
	return (unsigned char)input->p[--input->n] % (most + 1);
}

/* ---- Files. */

int
fuzz_file(struct span octets)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	FUZZ_CHECK(fd != -1);
	fuzz_replace(fd, octets);
	return fd;
}

void
fuzz_replace(int fd, struct span octets)
{
	FUZZ_CHECK(syscall(SYS_ftruncate, fd, 0) == 0);
	FUZZ_CHECK(octets.n == 0 || syscall(SYS_pwrite64, fd, octets.p,
	    octets.n, (off_t)0) == (long)octets.n);
}

struct span
fuzz_content(int fd)
{
	struct stat st;
	char *octets;

	FUZZ_CHECK(fstat(fd, &st) == 0);
	octets = malloc((size_t)st.st_size + 1);
	FUZZ_CHECK(octets != NULL);
	FUZZ_CHECK(pread(fd, octets, (size_t)st.st_size, 0) == st.st_size);
	return (struct span){ octets, (size_t)st.st_size };
}

static char directory[256], path[sizeof(directory) + 16];

static void
remove_directory(void)
{
	(void)unlink(path);
	(void)rmdir(directory);
}

const char *
fuzz_path(struct span octets)
{
	const char *base = getenv("TMPDIR");
	int fd;

	if (directory[0] == '\0') {
		(void)snprintf(directory, sizeof(directory),
		    "%.200s/dewey-fuzz-XXXXXX", base == NULL ? "/tmp" : base);
		FUZZ_CHECK(mkdtemp(directory) != NULL);
		(void)snprintf(path, sizeof(path), "%s/file", directory);
		(void)atexit(remove_directory);
	}
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FUZZ_CHECK(fd != -1);
	FUZZ_CHECK(octets.n == 0 ||
	    write(fd, octets.p, octets.n) == (ssize_t)octets.n);
	(void)close(fd);
	return path;
}

/* ---- The client.  It sends when the server waits for it. */

static struct client {
	int fd;			/* its end of the stream; -1: there is none */
	int server;		/* the other one */
	int out;		/* what it got */
	struct span left;	/* what it still sends */
	size_t chunk;
	unsigned waits;
	void (*hook)(void *to);
	void *to;
} client = { .fd = -1 };

static const volatile sig_atomic_t no_stop;

void
fuzz_client(struct wire *wire, struct span input, size_t chunk,
    void (*hook)(void *to), void *to)
{
	int fds[2];

	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    fds) == 0);
	client = (struct client){ fds[0], fds[1],
	    fuzz_file((struct span){ NULL, 0 }), input,
	    chunk == 0 ? 65536 : chunk, 0, hook, to };
	memset(wire, 0, sizeof(*wire));
	wire_open(wire, client.server, client.out, &no_stop);
	wire->idle_ms = 1000000;
}

struct span
fuzz_client_end(struct wire *wire)
{
	struct span got;

	(void)wire_flush(wire);
	got = fuzz_content(client.out);
	(void)close(client.out);
	(void)close(client.server);
	if (client.fd != -1)
		(void)close(client.fd);
	client.fd = -1;
	return got;
}

/* Send the next piece.  Some waits are interrupted, or end for nothing. */
static int
client_send(void)
{
	size_t n = client.left.n < client.chunk ? client.left.n : client.chunk;

	switch (client.waits++ % 8) {
	case 3:
		errno = EINTR;
		return -1;
	case 6:
		return 1;
	default:
		break;
	}
	if (client.hook != NULL)
		client.hook(client.to);
	if (n == 0) {
		(void)close(client.fd);
		client.fd = -1;
		return 1;
	}
	FUZZ_CHECK(send(client.fd, client.left.p, n, MSG_NOSIGNAL) ==
	    (ssize_t)n);
	client.left.p += n;
	client.left.n -= n;
	return 1;
}

/* ---- Calls that stand before the C library's. */

int
ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
    const sigset_t *set)
{
	/* The C library declares, to the compiler's dismay, that ppoll(2) only
	 * writes there. */
	volatile uintptr_t address = (uintptr_t)fds;
	const struct pollfd *waited = (const struct pollfd *)address;
	int fd = waited->fd;

	if (client.fd == -1 || n != 1 ||
	    (fd != client.server && fd != client.out))
		return (int)syscall(SYS_ppoll, fds, n, timeout, set,
		    (size_t)8);
	fds->revents = waited->events;
	return fd == client.out ? 1 : client_send();
}

int
nanosleep(const struct timespec *wanted, struct timespec *left)
{
	(void)wanted;
	(void)left;
	return 0;
}

int
clock_gettime(clockid_t clock, struct timespec *now)
{
	int result = (int)syscall(SYS_clock_gettime, clock, now);

	if (clock == CLOCK_REALTIME_COARSE && calls.ahead)
		now->tv_sec += 100;
	return result;
}

/* Whether the call for ${fd} works; -1 if it does not. */
static int
may(int fd, bool changes)
{
	long now = calls.made++;

	FUZZ_CHECK(!changes || calls.files[0] == -1 ||
	    fd == calls.files[0] || fd == calls.files[1]);
	if (calls.die_at == -1 || now < calls.die_at ||
	    (calls.recovers && now > calls.die_at))
		return 0;
	errno = calls.error;
	return -1;
}

int
fsync(int fd)
{
	if (fd < 0) {
		errno = EBADF;
		return -1;
	}
	return may(fd, false);
}

int
syncfs(int fd)
{
	return may(fd, false);
}

int
ftruncate(int fd, off_t length)
{
	return may(fd, true) == -1 ? -1 :
	    (int)syscall(SYS_ftruncate, fd, length);
}

/* A file in memory has no name; a sidecar has. */
int
fstat(int fd, struct stat *st)
{
	int result = fstatat(fd, "", st, AT_EMPTY_PATH);

	if (result == 0 && st->st_nlink == 0)
		st->st_nlink = 1;
	return result;
}

int
posix_fallocate(int fd, off_t offset, off_t length)
{
	if (may(fd, true) == -1)
		return errno;
	return syscall(SYS_fallocate, fd, 0, offset, length) == -1 ? errno : 0;
}

ssize_t
pwrite(int fd, const void *octets, size_t n, off_t offset)
{
	if (may(fd, true) == 0)
		return syscall(SYS_pwrite64, fd, octets, n, offset);
	/* The one that is cut short may have written something. */
	if (calls.made - 1 == calls.die_at)
		(void)syscall(SYS_pwrite64, fd, octets, n / 2, offset);
	errno = calls.error;
	return -1;
}
