/* SPDX-License-Identifier: ISC */
/*
 * The configuration file: lines `key = value', where a key is the name of a
 * flag; and where files are that no option names.
 */
#ifndef CONFIGURATION_H
#define CONFIGURATION_H

#include <stdbool.h>

#include "base/limits.h"

struct options;

/*
 * configuration_read(options, argc, argv, standard):
 * Read into ${options} the file that --config names in ${argv}; if it names
 * none and ${standard} is true, the standard file, unless there is none: one
 * that cannot be looked at is a mistake.
 * Returns 0, or -1 with ${options}->error naming file, line and mistake.
 */
int configuration_read(struct options *options, int argc, char **argv,
    bool standard);

/* A file or directory of dewey's own, and where it is if no option says so. */
struct configuration_place {
	const char *of_root;	/* the path, if root starts dewey */
	/* Else "/dewey" and ${name} below the directory that the environment
	 * names in ${variable}, or without it, below ${below_home} in the home
	 * directory. */
	const char *variable;
	const char *below_home;
	const char *name;	/* empty, or begins with a slash */
};

/*
 * configuration_place(path, place, wanted, by_root):
 * Write to ${path} where ${place} is: at ${wanted}, unless that is NULL.  It is
 * empty if ${wanted} is "none", or if there is no such place.
 */
void configuration_place(char path[LIMITS_PATH],
    const struct configuration_place *place, const char *wanted, bool by_root);

#endif
