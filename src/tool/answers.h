/* SPDX-License-Identifier: ISC */
/*
 * What another server answered to UIDL and LIST, kept in a file as it came over
 * the wire: status lines and the dots at the end may be there or not.
 */
#ifndef ANSWERS_H
#define ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

/* One message in both answers. */
struct answers_line {
	uint64_t number;
	struct span id;		/* in the text */
	uint64_t octets;	/* LIST's */
};

struct answers {
	char *text;		/* of the file */
	struct answers_line *lines;	/* in the order of their numbers */
	size_t n;
	bool sizes;		/* LIST is there, too */
	char why[128];		/* what is wrong */
};

/*
 * answers_read(answers, fd):
 * Read the file ${fd}.  Returns 0, or -1 with ${answers}->why if it is not one
 * answer to UIDL and at most one to LIST, of the same messages, with ids as RFC
 * 1939 s7 wants them.
 */
int answers_read(struct answers *answers, int fd);

/*
 * answers_free(answers):
 * Release what was read.
 */
void answers_free(struct answers *answers);

#endif
