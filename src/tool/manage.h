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
 * Ask for a secret or a password, as prompt_ask does, and put it into the file
 * that ${options} name; or remove ${name} from both files.  A file that is not
 * there is made, with mode 0600; one that is there is replaced as a whole, and
 * keeps its owner, mode, order and comments.  What went wrong is printed on
 * standard error.
 * Returns 0, or -1.
 */
int manage_set_secret(const struct options *options, const char *name);
int manage_set_password(const struct options *options, const char *name);
int manage_remove(const struct options *options, const char *name);

#endif
