/* SPDX-License-Identifier: ISC */
/*
 * The files of certificates and keys.  They may be symbolic links, because
 * programs that renew certificates make such: each session follows them anew.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/span.h"
#include "base/store.h"
#include "tls/pem.h"

int
pem_open(const char *path, mode_t forbidden, const char **why)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	*why = fd == -1 ? strerror(errno) : store_fault(fd, forbidden);
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
