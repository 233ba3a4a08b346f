/* SPDX-License-Identifier: ISC */
/*
 * Lists of networks, as an administrator writes them.
 */
#ifndef NETWORKS_H
#define NETWORKS_H

#include <stdbool.h>

#include "base/span.h"

/*
 * networks_is_list(list):
 * Say whether ${list} is a list that networks_hold understands: separated by
 * commas, addresses of IPv4 or IPv6, with a number of bits behind a slash if
 * more than one address is meant; `unix', the Unix sockets.
 */
bool networks_is_list(struct span list);

/*
 * networks_hold(list, fd):
 * Say whether one of the networks of ${list} has the address at the other end
 * of the socket ${fd}.  IPv4 in IPv6 counts as IPv4.
 */
bool networks_hold(struct span list, int fd);

#endif
