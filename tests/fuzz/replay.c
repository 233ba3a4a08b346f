/* SPDX-License-Identifier: ISC */
/*
 * replay TARGET FILE...: give a fuzz target inputs that are known, without
 * libFuzzer, so with any compiler.
 */
#include "config.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

int
main(int argc, char **argv)
{
	fuzz_target *target = argc < 2 ? NULL : fuzz_find(argv[1]);

	if (target == NULL) {
		(void)fputs("usage: replay TARGET FILE...\n", stderr);
		return 2;
	}
	for (int i = 2; i < argc; i++) {
		int fd = open(argv[i], O_RDONLY | O_CLOEXEC);
		struct span content, input;
		char *exact;

		FUZZ_CHECK(fd != -1);
		content = fuzz_content(fd);
		(void)close(fd);
		/* In a piece of memory that ends where it ends. */
		exact = malloc(content.n == 0 ? 1 : content.n);
		FUZZ_CHECK(exact != NULL);
		if (content.n > 0)
			memcpy(exact, content.p, content.n);
		input = (struct span){ exact, content.n };
		(void)printf("%s %s\n", argv[1], argv[i]);
		(void)fflush(stdout);
		(void)fuzz_calls();
		target(input);
		free(exact);
		free((char *)(uintptr_t)content.p);
	}
	return 0;
}
