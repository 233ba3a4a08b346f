/* SPDX-License-Identifier: ISC */
/*
 * What --check-config finds.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/finding.h"

static void __attribute__((format(printf, 2, 0)))
tell(const char *how, const char *format, va_list arguments)
{
	(void)printf("%s: ", how);
	(void)vprintf(format, arguments);
	(void)putchar('\n');
}

void
finding_unsafe(unsigned *count, const char *format, ...)
{
	va_list arguments;

	++*count;
	va_start(arguments, format);
	tell("unsafe", format, arguments);
	va_end(arguments);
}

void
finding_unwise(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	tell("unwise", format, arguments);
	va_end(arguments);
}
