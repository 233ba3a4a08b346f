/* SPDX-License-Identifier: ISC */
/*
 * The configuration file: `key = value', the keys being the flags' names.
 */
#ifndef CONFIGURATION_H
#define CONFIGURATION_H

#include <stdbool.h>

struct options;

/*
 * configuration_read(options, argc, argv, standard):
 * Read into ${options} the file that --config names in ${argv}; if it names
 * none and ${standard} is true, the standard file if there is one.
 * Returns 0, or -1 with ${options}->error naming file, line and mistake.
 */
int configuration_read(struct options *options, int argc, char **argv,
    bool standard);

#endif
