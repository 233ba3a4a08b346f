/* SPDX-License-Identifier: ISC */
/*
 * limits scan FILE: how long reading FILE and counting its line ends takes.
 * limits copy FILE FROM: how long the plain move of all octets behind FROM to
 * the begin of FILE takes, before and after fsync(2); FILE is spoilt.
 *
 * What a server that scans or compacts a mailbox cannot beat on this machine,
 * printed as name=microseconds.
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SCAN 131072			/* octets read at once: fit the L2 cache */
#define COPY ((size_t)1 << 20)		/* octets moved at once */
#define LANES 64
#define ROUNDS 255			/* of an 8-bit counter */

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define WIDE __attribute__((optimize("O3"), \
    target_clones("default", "avx2", "arch=skylake-avx512")))
#elif defined(__x86_64__)
#define WIDE __attribute__((target_clones("default", "avx2")))
#else
#define WIDE
#endif

static void
die(const char *what)
{
	(void)fprintf(stderr, "limits: %s: %s\n", what, strerror(errno));
	exit(111);
}

static int64_t
clock_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

WIDE static uint64_t
count(const char *p, size_t n)
{
	uint64_t sum = 0;
	size_t i = 0;

	while (n - i >= LANES) {
		uint8_t lanes[LANES] = { 0 };

		for (int round = 0; round < ROUNDS && n - i >= LANES; round++) {
			for (size_t k = 0; k < LANES; k++)
				lanes[k] = (uint8_t)(lanes[k] +
				    (p[i + k] == '\n'));
			i += LANES;
		}
		for (size_t k = 0; k < LANES; k++)
			sum += lanes[k];
	}
	for (; i < n; i++)
		sum += p[i] == '\n';
	return sum;
}

static void
scan(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *block = malloc(SCAN);
	int64_t from = clock_us();
	uint64_t lines = 0;
	ssize_t n;

	if (fd == -1 || block == NULL)
		die(path);
	while ((n = read(fd, block, SCAN)) > 0)
		lines += count(block, (size_t)n);
	if (n == -1)
		die(path);
	(void)printf("wall=%" PRId64 " lines=%" PRIu64 "\n",
	    clock_us() - from, lines);
	free(block);
	(void)close(fd);
}

static void
copy(const char *path, off_t from)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	char *block = malloc(COPY);
	int64_t began = clock_us(), moved;
	off_t to = 0;
	ssize_t n;

	if (fd == -1 || block == NULL)
		die(path);
	while ((n = pread(fd, block, COPY, from + to)) > 0) {
		if (pwrite(fd, block, (size_t)n, to) != n)
			die("pwrite");
		to += n;
	}
	moved = clock_us();
	if (n == -1 || fsync(fd) == -1)
		die(path);
	(void)printf("memory=%" PRId64 " wall=%" PRId64 "\n", moved - began,
	    clock_us() - began);
	free(block);
	(void)close(fd);
}

int
main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "scan") == 0) {
		scan(argv[2]);
	} else if (argc == 4 && strcmp(argv[1], "copy") == 0) {
		copy(argv[2], (off_t)strtoll(argv[3], NULL, 10));
	} else {
		(void)fputs("usage: limits scan FILE | limits copy FILE FROM\n",
		    stderr);
		return 100;
	}
	return 0;
}
