/* SPDX-License-Identifier: ISC */
/*
 * What libraries that were built with the GNU C library ask of it and musl has
 * not: linked into programs of tests/cross/run only, so that unit tests and a
 * session can be tried with musl where its own libraries cannot be had.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

void __explicit_bzero_chk(void *p, size_t n, size_t room);
int __snprintf_chk(char *p, size_t n, int flag, size_t room,
    const char *format, ...);
int __fprintf_chk(FILE *file, int flag, const char *format, ...);
void arc4random_buf(void *p, size_t n);

void
__explicit_bzero_chk(void *p, size_t n, size_t room)
{
	(void)room;
	explicit_bzero(p, n);
}

int
__snprintf_chk(char *p, size_t n, int flag, size_t room, const char *format,
    ...)
{
	va_list arguments;
	int made;

	(void)flag;
	(void)room;
	va_start(arguments, format);
	made = vsnprintf(p, n, format, arguments);
	va_end(arguments);
	return made;
}

int
__fprintf_chk(FILE *file, int flag, const char *format, ...)
{
	va_list arguments;
	int made;

	(void)flag;
	va_start(arguments, format);
	made = vfprintf(file, format, arguments);
	va_end(arguments);
	return made;
}

void
arc4random_buf(void *p, size_t n)
{
	(void)getrandom(p, n, 0);
}
