/* SPDX-License-Identifier: ISC */
/*
 * The configuration file.  It decides whom dewey lets in, so it must belong to
 * root or to the user whose rights dewey has, and nobody else may write it.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/span.h"
#include "settings/configuration.h"
#include "settings/flags.h"
#include "settings/nearest.h"
#include "settings/options.h"
#include "settings/records.h"

/* What else may be wrong with ${value}, by the habits of other programs. */
static const char *
habit(struct span value)
{
	value = span_trim(value);
	if (value.n > 0 && (value.p[0] == '"' || value.p[0] == '\''))
		return ", without quotes";
	return memchr(value.p, '#', value.n) == NULL ? "" :
	    ", without a comment behind it";
}

static int
read_line(struct options *options, const char *path, unsigned number,
    struct span line)
{
	struct span rest = line, key = span_trim(span_cut(&rest, '='));
	int shown = (int)(key.n < LIMITS_KEY ? key.n : LIMITS_KEY);
	const char *wanted;

	if (line.n == 0 || line.p[0] == '#')
		return 0;
	if (key.n == 0 || rest.p == NULL)
		return options_complain(options,
		    "%s:%u: expected `key = value'", path, number);
	if (options_find(key) == NULL) {
		wanted = nearest_option(key, true);
		return options_complain(options, "%s:%u: `%.*s' is an unknown "
		    "key: %s%s", path, number, shown, key.p, wanted == NULL ?
		    "see dewey.conf(5)" : "the nearest is ",
		    wanted == NULL ? "" : wanted);
	}
	wanted = span_equal(key, SPAN("config")) ?
	    "on the command line only" :
	    options_set(options, key, span_trim(rest));
	if (wanted != NULL)
		return options_complain(options, "%s:%u: `%.*s' must be %s%s",
		    path, number, shown, key.p, wanted, habit(rest));
	return 0;
}

int
configuration_read(struct options *options, int argc, char **argv,
    bool standard)
{
	static const char file[] = SYSCONFDIR "/dewey/dewey.conf";
	const char *path = flags_config(argc, argv);
	struct records_file open;
	struct records records;
	struct span line;
	int got, result = 0;

	if (path == NULL && standard && (access(file, F_OK) == 0 ||
	    errno != ENOENT))
		path = file;
	if (path == NULL)
		return 0;
	if (path[0] == '\0')
		return options_complain(options, "--config must name a file");
	if (records_open(&open, path, RECORDS_PUBLIC) == -1)
		return options_complain(options, "%s: %s", path, open.why);
	(void)records_begin(&records, &open);
	while (result == 0 && (got = records_next(&records, &line)) != 0)
		if (got == 1)
			result = read_line(options, path, records.line,
			    span_trim(line));
		else
			result = options_complain(options, "%s:%u: %s", path,
			    records.line, records.why);
	records_end(&records);
	records_close(&open);
	return result;
}

void
configuration_place(char path[LIMITS_PATH],
    const struct configuration_place *place, const char *wanted, bool by_root)
{
	const char *above = getenv(place->variable), *below = "";

	path[0] = '\0';
	if (wanted == NULL && by_root)
		wanted = place->of_root;
	if (wanted != NULL) {
		if (strcmp(wanted, "none") != 0)
			(void)span_copy(span_of(wanted), path, LIMITS_PATH);
		return;
	}
	if (above == NULL || above[0] != '/') {
		above = getenv("HOME");
		below = place->below_home;
	}
	if (above != NULL && above[0] == '/' && snprintf(path, LIMITS_PATH,
	    "%s%s/dewey%s", above, below, place->name) >= LIMITS_PATH)
		path[0] = '\0';
}
