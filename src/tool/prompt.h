/* SPDX-License-Identifier: ISC */
/*
 * Asking for a secret.
 */
#ifndef PROMPT_H
#define PROMPT_H

#include "base/limits.h"

/*
 * prompt_ask(what, text):
 * Ask for ${what}, a secret or a password: on a terminal twice and without
 * echo, else read one line from standard input.  Put it into ${text}, to be
 * wiped by the caller.  Signals that would end dewey end the question.
 * Returns 0, or -1 when standard error has been told what is wrong.
 */
int prompt_ask(const char *what, char text[LIMITS_COMMAND]);

#endif
