/* SPDX-License-Identifier: ISC */
/*
 * The files of certificates and keys: opening and reading them.
 */
#ifndef PEM_H
#define PEM_H

#include <sys/types.h>

#include <gnutls/gnutls.h>

/* Mode bits that a certificate's file must not have, and a key's: a group may
 * read it, as ssl-cert does on Debian. */
#define PEM_PUBLIC 022
#define PEM_KEY 027

/*
 * pem_open(path, forbidden, why):
 * Open ${path}: a regular file, perhaps by a symbolic link, of root's or of the
 * effective user's, with none of the mode bits ${forbidden}.  Returns the
 * descriptor, or -1 and in ${why} what is wrong and how to mend it.
 */
int pem_open(const char *path, mode_t forbidden, const char **why);

/*
 * pem_read(fd, octets):
 * Read all of ${fd}, at most LIMITS_PEM, and close it.  Returns 0, or -1 with
 * errno.  ${octets} are malloc's and the caller's, a NUL behind them.
 */
int pem_read(int fd, gnutls_datum_t *octets);

/*
 * pem_forget(octets):
 * Wipe and free them.
 */
void pem_forget(gnutls_datum_t *octets);

#endif
