/* SPDX-License-Identifier: ISC */
/*
 * The files of certificates and keys.  They may be symbolic links, because
 * programs that renew certificates make such: each session follows them anew.
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/span.h"
#include "tls/pem.h"

static const char *
fault(int fd, mode_t forbidden)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "is not a regular file";
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return "belongs to another user: chown it to root or to the "
		    "user dewey runs as";
	if ((st.st_mode & forbidden) == 0)
		return NULL;
	return forbidden == PEM_KEY ?
	    "can be read or written by others: chmod 600 it" :
	    "can be written by others: chmod go-w it";
}

int
pem_open(const char *path, mode_t forbidden, const char **why)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	*why = fd == -1 ? strerror(errno) : fault(fd, forbidden);
	if (*why == NULL)
		return fd;
	if (fd != -1)
		(void)close(fd);
	return -1;
}

int
pem_read(int fd, gnutls_datum_t *octets)
{
	ssize_t n = 1;

	*octets = (gnutls_datum_t){ malloc(LIMITS_PEM + 1), 0 };
	while (octets->data != NULL && n != 0 && octets->size < LIMITS_PEM) {
		n = read(fd, octets->data + octets->size,
		    LIMITS_PEM - octets->size);
		if (n == -1 && errno != EINTR)
			break;
		octets->size += n > 0 ? (unsigned)n : 0;
	}
	(void)close(fd);
	if (octets->data != NULL && n == 0) {
		octets->data[octets->size] = '\0';
		return 0;
	}
	if (n > 0)
		errno = EFBIG;
	pem_forget(octets);
	return -1;
}

void
pem_forget(gnutls_datum_t *octets)
{
	if (octets->data != NULL)
		span_wipe(octets->data, octets->size);
	free(octets->data);
	*octets = (gnutls_datum_t){ NULL, 0 };
}
