/* SPDX-License-Identifier: ISC */
/*
 * --check-config, as far as it is about TLS.
 */
#ifndef EXAMINE_H
#define EXAMINE_H

#include "settings/options.h"

/*
 * examine_config(options):
 * Read what a session would read of certificate and key, and print what is
 * unsafe or unwise in it.  Returns 0, or -1 if something is unsafe.
 */
int examine_config(const struct options *options);

#endif
