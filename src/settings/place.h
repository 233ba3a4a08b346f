/* SPDX-License-Identifier: ISC */
/*
 * %i in options: the address that a client calls, so that one line of inetd's
 * serves all virtual hosts.
 */
#ifndef PLACE_H
#define PLACE_H

#include <stdbool.h>

struct options;

/*
 * place_matters(options):
 * Say whether one of ${options} depends on that address.
 */
bool place_matters(const struct options *options);

/*
 * place_put(options, address):
 * Put ${address} where %i stands.  Returns 0, or -1 if there is no room.
 */
int place_put(struct options *options, const char *address);

#endif
