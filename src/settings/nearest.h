/* SPDX-License-Identifier: ISC */
/*
 * Typing mistakes in the names of options.
 */
#ifndef NEAREST_H
#define NEAREST_H

#include <stdbool.h>

#include "base/span.h"

/*
 * nearest_option(name, keys):
 * Return the name of an option, or unless ${keys} of an action, that ${name}
 * may be a typing mistake for; NULL: there is none.
 */
const char *nearest_option(struct span name, bool keys);

#endif
