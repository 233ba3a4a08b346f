/* SPDX-License-Identifier: ISC */
/*
 * The secrets file of APOP: lines `name:secret' (RFC 1939 s7 and s13).
 */
#ifndef SECRETS_H
#define SECRETS_H

#include <stddef.h>

#include "base/limits.h"
#include "base/span.h"
#include "settings/records.h"

/*
 * secrets_open(file, path):
 * Open the file ${path}, which must be a regular file, no symbolic link, of
 * root or the effective user, without any right for group and others.
 * Returns 0, or -1, and ${file}->why says what is wrong and how to mend it.
 */
int secrets_open(struct records_file *file, const char *path);

/*
 * secrets_find(file, name, secret, length):
 * Look up ${name}, octet for octet, and store its secret in ${secret}
 * (LIMITS_RECORD octets, to be wiped by the caller) and its octets in
 * ${length}.  The first line wins; the file is always read to its end, so that
 * the time does not tell.  A malformed line is logged and skipped.
 * Returns 1, 0 if there is no such name, or -1 with errno if the file cannot
 * be read or not be believed.
 */
int secrets_find(const struct records_file *file, struct span name,
    char *secret, size_t *length);

/*
 * secrets_digest(timestamp, secret, digest):
 * Write the 32 lower-case hex digits of the MD5 of ${timestamp} and ${secret}
 * to ${digest} (RFC 1939 s7).
 */
void secrets_digest(struct span timestamp, struct span secret,
    char digest[LIMITS_DIGEST]);

#endif
