/* SPDX-License-Identifier: ISC */
/*
 * The secrets file of APOP and CRAM-MD5: lines `name:secret' (RFC 1939 s7 and
 * s13).
 */
#ifndef SECRETS_H
#define SECRETS_H

#include "base/limits.h"
#include "base/span.h"
#include "settings/records.h"

/*
 * secrets_find(file, name, secret):
 * Look up ${name} in the secrets file ${file}, opened with RECORDS_SECRET, and
 * store its secret in ${secret}, as records_find does and with its results.
 */
int secrets_find(const struct records_file *file, struct span name,
    char *secret);

/*
 * secrets_timestamp(timestamp, host):
 * Make a timestamp, which is a challenge too: a msg-id of RFC 822 with ${host}
 * as the name in it, which nobody can foresee and which never comes again.  It
 * is empty if there are no random octets.
 */
void secrets_timestamp(char timestamp[LIMITS_TIMESTAMP], const char *host);

/*
 * secrets_digest(timestamp, secret, digest),
 * secrets_keyed(challenge, secret, digest):
 * Write the 32 lower-case hex digits of the MD5 of ${timestamp} and ${secret}
 * (RFC 1939 s7), or of the HMAC-MD5 of ${challenge} under ${secret} (RFC 2195
 * s2), to ${digest}.
 */
void secrets_digest(struct span timestamp, struct span secret,
    char digest[LIMITS_DIGEST]);
void secrets_keyed(struct span challenge, struct span secret,
    char digest[LIMITS_DIGEST]);

#endif
