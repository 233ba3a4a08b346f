/* SPDX-License-Identifier: ISC */
/*
 * Leases: a file server (Samba, nfsd) may have one on a file, by which clients
 * of its own keep what they read (fcntl(2), F_SETLEASE).  It is asked back when
 * somebody opens the file.
 */
#ifndef LEASE_H
#define LEASE_H

/*
 * lease_open(dir, name, flags):
 * Open the file ${name} in ${dir} with ${flags}, O_NONBLOCK, O_NOCTTY and
 * O_CLOEXEC, and wait for a lease on it to be given back, LIMITS_LEASE_MS at
 * most.  Returns its descriptor, or -1 with errno; EWOULDBLOCK if it was not.
 */
int lease_open(int dir, const char *name, int flags);

#endif
