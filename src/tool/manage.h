/* SPDX-License-Identifier: ISC */
/*
 * Managing the users and secrets files: dewey --set-secret, --set-password,
 * --remove-user.
 */
#ifndef MANAGE_H
#define MANAGE_H

#include <stdbool.h>

struct options;

/*
 * manage_set_secret(options, name), manage_set_password(options, name),
 * manage_remove(options, name):
 * Ask for a secret or a password on the terminal, without echo, or read one
 * line from standard input, and put it into the file that the options name; or
 * remove the user from both files.  The file is made if there is none, with
 * mode 0600, and replaced as a whole; order and comments stay.  What went wrong
 * is printed on standard error.
 * Returns 0, or -1.
 */
int manage_set_secret(const struct options *options, const char *name);
int manage_set_password(const struct options *options, const char *name);
int manage_remove(const struct options *options, const char *name);

#endif
