/* SPDX-License-Identifier: ISC */
/*
 * The command line.
 */
#ifndef FLAGS_H
#define FLAGS_H

#include <stdbool.h>
#include <stdio.h>

struct options;

/*
 * flags_config(argc, argv):
 * Return the file that --config names in ${argv}, the last one if there are
 * several, as with any flag; or NULL.
 */
const char *flags_config(int argc, char **argv);

/*
 * flags_read(options, argc, argv):
 * Read the flags and operands of ${argv}, which must outlive ${options} and is
 * changed.  Returns 0, or -1 with ${options}->error saying what is wrong.
 */
int flags_read(struct options *options, int argc, char **argv);

/*
 * flags_help(out):
 * Print every option with its default to ${out}, in groups.
 */
void flags_help(FILE *out);

/*
 * flags_introduce(out):
 * Print to ${out} what this is, and what a person who has started it at a
 * terminal can type.
 */
void flags_introduce(FILE *out);

#endif
