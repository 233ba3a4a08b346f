/* SPDX-License-Identifier: ISC */
/*
 * Where the C library looks accounts up.  Whatever is not known here is taken
 * for a source that needs the network.
 */
#include "config.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/span.h"
#include "settings/options.h"
#include "settings/records.h"
#include "who/sources.h"

#ifdef __GLIBC__
/* Look for a line of ${path} that begins with ${key}: the key of one that has a
 * colon behind it, else only its octets.  Returns whether there is one that
 * could be read; ${rest}, if not NULL, is what is behind the colon. */
static bool
has_line(const char *path, struct span key, char *rest)
{
	char room[PATH_MAX];
	struct records_file file;
	struct records records;
	struct span line, begin;
	bool found = false;

	/* Where programs manage such a file its name is a link. */
	if (realpath(path, room) == NULL ||
	    records_open(&file, room, RECORDS_PUBLIC) == -1)
		return false;
	(void)records_begin(&records, &file);
	/* Of several lines the last one counts. */
	while (records_next(&records, &line) == 1) {
		if (rest == NULL) {
			found = found || memcmp(line.p, key.p, key.n) == 0;
			continue;
		}
		begin = span_cut(&line, ':');
		found = (line.p != NULL &&
		    span_equal(span_trim(begin), key) &&
		    span_copy(line, rest, LIMITS_RECORD) == 0) || found;
	}
	records_end(&records);
	records_close(&file);
	return found;
}

/* Cut the next word off ${rest}; what a source's answer leads to, which stands
 * in brackets, is none.  It is empty if there is no more. */
static struct span
next_word(struct span *rest)
{
	struct span word = { rest->p, 0 };
	bool inside = false;

	for (; rest->n > 0 && rest->p[0] != '#'; rest->p++, rest->n--) {
		char c = rest->p[0];

		inside = c == '[' || (inside && c != ']');
		if (!inside && c != ']' && c != ' ' && c != '\t') {
			if (word.n++ == 0)
				word.p = rest->p;
		} else if (word.n > 0)
			return word;
	}
	return word;
}

/* How far ${source} reaches. */
static enum sources_reach
reach_of(struct span source)
{
	switch (span_choice("files|extrausers|systemd|sss|compat|ldap",
	    source)) {
	case 0:
		return SOURCES_FILES;
	case 1:
	case 2:
	case 3:
		return SOURCES_LOCAL;
	case 4:
		/* Lines with a plus are looked up elsewhere: by NIS. */
		return has_line("/etc/passwd", SPAN("+"), NULL) ?
		    SOURCES_UNKNOWN : SOURCES_LOCAL;
	case 5:
		/* There are two modules of that name.  One asks nslcd(8). */
		return access("/var/run/nslcd/socket", F_OK) == 0 ?
		    SOURCES_LOCAL : SOURCES_UNKNOWN;
	default:
		return SOURCES_UNKNOWN;
	}
}

/* How far the farthest source reaches. */
static enum sources_reach
reach_of_all(void)
{
	enum sources_reach reach = SOURCES_FILES, of_word;
	char line[LIMITS_RECORD];
	struct span rest, word;

	if (!has_line("/etc/nsswitch.conf", SPAN("passwd"), line))
		return SOURCES_UNKNOWN;
	/* Before that, files were read by a module. */
	if (!__GLIBC_PREREQ(2, 34))
		reach = SOURCES_LOCAL;
	rest = span_of(line);
	while ((word = next_word(&rest)).n > 0) {
		of_word = reach_of(word);
		if (of_word > reach)
			reach = of_word;
	}
	return reach;
}
#else
/* Other C libraries have no such file. */
static enum sources_reach
reach_of_all(void)
{
	return SOURCES_UNKNOWN;
}
#endif

enum sources_reach
sources_find(const struct options *options)
{
	if (strcmp(options->users, "system") != 0 &&
	    options->mail_user == NULL)
		return SOURCES_FILES;
	return reach_of_all();
}
