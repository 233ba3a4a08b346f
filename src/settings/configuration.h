/* SPDX-License-Identifier: ISC */
/*
 * The configuration file: `key = value', the keys being the flags' names.
 */
#ifndef CONFIGURATION_H
#define CONFIGURATION_H

#include <stdbool.h>

#include "base/limits.h"

struct options;

/*
 * configuration_read(options, argc, argv, standard):
 * Read into ${options} the file that --config names in ${argv}; if it names
 * none and ${standard} is true, the standard file if there is one.
 * Returns 0, or -1 with ${options}->error naming file, line and mistake.
 */
int configuration_read(struct options *options, int argc, char **argv,
    bool standard);

/*
 * configuration_place(path, wanted, of_root, by_root, home, name):
 * Write to ${path} where a file or directory is: ${wanted}, unless that is
 * NULL; ${of_root}, started by root; else ${home}[0] of the environment, or
 * ${home}[1] below the home directory, then "/dewey" and ${name}.  It is empty
 * if ${wanted} is "none" or there is no such place.
 */
void configuration_place(char path[LIMITS_PATH], const char *wanted,
    const char *of_root, bool by_root, const char *const home[2],
    const char *name);

#endif
